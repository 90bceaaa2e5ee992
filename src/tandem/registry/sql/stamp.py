"""The stamp of a registry in a file: the version of the definitions, in memory that all processes
of the machine share.

* A change puts its version here while it holds the database's write lock, just before it commits.
  So no version is ever committed and not here.
* One that was put here and not committed, since the process was killed or the disk full, makes
  others look into the database in vain. The first that finds nobody writing puts it right.
* The file needs no sync: after a power cut no process knows any version, and the first one to look
  puts the file right.
"""

import mmap
import os
from pathlib import Path

from tandem.registry.base import Stamp

_BYTES = 8


class FileStamp(Stamp):
    """The stamp at `path`, which is made where it is missing. Raises OSError."""

    def __init__(self, path: Path) -> None:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            if os.fstat(descriptor).st_size < _BYTES:
                os.ftruncate(descriptor, _BYTES)  # of several processes, each does the same
            self._map = mmap.mmap(descriptor, _BYTES)
        finally:
            os.close(descriptor)
        # Aligned, so the processor reads and writes it whole.
        self._number = memoryview(self._map).cast("Q")

    def read(self) -> int:
        return self._number[0]

    def write(self, version: int) -> None:
        """Only for whoever holds the database's write lock."""
        self._number[0] = version
