"""An online store in memory: the plain reading of the contract, for tests and for trying things.

Nothing survives the process. One lock makes each call atomic; a log snapshot is a copied list.
"""

import threading
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import pyarrow as pa

from tandem.errors import StoreUnavailable
from tandem.model.decision import Effect, Refusal
from tandem.model.time_to_live import is_expired
from tandem.model.write import LogPart, RecordKey, Write
from tandem.online.apply import Applied, apply, check_mark, log_entry
from tandem.online.base import (
    Committed,
    LogSnapshot,
    Mark,
    NewestRows,
    OnlineStore,
    Outcome,
    Prepared,
    Request,
    SegmentWrite,
    StagedRows,
    Staging,
)
from tandem.online.online_record import OnlineRecord
from tandem.rows.segment import Segment

_PARTITION = 0


class _MemoryLogSnapshot(LogSnapshot):
    def __init__(
        self, parts: list[LogPart], end: int, write_time_us: int, marks: dict[str, Mark]
    ) -> None:
        self._parts = parts
        self._end = end
        self._write_time_us = write_time_us
        self._marks = marks

    def parts(
        self,
        partition: int,
        after: int,
        through: int | None = None,
        *,
        group_id: str | None = None,
    ) -> Iterator[LogPart]:
        assert partition == _PARTITION
        start = bisect_right(self._parts, after, key=lambda part: part.position)
        for part in self._parts[start:]:
            if through is not None and part.first > through:
                return
            if group_id is None or part.group_id == group_id:
                cut = part.between(after, through) if isinstance(part, Segment) else part
                assert cut is not None
                yield cut

    def written_at_us(self, partition: int, after: int) -> int | None:
        assert partition == _PARTITION
        start = bisect_right(self._parts, after, key=lambda part: part.position)
        return self._parts[start].write_time_us if start < len(self._parts) else None

    def end(self, partition: int) -> int:
        assert partition == _PARTITION
        return self._end

    @property
    def write_time_us(self) -> int:
        return self._write_time_us

    def mark(self, name: str) -> bytes | None:
        return self._marks[name].content if name in self._marks else None


class _MemoryStaging(Staging):
    """Nothing is to be kept: segments hold their rows."""

    @contextmanager
    def stage(self, rows: pa.Table) -> Iterator[StagedRows]:
        yield StagedRows("", 0, rows)

    def prepared(self, group_id: str, newest: NewestRows) -> Prepared:
        del group_id  # this store puts the rows one by one
        return Prepared(newest)

    def clean(self) -> int:
        return 0


class MemoryOnlineStore(OnlineStore):
    """The puts of a segment are applied one after the other: that is what a segment means."""

    def __init__(self) -> None:
        self.staging = _MemoryStaging()
        self._lock = threading.Lock()
        self._records: dict[RecordKey, OnlineRecord] = {}
        self._parts: list[LogPart] = []
        self._marks: dict[str, Mark] = {}
        self._last_position = 0
        self._last_write_time_us = 0
        self._is_closed = False

    def write(self, writes: Sequence[Request], clock: Callable[[], int]) -> list[Outcome]:
        with self._open():
            marks = {name: mark.content for name, mark in self._marks.items()}
            for write in writes:
                if isinstance(write, Mark):
                    check_mark(write, marks.get(write.name, b""))
                    marks[write.name] = write.content
            write_time_us = max(clock(), self._last_write_time_us + 1)
            self._last_write_time_us = write_time_us
            return [self._write_one(write, write_time_us) for write in writes]

    def _write_one(self, write: Request, write_time_us: int) -> Outcome:
        if isinstance(write, Mark):
            self._marks.pop(write.name, None)
            if write.content:
                self._marks[write.name] = write
        elif isinstance(write, SegmentWrite):
            self._write_segment(write, write_time_us)
        else:
            applied = self._apply(write, write_time_us)
            if isinstance(applied, Refusal):
                return applied
            self._last_position += 1
            entry = log_entry(write, applied, _PARTITION, self._last_position, write_time_us)
            self._parts.append(entry)
        return Committed(_PARTITION, self._last_position, write_time_us)

    def _apply(self, write: Write, write_time_us: int) -> Applied | Refusal:
        applied = apply(write, self._records.get(write.key), write_time_us // 1_000)
        if isinstance(applied, Applied) and applied.effect is Effect.REPLACE:
            self._records[write.key] = applied.record
        elif isinstance(applied, Applied) and applied.effect is Effect.FORGET:
            self._records.pop(write.key, None)
        return applied

    def _write_segment(self, write: SegmentWrite, write_time_us: int) -> None:
        segment = Segment(
            partition=_PARTITION,
            first=self._last_position + 1,
            group_id=write.group_id,
            targets=write.targets,
            rows=write.staged.rows.slice(write.start, write.count),
            ttl_seconds=write.ttl_seconds,
            invoked_at_us=write.invoked_at_us,
            write_time_us=write_time_us,
        )
        for entry in segment.entries():
            put = Write(
                operation=entry.operation,
                key=entry.key,
                event_time=entry.event_time,
                targets=entry.targets,
                values=entry.values,
                expires_at_ms=entry.expires_at_ms,
                invoked_at_us=entry.invoked_at_us,
            )
            self._apply(put, write_time_us)
        self._last_position = segment.position
        self._parts.append(segment)

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
                list(self._parts),
                self._last_position,
                self._last_write_time_us,
                dict(self._marks),
            )
        yield snapshot

    def trim(self, partition: int, through: int) -> None:
        assert partition == _PARTITION
        with self._open():
            start = bisect_right(self._parts, through, key=lambda part: part.position)
            del self._parts[:start]

    def sweep(self, now_ms: int, limit: int) -> int:
        with self._open():
            expired = [
                key
                for key, record in self._records.items()
                if is_expired(record.expires_at_ms, now_ms)
            ][:limit]
            for key in expired:
                del self._records[key]
            self._marks = {
                name: mark for name, mark in self._marks.items() if mark.expires_at_ms > now_ms
            }
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
