"""A cache of records in the program that reads them, off unless it is asked for.

* A record is served for `ttl_seconds` at most, and never when its own time to live has passed, by
  the clock of this machine.
* What this store object writes is read back at once. What others write is seen when the time is
  over: within it, a reader may get the record before the write.
* Whole records are kept, so that a read of some features takes them from the record that a read of
  all has left. That there is no record is never kept: a first write is seen at once.
"""

import threading
import time
from collections.abc import Callable, Iterable, Iterator, MutableMapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import NamedTuple

from cachetools import TLRUCache

from tandem.errors import ValidationError
from tandem.model.time_to_live import is_expired
from tandem.sdk.record_values import KeptRecord
from tandem.service.records import ServedRecord

_TTL_SECONDS = 60.0
_TTL_SECONDS_MAX = 1e300  # added to a clock, that is finite
_RECORDS_MAX = 100_000
_Key = tuple[str, str]


class _Kept(NamedTuple):
    record: KeptRecord
    until: float


@dataclass(frozen=True, slots=True)
class CacheStatistics:
    """How often the cache was asked, and how often it had the record."""

    hits: int
    misses: int
    records: int

    @property
    def hit_rate(self) -> float:
        """Between 0 and 1; 0 before the first question."""
        asked = self.hits + self.misses
        return self.hits / asked if asked else 0.0


class RecordCache:
    """Records by group and identifier, for `tandem.connect(…, record_cache=RecordCache())`.

    max_records  the records that are kept; beyond that, those go that were not read for longest
    ttl_seconds  how long a record is served after it was read from the store

    It belongs to one store object, and is safe to use from many threads.
    """

    def __init__(
        self,
        max_records: int = _RECORDS_MAX,
        ttl_seconds: float = _TTL_SECONDS,
        *,
        timer: Callable[[], float] = time.monotonic,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """`timer` counts seconds; `clock` gives those since 1970. Raises ValidationError."""
        if isinstance(max_records, bool) or not isinstance(max_records, int) or max_records < 1:
            raise ValidationError(f"max_records {max_records!r} is not valid: give 1 or more")
        is_number = isinstance(ttl_seconds, int | float) and not isinstance(ttl_seconds, bool)
        if not (is_number and 0 < ttl_seconds <= _TTL_SECONDS_MAX):
            raise ValidationError(
                f"ttl_seconds {ttl_seconds!r:.80} is not valid: give more than 0, and at most"
                f" {_TTL_SECONDS_MAX:g}"
            )
        self._records: MutableMapping[_Key, _Kept] = TLRUCache(
            max_records, ttu=lambda _key, kept, _now: kept.until, timer=timer
        )
        self._ttl_seconds = ttl_seconds
        self._timer = timer
        self._clock = clock
        self._is_taken = False
        self._lock = threading.Lock()
        self._reads: set[_Read] = set()
        self._hits = self._misses = 0

    def take(self) -> None:
        """Makes the cache that of one store. Raises ValidationError where it is another's."""
        with self._lock:
            if self._is_taken:
                raise ValidationError("the record cache is in use: give each store its own")
            self._is_taken = True

    def give_back(self) -> None:
        """Forgets every record, so that another store may have the cache."""
        self.clear()
        self._is_taken = False

    @property
    def statistics(self) -> CacheStatistics:
        with self._lock:
            return CacheStatistics(self._hits, self._misses, len(self._records))

    def clear(self) -> None:
        """Forgets every record. The counts stay."""
        with self._lock:
            self._records.clear()
            for read in self._reads:
                read.is_spoiled = True

    def forget(self, group_name: str, identifier: str | None = None) -> None:
        """Forgets a record, or all of its group, since it was written."""
        with self._lock:
            for read in self._reads:
                if read.group_name == group_name:
                    read.spoil(identifier)
            if identifier is not None:
                self._records.pop((group_name, identifier), None)
            else:
                for key in [key for key in self._records if key[0] == group_name]:
                    self._records.pop(key, None)

    def find(self, group_name: str, identifiers: Sequence[str]) -> dict[str, ServedRecord]:
        """The records that may be served, by identifier."""
        now_ms = int(self._clock() * 1_000)
        found: dict[str, ServedRecord] = {}
        hits = 0
        with self._lock:
            for identifier in identifiers:
                try:
                    # Its `get` looks twice.
                    record = self._records[group_name, identifier].record
                except KeyError:
                    continue
                if not is_expired(record.expires_at_ms, now_ms):
                    hits += 1
                    found[identifier] = record
            self._hits += hits
            self._misses += len(identifiers) - hits
        return found

    def end(self) -> float:
        """Until when what is read now may be served, by the cache's timer."""
        return self._timer() + self._ttl_seconds

    def is_over(self, end: float) -> bool:
        return self._timer() >= end

    @contextmanager
    def reading(self, group_name: str) -> Iterator["_Read"]:
        """A read of the store, to be begun before it: what is forgotten meanwhile is not kept of
        it, since nobody knows whether it was read before it was written.
        """
        read = _Read(self, group_name, self.end())
        with self._lock:
            self._reads.add(read)
        try:
            yield read
        finally:
            with self._lock:
                self._reads.discard(read)

    def _keep(self, read: "_Read", records: Iterable[tuple[str, ServedRecord]]) -> None:
        with self._lock:
            if read.is_spoiled:
                return
            for identifier, record in records:
                key = (read.group_name, identifier)
                held = self._records.get(key)
                # A read that began later may have come back first.
                if identifier not in read.spoiled and (held is None or held.until <= read.until):
                    kept = KeptRecord(record.features_json, record.expires_at_ms)
                    self._records[key] = _Kept(kept, read.until)


class _Read:
    """A read of the store that is under way."""

    def __init__(self, cache: RecordCache, group_name: str, until: float) -> None:
        """What is read is served until then."""
        self._cache = cache
        self.group_name = group_name
        self.until = until
        self.spoiled: set[str] = set()
        self.is_spoiled = False

    def keep(self, records: Iterable[tuple[str, ServedRecord]]) -> None:
        """Keeps the records that were read, by identifier."""
        self._cache._keep(self, records)  # noqa: SLF001 - the two are one thing

    def spoil(self, identifier: str | None) -> None:
        if identifier is None:
            self.is_spoiled = True
        else:
            self.spoiled.add(identifier)
