"""Messages as runs of records, and those that are none with the reason.

What a message becomes does not depend on its neighbours: a column is made whole only where all of
its cells are of one type; else each cell is converted as a put would convert it.
"""

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import pyarrow as pa

from tandem.errors import ValidationError
from tandem.model.feature_group import FeatureDefinition, FeatureGroup, FeatureType
from tandem.model.targets import TargetStores
from tandem.rows.feature_values import values_of_mapping
from tandem.sdk.arguments import target_stores_of
from tandem.service.streams import Run
from tandem.streams.base import Message
from tandem.streams.decoding import Decode
from tandem.streams.definition import (
    Constant,
    FeatureSource,
    GroupDefinition,
    StreamDefinition,
    Tombstones,
)
from tandem.streams.fields import Cells, Decoded, cell, cells, is_of_value

FindGroup = Callable[[str], FeatureGroup]
"""Raises ResourceNotFound."""


class Refused(NamedTuple):
    message: Message
    reason: str


@dataclass(slots=True)
class Mapped:
    """What messages are. `messages` has, for each row of each run, the message that it is of."""

    runs: list[Run] = field(default_factory=list)
    messages: list[list[Message]] = field(default_factory=list)
    refused: list[Refused] = field(default_factory=list)
    passed_over: int = 0


class Mapping:
    def __init__(
        self, definition: StreamDefinition, topic: str, decode: Decode, find_group: FindGroup
    ) -> None:
        self._definition = definition
        self._topic = topic
        self._decode = decode
        self._find_group = find_group
        self._targets: dict[str, TargetStores | None] = {
            key: target_stores_of(group.target_stores) for key, group in definition.groups.items()
        }
        self._only_group = next(iter(definition.groups))

    def check(self) -> None:
        """Raises ResourceNotFound and ValidationError where a group or a feature is not there."""
        for key, mapped in self._definition.groups.items():
            group = self._find_group(self._definition.group_name(key))
            sources = _sources(mapped, group)
            for name in sources:
                if name not in group.features_by_name:
                    raise ValidationError(
                        f"groups.{key}.features.{name}: feature group {group.name!r} has no such"
                        f" feature; it has {list(group.features_by_name)}"
                    )
            for name in (group.record_identifier_name, group.event_time_name):
                if name not in sources:
                    raise ValidationError(
                        f"groups.{key}.features: {name!r} is missing, which every record of"
                        f" feature group {group.name!r} needs: say where its value is"
                    )

    def map(self, messages: Sequence[Message]) -> Mapped:
        """The runs of `messages`, in their order within each group."""
        result = Mapped()
        by_group: dict[str, list[Decoded]] = defaultdict(list)
        for decoded in self._decoded(messages, result):
            if not self._passes(decoded):
                result.passed_over += 1
            elif (key := self._group_of(decoded, result)) is not None:
                by_group[key].append(decoded)
        for key, members in by_group.items():
            group = self._find_group(self._definition.group_name(key))
            start = 0
            for end in range(1, len(members) + 1):
                is_delete = members[start].message.value is None
                if end == len(members) or (members[end].message.value is None) != is_delete:
                    run = self._delete_run if is_delete else self._put_run
                    run(key, group, members[start:end], result)
                    start = end
        return result

    def _decoded(self, messages: Sequence[Message], result: Mapped) -> list[Decoded]:
        found: list[Decoded] = []
        for message in messages:
            if message.value is None:
                if self._definition.tombstones is Tombstones.SKIP:
                    result.passed_over += 1
                else:
                    found.append(Decoded(message, None))
                continue
            try:
                found.append(Decoded(message, self._decode(message.value)))
            except ValidationError as error:
                result.refused.append(Refused(message, str(error)))
        return found

    def _passes(self, decoded: Decoded) -> bool:
        for path, wanted in self._definition.filter.items():
            if decoded.message.value is None and is_of_value(path):
                continue  # a delete has no fields to be judged by
            found = cell(path, self._topic, decoded)
            # In Python 1 is True; in JSON it is not.
            if found != wanted or isinstance(found, bool) != isinstance(wanted, bool):
                return False
        return True

    def _group_of(self, decoded: Decoded, result: Mapped) -> str | None:
        path = self._definition.group_field
        if path is None:
            return self._only_group
        found = cell(path, self._topic, decoded)
        if isinstance(found, str) and found in self._definition.groups:
            return found
        known = list(self._definition.groups)
        why = f"no group: {path} is {found!r:.80}, which is none of {known}"
        result.refused.append(Refused(decoded.message, why))
        return None

    def _put_run(
        self, key: str, group: FeatureGroup, members: Sequence[Decoded], result: Mapped
    ) -> None:
        sources = _sources(self._definition.groups[key], group)
        self._add(key, group, members, sources, result, deletes=False)

    def _delete_run(
        self, key: str, group: FeatureGroup, members: Sequence[Decoded], result: Mapped
    ) -> None:
        sources = _sources(self._definition.groups[key], group)
        identifier = sources.get(group.record_identifier_name)
        if not isinstance(identifier, str) or is_of_value(identifier):
            why = (
                "a message without a value deletes a record, but the record identifier"
                f" {group.record_identifier_name!r} is not taken from $key or a header"
            )
            result.refused += [Refused(one.message, why) for one in members]
            return
        moment = sources.get(group.event_time_name)
        if not isinstance(moment, str) or is_of_value(moment):
            moment = "$timestamp"
        wanted: dict[str, FeatureSource] = {
            group.record_identifier_name: identifier,
            group.event_time_name: moment,
        }
        self._add(key, group, members, wanted, result, deletes=True)

    def _add(
        self,
        key: str,
        group: FeatureGroup,
        members: Sequence[Decoded],
        sources: dict[str, FeatureSource],
        result: Mapped,
        *,
        deletes: bool,
    ) -> None:
        columns: dict[str, pa.Array] = {}
        reasons: dict[int, str] = {}
        for name, source in sources.items():
            feature = group.features_by_name[name]
            found: Cells
            if isinstance(source, Constant):
                found = [source.constant] * len(members)
            else:
                found = cells(source, self._topic, members)
            columns[name] = column(feature, found, reasons)
        rows = pa.table(columns)
        if reasons:
            result.refused += [Refused(members[row].message, why) for row, why in reasons.items()]
            kept = [row for row in range(len(members)) if row not in reasons]
            rows = rows.take(pa.array(kept, pa.int64()))
            members = [members[row] for row in kept]
        if members:
            run = Run(group=group.name, rows=rows, targets=self._targets[key], deletes=deletes)
            result.runs.append(run)
            result.messages.append([one.message for one in members])


def _sources(mapped: GroupDefinition, group: FeatureGroup) -> dict[str, FeatureSource]:
    if mapped.features is not None:
        return mapped.features
    return {feature.name: feature.name for feature in group.current_features}


_ARROW_TYPES: dict[frozenset[type], pa.DataType] = {
    frozenset({str}): pa.string(),
    frozenset({int}): pa.int64(),
    frozenset({float}): pa.float64(),
    frozenset({bool}): pa.bool_(),
}


def column(feature: FeatureDefinition, found: Cells, reasons: dict[int, str]) -> pa.Array:
    """The cells as a column. A cell that cannot be converted is null, and `reasons` has why."""
    if isinstance(found, pa.Array):
        return found
    types = frozenset(map(type, found)) - {type(None)}
    wanted = _ARROW_TYPES.get(types)
    if feature.type is FeatureType.FRACTIONAL and types == {int, float}:
        wanted = pa.float64()
    if feature.collection is None and (wanted is not None or not types):
        try:
            return pa.array(found, wanted or pa.string())
        except (pa.ArrowException, ValueError, OverflowError, TypeError):
            pass  # a number beyond 64 bits, or half a character
    return _cell_by_cell(feature, found, reasons)


def _cell_by_cell(
    feature: FeatureDefinition, found: Sequence[Any], reasons: dict[int, str]
) -> pa.Array:
    texts: list[Any] = []
    for row, one in enumerate(found):
        try:
            values = values_of_mapping({feature.name: one}, {feature.name: feature})
            text = values[0].value if values else None
            for part in [text] if isinstance(text, str) else text or ():
                part.encode()
            texts.append(text)
        except ValidationError as error:
            texts.append(None)
            reasons.setdefault(row, str(error))
        except UnicodeEncodeError:
            texts.append(None)
            reasons.setdefault(row, f"feature {feature.name!r} holds half a character")
    return pa.array(texts, pa.string() if feature.collection is None else pa.list_(pa.string()))
