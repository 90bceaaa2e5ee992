"""The cells of stored records, decoded by msgspec straight into values of their features' types.

msgspec tells a cell's type by its feature's name, and makes no text of a number on the way. It
reads less than Python does, which takes 007, +1.5 and .5, too; and of "-0" as a double it leaves
out the sign.
"""

from collections.abc import Callable, Sequence
from operator import attrgetter
from typing import Any, NamedTuple

import msgspec

from tandem.model.feature_group import FROM_TEXT, FeatureDefinition, FeatureType
from tandem.rows.kept_by_definition import KeptByDefinition

MINUS_ZERO = b'"-0"'
_FEATURES_MAX = 256
"""To make a cell's type takes some 50 µs."""

_value_of = attrgetter("value")


class _Reading(NamedTuple):
    """How wanted features are read.

    decode   reads the JSON of many records
    places   where the features stand in each record
    doubles  which of them are doubles
    """

    decode: Callable[[bytes], list[tuple[Any, ...]]]
    places: Sequence[int]
    doubles: Sequence[int]


_readings: KeptByDefinition[_Reading] = KeptByDefinition()


def cell_type(feature: FeatureDefinition) -> type[msgspec.Struct]:
    """What stands in a record's JSON for the feature, told by its name: it has a `value`."""
    one: Any = FROM_TEXT[feature.type]
    type_, key = (
        (one, "ValueAsString") if feature.collection is None else (list[one], "ValueAsStringList")
    )
    return msgspec.defstruct(
        "Cell",
        [("value", type_, msgspec.field(name=key))],
        namespace={"feature": feature.name},
        tag_field="FeatureName",
        tag=feature.name,
        gc=False,
    )


def complete_values(
    features_json: Sequence[bytes], stored: Sequence[FeatureDefinition], wanted: Sequence[str]
) -> Sequence[Sequence[Any]] | None:
    """The values of each wanted feature, of records that have all the stored ones.

    stored  all features of the group, in order, as an object that stays the same

    None where a record has not all of them, or a value that is not read here.
    """
    if not stored or len(wanted) > _FEATURES_MAX:
        return None
    names = tuple(wanted)
    decode, places, doubles = _readings.get(stored, names, lambda: _reading(stored, names))
    try:
        records = decode(b"[" + b",".join(features_json) + b"]")
    except msgspec.ValidationError:
        return None
    columns = list(zip(*records, strict=True)) or [()] * len(stored)
    values = [list(map(_value_of, columns[place])) for place in places]
    may_be_minus = any(stored[places[one]].collection or 0.0 in values[one] for one in doubles)
    if may_be_minus and any(MINUS_ZERO in one for one in features_json):
        return None
    return values


def _reading(stored: Sequence[FeatureDefinition], wanted: tuple[str, ...]) -> _Reading:
    order = {feature.name: place for place, feature in enumerate(stored)}
    places = [order[name] for name in wanted]
    cells: list[Any] = [msgspec.Raw] * len(stored)
    for place in places:
        cells[place] = cell_type(stored[place])
    record: Any = tuple.__class_getitem__(tuple(cells))
    # Not strict: a number may stand in a text.
    decode = msgspec.json.Decoder(list[record], strict=False).decode
    types = [stored[place].type for place in places]
    doubles = [one for one, type_ in enumerate(types) if type_ is FeatureType.FRACTIONAL]
    return _Reading(decode, places, doubles)
