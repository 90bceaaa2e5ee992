import duckdb
import pytest

from tandem.errors import QueryFailed
from tandem.query.statement import tables_read


@pytest.fixture(scope="module")
def connection():
    with duckdb.connect() as connection:
        yield connection


@pytest.mark.parametrize(
    ("statement", "reason"),
    [
        ("COPY t TO 'x'", "COPY is not allowed"),
        ("SELECT 1; SELECT 2", "2 statements"),
        ("SELECT * FROM a.b.c", "a.b.c"),
        ("SELECT * FROM read_parquet('x')", "read_parquet"),
        ("SELECT * FROM t, LATERAL (SELECT * FROM Read_Text('x')) AS l", "read_text"),
        ("WITH x AS (COPY t TO 'x') SELECT 1", "COPY in a WITH query"),
        ("SELECT 1 WHERE EXISTS (WITH x AS (DELETE FROM t) SELECT 1)", "DELETE in a WITH query"),
        ("SELECT getenv('HOME')", "getenv"),
        ("SELECT sum(x) FROM t ORDER BY Current_Setting('threads')", "current_setting"),
        (
            "SELECT json_serialize_plan('SELECT current_setting(''threads'')')",
            "json_serialize_plan",
        ),
        ("SELECT pg_sleep(1)", "pg_sleep"),
        ("SHOW TABLES", "DESCRIBE"),
        ("SELECT " + "(" * 3_000 + "1" + ")" * 3_000, "depth"),
        ("SELECT * FROM (" * 5_000 + "SELECT 1" + ")" * 5_000, "nested too deep"),
    ],
    ids=lambda value: value[:40],
)
def test_the_refusal_says_what_is_refused(connection, statement, reason):
    with pytest.raises(QueryFailed, match=reason):
        tables_read(connection, statement)


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT * FROM t WHERE a = 'read_parquet(''x'')'",
        "SELECT a AS read_parquet FROM t",
        "SELECT * FROM t, unnest([1, 2]) AS u",
        "SELECT * FROM t, range(3) AS r",
        "FROM t",
        "DESCRIBE t",
        "SUMMARIZE t",
        "(SELECT * FROM t) EXCEPT (SELECT * FROM t)",
        "SELECT * FROM (PIVOT t ON a IN (1, 2) USING sum(b))",
        "SELECT count(*) FILTER (WHERE a > 1) OVER (PARTITION BY b) FROM t QUALIFY true",
        "/* a comment */ SELECT * FROM t -- another",
        "WITH RECURSIVE u AS (SELECT * FROM t UNION SELECT * FROM u) SELECT * FROM u",
        # The first part of a recursive query does not see the query.
        "WITH RECURSIVE t AS (SELECT * FROM t UNION SELECT * FROM t) SELECT * FROM t",
    ],
)
def test_what_reads_tables_alone_is_allowed(connection, statement):
    assert {name.table for name in tables_read(connection, statement)} == {"t"}
