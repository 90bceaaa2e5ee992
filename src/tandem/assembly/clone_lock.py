"""Which clones are being made, as a lock on one file that all processes of a data folder share.

Whoever makes a clone holds the lock, beside others who do. The system frees it when the process
ends, however it ends. So whoever can have the lock alone knows that no clone is being made
anywhere: those that are unfinished were interrupted.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class CloneLock:
    def __init__(self, path: Path) -> None:
        self._path = path

    @contextmanager
    def shared(self) -> Iterator[None]:
        """Held while a clone is made. Waits for one who looks for interrupted ones."""
        with self._opened() as descriptor:
            fcntl.flock(descriptor, fcntl.LOCK_SH)
            yield

    @contextmanager
    def alone(self) -> Iterator[bool]:
        """Whether no clone is being made; none begins before this context is left."""
        with self._opened() as descriptor:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                yield False
            else:
                yield True

    @contextmanager
    def _opened(self) -> Iterator[int]:
        # Opened anew each time: such a lock belongs to the open file, and is freed with it.
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            yield descriptor
        finally:
            os.close(descriptor)
