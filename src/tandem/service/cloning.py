"""Cloning: a new feature group with the records and the history of another, in other types.

AWS cannot change a feature's type. A clone can: it has the same features in the types asked for,
and is filled from the log of the source, so nothing is guessed from history's columns.

    1. the clone is created in status Creating: nobody reads or writes it yet
    2. history     every entry that targets history, in log order, with its time of call
    3. online      the newest records and tombstones, with their expiry
    4. catching up what was written to the source meanwhile, until there is no more
    5. the clone's status becomes Created

A value that does not fit its new type ends the clone, and the clone is deleted: there is never one
that holds a part. One that is cut short by a crash stays in status Creating; delete it and clone
again. Rows of a clone have their own write time, since that is when the store came to know them.
Whatever is written to the source once the clone is Created is not in it: stop the writers, or let
them write to both.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from tandem.errors import ValidationError
from tandem.model.conversion import Conversion
from tandem.model.feature_group import (
    FeatureDefinition,
    FeatureGroup,
    FeatureGroupStatus,
    FeatureType,
    StorageType,
    TableFormat,
)
from tandem.model.record import Record, canonical_identifier
from tandem.model.targets import TargetStores
from tandem.model.write import LogEntry, Operation, RecordKey, Write
from tandem.offline.base import OfflineStore
from tandem.online.base import OnlineRecord, OnlineStore
from tandem.online.features_json import decode_features
from tandem.service.clock import Clock
from tandem.service.feature_groups import FeatureGroups, NewFeatureGroup
from tandem.service.records import Records

_BATCH_WRITES = 500
"""Writes in one transaction: other writers wait about 25 ms for one."""


@dataclass(frozen=True, kw_only=True)
class CloneRequest:
    """What a clone is of, and how it differs. None keeps what the source has.

    source        the group (or alias) to clone; its retired features are left out
    target        the name of the new group
    types         the new type by feature name
    table_format  of its history
    storage_type  of its online store
    """

    source: str
    target: str
    types: Mapping[str, FeatureType] = field(default_factory=dict)
    table_format: TableFormat | None = None
    storage_type: StorageType | None = None


@dataclass(frozen=True, slots=True)
class Clone:
    """A finished clone, and how many rows of history and online records (tombstones too) it took
    over.
    """

    group: FeatureGroup
    rows: int
    records: int


class Cloning:
    def __init__(
        self,
        groups: FeatureGroups,
        records: Records,
        store: OnlineStore,
        offline: OfflineStore,
        clock: Clock,
    ) -> None:
        self._groups = groups
        self._records = records
        self._store = store
        self._offline = offline
        self._clock = clock

    def clone(self, request: CloneRequest) -> Clone:
        """Makes the clone and fills it. Raises ResourceNotFound, ResourceInUse (the target's name
        is taken) and ValidationError (a definition or a value that does not fit).
        """
        source = self._groups.find_for_reading(request.source).for_readers
        target = self._groups.create(_definition(source, request), FeatureGroupStatus.CREATING)
        try:
            rows, records = self._fill(Conversion(source, target))
        except BaseException:
            self._groups.delete(target.name)
            raise
        created = self._groups.change(
            target.name, lambda group: replace(group, status=FeatureGroupStatus.CREATED)
        )
        return Clone(created, rows, records)

    def _fill(self, conversion: Conversion) -> tuple[int, int]:
        writes = _CloneWrites(conversion)
        rows = records = 0
        reached: dict[int, int] = {}
        if conversion.source.offline is not None:
            entries, reached = self._entries(conversion.source, {})
            rows = self._write(
                writes.write_of_entry(entry, TargetStores.OFFLINE)
                for entry in entries
                if TargetStores.OFFLINE in entry.targets
            )
        if TargetStores.ONLINE in conversion.source.stores:
            records = self._write(
                writes.write_of_record(record, self._clock())
                for record in self._online(conversion.source)
            )
        while conversion.source.offline is not None:
            entries, reached = self._entries(conversion.source, reached)
            if not entries:
                break
            self._write(
                writes.write_of_entry(entry, targets)
                for entry in entries
                # One by one: a hard delete that the newer record here refuses is history all the
                # same.
                for targets in (TargetStores.OFFLINE, TargetStores.ONLINE)
                if targets in entry.targets
            )
            rows += sum(TargetStores.OFFLINE in entry.targets for entry in entries)
        return rows, records

    def _entries(
        self, group: FeatureGroup, after: Mapping[int, int]
    ) -> tuple[Sequence[LogEntry], dict[int, int]]:
        """The group's entries behind these positions, and the positions they reach."""
        reached = dict(after)
        found: list[LogEntry] = []
        # The log first: what leaves it from now on is in the archive by the time that is read.
        with self._store.log() as log:
            for entry in self._offline.archived(group):
                if entry.position > after.get(entry.partition, 0):
                    found.append(entry)
                reached[entry.partition] = max(entry.position, reached.get(entry.partition, 0))
            for partition in range(self._store.partitions):
                start = reached.get(partition, 0)
                for entry in log.entries(partition, start, group_id=group.group_id):
                    found.append(entry)
                    reached[partition] = entry.position
        return found, reached

    def _online(self, group: FeatureGroup) -> Iterator[OnlineRecord]:
        after: str | None = None
        while page := self._store.scan(group.group_id, after, _BATCH_WRITES):
            for identifier, record in page:
                after = identifier
                yield record

    def _write(self, writes: Iterable[Write]) -> int:
        batch: list[Write] = []
        total = 0
        for write in writes:
            batch.append(write)
            total += 1
            if len(batch) == _BATCH_WRITES:
                self._commit(batch)
                batch = []
        self._commit(batch)
        return total

    def _commit(self, writes: list[Write]) -> None:
        # A hard delete may be refused where a newer record was taken over already; an error of the
        # store itself is raised.
        self._records.commit(writes).result()


class _CloneWrites:
    """Writes of the clone, and which record of the source each of its keys comes from."""

    def __init__(self, conversion: Conversion) -> None:
        self._conversion = conversion
        source, target = conversion.source, conversion.target
        self._can_meet = source.record_identifier.type is not target.record_identifier.type
        self._sources: dict[str, str] = {}

    def write_of_entry(self, entry: LogEntry, targets: TargetStores) -> Write:
        record = self._conversion.record(entry.values, entry.event_time)
        is_delete = entry.operation.is_delete
        return Write(
            # The values of an update's entry are the whole record after it.
            operation=entry.operation if is_delete else Operation.PUT,
            key=self._key(record, entry.key.identifier),
            event_time=record.event_time,
            targets=targets,
            values=record.values,
            expires_at_ms=entry.expires_at_ms,
            invoked_at_us=entry.invoked_at_us,
        )

    def write_of_record(self, stored: OnlineRecord, now_us: int) -> Write:
        state = stored.state
        values = decode_features(stored.features_json)
        record = self._conversion.record(values, state.event_time)
        source = self._conversion.source
        by_name = {value.name: str(value.value) for value in values}
        identifier = canonical_identifier(source, by_name[source.record_identifier_name])
        return Write(
            operation=Operation.SOFT_DELETE if state.is_deleted else Operation.PUT,
            key=self._key(record, identifier),
            event_time=record.event_time,
            targets=TargetStores.ONLINE,
            values=record.values,
            expires_at_ms=state.expires_at_ms,
            invoked_at_us=now_us,
        )

    def _key(self, record: Record, source_identifier: str) -> RecordKey:
        """The clone's key. Raises ValidationError where two records of the source would become
        one, as the texts "7" and "007" do as numbers.
        """
        if self._can_meet:
            first = self._sources.setdefault(record.identifier, source_identifier)
            if first != source_identifier:
                raise ValidationError(
                    f"the record identifiers {first!r} and {source_identifier!r} would become one"
                    f" in the clone, {record.identifier!r}: keep the identifier's type"
                )
        return RecordKey(self._conversion.target.group_id, record.identifier)


def _definition(source: FeatureGroup, request: CloneRequest) -> NewFeatureGroup:
    for name in request.types:
        if name not in source.features_by_name:
            raise ValidationError(
                f"types names {name[:64]!r}, which is not a feature of {source.name!r}"
            )
    offline = source.offline
    if offline is not None:
        offline = replace(
            offline,
            resolved_uri="",
            data_catalog=None,
            table_format=request.table_format or offline.table_format,
        )
    elif request.table_format is not None:
        raise ValidationError(f"feature group {source.name!r} has no offline store to convert")
    online = source.online
    if online is not None and request.storage_type is not None:
        online = replace(online, storage_type=request.storage_type)
    return NewFeatureGroup(
        name=request.target,
        record_identifier_name=source.record_identifier_name,
        event_time_name=source.event_time_name,
        features=tuple(_feature(feature, request.types) for feature in source.features),
        online=online,
        offline=offline,
        throughput=source.throughput,
        role_arn=source.role_arn,
        description=source.description,
        tags=source.tags,
        metadata={
            name: said for name, said in source.metadata.items() if name in source.features_by_name
        },
    )


def _feature(feature: FeatureDefinition, types: Mapping[str, FeatureType]) -> FeatureDefinition:
    return replace(feature, type=types.get(feature.name, feature.type), added_at_us=None)
