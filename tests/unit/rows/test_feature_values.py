"""Python values and Arrow columns as feature values."""

from datetime import UTC, date, datetime
from decimal import Decimal

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from tandem.errors import ValidationError
from tandem.model.feature_group import CollectionType, FeatureDefinition, FeatureType
from tandem.model.record import FeatureValue
from tandem.rows.feature_values import (
    check_column_names,
    infer_features,
    iterate_values,
    values_of_mapping,
)

STRING = FeatureDefinition("f", FeatureType.STRING)
INTEGRAL = FeatureDefinition("f", FeatureType.INTEGRAL)
FRACTIONAL = FeatureDefinition("f", FeatureType.FRACTIONAL)
LIST = FeatureDefinition("f", FeatureType.STRING, CollectionType.LIST)
VECTOR = FeatureDefinition("f", FeatureType.FRACTIONAL, CollectionType.VECTOR, 2)
MOMENT = datetime(2024, 1, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("feature", "value", "text"),
    [
        (STRING, "x", "x"),
        (STRING, 7, "7"),
        (STRING, MOMENT, "2024-01-01T12:00:00Z"),
        (STRING, date(2024, 1, 1), "2024-01-01T00:00:00Z"),
        (STRING, pd.Timestamp("2024-01-01T00:00:00.000000001Z"), "2024-01-01T00:00:00.000000001Z"),
        (INTEGRAL, np.int64(7), "7"),
        (INTEGRAL, 7.0, "7"),
        (INTEGRAL, True, "1"),
        (INTEGRAL, "+7", "+7"),
        (FRACTIONAL, 1, "1.0"),
        (FRACTIONAL, Decimal("1.5"), "1.5"),
        (FRACTIONAL, MOMENT, "1704110400.0"),
        (LIST, ["a", "b"], ("a", "b")),
        (VECTOR, np.array([1.0, 2.5]), ("1.0", "2.5")),
    ],
)
def test_values_become_text(
    feature: FeatureDefinition, value: object, text: str | tuple[str, ...]
) -> None:
    assert values_of_mapping({"f": value}, {"f": feature}) == [FeatureValue("f", text)]


@pytest.mark.parametrize("value", [None, float("nan"), np.float64("nan"), pd.NaT, pd.NA])
def test_missing_values_are_left_out(value: object) -> None:
    assert values_of_mapping({"f": value}, {"f": STRING}) == []


@pytest.mark.parametrize(
    ("feature", "value"),
    [
        (INTEGRAL, 1.5),
        (INTEGRAL, float("inf")),
        (INTEGRAL, [1]),
        (STRING, ["a"]),
        (STRING, {"a": 1}),
        (FRACTIONAL, object()),
        (LIST, "abc"),
        (LIST, ["a", None]),
        (VECTOR, 1.5),
    ],
)
def test_values_that_do_not_fit_are_named(feature: FeatureDefinition, value: object) -> None:
    with pytest.raises(ValidationError, match="'f'"):
        values_of_mapping({"f": value}, {"f": feature})


def test_a_column_keeps_its_nanoseconds() -> None:
    column = pa.array([1, None, -1], pa.timestamp("ns"))
    rows = list(iterate_values(pa.table({"f": column}), {"f": STRING}))
    assert rows == [
        [FeatureValue("f", "1970-01-01T00:00:00.000000001Z")],
        [],
        [FeatureValue("f", "1969-12-31T23:59:59.999999999Z")],
    ]


def test_bad_columns_and_cells_are_named() -> None:
    with pytest.raises(ValidationError, match=r"no features \['g'\]"):
        check_column_names(["g"], [STRING])
    with pytest.raises(ValidationError, match="twice"):
        check_column_names(["f", "f"], [INTEGRAL])
    good, bad = iterate_values(pa.table({"f": [1.0, 1.5]}), {"f": INTEGRAL})
    assert good == [FeatureValue("f", "1")]
    assert isinstance(bad, ValidationError)
    assert str(bad) == "the value '1.5' of feature 'f' does not fit Integral"


def test_types_are_inferred() -> None:
    schema = pa.schema(
        {
            "time": pa.int64(),
            "whole": pa.int32(),
            "flag": pa.bool_(),
            "real": pa.float32(),
            "money": pa.decimal128(9, 2),
            "text": pa.large_string(),
            "category": pa.dictionary(pa.int8(), pa.string()),
            "moment": pa.timestamp("ns"),
            "list": pa.list_(pa.int64()),
        }
    )
    found = {one.name: (one.type, one.collection) for one in infer_features(schema, "time")}
    assert found == {
        "time": (FeatureType.FRACTIONAL, None),
        "whole": (FeatureType.INTEGRAL, None),
        "flag": (FeatureType.INTEGRAL, None),
        "real": (FeatureType.FRACTIONAL, None),
        "money": (FeatureType.FRACTIONAL, None),
        "text": (FeatureType.STRING, None),
        "category": (FeatureType.STRING, None),
        "moment": (FeatureType.STRING, None),
        "list": (FeatureType.INTEGRAL, CollectionType.LIST),
    }
    with pytest.raises(ValidationError, match="'nested'"):
        infer_features(pa.schema({"nested": pa.struct({"a": pa.int64()})}), "time")
