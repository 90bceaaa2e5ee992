"""Staged files: the rows of loads, beside the database whose log names them.

    {name}.partial    being written, or left by a process that died
    {name}.arrow      whole and synced: an Arrow file, of which segments of the log name rows

* A file is synced, with its name, before a segment names it.
* The process that loads from a file has it locked; the system ends the lock with the process. A
  file that nobody has locked is needed by those alone who read the log, so it goes once no segment
  of the log names it and no older snapshot of the log is open.
* A reader that has opened a file keeps its rows, whatever becomes of the name.
* A file's checksum is part of each segment, and is compared when a process opens the file.
"""

import errno
import fcntl
import os
import secrets
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from io import FileIO
from pathlib import Path
from typing import Any
from zlib import crc32

import pyarrow as pa

from tandem.errors import DataCorrupted, StoreUnavailable
from tandem.online.base import NewestRows, Prepared, StagedRows, Staging
from tandem.online.segment_changes import packed_records

_WHOLE, _PARTIAL = ".arrow", ".partial"
_LOCK = "lock"
_OPEN_FILES_MAX = 4
_FULL = {errno.ENOSPC, errno.EDQUOT}


class StagedFiles(Staging):
    """The staged files in `folder`, which is made with the first of them.

    names_in_use   the names that the log has, or None where older snapshots of it are open
    """

    def __init__(self, folder: Path, names_in_use: Callable[[], set[str] | None]) -> None:
        self._folder = folder
        self._names_in_use = names_in_use
        self._open: OrderedDict[str, pa.Table] = OrderedDict()
        self._opening = threading.Lock()

    @contextmanager
    def stage(self, rows: pa.Table) -> Iterator[StagedRows]:
        name = secrets.token_hex(8)
        partial = self._folder / f"{name}{_PARTIAL}"
        with self._errors_named():
            self._make_folder()
            # A file counts as left behind from its first moment on, unless it is locked.
            with self._locked(fcntl.LOCK_SH):
                # Without a buffer, which a full disk would let nobody close.
                file = partial.open("xb", buffering=0)
                fcntl.flock(file, fcntl.LOCK_EX)
        try:
            with self._errors_named():
                checksum = _write(file, rows)
                partial.rename(self._path(name))
                _sync(self._folder)
            yield StagedRows(name, checksum, rows)
        except StoreUnavailable:
            partial.unlink(missing_ok=True)
            raise
        finally:
            file.close()

    def read(self, name: str, checksum: int) -> pa.Table:
        """The rows of a staged file, not copied. Raises DataCorrupted."""
        with self._opening:
            if name not in self._open:
                # Another process may have removed some: what is open keeps its place on the disk.
                for other in [one for one in self._open if not self._path(one).exists()]:
                    del self._open[other]
                self._open[name] = self._read(name, checksum)
                if len(self._open) > _OPEN_FILES_MAX:
                    self._open.popitem(last=False)
            return self._open[name]

    def prepared(self, group_id: str, newest: NewestRows) -> Prepared:
        return Prepared(packed_records(group_id, newest))

    def clean(self) -> int:
        if not self._folder.exists():
            return 0
        with self._errors_named(), self._locked(fcntl.LOCK_EX):
            left = [path for path in self._folder.iterdir() if _is_left(path)]
            # Read after the locks were looked at: nobody adds a segment of these files any more.
            in_use = self._names_in_use() if left else None
            if in_use is None:
                return 0
            gone = [path for path in left if path.stem not in in_use]
            for path in gone:
                self._open.pop(path.stem, None)
                path.unlink()
        return len(gone)

    def _read(self, name: str, checksum: int) -> pa.Table:
        path = self._path(name)
        try:
            with pa.memory_map(str(path)) as source:
                content = source.read_buffer()
            if crc32(content) != checksum:
                raise DataCorrupted(
                    f"the checksum of the staged file {path} does not match: the disk changed it;"
                    " restore the online store from a backup"
                )
            with pa.ipc.open_file(content) as reader:
                return reader.read_all()
        except (pa.ArrowException, OSError) as error:
            raise DataCorrupted(
                f"the staged file {path}, which holds rows of the log, cannot be read ({error}):"
                " restore the online store from a backup"
            ) from error

    def _path(self, name: str) -> Path:
        return self._folder / f"{name}{_WHOLE}"

    def _make_folder(self) -> None:
        if not self._folder.exists():
            self._folder.mkdir(exist_ok=True)
            _sync(self._folder.parent)

    @contextmanager
    def _locked(self, kind: int) -> Iterator[None]:
        with (self._folder / _LOCK).open("ab") as lock:
            fcntl.flock(lock, kind)
            yield

    @contextmanager
    def _errors_named(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            if error.errno in _FULL:
                raise StoreUnavailable(
                    f"the disk that holds {self._folder} is full: free some space and try again"
                ) from error
            raise StoreUnavailable(f"{self._folder} cannot be written: {error}") from error


class _Checked:
    """A file to write to, with the checksum of what was written."""

    def __init__(self, file: FileIO) -> None:
        self._file = file
        self.checksum = 0
        self.closed = False

    def write(self, content: Any) -> int:
        self.checksum = crc32(content, self.checksum)
        left = memoryview(content)
        while left:
            left = left[self._file.write(left) :]
        return len(content)

    def flush(self) -> None:
        self._file.flush()


def _write(file: FileIO, rows: pa.Table) -> int:
    """Writes the rows, so that they are on disk; returns the checksum of the file."""
    checked = _Checked(file)
    with pa.ipc.new_file(checked, rows.schema) as writer:
        writer.write_table(rows)
    os.fsync(file.fileno())
    return checked.checksum


def _is_left(path: Path) -> bool:
    """Whether it is a staged file that nobody loads from."""
    if path.suffix not in (_WHOLE, _PARTIAL):
        return False
    with suppress(BlockingIOError, FileNotFoundError), path.open("rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return True
    return False


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
