"""An online store in memory: the plain reading of the contract, for tests and for trying things.

Nothing survives the process. One lock makes each call atomic; a log snapshot is a copied list.
"""

import threading
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from tandem.errors import StoreUnavailable
from tandem.model.decision import Effect, Refusal
from tandem.model.time_to_live import is_expired
from tandem.model.write import LogEntry, RecordKey, Write
from tandem.online.apply import apply, log_entry
from tandem.online.base import Committed, LogSnapshot, OnlineRecord, OnlineStore, Outcome

_PARTITION = 0


class _MemoryLogSnapshot(LogSnapshot):
    def __init__(self, entries: list[LogEntry], end: int, write_time_us: int) -> None:
        self._entries = entries
        self._end = end
        self._write_time_us = write_time_us

    def entries(
        self,
        partition: int,
        after: int,
        through: int | None = None,
        *,
        group_id: str | None = None,
    ) -> Iterator[LogEntry]:
        assert partition == _PARTITION
        start = bisect_right(self._entries, after, key=lambda entry: entry.position)
        for entry in self._entries[start:]:
            if through is not None and entry.position > through:
                return
            if group_id is None or entry.key.group_id == group_id:
                yield entry

    def end(self, partition: int) -> int:
        assert partition == _PARTITION
        return self._end

    @property
    def write_time_us(self) -> int:
        return self._write_time_us


class MemoryOnlineStore(OnlineStore):
    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._records: dict[RecordKey, OnlineRecord] = {}
        self._entries: list[LogEntry] = []
        self._last_position = 0
        self._last_write_time_us = 0
        self._is_closed = False

    def write(self, writes: Sequence[Write], clock: Callable[[], int]) -> list[Outcome]:
        with self._open():
            write_time_us = max(clock(), self._last_write_time_us + 1)
            self._last_write_time_us = write_time_us
            return [self._write_one(write, write_time_us) for write in writes]

    def _write_one(self, write: Write, write_time_us: int) -> Outcome:
        applied = apply(write, self._records.get(write.key), write_time_us // 1_000)
        if isinstance(applied, Refusal):
            return applied
        if applied.effect is Effect.REPLACE:
            self._records[write.key] = applied.record
        elif applied.effect is Effect.FORGET:
            self._records.pop(write.key, None)
        self._last_position += 1
        entry = log_entry(write, applied, _PARTITION, self._last_position, write_time_us)
        self._entries.append(entry)
        return Committed(_PARTITION, entry.position, write_time_us)

    def get(self, keys: Sequence[RecordKey]) -> list[OnlineRecord | None]:
        with self._open():
            return [self._records.get(key) for key in keys]

    def scan(self, group_id: str, after: str | None, limit: int) -> list[tuple[str, OnlineRecord]]:
        with self._open():
            identifiers = sorted(key.identifier for key in self._records if key[0] == group_id)
            start = 0 if after is None else bisect_right(identifiers, after)
            return [
                (identifier, self._records[RecordKey(group_id, identifier)])
                for identifier in identifiers[start : start + limit]
            ]

    @contextmanager
    def log(self) -> Iterator[LogSnapshot]:
        with self._open():
            snapshot = _MemoryLogSnapshot(
                list(self._entries), self._last_position, self._last_write_time_us
            )
        yield snapshot

    def trim(self, partition: int, through: int) -> None:
        assert partition == _PARTITION
        with self._open():
            start = bisect_right(self._entries, through, key=lambda entry: entry.position)
            del self._entries[:start]

    def sweep(self, now_ms: int, limit: int) -> int:
        with self._open():
            expired = [
                key
                for key, record in self._records.items()
                if is_expired(record.state.expires_at_ms, now_ms)
            ][:limit]
            for key in expired:
                del self._records[key]
            if expired:
                self._last_write_time_us = max(self._last_write_time_us, now_ms * 1_000)
            return len(expired)

    def forget(self, group_id: str, limit: int) -> int:
        with self._open():
            keys = [key for key in self._records if key.group_id == group_id][:limit]
            for key in keys:
                del self._records[key]
            return len(keys)

    def close(self) -> None:
        with self._lock:
            self._is_closed = True

    @contextmanager
    def _open(self) -> Iterator[None]:
        with self._lock:
            if self._is_closed:
                raise StoreUnavailable("the online store is closed: connect again")
            yield
