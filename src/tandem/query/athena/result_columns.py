"""Columns of a result as text, without the interpreter's lock: a large result must not hold up
whoever else runs in this process.

The texts are those of `result_text`, value by value; what is rare is left to it.
"""

from collections.abc import Callable

import pyarrow as pa
import pyarrow.compute as pc

_TEXT = pa.large_string()
_PLAIN_MIN, _PLAIN_MAX = 1e-3, 1e7
_A_SECOND = {"s": 1, "ms": 1_000, "us": 1_000_000, "ns": 1_000_000_000}
_YEAR_10000 = 253_402_300_800
"""In seconds since 1970."""

SlowTexts = Callable[[pa.Array], list[str | None]]


def text_column(column: pa.Array, slow: SlowTexts) -> pa.Array:
    """The values of a column as text; `slow` makes those that are not made here."""
    type_ = column.type
    if pa.types.is_boolean(type_) or pa.types.is_integer(type_) or pa.types.is_date(type_):
        return column.cast(_TEXT)
    if pa.types.is_string(type_) or pa.types.is_large_string(type_):
        return column.cast(_TEXT)
    if pa.types.is_float64(type_):
        return _doubles(column, slow)
    if pa.types.is_timestamp(type_) and type_.tz is None and _is_recent(column):
        return column.cast(pa.timestamp("ms"), safe=False).cast(_TEXT)
    return pa.array(slow(column), _TEXT)


def csv_lines(columns: list[pa.Array]) -> memoryview:
    """The lines of CSV that columns of text make: values in quotes, nulls as nothing."""
    quoted = [_quoted(column) for column in columns]
    lines = pc.binary_join_element_wise(*quoted, _scalar(","))
    ended = pc.binary_join_element_wise(lines, _scalar(""), _scalar("\n"))
    _, offsets, values = ended.buffers()
    if values is None:
        return memoryview(b"")
    places = memoryview(offsets).cast("q")
    return memoryview(values)[places[ended.offset] : places[ended.offset + len(ended)]]


def _quoted(column: pa.Array) -> pa.Array:
    if pc.any(pc.match_substring(column, '"')).as_py():
        column = pc.replace_substring(column, '"', '""')
    quote = _scalar('"')
    return pc.coalesce(pc.binary_join_element_wise(quote, column, quote, _scalar("")), _scalar(""))


def _doubles(column: pa.Array, slow: SlowTexts) -> pa.Array:
    size = pc.abs(column)
    is_plain = pc.or_(
        pc.and_(pc.greater_equal(size, _PLAIN_MIN), pc.less(size, _PLAIN_MAX)), pc.equal(size, 0.0)
    )
    texts = column.cast(_TEXT)
    has_exponent = pc.match_substring(texts, "e")
    is_whole = pc.and_(pc.greater_equal(size, _PLAIN_MAX), pc.invert(has_exponent))
    is_shifted = pc.and_(is_whole, pc.is_finite(column))
    found = pc.if_else(is_plain, _with_point(texts), None)
    if pc.any(is_shifted).as_py():
        found = pc.if_else(is_shifted, _shifted(texts), found)
    if pc.any(has_exponent).as_py():
        found = pc.if_else(has_exponent, _with_exponent(texts), found)
    left = pc.and_(pc.is_null(found), pc.is_valid(column))
    if pc.any(left).as_py():
        made = pa.array(slow(column.filter(left)), _TEXT)
        found = pc.replace_with_mask(found, left, made)
    return found


def _with_point(texts: pa.Array) -> pa.Array:
    whole = pc.binary_join_element_wise(texts, _scalar(".0"), _scalar(""))
    return pc.if_else(pc.match_substring(texts, "."), texts, whole)


def _shifted(texts: pa.Array) -> pa.Array:
    """`1700000000.5` as `1.7000000005E9`."""
    sign = pc.if_else(pc.starts_with(texts, "-"), _scalar("-"), _scalar(""))
    digits = pc.utf8_ltrim(texts, "-")
    exponent = pc.subtract(pc.utf8_length(pc.replace_substring_regex(digits, r"\..*", "")), 1)
    joined = pc.replace_substring(digits, ".", "", max_replacements=1)
    first = pc.utf8_slice_codeunits(joined, 0, 1)
    rest = pc.utf8_rtrim(pc.utf8_slice_codeunits(joined, 1), "0")
    rest = pc.if_else(pc.equal(rest, ""), _scalar("0"), rest)
    mantissa = pc.binary_join_element_wise(first, rest, _scalar("."))
    shown = pc.binary_join_element_wise(mantissa, exponent.cast(_TEXT), _scalar("E"))
    return pc.binary_join_element_wise(sign, shown, _scalar(""))


def _with_exponent(texts: pa.Array) -> pa.Array:
    """`1.5e+20` as `1.5E20`, `1e-07` as `1.0E-7`."""
    pointed = pc.replace_substring_regex(texts, r"^(-?\d)e", r"\1.0e")
    return pc.replace_substring_regex(pointed, r"e\+?(-?)0*(\d)", r"E\1\2")


def _is_recent(column: pa.Array) -> bool:
    """Whether no moment is before 1970, where cutting off is not rounding down, or after 9999."""
    found = pc.min_max(column.cast(pa.int64())).as_py()
    least, most = found["min"], found["max"]
    return least is None or (least >= 0 and most < _YEAR_10000 * _A_SECOND[column.type.unit])


def _scalar(text: str) -> pa.Scalar:
    return pa.scalar(text, _TEXT)
