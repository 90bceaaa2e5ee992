"""Who may do what in a table's folder, among all processes that share it.

    rewriting    one at a time deletes rows, compacts or vacuums
    writing      many at a time: from the first new file until the commit that names it
    alone        nobody writes meanwhile: the commit of a rewrite, which deliveries would overtake
                 again and again; and the look for files that nobody names

A lock is on a folder itself, so there is no file to look after; the system frees it however a
process ends. Each raises StoreUnavailable where others hold it for too long.
"""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tandem.errors import StoreUnavailable

_WAIT_SECONDS_MAX = 60.0
_POLL_SECONDS = 0.002


@contextmanager
def rewriting(table_folder: Path) -> Iterator[None]:
    with _locked(table_folder, fcntl.LOCK_EX):
        yield


@contextmanager
def writing(table_folder: Path) -> Iterator[None]:
    with _locked(table_folder / "metadata", fcntl.LOCK_SH):
        yield


@contextmanager
def alone(table_folder: Path) -> Iterator[None]:
    with _locked(table_folder / "metadata", fcntl.LOCK_EX):
        yield


@contextmanager
def _locked(folder: Path, kind: int) -> Iterator[None]:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        deadline = time.monotonic() + _WAIT_SECONDS_MAX
        while not _try_lock(descriptor, kind):
            if time.monotonic() > deadline:
                raise StoreUnavailable(
                    f"the Iceberg table in {folder} has been held for {_WAIT_SECONDS_MAX:g} seconds"
                    " by others who write, rewrite or vacuum it; try again"
                )
            time.sleep(_POLL_SECONDS)
        yield
    finally:
        os.close(descriptor)


def _try_lock(descriptor: int, kind: int) -> bool:
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
