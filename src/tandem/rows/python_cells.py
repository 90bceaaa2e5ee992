"""Cells of Arrow as Python values, the same whether pandas is installed or not.

Python's times end at microseconds. Of what is finer, Arrow makes objects of pandas where that is
there, and refuses it, or cuts it off, where it is not.
"""

from collections.abc import Callable, Iterator
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
    return _cells(column, _event_times)


def shown_cells(column: pa.Array | pa.ChunkedArray) -> list[Any]:
    """As Arrow gives them, for people; what Python cannot hold is text, in ISO 8601."""
    return _cells(column, _shown_moments)


def _cells(column: pa.Array | pa.ChunkedArray, moments_of: _CellsOf) -> list[Any]:
    type_ = column.type
    if pa.types.is_timestamp(type_):
        return moments_of(column)
    if type_ == pa.duration("ns"):
        return [None if count is None else _duration(count) for count in _counts(column)]
    if type_ == pa.time64("ns"):
        return [None if count is None else _time_of_day(count) for count in _counts(column)]
    if _holds_times(type_):
        if pa.types.is_dictionary(type_):
            return _cells(column.cast(type_.value_type), moments_of)
        if pa.types.is_map(type_):
            pair = pa.struct([("key", type_.key_type), ("value", type_.item_type)])
            pairs = _cells(column.cast(pa.list_(pair)), moments_of)
            return [cell and [tuple(one.values()) for one in cell] for cell in pairs]
        if pa.types.is_struct(type_):
            return list(_structs(column, moments_of))
        return list(_lists(column, moments_of))
    cells: list[Any] = column.to_pylist()
    return cells


def _counts(column: pa.Array | pa.ChunkedArray) -> list[int | None]:
    counts: list[int | None] = column.cast(pa.int64()).to_pylist()
    return counts


def _event_times(column: pa.Array | pa.ChunkedArray) -> list[Any]:
    unit = _UNIT_NANOSECONDS[column.type.unit]
    return [
        None if count is None else EventTime(*divmod(count * unit, _SECOND))
        for count in _counts(column)
    ]


def _shown_moments(column: pa.Array | pa.ChunkedArray) -> list[Any]:
    if column.type.unit != "ns":
        return list(column.to_pylist())
    whole = column.cast(pa.timestamp("us", column.type.tz), safe=False).to_pylist()
    texts = column.cast(pa.string()).to_pylist()
    return [
        cell if count is None or count % 1_000 == 0 else text.replace(" ", "T")
        for count, cell, text in zip(_counts(column), whole, texts, strict=True)
    ]


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


def _lists(column: pa.Array | pa.ChunkedArray, moments_of: _CellsOf) -> Iterator[Any]:
    elements = iter(_cells(pc.list_flatten(column), moments_of))
    for length in pc.list_value_length(column).to_pylist():
        yield None if length is None else [next(elements) for _ in range(length)]


def _structs(column: pa.Array | pa.ChunkedArray, moments_of: _CellsOf) -> Iterator[Any]:
    names = [field.name for field in column.type]
    columns = [_cells(pc.struct_field(column, [index]), moments_of) for index in range(len(names))]
    for is_there, *cells in zip(column.is_valid().to_pylist(), *columns, strict=True):
        yield dict(zip(names, cells, strict=True)) if is_there else None


def _holds_times(type_: pa.DataType) -> bool:
    """Whether there are moments, times of day or durations in it, however deep."""
    if pa.types.is_struct(type_):
        return any(_holds_times(field.type) for field in type_)
    if pa.types.is_map(type_):
        return _holds_times(type_.key_type) or _holds_times(type_.item_type)
    if hasattr(type_, "value_type"):  # of a list of any kind, or a dictionary
        return _holds_times(type_.value_type)
    return bool(
        pa.types.is_timestamp(type_) or type_ == pa.duration("ns") or type_ == pa.time64("ns")
    )
