"""Bad input to the operations that change or describe groups: refused whole, with a clear message.

As `test_bad_input`, for UpdateFeatureGroup, feature metadata and tags.
"""

from dataclasses import replace
from typing import Any

import pytest

from tandem.model.feature_group import FeatureGroupStatus

from .bench import OFFLINE, ROLE, SAGEMAKER, Bench, definition, group_request

ARN = "arn:aws:sagemaker:eu-west-1:123456789012:feature-group/"
VECTOR = {"CollectionType": "Vector", "CollectionConfig": {"VectorConfig": {"Dimension": 2}}}
V, S, N = "ValidationException", "SerializationException", "ResourceNotFound"
Case = tuple[tuple[str, dict[str, Any]], str, list[str]]


@pytest.fixture
def changed(groups: Bench) -> Bench:
    """`groups` with tags, metadata, a retired feature, and `provisioned`, which has units."""
    tags = [{"Key": "team", "Value": "a"}]
    units = {
        "ThroughputMode": "Provisioned",
        "ProvisionedReadCapacityUnits": 1,
        "ProvisionedWriteCapacityUnits": 1,
    }
    for operation, request in (
        ("AddTags", {"ResourceArn": f"{ARN}both", "Tags": tags}),
        ("CreateFeatureGroup", group_request("provisioned", ThroughputConfig=units)),
        describe("text", Description="d", ParameterAdditions=[parameter("unit", "EUR")]),
        (
            "CreateFeatureGroup",
            group_request(
                "disabled", OnlineStoreConfig={}, OfflineStoreConfig=OFFLINE, RoleArn=ROLE
            ),
        ),
    ):
        assert groups.send(SAGEMAKER, operation, **request).status == 200
    groups.core.updates.retire_feature("both", "real")
    return groups


def update(name: str = "both", **changes: Any) -> tuple[str, dict[str, Any]]:
    return "UpdateFeatureGroup", {"FeatureGroupName": name, **changes}


def add(*features: dict[str, Any], name: str = "both") -> tuple[str, dict[str, Any]]:
    return update(name, FeatureAdditions=list(features))


def online(name: str = "both", **changes: Any) -> tuple[str, dict[str, Any]]:
    return update(name, OnlineStoreConfig=changes)


def ttl(unit: Any, amount: Any) -> tuple[str, dict[str, Any]]:
    return online(TtlDuration={"Unit": unit, "Value": amount})


def throughput(name: str = "both", **changes: Any) -> tuple[str, dict[str, Any]]:
    return update(name, ThroughputConfig=changes)


def describe(
    feature: str = "text", name: str = "both", **changes: Any
) -> tuple[str, dict[str, Any]]:
    return "UpdateFeatureMetadata", {"FeatureGroupName": name, "FeatureName": feature, **changes}


def parameter(key: Any, value: Any) -> dict[str, Any]:
    return {"Key": key, "Value": value}


def parameters(*added: Any, removed: Any = ()) -> tuple[str, dict[str, Any]]:
    return describe(ParameterAdditions=list(added), ParameterRemovals=list(removed))


def tags(*added: Any) -> tuple[str, dict[str, Any]]:
    return "AddTags", {"ResourceArn": f"{ARN}both", "Tags": list(added)}


def tag(key: Any, value: Any = "") -> tuple[str, dict[str, Any]]:
    return tags({"Key": key, "Value": value})


def untag(*keys: Any) -> tuple[str, dict[str, Any]]:
    return "DeleteTags", {"ResourceArn": f"{ARN}both", "TagKeys": list(keys)}


READ, WRITE = "ProvisionedReadCapacityUnits", "ProvisionedWriteCapacityUnits"
MANY_TAGS = [{"Key": f"k{number}", "Value": ""} for number in range(51)]
MANY_PARAMETERS = [parameter(f"k{number}", "v") for number in range(26)]

UPDATES: dict[str, Case] = {
    "unknown group": (update("nowhere", FeatureAdditions=[definition("x")]), N, ["'nowhere'"]),
    "a foreign ARN": (
        update(ARN.replace("eu-", "us-") + "both", FeatureAdditions=[definition("x")]),
        N, ["us-west-1"]),
    "no name of a group": (update("no name"), V, ["'no name'", "FeatureGroupName"]),
    "no group": (("UpdateFeatureGroup", {}), V, ["null", "FeatureGroupName"]),
    "nothing": (update(), V, ["FeatureAdditions", "OnlineStoreConfig", "ThroughputConfig"]),
    "no features": (add(), V, ["'[]'", "FeatureAdditions"]),
    "101 features": (add(*[definition(f"f{n}") for n in range(101)]), V, ["FeatureAdditions"]),
    "a feature that is there": (add(definition("text")), V, ["'text'", "'both'", "already"]),
    "but for case": (add(definition("Text")), V, ["'text'", "already"]),
    "a feature twice": (add(definition("x"), definition("X")), V, ["'X'", "twice"]),
    "a retired feature": (add(definition("real", "Fractional")), V, ["'real'", "retired"]),
    "a reserved name": (add(definition("Is_Deleted")), V, ["'Is_Deleted'", "reserved"]),
    "no name": (add(definition("a b")), V, ["'a b'"]),
    "an empty name": (add(definition("")), V, ["''"]),
    "a long name": (add(definition("x" * 65)), V, ["x" * 65, "64"]),
    "a feature without a type": (
        add({"FeatureName": "x"}), V, ["null", "FeatureAdditions[0].FeatureType"]),
    "a feature without a name": (
        add({"FeatureType": "String"}), V, ["null", "FeatureAdditions[0].FeatureName"]),
    "an unknown type": (add(definition("x", "Boolean")), V, ["'Boolean'", "FeatureType"]),
    "a number for a name": (add(definition(7)), S, ["FeatureAdditions[0].FeatureName"]),
    "a collection in Standard": (
        add(definition("x", CollectionType="Set")), V, ["'x'", "Set", "InMemory"]),
    "an empty collection": (add(definition("x", CollectionConfig={})), V, ["CollectionConfig"]),
    "a second vector": (
        add(definition("x", "Fractional", **VECTOR), name="memory"), V, ["'vector'", "'x'"]),
    "a vector of text": (
        add(definition("x", **VECTOR), name="memory"), V, ["'vector'", "'x'"]),
    "a good one and a bad one": (
        add(definition("good"), definition("write_time")), V, ["'write_time'"]),
    "a TTL of nothing": (ttl("Days", 0), V, ["TtlDuration", "0"]),
    "a TTL below nothing": (ttl("Days", -1), V, ["TtlDuration", "-1"]),
    "a TTL for ever": (ttl("Weeks", 10**9), V, ["TtlDuration", str(10**9)]),
    "a TTL of 40 digits": (ttl("Days", 10**40), V, ["TtlDuration"]),
    "a TTL in years": (ttl("Years", 1), V, ["'Years'", "TtlDuration.Unit"]),
    "a TTL of a fraction": (ttl("Days", 1.5), S, ["TtlDuration.Value"]),
    "a TTL as text": (ttl("Days", "1"), S, ["TtlDuration.Value"]),
    "half a TTL: unit": (online(TtlDuration={"Unit": "Days"}), V, ["TtlDuration", "'Days'"]),
    "half a TTL: value": (online(TtlDuration={"Value": 7}), V, ["TtlDuration", "7"]),
    "a TTL of history": (
        online("history", TtlDuration={"Unit": "Days", "Value": 1}), V,
        ["'history'", "no online store"]),
    "nothing of history": (online("history"), V, ["'history'", "no online store"]),
    "a TTL of a disabled store": (
        online("disabled", TtlDuration={"Unit": "Days", "Value": 1}), V,
        ["'disabled'", "no online store"]),
    "an unknown storage type": (online(StorageType="Fast"), V, ["'Fast'", "StorageType"]),
    "Standard to InMemory": (online(StorageType="InMemory"), V, ["InMemory", "Standard_V2"]),
    "Standard_V2 to Standard": (
        online("v2", StorageType="Standard"), V, ["Standard_V2 cannot become Standard"]),
    "InMemory to Standard_V2": (
        online("memory", StorageType="Standard_V2"), V, ["InMemory cannot become Standard_V2"]),
    "a good TTL and a bad storage type": (
        online(StorageType="InMemory", TtlDuration={"Unit": "Days", "Value": 1}), V,
        ["InMemory"]),
    "a good TTL and a bad feature": (
        update(FeatureAdditions=[definition("text")],
               OnlineStoreConfig={"TtlDuration": {"Unit": "Days", "Value": 1}}), V, ["'text'"]),
    "an unknown mode": (throughput(ThroughputMode="Fast"), V, ["'Fast'", "ThroughputMode"]),
    "units on demand": (
        throughput(ThroughputMode="OnDemand", **{READ: 5}), V, [READ, "5", "Provisioned"]),
    "units without a mode": (throughput(**{WRITE: 5}), V, [WRITE, "5", "Provisioned"]),
    "too many units": (throughput("provisioned", **{READ: 10_000_001}), V, [READ, "10000001"]),
    "units below nothing": (throughput("provisioned", **{WRITE: -1}), V, [WRITE, "-1"]),
    "units as text": (throughput("provisioned", **{WRITE: "1"}), S, [WRITE]),
    "provisioned memory": (
        throughput("memory", ThroughputMode="Provisioned", **{READ: 1, WRITE: 1}), V,
        ["InMemory", "OnDemand"]),
}  # fmt: skip
METADATA: dict[str, Case] = {
    "unknown group": (describe(name="nowhere"), N, ["'nowhere'"]),
    "unknown feature": (describe("colour"), N, ["'colour'", "'both'"]),
    "a feature in another case": (describe("Text"), N, ["'Text'"]),
    "a retired feature": (describe("real", Description="x"), N, ["'real'", "retired"]),
    "no group": (("UpdateFeatureMetadata", {"FeatureName": "text"}), V, ["FeatureGroupName"]),
    "no feature": (("UpdateFeatureMetadata", {"FeatureGroupName": "both"}), V, ["FeatureName"]),
    "an empty feature": (describe(""), V, ["FeatureName", "''"]),
    "a long feature": (describe("x" * 65), V, ["FeatureName", "64"]),
    "a long description": (describe(Description="é" * 256), V, ["Description", "256", "255"]),
    "26 additions": (parameters(*MANY_PARAMETERS), V, ["ParameterAdditions", "25"]),
    "26 removals": (parameters(removed=[f"k{n}" for n in range(26)]), V, ["ParameterRemovals"]),
    "26 in all": (parameters(*MANY_PARAMETERS[:25]), V, ["'text'", "26", "25"]),
    "an addition twice": (
        parameters(parameter("a", "1"), parameter("a", "2")), V, ["'a'", "twice"]),
    "added and removed": (
        parameters(parameter("a", "1"), removed=["a"]), V, ["'a'", "choose one"]),
    "no key": (parameters({"Value": "v"}), V, ["Key", "None", "'v'"]),
    "no value": (parameters({"Key": "k"}), V, ["'k'", "None"]),
    "an empty key": (parameters(parameter("", "v")), V, ["parameter key ''"]),
    "an empty value": (parameters(parameter("k", "")), V, ["'k'", "0 characters"]),
    "a long key": (parameters(parameter("k" * 256, "v")), V, ["parameter key", "255"]),
    "a long value": (parameters(parameter("k", "v" * 256)), V, ["'k'", "256", "255"]),
    "a strange key": (parameters(parameter("a@b", "v")), V, ["'a@b'", "'@'"]),
    "a strange value": (parameters(parameter("k", "a\nb")), V, ["'k'", r"'\n'"]),
    "a strange key to remove": (parameters(removed=["*"]), V, ["'*'"]),
    "a number for a key": (parameters(parameter(7, "v")), S, ["ParameterAdditions[0].Key"]),
    "a good one and a bad one": (
        parameters(parameter("good", "v"), parameter("bad;", "v")), V, ["'bad;'"]),
}  # fmt: skip
TAGS: dict[str, Case] = {
    "no resource": (("AddTags", {"Tags": []}), V, ["ResourceArn", "null"]),
    "no tags": (("AddTags", {"ResourceArn": f"{ARN}both"}), V, ["Tags", "null"]),
    "51 tags": (tags(*MANY_TAGS), V, ["Tags", "50"]),
    "51 in all": (tags(*MANY_TAGS[:50]), V, ["'both'", "51", "50"]),
    "a tag without a key": (tags({"Value": "v"}), V, ["Tags[0].Key", "null"]),
    "a tag without a value": (tags({"Key": "k"}), V, ["Tags[0].Value", "null"]),
    "a key twice": (tags(*MANY_TAGS[:1] * 2), V, ["'k0'", "twice"]),
    "an empty key": (tag(""), V, ["tag key ''"]),
    "a long key": (tag("k" * 129), V, ["tag key", "128"]),
    "a long value": (tag("k", "v" * 257), V, ["'k'", "257", "256"]),
    "a key of AWS": (tag("AWS:x"), V, ["'AWS:x'", "reserved"]),
    "a strange key": (tag("a;b"), V, ["'a;b'", "';'"]),
    "a strange value": (tag("k", "\x1b[0m"), V, ["'k'", r"'\x1b'"]),
    "half of a pair": (tag("k", "\ud800"), S, ["JSON"]),
    "a good one and a bad one": (
        tags({"Key": "good", "Value": ""}, {"Key": "bad,", "Value": ""}), V, ["'bad,'"]),
    "a number for a value": (tag("k", 7), S, ["Tags[0].Value"]),
    "no keys": (untag(), V, ["'[]'", "TagKeys"]),
    "51 keys": (untag(*[f"k{number}" for number in range(51)]), V, ["TagKeys", "50"]),
    "no TagKeys": (("DeleteTags", {"ResourceArn": f"{ARN}both"}), V, ["TagKeys", "null"]),
    "an empty key: delete": (untag("team", ""), V, ["tag key ''"]),
    "a strange key: delete": (untag("team", "*"), V, ["'*'"]),
    "a long key: delete": (untag("team", "k" * 129), V, ["tag key", "128"]),
    "a small page": (
        ("ListTags", {"ResourceArn": f"{ARN}both", "MaxResults": 49}), V, ["'49'", "50"]),
    "a forged token": (
        ("ListTags", {"ResourceArn": f"{ARN}both", "NextToken": "forged"}), V, ["'forged'"]),
    "a long token": (
        ("ListTags", {"ResourceArn": f"{ARN}both", "NextToken": "x" * 8_193}), V, ["NextToken"]),
}  # fmt: skip
CASES = {
    f"{kind}: {name}": case
    for kind, cases in (("update", UPDATES), ("metadata", METADATA), ("tags", TAGS))
    for name, case in cases.items()
}


@pytest.mark.parametrize("case", CASES)
def test_bad_input_is_refused_whole(changed: Bench, case: str) -> None:
    (operation, params), code, fragments = CASES[case]
    before = changed.registry.changes(0)
    answer = changed.send(SAGEMAKER, operation, **params)
    assert (answer.status, answer.code) == (400, code), answer.parsed
    for fragment in fragments:
        assert fragment in answer.message
    assert len(answer.message) < 1_000
    assert changed.registry.changes(0) == before


@pytest.mark.parametrize(
    "operation",
    [
        *("UpdateFeatureGroup", "UpdateFeatureMetadata", "DescribeFeatureMetadata"),
        *("AddTags", "ListTags", "DeleteTags"),
    ],
)
@pytest.mark.parametrize(
    "body",
    [
        *(b"", b"[]", b"null", b'"x"', b"{", b"\xff"),
        b'{"FeatureGroupName": 7, "ResourceArn": 7}',
        b'{"FeatureGroupName": "both", "FeatureAdditions": ["x"], "FeatureName": {}}',
    ],
)
def test_bodies_that_are_no_request(changed: Bench, operation: str, body: bytes) -> None:
    before = changed.registry.changes(0)
    headers = {"x-amz-target": f"SageMaker.{operation}"}
    response = changed.raw("POST", b"/", headers=headers, body=body)
    assert response.status == 400
    assert (b"SerializationException" in response.body) or (b"ValidationException" in response.body)
    assert changed.registry.changes(0) == before


def test_a_group_that_is_still_made_is_not_changed(changed: Bench) -> None:
    stored = changed.registry.find("both")
    assert stored is not None
    creating = replace(stored, status=FeatureGroupStatus.CREATING, revision=stored.revision + 1)
    changed.registry.replace(creating)
    answer = changed.send(
        SAGEMAKER,
        "UpdateFeatureGroup",
        FeatureGroupName="both",
        FeatureAdditions=[definition("x")],
    )
    assert (answer.status, answer.code) == (400, V)
    assert "'both' is in status Creating: wait" in answer.message
    assert changed.registry.find("both") == creating
