"""A feature's values in another type: what a clone of a feature group needs.

    Integral   ─► Fractional   the same text
    any        ─► String       the same text; an event time becomes ISO 8601
    Fractional ─► Integral     where the number is whole: 89.0 becomes 89
    String     ─► number       where the text is such a number
    String event time ─► Fractional    seconds since 1970, to the nearest double

Nothing is rounded and nothing is left out: a value that has no exact form in the other type raises
ValidationError, which names the feature and the value. Event times alone may lose nanoseconds, as
doubles do.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import cached_property

from tandem.model.event_time import EventTime
from tandem.model.feature_group import FeatureDefinition, FeatureGroup, FeatureType
from tandem.model.record import (
    FeatureValue,
    Record,
    canonical_identifier,
    check_value,
    parse_event_time,
)

_FRACTION = re.compile(r"[+-]?(?=\d*\.?\d*[.eE])(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d{1,4})?", re.ASCII)
_DIGITS_MAX = 20


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

    def record(self, values: tuple[FeatureValue, ...], event_time: EventTime) -> Record:
        """The target's record of a source's values; features that it does not have are left out."""
        kept = tuple(
            self._value(value, event_time)
            for value in values
            if value.name in self.target.features_by_name
        )
        by_name = {value.name: str(value.value) for value in kept}
        return Record(
            canonical_identifier(self.target, by_name[self.target.record_identifier_name]),
            parse_event_time(self.target, by_name[self.target.event_time_name]),
            kept,
        )

    def _value(self, value: FeatureValue, event_time: EventTime) -> FeatureValue:
        wanted = self._changed.get(value.name)
        if wanted is None:
            return value
        if value.name == self.target.event_time_name:
            return FeatureValue(value.name, _event_time_text(wanted.type, event_time))
        if isinstance(value.value, str):
            return FeatureValue(value.name, _converted(wanted, value.value))
        return FeatureValue(value.name, tuple(_converted(wanted, item) for item in value.value))


def _event_time_text(wanted: FeatureType, event_time: EventTime) -> str:
    if wanted is FeatureType.STRING:
        return event_time.isoformat()
    return repr(event_time.seconds + event_time.nanoseconds / 1e9)


def _converted(wanted: FeatureDefinition, text: str) -> str:
    if wanted.type is FeatureType.INTEGRAL and (whole := _whole_number(text)) is not None:
        text = whole
    check_value(replace(wanted, collection=None, vector_dimension=None), text)
    return text


def _whole_number(text: str) -> str | None:
    """The digits of a whole number that is written as a fraction, as in "89.0" and "8.9e1"."""
    if not _FRACTION.fullmatch(text):
        return None
    number = Decimal(text)
    # The exponent is bounded first: "1e999999" has a million digits.
    if number.adjusted() > _DIGITS_MAX or number != number.to_integral_value():
        return None
    return str(int(number))
