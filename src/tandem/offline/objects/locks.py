"""Locks by name that hold among all threads of all processes on a data folder.

A name has one of a bounded number of locks, which others may share with it. The system frees what a
process holds, however it ends.
"""

import fcntl
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from zlib import crc32


class NamedLocks:
    """`count` locks, each a file in `folder`, which is made where it is missing."""

    def __init__(self, folder: Path, count: int) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        # Threads wait here: one descriptor a lock is enough, however many of them there are.
        self._threads = [threading.Lock() for _ in range(count)]

    @contextmanager
    def held(self, name: str) -> Iterator[None]:
        # Not Python's own hash, which differs from one process to the next.
        number = crc32(name.encode(errors="surrogatepass")) % len(self._threads)
        with self._threads[number]:
            path = self._folder / str(number)
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX)
                yield
            finally:
                os.close(descriptor)
