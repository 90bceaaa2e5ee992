"""The simulated power cut tells what was synced from what was not.

- Each call that changes a file is seen: unsynced it is lost, synced it survives.
- Names need a sync of their folder, bytes one of their file, and neither helps the other.
- LMDB, SQLite and Parquet files keep what they acknowledged, and lose it when their syncs are
  turned off. So a missing sync in the store would be found.
"""

import os
import random
import sqlite3
import subprocess
import sys
import textwrap
import time
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import lmdb
import pyarrow.parquet as parquet
import pytest

from . import Unavailable, build, environment, reconstruct

OLD = b"a" * 20_480  # five pages
COMMITS_MIN = 200
SEEDS = range(6)

# What the snippets below may use.
PRELUDE = """
import ctypes, mmap, os, sys, threading
def sync(path):
    fd = os.open(path, os.O_RDONLY)
    os.fsync(fd)
    os.close(fd)
def put(path, data, flags=0):
    fd = os.open(path, os.O_CREAT | os.O_WRONLY | flags)
    os.write(fd, data)
    return fd
def acknowledge(number):
    os.write(1, b"%d\\n" % number)
"""


@dataclass
class Disk:
    """A watched folder, its image, and processes that run over it."""

    library: Path
    folder: Path

    @property
    def watched(self) -> Path:
        return self.folder / "watched"

    def start(self, code: str, *arguments: str) -> subprocess.Popen[bytes]:
        added = environment(self.library, self.watched, self.folder / "image")
        return subprocess.Popen(
            [sys.executable, "-c", PRELUDE + textwrap.dedent(code), *arguments],
            cwd=self.watched,
            env={**os.environ, **added},
            stdout=subprocess.PIPE,
        )

    def run(self, code: str, *arguments: str) -> None:
        with self.start(code, *arguments) as process:
            process.communicate()
        assert process.returncode == 0

    def run_and_kill(self, code: str, *arguments: str) -> int:
        """Kill the process at a random moment and return the last number it acknowledged."""
        with self.start(code, *arguments) as process:
            assert process.stdout is not None
            last = -1
            while last < COMMITS_MIN:
                last = int(process.stdout.readline())
            time.sleep(random.uniform(0, 0.02))
            process.kill()
            rest = process.stdout.read().split(b"\n")
        # The last line can be cut off, and what was not told was not acknowledged.
        return max([last, *(int(line) for line in rest[:-1])])

    def cut(self, seed: int | None = None) -> Path:
        """The folder after the power cut."""
        after = self.folder / f"after_{time.monotonic_ns()}"
        reconstruct(self.watched, self.folder / "image", after, seed=seed)
        return after


@pytest.fixture(scope="session")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    try:
        return build(tmp_path_factory.mktemp("library"))
    except Unavailable as reason:
        pytest.skip(str(reason))


@pytest.fixture
def disk(library: Path, tmp_path: Path) -> Disk:
    """A folder with one file that is durable from the start."""
    disk = Disk(library, tmp_path)
    disk.watched.mkdir()
    (disk.watched / "f").write_bytes(OLD)
    try:
        environment(library, disk.watched, tmp_path / "image")
    except Unavailable as reason:
        pytest.skip(str(reason))
    return disk


def names(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*")}


def contents(folder: Path) -> dict[str, bytes]:
    return {name: (folder / name).read_bytes() for name in names(folder)}


# ---- bytes ----

CHANGES = {
    "write": "os.write(os.open('f', os.O_RDWR), b'b' * 9000)",
    "write_to_the_end": "os.write(os.open('f', os.O_WRONLY | os.O_APPEND), b'b' * 9000)",
    "pwrite": "os.pwrite(os.open('f', os.O_RDWR), b'b' * 5000, 5000)",
    "writev": "os.writev(os.open('f', os.O_RDWR), [b'b' * 3000, b'c' * 3000])",
    "pwritev": "os.pwritev(os.open('f', os.O_RDWR), [b'b' * 3000, b'c' * 3000], 19_000)",
    "open_to_truncate": "os.open('f', os.O_WRONLY | os.O_TRUNC)",
    "open_in_folder": "os.open('f', os.O_WRONLY | os.O_TRUNC, dir_fd=os.open('.', os.O_RDONLY))",
    "python_file": "open('f', 'wb').write(b'b' * 30_000)",
    "truncate": "os.truncate('f', 100)",
    "ftruncate": "os.ftruncate(os.open('f', os.O_RDWR), 100)",
    "shrink_and_grow": "os.truncate('f', 100); os.truncate('f', 15_000)",
    "posix_fallocate": "os.posix_fallocate(os.open('f', os.O_RDWR), 0, 50_000)",
    "punch_a_hole": (
        "fd = os.open('f', os.O_RDWR);"
        "ctypes.CDLL(None).fallocate(fd, 3, ctypes.c_long(0), ctypes.c_long(8192))"
    ),
    "sendfile": "os.sendfile(os.open('f', os.O_RDWR), os.open('/proc/self/exe', 0), 0, 9000)",
    "copy_file_range": (
        "put('other', b'b' * 9000); fd = os.open('f', os.O_RDWR);"
        "os.copy_file_range(os.open('other', os.O_RDONLY), fd, 9000, 0, 3000)"
    ),
    "splice": (
        "r, w = os.pipe(); os.write(w, b'b' * 3000);"
        "os.splice(r, os.open('f', os.O_RDWR), 3000, offset_dst=4000)"
    ),
    "stdio": (
        "libc = ctypes.CDLL(None); libc.fopen.restype = ctypes.c_void_p;"
        "file = ctypes.c_void_p(libc.fopen(b'f', b'r+'));"
        "libc.fputs(b'b' * 9000, file); libc.fclose(file)"
    ),
    "mapped": "mmap.mmap(os.open('f', os.O_RDWR), 20_480)[5000:9000] = b'b' * 4000",
    "forked": (
        "child = os.fork(); child and os.waitpid(child, 0);"
        "os.pwrite(os.open('f', os.O_RDWR), b'bc'[bool(child):] * 5000, 5000)"
    ),
    "arrow": (
        "import pyarrow; file = pyarrow.OSFile('f', 'wb'); file.write(b'b' * 9000); file.close()"
    ),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_change_is_lost_until_any_process_syncs_the_file(disk: Disk, change: str) -> None:
    disk.run(change)
    changed = (disk.watched / "f").read_bytes()
    assert changed != OLD
    assert (disk.cut() / "f").read_bytes() == OLD
    disk.run("sync('f')")
    assert (disk.cut() / "f").read_bytes() == changed


def test_write_through_o_dsync_takes_no_other_write_along(disk: Disk) -> None:
    disk.run("""
        os.pwrite(os.open('f', os.O_RDWR), b'b' * 10_000, 0)
        os.pwrite(os.open('f', os.O_WRONLY | os.O_DSYNC), b'c' * 100, 5000)
        os.write(os.open('f', os.O_WRONLY | os.O_DSYNC | os.O_APPEND), b'd' * 10)
        os.pwritev(os.open('f', os.O_WRONLY), [b'e', b'ee'], 100, os.RWF_DSYNC)
    """)
    expected = bytearray(OLD + b"d" * 10)
    expected[5000:5100] = b"c" * 100
    expected[100:103] = b"eee"
    assert (disk.cut() / "f").read_bytes() == expected


def test_sync_of_a_mapping(disk: Disk) -> None:
    disk.run("""
        mapped = mmap.mmap(os.open('f', os.O_RDWR), 20_480)
        mapped[100:200] = b'b' * 100
        mapped.flush()
        mapped[100:200] = b'c' * 100
    """)
    assert (disk.cut() / "f").read_bytes()[100:200] == b"b" * 100


# ---- names ----


def test_new_file_needs_a_sync_of_itself_and_of_its_folder(disk: Disk) -> None:
    disk.run("""
        os.fsync(put('only_bytes', b'new'))
        os.mkdir('folder'); os.fsync(put('folder/file', b'new')); sync('folder')
    """)
    assert names(disk.cut()) == {"f"}
    disk.run("put('only_name', b'new'); sync('.')")
    after = disk.cut()
    assert names(after) == {"f", "only_bytes", "only_name", "folder", "folder/file"}
    assert (after / "only_bytes").read_bytes() == b"new"
    assert (after / "only_name").read_bytes() == b""
    assert (after / "folder/file").read_bytes() == b"new"


def test_new_folder_is_empty_until_it_is_synced(disk: Disk) -> None:
    disk.run("os.makedirs('one/two'); os.fsync(put('one/two/file', b'new')); sync('.')")
    assert names(disk.cut()) == {"f", "one"}
    disk.run("sync('one')")
    assert names(disk.cut()) == {"f", "one", "one/two"}
    disk.run("sync('one/two')")
    assert names(disk.cut()) == {"f", "one", "one/two", "one/two/file"}


def test_rename_needs_a_sync_of_the_folder(disk: Disk) -> None:
    disk.run("os.fsync(put('new', b'new')); sync('.'); os.rename('new', 'f')")
    after = disk.cut()
    assert (after / "f").read_bytes() == OLD
    assert (after / "new").read_bytes() == b"new"
    disk.run("sync('.')")
    after = disk.cut()
    assert names(after) == {"f"}
    assert (after / "f").read_bytes() == b"new"


def test_rename_between_folders_loses_no_durable_file(disk: Disk) -> None:
    disk.run("os.mkdir('folder'); sync('.'); os.rename('f', 'folder/f')")
    assert names(disk.cut()) == {"f", "folder"}
    disk.run("sync('.')")
    assert names(disk.cut()) == {"folder", "folder/f"}


def test_removed_file_is_back_even_if_its_inode_was_used_again(disk: Disk) -> None:
    disk.run("""
        os.unlink('f')
        for number in range(20):
            os.fsync(put(f'new_{number}', b'new'))
    """)
    after = disk.cut()
    assert names(after) == {"f"}
    assert (after / "f").read_bytes() == OLD
    disk.run("sync('.')")
    assert "f" not in names(disk.cut())


def test_links_survive(disk: Disk) -> None:
    disk.run("os.link('f', 'hard'); os.symlink('f', 'soft'); sync('.')")
    after = disk.cut()
    assert (after / "hard").samefile(after / "f")
    assert (after / "soft").readlink() == Path("f")


def test_cut_folder_can_be_watched_again(disk: Disk) -> None:
    disk.run("os.fsync(put('f', b'b')); put('lost', b'')")
    again = Disk(disk.library, disk.folder / "again")
    again.folder.mkdir()
    disk.cut().rename(again.watched)
    again.run("put('f', b'c')")
    assert (again.cut() / "f").read_bytes() == b"b" + OLD[1:]


def test_copy_with_its_attributes_is_a_file_of_its_own(disk: Disk) -> None:
    disk.run("""
        import shutil
        shutil.copy2('f', 'copy'); sync('copy'); sync('.')
        put('copy', b'b'); os.fsync(put('f', b'c'))
    """)
    assert contents(disk.cut()) == {"f": b"c" + OLD[1:], "copy": OLD}


# ---- what a disk wrote back unasked ----


def test_seed_lets_a_part_survive_and_never_takes_what_was_durable(disk: Disk) -> None:
    disk.run("""
        os.fsync(put('f', b'b' * 4096)); sync('.')
        fd = os.open('f', os.O_RDWR)
        for page in range(1, 9):
            os.pwrite(fd, bytes([page]) * 4096, page * 4096)
        os.rename('f', 'renamed')
        put('new', b'new')
    """)
    seen_names, seen_bytes = set(), set()
    for seed in range(40):
        after = disk.cut(seed)
        found = names(after)
        assert found & {"f", "renamed"}
        data = next(after / name for name in ("f", "renamed") if name in found).read_bytes()
        assert data[:4096] == b"b" * 4096
        for page in range(1, 9):
            part = data[page * 4096 : (page + 1) * 4096]
            assert len(set(part)) <= 1
            assert set(part) <= {0, page, ord("a")}
        seen_names.add(frozenset(found))
        seen_bytes.add(data)
    assert len(seen_names) > 3
    assert len(seen_bytes) > 10
    assert contents(disk.cut(7)) == contents(disk.cut(7))


# ---- many writers, and a kill in the middle of their syncs ----

WRITERS = """
def write(number):
    fd = os.open(f'shared_{number % 2}', os.O_RDWR | os.O_CREAT)
    for count in range(1, 1_000_000):
        os.pwrite(fd, count.to_bytes(8), number * 8)
        os.fsync(fd)
        with open(f'{number}.new', 'wb') as file:
            file.write(b'%d' % count)
            file.flush()
            os.fsync(file.fileno())
        os.rename(f'{number}.new', f'{number}.renamed')
        sync('.')
        acknowledge(count * 8 + number)
for number in range(4):
    threading.Thread(target=write, args=(number,)).start()
"""


def _acknowledged(lines: list[bytes]) -> dict[int, int]:
    return {int(line) % 8: int(line) // 8 for line in lines}


def test_no_acknowledged_write_of_several_threads_is_lost(disk: Disk) -> None:
    with disk.start(WRITERS) as process:
        assert process.stdout is not None
        last: dict[int, int] = {}
        while len(last) < 4:  # all of them write, however long a busy machine takes to begin
            last |= _acknowledged([process.stdout.readline()])
        time.sleep(random.uniform(0, 0.2))
        process.kill()
        last |= _acknowledged(process.stdout.read().split(b"\n")[:-1])
    for seed in (None, *SEEDS):
        after = disk.cut(seed)
        for number, count in last.items():
            data = (after / f"shared_{number % 2}").read_bytes()
            assert int.from_bytes(data[number * 8 : number * 8 + 8]) >= count
            # The next round removes the name only by putting a newer file there.
            assert int((after / f"{number}.renamed").read_bytes()) >= count


# ---- the stores ----

LMDB = """
import lmdb
store = lmdb.open('store', map_size=1 << 28, sync=sys.argv[1] == 'synced')
sync('store'); sync('.')
for number in range(1_000_000):
    with store.begin(write=True) as transaction:
        transaction.put(b'last', b'%d' % number)
        for part in range(5):
            transaction.put(b'%d' % ((number * 7919 + part) % 5000), b'%d' % number * 50)
    acknowledge(number)
"""


def last_in_lmdb(folder: Path) -> int:
    try:
        with lmdb.open(str(folder / "store"), map_size=1 << 28) as store, store.begin() as reader:
            assert sum(1 for _ in reader.cursor()) == reader.stat()["entries"]
            return int(reader.get(b"last", b"-1"))
    except lmdb.Error:
        return -1


def test_lmdb_keeps_what_it_acknowledged(disk: Disk) -> None:
    last = disk.run_and_kill(LMDB, "synced")
    for seed in (None, *SEEDS):
        assert last_in_lmdb(disk.cut(seed)) >= last


def test_lmdb_without_sync_loses_what_it_acknowledged(disk: Disk) -> None:
    last = disk.run_and_kill(LMDB, "unsynced")
    assert last_in_lmdb(disk.watched) >= last  # the kill alone loses nothing
    assert last_in_lmdb(disk.cut()) < last


SQLITE = """
import sqlite3
store = sqlite3.connect('store.db', isolation_level=None)
store.execute('PRAGMA journal_mode=WAL')
store.execute(f'PRAGMA synchronous={sys.argv[1]}')
store.execute('PRAGMA wal_autocheckpoint=50')
store.execute('CREATE TABLE numbers (number INTEGER PRIMARY KEY, filling BLOB)')
for number in range(1_000_000):
    store.execute('INSERT INTO numbers VALUES (?, zeroblob(500))', (number,))
    acknowledge(number)
"""


def last_in_sqlite(folder: Path) -> int:
    with closing(sqlite3.connect(folder / "store.db")) as store:
        try:
            assert store.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
            last, count = store.execute("SELECT max(number), count(*) FROM numbers").fetchone()
        except sqlite3.DatabaseError:
            return -1
        assert count == last + 1
        return int(last)


def test_sqlite_keeps_what_it_acknowledged(disk: Disk) -> None:
    last = disk.run_and_kill(SQLITE, "FULL")
    for seed in (None, *SEEDS):
        assert last_in_sqlite(disk.cut(seed)) >= last


def test_sqlite_without_sync_loses_what_it_acknowledged(disk: Disk) -> None:
    last = disk.run_and_kill(SQLITE, "OFF")
    after = disk.cut()
    assert last_in_sqlite(after) < last
    assert last_in_sqlite(disk.watched) >= last


PARQUET = """
import pyarrow, pyarrow.parquet
table = pyarrow.table({'n': list(range(10_000))})
for steps in ('file', 'folder', 'file_folder'):
    os.mkdir(steps)
    sync('.')
    with open(steps + '/new', 'wb') as file:
        pyarrow.parquet.write_table(table, file)
        file.flush()
        if 'file' in steps:
            os.fsync(file.fileno())
    os.rename(steps + '/new', steps + '/n.parquet')
    if 'folder' in steps:
        sync(steps)
"""


def test_parquet_file_needs_a_sync_of_itself_and_of_its_folder(disk: Disk) -> None:
    disk.run(PARQUET)
    after = disk.cut()
    assert names(after / "file") == set()
    assert (after / "folder/n.parquet").read_bytes() == b""
    assert parquet.read_table(after / "file_folder/n.parquet").num_rows == 10_000
