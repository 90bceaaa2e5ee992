"""Arguments as Python programs give them."""

from datetime import UTC, datetime, timedelta

import pandas as pd
import pyarrow as pa
import pytest

from tandem.errors import ValidationError
from tandem.model.feature_group import FeatureDefinition, FeatureType
from tandem.model.targets import TargetStores
from tandem.model.time_to_live import TtlDuration, TtlUnit
from tandem.sdk.arguments import (
    checked,
    definitions,
    microseconds,
    target_stores_of,
    ttl_duration,
)


@pytest.mark.parametrize(
    ("given", "duration"),
    [
        (None, None),
        (timedelta(minutes=2), TtlDuration(TtlUnit.SECONDS, 120)),
        ("30 days", TtlDuration(TtlUnit.DAYS, 30)),
        (" 1 Hour ", TtlDuration(TtlUnit.HOURS, 1)),
        ("2weeks", TtlDuration(TtlUnit.WEEKS, 2)),
    ],
)
def test_durations(given: timedelta | str | None, duration: TtlDuration | None) -> None:
    assert ttl_duration(given) == duration


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("soon", "'soon'"),
        ("1.5 days", "'1.5 days'"),
        ("-1 days", "'-1 days'"),
        ("3 months", "'3 months'"),
        ("", "''"),
        ("x" * 1_000, "whole number"),
        ("0 days", "at least 1"),
        (timedelta(0), "at least 1"),
        (timedelta(seconds=1.5), "0:00:01.500000 is not valid: give a whole number"),
        (60, "ttl 60 is not valid: give a timedelta"),
    ],
)
def test_what_is_no_duration_is_named(given: timedelta | str, said: str) -> None:
    with pytest.raises(ValidationError, match=said) as raised:
        ttl_duration(given)
    assert len(str(raised.value)) < 300


def test_definitions_from_whatever_has_columns() -> None:
    features = (
        FeatureDefinition("id", FeatureType.STRING),
        FeatureDefinition("t", FeatureType.FRACTIONAL),
        FeatureDefinition("n", FeatureType.INTEGRAL),
    )
    schema = pa.schema([("id", pa.string()), ("t", pa.int64()), ("n", pa.bool_())])
    assert definitions(schema, "t") == features
    assert definitions({"id": ["a"], "t": [1], "n": [2]}, "t") == features
    assert definitions({"id": "String", "t": "Fractional", "n": "Integral"}, "t") == features
    assert definitions(features, "t") == features


def test_types_that_are_named_win() -> None:
    found = definitions({"id": [7], "t": [1.5]}, "t", {"id": "String"})
    assert [feature.type for feature in found] == [FeatureType.STRING, FeatureType.FRACTIONAL]
    with pytest.raises(ValidationError, match=r"'ids'.*there are \['id', 't'\]"):
        definitions({"id": [7], "t": [1.5]}, "t", {"ids": "String"})
    with pytest.raises(ValidationError, match="'Text' is not known"):
        definitions({"id": [7], "t": [1.5]}, "t", {"id": "Text"})
    with pytest.raises(ValidationError, match="'Integer' is not known"):
        definitions({"id": "Integer"}, "id")


def test_target_stores() -> None:
    assert target_stores_of(None) is None
    assert target_stores_of(["OnlineStore"]) is TargetStores.ONLINE
    with pytest.raises(ValidationError, match=r"'Online'.*OnlineStore"):
        target_stores_of(["Online"])


def test_no_time_is_no_moment() -> None:
    with pytest.raises(ValidationError, match="as_of NaT is not valid"):
        checked(datetime, pd.NaT, "as_of")


def test_a_moment_without_a_zone_is_utc() -> None:
    assert microseconds(datetime(1970, 1, 1, 0, 0, 1)) == 1_000_000
    assert microseconds(datetime(1970, 1, 1, 0, 0, 1, 5, tzinfo=UTC)) == 1_000_005
