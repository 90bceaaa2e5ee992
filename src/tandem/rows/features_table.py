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
from tandem.rows.event_time_columns import Mask, Numbers
from tandem.rows.history_rows import arrow_type

_QUOTE, _BACKSLASH, _BRACE, _BRACKET = b'"\\{['
_PIECE_BYTES = 4 << 20
"""Records are cut some megabytes at a time, so that what is in between is small."""
_FEW_CELLS = 256
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

    strings     elements of an array; those with an even number are strings of the JSON
    rows        the record of each cell
    names       the number of the string that is its feature's name
    ends        the number of the string behind its last one
    is_escaped  whether any string has a backslash
    """

    strings: pa.Array
    rows: Numbers
    names: Numbers
    ends: Numbers
    is_escaped: bool

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


def _columns(
    features_json: Sequence[bytes | None], features: Sequence[FeatureDefinition]
) -> list[pa.Array]:
    cells = _cells(features_json)
    if not len(cells.rows):
        return [pa.nulls(len(features_json), arrow_type(feature)) for feature in features]
    found = _found(cells, len(features_json), [feature.name for feature in features])
    made = dict(_scalars(cells, found, features))
    for index, feature in enumerate(features):
        if feature.collection is not None:
            made[index] = _lists(cells, found[index], feature.type)
    return [made[index] for index in range(len(features))]


def _cells(features_json: Sequence[bytes | None]) -> _Cells:
    joined = b"".join(filter(None, features_json))
    characters = np.frombuffer(joined, np.uint8)
    is_escaped = b"\\" in joined
    quotes = _quotes(characters, is_escaped=is_escaped)
    opening = quotes[::2]
    offsets = quotes.astype(np.int32)
    offsets[::2] += 1
    count = max(len(offsets) - 1, 0)
    strings = pa.StringArray.from_buffers(count, pa.py_buffer(offsets), pa.py_buffer(joined))
    # Only the key "FeatureName" stands right behind a brace.
    starts = np.flatnonzero(characters[opening - 1] == _BRACE)
    is_first = characters[opening[starts] - 2] == _BRACKET
    rows = np.cumsum(is_first) - 1
    if None in features_json:
        rows = np.flatnonzero([one is not None for one in features_json])[rows]
    ends = np.append(starts[1:], len(opening))
    return _Cells(strings, rows, starts + 1, ends, is_escaped)


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


def _found(cells: _Cells, count: int, wanted: Sequence[str]) -> np.ndarray:
    """The cell of each of the wanted features in each of `count` records."""
    names = cells.texts(cells.names)
    width = len(names) // count
    if _repeats(names, width) and np.array_equal(cells.rows[::width], np.arange(count)):
        # All records have the same features, in the same order.
        places = {name: place for place, name in enumerate(names.slice(0, width).to_pylist())}
        found = np.full((len(wanted), count), _NOTHING, np.int64)
        first = np.arange(0, len(names), width)
        for index, name in enumerate(wanted):
            if name in places:
                found[index] = first + places[name]
        return found
    columns = pc.index_in(names, pa.array(wanted)).fill_null(_NOTHING).to_numpy()
    is_wanted = columns != _NOTHING
    found = np.full((len(wanted), count), _NOTHING, np.int64)
    found[columns[is_wanted], cells.rows[is_wanted]] = np.flatnonzero(is_wanted)
    return found


def _repeats(names: pa.Array, width: int) -> bool:
    """Whether the names are the first `width` of them, again and again. They were just taken, so
    that they begin with their buffers.
    """
    if width == 0 or len(names) % width:
        return False
    _, offsets_buffer, texts = names.buffers()
    offsets = np.frombuffer(offsets_buffer, np.int32, len(names) + 1)
    size, times = int(offsets[width]), len(names) // width
    steps = offsets[:-1].reshape(times, width) - offsets[:-1:width, None]
    if offsets[-1] != size * times or (steps != steps[0]).any():
        return False
    whole = memoryview(texts)[: size * times].tobytes()
    return whole == whole[:size] * times


def _scalars(
    cells: _Cells, found: np.ndarray, features: Sequence[FeatureDefinition]
) -> Iterator[tuple[int, pa.Array]]:
    """The columns of the features that are no collections, by their index. All of their values are
    taken at once, those of one type side by side.
    """
    by_type = {type_: list[int]() for type_ in FeatureType}
    for index, feature in enumerate(features):
        if feature.collection is None:
            by_type[feature.type].append(index)
    indexes = [index for of_type in by_type.values() for index in of_type]
    wanted, count = found[indexes].ravel(), found.shape[1]
    is_missing = wanted == _NOTHING
    texts = cells.texts(cells.names[wanted] + 2, is_missing if is_missing.any() else None)
    start = 0
    for type_, of_type in by_type.items():
        if not of_type:
            continue
        values = _typed(cells, texts.slice(start, len(of_type) * count), type_)
        for place, index in enumerate(of_type):
            yield index, values.slice(place * count, count)
        start += len(of_type) * count


def _lists(cells: _Cells, found: Numbers, type_: FeatureType) -> pa.Array:
    """The column of a collection; its elements are all strings of a cell behind the second key."""
    is_missing = found == _NOTHING
    begins = cells.names[found] + 2
    lengths = np.where(is_missing, 0, cells.ends[found] - begins)
    offsets = np.append(0, np.cumsum(lengths))
    numbers = np.arange(offsets[-1]) + np.repeat(begins - offsets[:-1], lengths)
    elements = _typed(cells, cells.texts(numbers), type_)
    mask = pa.array(is_missing) if is_missing.any() else None
    return pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), elements, mask=mask)


def _typed(cells: _Cells, escaped: pa.Array, type_: FeatureType) -> pa.Array:
    if type_ is FeatureType.STRING:
        return cells.values(escaped)
    return typed(escaped, pa.int64() if type_ is FeatureType.INTEGRAL else pa.float64())
