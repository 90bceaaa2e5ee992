"""What requests to Athena are made of: operations, statements, and what they may name."""

import time
from typing import Any

from tandem.service.athena.client_tokens import id_of

from .bench import ATHENA, BUCKET, Bench

ATHENA_OPERATIONS = [
    *(f"{verb}QueryExecution" for verb in ("Start", "Get", "BatchGet", "Stop")),
    *("ListQueryExecutions", "GetQueryResults", "GetQueryRuntimeStatistics"),
    *(f"{verb}WorkGroup" for verb in ("Create", "Get", "Update", "Delete")),
    *("ListWorkGroups", "ListEngineVersions", "TagResource", "UntagResource"),
    *("ListTagsForResource", "ListDataCatalogs", "GetDataCatalog", "ListDatabases", "GetDatabase"),
    *("ListTableMetadata", "GetTableMetadata"),
    *(f"{verb}NamedQuery" for verb in ("Create", "Get", "BatchGet", "Update", "Delete")),
    "ListNamedQueries",
    *(f"{verb}PreparedStatement" for verb in ("Create", "Get", "BatchGet", "Update", "Delete")),
    "ListPreparedStatements",
]
QUERIES = [
    "SELECT 1",
    'SELECT * FROM "both"',
    "SELECT nothing FROM keyed",
    "SHOW TABLES",
    "CREATE DATABASE IF NOT EXISTS d",
    "CREATE OR REPLACE VIEW d.v AS SELECT 1 AS a",
    "SELEC",
]
PREPARED = "kept"
OUTPUTS = [f"s3://{BUCKET}/fuzz/", "s3://nothing/x", "x"]


_TOKEN = "limits-limits-limits-limits-limits"
EXECUTION_ID, NAMED_QUERY_ID = id_of(_TOKEN), id_of(_TOKEN)
_PLACE = {
    "OutputLocation": f"s3://{BUCKET}/",
    "EncryptionConfiguration": {"EncryptionOption": "SSE_KMS", "KmsKey": "k"},
    "ExpectedBucketOwner": "123456789012",
    "AclConfiguration": {"S3AclOption": "BUCKET_OWNER_FULL_CONTROL"},
}
_ENGINE = {"SelectedEngineVersion": "AUTO", "EffectiveEngineVersion": "Athena engine version 3"}
_TAG = {"Key": "team", "Value": "a"}
_GROUP_ARN = "arn:aws:athena:eu-west-1:123456789012:workgroup/spare"
_SPARE = {"WorkGroup": "spare"}
_CATALOG = {**_SPARE, "CatalogName": "AwsDataCatalog"}
_TABLE = {**_CATALOG, "DatabaseName": "default"}
_STATEMENT = {**_SPARE, "StatementName": PREPARED}
_EXECUTION = {"QueryExecutionId": EXECUTION_ID}
_NAMED = {"NamedQueryId": NAMED_QUERY_ID}
ATHENA_REQUESTS: list[tuple[str, str, dict[str, Any]]] = [
    (ATHENA, "StartQueryExecution", {
        **_SPARE, "QueryString": "SELECT ? AS a", "ExecutionParameters": ["1"],
        "ClientRequestToken": "another-another-another-another-another",
        "QueryExecutionContext": {"Database": "default", "Catalog": "AwsDataCatalog"},
        "ResultConfiguration": _PLACE,
        "ResultReuseConfiguration": {
            "ResultReuseByAgeConfiguration": {"Enabled": True, "MaxAgeInMinutes": 5}}}),
    (ATHENA, "GetQueryExecution", _EXECUTION),
    (ATHENA, "BatchGetQueryExecution", {"QueryExecutionIds": [EXECUTION_ID]}),
    (ATHENA, "ListQueryExecutions", {**_SPARE, "MaxResults": 1}),
    (ATHENA, "StopQueryExecution", _EXECUTION),
    (ATHENA, "GetQueryResults", {
        **_EXECUTION, "MaxResults": 1, "QueryResultType": "DATA_ROWS"}),
    (ATHENA, "GetQueryRuntimeStatistics", _EXECUTION),
    (ATHENA, "CreateWorkGroup", {
        "Name": "new", "Description": "d", "Tags": [_TAG],
        "Configuration": {
            "ResultConfiguration": _PLACE, "EnforceWorkGroupConfiguration": True,
            "PublishCloudWatchMetricsEnabled": True, "BytesScannedCutoffPerQuery": 10_000_000,
            "RequesterPaysEnabled": False, "EngineVersion": _ENGINE}}),
    (ATHENA, "GetWorkGroup", _SPARE),
    (ATHENA, "ListWorkGroups", {"MaxResults": 1}),
    (ATHENA, "UpdateWorkGroup", {
        **_SPARE, "Description": "d", "State": "DISABLED",
        "ConfigurationUpdates": {
            "ResultConfigurationUpdates": {
                **_PLACE,
                **{f"Remove{name}": False for name in _PLACE}},
            "EnforceWorkGroupConfiguration": True, "PublishCloudWatchMetricsEnabled": True,
            "BytesScannedCutoffPerQuery": 10_000_000, "RemoveBytesScannedCutoffPerQuery": False,
            "RequesterPaysEnabled": False, "EngineVersion": _ENGINE}}),
    (ATHENA, "DeleteWorkGroup", {**_SPARE, "RecursiveDeleteOption": True}),
    (ATHENA, "ListEngineVersions", {"MaxResults": 1}),
    (ATHENA, "TagResource", {"ResourceARN": _GROUP_ARN, "Tags": [_TAG]}),
    (ATHENA, "UntagResource", {"ResourceARN": _GROUP_ARN, "TagKeys": ["team"]}),
    (ATHENA, "ListTagsForResource", {"ResourceARN": _GROUP_ARN, "MaxResults": 75}),
    (ATHENA, "ListDataCatalogs", {**_SPARE, "MaxResults": 2}),
    (ATHENA, "GetDataCatalog", {**_SPARE, "Name": "AwsDataCatalog"}),
    (ATHENA, "ListDatabases", {**_CATALOG, "MaxResults": 1, "AttributesToGet": ["NAME"]}),
    (ATHENA, "GetDatabase", _TABLE),
    (ATHENA, "ListTableMetadata", {
        **_TABLE, "Expression": "v.*", "MaxResults": 1, "AttributesToGet": ["NAME"]}),
    (ATHENA, "GetTableMetadata", {**_TABLE, "TableName": "view"}),
    (ATHENA, "CreateNamedQuery", {
        **_SPARE, "Name": "n", "Description": "d", "Database": "default",
        "QueryString": "SELECT 1", "ClientRequestToken": "t" * 32}),
    (ATHENA, "GetNamedQuery", _NAMED),
    (ATHENA, "BatchGetNamedQuery", {"NamedQueryIds": [NAMED_QUERY_ID]}),
    (ATHENA, "ListNamedQueries", {**_SPARE, "MaxResults": 1}),
    (ATHENA, "UpdateNamedQuery", {
        **_NAMED, "Name": "n", "Description": "d", "QueryString": "SELECT 2"}),
    (ATHENA, "DeleteNamedQuery", _NAMED),
    (ATHENA, "CreatePreparedStatement", {
        **_STATEMENT, "StatementName": "new", "QueryStatement": "SELECT ?", "Description": "d"}),
    (ATHENA, "GetPreparedStatement", _STATEMENT),
    (ATHENA, "BatchGetPreparedStatement", {**_SPARE, "PreparedStatementNames": [PREPARED]}),
    (ATHENA, "ListPreparedStatements", {**_SPARE, "MaxResults": 1}),
    (ATHENA, "UpdatePreparedStatement", {
        **_STATEMENT, "QueryStatement": "SELECT ?", "Description": "d"}),
    (ATHENA, "DeletePreparedStatement", _STATEMENT),
]  # fmt: skip
ATHENA_TOKENS = {
    # Tokens are sealed, so they cannot be made up.
    f"{operation}.NextToken"
    for _, operation, params in ATHENA_REQUESTS
    if "MaxResults" in params
}
_OF_SPARK = ("EngineConfiguration", "AdditionalConfiguration", "ExecutionRole")
_OF_OTHERS = (
    *("MonitoringConfiguration", "CustomerContentEncryptionConfiguration"),
    *("EnableMinimumEncryptionConfiguration", "QueryResultsS3AccessGrantsConfiguration"),
)
ATHENA_NOT_SERVED = {
    # What nobody reads: Spark's, what encrypts, logs and grants on AWS, results that Athena keeps.
    "StartQueryExecution.EngineConfiguration",
    *(f"CreateWorkGroup.Configuration.{name}" for name in (*_OF_SPARK, *_OF_OTHERS)),
    *(
        f"CreateWorkGroup.Configuration.{name}"
        for name in (
            *("ManagedQueryResultsConfiguration", "IdentityCenterConfiguration"),
            "SystemTableStatuses",
        )
    ),
    *(f"UpdateWorkGroup.ConfigurationUpdates.{name}" for name in (*_OF_SPARK, *_OF_OTHERS)),
    *(
        f"UpdateWorkGroup.ConfigurationUpdates.{name}"
        for name in (
            "ManagedQueryResultsConfigurationUpdates",
            "RemoveCustomerContentEncryptionConfiguration",
        )
    ),
}


def make_query(bench: Bench) -> dict[str, list[Any]]:
    """Makes an execution that succeeded, a work group, a named query and a prepared statement.

    The ids to name them by.
    """
    started = run_query(bench, "SELECT 1 AS a")
    bench.send(ATHENA, "CreateWorkGroup", Name="spare")
    named = bench.send(ATHENA, "CreateNamedQuery", Name="q", Database="d", QueryString="SELECT 1")
    prepared = {"StatementName": PREPARED, "WorkGroup": "primary", "QueryStatement": "SELECT ?"}
    bench.send(ATHENA, "CreatePreparedStatement", **prepared)
    ids = {"QueryExecutionId": started, "NamedQueryId": named.parsed["NamedQueryId"]}
    return {member: [made, "x"] for member, made in ids.items()}


def make_athena(bench: Bench) -> None:
    """What the requests name: an execution that succeeded, a named query, a statement, a view."""
    spare = {"WorkGroup": "spare"}
    call(bench, "CreateWorkGroup", Name="spare", Tags=[_TAG])
    call(
        bench,
        "CreateNamedQuery",
        **spare,
        Name="q",
        Database="d",
        QueryString="SELECT 1",
        ClientRequestToken=_TOKEN,
    )
    call(
        bench,
        "CreatePreparedStatement",
        **spare,
        StatementName=PREPARED,
        QueryStatement="SELECT ?",
    )
    run_query(bench, "SELECT 1 AS a", ClientRequestToken=_TOKEN)
    run_query(bench, "CREATE OR REPLACE VIEW view AS SELECT 1 AS a")


def run_query(bench: Bench, statement: str, **more: Any) -> str:
    """The id of an execution that is over."""
    started: str = call(
        bench,
        "StartQueryExecution",
        QueryString=statement,
        ResultConfiguration={"OutputLocation": f"s3://{BUCKET}/"},
        **more,
    )["QueryExecutionId"]
    deadline = time.monotonic() + 60
    while not bench.core.athena.executions.get(started).state.is_over:
        assert time.monotonic() < deadline
        time.sleep(0.001)
    return started


def call(bench: Bench, operation: str, **params: Any) -> dict[str, Any]:
    """What a call that must succeed answers."""
    answer = bench.send(ATHENA, operation, **params)
    assert answer.status == 200, answer.parsed
    return {key: value for key, value in answer.parsed.items() if key != "ResponseMetadata"}
