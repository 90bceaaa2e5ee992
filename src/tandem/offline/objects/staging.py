"""Files that are being written: below `.staging` beside the buckets, until they get their names.

* A file has all its bytes on disk before it is sealed, and only a sealed file gets a name.
* Who writes a file holds a lock on it, which the system frees however the process ends. So the
  files that nobody writes any more are known, and removed when the store is opened. Parts of
  multipart uploads are in folders of their own and stay.
"""

import fcntl
import os
import secrets
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from tandem.offline.durable_files import make_root, sync
from tandem.offline.objects.checksums import MD5, new_digest
from tandem.offline.objects.details import Identity

_FOLDER = ".staging"
_PREFIX = "put-"
_COPY_BYTES = 1 << 20


class StagedFile:
    """One file that is being written. Not for several threads at once."""

    def __init__(self, path: Path, algorithms: Iterable[str] = ()) -> None:
        self.path = path
        self.size = 0
        self.digests: dict[str, bytes] = {}
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
        self._descriptor = os.open(path, flags, 0o666)
        fcntl.flock(self._descriptor, fcntl.LOCK_EX)
        self._digests = {name: new_digest(name) for name in {MD5, *algorithms}}

    def write(self, data: bytes) -> None:
        for digest in self._digests.values():
            digest.update(data)
        self._append(data)

    def copy(self, source: int, start: int, size: int) -> None:
        """Appends `size` bytes of an open file, from `start`."""
        for offset in range(start, start + size, _COPY_BYTES):
            self.write(_read(source, offset, min(_COPY_BYTES, start + size - offset)))

    def append_file(self, path: Path, size: int) -> None:
        """Appends a file of `size` bytes without looking at them: digests leave them out."""
        source = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            done = 0
            while done < size:
                done += self._append_some(source, done, size - done)
        finally:
            os.close(source)

    def finish(self) -> dict[str, bytes]:
        """The digests of what was written. Nothing is written any more."""
        if not self.digests:
            self.digests = {name: digest.digest() for name, digest in self._digests.items()}
        return self.digests

    def seal(self) -> Identity:
        """Waits until the bytes are on disk; returns which file it is from now on."""
        now_ns = time.time_ns()
        # Set by hand, since the system's own time of change is too coarse to tell two writes apart.
        os.utime(self._descriptor, ns=(now_ns, now_ns))
        sync(self.path)
        stat = os.fstat(self._descriptor)
        return Identity(stat.st_size, stat.st_mtime_ns)

    def close(self) -> None:
        """Lets go of the file, and removes it where it has not got its name."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1
            with suppress(FileNotFoundError):
                self.path.unlink()

    def _append(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            view = view[os.write(self._descriptor, view) :]
        self.size += len(data)

    def _append_some(self, source: int, offset: int, size: int) -> int:
        if hasattr(os, "copy_file_range"):  # Linux: within the system, or by reference
            # Some file systems cannot; those are read and written like anywhere else.
            with suppress(OSError):
                if copied := os.copy_file_range(source, self._descriptor, size, offset):
                    self.size += copied
                    return copied
        data = _read(source, offset, min(_COPY_BYTES, size))
        self._append(data)
        return len(data)


class Staging:
    """The folder of files that are being written, for the buckets below `root`."""

    def __init__(self, root: Path) -> None:
        self.folder = root / _FOLDER
        make_root(self.folder)
        self._remove_leftovers()

    def new_file(self, algorithms: Iterable[str] = ()) -> StagedFile:
        return StagedFile(self.folder / f"{_PREFIX}{secrets.token_hex(16)}", algorithms)

    def _remove_leftovers(self) -> None:
        for path in self.folder.glob(f"{_PREFIX}*"):
            with suppress(OSError):
                descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
                try:
                    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    path.unlink()
                finally:
                    os.close(descriptor)


def _read(source: int, offset: int, size: int) -> bytes:
    data = os.pread(source, size, offset)
    if not data:
        raise EOFError(f"{size} bytes are missing at {offset}")
    return data
