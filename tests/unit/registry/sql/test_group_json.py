import json
from dataclasses import replace

import msgspec
import pytest

from tandem.errors import DataCorrupted, ValidationError
from tandem.model.feature_group import FeatureMetadata, ThroughputConfig, ThroughputMode
from tandem.registry.sql.group_json import decode_group, encode_group
from tandem.testing.purchases import purchases_group
from tandem.testing.registry_contract import elaborate_group


def test_a_group_is_the_same_after_both_ways():
    assert decode_group(encode_group(elaborate_group())) == elaborate_group()


def test_the_document_says_what_the_service_says():
    document = json.loads(encode_group(elaborate_group()))
    assert document["features"][0] == {
        "name": "customer",
        "type": "String",
        "collection": None,
        "vector_dimension": None,
        "added_at_us": None,
        "retired_at_us": None,
    }
    assert document["metadata"]["amount"]["parameters"] == {"unit": "€"}
    assert document["online"]["ttl"] == {"unit": "Weeks", "value": 2}
    assert document["status"] == "CreateFailed"
    assert document["tags"]["käse"] == "🧀"


@pytest.mark.parametrize(
    "change",
    [
        {"tags": {"team": []}},
        {"tags": {"team": 5}},
        {"description": ["x"]},
        {"description": "\ud800"},
        {"role_arn": ("arn",)},
        {"throughput": ThroughputConfig(ThroughputMode.PROVISIONED, 1.5, 2)},
        {"throughput": ThroughputConfig(ThroughputMode.PROVISIONED, True, 2)},
        {"metadata": {"amount": FeatureMetadata(description=["a"], modified_at_us=1)}},
        {"metadata": {"amount": FeatureMetadata(parameters={"a": ["b"]}, modified_at_us=1)}},
    ],
)
def test_what_could_not_be_read_again_is_not_written(change):
    with pytest.raises(ValidationError, match="'purchases' holds a value of the wrong type"):
        encode_group(replace(purchases_group(), **change))


def test_what_a_group_has_cached_is_not_in_the_document():
    group = purchases_group()
    before = encode_group(group)
    for name in ("stores", "features_by_name", "feature_order", "event_time"):
        getattr(group, name)
    assert "features_by_name" in vars(group)
    assert encode_group(group) == before


def test_members_from_the_future_are_passed_over():
    document = json.loads(encode_group(purchases_group()))
    document["colour"] = "green"
    document["features"][0]["colour"] = "red"
    assert decode_group(json.dumps(document)) == purchases_group()


def test_members_that_are_missing_take_their_default():
    document = json.loads(encode_group(purchases_group()))
    for member in ("tags", "failure_reason", "throughput", "revision"):
        del document[member]
    assert decode_group(json.dumps(document)) == purchases_group()


@pytest.mark.parametrize("document", ["", "{}", "[1]", '{"name": 5}'])
def test_a_document_that_is_no_group_is_refused(document):
    with pytest.raises(DataCorrupted, match="cannot be read") as caught:
        decode_group(document)
    assert isinstance(caught.value.__cause__, msgspec.MsgspecError)
