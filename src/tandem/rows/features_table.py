"""The features JSON of many records as columns, with the group's types.

    [{"FeatureName":"customer_id","ValueAsString":"C1"},{"FeatureName":"sizes","ValueAsStringList":["1"]}]
     ▲ a cell begins                        ▲ its text

The JSON of many records is not read by a parser of JSON, which would make an object of each value,
but cut: their bytes, side by side, are one buffer, and the quotes in it are the offsets of an Arrow
array whose elements are all its strings and what stands between them. What is wanted is taken from
it, and becomes numbers, for all columns of a type at once. Some ten records are decoded all the
same: so many objects are made in less time than those steps take. Of more that have all features,
even less is searched for (`tandem.rows.complete_records`).

* A cell is what `decode_features` and Python's `int` and `float` make of it.
* It rests on two things: the JSON is what `encode_features` writes, compact and with the name
  first, and values are of the types that their features have, since they were checked.
"""

from collections.abc import Iterator, Sequence
from itertools import chain, groupby
from operator import itemgetter
from typing import Any, NamedTuple

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tandem.model.feature_group import FROM_TEXT, FeatureDefinition, FeatureType
from tandem.rows.columns import typed
from tandem.rows.complete_records import complete_columns
from tandem.rows.event_time_columns import Mask, Numbers
from tandem.rows.history_rows import arrow_type
from tandem.rows.typed_cells import complete_values

_QUOTE, _BACKSLASH, _BRACE, _BRACKET = b'"\\{['
_PIECE_BYTES = 4 << 20
"""Records are cut some megabytes at a time, so that what is in between is small."""
_DECODED_CELLS = 600
"""So many are decoded in less time than it takes to cut complete records,"""
_DECODED_CELLS_MAX = 1_500
"""and so many in less than it takes to cut others."""
_FEW_CELLS = 256
"""So few are decoded one by one in less time than Arrow's calls take."""
_NOTHING = -1
_PLAIN = 4
"""The strings of a cell that has one text: both keys, the name and the text."""
_texts = msgspec.json.Decoder(list[str])
_NUMBERS = {(False, FeatureType.FRACTIONAL): np.float64, (False, FeatureType.INTEGRAL): np.int64}
"""Of the kinds of features that are a number."""


def feature_columns(
    features_json: Sequence[bytes | None],
    features: Sequence[FeatureDefinition],
    stored: Sequence[FeatureDefinition] = (),
) -> list[pa.Array] | list[pa.ChunkedArray]:
    """A column for each of the features, in their order, with a row for each record.

    stored  all features of the group, in order, as an object that stays the same. Records that have
            all of them, and no others, are read faster.

    Features of the records that are not asked for are left out; where a record has no value, and
    where it is None, there is null.
    """
    pieces = [_columns(piece, features, stored) for piece in _pieces(features_json)]
    if len(pieces) == 1:
        return pieces[0]
    return [pa.chunked_array(column) for column in zip(*pieces, strict=True)]


def _columns(
    features_json: Sequence[bytes | None],
    features: Sequence[FeatureDefinition],
    stored: Sequence[FeatureDefinition],
) -> list[pa.Array]:
    """The columns in the fastest way that takes such records."""
    cells = len(features_json) * len(stored)
    columns = None
    if cells > _DECODED_CELLS:
        columns = complete_columns(features_json, features, stored)
    if columns is None and cells <= _DECODED_CELLS_MAX:
        columns = _columns_of_complete(features_json, features, stored)
    if columns is None and len(features_json) * len(features) <= _FEW_CELLS:
        columns = _one_by_one(features_json, features)
    return _cut(features_json, features) if columns is None else columns


def _columns_of_complete(
    features_json: Sequence[bytes | None],
    features: Sequence[FeatureDefinition],
    stored: Sequence[FeatureDefinition],
) -> list[pa.Array] | None:
    """The columns of records that have all features; None where one has not."""
    records = [one for one in features_json if one is not None]
    values = complete_values(records, stored, [feature.name for feature in features])
    if values is None:
        return None
    if len(records) != len(features_json):
        left = [iter(column) for column in values]
        values = [
            [None if one is None else next(column) for one in features_json] for column in left
        ]
    columns: dict[int, pa.Array] = {}
    order = sorted(range(len(features)), key=lambda index: _kind(features[index]))
    for kind, group in groupby(order, lambda index: _kind(features[index])):
        places = list(group)
        if kind in _NUMBERS and len(records) == len(features_json):
            # All of a type at once, since each call of Arrow takes as long as some ten values.
            given = chain.from_iterable([values[place] for place in places])
            made = pa.array(np.fromiter(given, _NUMBERS[kind], len(places) * len(records)))
            columns |= zip(places, _slices(made, len(places), len(records)), strict=True)
        else:
            columns |= {
                place: pa.array(values[place], arrow_type(features[place])) for place in places
            }
    return [columns[place] for place in range(len(features))]


class _Cell(msgspec.Struct, rename="pascal", gc=False):
    feature_name: str
    value_as_string: str | None = None
    value_as_string_list: list[str] | None = None


_record = msgspec.json.Decoder(list[_Cell])


def _one_by_one(
    features_json: Sequence[bytes | None], features: Sequence[FeatureDefinition]
) -> list[pa.Array]:
    """The columns of a few cells."""
    types = {feature.name: feature.type for feature in features}
    rows = [
        {}
        if one is None
        else {
            cell.feature_name: _value(cell, types[cell.feature_name])
            for cell in _record.decode(one)
            if cell.feature_name in types
        }
        for one in features_json
    ]
    # All columns in one call: it takes longer than their cells.
    row = pa.struct([pa.field(feature.name, arrow_type(feature)) for feature in features])
    columns: list[pa.Array] = pa.array(rows, row).flatten()
    return columns


def _value(cell: _Cell, type_: FeatureType) -> Any:
    read = FROM_TEXT[type_]
    if cell.value_as_string is not None:
        return read(cell.value_as_string)
    return [read(element) for element in cell.value_as_string_list or ()]


def _pieces(features_json: Sequence[bytes | None]) -> Iterator[Sequence[bytes | None]]:
    if sum(map(len, filter(None, features_json))) <= _PIECE_BYTES:
        yield features_json
        return
    begin = size = 0
    for index, one in enumerate(features_json):
        if one is not None:
            size += len(one)
            if size > _PIECE_BYTES:
                yield features_json[begin : index + 1]
                begin, size = index + 1, 0
    if begin < len(features_json):
        yield features_json[begin:]


class _Cells(NamedTuple):
    """The cells of records: a value in each, one behind the other.

    strings     elements of an array; those with an even number are strings of the JSON
    is_escaped  whether any string has a backslash
    starts      the number of the string that begins each cell; its feature's name comes next
    rows        the record of each cell
    width       the cells in each record, where all have as many; else 0
    """

    strings: pa.Array
    is_escaped: bool
    starts: Numbers
    rows: Numbers
    width: int

    def texts(self, numbers: Numbers, is_missing: Mask | None = None) -> pa.Array:
        """The strings with these numbers, as they are in the JSON, escaped."""
        return self.strings.take(pa.array(numbers * 2, mask=is_missing))

    def values(self, escaped: pa.Array) -> pa.Array:
        """The texts that such strings stand for."""
        if not self.is_escaped:
            return escaped
        is_odd = pc.match_substring(escaped, "\\").fill_null(False)
        odd = escaped.filter(is_odd).cast(pa.binary()).to_pylist()
        plain = _texts.decode(b'["' + b'","'.join(odd) + b'"]') if odd else []
        return pc.replace_with_mask(escaped, is_odd, pa.array(plain, pa.string()))


def _cut(
    features_json: Sequence[bytes | None], features: Sequence[FeatureDefinition]
) -> list[pa.Array]:
    cells = _cells(features_json)
    if not len(cells.starts):
        return [pa.nulls(len(features_json), arrow_type(feature)) for feature in features]
    # Side by side those that become numbers at once; behind them those that have lists.
    order = sorted(range(len(features)), key=lambda index: _kind(features[index]))
    found = _found(cells, len(features_json), [features[index].name for index in order])
    made: list[pa.Array] = []
    for (is_list, type_), indexes in groupby(order, lambda index: _kind(features[index])):
        numbers = found[len(made) : len(made) + len(list(indexes))]
        if is_list:
            made += [_lists(cells, of_one, type_) for of_one in numbers]
        else:
            made += _scalars(cells, numbers, type_)
    return [column for _, column in sorted(zip(order, made, strict=True), key=itemgetter(0))]


def _kind(feature: FeatureDefinition) -> tuple[bool, FeatureType]:
    return feature.collection is not None, feature.type


def _cells(features_json: Sequence[bytes | None]) -> _Cells:
    joined = b"".join(filter(None, features_json))
    characters = np.frombuffer(joined, np.uint8)
    is_escaped = b"\\" in joined
    quotes = _quotes(characters, is_escaped=is_escaped)
    offsets = quotes.astype(np.int32)
    offsets[::2] += 1
    count = max(len(offsets) - 1, 0)
    strings = pa.StringArray.from_buffers(count, pa.py_buffer(offsets), pa.py_buffer(joined))
    starts, rows, width = _starts(characters, quotes[::2], features_json)
    return _Cells(strings, is_escaped, starts, rows, width)


def _starts(
    characters: np.ndarray, opening: Numbers, features_json: Sequence[bytes | None]
) -> tuple[Numbers, Numbers, int]:
    """As `_Cells` has them. Only the key "FeatureName" stands right behind a brace, and only the
    first of a record behind a bracket, too.
    """
    count = len(features_json)
    plain = opening[::_PLAIN]
    width, rest = divmod(len(opening), _PLAIN * count)
    if (
        width
        and not rest
        and (characters[plain - 1] == _BRACE).all()
        and (characters[plain[::width] - 2] == _BRACKET).all()
    ):
        # As many cells in each record, with one text each: nothing is to be searched for.
        return np.arange(0, len(opening), _PLAIN), np.repeat(np.arange(count), width), width
    starts = np.flatnonzero(characters[opening - 1] == _BRACE)
    is_first = characters[opening[starts] - 2] == _BRACKET
    rows = np.cumsum(is_first) - 1
    if None in features_json:
        rows = np.flatnonzero([one is not None for one in features_json])[rows]
    width, rest = divmod(len(starts), count)
    return starts, rows, width if width and not rest and is_first[::width].all() else 0


def _quotes(characters: np.ndarray, *, is_escaped: bool) -> Numbers:
    """Where strings begin and end, one after the other."""
    is_quote = characters == _QUOTE
    if is_escaped:
        backslashes = np.flatnonzero(characters == _BACKSLASH)
        # Of backslashes side by side, the first, the third and so on escape what follows them.
        is_first = np.diff(backslashes, prepend=-2) != 1
        begin = backslashes[is_first][np.cumsum(is_first) - 1]
        is_quote[backslashes[(backslashes - begin) % 2 == 0] + 1] = False
    found: Numbers = np.flatnonzero(is_quote)
    return found


def _found(cells: _Cells, count: int, wanted: Sequence[str]) -> Numbers:
    """The cell of each of the wanted features in each of `count` records."""
    names = cells.texts(cells.starts + 1)
    width = cells.width
    if width and names.slice(width).equals(names.slice(0, len(names) - width)):
        # All records have the same features, in the same order.
        places = {name: place for place, name in enumerate(names.slice(0, width).to_pylist())}
        held = np.array([places.get(name, _NOTHING) for name in wanted])[:, np.newaxis]
        found: Numbers = np.arange(0, len(names), width) + held
        return found if held.min() != _NOTHING else np.where(held == _NOTHING, _NOTHING, found)
    columns = pc.index_in(names, pa.array(wanted)).fill_null(_NOTHING).to_numpy()
    is_wanted = columns != _NOTHING
    found = np.full((len(wanted), count), _NOTHING, np.int64)
    found[columns[is_wanted], cells.rows[is_wanted]] = np.flatnonzero(is_wanted)
    return found


def _scalars(cells: _Cells, found: Numbers, type_: FeatureType) -> list[pa.Array]:
    """The columns of features of one type that are no collections, taken at once."""
    is_missing = (found == _NOTHING).ravel()
    texts = cells.texts(cells.starts[found.ravel()] + 3, is_missing if is_missing.any() else None)
    values = _typed(cells, texts, type_)
    return _slices(values, len(found), len(found[0]))


def _slices(values: pa.Array, width: int, count: int) -> list[pa.Array]:
    return [values.slice(place * count, count) for place in range(width)]


def _lists(cells: _Cells, found: Numbers, type_: FeatureType) -> pa.Array:
    """The column of a collection; its elements are all strings of a cell behind the second key."""
    is_missing = found == _NOTHING
    begins = cells.starts[found] + 3
    ends = np.append(cells.starts[1:], (len(cells.strings) + 1) // 2)[found]
    lengths = np.where(is_missing, 0, ends - begins)
    offsets = np.append(0, np.cumsum(lengths))
    numbers = np.arange(offsets[-1]) + np.repeat(begins - offsets[:-1], lengths)
    elements = _typed(cells, cells.texts(numbers), type_)
    mask = pa.array(is_missing) if is_missing.any() else None
    return pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), elements, mask=mask)


def _typed(cells: _Cells, escaped: pa.Array, type_: FeatureType) -> pa.Array:
    if type_ is FeatureType.STRING:
        return cells.values(escaped)
    return typed(escaped, pa.int64() if type_ is FeatureType.INTEGRAL else pa.float64())
