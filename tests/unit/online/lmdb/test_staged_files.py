"""Staged files: they go when nobody needs them, and what is wrong with one is said."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import lmdb
import pytest

from tandem.errors import DataCorrupted, StoreUnavailable
from tandem.online.lmdb import LmdbOnlineStore
from tandem.rows.segment import one_by_one
from tandem.testing.segment_contract import NOW_US, rows_to_load, segment_write

ROWS = rows_to_load([(f"k{number}", number) for number in range(100)])

STAGE_AND_WAIT = """
import sys, time
from pathlib import Path
from tandem.online.lmdb import LmdbOnlineStore
from tandem.testing.segment_contract import NOW_US, rows_to_load, segment_write
store = LmdbOnlineStore(Path(sys.argv[1]), 1 << 26)
with segment_write(store, rows_to_load([("a", 1), ("b", 2)]), count=1) as write:
    if sys.argv[2] == "write":
        store.write([write], lambda: NOW_US)
    print("staged", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def store(tmp_path: Path) -> Iterator[LmdbOnlineStore]:
    store = LmdbOnlineStore(tmp_path / "online", 1 << 26)
    yield store
    store.close()


def files(tmp_path: Path) -> list[Path]:
    return sorted((tmp_path / "online" / "staged").glob("*.[ap]*"))


def write(store: LmdbOnlineStore) -> None:
    with segment_write(store, ROWS) as segment:
        store.write([segment], lambda: NOW_US)


def test_a_file_goes_with_its_last_segment(store: LmdbOnlineStore, tmp_path: Path) -> None:
    with segment_write(store, ROWS, count=50) as first:
        store.write([first], lambda: NOW_US)
        store.trim(0, 50)
        assert store.staging.clean() == 0, "it is still being loaded from"
        with segment_write(store, ROWS, start=50) as other:
            store.write([other], lambda: NOW_US)
    assert store.staging.clean() == 1
    assert len(files(tmp_path)) == 1
    store.trim(0, 100)
    assert store.staging.clean() == 1
    assert files(tmp_path) == []


def test_a_file_without_segments_goes(store: LmdbOnlineStore, tmp_path: Path) -> None:
    with store.staging.stage(ROWS):
        assert len(files(tmp_path)) == 1
    assert store.staging.clean() == 1
    assert files(tmp_path) == []


def test_an_older_snapshot_keeps_the_file(store: LmdbOnlineStore, tmp_path: Path) -> None:
    write(store)
    with store.log() as log:
        store.trim(0, 100)
        assert store.staging.clean() == 0
        assert len(list(one_by_one(log.parts(0, 0)))) == 100
    assert store.staging.clean() == 1


def test_a_reader_keeps_the_rows_of_a_file_that_is_gone(store: LmdbOnlineStore) -> None:
    write(store)
    with store.log() as log:
        (part,) = log.parts(0, 0)
    store.trim(0, 100)
    assert store.staging.clean() == 1
    assert len(list(part.entries())) == 100  # type: ignore[union-attr]


@pytest.mark.parametrize("writes", ["write", "only stage"])
def test_what_a_killed_process_leaves(store: LmdbOnlineStore, tmp_path: Path, writes: str) -> None:
    command = [sys.executable, "-c", STAGE_AND_WAIT, str(tmp_path / "online"), writes]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"staged\n"
        store.trim(0, 1)
        assert store.staging.clean() == 0, "another process loads from it"
        process.send_signal(signal.SIGKILL)
    assert store.staging.clean() == 1
    assert files(tmp_path) == []


def test_a_changed_byte_is_found(store: LmdbOnlineStore, tmp_path: Path) -> None:
    write(store)
    (path,) = files(tmp_path)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with store.log() as log, pytest.raises(DataCorrupted, match=path.name):
        list(one_by_one(log.parts(0, 0)))


def test_a_missing_file_is_named(store: LmdbOnlineStore, tmp_path: Path) -> None:
    write(store)
    (path,) = files(tmp_path)
    path.unlink()
    with store.log() as log, pytest.raises(DataCorrupted, match=path.name):
        list(one_by_one(log.parts(0, 0)))


def test_a_full_disk_is_named(
    store: LmdbOnlineStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StoreUnavailable, match="is full"), store.staging.stage(ROWS):
        pass
    assert files(tmp_path) == []


def test_a_store_of_the_first_format_is_read(tmp_path: Path) -> None:
    LmdbOnlineStore(tmp_path / "online", 1 << 26).close()
    set_format(tmp_path, 1)
    store = LmdbOnlineStore(tmp_path / "online", 1 << 26)
    write(store)
    store.close()
    set_format(tmp_path, 3)
    with pytest.raises(StoreUnavailable, match="has format 3"):
        LmdbOnlineStore(tmp_path / "online", 1 << 26)


def set_format(tmp_path: Path, number: int) -> None:
    with lmdb.open(str(tmp_path / "online"), max_dbs=6) as environment:
        meta = environment.open_db(b"meta")
        with environment.begin(write=True) as transaction:
            transaction.put(b"format", bytes([number]), db=meta)
