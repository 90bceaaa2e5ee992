"""Columns of records that have all features of their group, as most do.

    [{"FeatureName":"id","ValueAsString":"C1"},{"FeatureName":"total","ValueAsString":"7.5"}][{"Feat
                                            └─ a cell ends          └─ the text of the next begins

Of such records, side by side, only the braces that end cells are searched for. How far behind one
the next text begins is known, since its feature is.

* It rests on what the online store keeps: compact JSON, the name first, cells in the definition's
  order. A definition grows at its end alone; so a record that has as many cells as there are
  features, and in the last one the last feature, has all of them.
* What is not as expected is left to others: a record without some value, a backslash or a brace in
  a text, a collection that is asked for.
"""

from collections.abc import Sequence
from itertools import groupby
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from tandem.model.feature_group import FeatureDefinition
from tandem.rows.columns import typed
from tandem.rows.event_time_columns import Numbers
from tandem.rows.history_rows import arrow_type
from tandem.rows.kept_by_definition import KeptByDefinition

_BRACE = ord("}")
_CELL = b'{"FeatureName":"%b"'
_BEFORE_TEXT = b',"ValueAsString":"'
_WORD = np.dtype("<u4")
_CELL_BEGINS = np.frombuffer(_CELL, _WORD, 1)[0]
"""Without a backslash, a quote begins or ends a string, and one with an F behind it begins a key;
so a cell begins wherever this stands.
"""
_NEXT_BEGINS, _FIRST_BEGINS = len("},"), len("}][")
"""How far behind the brace of the cell before a cell begins, and the first one of a record."""


class _Layout(NamedTuple):
    """Where the parts of a complete record stand: how far behind the end of the cell before.

    begins  of each cell, where it begins
    texts   of each cell, where its text begins
    last    what the last cell begins with
    """

    begins: Numbers
    texts: Numbers
    last: bytes


class _Wanted(NamedTuple):
    """The features that are asked for, those of a type side by side.

    places  of each: its place in a record
    runs    the types, and how many features have each
    order   of each, as they were asked for: where it is in `places`
    """

    places: Numbers
    runs: Sequence[tuple[pa.DataType, int]]
    order: Sequence[int]


_Plan = tuple[_Layout, _Wanted]
_plans: KeptByDefinition[_Plan | None] = KeptByDefinition()


def complete_columns(
    features_json: Sequence[bytes | None],
    features: Sequence[FeatureDefinition],
    stored: Sequence[FeatureDefinition],
) -> list[pa.Array] | None:
    """A column for each of the features, null where the record is None; or None where a record is
    not as expected.

    stored  all features of the group, in order, as an object that stays the same
    """
    names = tuple([feature.name for feature in features])
    plan = _plans.get(stored, names, lambda: _plan(stored, names))
    records = [one for one in features_json if one is not None]
    texts = None if plan is None else _texts(records, plan[0])
    if plan is None or texts is None:
        return None
    wanted = plan[1]
    rows = np.arange(len(records))
    is_missing = None
    if len(records) < len(features_json):
        is_there = np.array([one is not None for one in features_json])
        rows = np.cumsum(is_there) - 1
        is_missing = np.tile(~is_there, len(features))
    cells = rows * len(stored) + wanted.places[:, np.newaxis]
    taken = texts.take(pa.array(cells.ravel() * 2, mask=is_missing))
    made: list[pa.Array] = []
    count = len(features_json)
    for type_, width in wanted.runs:
        values = taken.slice(len(made) * count, width * count)
        if type_ != taken.type:
            values = typed(values, type_)
        made += [values.slice(place * count, count) for place in range(width)]
    return [made[place] for place in wanted.order]


def _texts(records: Sequence[bytes], layout: _Layout) -> pa.Array | None:
    """An array of which every other element is the text of a cell, from the first on."""
    # What is behind the last record may be looked at.
    joined = b"".join([*records, b" " * len(layout.last)])
    braces = np.flatnonzero(np.frombuffer(joined, np.uint8) == _BRACE)
    width = len(layout.begins)
    if not records or len(braces) != len(records) * width or b"\\" in joined:
        return None
    shifted = np.empty_like(braces)
    shifted[0], shifted[1:] = -2, braces[:-1]  # as if a record had ended in front of the first
    before, ends = shifted.reshape(-1, width), braces.reshape(-1, width)
    begins = before + layout.begins
    # With a cell behind each brace, there are as many cells as braces: each has that of its end.
    if (_at_each_byte(joined, _WORD)[begins] != _CELL_BEGINS).any():
        return None
    names = _at_each_byte(joined, np.dtype(f"S{len(layout.last)}"))
    if (names[begins[:, -1]] != layout.last).any():
        return None
    bounds = np.empty((*before.shape, 2), np.int32)
    bounds[:, :, 0] = before + layout.texts
    bounds[:, :, 1] = ends - 1
    return pa.StringArray.from_buffers(bounds.size - 1, pa.py_buffer(bounds), pa.py_buffer(joined))


def _at_each_byte(joined: bytes, type_: np.dtype[Any]) -> np.ndarray:
    """The value of a type that begins at each byte, wherever there are enough of them."""
    return np.ndarray(len(joined) - type_.itemsize + 1, type_, joined, strides=(1,))


def _plan(stored: Sequence[FeatureDefinition], names: tuple[str, ...]) -> _Plan | None:
    place_of = {feature.name: place for place, feature in enumerate(stored)}
    wanted = [stored[place_of[name]] for name in names]
    if not wanted or any(feature.collection is not None for feature in wanted):
        return None
    starts = [_CELL % feature.name.encode() for feature in stored]
    begins = np.array([_FIRST_BEGINS, *[_NEXT_BEGINS] * (len(stored) - 1)])
    texts = begins + [len(start) + len(_BEFORE_TEXT) for start in starts]
    order = sorted(range(len(wanted)), key=lambda index: wanted[index].type)
    runs = [
        (arrow_type(wanted[run[0]]), len(run))
        for run in (list(run) for _, run in groupby(order, lambda index: wanted[index].type))
    ]
    return (
        _Layout(begins, texts, starts[-1]),
        _Wanted(
            np.array([place_of[wanted[index].name] for index in order]),
            runs,
            [order.index(index) for index in range(len(order))],
        ),
    )
