"""The buckets of groups in mode Provisioned, which all processes of a data folder take from.

    throughput/<group id>    two times, for reads and for writes:
                             units a second (8) | empty at, nanoseconds since 1970 (8)

* A file is locked for the few microseconds in which a bucket changes. The system frees the lock
  however the process ends, and what it has half done is one write of 16 bytes, done or not.
* A process that is stopped while it has the lock holds up nobody for longer than some milliseconds:
  then the others go on without it, and a few units may be given out twice.
* Nothing is synced. After a power cut, a bucket may begin anew with one second's units.
"""

import fcntl
import os
import struct
import threading
import time
from collections.abc import Callable
from pathlib import Path

from tandem.errors import StoreUnavailable
from tandem.model.throughput import Bucket, Direction, take
from tandem.service.clock import Clock

_BUCKET = struct.Struct("<qq")
_ATTEMPTS_MAX = 20
_PAUSE_SECONDS = 0.000_1


class BucketFiles:
    def __init__(self, folder: Path, clock: Clock) -> None:
        folder.mkdir(exist_ok=True)
        self._folder = folder
        self._clock = clock

    def take(
        self, group_id: str, direction: Direction, units_per_second: int, needed: int, wanted: int
    ) -> int:
        if units_per_second < 1:
            return 0
        file = self._folder / group_id
        try:
            return self._take(file, direction, units_per_second, needed, wanted)
        except OSError as error:  # a full disk, or too many open files, for instance
            raise StoreUnavailable(
                f"the units of a feature group cannot be taken from {str(file)!r}"
                f" ({error.strerror}): try again"
            ) from error

    def _take(
        self, file: Path, direction: Direction, units_per_second: int, needed: int, wanted: int
    ) -> int:
        descriptor = os.open(file, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            _lock(descriptor)
            place = _BUCKET.size * direction
            raw = os.pread(descriptor, _BUCKET.size, place)
            before = Bucket(*_BUCKET.unpack(raw)) if len(raw) == _BUCKET.size else Bucket()
            bucket, taken = take(before, units_per_second, needed, wanted, self._clock() * 1_000)
            if bucket != before:
                os.pwrite(descriptor, _BUCKET.pack(*bucket), place)
            return taken
        finally:
            os.close(descriptor)

    def keep_only(self, group_ids: Callable[[], frozenset[str]]) -> None:
        files = list(self._folder.iterdir())
        kept = group_ids() if files else frozenset()
        for file in files:
            if file.name not in kept:
                file.unlink(missing_ok=True)


class BucketsInMemory:
    """The buckets of a store in memory, which belongs to its process alone."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._buckets: dict[tuple[str, Direction], Bucket] = {}

    def take(
        self, group_id: str, direction: Direction, units_per_second: int, needed: int, wanted: int
    ) -> int:
        with self._lock:
            before = self._buckets.get((group_id, direction), Bucket())
            bucket, taken = take(before, units_per_second, needed, wanted, self._clock() * 1_000)
            self._buckets[group_id, direction] = bucket
        return taken

    def keep_only(self, group_ids: Callable[[], frozenset[str]]) -> None:
        kept = group_ids()
        with self._lock:
            self._buckets = {key: one for key, one in self._buckets.items() if key[0] in kept}


def _lock(descriptor: int) -> None:
    for _ in range(_ATTEMPTS_MAX):
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            time.sleep(_PAUSE_SECONDS)
        else:
            return
