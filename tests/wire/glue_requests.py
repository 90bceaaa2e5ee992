"""Requests for Glue's operations, each valid once `make_catalog` has run."""

from typing import Any

from .bench import GLUE, Bench

ACCOUNT_ID = "123456789012"
_CATALOG = {"CatalogId": ACCOUNT_ID}
_PARAMETERS = {"k": "v"}
_AUDIT = {
    "AuditContext": {
        "AdditionalAuditContext": "a",
        "RequestedColumns": ["id"],
        "AllColumnsRequested": True,
    }
}
_COLUMN = {"Name": "id", "Type": "bigint", "Comment": "c", "Parameters": _PARAMETERS}
STORAGE = {
    "Columns": [_COLUMN],
    "Location": "s3://bucket/orders",
    "AdditionalLocations": ["s3://bucket/more"],
    "InputFormat": "in",
    "OutputFormat": "out",
    "Compressed": True,
    "NumberOfBuckets": 2,
    "SerdeInfo": {"Name": "s", "SerializationLibrary": "serde", "Parameters": _PARAMETERS},
    "BucketColumns": ["id"],
    "SortColumns": [{"Column": "id", "SortOrder": 1}],
    "Parameters": _PARAMETERS,
    "SkewedInfo": {
        "SkewedColumnNames": ["id"],
        "SkewedColumnValues": ["1"],
        "SkewedColumnValueLocationMaps": {"1": "s3://bucket/1"},
    },
    "StoredAsSubDirectories": False,
    "SchemaReference": {
        "SchemaId": {"SchemaArn": "arn:aws:glue:x", "SchemaName": "s", "RegistryName": "r"},
        "SchemaVersionId": "00000000-0000-0000-0000-000000000000",
        "SchemaVersionNumber": 1,
    },
}
_TIMES = {"LastAccessTime": 1_750_000_000, "LastAnalyzedTime": 1_750_000_000}
TABLE = {
    "Name": "orders",
    "Description": "d",
    "Owner": "o",
    **_TIMES,
    "Retention": 1,
    "StorageDescriptor": STORAGE,
    "PartitionKeys": [{"Name": "day", "Type": "string", "Comment": "c", "Parameters": {}}],
    "ViewOriginalText": "x",
    "ViewExpandedText": "y",
    "TableType": "EXTERNAL_TABLE",
    "Parameters": _PARAMETERS,
    "TargetTable": {
        "CatalogId": ACCOUNT_ID,
        "DatabaseName": "d",
        "Name": "n",
        "Region": "us-east-1",
    },
}
PARTITION = {
    "Values": ["2024-05-01"],
    **_TIMES,
    "StorageDescriptor": STORAGE,
    "Parameters": _PARAMETERS,
}
DATABASE = {
    "Name": "sales",
    "Description": "d",
    "LocationUri": "s3://bucket",
    "Parameters": _PARAMETERS,
    "CreateTableDefaultPermissions": [
        {"Principal": {"DataLakePrincipalIdentifier": "IAM"}, "Permissions": ["ALL"]}
    ],
    "TargetDatabase": {"CatalogId": ACCOUNT_ID, "DatabaseName": "d", "Region": "us-east-1"},
}
DATABASE_ARN = "arn:aws:glue:eu-west-1:123456789012:database/sales"
_TABLE = {**_CATALOG, "DatabaseName": "sales", "TableName": "orders"}
_NAMED = {**_CATALOG, "DatabaseName": "sales", "Name": "orders"}
_OLD = {"Values": ["2024-05-01"]}
GLUE_REQUESTS: list[tuple[str, str, dict[str, Any]]] = [
    (GLUE, "CreateDatabase", {
        **_CATALOG, "DatabaseInput": {**DATABASE, "Name": "new"}, "Tags": {"team": "a"}}),
    (GLUE, "GetDatabase", {**_CATALOG, "Name": "sales"}),
    (GLUE, "GetDatabases", {
        **_CATALOG, "MaxResults": 1, "ResourceShareType": "ALL", "AttributesToGet": ["NAME"]}),
    (GLUE, "UpdateDatabase", {**_CATALOG, "Name": "sales", "DatabaseInput": DATABASE}),
    (GLUE, "DeleteDatabase", {**_CATALOG, "Name": "sales"}),
    (GLUE, "GetTags", {"ResourceArn": DATABASE_ARN}),
    (GLUE, "TagResource", {"ResourceArn": DATABASE_ARN, "TagsToAdd": {"team": "b"}}),
    (GLUE, "UntagResource", {"ResourceArn": DATABASE_ARN, "TagsToRemove": ["team"]}),
    (GLUE, "CreateTable", {
        **_CATALOG, "DatabaseName": "sales", "Name": "new",
        "TableInput": {**TABLE, "Name": "new"}}),
    (GLUE, "GetTable", {
        **_NAMED, **_AUDIT, "IncludeStatusDetails": True, "AttributesToGet": ["NAME"]}),
    (GLUE, "GetTables", {
        **_CATALOG, **_AUDIT, "DatabaseName": "sales", "Expression": "or.*", "MaxResults": 1,
        "ResourceShareType": "ALL", "IncludeStatusDetails": True, "AttributesToGet": ["NAME"]}),
    (GLUE, "UpdateTable", {
        **_NAMED, "TableInput": TABLE, "SkipArchive": True, "VersionId": "1", "Force": True}),
    (GLUE, "DeleteTable", _NAMED),
    (GLUE, "BatchDeleteTable", {
        **_CATALOG, "DatabaseName": "sales", "TablesToDelete": ["orders"]}),
    (GLUE, "GetTableVersion", {**_TABLE, **_AUDIT, "VersionId": "1"}),
    (GLUE, "GetTableVersions", {**_TABLE, **_AUDIT, "MaxResults": 1}),
    (GLUE, "CreatePartition", {
        **_TABLE, "PartitionInput": {**PARTITION, "Values": ["2024-05-02"]}}),
    (GLUE, "BatchCreatePartition", {
        **_TABLE, "PartitionInputList": [{**PARTITION, "Values": ["2024-05-03"]}]}),
    (GLUE, "GetPartition", {**_TABLE, **_AUDIT, "PartitionValues": ["2024-05-01"]}),
    (GLUE, "GetPartitions", {
        **_TABLE, **_AUDIT, "Expression": "day = '2024-05-01'", "MaxResults": 1,
        "Segment": {"SegmentNumber": 0, "TotalSegments": 1}, "ExcludeColumnSchema": True}),
    (GLUE, "BatchGetPartition", {
        **_TABLE, **_AUDIT, "PartitionsToGet": [_OLD],
        "QuerySessionContext": {
            "QueryId": "q", "QueryStartTime": 1_750_000_000, "ClusterId": "c",
            "QueryAuthorizationId": "a", "AdditionalContext": {"k": "v"}}}),
    (GLUE, "UpdatePartition", {
        **_TABLE, "PartitionValueList": ["2024-05-01"], "PartitionInput": PARTITION}),
    (GLUE, "DeletePartition", {**_TABLE, "PartitionValues": ["2024-05-01"]}),
    (GLUE, "BatchDeletePartition", {**_TABLE, "PartitionsToDelete": [_OLD]}),
    (GLUE, "SearchTables", {
        **_CATALOG, "MaxResults": 1, "ResourceShareType": "ALL", "IncludeStatusDetails": True,
        "Filters": [{"Key": "CreateTime", "Value": "0", "Comparator": "GREATER_THAN"}],
        "SearchText": "orders", "SortCriteria": [{"FieldName": "Name", "Sort": "ASC"}]}),
]  # fmt: skip
NOT_SERVED = {
    # Given at all, these are refused: `test_glue`.
    *(f"{verb}Database.DatabaseInput.FederatedDatabase" for verb in ("Create", "Update")),
    *(f"{verb}Table.TableInput.FederatedTable" for verb in ("Create", "Update")),
    *(f"{verb}Table.TableInput.ViewDefinition" for verb in ("Create", "Update")),
    *("CreateTable.PartitionIndexes", "CreateTable.OpenTableFormatInput"),
    *("UpdateTable.ViewUpdateAction", "UpdateTable.UpdateOpenTableFormatInput"),
    *(f"{name}.TransactionId" for name in ("CreateTable", "GetTable", "GetTables", "UpdateTable")),
    *(f"{name}.TransactionId" for name in ("DeleteTable", "BatchDeleteTable", "GetPartitions")),
    *(f"{name}.QueryAsOfTime" for name in ("GetTable", "GetTables", "GetPartitions")),
}
TOKENS = {
    # Tokens are sealed, so they cannot be made up.
    *(f"Get{name}.NextToken" for name in ("Databases", "Tables", "TableVersions", "Partitions")),
    "SearchTables.NextToken",
}


def make_catalog(bench: Bench) -> None:
    """The database `sales` with the table `orders`, which has a partition."""
    call(bench, "CreateDatabase", DatabaseInput=DATABASE, Tags={"team": "a"})
    call(bench, "CreateTable", DatabaseName="sales", TableInput=TABLE)
    call(bench, "CreatePartition", **_TABLE, PartitionInput=PARTITION)


def call(bench: Bench, operation: str, **params: Any) -> dict[str, Any]:
    """What a call that must succeed answers."""
    answer = bench.send(GLUE, operation, **params)
    assert answer.status == 200, answer.parsed
    return answer.parsed
