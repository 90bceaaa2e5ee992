"""Copying: the history and the records of one feature group into another, new one.

    history      every entry of the source's log that targets history, in log order, with the time
                 of its call
    records      the newest records and tombstones, with their expiry
    catching up  what is written to the source meanwhile, until there is no more

The copy is the source as of one position of the source's log: every write that was answered before
the look at the log which the last round began with is in it. Why that is so:

* Entries go over in log order, each once, so rows of one event time stay in their order.
* Records are read page by page while others write, so one may be newer than the entries that are
  over. Entries are not replayed onto them: a put that lost against a record would win once that
  record has expired. States are copied instead: the record of each key that an entry touches is
  read again, after that entry, and the copy is made equal to it, even where it holds a newer one.
* So a copied record is ahead of the entries only where it was written to between a look at the log
  and the reading of the record. The next look shows this, and then there is one more round. Records
  of earlier rounds cannot be ahead, since the last round's look came after they were read.

A group without an offline store keeps no log, so its records are copied as they are found: what was
answered before the copying began is in the copy, what is written meanwhile may be.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple

from tandem.errors import ConflictError, ValidationError
from tandem.model.conversion import Conversion
from tandem.model.record import Record
from tandem.model.targets import TargetStores
from tandem.model.time_to_live import is_expired
from tandem.model.write import LogEntry, Operation, RecordKey, Write
from tandem.offline.base import OfflineStore
from tandem.online.base import OnlineStore
from tandem.online.features_json import decode_features
from tandem.online.online_record import OnlineRecord
from tandem.service.clock import Clock
from tandem.service.group_log import GroupLog

_BATCH_WRITES = 500
"""Writes in one transaction: other writers wait about 25 ms for one."""
_ROUND_ENTRIES = 5_000
"""Entries in one round."""
_SPARE_ROUNDS = 50
"""Rounds of catching up beside those that take as long as the copy did."""
_LONG_PAST_MS = 0


class Copied(NamedTuple):
    """How many rows of history and online records (tombstones too) a copy has."""

    rows: int
    records: int


class Copying:
    """One copy, to be made once.

    commit  commits writes of the target in one transaction, in order; raises where it cannot
    """

    def __init__(
        self,
        conversion: Conversion,
        commit: Callable[[Sequence[Write]], None],
        store: OnlineStore,
        offline: OfflineStore,
        clock: Clock,
    ) -> None:
        self._conversion = conversion
        self._commit = commit
        self._store = store
        self._offline = offline
        self._clock = clock
        self._rows = self._records = 0
        self._identifiers: dict[str, str] = {}

    def run(self) -> Copied:
        """Raises ValidationError where a value has no form in its new type, ConflictError where the
        source is written to faster than it can be copied, and what `commit` and the stores raise.
        """
        source = self._conversion.source
        log = None
        if source.offline is not None:
            log = GroupLog(self._store, self._offline, source)
            self._copy_history(log)
        if TargetStores.ONLINE in source.stores:
            self._copy_records()
        if log is not None:
            self._catch_up(log)
        return Copied(self._rows, self._records)

    def _copy_history(self, log: GroupLog) -> None:
        while True:
            entries = log.read(_ROUND_ENTRIES)
            self._write(self._row(entry) for entry in entries if _is_row(entry))
            if len(entries) < _ROUND_ENTRIES:
                return

    def _copy_records(self) -> None:
        now_ms = self._clock() // 1_000
        self._write(
            self._state(identifier, record)
            for identifier, record in self._scan()
            if not is_expired(record.expires_at_ms, now_ms)
        )

    def _scan(self) -> Iterator[tuple[str, OnlineRecord]]:
        after: str | None = None
        while page := self._store.scan(self._conversion.source.group_id, after, _BATCH_WRITES):
            yield from page
            after = page[-1][0]

    def _catch_up(self, log: GroupLog) -> None:
        newer: list[LogEntry] = []
        # A long copy has much to catch up on. A source that gets more meanwhile than it had before
        # is written to faster than it is copied.
        for _ in range(_SPARE_ROUNDS + (self._rows + self._records) // _ROUND_ENTRIES):
            entries = newer + log.read(_ROUND_ENTRIES - len(newer))
            if not entries:
                return
            touched = {entry.key: entry for entry in entries if _is_online(entry)}
            # At once, since a record that is written to in between costs one more round.
            records = self._store.get(list(touched))
            newer = log.read(_ROUND_ENTRIES)
            self._write(self._row(entry) for entry in entries if _is_row(entry))
            self._write(self._equalizing(touched.values(), records))
            is_whole = max(len(entries), len(newer)) < _ROUND_ENTRIES
            if is_whole and not any(_is_online(entry) and entry.key in touched for entry in newer):
                return
        raise ConflictError(
            f"feature group {self._conversion.source.name!r} is written to faster than it can be"
            " copied: stop its writers for a moment, and clone again"
        )

    def _row(self, entry: LogEntry) -> Write:
        """The write that makes an entry's row of history."""
        self._rows += 1
        record = self._converted(entry)
        return Write(
            # The values of an update's entry are the whole record after it.
            operation=entry.operation if entry.operation.is_delete else Operation.PUT,
            key=self._key(record),
            event_time=record.event_time,
            targets=TargetStores.OFFLINE,
            values=record.values,
            expires_at_ms=entry.expires_at_ms,
            invoked_at_us=entry.invoked_at_us,
        )

    def _state(self, identifier: str, found: OnlineRecord) -> Write:
        """The write that puts a record, or a tombstone, as it is found."""
        self._records += 1
        values = decode_features(found.features_json)
        record = self._conversion.record(identifier, found.event_time, values)
        self._check_alone(record.identifier, identifier)
        return Write(
            operation=Operation.SOFT_DELETE if found.is_deleted else Operation.PUT,
            key=self._key(record),
            event_time=record.event_time,
            targets=TargetStores.ONLINE,
            values=record.values,
            expires_at_ms=found.expires_at_ms,
            invoked_at_us=self._clock(),
        )

    def _equalizing(
        self, touched: Iterable[LogEntry], records: Iterable[OnlineRecord | None]
    ) -> Iterator[Write]:
        """The writes after which the target's records of these keys equal the source's."""
        pairs = list(zip(touched, records, strict=True))
        held_records = self._store.get([self._key(self._converted(entry)) for entry, _ in pairs])
        now_ms = self._clock() // 1_000
        for (entry, found), held in zip(pairs, held_records, strict=True):
            put = None
            if found is not None and not is_expired(found.expires_at_ms, now_ms):
                put = self._state(entry.key.identifier, found)
            if held is not None and not is_expired(held.expires_at_ms, now_ms):
                self._records -= 1
                # An older put would lose; so the newer record goes first.
                if put is None or not put.event_time or put.event_time < held.event_time:
                    yield self._forgetting(self._key(self._converted(entry)), held)
            if put is not None:
                yield put

    def _forgetting(self, key: RecordKey, held: OnlineRecord) -> Write:
        """The write that leaves no record: the one that is held, as if it had expired already."""
        return Write(
            operation=Operation.PUT,
            key=key,
            event_time=held.event_time,
            targets=TargetStores.ONLINE,
            values=decode_features(held.features_json),
            expires_at_ms=_LONG_PAST_MS,
            invoked_at_us=self._clock(),
        )

    def _converted(self, entry: LogEntry) -> Record:
        record = self._conversion.record(entry.key.identifier, entry.event_time, entry.values)
        self._check_alone(record.identifier, entry.key.identifier)
        return record

    def _key(self, record: Record) -> RecordKey:
        return RecordKey(self._conversion.target.group_id, record.identifier)

    def _check_alone(self, identifier: str, source_identifier: str) -> None:
        """Raises ValidationError where two records of the source would become one, as the texts "7"
        and "007" do as numbers.
        """
        if not self._conversion.may_meet(source_identifier):
            return
        first = self._identifiers.setdefault(identifier, source_identifier)
        if first != source_identifier:
            raise ValidationError(
                f"the record identifiers {first[:64]!r} and {source_identifier[:64]!r} would become"
                f" one in the clone, {identifier[:64]!r}: keep the identifier's type"
            )

    def _write(self, writes: Iterable[Write]) -> None:
        batch: list[Write] = []
        for write in writes:
            batch.append(write)
            if len(batch) == _BATCH_WRITES:
                self._commit(batch)
                batch = []
        if batch:
            self._commit(batch)


def _is_row(entry: LogEntry) -> bool:
    return TargetStores.OFFLINE in entry.targets


def _is_online(entry: LogEntry) -> bool:
    return TargetStores.ONLINE in entry.targets
