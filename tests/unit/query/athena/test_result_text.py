"""Results as Athena's text, and the names of their types."""
# ruff: noqa: E501  (a case is one line where it can be)

import csv
import io
import math
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tandem.query.athena import athena_type, csv_text, history_columns, result_type, value_texts
from tandem.query.athena.result_text import double_text
from tandem.testing.planted_history import a_group

MAP = pa.map_(pa.string(), pa.int64())
ROW = pa.struct([("a", pa.int64()), ("b", pa.string())])


@pytest.mark.parametrize(
    ("value", "type_", "text", "name"),
    [
        (True, pa.bool_(), "true", "boolean"),
        (7, pa.int32(), "7", "integer"),
        (-7, pa.int64(), "-7", "bigint"),
        (1.0, pa.float64(), "1.0", "double"),
        (1e10, pa.float64(), "1.0E10", "double"),
        (-123456789.125, pa.float64(), "-1.23456789125E8", "double"),
        (9999999.0, pa.float64(), "9999999.0", "double"),
        (0.001, pa.float64(), "0.001", "double"),
        (0.00012, pa.float64(), "1.2E-4", "double"),
        (-0.0, pa.float64(), "-0.0", "double"),
        (math.nan, pa.float64(), "NaN", "double"),
        (-math.inf, pa.float64(), "-Infinity", "double"),
        (5e-324, pa.float64(), "5.0E-324", "double"),
        (0.1, pa.float32(), "0.1", "float"),
        (Decimal("1.50"), pa.decimal128(10, 2), "1.50", "decimal"),
        (Decimal("1E+3"), pa.decimal128(10, 0), "1000", "decimal"),
        ('say "hi",\n', pa.string(), 'say "hi",\n', "varchar"),
        (b"\x01\xff", pa.binary(), "01 ff", "varbinary"),
        (date(2024, 1, 2), pa.date32(), "2024-01-02", "date"),
        (time(1, 2, 3, 4_000), pa.time64("us"), "01:02:03.004", "time"),
        (datetime(2024, 1, 1), pa.timestamp("us"), "2024-01-01 00:00:00.000", "timestamp"),
        (datetime(24, 1, 1, 1, 2, 3, 456_789), pa.timestamp("us"), "0024-01-01 01:02:03.456", "timestamp"),
        (datetime(2024, 1, 1), pa.timestamp("ns"), "2024-01-01 00:00:00.000", "timestamp"),
        (1_001, pa.timestamp("ns"), "1970-01-01 00:00:00.000", "timestamp"),
        (-1, pa.timestamp("ns"), "1969-12-31 23:59:59.999", "timestamp"),
        (datetime(2024, 1, 1, tzinfo=UTC), pa.timestamp("us", "UTC"), "2024-01-01 00:00:00.000 UTC",
         "timestamp with time zone"),
        (timedelta(days=1, hours=2, milliseconds=5), pa.duration("us"), "1 02:00:00.005",
         "interval day to second"),
        (pa.MonthDayNano([0, -1, 0]), pa.month_day_nano_interval(), "-1 00:00:00.000",
         "interval day to second"),
        (pa.MonthDayNano([14, 0, 0]), pa.month_day_nano_interval(), "1-2", "interval day to second"),
        ([1, None], pa.list_(pa.int64()), "[1, null]", "array"),
        ([[1.0], []], pa.list_(pa.list_(pa.float64())), "[[1.0], []]", "array"),
        ([("k", 1), ("l", None)], MAP, "{k=1, l=null}", "map"),
        ({"a": 1, "b": None}, ROW, "{a=1, b=null}", "row"),
    ],
    ids=str,
)  # fmt: skip
def test_a_value(value, type_, text, name):
    column = pa.chunked_array([[value, None]], type=type_)
    assert value_texts(column) == [text, None]
    assert result_type(type_) == name


def test_types_have_their_parameters():
    assert athena_type(pa.list_(ROW)) == "array(row(a bigint, b varchar))"
    assert athena_type(MAP) == "map(varchar, bigint)"
    assert athena_type(pa.decimal128(10, 2)) == "decimal(10,2)"
    found = {column.name: column.type for column in history_columns(a_group(more=["Upper"]))}
    assert found == {
        "customer": "varchar",
        "bought_at": "varchar",
        "amount": "double",
        "items": "bigint",
        "upper": "varchar",
        "write_time": "timestamp",
        "api_invocation_time": "timestamp",
        "is_deleted": "boolean",
    }


def test_a_table_as_csv():
    table = pa.table([["x", None, ""], [1.5, None, 2.0]], names=["a", "a"])
    assert "".join(csv_text(table)) == '"a","a"\n"x","1.5"\n,\n"","2.0"\n'
    empty = pa.table({'say "hi"': pa.array([], pa.int64())})
    assert "".join(csv_text(empty)) == '"say ""hi"""\n'


def test_many_rows_come_in_parts():
    table = pa.table({"a": pa.chunked_array([range(15_000), range(15_000, 25_000)])})
    parts = list(csv_text(table))
    assert len(parts) > 3
    assert [int(row["a"]) for row in csv.DictReader(io.StringIO("".join(parts)))] == list(
        range(25_000)
    )


@given(st.floats(allow_nan=False))
def test_doubles_come_back(value):
    text = double_text(value)
    assert float(text.replace("Infinity", "inf")) == value
    assert "." in text or "Infinity" in text
