"""A statement reads the store's data and nothing else, whatever is in it."""

import pytest
from botocore.exceptions import ClientError

from e2e.athena.session import BUCKET, AthenaSession

SECRET = "not for queries"


def refused(athena: AthenaSession, statement: str) -> str:
    """Why a statement was not run, or failed."""
    try:
        execution_id = athena.start(statement)
    except athena.athena.exceptions.InvalidRequestException as error:
        return str(error)
    execution = athena.wait(execution_id)
    assert execution["Status"]["State"] == "FAILED", statement
    reason: str = execution["Status"]["StateChangeReason"]
    assert "GENERIC_INTERNAL_ERROR" not in reason
    return reason


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT * FROM read_csv('{file}')",
        "SELECT * FROM TABLE(read_text('{file}'))",
        "SELECT * FROM '{file}'",
        'SELECT * FROM "{file}"',
        'SELECT * FROM "x"."{file}"',
        "SELECT content FROM read_text('{file}')",
        "SELECT (SELECT content FROM read_text('{file}'))",
        "SELECT getenv('HOME')",
        "SELECT current_setting('temp_directory')",
        "SELECT * FROM duckdb_settings()",
        "SELECT * FROM pg_catalog.pg_tables",
        "SELECT * FROM sqlite_master",
        "COPY (SELECT 1) TO '{file}'",
        "ATTACH '{file}' AS x",
        "PRAGMA database_list",
        "INSTALL httpfs",
        "SET memory_limit = '1GB'",
        "CREATE EXTERNAL TABLE spy (a string) LOCATION 'file://{file}'",
        "CREATE EXTERNAL TABLE spy (a string) LOCATION 's3://{bucket}/../../'",
        "CREATE EXTERNAL TABLE spy (a string) LOCATION 's3://../'",
        "CREATE EXTERNAL TABLE spy (a string) LOCATION 's3://.staging/'",
        "UNLOAD (SELECT 1 AS a) TO 's3://{bucket}/../../x' WITH (format = 'JSON')",
        "CREATE TABLE spy WITH (external_location = 's3://{bucket}/a/../../x/') AS SELECT 1 AS a",
    ],
)
def test_nothing_outside_is_reached(athena: AthenaSession, statement: str) -> None:
    file = athena.server.data.parent / "secret.csv"
    file.write_text(f"{SECRET}\n")
    reason = refused(athena, statement.format(file=file, bucket=BUCKET))
    assert SECRET not in reason
    assert file.read_text() == f"{SECRET}\n"


def test_links_lead_nowhere(athena: AthenaSession) -> None:
    file = athena.server.data.parent / "secret.csv"
    file.write_text(f"{SECRET}\n")
    folder = athena.server.data / "s3" / BUCKET / "linked"
    folder.mkdir()
    (folder / "data.csv").symlink_to(file)
    (athena.server.data / "s3" / BUCKET / "out").symlink_to(file.parent)
    for name, place in (("link_1", "linked"), ("link_2", "out"), ("link_3", "out/data")):
        athena.run(
            f"CREATE EXTERNAL TABLE {name} (a string) ROW FORMAT DELIMITED"
            f" LOCATION 's3://{BUCKET}/{place}/'"
        )
        assert athena.rows(f"SELECT * FROM {name}") == []


def test_names_may_hold_anything(athena: AthenaSession) -> None:
    database, table, column = 'we"ird; DROP', 'o\'dd "t"', "c'\"d"
    athena.run(f"CREATE DATABASE `{database}`")
    place = f"s3://{BUCKET}/it's/[odd]*?/"
    athena.s3.put_object(Bucket=BUCKET, Key="it's/[odd]*?/a'b.csv", Body=b"1,x'y\n")
    athena.run(
        f"CREATE EXTERNAL TABLE `{database}`.`{table}` (`a b` int, `{column}` string) ROW FORMAT"
        f' DELIMITED FIELDS TERMINATED BY "," LOCATION "{place}"'
    )
    names = ['"' + name.replace('"', '""') + '"' for name in (column, database, table)]
    rows = athena.rows('SELECT "a b", {} FROM {}.{}'.format(*names))
    assert rows == [["1", "x'y"]]
    athena.run(f"DROP DATABASE `{database}` CASCADE")


def test_a_result_that_was_tampered_with(athena: AthenaSession) -> None:
    for suffix, body in ((".metadata", b"{nonsense"), ("", b"\xff\xfe\n"), ("", b'"a\n"b')):
        execution = athena.run("SELECT 1 AS a")
        execution_id = execution["QueryExecutionId"]
        key = execution["ResultConfiguration"]["OutputLocation"].removeprefix(f"s3://{BUCKET}/")
        athena.s3.put_object(Bucket=BUCKET, Key=key + suffix, Body=body)
        try:
            athena.athena.get_query_results(QueryExecutionId=execution_id)
            code = "answered"
        except ClientError as error:
            code = error.response["Error"]["Code"]
        assert code in ("answered", "InvalidRequestException")


def test_statements_that_are_deep_or_long(athena: AthenaSession) -> None:
    deep = "SELECT " + "(" * 5_000 + "1" + ")" * 5_000
    assert refused(athena, deep)
    wide = "SELECT " + ", ".join(f"{number} AS c{number}" for number in range(5_000))
    assert len(athena.rows(wide)[0]) == 5_000
    with pytest.raises(ClientError) as caught:
        athena.start("SELECT '" + "x" * 262_144 + "'")
    assert caught.value.response["Error"]["Code"] == "InvalidRequestException"


def test_a_result_larger_than_a_page_of_memory(athena: AthenaSession) -> None:
    execution = athena.run(
        "SELECT a.i * 1000 + b.k AS n, 'some text that is quite long' AS text"
        " FROM UNNEST(sequence(1, 500)) AS a(i), UNNEST(sequence(1, 1000)) AS b(k)"
    )
    key = execution["ResultConfiguration"]["OutputLocation"].removeprefix(f"s3://{BUCKET}/")
    size = athena.s3.head_object(Bucket=BUCKET, Key=key)["ContentLength"]
    assert size > 500_000 * 35
    pages = athena.athena.get_paginator("get_query_results").paginate(
        QueryExecutionId=execution["QueryExecutionId"], PaginationConfig={"MaxItems": 3_500}
    )
    rows = [row for page in pages for row in page["ResultSet"]["Rows"]]
    assert len(rows) == 3_500
