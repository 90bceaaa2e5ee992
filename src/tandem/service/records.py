"""Records: put, get, update, delete and list them, one or many.

A method that writes checks its input whole, submits it to the group commit, and returns a future;
waiting for it is the caller's choice, so that a server can wait without a thread. The future raises
what the write itself could only find out inside its transaction.
"""

from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from typing import NamedTuple

import msgspec

from tandem.errors import (
    ConflictError,
    ResourceNotFound,
    TandemError,
    Throttled,
    ValidationError,
)
from tandem.model import limits
from tandem.model.decision import Refusal
from tandem.model.event_time import EventTime
from tandem.model.feature_group import FeatureGroup, StorageType, feature_names
from tandem.model.record import (
    FeatureValue,
    canonical_identifier,
    canonical_identifiers,
    check_record,
    check_values,
    in_definition_order,
    merge_values,
    parse_event_time,
    record_size,
)
from tandem.model.targets import TargetStores
from tandem.model.time_to_live import TtlDuration, is_expired
from tandem.model.write import Operation, RecordKey, Write, record_keys
from tandem.online.base import OnlineStore, Outcome
from tandem.online.features_json import decode_features, part_of
from tandem.online.online_record import OnlineRecord
from tandem.service.clock import Clock
from tandem.service.feature_groups import FeatureGroups
from tandem.service.group_commit import GroupCommit
from tandem.service.record_reader import RecordReader
from tandem.service.throughput import Throughput

_ALL: frozenset[str] = frozenset()
_new_tuple = tuple.__new__  # of a named tuple's own, which takes twice as long
_PUT = Operation.PUT


class DeletionMode(StrEnum):
    SOFT = "SoftDelete"
    HARD = "HardDelete"


class ServedRecord(msgspec.Struct, frozen=True, gc=False):
    """A record as it is served: the JSON array of its features, and when it expires."""

    features_json: bytes
    expires_at_ms: int | None

    def values(self) -> tuple[FeatureValue, ...]:
        return decode_features(self.features_json)


class RecordsQuestion(NamedTuple):
    """Records of one group before they are read; `wanted` as `_wanted` has it."""

    group: FeatureGroup
    keys: Sequence[RecordKey]
    wanted: frozenset[str]


@dataclass(frozen=True, slots=True)
class RecordList:
    """A page of record identifiers. `next_after` begins the next page; None on the last one."""

    identifiers: tuple[str, ...]
    next_after: str | None


class Records:
    def __init__(
        self,
        groups: FeatureGroups,
        store: OnlineStore,
        commits: GroupCommit,
        throughput: Throughput,
        clock: Clock,
    ) -> None:
        self._groups = groups
        self._store = store
        self._commits = commits
        self._throughput = throughput
        self._clock = clock

    def put(
        self,
        group_name: str,
        values: Sequence[FeatureValue],
        targets: TargetStores | None = None,
        ttl: TtlDuration | None = None,
    ) -> Future[None]:
        """Writes a whole record. One with an older event time than the newest goes to history only.

        Raises ResourceNotFound, ValidationError and Throttled.
        """
        write = self.check_put(group_name, values, targets, ttl)
        return self._commit_one(write, write.values)

    def check_put(
        self,
        group_name: str,
        values: Sequence[FeatureValue],
        targets: TargetStores | None = None,
        ttl: TtlDuration | None = None,
    ) -> Write:
        """The write that `put` would submit. Raises as `put` does; writes nothing."""
        group = self._groups.find_for_writing(group_name)
        record = check_record(group, values)
        return Write(
            operation=_PUT,
            key=RecordKey(group.group_id, record.identifier),
            event_time=record.event_time,
            targets=check_targets(group, targets),
            values=record.values,
            expires_at_ms=_expiry(ttl or group.default_ttl, record.event_time),
            invoked_at_us=self._clock(),
        )

    def commit(
        self, writes: Sequence[Write], *, is_metered: bool = True
    ) -> Future[list[TandemError | None]]:
        """Commits checked writes in one transaction; for each the error, or None. Those that their
        group has no units for are left out: Throttled. For puts and deletes: what an update costs
        is not known of itself.
        """
        errors: list[TandemError | None] = [
            self._throttled(write, write.values) if is_metered else None for write in writes
        ]
        admitted = [index for index, error in enumerate(errors) if error is None]

        def answer(outcomes: Sequence[Outcome]) -> list[TandemError | None]:
            for index, outcome in zip(admitted, outcomes, strict=True):
                errors[index] = _refusal(writes[index], outcome)
            return errors

        return self._commits.submit_for([writes[index] for index in admitted], answer)

    def _commit_one(self, write: Write, values: Sequence[FeatureValue]) -> Future[None]:
        if (error := self._throttled(write, values)) is not None:
            raise error
        return self._commits.submit_for([write], partial(_accept, write))

    def _throttled(self, write: Write, values: Sequence[FeatureValue]) -> Throttled | None:
        """Counts a write that costs what `values` do; the error where its group has no units."""
        return self._throughput.write(write.key.group_id, record_size(values))

    def update(
        self,
        group_name: str,
        identifier: str,
        values: Sequence[FeatureValue],
        targets: TargetStores | None = None,
        ttl: TtlDuration | None = None,
    ) -> Future[None]:
        """Changes some features of the newest record; history gets the whole record after it.

        Without a TtlDuration the record keeps its expiry, unless the event time moves and the group
        has a default. Raises ResourceNotFound, ValidationError, Throttled, and ConflictError where
        the event time is older than the record's.
        """
        write = self.check_update(group_name, identifier, values, targets, ttl)
        return self.commit_update(write, self._store.get((write.key,))[0])

    def check_update(
        self,
        group_name: str,
        identifier: str,
        values: Sequence[FeatureValue],
        targets: TargetStores | None = None,
        ttl: TtlDuration | None = None,
    ) -> Write:
        """The write that `update` would submit. Raises as `update` does; reads nothing."""
        group = self._groups.find_for_writing(group_name)
        by_name = _check_update(group, identifier, values, ttl)
        chosen = check_targets(group, targets)
        if TargetStores.ONLINE not in chosen:
            raise ValidationError("TargetStores of an update must include OnlineStore")
        moment = by_name.get(group.event_time_name)
        event_time = parse_event_time(group, str(moment.value)) if moment else None
        return Write(
            operation=Operation.UPDATE,
            key=RecordKey(group.group_id, canonical_identifier(group, identifier)),
            event_time=event_time,
            targets=chosen,
            values=in_definition_order(group, by_name.values()),
            expires_at_ms=event_time and _expiry(ttl or group.default_ttl, event_time),
            feature_order=tuple(feature_names(group.features)),
            invoked_at_us=self._clock(),
        )

    def commit_update(self, write: Write, newest: OnlineRecord | None) -> Future[None]:
        """Submits what `check_update` gave; `newest` is the record as it was just read, since an
        update costs what the record is after it. Raises Throttled.
        """
        values = write.values
        if newest is not None and not newest.is_deleted:
            stored = decode_features(newest.features_json)
            values = merge_values(write.feature_order, stored, values)
        return self._commit_one(write, values)

    def delete(
        self,
        group_name: str,
        identifier: str,
        event_time: str,
        mode: DeletionMode = DeletionMode.SOFT,
        targets: TargetStores | None = None,
    ) -> Future[None]:
        """Deletes a record and marks it deleted in history.

        A soft delete with an older event time than the record's leaves the record; a hard delete
        must be newer, else ValidationError.
        """
        write = self.check_delete(group_name, identifier, event_time, mode, targets)
        return self._commit_one(write, write.values)

    def check_delete(
        self,
        group_name: str,
        identifier: str,
        event_time: str,
        mode: DeletionMode = DeletionMode.SOFT,
        targets: TargetStores | None = None,
    ) -> Write:
        """The write that `delete` would submit. Raises as `delete` does; writes nothing."""
        group = self._groups.find_for_writing(group_name)
        by_name = {
            group.record_identifier_name: FeatureValue(group.record_identifier_name, identifier)
        }
        # One feature may be both: then the event time is that of the identifier.
        by_name.setdefault(group.event_time_name, FeatureValue(group.event_time_name, event_time))
        return Write(
            operation=(
                Operation.HARD_DELETE if mode is DeletionMode.HARD else Operation.SOFT_DELETE
            ),
            key=RecordKey(group.group_id, canonical_identifier(group, identifier)),
            event_time=parse_event_time(group, event_time),
            targets=check_targets(group, targets),
            values=in_definition_order(group, by_name.values()),
            invoked_at_us=self._clock(),
        )

    def get(
        self, group_name: str, identifier: str, names: Sequence[str] = ()
    ) -> ServedRecord | None:
        """The newest record, or None where there is none that is not deleted or expired.

        With `names` only those features, in definition order. Raises ResourceNotFound (no such
        group), ValidationError and Throttled.
        """
        # `question` and `served` of one record, without their calls, which would be felt here.
        group = self._groups.find_for_reading(group_name)
        # Mostly all is wanted, and no call is needed to say so.
        wanted = _wanted(group, names) if names or not group.is_served_whole else _ALL
        key = _new_tuple(RecordKey, (group.group_id, canonical_identifier(group, identifier)))
        record = self._store.get((key,))[0]
        if record is None or record.is_deleted:
            return None
        features_json, expires_at_ms = record.features_json, record.expires_at_ms
        if expires_at_ms is not None and is_expired(expires_at_ms, self._clock() // 1_000):
            return None
        self._throughput.read_one(group, features_json)
        return ServedRecord(
            part_of(features_json, wanted) if wanted else features_json, expires_at_ms
        )

    def reader(self, group_name: str) -> RecordReader:
        """What reads whole records of a group, or of an alias, as `get` does, in fewer steps."""

        def read_as_any(identifier: str) -> bytes | None:
            served = self.get(group_name, identifier)
            return None if served is None else served.features_json

        return RecordReader(
            group_name, self._groups, self._store, self._throughput, self._clock, read_as_any
        )

    def get_many(
        self, group_name: str, identifiers: Sequence[str], names: Sequence[str] = ()
    ) -> list[ServedRecord | None]:
        """`get` for several identifiers of one group, all read at one moment.

        Raises Throttled where the group has no units for all of them.
        """
        question = self.question(group_name, identifiers, names)
        return self.served(question, self._store.get(question.keys))

    def question(
        self, group_name: str, identifiers: Sequence[str], names: Sequence[str] = ()
    ) -> RecordsQuestion:
        """What `get_many` would read. Raises as it does, but for Throttled; reads nothing."""
        group = self._groups.find_for_reading(group_name)
        wanted = _wanted(group, names)
        keys = record_keys(group.group_id, canonical_identifiers(group, identifiers))
        return RecordsQuestion(group, keys, wanted)

    def served(
        self, question: RecordsQuestion, found: Sequence[OnlineRecord | None]
    ) -> list[ServedRecord | None]:
        """What is served of the records that were found for the keys of a question, which is
        counted. Raises Throttled.
        """
        now_ms = self._clock() // 1_000
        records = [None if one is None or one.is_gone(now_ms) else one for one in found]
        # What was read is metered, whole, and not what is answered of it.
        read = [record.features_json for record in records if record is not None]
        self._throughput.read(question.group, read)
        return [None if record is None else _served(record, question.wanted) for record in records]

    def list(
        self,
        group_name: str,
        after: str | None = None,
        limit: int = limits.LIST_RECORDS_RESULTS_MAX,
        *,
        include_soft_deleted: bool = False,
    ) -> RecordList:
        """A page of the identifiers of the records that can be served; tombstones if asked for.

        Raises ResourceNotFound, and ValidationError where `limit` is not at least 1.
        """
        if limit < 1:
            raise ValidationError(f"limit {limit} is not valid: it must be at least 1")
        group = self._groups.find_for_reading(group_name)
        check_is_online(group)
        now_ms = self._clock() // 1_000
        identifiers: list[str] = []
        while True:
            page = self._store.scan(group.group_id, after, limit)
            for identifier, record in page:
                after = identifier
                if is_expired(record.expires_at_ms, now_ms):
                    continue
                if record.is_deleted and not include_soft_deleted:
                    continue
                identifiers.append(identifier)
                if len(identifiers) == limit:
                    return RecordList(tuple(identifiers), after)
            if len(page) < limit:
                return RecordList(tuple(identifiers), None)


def check_targets(group: FeatureGroup, targets: TargetStores | None) -> TargetStores:
    if targets is None:
        return group.stores
    missing = targets & ~group.stores
    if missing or not targets:
        raise ValidationError(
            f"TargetStores {targets.names()} is not valid:"
            f" feature group {group.name!r} has {group.stores.names()}"
        )
    return targets


def check_is_online(group: FeatureGroup) -> None:
    if not group.has_online_store:
        raise ValidationError(
            f"feature group {group.name!r} has no online store: query its history instead"
        )


def check_names(group: FeatureGroup, names: Sequence[str]) -> None:
    for name in names:
        if name not in group.features_by_name:
            raise ValidationError(
                f"FeatureNames holds {name[:64]!r}, which is not defined in feature group"
                f" {group.name!r}"
            )


def _wanted(group: FeatureGroup, names: Sequence[str]) -> frozenset[str]:
    """The features that are asked for; none stand for all that are stored."""
    check_is_online(group)
    readable = group.for_readers
    if names:
        check_names(readable, names)
    elif readable is group:
        return _ALL
    else:
        # Records from before hold values of features that have been retired since.
        names = feature_names(readable.features)
    return frozenset(names)


def _served(record: OnlineRecord, names: frozenset[str]) -> ServedRecord:
    """What a reader gets of a record that is not gone; with `names`, these features alone."""
    if not names:
        return ServedRecord(record.features_json, record.expires_at_ms)
    return ServedRecord(part_of(record.features_json, names), record.expires_at_ms)


def _check_update(
    group: FeatureGroup,
    identifier: str,
    values: Sequence[FeatureValue],
    ttl: TtlDuration | None,
) -> dict[str, FeatureValue]:
    if group.storage_type not in (StorageType.STANDARD_V2, StorageType.IN_MEMORY):
        raise ValidationError(
            f"UpdateRecord needs StorageType Standard_V2 or InMemory; feature group"
            f" {group.name!r} has {group.storage_type}: put the whole record instead"
        )
    if not 1 <= len(values) <= limits.UPDATE_FEATURES_MAX:
        raise ValidationError(
            f"Features has {len(values)} members; 1 to {limits.UPDATE_FEATURES_MAX} are allowed"
        )
    by_name = check_values(group, values)
    named = by_name.get(group.record_identifier_name)
    if named is not None and canonical_identifier(group, str(named.value)) != canonical_identifier(
        group, identifier
    ):
        raise ValidationError(
            f"the record identifier {group.record_identifier_name!r} cannot be changed:"
            f" {identifier!r} is stored, {str(named.value)[:64]!r} was given"
        )
    if ttl is not None and group.event_time_name not in by_name:
        raise ValidationError(
            f"TtlDuration needs the event time {group.event_time_name!r} among the Features,"
            " since a record expires at its event time plus the duration"
        )
    return by_name


def _expiry(ttl: TtlDuration | None, event_time: EventTime) -> int | None:
    return None if ttl is None else ttl.expires_at_ms(event_time)


def _accept(write: Write, outcomes: Sequence[Outcome]) -> None:
    """Raises what its outcome says against a write."""
    error = _refusal(write, outcomes[0])
    if error is not None:
        raise error


def _refusal(write: Write, outcome: Outcome) -> TandemError | None:
    if not isinstance(outcome, Refusal):
        return None
    identifier = write.key.identifier[:64]
    if outcome is Refusal.RECORD_NOT_FOUND:
        return ResourceNotFound(
            f"there is no record {identifier!r} to update: put the whole record first"
        )
    if outcome is Refusal.UPDATE_IS_OLDER:
        return ConflictError(
            f"the EventTime of the update of record {identifier!r} is older than the record's:"
            " read the record again and retry with a newer one"
        )
    if outcome is Refusal.HARD_DELETE_NOT_NEWER:
        return ValidationError(
            f"the EventTime of the HardDelete is not later than that of record {identifier!r}:"
            " give a later EventTime"
        )
    return ValidationError(
        f"the update would make record {identifier!r} larger than {limits.RECORD_BYTES_MAX}"
        " bytes (350 KB)"
    )
