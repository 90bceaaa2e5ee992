"""What Describe gives back, to the letter, and what List finds."""

import json
from typing import Any

import pytest

from .bench import OFFLINE, ROLE, SAGEMAKER, START_US, Bench, definition, group_request

ARN = "arn:aws:sagemaker:eu-west-1:123456789012:feature-group/"


def create(bench: Bench, request: dict[str, Any]) -> dict[str, Any]:
    """The answer of DescribeFeatureGroup as it stands on the wire, after creating the group."""
    created = bench.send(SAGEMAKER, "CreateFeatureGroup", **request)
    assert created.parsed.get("FeatureGroupArn") == f"{ARN}{request['FeatureGroupName']}"
    name = request["FeatureGroupName"]
    described = bench.send(SAGEMAKER, "DescribeFeatureGroup", FeatureGroupName=name)
    assert described.status == 200
    content: dict[str, Any] = json.loads(described.response.body)
    return content


def test_an_online_group_has_nothing_that_was_not_set(bench: Bench) -> None:
    request = group_request("online")
    assert create(bench, request) == {
        "FeatureGroupArn": f"{ARN}online",
        "FeatureGroupName": "online",
        "RecordIdentifierFeatureName": "id",
        "EventTimeFeatureName": "time",
        "FeatureDefinitions": request["FeatureDefinitions"],
        "CreationTime": START_US / 1e6,
        "FeatureGroupStatus": "Created",
        "OnlineStoreConfig": {"EnableOnlineStore": True},
        "ThroughputConfig": {"ThroughputMode": "OnDemand"},
    }


def test_an_offline_group_has_the_defaults_that_aws_shows(bench: Bench) -> None:
    request = group_request("My-Group_1", OfflineStoreConfig=OFFLINE, RoleArn=ROLE)
    del request["OnlineStoreConfig"]
    described = create(bench, request)
    assert described["OfflineStoreConfig"] == {
        "S3StorageConfig": {
            "S3Uri": "s3://bucket/features/",
            "ResolvedOutputS3Uri": (
                "s3://bucket/features/123456789012/sagemaker/eu-west-1/offline-store"
                "/My-Group_1-1750000000/data"
            ),
        },
        "DisableGlueTableCreation": False,
        "DataCatalogConfig": {
            "TableName": "my_group_1_1750000000",
            "Catalog": "AwsDataCatalog",
            "Database": "sagemaker_featurestore",
        },
        "TableFormat": "Glue",
    }
    assert described["OfflineStoreStatus"] == {"Status": "Active"}
    assert described["RoleArn"] == ROLE
    assert "OnlineStoreConfig" not in described


@pytest.mark.parametrize("table_format", ["Glue", "Default", "Iceberg"])
def test_table_format_is_given_back(bench: Bench, table_format: str) -> None:
    offline = {**OFFLINE, "TableFormat": table_format}
    described = create(bench, group_request("g", OfflineStoreConfig=offline, RoleArn=ROLE))
    assert described["OfflineStoreConfig"]["TableFormat"] == table_format


def test_a_disabled_glue_table_has_no_catalog(bench: Bench) -> None:
    offline = {**OFFLINE, "DisableGlueTableCreation": True}
    described = create(bench, group_request("g", OfflineStoreConfig=offline, RoleArn=ROLE))
    assert described["OfflineStoreConfig"]["DisableGlueTableCreation"] is True
    assert "DataCatalogConfig" not in described["OfflineStoreConfig"]


def test_a_given_catalog_is_given_back(bench: Bench) -> None:
    catalog = {"TableName": "T", "Catalog": "C", "Database": "D"}
    for disabled in (True, False):
        offline = {**OFFLINE, "DisableGlueTableCreation": disabled, "DataCatalogConfig": catalog}
        name = f"g{int(disabled)}"
        described = create(bench, group_request(name, OfflineStoreConfig=offline, RoleArn=ROLE))
        assert described["OfflineStoreConfig"]["DataCatalogConfig"] == catalog


@pytest.mark.parametrize(
    "online",
    [
        {"EnableOnlineStore": True, "StorageType": "Standard"},
        {"EnableOnlineStore": True, "StorageType": "Standard_V2"},
        {"EnableOnlineStore": True, "StorageType": "InMemory"},
        {"EnableOnlineStore": True, "TtlDuration": {"Unit": "Minutes", "Value": 5}},
        {"EnableOnlineStore": True, "SecurityConfig": {"KmsKeyId": "arn:aws:kms:x:1:key/k"}},
    ],
)
def test_an_online_store_is_given_back(bench: Bench, online: dict[str, Any]) -> None:
    described = create(bench, group_request("g", OnlineStoreConfig=online))
    assert described["OnlineStoreConfig"] == online


def test_a_disabled_online_store_is_given_back(bench: Bench) -> None:
    request = group_request(
        "g", OnlineStoreConfig={}, OfflineStoreConfig=OFFLINE, RoleArn=ROLE, Description="d"
    )
    described = create(bench, request)
    assert described["OnlineStoreConfig"] == {"EnableOnlineStore": False}
    assert described["Description"] == "d"


@pytest.mark.parametrize(
    "throughput",
    [
        {"ThroughputMode": "OnDemand"},
        {
            "ThroughputMode": "OnDemand",
            "ProvisionedReadCapacityUnits": 0,
            "ProvisionedWriteCapacityUnits": 0,
        },
        {
            "ThroughputMode": "Provisioned",
            "ProvisionedReadCapacityUnits": 0,
            "ProvisionedWriteCapacityUnits": 1,
        },
    ],
)
def test_throughput_is_given_back(bench: Bench, throughput: dict[str, Any]) -> None:
    assert (
        create(bench, group_request("g", ThroughputConfig=throughput))["ThroughputConfig"]
        == throughput
    )


def test_collections_are_given_back(bench: Bench) -> None:
    request = group_request("g", storage="InMemory")
    vector = {"VectorConfig": {"Dimension": 2}}
    request["FeatureDefinitions"] += [
        definition("list", "Integral", CollectionType="List"),
        definition("vector", "Fractional", CollectionType="Vector", CollectionConfig=vector),
    ]
    assert create(bench, request)["FeatureDefinitions"] == request["FeatureDefinitions"]


def test_one_feature_may_be_both_keys(bench: Bench) -> None:
    request = group_request("tf-acc-test-1")
    request["FeatureDefinitions"] = [definition("tf-acc-test-1")]
    request["RecordIdentifierFeatureName"] = request["EventTimeFeatureName"] = "tf-acc-test-1"
    assert create(bench, request)["EventTimeFeatureName"] == "tf-acc-test-1"


def test_null_members_count_as_absent(bench: Bench) -> None:
    request = group_request("g", Description=None, Tags=None, ThroughputConfig=None)
    body = json.dumps({**request, "Unknown": {"deep": [None]}}).encode()
    headers = {"x-amz-target": "SageMaker.CreateFeatureGroup"}
    assert bench.raw("POST", b"/", headers=headers, body=body).status == 200


def listed(bench: Bench, **params: Any) -> list[str]:
    answer = bench.send(SAGEMAKER, "ListFeatureGroups", **params)
    assert answer.status == 200, answer.parsed
    return [summary["FeatureGroupName"] for summary in answer.parsed["FeatureGroupSummaries"]]


@pytest.fixture
def listing(bench: Bench) -> Bench:
    """b, a, C and d, created a second apart in this order; d and a have an offline store."""
    for name in ("b", "a", "C", "d"):
        offline = {"OfflineStoreConfig": OFFLINE, "RoleArn": ROLE} if name in "ad" else {}
        create(bench, group_request(name, **offline))
        bench.now_us += 1_000_000
    return bench


def test_list_sorts(listing: Bench) -> None:
    assert listed(listing) == ["b", "a", "C", "d"]
    assert listed(listing, SortOrder="Descending") == ["d", "C", "a", "b"]
    assert listed(listing, SortBy="Name") == ["C", "a", "b", "d"]
    assert listed(listing, SortBy="OfflineStoreStatus") == ["C", "b", "a", "d"]
    by_status = listed(listing, SortBy="FeatureGroupStatus", SortOrder="Descending")
    assert by_status == ["C", "a", "b", "d"]


def test_list_filters(listing: Bench) -> None:
    assert listed(listing, NameContains="a") == ["a"]
    assert listed(listing, OfflineStoreStatusEquals="Active") == ["a", "d"]
    assert listed(listing, OfflineStoreStatusEquals="Blocked") == []
    assert listed(listing, FeatureGroupStatusEquals="Created") == ["b", "a", "C", "d"]
    assert listed(listing, FeatureGroupStatusEquals="Deleting") == []
    start = START_US / 1e6
    assert listed(listing, CreationTimeAfter=start) == ["a", "C", "d"]
    assert listed(listing, CreationTimeBefore=start + 2) == ["b", "a"]
    assert listed(listing, CreationTimeAfter=start, CreationTimeBefore=start + 2) == ["a"]


@pytest.mark.parametrize(
    "sort_by", ["Name", "CreationTime", "FeatureGroupStatus", "OfflineStoreStatus"]
)
@pytest.mark.parametrize("order", ["Ascending", "Descending"])
@pytest.mark.parametrize("size", [1, 2, 3])
def test_pages_hold_each_group_once(listing: Bench, sort_by: str, order: str, size: int) -> None:
    asked = {"SortBy": sort_by, "SortOrder": order}
    found: list[str] = []
    token: dict[str, str] = {}
    for _ in range(5):
        answer = listing.send(SAGEMAKER, "ListFeatureGroups", **asked, MaxResults=size, **token)
        page = answer.parsed["FeatureGroupSummaries"]
        assert len(page) <= size
        found += [summary["FeatureGroupName"] for summary in page]
        if "NextToken" not in answer.parsed:
            break
        token = {"NextToken": answer.parsed["NextToken"]}
    assert found == listed(listing, **asked)


def test_a_page_goes_on_where_its_last_group_was_deleted(listing: Bench) -> None:
    first = listing.send(SAGEMAKER, "ListFeatureGroups", SortBy="Name", MaxResults=2).parsed
    listing.send(SAGEMAKER, "DeleteFeatureGroup", FeatureGroupName="a")
    assert listed(listing, SortBy="Name", NextToken=first["NextToken"]) == ["b", "d"]


def test_delete_takes_a_name_only(listing: Bench) -> None:
    refused = listing.send(SAGEMAKER, "DeleteFeatureGroup", FeatureGroupName=f"{ARN}a")
    assert refused.code == "ValidationException"
    assert listed(listing, NameContains="a") == ["a"]
