"""A write as it is asked for, and the log entry that it becomes.

A `Write` is checked and complete but undecided: whether it replaces the newest record is decided
inside the store's transaction (`tandem.model.decision`). A `LogEntry` is the lasting account of a
write that was accepted; history, the archive and every rebuild derive from entries alone. Of a bulk
load, the log holds segments, each of which stands for many entries.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import IntEnum
from typing import NamedTuple, Protocol

from tandem.model.event_time import EventTime
from tandem.model.record import FeatureValue
from tandem.model.targets import TargetStores


class Operation(IntEnum):
    """What a write does; the numbers are part of the stored formats."""

    PUT = 1
    UPDATE = 2
    SOFT_DELETE = 3
    HARD_DELETE = 4

    @property
    def is_delete(self) -> bool:
        return self in _DELETES


_DELETES = (Operation.SOFT_DELETE, Operation.HARD_DELETE)


class RecordKey(NamedTuple):
    """Which record: the group's id and the canonical record identifier."""

    group_id: str
    identifier: str


def record_keys(group_id: str, identifiers: Iterable[str]) -> list[RecordKey]:
    """The keys of many records of a group, made directly: the class takes thrice as long."""
    new = tuple.__new__
    return [new(RecordKey, (group_id, identifier)) for identifier in identifiers]


@dataclass(frozen=True, slots=True, kw_only=True)
class Write:
    """One put, update or delete of one record.

    values          PUT: the whole record. UPDATE: the features to change. Deletes: the record
                    identifier and the event time, as the caller wrote them. In definition order.
    event_time      None only for an UPDATE that keeps the record's own.
    expires_at_ms   when the record expires; for an UPDATE, None keeps the record's expiry
    feature_order   UPDATE only: the group's feature names, in which the merged record is stored
    invoked_at_us   when the call arrived (api_invocation_time), microseconds since 1970
    """

    operation: Operation
    key: RecordKey
    event_time: EventTime | None
    targets: TargetStores
    values: tuple[FeatureValue, ...]
    invoked_at_us: int
    expires_at_ms: int | None = None
    feature_order: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class LogEntry:
    """One accepted write, as it stands in the change log.

    Entries of one partition have consecutive, growing positions, from 1, and write times that never
    step back. All entries of a key are in one partition. An UPDATE's values are the whole record
    after it.
    """

    partition: int
    position: int
    operation: Operation
    key: RecordKey
    event_time: EventTime
    targets: TargetStores
    values: tuple[FeatureValue, ...]
    expires_at_ms: int | None
    invoked_at_us: int
    write_time_us: int

    @property
    def first(self) -> int:
        """The position: one entry is the shortest part of a log."""
        return self.position

    @property
    def group_id(self) -> str:
        return self.key.group_id

    @property
    def feature_names(self) -> Iterable[str]:
        return [value.name for value in self.values]


class LogSegment(Protocol):
    """Entries of one group with consecutive positions, kept as columns: puts of a bulk load that
    were committed at one moment. What it means is what its entries mean.

    Its columns are `tandem.rows.segment.Segment`'s, since the model knows no Arrow.
    """

    @property
    def partition(self) -> int: ...

    @property
    def first(self) -> int:
        """The position of its first entry."""

    @property
    def position(self) -> int:
        """The position of its last entry."""

    @property
    def group_id(self) -> str: ...

    @property
    def write_time_us(self) -> int: ...

    @property
    def targets(self) -> TargetStores: ...

    @property
    def feature_names(self) -> Iterable[str]:
        """The features of which some of its entries may have a value."""

    def entries(self) -> Iterator[LogEntry]:
        """The entries, in log order."""


LogPart = LogEntry | LogSegment
"""The log is a sequence of these."""
