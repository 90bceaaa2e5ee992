"""A result as Athena writes it: every value as text, and the whole as CSV.

* In CSV every value stands in double quotes, and so do the names; a null is nothing at all.
* A timestamp has milliseconds (`2024-01-01 00:00:00.000`), one with a zone "UTC" behind it.
* A double is written as Java does: `1.0`, `1.0E10`, `NaN`.
* An array is `[a, b]`, a map `{k=v}`, a row `{field=value}`; a null inside is `null`.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from tandem.query.athena.result_columns import csv_lines, text_column

_Writer = Callable[[Any], str]
_MICROSECONDS_DAY = 86_400_000_000
_BATCH_ROWS = 10_000


def csv_text(table: pa.Table) -> Iterator[str]:
    """The CSV of a table in parts: the header, then some thousand rows each."""
    yield csv_header(table.column_names)
    for batch in table.to_batches(max_chunksize=_BATCH_ROWS):
        yield csv_rows(batch).decode()


def csv_header(names: Sequence[str]) -> str:
    """The first line."""
    return ",".join(_quoted(name) for name in names) + "\n"


def csv_rows(batch: pa.RecordBatch) -> bytes:
    """The lines of a batch."""
    return bytes(csv_lines([text_column(column, value_texts) for column in batch.columns]))


def value_texts(column: pa.ChunkedArray | pa.Array) -> list[str | None]:
    """The values of a column as GetQueryResults gives them. None: null."""
    return _texts(column, _writer(column.type))


def _texts(column: pa.ChunkedArray | pa.Array, writer: _Writer) -> list[str | None]:
    return [None if value is None else writer(value) for value in _values(column)]


def _quoted(text: str) -> str:
    return '"' + text.replace('"', '""') + '"'


def _values(column: pa.ChunkedArray | pa.Array) -> list[Any]:
    type_ = column.type
    if pa.types.is_timestamp(type_) and type_.unit == "ns":
        column = pc.floor_temporal(column, unit="microsecond")
        column = column.cast(pa.timestamp("us", tz=type_.tz))
    return list(column.to_pylist())


def _writer(type_: pa.DataType) -> _Writer:
    """What makes text of a value of this type that is not null."""
    if pa.types.is_boolean(type_):
        return lambda value: "true" if value else "false"
    if pa.types.is_floating(type_):
        return _float_text if pa.types.is_float32(type_) else double_text
    if pa.types.is_timestamp(type_):
        zone = "" if type_.tz is None else " UTC"
        return lambda value: _timestamp_text(value) + zone
    if pa.types.is_binary(type_) or pa.types.is_large_binary(type_):
        return lambda value: " ".join(f"{byte:02x}" for byte in value)
    if pa.types.is_decimal(type_):
        return lambda value: format(Decimal(value), "f")
    if pa.types.is_time(type_):
        return lambda value: f"{value:%H:%M:%S}.{value.microsecond // 1000:03d}"
    if pa.types.is_interval(type_) or pa.types.is_duration(type_):
        return _interval_text
    if pa.types.is_map(type_):
        key, item = _inner(type_.key_type), _inner(type_.item_type)
        return lambda value: _braced(f"{key(name)}={item(one)}" for name, one in value)
    if pa.types.is_struct(type_):
        fields = [(field.name, _inner(field.type)) for field in type_]
        return lambda value: _braced(f"{name}={write(value[name])}" for name, write in fields)
    if pa.types.is_list(type_) or pa.types.is_large_list(type_):
        element = _inner(type_.value_type)
        return lambda value: f"[{', '.join(element(one) for one in value)}]"
    return str


def _inner(type_: pa.DataType) -> _Writer:
    writer = _writer(type_)
    return lambda value: "null" if value is None else writer(value)


def _braced(parts: Iterator[str]) -> str:
    return "{" + ", ".join(parts) + "}"


def double_text(value: float) -> str:
    """A double as Java writes it, in the fewest digits that give it back."""
    return _java_text(value, repr(float(value)))


def _float_text(value: float) -> str:
    shortest = (
        next(text for digits in range(1, 10) if _as_float(text := f"{value:.{digits}g}") == value)
        if math.isfinite(value)
        else repr(value)
    )
    return _java_text(value, shortest)


def _as_float(text: str) -> float:
    return float(pa.scalar(float(text), pa.float32()).as_py())


def _java_text(value: float, shortest: str) -> str:
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    if value == 0:
        return "-0.0" if math.copysign(1, value) < 0 else "0.0"
    sign, digits, exponent = Decimal(shortest).normalize().as_tuple()
    assert isinstance(exponent, int)
    text, point = "".join(map(str, digits)), len(digits) + exponent
    minus = "-" if sign else ""
    if not 1e-3 <= abs(value) < 1e7:
        return f"{minus}{text[0]}.{text[1:] or '0'}E{point - 1}"
    if point <= 0:
        return f"{minus}0.{'0' * -point}{text}"
    return f"{minus}{text[:point].ljust(point, '0')}.{text[point:] or '0'}"


def _timestamp_text(value: datetime) -> str:
    # Milliseconds are cut off, as Athena does for what has more.
    return f"{value.year:04d}-{value:%m-%d %H:%M:%S}.{value.microsecond // 1000:03d}"


def _interval_text(value: Any) -> str:
    """`1 02:03:04.500` for days to seconds, `1-2` for years and months."""
    if getattr(value, "months", 0):
        years, months = divmod(abs(value.months), 12)
        return f"{'-' if value.months < 0 else ''}{years}-{months}"
    if hasattr(value, "nanoseconds"):
        total = value.days * _MICROSECONDS_DAY + value.nanoseconds // 1000
    else:
        total = round(value.total_seconds() * 1_000_000)
    sign, total = ("-" if total < 0 else ""), abs(total)
    days, rest = divmod(total, _MICROSECONDS_DAY)
    seconds, micros = divmod(rest, 1_000_000)
    hours, minutes = divmod(seconds // 60, 60)
    return f"{sign}{days} {hours:02d}:{minutes:02d}:{seconds % 60:02d}.{micros // 1000:03d}"
