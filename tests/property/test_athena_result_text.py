"""The text of results: made a column at a time, it is what it is made a value at a time."""

import math
from datetime import date, datetime
from typing import Any

import pyarrow as pa
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tandem.query.athena.result_columns import csv_lines, text_column
from tandem.query.athena.result_text import value_texts

texts = st.text(max_size=12) | st.sampled_from(['"', '""', ",", "\n", "", "null", "é\u2028"])
doubles = st.floats() | st.floats(1e-4, 1e-2) | st.floats(1e6, 1e8) | st.floats(1.6e9, 1.8e9)
COLUMNS: list[tuple[pa.DataType, st.SearchStrategy[Any]]] = [
    (pa.string(), texts),
    (pa.large_string(), texts),
    (pa.bool_(), st.booleans()),
    (pa.int64(), st.integers(-(2**63), 2**63 - 1)),
    (pa.int8(), st.integers(-128, 127)),
    (pa.float64(), doubles),
    (pa.float32(), st.floats(width=32)),
    (pa.date32(), st.dates()),
    (pa.timestamp("us"), st.datetimes()),
    (pa.timestamp("us"), st.datetimes(datetime(1970, 1, 1), datetime(2100, 1, 1))),
    (pa.timestamp("us", tz="UTC"), st.datetimes(datetime(1970, 1, 2), datetime(2100, 1, 1))),
    (pa.list_(pa.string()), st.lists(st.none() | texts, max_size=3)),
]


@st.composite
def columns(draw: st.DrawFn) -> pa.Array:
    type_, values = draw(st.sampled_from(COLUMNS))
    return pa.array(draw(st.lists(st.none() | values, max_size=20)), type_)


@settings(deadline=None)
@given(columns())
@example(pa.array([0.0, -0.0, 1e7, 1e15, 9999999.999999999, 1e-3, 9.99e-4, 1700000000.5, math.inf]))
@example(pa.array([1.7e9, -1.7e9, 123456789.0, 100000000.25, -1e14, 123456789012345.6]))
@example(pa.array([date(1, 1, 1), None]))
def test_a_column_is_its_values(column: pa.Array) -> None:
    assert text_column(column, value_texts).to_pylist() == value_texts(column)


@settings(deadline=None)
@given(st.lists(columns(), min_size=1, max_size=4), st.integers(0, 3))
def test_lines_are_values_in_quotes(made: list[pa.Array], start: int) -> None:
    length = min(len(column) for column in made)
    made = [column.slice(min(start, length), length - min(start, length)) for column in made]
    rows = zip(*[value_texts(column) for column in made], strict=True)
    expected = "".join(
        ",".join("" if text is None else '"' + text.replace('"', '""') + '"' for text in row) + "\n"
        for row in rows
    )
    lines = csv_lines([text_column(column, value_texts) for column in made])
    assert bytes(lines).decode() == expected
