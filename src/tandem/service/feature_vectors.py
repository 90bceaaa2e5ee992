"""Feature vectors: the newest values of features of several groups, for entities, as columns.

* Features are named and resolved as those of a training set are (`service.dataset_request`), and
  mean the same: for records that have not expired, a vector is what a training set gives for a
  label at this moment. A put from before a hard delete of its key is served alone: the online
  store has forgotten the delete, and in history it is the newest.
* All records of an answer are read at one moment, up to `_AT_ONCE` of them; more, in as many steps.
"""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from tandem.errors import ValidationError
from tandem.model import limits
from tandem.model.dataset import DatasetGroup
from tandem.model.feature_group import FeatureGroup
from tandem.model.record import check_identifier_size
from tandem.model.targets import TargetStores
from tandem.model.write import RecordKey, record_keys
from tandem.online.base import OnlineStore
from tandem.online.online_record import OnlineRecord
from tandem.query.labels import age_nanoseconds_max, label_keys
from tandem.rows.features_table import feature_columns
from tandem.rows.record_table import canonical_identifiers
from tandem.service.clock import Clock
from tandem.service.dataset_request import Plan, TrainingSetRequest, planned
from tandem.service.feature_groups import FeatureGroups
from tandem.service.throughput import Throughput

_AT_ONCE = 512
_PLANS_MAX = 256
_HELD_CHARACTERS_MAX = 10_000
"""The entities' columns may be called anything: what is long is not kept."""
_BILLION = 1_000_000_000


@dataclass(frozen=True, slots=True)
class VectorTable:
    """The vectors of entities, a row each, in their order.

    features    a column of each feature, in the order asked for; null where there is no value
    ages        a column of each group, as it was asked for: seconds since the event time of the
                entity's record; null where there is no record
    """

    features: pa.Table
    ages: pa.Table


class _Entities(NamedTuple):
    """The entities of one group: their keys, each once, and the place of each row's.

    places  None: the keys are the rows
    """

    keys: Sequence[RecordKey]
    places: pa.Array | None


class FeatureVectors:
    def __init__(
        self, groups: FeatureGroups, store: OnlineStore, throughput: Throughput, clock: Clock
    ) -> None:
        self._groups = groups
        self._store = store
        self._throughput = throughput
        self._clock = clock
        self._plans: dict[Hashable, Plan] = {}

    def read(
        self, entities: pa.Table, request: TrainingSetRequest, *, are_identifiers: bool = False
    ) -> VectorTable:
        """The vectors of `entities`: columns of record identifiers, and maybe others.

        request         its features, keys and max_age_seconds count
        are_identifiers  the entities are one column, of identifiers by whatever name the groups
                         have for them

        Raises ResourceNotFound, ValidationError, which more records or values than may be asked
        for are, and Throttled where a group has no units for all of its records.
        """
        if are_identifiers and entities.num_columns != 1:
            raise ValidationError(
                f"the entities have {entities.num_columns} columns: give one, of identifiers"
            )
        plan = self._plan(request, None if are_identifiers else tuple(entities.column_names))
        _check_size(entities.num_rows, plan)
        if are_identifiers:
            entities = entities.rename_columns([plan.parts[0].key])
        asked = [
            _entities(entities, part, group)
            for part, group in zip(plan.parts, plan.groups, strict=True)
        ]
        keys = [key for one in asked for key in one.keys]
        now_us = self._clock()
        records = self._read(keys, now_us // 1_000)
        features: dict[str, pa.Array | pa.ChunkedArray] = {}
        ages: dict[str, pa.Array] = {}
        start = 0
        for part, group, one in zip(plan.parts, plan.groups, asked, strict=True):
            end = start + len(one.keys)
            read = [record.features_json for record in records[start:end] if record is not None]
            self._throughput.read(group, read)
            columns, age = _of_group(part, group, records[start:end], now_us)
            if one.places is not None:
                columns = [column.take(one.places) for column in columns]
                age = age.take(one.places)
            features.update(zip(part.columns.values(), columns, strict=True))
            ages[part.named] = age
            start = end
        return VectorTable(
            pa.table([features[name] for name in plan.columns], names=list(plan.columns)),
            pa.table(list(ages.values()), names=list(ages)),
        )

    def _plan(self, request: TrainingSetRequest, columns: tuple[str, ...] | None) -> Plan:
        """The same question has the same plan while its groups are the same."""
        asked = (
            _hashable(request.features),
            _hashable(request.keys),
            _hashable(request.max_age_seconds),
            columns,
        )
        held = self._plans.get(asked)
        if held is not None and self._is_current(held):
            return held
        made = planned(request, columns, self._groups, TargetStores.ONLINE)
        if len(self._plans) >= _PLANS_MAX:
            self._plans.clear()
        if sum(map(len, columns or ())) <= _HELD_CHARACTERS_MAX:
            self._plans[asked] = made
        return made

    def _is_current(self, plan: Plan) -> bool:
        # A definition is kept as one object for as long as it is not changed.
        return all(
            self._groups.find_for_reading(part.named).for_readers is group
            for part, group in zip(plan.parts, plan.groups, strict=True)
        )

    def _read(self, keys: Sequence[RecordKey], now_ms: int) -> list[OnlineRecord | None]:
        """The record of each key that can be served."""
        if len(keys) > limits.LARGE_BATCH_RECORDS_MAX:
            raise ValidationError(
                f"{len(keys)} records are asked for; at most {limits.LARGE_BATCH_RECORDS_MAX} are"
                " read at once: ask for fewer entities at a time"
            )
        found: list[OnlineRecord | None] = []
        size = 0
        for start in range(0, len(keys), _AT_ONCE):
            read = self._store.get(keys[start : start + _AT_ONCE])
            found += [None if one is None or one.is_gone(now_ms) else one for one in read]
            size += sum([len(one.features_json) for one in read if one is not None])
            if size > limits.LARGE_BATCH_BYTES_MAX:
                raise ValidationError(
                    f"the records asked for have more than {limits.LARGE_BATCH_BYTES_MAX} bytes,"
                    " which is as much as is read at once: ask for fewer entities at a time"
                )
        return found


def _check_size(count: int, plan: Plan) -> None:
    values = count * (len(plan.columns) + len(plan.parts))  # the ages are values, too
    if values > limits.VECTOR_VALUES_MAX:
        raise ValidationError(
            f"{count} entities have {values} values; at most {limits.VECTOR_VALUES_MAX} are read"
            " at once: ask for fewer entities or features at a time"
        )


def _hashable(given: Any) -> Hashable:
    return tuple(given.items()) if isinstance(given, Mapping) else given


def _entities(entities: pa.Table, part: DatasetGroup, group: FeatureGroup) -> _Entities:
    identifier = group.record_identifier
    given = label_keys(entities, part.key, identifier).combine_chunks()
    canonical = canonical_identifiers(identifier.type, given)
    if canonical.nbytes > limits.RECORD_IDENTIFIER_BYTES_MAX:  # else none of them can be too long
        check_identifier_size(identifier, pc.max(pc.binary_length(canonical)).as_py() or 0)
    texts = canonical.to_pylist()
    if canonical.null_count == 0 and len(set(texts)) == len(texts):
        # As most are asked: each row has a key of its own.
        return _Entities(record_keys(group.group_id, texts), None)
    encoded = canonical.dictionary_encode()
    return _Entities(record_keys(group.group_id, encoded.dictionary.to_pylist()), encoded.indices)


def _of_group(
    part: DatasetGroup,
    group: FeatureGroup,
    records: Sequence[OnlineRecord | None],
    now_us: int,
) -> tuple[Sequence[pa.Array | pa.ChunkedArray], pa.Array]:
    """The columns of the group's features, and that of the ages."""
    ages = [None if one is None else _age_nanoseconds(one, now_us) for one in records]
    age_max = age_nanoseconds_max(part.max_age_seconds)
    features_json = [
        None
        if one is None or age is None or (age_max is not None and age > age_max)
        else one.features_json
        for one, age in zip(records, ages, strict=True)
    ]
    definitions = [group.features_by_name[feature] for feature in part.columns]
    seconds = [None if age is None else age / _BILLION for age in ages]
    columns = feature_columns(features_json, definitions, group.features)
    return columns, pa.array(seconds, pa.float64())


def _age_nanoseconds(record: OnlineRecord, now_us: int) -> int:
    return now_us * 1_000 - record.event_seconds * _BILLION - record.event_nanoseconds
