"""A segment of the log: the rows of a bulk load as columns, and as the entries they stand for."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any, cast

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tandem.model.event_time import EventTime
from tandem.model.record import FeatureValue, Record
from tandem.model.targets import TargetStores
from tandem.model.time_to_live import EXPIRY_MS_MAX
from tandem.model.write import LogEntry, LogPart, Operation, RecordKey
from tandem.rows.event_time_columns import Numbers
from tandem.rows.record_table import EVENT_NANOSECONDS, EVENT_SECONDS, KEY_COLUMNS

_PIECE_ROWS = 4_096


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """Puts with the positions `first` to `position`; see `tandem.model.write.LogSegment`.

    rows          one a put, in log order, as `tandem.rows.record_table` has them
    ttl_seconds   the time to live of every one, added to its event time; None: they do not expire
    """

    partition: int
    first: int
    group_id: str
    targets: TargetStores
    rows: pa.Table
    ttl_seconds: int | None
    invoked_at_us: int
    write_time_us: int

    @property
    def position(self) -> int:
        count: int = self.rows.num_rows
        return self.first + count - 1

    @property
    def feature_names(self) -> list[str]:
        return feature_columns(self.rows)

    @property
    def size_bytes(self) -> int:
        """What its rows take in memory."""
        size: int = self.rows.nbytes
        return size

    def between(self, after: int, through: int | None) -> "Segment | None":
        """The part at positions in (after, through], to the end where that is None."""
        first = max(self.first, after + 1)
        last = self.position if through is None else min(self.position, through)
        if first > last:
            return None
        if first == self.first and last == self.position:
            return self
        return replace(
            self, first=first, rows=self.rows.slice(first - self.first, last - first + 1)
        )

    def expiries_ms(self) -> Numbers | None:
        """When each put expires, since 1970; None where none of them does."""
        return expiries_ms(self.rows, self.ttl_seconds)

    def entries(self) -> Iterator[LogEntry]:
        # Piece by piece, since whoever reads them may stop early.
        for start in range(0, self.rows.num_rows, _PIECE_ROWS):
            yield from self._entries(start, self.rows.slice(start, _PIECE_ROWS))

    def _entries(self, start: int, rows: pa.Table) -> Iterator[LogEntry]:
        expiries = expiries_ms(rows, self.ttl_seconds)
        expires_at_ms = [None] * rows.num_rows if expiries is None else expiries.tolist()
        for index, record in enumerate(records_of(rows)):
            yield LogEntry(
                partition=self.partition,
                position=self.first + start + index,
                operation=Operation.PUT,
                key=RecordKey(self.group_id, record.identifier),
                event_time=record.event_time,
                targets=self.targets,
                values=record.values,
                expires_at_ms=expires_at_ms[index],
                invoked_at_us=self.invoked_at_us,
                write_time_us=self.write_time_us,
            )


def one_by_one(parts: Iterable[LogPart]) -> Iterator[LogEntry]:
    """The entries of `parts`, in the same order."""
    for part in parts:
        if isinstance(part, LogEntry):
            yield part
        else:
            yield from part.entries()


def texts_match(part: LogPart, feature: str, pattern: str) -> bool:
    """Whether `pattern` is found in each value of a String feature that every entry has."""
    if isinstance(part, LogEntry):
        return re.search(pattern, str(dict(part.values).get(feature, "")), re.ASCII) is not None
    column = cast("Segment", part).rows.column(feature)
    found: bool = pc.all(pc.match_substring_regex(column, pattern)).as_py()
    return found


def expiries_ms(rows: pa.Table, ttl_seconds: int | None) -> Numbers | None:
    """As `TtlDuration.expires_at_ms`, for every row."""
    if ttl_seconds is None:
        return None
    seconds = rows.column(EVENT_SECONDS).to_numpy()
    nanoseconds = rows.column(EVENT_NANOSECONDS).to_numpy()
    found: Numbers = np.minimum(
        (seconds + ttl_seconds) * 1_000 + nanoseconds // 1_000_000, EXPIRY_MS_MAX
    )
    return found


def records_of(rows: pa.Table) -> Iterator[Record]:
    """The record of each row."""
    keys = [rows.column(name).to_pylist() for name in KEY_COLUMNS]
    values = values_of(rows.select(feature_columns(rows)))
    for (identifier, seconds, nanoseconds), of_row in zip(
        zip(*keys, strict=True), values, strict=True
    ):
        yield Record(identifier, EventTime(seconds, nanoseconds), of_row)


def values_of(features: pa.Table) -> Iterator[tuple[FeatureValue, ...]]:
    """The values of each row of a table whose columns are features."""
    names = features.column_names
    columns = [_texts(column) for column in features.columns]
    for row in zip(*columns, strict=True):
        yield tuple(
            FeatureValue(name, value)
            for name, value in zip(names, row, strict=True)
            if value is not None
        )


def feature_columns(rows: pa.Table) -> list[str]:
    return [name for name in rows.column_names if name not in KEY_COLUMNS]


def _texts(column: pa.ChunkedArray) -> list[Any]:
    if not pa.types.is_list(column.type):
        return [None if value is None else _text(value) for value in column.to_pylist()]
    return [
        None if values is None else tuple(_text(value) for value in values)
        for values in column.to_pylist()
    ]


def _text(value: Any) -> str:
    return repr(value) if isinstance(value, float) else str(value)
