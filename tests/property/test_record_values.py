"""Records as Python values are what Python itself reads in each text, whatever is in them."""

from typing import Any
from unittest.mock import patch

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from property.stored_records import python_value, stored_records
from tandem.model.feature_group import FeatureDefinition, FeatureGroup, FeatureType
from tandem.model.record import FeatureValue
from tandem.online.features_json import encode_features
from tandem.sdk import record_values
from tandem.sdk.record_values import KeptRecord, RecordValues
from tandem.service.records import ServedRecord


def values_of(features: list[FeatureDefinition]) -> RecordValues:
    group = FeatureGroup(
        name="g",
        group_id="g-1",
        record_identifier_name="id",
        event_time_name="id",
        features=(FeatureDefinition("id", FeatureType.STRING), *features),
        created_at_us=0,
        modified_at_us=0,
    )
    return RecordValues(group)


@given(made=stored_records(), random=st.randoms(use_true_random=False))
@settings(max_examples=400, deadline=None)
def test_values_are_what_python_reads(made: Any, random: Any) -> None:
    features, records = made
    by_name = {feature.name: feature for feature in features}
    values = values_of(features)
    for record in filter(None, records):
        random.shuffle(record)  # the order of older definitions
        expected = {
            name: value if name == "id" else python_value(by_name[name], value)
            for name, value in record
        }
        # As text, since -0.0 equals 0.0, and 1 equals 1.0.
        text = encode_features(record)
        assert repr(values.read(text)) == repr(expected)
        kept = KeptRecord(text, None)
        for _ in range(3):
            found = values.of(kept)
            assert repr(found) == repr(expected)
            for value in found.values():
                if isinstance(value, list):
                    value.append("the caller's")
            found.clear()


@given(made=stored_records(), at_once=st.integers(1, 4))
@settings(max_examples=300, deadline=None)
def test_many_records_are_read_as_one_by_one(made: Any, at_once: int) -> None:
    features, records = made
    values = values_of(features)
    served = [
        None if record is None else ServedRecord(encode_features(record), None)
        for record in records
    ]
    expected = [None if one is None else values.read(one.features_json) for one in served]
    with patch.object(record_values, "_AT_ONCE", at_once):
        # As text, since -0.0 equals 0.0, and 1 equals 1.0.
        assert repr(values.of_many(served)) == repr(expected)
    kept = [None if one is None else KeptRecord(one.features_json, None) for one in served]
    assert repr(values.of_many(kept)) == repr(expected)


def test_a_kept_record_is_read_by_the_definition_at_hand() -> None:
    kept = KeptRecord(encode_features([FeatureValue("f", "1")]), None)
    for type_, value in (
        (FeatureType.INTEGRAL, 1),
        (FeatureType.STRING, "1"),
        (FeatureType.FRACTIONAL, 1.0),
    ):
        found = values_of([FeatureDefinition("f", type_)]).of(kept)["f"]
        assert repr(found) == repr(value)


@pytest.mark.parametrize("text", ["-0", "-00", "+7", "007", "5.", ".5", "1" * 300, "-0.0"])
def test_numbers_of_any_form_are_doubles(text: str) -> None:
    values = values_of([FeatureDefinition("f", FeatureType.FRACTIONAL)])
    record = [FeatureValue("id", "a"), FeatureValue("f", text)]
    assert repr(values.read(encode_features(record))["f"]) == repr(float(text))


def test_a_feature_that_the_definition_lacks_is_told_or_skipped() -> None:
    values = values_of([FeatureDefinition("f", FeatureType.INTEGRAL)])
    record = encode_features([FeatureValue("f", "1"), FeatureValue("new", "2")])
    with pytest.raises(KeyError, match="new"):
        values.read(record)
    assert values.read(record, skips_unknown=True) == {"f": 1}


def test_a_value_of_another_type_is_told() -> None:
    values = values_of([FeatureDefinition("f", FeatureType.INTEGRAL)])
    with pytest.raises(ValueError, match="blue"):
        values.read(encode_features([FeatureValue("f", "blue")]))
