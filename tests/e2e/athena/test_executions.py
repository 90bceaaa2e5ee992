"""Query executions with boto3: their lives, their results, what is refused, and what outlives."""

import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from uuid import uuid4

import pytest
from botocore.exceptions import ClientError

from e2e.athena.session import BUCKET, OUTPUT, AthenaSession
from e2e.server_process import ServerProcess

GROUP = '"user-features"'
ENDLESS = (
    "WITH n AS (SELECT * FROM UNNEST(sequence(1, 5000)) AS t(i))"
    " SELECT count(*) FROM n a, n b, n c, n d WHERE (a.i + b.i * c.i + d.i) % 7 = 3"
)


def test_an_execution_from_start_to_result(athena: AthenaSession) -> None:
    query = f'SELECT *, LeadSource AS "LeadSource" FROM {GROUP} ORDER BY id;'
    execution = athena.run(query)
    assert execution["Query"] == query
    assert execution["StatementType"] == "DML"
    assert execution["SubstatementType"] == "SELECT"
    assert execution["WorkGroup"] == "primary"
    assert execution["QueryExecutionContext"] == {"Database": "sagemaker_featurestore"}
    execution_id = execution["QueryExecutionId"]
    assert execution["ResultConfiguration"] == {"OutputLocation": f"{OUTPUT}{execution_id}.csv"}
    statistics = execution["Statistics"]
    assert statistics["TotalExecutionTimeInMillis"] >= statistics["EngineExecutionTimeInMillis"] > 0
    lines = athena.text(execution).splitlines()
    assert lines[0] == (
        '"id","event_time","leadsource","note","write_time","api_invocation_time","is_deleted",'
        '"LeadSource"'
    )
    assert lines[1].startswith('"u0","1.7000000005E9","0","say ""hi"", twice","20')
    assert lines[4].startswith('"u3","1.7000000005E9",,,"20')
    assert lines[4].endswith('"false",')
    assert athena.keys(f"results/{execution_id}") == [
        f"results/{execution_id}.csv",
        f"results/{execution_id}.csv.metadata",
    ]


def test_the_first_question_waits_for_a_short_query_and_not_for_a_long_one(
    athena: AthenaSession,
) -> None:
    """The SageMaker SDK asks at once, and then every five seconds."""
    athena.run("SELECT 1 AS a")  # the first query of all waits for the process of queries, too
    for _ in range(20):
        begun = time.monotonic()
        execution = athena.execution(athena.start(f"SELECT count(*) FROM {GROUP}"))
        if time.monotonic() - begun < 1:  # for so long it waits; a busy machine may take longer
            break
    assert execution["Status"]["State"] == "SUCCEEDED"
    long = athena.start(ENDLESS)
    begun = time.monotonic()
    assert athena.execution(long)["Status"]["State"] == "RUNNING"
    assert time.monotonic() - begun < 20
    athena.athena.stop_query_execution(QueryExecutionId=long)
    assert athena.wait(long)["Status"]["State"] == "CANCELLED"


def test_results_in_pages_with_types(athena: AthenaSession) -> None:
    execution_id = athena.run(f"SELECT id, event_time, note, note IS NULL FROM {GROUP} ORDER BY 1")[
        "QueryExecutionId"
    ]
    pages = list(
        athena.athena.get_paginator("get_query_results").paginate(
            QueryExecutionId=execution_id, PaginationConfig={"PageSize": 2}
        )
    )
    columns = pages[0]["ResultSet"]["ResultSetMetadata"]["ColumnInfo"]
    assert [(one["Name"], one["Type"]) for one in columns] == [
        ("id", "varchar"),
        ("event_time", "double"),
        ("note", "varchar"),
        ("_col3", "boolean"),
    ]
    rows = [row["Data"] for page in pages for row in page["ResultSet"]["Rows"]]
    assert [len(page["ResultSet"]["Rows"]) for page in pages] == [2, 2, 1]
    assert [datum.get("VarCharValue") for datum in rows[0]] == ["id", "event_time", "note", "_col3"]
    assert [datum.get("VarCharValue") for datum in rows[1]] == [
        "u0",
        "1.7000000005E9",
        'say "hi", twice',
        "false",
    ]
    assert [datum.get("VarCharValue") for datum in rows[4]] == [
        "u3",
        "1.7000000005E9",
        None,
        "true",
    ]


def test_a_token_of_one_result_does_not_open_another(athena: AthenaSession) -> None:
    first, second = (
        athena.run(f"SELECT id FROM {GROUP}")["QueryExecutionId"],
        athena.run(f"SELECT id FROM {GROUP} LIMIT 3")["QueryExecutionId"],
    )
    page = athena.athena.get_query_results(QueryExecutionId=first, MaxResults=1)
    with pytest.raises(ClientError, match="NextToken"):
        athena.athena.get_query_results(QueryExecutionId=second, NextToken=page["NextToken"])


def test_a_query_is_read_your_writes_scanned_and_timed(athena: AthenaSession) -> None:
    execution_id = athena.run(f"SELECT count(*) FROM {GROUP}")["QueryExecutionId"]
    found = athena.athena.get_query_runtime_statistics(QueryExecutionId=execution_id)
    statistics = found["QueryRuntimeStatistics"]
    assert statistics["Rows"]["OutputRows"] == 1
    assert statistics["Timeline"]["TotalExecutionTimeInMillis"] >= 0


def test_a_failure_tells_why_in_athenas_words(athena: AthenaSession) -> None:
    reason = athena.failure(f"SELECT nothing FROM {GROUP}")
    assert reason == "COLUMN_NOT_FOUND: line 1:8: Column 'nothing' cannot be resolved"
    reason = athena.failure("SELECT * FROM nowhere")
    assert "TABLE_NOT_FOUND" in reason
    assert "nowhere" in reason
    assert "DIVISION_BY_ZERO" in athena.failure("SELECT 1 / 0")


def test_a_failure_has_no_result(athena: AthenaSession) -> None:
    execution_id = athena.wait(athena.start("SELECT nothing"))["QueryExecutionId"]
    with pytest.raises(ClientError, match="Final query state: FAILED") as caught:
        athena.athena.get_query_results(QueryExecutionId=execution_id)
    assert caught.value.response["Error"]["Code"] == "InvalidRequestException"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"ResultConfiguration": {"OutputLocation": "s3://not-there/x"}},
            "output bucket not-there",
        ),
        ({"ResultConfiguration": {"OutputLocation": "/tmp/x"}}, "not a valid S3 path"),
        ({"ResultConfiguration": {"OutputLocation": "s3://"}}, "not a valid S3 path"),
        ({"ResultConfiguration": {"OutputLocation": f"s3://{BUCKET}/../x"}}, "not a valid S3 path"),
        ({"ResultConfiguration": {}}, "No output location provided"),
        ({"QueryString": "SELEC 1"}, "line 1:1: mismatched input 'SELEC'"),
        ({"QueryString": "SELECT 1; SELECT 2"}, "Only one sql statement is allowed"),
        ({"QueryString": "MERGE INTO a USING b ON 1 = 1"}, "MERGE is not supported"),
        ({"WorkGroup": "none"}, "WorkGroup none is not found"),
    ],
)
def test_what_cannot_be_started(
    athena: AthenaSession, change: dict[str, object], message: str
) -> None:
    with pytest.raises(ClientError, match=message) as caught:
        athena.start(**{"statement": "SELECT 1", **_named(change)})
    assert caught.value.response["Error"]["Code"] == "InvalidRequestException"


def _named(change: dict[str, object]) -> dict[str, object]:
    return {{"QueryString": "statement"}.get(key, key): value for key, value in change.items()}


def test_a_token_starts_one_execution(athena: AthenaSession) -> None:
    token = uuid4().hex
    first = athena.start("SELECT 1 AS a", ClientRequestToken=token)
    assert athena.start("SELECT 1 AS a", ClientRequestToken=token) == first
    athena.wait(first)
    assert athena.start("SELECT 1 AS a", ClientRequestToken=token) == first
    with pytest.raises(ClientError, match="Idempotent parameters do not match"):
        athena.start("SELECT 2 AS a", ClientRequestToken=token)


def test_parameters_take_the_places_of_question_marks(athena: AthenaSession) -> None:
    query = f"SELECT id FROM {GROUP} WHERE id = ? OR LeadSource = ? ORDER BY id"
    execution = athena.run(query, ExecutionParameters=["'u0'", "2"])
    assert execution["ExecutionParameters"] == ["'u0'", "2"]
    assert athena.text(execution) == '"id"\n"u0"\n"u2"\n'


def test_a_running_query_is_stopped(athena: AthenaSession) -> None:
    execution_id = athena.start(ENDLESS)
    while athena.execution(execution_id)["Status"]["State"] == "QUEUED":
        time.sleep(0.01)
    started = time.monotonic()
    athena.athena.stop_query_execution(QueryExecutionId=execution_id)
    status = athena.wait(execution_id)["Status"]
    assert status["State"] == "CANCELLED"
    assert status["StateChangeReason"] == "Query cancelled"
    assert time.monotonic() - started < 20
    athena.athena.stop_query_execution(QueryExecutionId=execution_id)
    assert athena.keys(f"results/{execution_id}") == []


def test_a_waiting_query_is_stopped(athena: AthenaSession) -> None:
    running = [athena.start(ENDLESS) for _ in range(4)]
    waiting = athena.start("SELECT 1")
    try:
        assert athena.execution(waiting)["Status"]["State"] == "QUEUED"
        athena.athena.stop_query_execution(QueryExecutionId=waiting)
        assert athena.execution(waiting)["Status"]["State"] == "CANCELLED"
    finally:
        for execution_id in running:
            athena.athena.stop_query_execution(QueryExecutionId=execution_id)
    states = {athena.wait(execution_id)["Status"]["State"] for execution_id in running}
    assert states == {"CANCELLED"}


def test_many_at_once(athena: AthenaSession) -> None:
    with ThreadPoolExecutor(8) as pool:
        ids = list(pool.map(lambda number: athena.start(f"SELECT {number} AS n"), range(40)))
        done = list(pool.map(athena.wait, ids))
    assert {one["Status"]["State"] for one in done} == {"SUCCEEDED"}
    assert [athena.text(one) for one in done] == [f'"n"\n"{number}"\n' for number in range(40)]
    pages = athena.athena.get_paginator("list_query_executions").paginate(
        PaginationConfig={"PageSize": 7, "MaxItems": 40}
    )
    assert {one for page in pages for one in page["QueryExecutionIds"]} == set(ids)
    batch = athena.athena.batch_get_query_execution(QueryExecutionIds=[*ids[:3], "nothing"])
    assert [one["QueryExecutionId"] for one in batch["QueryExecutions"]] == ids[:3]
    assert [one["QueryExecutionId"] for one in batch["UnprocessedQueryExecutionIds"]] == ["nothing"]


def test_a_deleted_result_is_missed(athena: AthenaSession) -> None:
    execution = athena.run("SELECT 1 AS a")
    key = execution["ResultConfiguration"]["OutputLocation"].removeprefix(f"s3://{BUCKET}/")
    athena.s3.delete_object(Bucket=BUCKET, Key=key)
    with pytest.raises(ClientError, match="Could not find results"):
        athena.athena.get_query_results(QueryExecutionId=execution["QueryExecutionId"])


def test_the_bucket_goes_while_a_query_runs(athena: AthenaSession) -> None:
    athena.s3.create_bucket(Bucket="short-lived")
    place = {"ResultConfiguration": {"OutputLocation": "s3://short-lived/"}}
    blockers = [athena.start(ENDLESS) for _ in range(4)]
    execution_id = athena.start("SELECT 1 AS a", **place)
    athena.s3.delete_bucket(Bucket="short-lived")
    for blocker in blockers:
        athena.athena.stop_query_execution(QueryExecutionId=blocker)
    status = athena.wait(execution_id)["Status"]
    assert status["State"] == "FAILED"
    assert "short-lived" in status["StateChangeReason"]


def test_a_work_group_says_where_results_go(athena: AthenaSession) -> None:
    athena.athena.create_work_group(
        Name="analysts",
        Description="Those who ask",
        Configuration={
            "ResultConfiguration": {"OutputLocation": f"s3://{BUCKET}/analysts/"},
            "EnforceWorkGroupConfiguration": True,
            "BytesScannedCutoffPerQuery": 10_000_000,
        },
        Tags=[{"Key": "team", "Value": "risk"}],
    )
    execution = athena.run("SELECT 1 AS a", WorkGroup="analysts")
    location = execution["ResultConfiguration"]["OutputLocation"]
    assert location.startswith(f"s3://{BUCKET}/analysts/")
    listed = athena.athena.list_query_executions(WorkGroup="analysts")["QueryExecutionIds"]
    assert listed == [execution["QueryExecutionId"]]
    arn = "arn:aws:athena:us-east-1:000000000000:workgroup/analysts"
    tags = athena.athena.list_tags_for_resource(ResourceARN=arn)["Tags"]
    assert tags == [{"Key": "team", "Value": "risk"}]
    athena.athena.update_work_group(WorkGroup="analysts", State="DISABLED")
    with pytest.raises(ClientError, match="WorkGroup analysts is disabled"):
        athena.start("SELECT 1", WorkGroup="analysts")
    names = [one["Name"] for one in athena.athena.list_work_groups()["WorkGroups"]]
    assert names == ["analysts", "primary"]
    athena.athena.delete_work_group(WorkGroup="analysts")
    with pytest.raises(ClientError, match="not found"):
        athena.athena.get_work_group(WorkGroup="analysts")


def test_executions_outlive_the_server(tmp_path: Path) -> None:
    settings = {"TANDEM_ATHENA_EXECUTIONS_MAX": "5", "TANDEM_ATHENA_QUERIES_AT_ONCE": "1"}
    with ServerProcess(tmp_path / "data", environment=settings) as server:
        session = AthenaSession(server)
        done = [session.run(f"SELECT {number} AS n") for number in range(8)]
        running, waiting = session.start(ENDLESS), session.start("SELECT 1")
        server.kill()
    with ServerProcess(tmp_path / "data", environment=settings) as server:
        session.athena, session.s3 = server.client("athena"), server.client("s3")
        for execution_id in (running, waiting):
            status = session.execution(execution_id)["Status"]
            assert status["State"] == "FAILED"
            assert "server stopped" in status["StateChangeReason"]
            assert status["AthenaError"]["Retryable"]
        newest = done[-1]["QueryExecutionId"]
        assert session.execution(newest) == done[-1]
        assert session.text(done[-1]) == '"n"\n"7"\n'
        with pytest.raises(ClientError, match="was not found"):
            session.execution(done[0]["QueryExecutionId"])


def test_a_query_that_runs_too_long_is_ended(tmp_path: Path) -> None:
    # More than a query of a moment takes on a machine that has much else to do.
    settings = {"TANDEM_ATHENA_QUERY_SECONDS_MAX": "2.5"}
    with ServerProcess(tmp_path / "data", environment=settings) as server:
        session = AthenaSession(server)
        assert session.failure(ENDLESS).startswith("Query timeout: it ran longer than 2.5 seconds")
        for _ in range(10):
            execution = session.wait(session.start("SELECT 1"))
            if execution["Status"]["State"] == "SUCCEEDED":
                break  # and not where a busy machine has stood still for so long
        assert session.text(execution).endswith('"1"\n')


def test_a_stopping_server_ends_its_queries(tmp_path: Path) -> None:
    with ServerProcess(tmp_path / "data") as server:
        session = AthenaSession(server)
        ids = [session.start(ENDLESS) for _ in range(6)]
        started = time.monotonic()
        assert server.stop() == 0
        assert time.monotonic() - started < 15
    with ServerProcess(tmp_path / "data") as server:
        session.athena = server.client("athena")
        assert {session.execution(one)["Status"]["State"] for one in ids} == {"FAILED"}
