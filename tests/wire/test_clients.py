"""Every operation through real boto3 clients, against the router behind a plain HTTP server."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import boto3
import pytest
from botocore.config import Config

from tandem.rows.segment import one_by_one

from .bench import (
    ACCOUNT,
    OFFLINE,
    ROLE,
    RUNTIME,
    SAGEMAKER,
    STS,
    Bench,
    Endpoint,
    group_request,
    record,
    value,
)

NOON = "2025-06-15T12:00:00Z"
LATER = "2025-06-15T12:00:01Z"
ARN = "arn:aws:sagemaker:eu-west-1:123456789012:feature-group/"


@pytest.fixture
def endpoint(groups: Bench) -> Iterator[Endpoint]:
    made = Endpoint(groups)
    yield made
    made.close()


@pytest.fixture
def connect(endpoint: Endpoint) -> Iterator[Any]:
    clients = []

    def connect(service: str) -> Any:
        client = boto3.client(
            service,
            endpoint_url=endpoint.url,
            region_name=ACCOUNT.region,
            aws_access_key_id="any",
            aws_secret_access_key="any",
            config=Config(retries={"total_max_attempts": 1}, proxies={}),
        )
        clients.append(client)
        return client

    yield connect
    for client in clients:
        client.close()


@pytest.fixture
def runtime(connect: Any) -> Any:
    return connect(RUNTIME)


@pytest.fixture
def sagemaker(connect: Any) -> Any:
    return connect(SAGEMAKER)


def test_put_get_delete(runtime: Any) -> None:
    full = record(id="C 1+/é", time=NOON, whole="7", real="89.50", text='a"b\n')
    put = runtime.put_record(FeatureGroupName="both", Record=full)
    assert put["ResponseMetadata"]["HTTPStatusCode"] == 200
    assert put["ResponseMetadata"]["RequestId"].startswith("request-")
    headers = put["ResponseMetadata"]["HTTPHeaders"]
    assert (headers["content-type"], headers["content-length"]) == ("application/json", "0")
    key = {"FeatureGroupName": "both", "RecordIdentifierValueAsString": "C 1+/é"}
    got = runtime.get_record(**key)
    assert got["Record"] == full
    assert "ExpiresAt" not in got
    chosen = runtime.get_record(**key, FeatureNames=["real", "whole"])
    assert chosen["Record"] == record(whole="7", real="89.50")
    runtime.delete_record(**key, EventTime=LATER)
    assert "Record" not in runtime.get_record(**key)
    runtime.put_record(FeatureGroupName="both", Record=full)
    assert "Record" not in runtime.get_record(**key)  # older than the tombstone
    runtime.delete_record(
        **key,
        EventTime="2025-06-15T12:00:02Z",
        DeletionMode="HardDelete",
        TargetStores=["OnlineStore", "OfflineStore"],
    )
    runtime.put_record(FeatureGroupName="both", Record=full)
    assert runtime.get_record(**key)["Record"] == full


def test_an_arn_is_a_name(runtime: Any) -> None:
    runtime.put_record(FeatureGroupName=f"{ARN}both", Record=record(id="1", time=NOON))
    for name in ("both", f"{ARN}both"):
        got = runtime.get_record(FeatureGroupName=name, RecordIdentifierValueAsString="1")
        assert got["Record"] == record(id="1", time=NOON)


def test_expiry(runtime: Any, groups: Bench) -> None:
    now = datetime.fromtimestamp(groups.now_us / 1e6, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    ttl = {"Unit": "Hours", "Value": 1}
    runtime.put_record(FeatureGroupName="both", Record=record(id="1", time=now), TtlDuration=ttl)
    key = {"FeatureGroupName": "both", "RecordIdentifierValueAsString": "1"}
    shown = runtime.get_record(**key, ExpirationTimeResponse="Enabled")
    assert shown["ExpiresAt"] == "2025-06-15T16:06:40Z"
    assert "ExpiresAt" not in runtime.get_record(**key, ExpirationTimeResponse="Disabled")
    batch = {"Identifiers": [{"FeatureGroupName": "both", "RecordIdentifiersValueAsString": ["1"]}]}
    listed = runtime.batch_get_record(**batch, ExpirationTimeResponse="Enabled")
    assert listed["Records"][0]["ExpiresAt"] == "2025-06-15T16:06:40Z"
    assert "ExpiresAt" not in runtime.batch_get_record(**batch)["Records"][0]
    groups.now_us += 3_600_000_000
    assert "Record" not in runtime.get_record(**key)


def test_collections(runtime: Any) -> None:
    full = record(id="1", time=NOON, list=["1", "1"], set=["a", "b"], vector=["0.5", "1e3"])
    runtime.put_record(FeatureGroupName="memory", Record=full)
    got = runtime.get_record(FeatureGroupName="memory", RecordIdentifierValueAsString="1")
    assert got["Record"] == full


def test_update_record(runtime: Any) -> None:
    runtime.put_record(FeatureGroupName="v2", Record=record(id="1", time=NOON, whole="1"))
    key = {"FeatureGroupName": "v2", "RecordIdentifierValueAsString": "1"}
    assert runtime.update_record(**key, Features=record(text="new"))["ResponseMetadata"]
    got = runtime.get_record(**key)["Record"]
    assert got == record(id="1", time=NOON, whole="1", text="new")
    with pytest.raises(runtime.exceptions.ConflictException):
        runtime.update_record(**key, Features=record(time="2025-06-15T11:59:59Z"))
    with pytest.raises(runtime.exceptions.ResourceNotFound, match="no record '2' to update"):
        runtime.update_record(
            FeatureGroupName="v2", RecordIdentifierValueAsString="2", Features=record(text="x")
        )


def test_list_records(runtime: Any) -> None:
    for number in range(5):
        runtime.put_record(FeatureGroupName="both", Record=record(id=str(number), time=NOON))
    runtime.delete_record(
        FeatureGroupName="both", RecordIdentifierValueAsString="3", EventTime=LATER
    )
    pages = list(
        runtime.get_paginator("list_records").paginate(FeatureGroupName="both", MaxResults=2)
    )
    assert [len(page["RecordIdentifiers"]) for page in pages][:2] == [2, 2]
    found = [one for page in pages for one in page["RecordIdentifiers"]]
    assert sorted(found) == ["0", "1", "2", "4"]
    every = runtime.list_records(FeatureGroupName="both", IncludeSoftDeletedRecords=True)
    assert sorted(every["RecordIdentifiers"]) == ["0", "1", "2", "3", "4"]
    assert "NextToken" not in every


def test_batch_get_record(runtime: Any) -> None:
    one, two = record(id="1", time=NOON, text="one"), record(id="2", time=NOON, text="two")
    for full in (one, two):
        runtime.put_record(FeatureGroupName="both", Record=full)
    runtime.put_record(FeatureGroupName="keyed", Record=record(id="7", time="1750000000"))
    answer = runtime.batch_get_record(
        Identifiers=[
            {"FeatureGroupName": f"{ARN}both", "RecordIdentifiersValueAsString": ["2", "x", "1"]},
            {"FeatureGroupName": "nowhere", "RecordIdentifiersValueAsString": ["1"]},
            {"FeatureGroupName": "keyed", "RecordIdentifiersValueAsString": ["7", "seven"]},
            {
                "FeatureGroupName": "both",
                "RecordIdentifiersValueAsString": ["1"],
                "FeatureNames": ["text"],
            },
        ]
    )
    assert [(found["FeatureGroupName"], found["Record"]) for found in answer["Records"]] == [
        (f"{ARN}both", two),
        (f"{ARN}both", one),
        ("keyed", record(id="7", time="1750000000")),
        ("both", record(text="one")),
    ]
    codes = [
        (error["FeatureGroupName"], error["RecordIdentifierValueAsString"], error["ErrorCode"])
        for error in answer["Errors"]
    ]
    assert codes == [("nowhere", "1", "ResourceNotFound"), ("keyed", "seven", "ValidationError")]
    assert answer["UnprocessedIdentifiers"] == []


def test_batch_write_record(runtime: Any, groups: Bench) -> None:
    before = groups.log_end()
    good = {
        "FeatureGroupName": "both",
        "Record": record(id="1", time=NOON),
        "TtlDuration": {"Unit": "Weeks", "Value": 3},
    }
    bad = [
        {
            "FeatureGroupName": "both",
            "Record": [*record(id="2", time="soon"), value("text", "é\u2028")],
            "TargetStores": ["OnlineStore"],
            "TtlDuration": {"Unit": "Days", "Value": 2},
        },
        {"FeatureGroupName": "nowhere", "Record": record(id="1", time=NOON)},
    ]
    answer = runtime.batch_write_record(
        Entries=[bad[0], good, bad[1], {**good, "FeatureGroupName": "v2"}],
        TtlDuration={"Unit": "Weeks", "Value": 4},
    )
    assert [error["Entry"] for error in answer["Errors"]] == bad
    codes = [error["ErrorCode"] for error in answer["Errors"]]
    assert codes == ["ValidationError", "ResourceNotFound"]
    assert "'soon'" in answer["Errors"][0]["ErrorMessage"]
    assert answer["UnprocessedEntries"] == []
    assert groups.log_end() == before + 2
    assert {entry.write_time_us for entry in _entries(groups, before)} == {groups.now_us}
    key = {"RecordIdentifierValueAsString": "1", "ExpirationTimeResponse": "Enabled"}
    assert runtime.get_record(FeatureGroupName="both", **key)["ExpiresAt"] == "2025-07-06T12:00:00Z"


def test_batch_write_default_ttl(runtime: Any) -> None:
    entries = [{"FeatureGroupName": "both", "Record": record(id="1", time=NOON)}]
    runtime.batch_write_record(Entries=entries, TtlDuration={"Unit": "Weeks", "Value": 4})
    key = {"RecordIdentifierValueAsString": "1", "ExpirationTimeResponse": "Enabled"}
    assert runtime.get_record(FeatureGroupName="both", **key)["ExpiresAt"] == "2025-07-13T12:00:00Z"


def test_target_stores(runtime: Any, groups: Bench) -> None:
    before = groups.log_end()
    runtime.put_record(
        FeatureGroupName="both", Record=record(id="1", time=NOON), TargetStores=["OfflineStore"]
    )
    key = {"FeatureGroupName": "both", "RecordIdentifierValueAsString": "1"}
    assert "Record" not in runtime.get_record(**key)
    assert [entry.targets.names() for entry in _entries(groups, before)] == [["OfflineStore"]]


def test_modelled_errors(runtime: Any) -> None:
    key = {"FeatureGroupName": "nowhere", "RecordIdentifierValueAsString": "1"}
    with pytest.raises(runtime.exceptions.ResourceNotFound, match="'nowhere'"):
        runtime.get_record(**key)
    with pytest.raises(runtime.exceptions.ResourceNotFound):
        runtime.list_records(FeatureGroupName="nowhere")
    with pytest.raises(runtime.exceptions.ResourceNotFound):
        runtime.update_record(**key, Features=record(text="x"))
    # These two have no class for it.
    with pytest.raises(runtime.exceptions.ValidationError, match=r"Resource Not Found.*'nowhere'"):
        runtime.put_record(FeatureGroupName="nowhere", Record=record(id="1", time=NOON))
    with pytest.raises(runtime.exceptions.ValidationError, match=r"Resource Not Found.*'nowhere'"):
        runtime.delete_record(**key, EventTime=NOON)


@pytest.mark.parametrize(
    "foreign",
    [
        ARN.replace("eu-west-1", "us-east-1"),
        ARN.replace("123456789012", "210987654321"),
        ARN.replace("arn:aws", "arn:aws-cn"),
    ],
)
def test_a_foreign_arn_names_no_group(runtime: Any, sagemaker: Any, foreign: str) -> None:
    with pytest.raises(runtime.exceptions.ResourceNotFound, match=f"{foreign}both"):
        runtime.get_record(FeatureGroupName=f"{foreign}both", RecordIdentifierValueAsString="1")
    with pytest.raises(sagemaker.exceptions.ResourceNotFound, match=f"{foreign}both"):
        sagemaker.describe_feature_group(FeatureGroupName=f"{foreign}both")


def test_feature_groups(sagemaker: Any) -> None:
    request = group_request(
        "My-Group_1",
        OfflineStoreConfig=OFFLINE,
        RoleArn=ROLE,
        Description="all of it",
        Tags=[{"Key": "team", "Value": "a"}],
    )
    arn = sagemaker.create_feature_group(**request)["FeatureGroupArn"]
    assert arn == f"{ARN}My-Group_1"
    with pytest.raises(sagemaker.exceptions.ResourceInUse, match="My-Group_1"):
        sagemaker.create_feature_group(**request)
    by_name = sagemaker.describe_feature_group(FeatureGroupName="My-Group_1")
    by_arn = sagemaker.describe_feature_group(FeatureGroupName=arn)
    del by_name["ResponseMetadata"], by_arn["ResponseMetadata"]
    assert by_name == by_arn
    assert by_name["CreationTime"] == datetime(2025, 6, 15, 15, 6, 40, tzinfo=UTC)
    summaries = sagemaker.list_feature_groups(NameContains="Group")["FeatureGroupSummaries"]
    assert [summary["FeatureGroupArn"] for summary in summaries] == [arn]
    sagemaker.delete_feature_group(FeatureGroupName="My-Group_1")
    with pytest.raises(sagemaker.exceptions.ResourceNotFound, match="'My-Group_1'"):
        sagemaker.describe_feature_group(FeatureGroupName=arn)
    with pytest.raises(sagemaker.exceptions.ResourceNotFound):
        sagemaker.delete_feature_group(FeatureGroupName="My-Group_1")


def test_updates_tags_and_metadata(sagemaker: Any, groups: Bench) -> None:
    groups.now_us += 5_000_000
    arn = sagemaker.update_feature_group(
        FeatureGroupName=f"{ARN}both",
        FeatureAdditions=[{"FeatureName": "shop", "FeatureType": "String"}],
        OnlineStoreConfig={"TtlDuration": {"Unit": "Days", "Value": 1}},
    )["FeatureGroupArn"]
    described = sagemaker.describe_feature_group(FeatureGroupName="both")
    assert arn == described["FeatureGroupArn"] == f"{ARN}both"
    assert described["LastModifiedTime"] == datetime(2025, 6, 15, 15, 6, 45, tzinfo=UTC)
    assert described["LastUpdateStatus"] == {"Status": "Successful"}
    tags = [{"Key": "team", "Value": "a"}, {"Key": "käse", "Value": ""}]
    assert sagemaker.add_tags(ResourceArn=arn, Tags=tags)["Tags"] == tags
    pages = sagemaker.get_paginator("list_tags").paginate(ResourceArn=arn)
    assert [tag for page in pages for tag in page["Tags"]] == tags
    sagemaker.delete_tags(ResourceArn=arn, TagKeys=["team"])
    assert sagemaker.list_tags(ResourceArn=arn, MaxResults=50)["Tags"] == tags[1:]
    key = {"FeatureGroupName": "both", "FeatureName": "shop"}
    sagemaker.update_feature_metadata(
        **key, Description="where", ParameterAdditions=[{"Key": "pii", "Value": "no"}]
    )
    said = sagemaker.describe_feature_metadata(**key)
    assert (said["Description"], said["FeatureType"]) == ("where", "String")
    assert said["Parameters"] == [{"Key": "pii", "Value": "no"}]
    assert said["CreationTime"] == described["LastModifiedTime"]
    for call, arguments in (
        (sagemaker.update_feature_group, {"FeatureGroupName": "nowhere", "FeatureAdditions": [
            {"FeatureName": "x", "FeatureType": "String"}]}),
        (sagemaker.describe_feature_metadata, {**key, "FeatureName": "x"}),
        (sagemaker.update_feature_metadata, {**key, "FeatureGroupName": "nowhere"}),
    ):  # fmt: skip
        with pytest.raises(sagemaker.exceptions.ResourceNotFound):
            call(**arguments)


def test_caller_identity(connect: Any, endpoint: Endpoint) -> None:
    answer = connect(STS).get_caller_identity()
    assert answer["Account"] == ACCOUNT.account_id
    role = answer["Arn"].replace("assumed-role", "role").replace(":sts:", ":iam:")
    assert ":role/" in role
    assert answer["UserId"]


def _entries(bench: Bench, after: int) -> list[Any]:
    with bench.store.log() as log:
        return list(one_by_one(log.parts(0, after)))
