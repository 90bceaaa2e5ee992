"""Records: which values fit a group, and under which key they are kept."""

import time

import pytest

from tandem.errors import ValidationError
from tandem.model.feature_group import (
    CollectionType,
    FeatureDefinition,
    FeatureGroup,
    FeatureType,
    OnlineStoreConfig,
    StorageType,
)
from tandem.model.limits import RECORD_BYTES_MAX, RECORD_IDENTIFIER_BYTES_MAX
from tandem.model.record import FeatureValue, canonical_identifier, check_record

VECTOR = FeatureDefinition("vector", FeatureType.FRACTIONAL, CollectionType.VECTOR, 2)


def group(identifier: FeatureType = FeatureType.STRING) -> FeatureGroup:
    return FeatureGroup(
        name="g",
        group_id="g-1",
        record_identifier_name="id",
        event_time_name="time",
        features=(
            FeatureDefinition("id", identifier),
            FeatureDefinition("time", FeatureType.STRING),
            FeatureDefinition("whole", FeatureType.INTEGRAL),
            FeatureDefinition("real", FeatureType.FRACTIONAL),
            FeatureDefinition("text", FeatureType.STRING),
            FeatureDefinition("list", FeatureType.INTEGRAL, CollectionType.LIST),
            FeatureDefinition("set", FeatureType.STRING, CollectionType.SET),
            VECTOR,
        ),
        created_at_us=1,
        modified_at_us=1,
        online=OnlineStoreConfig(True, StorageType.IN_MEMORY),
    )


def check(**given: str | tuple[str, ...]) -> None:
    values = {"id": "1", "time": "2024-01-01T00:00:00Z", **given}
    check_record(group(), [FeatureValue(name, value) for name, value in values.items()])


@pytest.mark.parametrize(
    ("feature", "value"),
    [
        ("whole", "0"),
        ("whole", "-9223372036854775808"),
        ("whole", "+007"),
        ("real", "-1.5e-300"),
        ("real", ".5"),
        ("text", ""),
        ("text", "\0 \N{SNOWMAN}"),
        ("list", ()),
        ("list", ("1", "1")),
        ("set", ("a", "b")),
        ("vector", ("1", "2.5")),
    ],
)
def test_values_that_fit(feature: str, value: str | tuple[str, ...]) -> None:
    check(**{feature: value})


@pytest.mark.parametrize(
    ("feature", "value"),
    [
        ("whole", "abc"),
        ("whole", "1.5"),
        ("whole", ""),
        ("whole", "9223372036854775808"),
        ("whole", "1" * 5_000),
        ("whole", "1_000"),
        ("whole", "\N{ARABIC-INDIC DIGIT ONE}"),
        ("real", "NaN"),
        ("real", "Infinity"),
        ("real", "1e999"),
        ("real", "0x10"),
        ("text", ("a",)),
        ("text", "\ud800"),
        ("list", "1"),
        ("list", ("a",)),
        ("set", ("a", "a")),
        ("vector", ("1",)),
        ("vector", ("1", "x")),
    ],
)
def test_values_that_do_not_fit_are_named(feature: str, value: str | tuple[str, ...]) -> None:
    with pytest.raises(ValidationError, match=f"'{feature}'"):
        check(**{feature: value})


def test_a_record_has_a_size() -> None:
    check(text="x" * (RECORD_BYTES_MAX - 100))
    with pytest.raises(ValidationError, match="350 KB"):
        check(text="é" * (RECORD_BYTES_MAX // 2))


def test_an_identifier_has_a_size() -> None:
    assert canonical_identifier(group(), "x" * RECORD_IDENTIFIER_BYTES_MAX)
    with pytest.raises(ValidationError, match="2 KB"):
        canonical_identifier(group(), "é" * (RECORD_IDENTIFIER_BYTES_MAX // 2) + "x")


@pytest.mark.parametrize(
    ("kind", "texts", "key"),
    [
        (FeatureType.STRING, ["007"], "007"),
        (FeatureType.INTEGRAL, ["007", "7", "+7"], "7"),
        (FeatureType.FRACTIONAL, ["1", "1.0", "1e0"], "1.0"),
        (FeatureType.FRACTIONAL, ["0", "-0.0", "0e5"], "0.0"),
    ],
)
def test_identifiers_that_are_equal_are_one_key(
    kind: FeatureType, texts: list[str], key: str
) -> None:
    assert {canonical_identifier(group(kind), text) for text in texts} == {key}


@pytest.mark.parametrize("feature", ["real", "whole"])
def test_a_long_text_that_is_no_number_is_refused_at_once(feature: str) -> None:
    start = time.thread_time()
    with pytest.raises(ValidationError, match=f"'{feature}'"):
        check(**{feature: "1" * 350_000 + "x"})
    assert time.thread_time() - start < 1
