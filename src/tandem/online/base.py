"""The seam of the online store: what every backend promises.

One store holds two things that must never part: the newest record of each key, and the change log.
What else must not part from them, a mark, commits with them.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import NamedTuple, NewType

import pyarrow as pa

from tandem.model.decision import Refusal
from tandem.model.targets import TargetStores
from tandem.model.write import LogPart, RecordKey, Write
from tandem.online.online_record import OnlineRecord


class StagedRows(NamedTuple):
    """Rows that a store keeps until segments of them have left its log; see `Staging`."""

    name: str
    checksum: int
    rows: pa.Table


class NewestRows(NamedTuple):
    """Records, each of another key, as columns: a load has too many of them for an object each.

    They are ordered by identifier. An event time is seconds since 1970 and nanoseconds.
    """

    identifiers: Sequence[str]
    event_times: Sequence[tuple[int, int]]
    expires_at_ms: Sequence[int | None]
    features_json: Sequence[bytes]


Prepared = NewType("Prepared", object)
"""Newest rows in a form that only their store knows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmentWrite:
    """Puts of one group, all of them accepted: `count` of the staged rows, from `start` on.

    newest        what they leave behind of each key, as far as they alone are concerned: the record
                  of the greatest event time, of several the last; as `Staging.prepared` gave it.
                  None where `targets` leaves out the online store.
    ttl_seconds   added to an event time gives the record's expiry; None: they do not expire
    """

    group_id: str
    targets: TargetStores
    staged: StagedRows
    start: int
    count: int
    newest: Prepared | None
    ttl_seconds: int | None
    invoked_at_us: int


class Mark(NamedTuple):
    """A note under a name, instead of the one before; without content, none any more.

    expected        the content of the one before; without content, there must be none. So nobody
                    moves a mark on who has not seen where it stands.
    expires_at_ms   it is kept until then at least
    """

    name: str
    expected: bytes
    content: bytes
    expires_at_ms: int


class Committed(NamedTuple):
    """Where an accepted write stands in the log, and when it was committed.

    Of a segment, the position of its last entry; of a mark, that of the last entry before it.
    """

    partition: int
    position: int
    write_time_us: int


Outcome = Committed | Refusal
Request = Write | SegmentWrite | Mark


class LogSnapshot(ABC):
    """The log as it was when the snapshot was taken. Later writes and trims do not change it."""

    @abstractmethod
    def parts(
        self,
        partition: int,
        after: int,
        through: int | None = None,
        *,
        group_id: str | None = None,
    ) -> Iterator[LogPart]:
        """What is at positions in (after, through], in order; to the end where `through` is None.

        With `group_id` what is of that group alone. Trimmed entries are left out. A part stays
        readable afterwards. Raises DataCorrupted at the first one whose checksum fails.
        """

    @abstractmethod
    def written_at_us(self, partition: int, after: int) -> int | None:
        """When the first entry behind `after` was written; None where there is none. Its values are
        not read. Raises DataCorrupted.
        """

    @abstractmethod
    def end(self, partition: int) -> int:
        """The position of the last entry ever written, trimmed or not; 0 before the first."""

    @abstractmethod
    def mark(self, name: str) -> bytes | None:
        """The content of the mark of that name. Raises DataCorrupted."""

    @property
    @abstractmethod
    def write_time_us(self) -> int:
        """The last write time there was: no entry here is stamped later, every later one is."""


class Staging(ABC):
    """Where rows of a load lie on their way into the log, and as long as they are in it."""

    @abstractmethod
    def stage(self, rows: pa.Table) -> AbstractContextManager[StagedRows]:
        """Keeps `rows`, as `tandem.rows.record_table` has them: durable when the block begins.

        Segments of them are written inside the block. Those are kept behind it, too, until the log
        and every snapshot of it are done with them; so are all rows of a process that died. Raises
        StoreUnavailable where the disk is full.
        """

    @abstractmethod
    def prepared(self, group_id: str, newest: NewestRows) -> Prepared:
        """What can be made of a segment's newest rows before others must wait for its commit."""

    @abstractmethod
    def clean(self) -> int:
        """Removes what nobody needs any more; returns how many stages that were."""


class OnlineStore(ABC):
    """Newest records and change log. Safe to call from many threads and, where durable, processes.

    partitions  the number of log partitions; positions count within one
    staging     where the rows of segments are kept
    is_remote   whether `get` waits for another process. An event loop must not wait for it, and
                whoever has several questions asks them in one call.
    """

    partitions: int = 1
    is_remote: bool = False
    staging: Staging

    @abstractmethod
    def write(self, writes: Sequence[Request], clock: Callable[[], int]) -> list[Outcome]:
        """Decides and applies `writes` in order, and appends an entry for each accepted one.

        All or nothing against failures: one transaction, durable at return. A write sees those
        before it in the same call. A segment has the effect of its puts, one after the other. A
        refused write (see `Refusal`) leaves no trace and stops no other. The write time is one for
        the call: what `clock` says (microseconds since 1970) once no other call can commit before
        this one, or just after the last one where the clock has stepped back. So a call without
        writes is a barrier: all later calls have later write times.
        Raises StoreUnavailable where the disk is full or the store closed, and ConflictError where
        a mark is not the expected one; nothing was written then. Raises AnswerLost where a remote
        store may have written all of it.
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
        """Drops entries at positions up to and including `through`; a segment that reaches behind
        it stays whole. Open snapshots keep theirs.
        """

    @abstractmethod
    def sweep(self, now_ms: int, limit: int) -> int:
        """Removes up to `limit` records that have expired by `now_ms`; returns how many. Marks that
        have expired go, too.

        Writes nothing to the log: an expired record counts as absent already. Later write times are
        not before `now_ms`, so that a replay of the log finds expired what was swept.
        """

    @abstractmethod
    def forget(self, group_id: str, limit: int) -> int:
        """Removes up to `limit` records of a group; returns how many. The log keeps its entries."""

    @abstractmethod
    def close(self) -> None:
        """Releases files and threads. Calls after it raise StoreUnavailable."""
