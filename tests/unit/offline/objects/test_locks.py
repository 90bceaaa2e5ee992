"""Locks hold among all who have the folder open, as several processes have."""

import os
import signal
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tandem.offline.objects import ObjectStore
from tandem.offline.objects.details import Details, ObjectInfo
from tandem.offline.objects.errors import NoSuchKey, PreconditionFailed
from tandem.offline.objects.locks import NamedLocks
from tandem.offline.objects.uploads import Named, Uploads

_HOLDS = """
import sys, time
from pathlib import Path
from tandem.offline.objects.locks import NamedLocks
with NamedLocks(Path(sys.argv[1]), 8).held("name"):
    print("held", flush=True)
    time.sleep(60)
"""


def opened(folder: Path) -> ObjectStore:
    """As another process opens it: with nothing in common but the folder."""
    return ObjectStore(folder / "s3", folder / "s3.sqlite", lambda: ())


def content(store: ObjectStore, key: str) -> bytes:
    try:
        with store.open("box", key) as found:
            return found.read(0, found.info.size)
    except NoSuchKey:
        return b""


def add_one(store: ObjectStore, key: str) -> int:
    """Counts an object up by compare-and-set; returns how often somebody was faster."""
    conflicts = 0
    while True:
        try:
            before = store.info("box", key)
        except NoSuchKey:
            before = None
        count = int(content(store, key) or b"0")

        def is_unchanged(current: ObjectInfo | None, seen: ObjectInfo | None = before) -> None:
            if (current and current.identity) != (seen and seen.identity):
                raise PreconditionFailed("somebody was faster")

        staged = store.staging.new_file()
        try:
            staged.write(str(count + 1).encode())
            etag = staged.finish()["MD5"].hex()
            store.publish("box", key, staged, etag, Details(), is_unchanged)
        except PreconditionFailed:
            conflicts += 1
        else:
            return conflicts
        finally:
            staged.close()


def test_of_changes_under_a_condition_none_is_lost(tmp_path: Path) -> None:
    stores = [opened(tmp_path) for _ in range(3)]
    stores[0].buckets.create("box")
    with ThreadPoolExecutor(3) as threads:
        counted = threads.map(lambda store: [add_one(store, "n") for _ in range(25)], stores)
        conflicts = sum(map(sum, counted))
    assert content(stores[0], "n") == b"75"
    assert conflicts > 0  # they did meet
    for store in stores:
        store.close()


def test_an_upload_goes_on_in_whichever_process(tmp_path: Path) -> None:
    stores = [opened(tmp_path) for _ in range(2)]
    stores[0].buckets.create("box")
    uploads = [Uploads(store) for store in stores]
    upload = uploads[0].begin("box", "whole", Details())

    def put_parts(place: int) -> None:
        for number in (1, 2, 1):
            staged = stores[place].staging.new_file()
            staged.write(bytes([number]) * (5 << 20))
            uploads[place].put_part(upload, number, staged)
            staged.close()

    with ThreadPoolExecutor(2) as threads:
        list(threads.map(put_parts, range(2)))
    parts = uploads[1].parts(upload)
    assert [part.number for part in parts] == [1, 2]
    assert len(list((tmp_path / "s3" / ".staging" / upload.upload_id).iterdir())) == 2
    uploads[1].complete(upload, [Named(part.number, part.etag) for part in parts])
    assert content(stores[0], "whole") == b"\1" * (5 << 20) + b"\2" * (5 << 20)
    for store in stores:
        store.close()


def test_a_lock_ends_with_its_process(tmp_path: Path) -> None:
    program = [sys.executable, "-c", _HOLDS, str(tmp_path)]
    with subprocess.Popen(program, stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        is_mine = threading.Event()

        def take() -> None:
            with NamedLocks(tmp_path, 8).held("name"):
                is_mine.set()

        taking = threading.Thread(target=take)
        taking.start()
        assert not is_mine.wait(0.2)
        os.kill(holder.pid, signal.SIGKILL)
        assert is_mine.wait(30)
        taking.join()
