"""Cells of Arrow as Python values, the same whether pandas is installed or not.

Python's times end at microseconds. Of what is finer, Arrow makes objects of pandas where that is
there, and refuses it, or cuts it off, where it is not.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from tandem.model.event_time import EventTime

_UNIT_NANOSECONDS = {"s": 1_000_000_000, "ms": 1_000_000, "us": 1_000, "ns": 1}
_SECOND = 1_000_000_000
_CellsOf = Callable[[pa.Array | pa.ChunkedArray], list[Any]]


def python_cells(column: pa.Array | pa.ChunkedArray) -> list[Any]:
    """Values of Python; a moment is an EventTime, and a duration or a time of day that Python
    cannot hold is its text.
    """
    type_ = column.type
    if pa.types.is_dictionary(type_):
        return python_cells(column.cast(type_.value_type))
    if pa.types.is_timestamp(type_):
        unit = _UNIT_NANOSECONDS[type_.unit]
        return [None if count is None else _moment(count * unit) for count in _counts(column)]
    if type_ == pa.duration("ns"):
        return [None if count is None else _duration(count) for count in _counts(column)]
    if type_ == pa.time64("ns"):
        return [None if count is None else _time_of_day(count) for count in _counts(column)]
    if _is_list(type_) and _is_temporal(type_.value_type):
        return _lists(column, python_cells)
    cells: list[Any] = column.to_pylist()
    return cells


def shown_cells(column: pa.Array | pa.ChunkedArray) -> list[Any]:
    """As Arrow gives them, for people; what Python cannot hold is text, in ISO 8601."""
    type_ = column.type
    if not _has_nanoseconds(type_):
        cells: list[Any] = column.to_pylist()
        return cells
    if pa.types.is_dictionary(type_):
        return shown_cells(column.cast(type_.value_type))
    if pa.types.is_struct(type_):
        return _structs(column)
    if _is_list(type_):
        return _lists(column, shown_cells)
    if not pa.types.is_timestamp(type_):
        return python_cells(column)
    whole = column.cast(pa.timestamp("us", type_.tz), safe=False).to_pylist()
    texts = column.cast(pa.string()).to_pylist()
    return [
        cell if count is None or count % 1_000 == 0 else text.replace(" ", "T")
        for count, cell, text in zip(_counts(column), whole, texts, strict=True)
    ]


def _counts(column: pa.Array | pa.ChunkedArray) -> list[int | None]:
    counts: list[int | None] = column.cast(pa.int64()).to_pylist()
    return counts


def _moment(nanoseconds: int) -> EventTime:
    return EventTime(*divmod(nanoseconds, _SECOND))


def _duration(nanoseconds: int) -> timedelta | str:
    if nanoseconds % 1_000 == 0:
        return timedelta(microseconds=nanoseconds // 1_000)
    seconds, rest = divmod(nanoseconds, _SECOND)
    return f"{timedelta(seconds=seconds)}.{rest:09}"


def _time_of_day(nanoseconds: int) -> Any:
    seconds, rest = divmod(nanoseconds, _SECOND)
    whole = (datetime.min + timedelta(seconds=seconds)).time()
    if rest % 1_000 == 0:
        return whole.replace(microsecond=rest // 1_000)
    return f"{whole}.{rest:09}"


def _lists(column: pa.Array | pa.ChunkedArray, cells_of: _CellsOf) -> list[Any]:
    elements = iter(cells_of(pc.list_flatten(column)))
    lengths: list[int | None] = pc.list_value_length(column).to_pylist()
    return [
        None if length is None else [next(elements) for _ in range(length)] for length in lengths
    ]


def _structs(column: pa.Array | pa.ChunkedArray) -> list[Any]:
    names = [field.name for field in column.type]
    columns = [shown_cells(pc.struct_field(column, [index])) for index in range(len(names))]
    are_there: list[bool] = column.is_valid().to_pylist()
    return [
        dict(zip(names, cells, strict=True)) if is_there else None
        for is_there, *cells in zip(are_there, *columns, strict=True)
    ]


def _is_list(type_: pa.DataType) -> bool:
    return bool(pa.types.is_list(type_) or pa.types.is_large_list(type_))


def _is_temporal(type_: pa.DataType) -> bool:
    """Of moments, times of day and durations."""
    return bool(
        pa.types.is_timestamp(type_) or pa.types.is_time(type_) or pa.types.is_duration(type_)
    )


def _has_nanoseconds(type_: pa.DataType) -> bool:
    if pa.types.is_dictionary(type_) or _is_list(type_):
        return _has_nanoseconds(type_.value_type)
    if pa.types.is_struct(type_):
        return any(_has_nanoseconds(field.type) for field in type_)
    return _is_temporal(type_) and type_.unit == "ns"
