"""UpdateFeatureGroup: what Describe says afterwards, and what records do."""

import json
from typing import Any

import pytest

from .bench import (
    OFFLINE,
    ROLE,
    RUNTIME,
    SAGEMAKER,
    START_US,
    Bench,
    definition,
    group_request,
    record,
)

ARN = "arn:aws:sagemaker:eu-west-1:123456789012:feature-group/"
HOUR, DAY = {"Unit": "Hours", "Value": 1}, {"Unit": "Days", "Value": 1}
NOW = "2025-06-15T15:06:40Z"  # START_US


def update(bench: Bench, name: str = "both", **changes: Any) -> None:
    answer = bench.send(SAGEMAKER, "UpdateFeatureGroup", FeatureGroupName=name, **changes)
    assert answer.status == 200, answer.parsed
    assert json.loads(answer.response.body) == {"FeatureGroupArn": f"{ARN}{name}"}


def described(bench: Bench, name: str = "both") -> dict[str, Any]:
    answer = bench.send(SAGEMAKER, "DescribeFeatureGroup", FeatureGroupName=name)
    assert answer.status == 200, answer.parsed
    content: dict[str, Any] = json.loads(answer.response.body)
    return content


def put(bench: Bench, name: str = "both", **features: str) -> Any:
    made = record(**{"id": "1", "time": NOW, **features})
    return bench.send(RUNTIME, "PutRecord", FeatureGroupName=name, Record=made)


def got(bench: Bench, name: str = "both", **more: Any) -> dict[str, Any]:
    key = {"FeatureGroupName": name, "RecordIdentifierValueAsString": "1"}
    answer = bench.send(RUNTIME, "GetRecord", **key, **more)
    assert answer.status == 200, answer.parsed
    found: dict[str, Any] = json.loads(answer.response.body)
    return found


def test_an_update_is_done_when_it_is_answered(groups: Bench) -> None:
    before = described(groups)
    assert not {"LastModifiedTime", "LastUpdateStatus"} & set(before)
    groups.now_us += 5_000_000
    update(groups, OnlineStoreConfig={"TtlDuration": HOUR})
    assert described(groups) == {
        **before,
        "OnlineStoreConfig": {"EnableOnlineStore": True, "TtlDuration": HOUR},
        "LastModifiedTime": START_US / 1e6 + 5,
        "LastUpdateStatus": {"Status": "Successful"},
    }


def test_features_are_added(groups: Bench) -> None:
    before = described(groups)["FeatureDefinitions"]
    additions = [definition("shop"), definition("age", "Integral")]
    update(groups, FeatureAdditions=additions)
    assert described(groups)["FeatureDefinitions"] == before + additions
    assert put(groups, shop="s", age="7", text="x").status == 200
    assert got(groups)["Record"] == record(id="1", time=NOW, text="x", shop="s", age="7")
    assert got(groups, FeatureNames=["age"])["Record"] == record(age="7")


def test_a_collection_is_added_to_a_group_in_memory(groups: Bench) -> None:
    more = definition("more", "Fractional", CollectionType="List")
    update(groups, "memory", FeatureAdditions=[more])
    assert described(groups, "memory")["FeatureDefinitions"][-1] == more


def test_a_record_from_before_has_no_added_feature(groups: Bench) -> None:
    put(groups, text="x")
    update(groups, FeatureAdditions=[definition("shop")])
    assert got(groups)["Record"] == record(id="1", time=NOW, text="x")
    assert got(groups, FeatureNames=["shop"])["Record"] == []


@pytest.mark.parametrize("taken_away", [{}, {"TtlDuration": {}}])
def test_a_ttl_holds_until_it_is_taken_away(groups: Bench, taken_away: dict[str, Any]) -> None:
    expires = {"ExpirationTimeResponse": "Enabled"}
    put(groups)
    assert "ExpiresAt" not in got(groups, **expires)
    update(groups, OnlineStoreConfig={"TtlDuration": HOUR})
    assert "ExpiresAt" not in got(groups, **expires)
    put(groups)
    assert got(groups, **expires)["ExpiresAt"] == "2025-06-15T16:06:40Z"
    update(groups, OnlineStoreConfig={"TtlDuration": DAY})
    assert got(groups, **expires)["ExpiresAt"] == "2025-06-15T16:06:40Z"
    put(groups)
    assert got(groups, **expires)["ExpiresAt"] == "2025-06-16T15:06:40Z"
    update(groups, OnlineStoreConfig=taken_away)
    assert "TtlDuration" not in described(groups)["OnlineStoreConfig"]
    assert got(groups, **expires)["ExpiresAt"] == "2025-06-16T15:06:40Z"
    put(groups)
    assert "ExpiresAt" not in got(groups, **expires)


def test_standard_becomes_standard_v2(groups: Bench) -> None:
    put(groups, whole="1", text="x")
    key = {"FeatureGroupName": "both", "RecordIdentifierValueAsString": "1"}
    change = {**key, "Features": record(text="new")}
    refused = groups.send(RUNTIME, "UpdateRecord", **change)
    assert (refused.status, refused.code) == (400, "ValidationError")
    update(groups, OnlineStoreConfig={"StorageType": "Standard_V2", "TtlDuration": HOUR})
    online = {"EnableOnlineStore": True, "StorageType": "Standard_V2", "TtlDuration": HOUR}
    assert described(groups)["OnlineStoreConfig"] == online
    assert groups.send(RUNTIME, "UpdateRecord", **change).status == 200
    assert got(groups)["Record"] == record(id="1", time=NOW, whole="1", text="new")
    update(groups, OnlineStoreConfig={"StorageType": "Standard_V2"})  # the TTL stays
    assert described(groups)["OnlineStoreConfig"] == online


@pytest.mark.parametrize(
    ("asked", "shown"),
    [
        (
            {
                "ThroughputMode": "Provisioned",
                "ProvisionedReadCapacityUnits": 0,
                "ProvisionedWriteCapacityUnits": 1,
            },
            None,
        ),
        (
            {
                "ThroughputMode": "OnDemand",
                "ProvisionedReadCapacityUnits": 0,
                "ProvisionedWriteCapacityUnits": 0,
            },
            {"ThroughputMode": "OnDemand"},
        ),
    ],
)
def test_throughput_as_terraform_sends_it(
    groups: Bench, asked: dict[str, Any], shown: dict[str, Any] | None
) -> None:
    update(groups, ThroughputConfig=asked)
    assert described(groups)["ThroughputConfig"] == (shown or asked)


def test_units_are_changed_one_at_a_time(groups: Bench) -> None:
    both = {"ProvisionedReadCapacityUnits": 10, "ProvisionedWriteCapacityUnits": 20}
    update(groups, ThroughputConfig={"ThroughputMode": "Provisioned", **both})
    update(groups, ThroughputConfig={"ProvisionedReadCapacityUnits": 5})
    assert described(groups)["ThroughputConfig"] == {
        "ThroughputMode": "Provisioned",
        "ProvisionedReadCapacityUnits": 5,
        "ProvisionedWriteCapacityUnits": 20,
    }


def test_a_group_of_history_alone_takes_features(groups: Bench) -> None:
    update(groups, "history", FeatureAdditions=[definition("shop")])
    assert described(groups, "history")["FeatureDefinitions"][-1] == definition("shop")


def test_what_was_created_stays(bench: Bench) -> None:
    """Everything else of the definition is as it was, so that Terraform replaces nothing."""
    request = group_request(
        "g",
        OfflineStoreConfig={**OFFLINE, "TableFormat": "Default"},
        RoleArn=ROLE,
        Description="d",
        Tags=[{"Key": "a", "Value": "b"}],
    )
    bench.send(SAGEMAKER, "CreateFeatureGroup", **request)
    before = described(bench, "g")
    bench.now_us += 5_000_000
    update(bench, "g", FeatureAdditions=[definition("shop")])
    after = described(bench, "g")
    for member in ("FeatureDefinitions", "LastModifiedTime", "LastUpdateStatus"):
        after.pop(member)
        before.pop(member, None)
    assert after == before


def test_a_retired_feature_is_gone_from_every_answer(groups: Bench) -> None:
    put(groups, text="x", whole="1")
    groups.core.updates.retire_feature("both", "text")
    names = [one["FeatureName"] for one in described(groups)["FeatureDefinitions"]]
    assert names == ["id", "time", "whole", "real"]
    assert got(groups)["Record"] == record(id="1", time=NOW, whole="1")
    wanted = {"FeatureGroupName": "both", "RecordIdentifiersValueAsString": ["1"]}
    batch = groups.send(RUNTIME, "BatchGetRecord", Identifiers=[wanted]).parsed
    assert batch["Records"][0]["Record"] == record(id="1", time=NOW, whole="1")
    named = {**wanted, "FeatureNames": ["text"]}
    (error,) = groups.send(RUNTIME, "BatchGetRecord", Identifiers=[named]).parsed["Errors"]
    assert error["ErrorCode"] == "ValidationError"
    assert "'text'" in error["ErrorMessage"]
    assert groups.send(RUNTIME, "ListRecords", FeatureGroupName="both").parsed[
        "RecordIdentifiers"
    ] == ["1"]
    end = groups.log_end()
    refused = put(groups, text="y")
    assert (refused.status, refused.code) == (400, "ValidationError")
    assert "'text' of feature group 'both' is retired" in refused.message
    entry = {"FeatureGroupName": "both", "Record": record(id="1", time=NOW, text="y")}
    (error,) = groups.send(RUNTIME, "BatchWriteRecord", Entries=[entry]).parsed["Errors"]
    assert "is retired" in error["ErrorMessage"]
    assert groups.log_end() == end
    groups.core.updates.restore_feature("both", "text")
    assert got(groups)["Record"] == record(id="1", time=NOW, whole="1", text="x")


def test_reads_and_writes_through_an_alias(groups: Bench) -> None:
    put(groups, text="of both")
    put(groups, "v2", text="of v2")
    for target in ("both", "v2"):
        groups.core.aliases.set("current", target)
        assert got(groups, "current")["Record"][-1]["ValueAsString"] == f"of {target}"
        assert got(groups, f"{ARN}current")["Record"][-1]["ValueAsString"] == f"of {target}"
        wanted = {"FeatureGroupName": "current", "RecordIdentifiersValueAsString": ["1"]}
        (found,) = groups.send(RUNTIME, "BatchGetRecord", Identifiers=[wanted]).parsed["Records"]
        assert found["FeatureGroupName"] == "current"
        assert described(groups, "current") == described(groups, target)
    end = groups.log_end()
    for refused in (
        put(groups, "current"),
        groups.send(
            RUNTIME,
            "DeleteRecord",
            FeatureGroupName="current",
            RecordIdentifierValueAsString="1",
            EventTime=NOW,
        ),
        groups.send(
            RUNTIME,
            "UpdateRecord",
            FeatureGroupName="current",
            RecordIdentifierValueAsString="1",
            Features=record(text="x"),
        ),
    ):
        assert (refused.status, refused.code) == (400, "ValidationError")
        assert "'current' is an alias" in refused.message
        assert "'v2'" in refused.message
    assert groups.log_end() == end
    names = groups.send(SAGEMAKER, "ListFeatureGroups", NameContains="current").parsed
    assert names["FeatureGroupSummaries"] == []


@pytest.mark.parametrize(
    ("operation", "more", "code"),
    [
        ("CreateFeatureGroup", group_request("current"), "ResourceInUse"),
        ("DeleteFeatureGroup", {"FeatureGroupName": "both"}, "ResourceInUse"),
        ("DeleteFeatureGroup", {"FeatureGroupName": "current"}, "ValidationException"),
        (
            "UpdateFeatureGroup",
            {"FeatureGroupName": "current", "FeatureAdditions": [definition("x")]},
            "ValidationException",
        ),
    ],
)
def test_an_alias_is_no_group(
    groups: Bench, operation: str, more: dict[str, Any], code: str
) -> None:
    groups.core.aliases.set("current", "both")
    before = groups.registry.changes(0)
    refused = groups.send(SAGEMAKER, operation, **more)
    assert (refused.status, refused.code) == (400, code)
    assert "'current'" in refused.message
    assert groups.registry.changes(0) == before
