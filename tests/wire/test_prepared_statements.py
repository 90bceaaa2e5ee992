"""Prepared statements as clients see them: by operation, by SQL, and run with their values."""

import time
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from .bench import BUCKET, Bench, Endpoint

OUTPUT = {"OutputLocation": f"s3://{BUCKET}/"}
MISSING = "PreparedStatement missing was not found in workGroup primary"


@pytest.fixture(scope="module")
def endpoint() -> Iterator[tuple[Bench, Any]]:
    bench = Bench()
    served = Endpoint(bench)
    keys = {"aws_access_key_id": "any", "aws_secret_access_key": "any"}
    client = boto3.client("athena", region_name="eu-west-1", endpoint_url=served.url, **keys)
    yield bench, client
    client.close()
    served.close()
    bench.close()


@pytest.fixture
def athena(endpoint: tuple[Bench, Any]) -> Iterator[Any]:
    bench, client = endpoint
    bench.now_us += 1_000_000
    yield client
    for name in names(client):
        client.delete_prepared_statement(StatementName=name, WorkGroup="primary")


def names(athena: Any, group: str = "primary") -> list[str]:
    listed = athena.list_prepared_statements(WorkGroup=group)["PreparedStatements"]
    return [one["StatementName"] for one in listed]


def create(athena: Any, name: str, query: str, group: str = "primary", **more: Any) -> None:
    athena.create_prepared_statement(
        StatementName=name, WorkGroup=group, QueryStatement=query, **more
    )


def run(athena: Any, statement: str, **more: Any) -> dict[str, Any]:
    """An execution, once it has ended."""
    started = athena.start_query_execution(
        QueryString=statement, ResultConfiguration=OUTPUT, **more
    )
    deadline = time.monotonic() + 60
    while True:
        found = athena.get_query_execution(QueryExecutionId=started["QueryExecutionId"])
        execution: dict[str, Any] = found["QueryExecution"]
        if execution["Status"]["State"] not in ("QUEUED", "RUNNING"):
            return execution
        assert time.monotonic() < deadline


def rows(athena: Any, statement: str, **more: Any) -> list[list[str | None]]:
    execution = run(athena, statement, **more)
    assert execution["Status"]["State"] == "SUCCEEDED", execution["Status"]
    found = athena.get_query_results(QueryExecutionId=execution["QueryExecutionId"])
    return [
        [datum.get("VarCharValue") for datum in row["Data"]]
        for row in found["ResultSet"]["Rows"][1:]
    ]


def refusal(call: Any, **params: Any) -> tuple[str, str]:
    """The code and the message of a call that is refused."""
    with pytest.raises(ClientError) as caught:
        call(**params)
    error = caught.value.response["Error"]
    return error["Code"], error["Message"]


def failure(athena: Any, statement: str) -> str:
    status = run(athena, statement)["Status"]
    assert status["State"] == "FAILED"
    reason: str = status["StateChangeReason"]
    return reason


def test_what_was_created_comes_back(athena: Any, endpoint: tuple[Bench, Any]) -> None:
    create(athena, "by_price", "SELECT ? AS price", Description="cheap ones")
    found = athena.get_prepared_statement(StatementName="by_price", WorkGroup="primary")
    statement = found["PreparedStatement"]
    assert statement.pop("LastModifiedTime").timestamp() * 1e6 == endpoint[0].now_us
    assert statement == {
        "StatementName": "by_price",
        "QueryStatement": "SELECT ? AS price",
        "WorkGroupName": "primary",
        "Description": "cheap ones",
    }


def test_an_update_keeps_the_description_that_it_does_not_say(athena: Any) -> None:
    create(athena, "by_price", "SELECT ?", Description="cheap ones")
    place = {"StatementName": "by_price", "WorkGroup": "primary"}
    athena.update_prepared_statement(**place, QueryStatement="SELECT ? + 1")
    changed = athena.get_prepared_statement(**place)["PreparedStatement"]
    assert (changed["QueryStatement"], changed["Description"]) == ("SELECT ? + 1", "cheap ones")
    athena.update_prepared_statement(**place, QueryStatement="SELECT ?", Description="all")
    assert athena.get_prepared_statement(**place)["PreparedStatement"]["Description"] == "all"


def test_a_list_comes_in_pages(athena: Any) -> None:
    for name in ("c_", "a_", "b_"):
        create(athena, name, "SELECT 1")
    found, token = [], {}
    for _ in range(3):
        page = athena.list_prepared_statements(WorkGroup="primary", MaxResults=1, **token)
        found += [one["StatementName"] for one in page["PreparedStatements"]]
        token = {"NextToken": page.get("NextToken")}
    assert (found, token) == (["a_", "b_", "c_"], {"NextToken": None})


def test_a_batch_says_which_are_missing(athena: Any) -> None:
    create(athena, "here", "SELECT 1")
    found = athena.batch_get_prepared_statement(
        PreparedStatementNames=["missing", "here"], WorkGroup="primary"
    )
    assert [one["QueryStatement"] for one in found["PreparedStatements"]] == ["SELECT 1"]
    assert found["UnprocessedPreparedStatementNames"] == [
        {"StatementName": "missing", "ErrorCode": "STATEMENT_NOT_FOUND", "ErrorMessage": MISSING}
    ]


def test_refusals_have_the_models_names(athena: Any) -> None:
    place = {"StatementName": "missing", "WorkGroup": "primary"}
    not_found = ("ResourceNotFoundException", MISSING)
    assert refusal(athena.get_prepared_statement, **place) == not_found
    assert refusal(athena.delete_prepared_statement, **place) == not_found
    change = {**place, "QueryStatement": "SELECT 1"}
    assert refusal(athena.update_prepared_statement, **change) == not_found
    create(athena, "here", "SELECT 1")
    twice = {**change, "StatementName": "here"}
    for call, params, message in (
        ("create", twice, "PreparedStatement here already exists in workGroup primary"),
        ("create", {**change, "StatementName": "no name"}, "'no name' at 'StatementName'"),
        ("create", {**change, "StatementName": "p"}, "'p' at 'StatementName'"),
        ("create", {**change, "QueryStatement": "SELEC"}, "line 1:1: mismatched input 'SELEC'"),
        ("update", {**twice, "QueryStatement": "DROP TABLE t"}, "can be prepared"),
        ("create", {**change, "WorkGroup": "none"}, "WorkGroup none is not found"),
    ):
        code, said = refusal(getattr(athena, f"{call}_prepared_statement"), **params)
        assert code == "InvalidRequestException"
        assert message in said
    nowhere = {"WorkGroup": "none"}
    assert refusal(athena.list_prepared_statements, **nowhere)[0] == "InvalidRequestException"
    assert names(athena) == ["here"]


def test_a_work_group_holds_no_more_than_so_many(
    athena: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    limit = "tandem.service.athena.prepared_statements.STATEMENTS_PER_GROUP_MAX"
    monkeypatch.setattr(limit, 2)
    create(athena, "one", "SELECT 1")
    create(athena, "two", "SELECT 2")
    third = {"StatementName": "three", "WorkGroup": "primary", "QueryStatement": "SELECT 3"}
    assert refusal(athena.create_prepared_statement, **third) == (
        "InvalidRequestException",
        "WorkGroup primary has 2 prepared statements: delete some",
    )


def test_execute_fills_in_the_values(athena: Any) -> None:
    create(athena, "sums", "SELECT a + ? AS a, ? AS b FROM (VALUES 1, 2) AS t (a) WHERE a > ?")
    using = "EXECUTE sums USING 10, 'x, (y', 1"
    assert rows(athena, using) == [["12", "x, (y"]]
    values = ["10", "'x, (y'", "1"]
    assert rows(athena, "EXECUTE sums", ExecutionParameters=values) == [["12", "x, (y"]]
    execution = run(athena, "EXECUTE sums", ExecutionParameters=values)
    assert (execution["Query"], execution["ExecutionParameters"]) == ("EXECUTE sums", values)
    assert (execution["StatementType"], execution["SubstatementType"]) == ("DML", "SELECT")
    assert execution["ResultConfiguration"]["OutputLocation"].endswith(".csv")


def test_statements_that_write_are_prepared_too(athena: Any) -> None:
    create(
        athena,
        "copy_one",
        f"CREATE TABLE prepared WITH (external_location = 's3://{BUCKET}/prepared')"
        " AS SELECT ? AS a",
    )
    execution = run(athena, "EXECUTE copy_one USING 7")
    assert execution["Status"]["State"] == "SUCCEEDED", execution["Status"]
    assert execution["SubstatementType"] == "CREATE_TABLE_AS_SELECT"
    create(athena, "add_one", "INSERT INTO prepared VALUES (?)")
    assert run(athena, "EXECUTE add_one USING 8")["Status"]["State"] == "SUCCEEDED"
    assert rows(athena, "SELECT sum(a) AS a FROM prepared") == [["15"]]


def test_prepare_and_deallocate_as_sql(athena: Any) -> None:
    prepared = run(athena, "PREPARE more FROM\nSELECT ? + 1 AS n;")
    assert (prepared["StatementType"], prepared["SubstatementType"]) == ("UTILITY", "PREPARE")
    assert prepared["Status"]["State"] == "SUCCEEDED", prepared["Status"]
    found = athena.get_prepared_statement(StatementName="more", WorkGroup="primary")
    assert found["PreparedStatement"]["QueryStatement"] == "SELECT ? + 1 AS n"
    assert rows(athena, "EXECUTE more USING 41") == [["42"]]
    assert "already exists" in failure(athena, "PREPARE more FROM SELECT 1")
    assert "StatementName 'x'" in failure(athena, "PREPARE x FROM SELECT 1")
    assert run(athena, "DEALLOCATE PREPARE more")["Status"]["State"] == "SUCCEEDED"
    assert "more was not found in workGroup primary" in failure(athena, "DEALLOCATE PREPARE more")
    assert names(athena) == []


def test_what_execute_cannot_start(athena: Any) -> None:
    create(athena, "pairs", "SELECT ?, ?")
    for statement, parameters, message in (
        ("EXECUTE missing", [], MISSING),
        ("EXECUTE PAIRS USING 1, 2", [], "PreparedStatement PAIRS was not found"),
        ("EXECUTE pairs", [], "a parameter without a value"),
        ("EXECUTE pairs USING 1", [], "expected 2 but found 1"),
        ("EXECUTE pairs USING 1, 2", ["1", "2"], "give them in one place"),
        ("EXECUTE pairs USING 1, ?", [], "a parameter without a value"),
        ("EXECUTE pairs USING 1, (SELECT 2)", [], "a parameter is a value"),
        ("EXECUTE pairs", ["1", "name"], "a parameter is a value"),
        ("EXECUTE pairs USING 1, 2; DROP TABLE t", [], "Only one sql statement"),
    ):
        given = {"ExecutionParameters": parameters} if parameters else {}
        code, said = refusal(
            athena.start_query_execution,
            QueryString=statement,
            ResultConfiguration=OUTPUT,
            **given,
        )
        assert code == "InvalidRequestException"
        assert message in said


def test_each_work_group_has_its_own_and_takes_them_with_it(athena: Any) -> None:
    athena.create_work_group(Name="team")
    create(athena, "which", "SELECT 'team' AS of", group="team")
    create(athena, "which", "SELECT 'primary' AS of")
    assert rows(athena, "EXECUTE which", WorkGroup="team") == [["team"]]
    assert rows(athena, "EXECUTE which") == [["primary"]]
    code, message = refusal(athena.delete_work_group, WorkGroup="team")
    assert (code, "not empty" in message) == ("InvalidRequestException", True)
    athena.delete_work_group(WorkGroup="team", RecursiveDeleteOption=True)
    athena.create_work_group(Name="team")
    assert names(athena, "team") == []
    athena.delete_work_group(WorkGroup="team")
    recursive = {"WorkGroup": "primary", "RecursiveDeleteOption": True}
    assert refusal(athena.delete_work_group, **recursive)[0] == "InvalidRequestException"
    assert names(athena) == ["which"]
