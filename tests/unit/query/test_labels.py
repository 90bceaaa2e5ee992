import pyarrow as pa
import pytest

from tandem.errors import ValidationError
from tandem.model.feature_group import FeatureDefinition, FeatureType
from tandem.query.labels import label_column, label_keys, label_moments

INTEGRAL = FeatureDefinition("id", FeatureType.INTEGRAL)


@pytest.mark.parametrize(
    ("column", "unit"),
    [
        (pa.array([1], pa.timestamp("s")), 1_000_000_000),
        (pa.array([1], pa.timestamp("ms", "UTC")), 1_000_000),
        (pa.array([1], pa.timestamp("us")), 1_000),
        (pa.array([1], pa.timestamp("ns")), 1),
        (pa.array([1], pa.date32()), 86_400_000_000_000),
        (pa.array([86_400_000], pa.date64()), 1_000_000),
        (pa.array([1], pa.int8()), 1_000_000_000),
    ],
)
def test_whole_moments_are_counts_of_a_unit(column, unit):
    moments = label_moments(pa.table({"at": column}), "at")
    assert moments.values.type == pa.int64()
    assert moments.unit_nanoseconds == unit
    assert not moments.is_text


def test_a_nan_moment_is_none():
    moments = label_moments(pa.table({"at": [1.5, float("nan"), None]}), "at")
    assert moments.values.to_pylist() == [1.5, None, None]


@pytest.mark.parametrize(
    ("column", "value"),
    [
        (pa.array([0, 253_402_300_800]), "253402300800"),
        (pa.array([-62_167_219_200.5, 0.0]), "-62167219200.5"),
        (pa.array([None, "1714564800000"]), "1714564800000"),
        (pa.array(["2024-05-01T12:00:00Z", "now"]), "now"),
    ],
)
def test_the_value_that_is_no_moment_is_named(column, value):
    with pytest.raises(ValidationError, match=value) as caught:
        label_moments(pa.table({"at": column}), "at")
    assert "'at'" in str(caught.value)


def test_the_ends_of_time_are_moments():
    seconds = [-62_167_219_200, 253_402_300_799]
    for type_ in (pa.int64(), pa.float64(), pa.timestamp("s")):
        table = pa.table({"at": pa.array(seconds, type_)})
        assert label_moments(table, "at").values.null_count == 0


def test_integral_keys_come_as_whole_numbers_from_any_column():
    for column in (["7", "+7", "-07"], [7.0, 7.0, -7.0], [7, 7, -7]):
        keys = label_keys(pa.table({"k": column}), "k", INTEGRAL)
        assert keys.type == pa.int64()
        assert keys.to_pylist() == [7, 7, -7]


@pytest.mark.parametrize("value", [7.5, "7.0", "seven", "1" * 30])
def test_the_value_that_is_no_identifier_is_named(value):
    with pytest.raises(ValidationError, match=str(value)):
        label_keys(pa.table({"k": [value]}), "k", INTEGRAL)


def test_a_column_given_twice_is_refused():
    twice = pa.Table.from_arrays([pa.array([1]), pa.array([2])], names=["k", "k"])
    with pytest.raises(ValidationError, match="2 columns"):
        label_column(twice, "k")
