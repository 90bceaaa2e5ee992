"""A record: the values of one entity's features at one event time, and the check that it fits.

* What comes out is what came in: values stay text exactly as written, in definition order.
* The record identifier also has a canonical form, which is the record's key: `007` and `7` are one
  Integral, and history, which stores numbers, could not tell them apart.
* A record is checked whole; the error names the feature and the value.
"""

import math
import re
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from tandem.errors import ValidationError
from tandem.model import event_time as event_times
from tandem.model.event_time import EventTime
from tandem.model.feature_group import (
    CollectionType,
    FeatureDefinition,
    FeatureGroup,
    FeatureType,
)
from tandem.model.limits import RECORD_BYTES_MAX, RECORD_IDENTIFIER_BYTES_MAX

# Looked up for each record: a member of an enum takes ten times as long as a name.
_INTEGRAL, _FRACTIONAL, _STRING = FeatureType.INTEGRAL, FeatureType.FRACTIONAL, FeatureType.STRING
_WHOLE_NUMBER = re.compile(r"[+-]?\d{1,40}", re.ASCII).fullmatch
# There is one way to match each text: with `\d+\.?\d*` a long one takes minutes to be refused.
_NUMBER = re.compile(r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?", re.ASCII).fullmatch
_INT64_MIN, _INT64_MAX = -(2**63), 2**63 - 1


class FeatureValue(NamedTuple):
    """A feature's name and its value: text, or for a collection a tuple of texts."""

    name: str
    value: str | tuple[str, ...]


class Record(NamedTuple):
    """A checked record: its key, its event time, and its values in definition order."""

    identifier: str
    event_time: EventTime
    values: tuple[FeatureValue, ...]


def check_record(group: FeatureGroup, values: Iterable[FeatureValue]) -> Record:
    """The record that `values` make in `group`. Raises ValidationError where they do not fit."""
    by_name = check_values(group, values)
    for role, name in (
        ("record identifier", group.record_identifier_name),
        ("event time", group.event_time_name),
    ):
        if name not in by_name:
            raise ValidationError(
                f"the {role} feature {name!r} of feature group {group.name!r} is missing"
            )
    return Record(
        identifier=canonical_identifier(group, _text(by_name[group.record_identifier_name])),
        event_time=parse_event_time(group, _text(by_name[group.event_time_name])),
        values=in_definition_order(group, by_name.values()),
    )


def check_values(group: FeatureGroup, values: Iterable[FeatureValue]) -> dict[str, FeatureValue]:
    """`values` by name, each checked against its definition, and their size against the limit."""
    by_name: dict[str, FeatureValue] = {}
    definitions = group.features_by_name
    for value in values:
        name, content = value
        definition = definitions.get(name)
        if definition is None:
            raise ValidationError(
                f"feature {name[:64]!r} is not defined in feature group {group.name!r}"
            )
        if definition.retired_at_us is not None:
            raise ValidationError(
                f"feature {name!r} of feature group {group.name!r} is retired: leave it out"
            )
        if name in by_name:
            raise ValidationError(f"feature {name!r} is given twice in one record")
        if definition.collection is None and isinstance(content, str):
            _check_scalar(definition, content)  # as most are
        else:
            check_value(definition, content)
        by_name[name] = value
    check_size(by_name.values())
    return by_name


def record_size(values: Iterable[FeatureValue]) -> int:
    """The size of a record as the limit counts it: names and values, in bytes of UTF-8."""
    texts: list[str] = []
    for name, content in values:
        texts.append(name)
        if isinstance(content, str):
            texts.append(content)
        else:
            texts.extend(content)
    whole = "".join(texts)
    return len(whole) if whole.isascii() else len(whole.encode())


def check_size(values: Iterable[FeatureValue]) -> None:
    """Raises ValidationError where a record is larger than records may be."""
    size = record_size(values)
    if size > RECORD_BYTES_MAX:
        raise ValidationError(
            f"the record has {size} bytes; at most {RECORD_BYTES_MAX} (350 KB) are allowed:"
            " store large objects elsewhere and keep their address in the record"
        )


def in_definition_order(
    group: FeatureGroup, values: Iterable[FeatureValue]
) -> tuple[FeatureValue, ...]:
    order = group.feature_order
    found = tuple(values)
    places = [order[name] for name, _ in found]
    # Most clients know the definition, and give the values as it has them.
    if places != sorted(places):
        found = tuple(sorted(found, key=lambda value: order[value.name]))
    return found


def canonical_identifier(group: FeatureGroup, text: str) -> str:
    """The key of the record that `text` identifies.

    Raises ValidationError where the text does not fit the identifier's type or is over 2 KB.
    """
    definition = group.record_identifier
    if definition.type is _STRING and text.isascii() and len(text) <= RECORD_IDENTIFIER_BYTES_MAX:
        return text  # as most are
    _check_scalar(definition, text)
    check_identifier_size(definition, len(text.encode()))
    if definition.type is _INTEGRAL:
        return str(int(text))
    if definition.type is _FRACTIONAL:
        return repr(float(text) + 0.0)  # adding zero turns -0.0 into 0.0, which equals it
    return text


def check_identifier_size(definition: FeatureDefinition, size: int) -> None:
    """Raises ValidationError where a record identifier has more than 2 KB."""
    if size > RECORD_IDENTIFIER_BYTES_MAX:
        raise ValidationError(
            f"the record identifier {definition.name!r} has {size} bytes;"
            f" at most {RECORD_IDENTIFIER_BYTES_MAX} (2 KB) are allowed"
        )


def canonical_identifiers(group: FeatureGroup, texts: Sequence[str]) -> Sequence[str]:
    """`canonical_identifier` of each of them; they are looked at together, as most are the same."""
    if (
        group.record_identifier.type is _STRING
        and all(map(str.isascii, texts))
        and max(map(len, texts), default=0) <= RECORD_IDENTIFIER_BYTES_MAX
    ):
        return texts
    return [canonical_identifier(group, text) for text in texts]


def parse_event_time(group: FeatureGroup, text: str) -> EventTime:
    """The moment that `text` means in the group's event time feature; the error names it."""
    try:
        if group.event_time.type is _FRACTIONAL:
            return event_times.parse_double(text)
        return event_times.parse_iso_or_epoch(text)
    except ValidationError as error:
        raise ValidationError(f"feature {group.event_time_name!r}: {error}") from None


def merge_values(
    group_order: Sequence[str], current: Iterable[FeatureValue], changes: Iterable[FeatureValue]
) -> tuple[FeatureValue, ...]:
    """`current` with `changes` over it, in the order of `group_order`."""
    by_name = {value.name: value for value in current}
    by_name.update((value.name, value) for value in changes)
    return tuple(by_name[name] for name in group_order if name in by_name)


def check_value(definition: FeatureDefinition, value: str | tuple[str, ...]) -> None:
    """Raises ValidationError where `value` does not fit the feature's type."""
    if definition.collection is None:
        if not isinstance(value, str):
            raise ValidationError(
                f"feature {definition.name!r} is not a collection: give ValueAsString"
            )
        _check_scalar(definition, value)
        return
    if isinstance(value, str):
        raise ValidationError(
            f"feature {definition.name!r} is a {definition.collection}: give ValueAsStringList"
        )
    if definition.collection is CollectionType.VECTOR and len(value) != definition.vector_dimension:
        raise ValidationError(
            f"Vector {definition.name!r} has {len(value)} elements;"
            f" its Dimension is {definition.vector_dimension}"
        )
    for element in value:
        _check_scalar(definition, element)
    if definition.collection is CollectionType.SET and len(set(value)) != len(value):
        raise ValidationError(f"Set {definition.name!r} holds an element twice")


def _check_scalar(definition: FeatureDefinition, text: str) -> None:
    type_ = definition.type
    if type_ is _INTEGRAL:
        if not _WHOLE_NUMBER(text) or not _INT64_MIN <= int(text) <= _INT64_MAX:
            raise _wrong_type(definition, text, "a whole number of at most 64 bits")
    elif type_ is _FRACTIONAL:
        if not _NUMBER(text) or not math.isfinite(float(text)):
            raise _wrong_type(definition, text, "a finite number")
    else:
        _check_text(definition, text)


def _check_text(definition: FeatureDefinition, text: str) -> None:
    if text.isascii():  # which a string knows of itself
        return
    try:
        text.encode()
    except UnicodeEncodeError:
        raise _wrong_type(definition, text, "text that UTF-8 can encode") from None


def _wrong_type(definition: FeatureDefinition, text: str, expected: str) -> ValidationError:
    return ValidationError(
        f"the value {text[:64]!r} of feature {definition.name!r} is not {expected}"
        f" ({definition.type})"
    )


def _text(value: FeatureValue) -> str:
    assert isinstance(value.value, str)  # an identifier or event time is never a collection
    return value.value
