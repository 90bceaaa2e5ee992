"""The seam of the online store: what every backend promises.

One store holds two things that must never part: the newest record of each key, and the change log.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from typing import NamedTuple

from tandem.model.decision import NewestState, Refusal
from tandem.model.write import LogEntry, RecordKey, Write


class OnlineRecord(NamedTuple):
    """The newest record of a key, or the tombstone of a soft delete.

    features_json is the JSON array that GetRecord answers with; `tandem.online.features_json` reads
    it. A tombstone's holds the record identifier and the event time alone.
    """

    state: NewestState
    features_json: bytes


class Committed(NamedTuple):
    """Where an accepted write stands in the log, and when it was committed."""

    partition: int
    position: int
    write_time_us: int


Outcome = Committed | Refusal


class LogSnapshot(ABC):
    """The log as it was when the snapshot was taken. Later writes and trims do not change it."""

    @abstractmethod
    def entries(
        self,
        partition: int,
        after: int,
        through: int | None = None,
        *,
        group_id: str | None = None,
    ) -> Iterator[LogEntry]:
        """Entries at positions in (after, through], in order; to the end where `through` is None.

        With `group_id` those of that group alone. Trimmed entries are left out. Raises
        DataCorrupted at the first entry whose checksum fails.
        """

    @abstractmethod
    def end(self, partition: int) -> int:
        """The position of the last entry ever written, trimmed or not; 0 before the first."""

    @property
    @abstractmethod
    def write_time_us(self) -> int:
        """The last write time there was: no entry here is stamped later, every later one is."""


class OnlineStore(ABC):
    """Newest records and change log. Safe to call from many threads and, where durable, processes.

    partitions is the number of log partitions; positions count within one.
    """

    partitions: int = 1

    @abstractmethod
    def write(self, writes: Sequence[Write], clock: Callable[[], int]) -> list[Outcome]:
        """Decides and applies `writes` in order, and appends an entry for each accepted one.

        All or nothing against failures: one transaction, durable at return. A write sees those
        before it in the same call. A refused write (see `Refusal`) leaves no trace and stops no
        other. The write time is one for the call: what `clock` says (microseconds since 1970) once
        no other call can commit before this one, or just after the last one where the clock has
        stepped back. So a call without writes is a barrier: all later calls have later write times.
        Raises StoreUnavailable where the disk is full or the store closed; nothing was written
        then.
        """

    @abstractmethod
    def get(self, keys: Sequence[RecordKey]) -> list[OnlineRecord | None]:
        """The newest record of each key, in the order asked, all from one moment.

        Tombstones and expired records are returned as they are stored: the caller has the clock.
        Raises DataCorrupted where a record's checksum fails.
        """

    @abstractmethod
    def scan(self, group_id: str, after: str | None, limit: int) -> list[tuple[str, OnlineRecord]]:
        """Up to `limit` records of a group with their identifiers, in a fixed order.

        Begins behind the identifier `after`, which need not exist any more. An answer shorter than
        `limit` is the last one.
        """

    @abstractmethod
    def log(self) -> AbstractContextManager[LogSnapshot]:
        """A consistent view of the log, to be closed soon: it may hold back the reuse of space."""

    @abstractmethod
    def trim(self, partition: int, through: int) -> None:
        """Drops entries at positions up to and including `through`. Open snapshots keep theirs."""

    @abstractmethod
    def sweep(self, now_ms: int, limit: int) -> int:
        """Removes up to `limit` records that have expired by `now_ms`; returns how many.

        Writes nothing to the log: an expired record counts as absent already. Later write times are
        not before `now_ms`, so that a replay of the log finds expired what was swept.
        """

    @abstractmethod
    def forget(self, group_id: str, limit: int) -> int:
        """Removes up to `limit` records of a group; returns how many. The log keeps its entries."""

    @abstractmethod
    def close(self) -> None:
        """Releases files and threads. Calls after it raise StoreUnavailable."""
