"""The features JSON of many records as columns, with the group's types.

    [{"FeatureName":"customer_id","ValueAsString":"C1"},{"FeatureName":"sizes","ValueAsStringList":["1"]}]
     ▲ a cell begins                        ▲ its text

The JSON is not read by a parser of JSON, which would make an object of each value, but cut: the
bytes of many records, side by side, are one buffer, and the quotes in it are the offsets of an
Arrow array whose elements are all its strings and what stands between them. What is wanted is
taken from it, and becomes numbers, for all columns of a type at once.

* A cell is what `decode_features` and Python's `int` and `float` make of it.
* It rests on two things: the JSON is what `encode_features` writes, compact and with the name
  first, and values are of the types that their features have, since they were checked.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tandem.model.feature_group import FeatureDefinition, FeatureType
from tandem.rows.columns import typed
from tandem.rows.event_time_columns import Numbers
from tandem.rows.history_rows import arrow_type

_QUOTE, _BACKSLASH, _BRACE, _BRACKET = b'"\\{['
_PIECE_BYTES = 4 << 20
"""Records are cut some megabytes at a time, so that what is in between is small."""
_FEW_CELLS = 64
"""So few are decoded one by one in less time than Arrow's calls take."""
_NOTHING = -1
_READ: Mapping[FeatureType, Callable[[str], Any]] = {
    FeatureType.STRING: str,
    FeatureType.INTEGRAL: int,
    FeatureType.FRACTIONAL: float,
}
_texts = msgspec.json.Decoder(list[str])


def features_table(
    features_json: Sequence[bytes | None], features: Sequence[FeatureDefinition]
) -> pa.Table:
    """A column for each of the features, in their order, and a row for each record.

    Features of the records that are not asked for are left out; where a record has no value, and
    where it is None, there is null.
    """
    schema = pa.schema([pa.field(feature.name, arrow_type(feature)) for feature in features])
    if not features or not features_json:
        # Arrow's tables without columns have no rows; whoever asks knows how many there are.
        return schema.empty_table()
    if len(features_json) * len(features) <= _FEW_CELLS:
        return pa.Table.from_arrays(_one_by_one(features_json, features), schema=schema)
    pieces = [_columns(piece, features) for piece in _pieces(features_json)]
    batches = [pa.RecordBatch.from_arrays(columns, schema=schema) for columns in pieces]
    return pa.Table.from_batches(batches, schema)


class _Cell(msgspec.Struct, rename="pascal", gc=False):
    feature_name: str
    value_as_string: str | None = None
    value_as_string_list: list[str] | None = None


_record = msgspec.json.Decoder(list[_Cell])


def _one_by_one(
    features_json: Sequence[bytes | None], features: Sequence[FeatureDefinition]
) -> list[pa.Array]:
    """The columns of a few cells."""
    rows = [
        {} if one is None else {cell.feature_name: cell for cell in _record.decode(one)}
        for one in features_json
    ]
    return [
        pa.array([_value(row.get(feature.name), feature.type) for row in rows], arrow_type(feature))
        for feature in features
    ]


def _value(cell: _Cell | None, type_: FeatureType) -> Any:
    if cell is None:
        return None
    read = _READ[type_]
    if cell.value_as_string is not None:
        return read(cell.value_as_string)
    return [read(element) for element in cell.value_as_string_list or ()]


def _pieces(features_json: Sequence[bytes | None]) -> Iterator[Sequence[bytes | None]]:
    begin = size = 0
    for index, one in enumerate(features_json):
        size += len(one or b"")
        if size > _PIECE_BYTES:
            yield features_json[begin : index + 1]
            begin, size = index + 1, 0
    if begin < len(features_json):
        yield features_json[begin:]


class _Cells(NamedTuple):
    """The cells of records: a value in each, one behind the other.

    strings   elements of an array; those with an even number are strings of the JSON
    rows      the record of each cell
    names     the number of the string that is its feature's name
    ends      the number of the string behind its last one
    """

    strings: pa.Array
    rows: Numbers
    names: Numbers
    ends: Numbers

    def texts(self, numbers: pa.Array | Numbers) -> pa.Array:
        """The strings with these numbers, as they are in the JSON, escaped."""
        return self.strings.take(pc.multiply(numbers, 2))


def _columns(
    features_json: Sequence[bytes | None], features: Sequence[FeatureDefinition]
) -> list[pa.Array]:
    cells = _cells(features_json)
    if not len(cells.rows):
        return [pa.nulls(len(features_json), arrow_type(feature)) for feature in features]
    known = pa.array([feature.name for feature in features])
    columns = pc.index_in(cells.texts(cells.names), known).fill_null(_NOTHING).to_numpy()
    is_wanted = columns != _NOTHING
    # The cell of each column and row.
    found = np.full((len(features), len(features_json)), _NOTHING, np.int64)
    found[columns[is_wanted], cells.rows[is_wanted]] = np.flatnonzero(is_wanted)
    made: dict[int, pa.Array] = {}
    for type_ in FeatureType:
        scalars = [
            index
            for index, feature in enumerate(features)
            if feature.type is type_ and feature.collection is None
        ]
        made |= zip(scalars, _scalars(cells, found[scalars], type_), strict=True)
    for index, feature in enumerate(features):
        if feature.collection is not None:
            made[index] = _lists(cells, found[index], feature.type)
    return [made[index] for index in range(len(features))]


def _cells(features_json: Sequence[bytes | None]) -> _Cells:
    joined = b"".join(filter(None, features_json))
    characters = np.frombuffer(joined, np.uint8)
    quotes = _quotes(joined, characters)
    opening = quotes[::2]
    offsets = quotes.astype(np.int32)
    offsets[::2] += 1
    count = max(len(offsets) - 1, 0)
    strings = pa.StringArray.from_buffers(count, pa.py_buffer(offsets), pa.py_buffer(joined))
    # Only the key "FeatureName" stands right behind a brace.
    starts = np.flatnonzero(characters[opening - 1] == _BRACE)
    is_first = characters[opening[starts] - 2] == _BRACKET
    present = np.flatnonzero([one is not None for one in features_json])
    rows = present[np.cumsum(is_first) - 1]
    return _Cells(strings, rows, starts + 1, np.append(starts[1:], len(opening)))


def _quotes(joined: bytes, characters: np.ndarray) -> Numbers:
    """Where strings begin and end, one after the other."""
    is_quote = characters == _QUOTE
    if b"\\" in joined:
        backslashes = np.flatnonzero(characters == _BACKSLASH)
        # Of backslashes side by side, the first, the third and so on escape what follows them.
        is_first = np.diff(backslashes, prepend=-2) != 1
        begin = backslashes[is_first][np.cumsum(is_first) - 1]
        is_quote[backslashes[(backslashes - begin) % 2 == 0] + 1] = False
    found: Numbers = np.flatnonzero(is_quote)
    return found


def _scalars(cells: _Cells, found: np.ndarray, type_: FeatureType) -> list[pa.Array]:
    """The columns of features of one type; `found` has the cell of each of their values."""
    if not len(found):
        return []
    numbers = pa.array(_behind(cells.names, found.ravel(), 2), mask=found.ravel() == _NOTHING)
    values = _values(cells.texts(numbers), type_)
    count = found.shape[1]
    return [values.slice(index * count, count) for index in range(len(found))]


def _lists(cells: _Cells, found: Numbers, type_: FeatureType) -> pa.Array:
    """The column of a collection; its elements are all strings of a cell behind the second key."""
    is_missing = found == _NOTHING
    begins = _behind(cells.names, found, 2)
    lengths = np.where(is_missing, 0, cells.ends[found] - begins)
    offsets = np.append(0, np.cumsum(lengths))
    numbers = np.arange(offsets[-1]) + np.repeat(begins - offsets[:-1], lengths)
    elements = _values(cells.texts(pa.array(numbers)), type_)
    mask = pa.array(is_missing) if is_missing.any() else None
    return pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), elements, mask=mask)


def _behind(strings: Numbers, cells: Numbers, count: int) -> Numbers:
    """The number of the string that stands `count` behind the one of each of the cells."""
    found: Numbers = strings[cells] + count
    return found


def _values(escaped: pa.Array, type_: FeatureType) -> pa.Array:
    if type_ is not FeatureType.STRING:
        return typed(escaped, pa.int64() if type_ is FeatureType.INTEGRAL else pa.float64())
    is_escaped = pc.match_substring(escaped, "\\")
    odd = escaped.filter(is_escaped)
    if not len(odd):
        return escaped
    plain = _texts.decode(b'["' + b'","'.join(odd.cast(pa.binary()).to_pylist()) + b'"]')
    return pc.replace_with_mask(escaped, is_escaped.fill_null(False), pa.array(plain, pa.string()))
