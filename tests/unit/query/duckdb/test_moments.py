"""The SQL of event times against the model's own reading of them."""

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tandem.errors import ValidationError
from tandem.model.event_time import SECONDS_MAX, SECONDS_MIN, from_double, parse_iso_or_epoch
from tandem.model.feature_group import FeatureType
from tandem.query.duckdb.moments import nanoseconds_sql


@pytest.fixture(scope="module")
def connection():
    with duckdb.connect() as connection:
        yield connection


def in_sql(connection, value, type_):
    expression = nanoseconds_sql("value", type_)
    row = connection.execute(f"SELECT {expression} FROM (SELECT ? AS value)", [value]).fetchone()
    return None if row[0] is None else int(row[0])


def whole(moment):
    return moment.seconds * 1_000_000_000 + moment.nanoseconds


years = st.one_of(
    st.integers(0, 9999), st.sampled_from([0, 1, 1677, 1678, 1969, 1970, 2261, 2262, 2263, 9999])
)
fractions = st.one_of(st.just(""), st.from_regex(r"\.[0-9]{1,9}", fullmatch=True))
zones = st.sampled_from(["", "Z", "+00:00", "-00:00", "+05:30", "-08:00", "+14:00", "-99:59"])
iso_texts = st.builds(
    "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}{}{}".format,
    years,
    st.integers(1, 12),
    st.integers(1, 31),
    st.integers(0, 23),
    st.integers(0, 59),
    st.integers(0, 59),
    fractions,
    zones,
)
epoch_texts = st.from_regex(r"-?[0-9]{1,12}(\.[0-9]{1,15})?", fullmatch=True)


@settings(deadline=None, max_examples=300)
@given(st.one_of(iso_texts, epoch_texts))
def test_text_means_what_the_model_says(connection, text):
    try:
        expected = whole(parse_iso_or_epoch(text))
    except ValidationError:
        return  # such text never gets into history, and labels are checked for it
    assert in_sql(connection, text, FeatureType.STRING) == expected


@settings(deadline=None, max_examples=300)
@given(st.floats(SECONDS_MIN, SECONDS_MAX))
def test_a_double_means_what_the_model_says(connection, value):
    assert in_sql(connection, value, FeatureType.FRACTIONAL) == whole(from_double(value))


@pytest.mark.parametrize("text", ["", "soon", "2024-05-01", "2024-02-30T00:00:00Z", "2024-05-01T1"])
def test_text_that_is_no_time_is_null(connection, text):
    assert in_sql(connection, text, FeatureType.STRING) is None


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf"), None])
def test_a_double_that_is_no_time_is_null(connection, value):
    assert in_sql(connection, value, FeatureType.FRACTIONAL) is None
