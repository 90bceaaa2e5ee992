"""Cells with nanoseconds, which Arrow gives in other ways with pandas and without."""

from datetime import datetime, time, timedelta
from typing import Any

import pyarrow as pa
import pytest

from tandem.model.event_time import EventTime
from tandem.rows.python_cells import python_cells, shown_cells

SECOND = 1_000_000_000
EPOCH, MICROSECOND = datetime(1970, 1, 1), timedelta(microseconds=1)


@pytest.mark.parametrize(
    ("type_", "counts", "expected"),
    [
        (
            pa.duration("ns"),
            [SECOND, None, SECOND + 1, -1, -1_000],
            [
                timedelta(seconds=1),
                None,
                "0:00:01.000000001",
                "-1 day, 23:59:59.999999999",
                timedelta(microseconds=-1),
            ],
        ),
        (
            pa.time64("ns"),
            [SECOND, None, 3_600 * SECOND + 1, 1_000],
            [time(0, 0, 1), None, "01:00:00.000000001", time(microsecond=1)],
        ),
        (pa.timestamp("ns"), [1, None], [EventTime(0, 1), None]),
        (
            pa.list_(pa.timestamp("ns", "UTC")),
            [[1, 2], None, [], [3]],
            [[EventTime(0, 1), EventTime(0, 2)], None, [], [EventTime(0, 3)]],
        ),
        (
            pa.large_list(pa.duration("ns")),
            [[SECOND], [1]],
            [[timedelta(seconds=1)], ["0:00:00.000000001"]],
        ),
        (pa.list_(pa.int64()), [[1], None], [[1], None]),
    ],
)
@pytest.mark.parametrize("is_chunked", [False, True])
def test_nothing_is_cut_off(
    type_: pa.DataType, counts: list[Any], expected: list[Any], is_chunked: bool
) -> None:
    column = pa.array(counts, type_)
    assert python_cells(pa.chunked_array([column]) if is_chunked else column) == expected
    assert python_cells(column.slice(1)) == expected[1:]


@pytest.mark.parametrize(
    ("type_", "cell", "expected"),
    [
        (pa.map_(pa.string(), pa.timestamp("ns")), [("a", 1)], [("a", EventTime(0, 1))]),
        (pa.list_(pa.timestamp("ns"), 1), [1], [EventTime(0, 1)]),
        (pa.list_view(pa.timestamp("ns")), [1], [EventTime(0, 1)]),
        (pa.list_(pa.list_(pa.timestamp("ns"))), [[1]], [[EventTime(0, 1)]]),
        (
            pa.struct({"a": pa.struct({"b": pa.time64("ns")})}),
            {"a": {"b": 1}},
            {"a": {"b": "00:00:00.000000001"}},
        ),
    ],
    ids=str,
)
def test_nor_deep_inside(type_: pa.DataType, cell: Any, expected: Any) -> None:
    column = pa.array([cell, None, cell], type_)
    assert python_cells(column) == [expected, None, expected]
    assert python_cells(pa.chunked_array([column.slice(1)])) == [None, expected]
    assert len(shown_cells(column)) == 3


def test_repeated_moments_are_moments() -> None:
    column = pa.array([1, 1, None], pa.timestamp("ns")).dictionary_encode()
    assert python_cells(column) == [EventTime(0, 1), EventTime(0, 1), None]


@pytest.mark.parametrize(
    ("type_", "cells", "expected"),
    [
        (pa.timestamp("ns"), [1, 1_000], ["1970-01-01T00:00:00.000000001", EPOCH + MICROSECOND]),
        (pa.timestamp("ns", "UTC"), [1, None], ["1970-01-01T00:00:00.000000001Z", None]),
        (pa.timestamp("us"), [1], [EPOCH + MICROSECOND]),
        (pa.time64("ns"), [1], ["00:00:00.000000001"]),
        (pa.list_(pa.time64("ns")), [[1], None], [["00:00:00.000000001"], None]),
        (
            pa.struct({"at": pa.timestamp("ns"), "n": pa.int64()}),
            [{"at": 1, "n": 2}, None, {"at": None, "n": 3}],
            [{"at": "1970-01-01T00:00:00.000000001", "n": 2}, None, {"at": None, "n": 3}],
        ),
        (pa.list_(pa.struct({"n": pa.int64()})), [[{"n": 1}]], [[{"n": 1}]]),
        (pa.float64(), [1.5], [1.5]),
    ],
)
def test_people_see_what_python_cannot_hold_as_text(
    type_: pa.DataType, cells: list[Any], expected: list[Any]
) -> None:
    column = pa.array(cells, type_)
    assert shown_cells(column) == expected
    assert shown_cells(pa.chunked_array([column.slice(0, 1), column.slice(1)])) == expected
