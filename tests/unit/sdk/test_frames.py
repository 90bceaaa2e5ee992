"""Rows as Python programs give them, as tables."""

import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from tandem.errors import ValidationError
from tandem.sdk.frames import to_arrow


def test_every_row_brings_its_own_columns():
    table = to_arrow([{"id": 1}, {"id": 2, "spend": 5.0}, {"shop": "north", "id": 3}])
    assert table.to_pydict() == {
        "id": [1, 2, 3],
        "spend": [None, 5.0, None],
        "shop": [None, None, "north"],
    }


@pytest.mark.parametrize("series", [pd.Series([1], name="id"), pl.Series("id", [1])])
def test_a_series_is_no_table(series):
    with pytest.raises(ValidationError, match="table"):
        to_arrow(series)


def test_categories_of_polars_are_those_of_arrow():
    frame = pl.DataFrame({"kind": ["a", None, "b"]}).cast(pl.Categorical)
    for given in (frame, frame.to_arrow(compat_level=pl.CompatLevel.newest())):
        (kind,) = to_arrow(given).columns
        assert kind.type.value_type == pa.large_string()
        assert kind.to_pylist() == ["a", None, "b"]
    plain = pa.table({"kind": pa.array(["a"]).dictionary_encode()})
    assert to_arrow(plain) is plain


def test_objects_of_python_are_no_values():
    frame = pl.DataFrame({"id": ["a"], "what": pl.Series([object()], dtype=pl.Object)})
    with pytest.raises(ValidationError, match="'what' holds objects"):
        to_arrow(frame)


def test_no_rows_are_a_table_without_rows():
    assert to_arrow([]).num_rows == 0


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([{}, {}], "the rows are empty"),
        ([{"id": 1}, "x"], "the row 'x' is not valid"),
        ([{"id": 1}, {"id": "a"}], "cannot be read as a table"),
        ([{5: 1}], "cannot be read as a table"),
    ],
)
def test_what_is_no_row_is_said(rows, said):
    with pytest.raises(ValidationError, match=said):
        to_arrow(rows)
