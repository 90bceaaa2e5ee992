"""What requests to Athena are made of: operations, statements, and what they may name."""

import time
from typing import Any

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


def make_query(bench: Bench) -> dict[str, list[Any]]:
    """Makes an execution that succeeded, a work group, a named query and a prepared statement.

    The ids to name them by.
    """
    started = bench.send(
        ATHENA,
        "StartQueryExecution",
        QueryString="SELECT 1 AS a",
        ResultConfiguration={"OutputLocation": f"s3://{BUCKET}/"},
    ).parsed["QueryExecutionId"]
    deadline = time.monotonic() + 30
    while not bench.core.athena.executions.get(started).state.is_over:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    bench.send(ATHENA, "CreateWorkGroup", Name="spare")
    named = bench.send(ATHENA, "CreateNamedQuery", Name="q", Database="d", QueryString="SELECT 1")
    prepared = {"StatementName": PREPARED, "WorkGroup": "primary", "QueryStatement": "SELECT ?"}
    bench.send(ATHENA, "CreatePreparedStatement", **prepared)
    ids = {"QueryExecutionId": started, "NamedQueryId": named.parsed["NamedQueryId"]}
    return {member: [made, "x"] for member, made in ids.items()}
