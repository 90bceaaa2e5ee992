"""A feature's values in another type: what a clone of a feature group needs.

    Integral   ─► Fractional   the same text
    any        ─► String       the same text; an event time becomes ISO 8601
    Fractional ─► Integral     where the number is whole: 89.0 becomes 89
    String     ─► number       where the text is such a number
    String event time ─► Fractional    seconds since 1970, to the nearest double

* Nothing is rounded and nothing is left out: a value that has no exact form in the other type
  raises ValidationError, which names the record, the feature and the value. Event times alone may
  lose nanoseconds, as doubles do.
* A record identifier is converted from its canonical form, so that `7` and `007`, one record of an
  Integral identifier, are one record of a String identifier too: `7`.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property

from tandem.errors import ValidationError
from tandem.model.event_time import EventTime
from tandem.model.feature_group import FeatureDefinition, FeatureGroup, FeatureType
from tandem.model.record import (
    FeatureValue,
    Record,
    canonical_identifier,
    check_size,
    check_value,
    parse_event_time,
)

_FRACTION = re.compile(r"[+-]?(?:\d+\.\d*|\.\d+|\d+(?=[eE]))(?:[eE][+-]?\d{1,4})?", re.ASCII)
_DIGITS_MAX = 20
_EXACT_IN_DOUBLES = 2**53
"""From here on, doubles are more than one apart."""


@dataclass(frozen=True)
class Conversion:
    """From one group's records to another's, which has the same features in other types."""

    source: FeatureGroup
    target: FeatureGroup

    @cached_property
    def _changed(self) -> Mapping[str, FeatureDefinition]:
        """The target's definition of the features whose type differs."""
        before = self.source.features_by_name
        return {
            feature.name: feature
            for feature in self.target.features
            if feature.type is not before[feature.name].type
        }

    def record(
        self, identifier: str, event_time: EventTime, values: tuple[FeatureValue, ...]
    ) -> Record:
        """The target's record of a source's, which is kept under `identifier`; values of features
        that the target does not have are left out.
        """
        try:
            return self._record(identifier, event_time, values)
        except ValidationError as error:
            raise ValidationError(f"record {identifier[:64]!r}: {error}") from None

    def may_meet(self, identifier: str) -> bool:
        """Whether another record of the source may have the same identifier in the target."""
        before, after = self.source.record_identifier.type, self.target.record_identifier.type
        if before is FeatureType.INTEGRAL and after is FeatureType.FRACTIONAL:
            return abs(int(identifier)) >= _EXACT_IN_DOUBLES
        return before is FeatureType.STRING and after is not before

    def _record(
        self, identifier: str, event_time: EventTime, values: tuple[FeatureValue, ...]
    ) -> Record:
        target, names = self.target, self.target.features_by_name
        kept = tuple(value for value in values if value[0] in names)
        if not self._changed:
            return Record(identifier, event_time, kept)
        kept = tuple(self._value(value, identifier, event_time) for value in kept)
        check_size(kept)  # an event time may be longer as ISO 8601 than it was as a number
        by_name = {value.name: str(value.value) for value in kept}
        if target.record_identifier_name in self._changed:
            identifier = canonical_identifier(target, by_name[target.record_identifier_name])
        if target.event_time_name in self._changed:
            event_time = parse_event_time(target, by_name[target.event_time_name])
        return Record(identifier, event_time, kept)

    def _value(self, value: FeatureValue, identifier: str, event_time: EventTime) -> FeatureValue:
        wanted = self._changed.get(value.name)
        if wanted is None:
            return value
        if value.name == self.target.event_time_name:
            return FeatureValue(value.name, _event_time_text(wanted.type, event_time))
        given = identifier if value.name == self.target.record_identifier_name else value.value
        converted = (
            _in_type(wanted.type, given)
            if isinstance(given, str)
            else tuple(_in_type(wanted.type, element) for element in given)
        )
        check_value(wanted, converted)
        return FeatureValue(value.name, converted)


def _event_time_text(wanted: FeatureType, event_time: EventTime) -> str:
    if wanted is FeatureType.STRING:
        return event_time.isoformat()
    # One division of whole numbers, which Python rounds once, to the nearest double.
    return repr((event_time.seconds * 1_000_000_000 + event_time.nanoseconds) / 1_000_000_000)


def _in_type(wanted: FeatureType, text: str) -> str:
    """`text` as `wanted` writes it, or as it is where it may not fit at all."""
    if wanted is FeatureType.INTEGRAL and (whole := _whole_number(text)) is not None:
        return whole
    return text


def _whole_number(text: str) -> str | None:
    """The digits of a whole number that is written as a fraction, as in "89.0" and "8.9e1"."""
    if not _FRACTION.fullmatch(text):
        return None
    number = Decimal(text)
    if number.is_zero():
        return "0"
    # The exponent is bounded first: "1e9999" has ten thousand digits.
    if number.adjusted() > _DIGITS_MAX or number != number.to_integral_value():
        return None
    return str(int(number))
