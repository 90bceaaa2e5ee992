"""Glue as clients see it: what comes back, pages, versions, batches, refusals by name."""

from typing import Any

import pytest

from .bench import GLUE, OFFLINE, ROLE, SAGEMAKER, Bench, group_request
from .glue_requests import ACCOUNT_ID, DATABASE, PARTITION, STORAGE, TABLE, call, make_catalog

HISTORY = {"DatabaseName": "sagemaker_featurestore"}
ORDERS = {"DatabaseName": "sales", "TableName": "orders"}


@pytest.fixture
def catalog(bench: Bench) -> Bench:
    make_catalog(bench)
    return bench


def code_of(bench: Bench, operation: str, **params: Any) -> tuple[str | None, int]:
    answer = bench.send(GLUE, operation, **params)
    assert answer.message
    return answer.code, answer.status


def names(answer: dict[str, Any], of: str = "TableList") -> list[str]:
    return [one["Name"] for one in answer[of]]


def test_what_a_client_gave_comes_back(catalog: Bench) -> None:
    table = call(catalog, "GetTable", DatabaseName="Sales", Name="ORDERS")["Table"]
    for member in (*TABLE.keys() - {"LastAccessTime", "LastAnalyzedTime", "PartitionKeys"},):
        assert table[member] == TABLE[member], member
    assert table["LastAccessTime"].timestamp() == TABLE["LastAccessTime"]
    assert table["PartitionKeys"] == [{"Name": "day", "Type": "string", "Comment": "c"}]
    assert (table["CatalogId"], table["VersionId"]) == (ACCOUNT_ID, "1")
    database = call(catalog, "GetDatabase", Name="SALES")["Database"]
    assert {member: database[member] for member in DATABASE} == DATABASE
    partition = call(catalog, "GetPartition", **ORDERS, PartitionValues=PARTITION["Values"])
    assert partition["Partition"]["StorageDescriptor"] == STORAGE


def test_what_is_left_out_is_filled_in_as_glue_does(catalog: Bench) -> None:
    call(catalog, "CreateTable", DatabaseName="sales", TableInput={"Name": "bare"})
    table = call(catalog, "GetTable", DatabaseName="sales", Name="bare")["Table"]
    assert table["StorageDescriptor"] == {
        "Columns": [],
        "Compressed": False,
        "NumberOfBuckets": 0,
        "StoredAsSubDirectories": False,
    }
    assert (table["PartitionKeys"], table["Retention"], table["Parameters"]) == ([], 0, {})


@pytest.mark.parametrize(
    ("operation", "params", "code"),
    [
        ("GetDatabase", {"Name": "x"}, "EntityNotFoundException"),
        ("GetTable", {"DatabaseName": "sales", "Name": "x"}, "EntityNotFoundException"),
        ("GetTables", {"DatabaseName": "x"}, "EntityNotFoundException"),
        ("GetPartition", {**ORDERS, "PartitionValues": ["x"]}, "EntityNotFoundException"),
        ("DeletePartition", {**ORDERS, "PartitionValues": ["x"]}, "EntityNotFoundException"),
        ("GetTableVersion", {**ORDERS, "VersionId": "9"}, "EntityNotFoundException"),
        ("GetTable", {**HISTORY, "Name": "x", "CatalogId": "1"}, "EntityNotFoundException"),
        ("GetTags", {"ResourceArn": "arn:aws:glue:x:1:table/a"}, "EntityNotFoundException"),
        ("CreateDatabase", {"DatabaseInput": DATABASE}, "AlreadyExistsException"),
        ("CreateTable", {"DatabaseName": "sales", "TableInput": TABLE}, "AlreadyExistsException"),
        ("CreatePartition", {**ORDERS, "PartitionInput": PARTITION}, "AlreadyExistsException"),
        ("CreatePartition", {**ORDERS, "PartitionInput": {}}, "InvalidInputException"),
        ("GetTables", {"DatabaseName": "sales", "Expression": "("}, "InvalidInputException"),
        ("GetPartitions", {**ORDERS, "Expression": "x = 1"}, "InvalidInputException"),
        ("DeleteDatabase", {"Name": "default"}, "InvalidInputException"),
        ("GetTableVersion", {**ORDERS, "VersionId": "x"}, "InvalidInputException"),
        (
            "UpdateTable",
            {"DatabaseName": "sales", "TableInput": TABLE, "VersionId": "7"},
            "ConcurrentModificationException",
        ),
        ("CreateTable", {"DatabaseName": "sales"}, "InvalidInputException"),
        (
            "CreateTable",
            {"DatabaseName": "sales", "OpenTableFormatInput": {"IcebergInput": {}}},
            "InvalidInputException",
        ),
        (
            "CreateTable",
            {"DatabaseName": "sales", "TableInput": {"Name": "v", "ViewDefinition": {}}},
            "InvalidInputException",
        ),
        ("GetTable", {**HISTORY, "Name": "x", "TransactionId": "t"}, "InvalidInputException"),
        ("GetTables", {**HISTORY, "QueryAsOfTime": 1}, "InvalidInputException"),
    ],
)
def test_errors_have_glues_names(
    catalog: Bench, operation: str, params: dict[str, Any], code: str
) -> None:
    assert code_of(catalog, operation, **params) == (code, 400)


def test_pages_of_tables(catalog: Bench) -> None:
    for name in ("a", "b", "zz"):
        call(catalog, "CreateTable", DatabaseName="sales", TableInput={"Name": name})
    found, token = [], {}
    for _ in range(4):
        page = call(catalog, "GetTables", DatabaseName="sales", MaxResults=1, **token)
        found += names(page)
        token = {"NextToken": page.get("NextToken")}
    assert (found, token) == (["a", "b", "orders", "zz"], {"NextToken": None})
    page = call(catalog, "GetTables", DatabaseName="sales", MaxResults=1)
    stolen = {"DatabaseName": "default", "NextToken": page["NextToken"]}
    assert code_of(catalog, "GetTables", **stolen) == ("InvalidInputException", 400)
    matching = call(catalog, "GetTables", DatabaseName="sales", Expression="A|z+|or.*s")
    assert names(matching) == ["a", "orders", "zz"]
    for pattern in ("or*", "*der*", "*s", "o.*", "or[a-z]*", "or(der)*s"):
        assert names(call(catalog, "GetTables", DatabaseName="sales", Expression=pattern)) == [
            "orders"
        ]
    foreign = call(catalog, "GetTables", DatabaseName="sales", ResourceShareType="FEDERATED")
    assert names(foreign) == []


def test_a_pattern_does_not_keep_the_server_busy(catalog: Bench) -> None:
    call(catalog, "CreateTable", DatabaseName="sales", TableInput={"Name": "a" * 200})
    found = call(catalog, "GetTables", DatabaseName="sales", Expression="(a+)+(a+)+(a*)*b")
    assert names(found) == []


def test_pages_and_segments_of_partitions(catalog: Bench) -> None:
    days = [f"2024-05-{day:02}" for day in range(1, 31)]
    inputs = [{"Values": [day]} for day in days[1:]]
    call(catalog, "BatchCreatePartition", **ORDERS, PartitionInputList=inputs)
    found, token = [], {}
    while token is not None:
        page = call(catalog, "GetPartitions", **ORDERS, MaxResults=7, **token)
        found += [one["Values"][0] for one in page["Partitions"]]
        token = {"NextToken": page["NextToken"]} if "NextToken" in page else None
    assert found == days
    by_segment = [
        call(catalog, "GetPartitions", **ORDERS, Segment={"SegmentNumber": n, "TotalSegments": 4})
        for n in range(4)
    ]
    assert all(len(page["Partitions"]) > 1 for page in by_segment)
    assert sorted(p["Values"][0] for page in by_segment for p in page["Partitions"]) == days
    some = call(catalog, "GetPartitions", **ORDERS, Expression="day >= '2024-05-29'")
    assert [one["Values"] for one in some["Partitions"]] == [["2024-05-29"], ["2024-05-30"]]
    bare = call(catalog, "GetPartitions", **ORDERS, ExcludeColumnSchema=True, MaxResults=1)
    assert bare["Partitions"][0]["StorageDescriptor"]["Columns"] == []


def test_versions(catalog: Bench) -> None:
    for number in range(2, 5):
        changed = {**TABLE, "Description": f"version {number}"}
        call(catalog, "UpdateTable", DatabaseName="sales", TableInput=changed)
    first = call(catalog, "GetTableVersions", **ORDERS, MaxResults=3)
    assert [one["VersionId"] for one in first["TableVersions"]] == ["4", "3", "2"]
    rest = call(catalog, "GetTableVersions", **ORDERS, NextToken=first["NextToken"])
    assert [one["Table"]["Description"] for one in rest["TableVersions"]] == ["d"]
    one = call(catalog, "GetTableVersion", **ORDERS, VersionId="3")["TableVersion"]
    assert (one["VersionId"], one["Table"]["Description"]) == ("3", "version 3")
    assert call(catalog, "GetTableVersion", **ORDERS)["TableVersion"]["VersionId"] == "4"


def test_batches_say_what_failed(catalog: Bench) -> None:
    made = call(
        catalog, "BatchCreatePartition", **ORDERS, PartitionInputList=[{"Values": ["x"]}, PARTITION]
    )
    assert [
        (error["PartitionValues"], error["ErrorDetail"]["ErrorCode"]) for error in made["Errors"]
    ] == [(PARTITION["Values"], "AlreadyExistsException")]
    gone = call(
        catalog,
        "BatchDeletePartition",
        **ORDERS,
        PartitionsToDelete=[{"Values": ["x"]}, {"Values": ["y"]}],
    )
    assert [error["PartitionValues"] for error in gone["Errors"]] == [["y"]]
    wanted = [{"Values": ["y"]}, {"Values": PARTITION["Values"]}]
    found = call(catalog, "BatchGetPartition", **ORDERS, PartitionsToGet=wanted)
    assert [one["Values"] for one in found["Partitions"]] == [PARTITION["Values"]]
    dropped = call(
        catalog, "BatchDeleteTable", DatabaseName="sales", TablesToDelete=["nothing", "orders"]
    )
    assert [error["TableName"] for error in dropped["Errors"]] == ["nothing"]
    assert names(call(catalog, "GetTables", DatabaseName="sales")) == []


def test_tags_of_a_database(catalog: Bench) -> None:
    arn = {"ResourceArn": f"arn:aws:glue:eu-west-1:{ACCOUNT_ID}:database/sales"}
    call(catalog, "TagResource", **arn, TagsToAdd={"owner": "b"})
    call(catalog, "UpdateDatabase", Name="sales", DatabaseInput={"Name": "sales"})
    assert call(catalog, "GetTags", **arn)["Tags"] == {"team": "a", "owner": "b"}
    call(catalog, "UntagResource", **arn, TagsToRemove=["team", "nothing"])
    assert call(catalog, "GetTags", **arn)["Tags"] == {"owner": "b"}


def test_a_feature_group_is_a_table(bench: Bench) -> None:
    request = group_request("Orders-By-Day", OfflineStoreConfig=OFFLINE, RoleArn=ROLE)
    bench.send(SAGEMAKER, "CreateFeatureGroup", **request)
    described = bench.send(SAGEMAKER, "DescribeFeatureGroup", FeatureGroupName="Orders-By-Day")
    offline = described.parsed["OfflineStoreConfig"]
    place = offline["DataCatalogConfig"]
    table = call(bench, "GetTable", DatabaseName=place["Database"], Name=place["TableName"])
    found = table["Table"]
    storage = found["StorageDescriptor"]
    assert storage["Location"] == offline["S3StorageConfig"]["ResolvedOutputS3Uri"]
    assert [column["Name"] for column in storage["Columns"]][-3:] == [
        "write_time",
        "api_invocation_time",
        "is_deleted",
    ]
    assert [key["Name"] for key in found["PartitionKeys"]] == ["year", "month", "day", "hour"]
    assert names(call(bench, "GetDatabases"), "DatabaseList") == [
        "default",
        "sagemaker_featurestore",
    ]
    bench.send(SAGEMAKER, "DeleteFeatureGroup", FeatureGroupName="Orders-By-Day")
    assert names(call(bench, "GetTables", **HISTORY)) == [found["Name"]]
