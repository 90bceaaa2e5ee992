"""Columns of Arrow as columns of feature values, whole columns at a time.

The result of a column has one of two forms, and either stands for the same texts that
`feature_values` makes cell by cell:

    text     the values exactly as they are written
    numbers  int64 for an Integral feature, double for a Fractional one; the text of a number is
             `str` of the one and `repr` of the other

A cell whose value is surely right is converted here. Any other is doubtful: the check of its row
says whether it is wrong and how. Where that check lets it pass, the value here is right, too. A
null or a NaN is no value. Types that no kernel knows are converted cell by cell.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tandem.errors import ValidationError
from tandem.model.feature_group import CollectionType, FeatureDefinition, FeatureType
from tandem.rows.event_time_columns import Mask, Numbers
from tandem.rows.feature_values import text_cells

_WHOLE = r"^[+-]?[0-9]{1,18}$"
_WHOLE_OF_19_DIGITS = r"^-?[0-9]{19}$"
# Short enough in digits and exponent to be finite.
_NUMBER = r"^[+-]?([0-9]{1,99}(\.[0-9]{0,99})?|\.[0-9]{1,99})([eE][+-]?[0-9]{1,2})?$"
# What Arrow surely reads as Python does.
_PLAIN_WHOLE = r"^-?[0-9]{1,18}$"
_PLAIN_NUMBER = r"^-?[0-9]{1,40}(\.[0-9]{1,40})?([eE][+-]?[0-9]{1,2})?$"
_INT64_MAX = 2**63 - 1
_UNIT = {"s": 1, "ms": 1_000, "us": 1_000_000, "ns": 1_000_000_000}
_BILLION = 1_000_000_000
# The years that `strftime` writes with four digits: 1000 to 9999.
_FOUR_DIGITS_MIN, _FOUR_DIGITS_MAX = -30_610_224_000, 253_402_300_799


class Column(NamedTuple):
    """The values of a column, and which of its cells are doubtful (None: none is)."""

    values: pa.Array
    is_doubtful: Mask | None = None


def convert(feature: FeatureDefinition, cells: pa.Array) -> Column:
    """The column of a feature's values that `cells` of any type are."""
    cells = _decoded(cells)
    if feature.collection is None:
        converted = _scalars(feature.type, cells)
    else:
        converted = _collections(feature, cells)
    return _cell_by_cell(feature, cells) if converted is None else converted


def text_of_doubles(values: pa.Array) -> pa.Array:
    """`repr` of each: the shortest text that reads back the same."""
    with duckdb.connect(":memory:") as connection:
        connection.register("doubles", pa.table({"value": values}))
        texts = connection.sql("SELECT value::VARCHAR AS text FROM doubles").to_arrow_table()
    return texts.column("text").combine_chunks()


def text_of(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """A converted column as text."""
    if pa.types.is_floating(column.type):
        return pa.chunked_array([text_of_doubles(chunk) for chunk in column.chunks], pa.string())
    if pa.types.is_list(column.type) and pa.types.is_floating(column.type.value_type):
        return pa.chunked_array(
            [_with_elements(chunk, text_of_doubles(chunk.flatten())) for chunk in column.chunks],
            pa.list_(pa.string()),
        )
    return column.cast(pa.list_(pa.string()) if pa.types.is_list(column.type) else pa.string())


def typed(values: pa.Array, type_: pa.DataType) -> pa.Array:
    """Values that are texts of numbers, or lists of such, as numbers: what Python reads in them.

    type_  int64, double or string, or a list of these
    """
    if pa.types.is_list(type_):
        return _with_elements(values, typed(values.flatten(), type_.value_type))
    try:
        return values.cast(type_)
    except pa.ArrowInvalid:
        pass  # Arrow does not read a plus sign, for one
    read, plain = (int, _PLAIN_WHOLE) if pa.types.is_integer(type_) else (float, _PLAIN_NUMBER)
    is_odd = pc.invert(pc.match_substring_regex(values, plain)).fill_null(False)
    numbers = pc.if_else(is_odd, None, values).cast(type_)
    odd = pa.array([read(text) for text in values.filter(is_odd).to_pylist()], type_)
    return pc.replace_with_mask(numbers, is_odd, odd)


def _decoded(cells: pa.Array) -> pa.Array:
    """The same values in the plainest of the types that hold such."""
    type_ = cells.type
    if pa.types.is_dictionary(type_):
        return _decoded(cells.dictionary_decode())
    if pa.types.is_large_string(type_) or pa.types.is_string_view(type_):
        return cells.cast(pa.string())
    if pa.types.is_large_list(type_) or pa.types.is_fixed_size_list(type_):
        return cells.cast(pa.list_(type_.value_type))
    if pa.types.is_float16(type_):
        return cells.cast(pa.float32())
    return cells


def _scalars(type_: FeatureType, cells: pa.Array) -> Column | None:
    """None where no kernel knows the type of the cells."""
    given = cells.type
    if pa.types.is_null(given):
        return Column(pa.nulls(len(cells), pa.string()))
    if pa.types.is_string(given):
        return _OF_TEXT[type_](cells)
    if pa.types.is_floating(given):
        doubles = cells.cast(pa.float64())
        return _OF_DOUBLES[type_](pc.if_else(pc.is_nan(doubles), None, doubles))
    if pa.types.is_boolean(given):
        return _of_booleans(type_, cells)
    if pa.types.is_integer(given):
        return _of_integers(type_, cells)
    if pa.types.is_timestamp(given) or pa.types.is_date32(given):
        return _of_moments(type_, cells)
    return None


def _whole_of_text(cells: pa.Array) -> Column:
    fits = pc.match_substring_regex(cells, _WHOLE)
    if not pc.all(fits).as_py():
        long = pc.match_substring_regex(cells, _WHOLE_OF_19_DIGITS)
        try:
            pc.if_else(long, cells, None).cast(pa.int64())
            fits = pc.or_(fits, long)
        except pa.ArrowInvalid:
            pass  # one of them has more than 64 bits
    return Column(cells, _doubts(pc.invert(fits)))


def _number_of_text(cells: pa.Array) -> Column:
    return Column(cells, _doubts(pc.invert(pc.match_substring_regex(cells, _NUMBER))))


def _whole_of_doubles(cells: pa.Array) -> Column:
    is_whole = pc.and_(pc.equal(pc.floor(cells), cells), pc.less(pc.abs(cells), 2.0**63))
    values = pc.if_else(is_whole, cells, None).cast(pa.int64())
    return Column(values, _doubts(pc.invert(is_whole)))


def _number_of_doubles(cells: pa.Array) -> Column:
    return Column(cells, _doubts(pc.is_inf(cells)))


def _text_of_doubles(cells: pa.Array) -> Column:
    return Column(text_of_doubles(cells))


def _of_booleans(type_: FeatureType, cells: pa.Array) -> Column:
    if type_ is FeatureType.STRING:
        return Column(pc.if_else(cells, "True", "False"))
    numbers = cells.cast(pa.int64())
    return Column(numbers if type_ is FeatureType.INTEGRAL else numbers.cast(pa.float64()))


def _of_integers(type_: FeatureType, cells: pa.Array) -> Column:
    if type_ is FeatureType.STRING:
        return Column(cells.cast(pa.string()))
    if type_ is FeatureType.FRACTIONAL:
        # Rounded to the nearest double, as Python does it.
        return Column(cells.cast(pa.float64(), safe=False))
    if not pa.types.is_uint64(cells.type):
        return Column(cells.cast(pa.int64()))
    is_large = pc.greater(cells, pa.scalar(_INT64_MAX, pa.uint64()))
    return Column(pc.if_else(is_large, None, cells).cast(pa.int64()), _doubts(is_large))


def _of_moments(type_: FeatureType, cells: pa.Array) -> Column | None:
    if type_ is FeatureType.INTEGRAL:
        return None
    is_date = pa.types.is_date32(cells.type)
    if is_date and type_ is FeatureType.FRACTIONAL:
        return None
    is_missing = cells.is_null()
    if is_date:
        seconds = cells.cast(pa.int32()).fill_null(0).to_numpy().astype(np.int64) * 86_400
        nanoseconds = np.zeros(len(cells), np.int64)
    else:
        counts = cells.cast(pa.int64()).fill_null(0).to_numpy()
        per_second = _UNIT[cells.type.unit]
        seconds, rest = np.divmod(counts, per_second)
        nanoseconds = rest * (_BILLION // per_second)
    if type_ is FeatureType.FRACTIONAL:
        return Column(pa.array(seconds + nanoseconds / 1e9, mask=is_missing.to_numpy(False)))
    if np.any((seconds < _FOUR_DIGITS_MIN) | (seconds > _FOUR_DIGITS_MAX)):
        return None
    return Column(pc.if_else(is_missing, None, _iso(seconds, nanoseconds)))


def _iso(seconds: Numbers, nanoseconds: Numbers) -> pa.Array:
    """As `EventTime.isoformat`: 0, 3, 6 or 9 digits of fraction, as many as are needed."""
    whole = pc.strftime(pa.array(seconds).cast(pa.timestamp("s")), "%Y-%m-%dT%H:%M:%S")
    if not nanoseconds.any():
        return pc.binary_join_element_wise(whole, "Z", "")
    digits = pc.utf8_lpad(pa.array(nanoseconds).cast(pa.string()), 9, "0")
    digits = pc.if_else(nanoseconds % 1_000 == 0, pc.utf8_slice_codeunits(digits, 0, 6), digits)
    digits = pc.if_else(nanoseconds % 1_000_000 == 0, pc.utf8_slice_codeunits(digits, 0, 3), digits)
    fraction = pc.binary_join_element_wise(".", digits, "")
    fraction = pc.if_else(nanoseconds == 0, "", fraction)
    return pc.binary_join_element_wise(whole, fraction, "Z", "")


def _collections(feature: FeatureDefinition, cells: pa.Array) -> Column | None:
    if not pa.types.is_list(cells.type):
        return None
    elements = _decoded(cells.flatten())
    converted = _scalars(feature.type, elements)
    if converted is None:
        return None
    lengths = pc.list_value_length(cells).fill_null(0).to_numpy()
    is_wrong = converted.values.is_null().to_numpy(zero_copy_only=False)
    if converted.is_doubtful is not None:
        is_wrong = is_wrong | converted.is_doubtful
    rows_of_elements = np.repeat(np.arange(len(cells)), lengths)
    is_doubtful = np.zeros(len(cells), np.bool_)
    is_doubtful[rows_of_elements[is_wrong]] = True
    is_missing = cells.is_null().to_numpy(zero_copy_only=False)
    if feature.collection is CollectionType.VECTOR:
        is_doubtful |= ~is_missing & (lengths != feature.vector_dimension)
    elif feature.collection is CollectionType.SET:
        is_doubtful |= lengths > 1
    return Column(_with_elements(cells, converted.values), is_doubtful)


def _with_elements(lists: pa.Array, elements: pa.Array) -> pa.Array:
    """Lists of the same lengths, missing where they are missing, with these elements."""
    lengths = pc.list_value_length(lists).fill_null(0).to_numpy()
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32)
    return pa.ListArray.from_arrays(offsets, elements, mask=lists.is_null())


def _cell_by_cell(feature: FeatureDefinition, cells: pa.Array) -> Column:
    texts: list[Any] = []
    is_doubtful = np.zeros(len(cells), np.bool_)
    for row, text in enumerate(text_cells(feature, cells)):
        is_doubtful[row] = isinstance(text, ValidationError)
        texts.append(None if is_doubtful[row] else text)
    if feature.collection is not None:
        # What the conversion lets pass, the check of the row may still refuse.
        is_doubtful |= np.array([text is not None for text in texts], np.bool_)
        return Column(pa.array(texts, pa.list_(pa.string())), is_doubtful)
    values, also_doubtful = _OF_TEXT[feature.type](pa.array(texts, pa.string()))
    return Column(values, is_doubtful if also_doubtful is None else is_doubtful | also_doubtful)


def _doubts(is_doubtful: pa.Array) -> Mask | None:
    if not pc.any(is_doubtful).as_py():
        return None
    mask: Mask = is_doubtful.fill_null(False).to_numpy(zero_copy_only=False)
    return mask


_OF_TEXT: dict[FeatureType, Callable[[pa.Array], Column]] = {
    FeatureType.STRING: Column,
    FeatureType.INTEGRAL: _whole_of_text,
    FeatureType.FRACTIONAL: _number_of_text,
}
_OF_DOUBLES: dict[FeatureType, Callable[[pa.Array], Column]] = {
    FeatureType.STRING: _text_of_doubles,
    FeatureType.INTEGRAL: _whole_of_doubles,
    FeatureType.FRACTIONAL: _number_of_doubles,
}
