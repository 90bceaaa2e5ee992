"""Nothing that a statement says reaches DuckDB but as a query of the tables it was given."""
# ruff: noqa: E501  (a case is one line where it can be)

import duckdb
import pytest

from tandem.errors import QueryFailed
from tandem.query.athena import history_columns, parse, translate
from tandem.query.athena.statements import AthenaTable, Column, Select
from tandem.query.base import TableName
from tandem.query.statement import tables_read
from tandem.testing.planted_history import a_group

NASTY = [
    'a"; DROP TABLE t; --',
    "\"; ATTACH 'x'; --",
    "' OR 1=1 --",
    "*/ SELECT 1 /*",
    "$$ || getenv('HOME') || $$",
    "read_csv('/etc/passwd')",
    "/etc/passwd",
    "x.csv",
    "s3://bucket/*.parquet",
    "{0}{}{{",
    "\\",
    "a\nb\0c",
    "ünïcode 🙂",
    "sqlite_master",
    "duckdb_settings",
]


@pytest.fixture(scope="module")
def connection():
    with duckdb.connect() as connection:
        yield connection


def quoted(name):
    return '"' + name.replace('"', '""') + '"'


def literal(text):
    return "'" + text.replace("'", "''") + "'"


def translated(query):
    select = parse(query)
    assert isinstance(select, Select)
    columns = [*history_columns(a_group()), *(Column(name, "varchar") for name in NASTY)]
    return translate(select, dict.fromkeys(select.tables, columns))


# Behind a dollar would be the name of a table about the table.
@pytest.mark.parametrize("name", [name for name in NASTY if not {*"\0$"} & {*name}])
def test_names_stay_names_and_texts_stay_texts(connection, name):
    query = (
        f"SELECT {quoted(name)}, {literal(name)} AS {quoted(name)}, t.{quoted(name)} /* {name} */"
        f" FROM {quoted(name)} AS t WHERE {quoted(name)} = {literal(name)}"
    )
    if "*/" in name:
        query = query.replace(f"/* {name} */", "")
    found = translated(query)
    assert set(tables_read(connection, found.sql)) == {TableName(None, name)}
    assert found.column_names == (name, name, name)
    assert found.reads == {TableName(None, name): AthenaTable(None, None, name)}


@pytest.mark.parametrize("text", [text for text in NASTY if "\0" not in text])
def test_a_text_comes_back_as_it_was(connection, text):
    found = translated(
        f"SELECT {literal(text)}, concat({literal(text)}), format('%s', {literal(text)}),"
        f" {literal(text)} || '', date_format(TIMESTAMP '2024-01-01', {literal(text)}),"
        f" regexp_replace('a', 'a', {literal(text.replace(chr(92), chr(92) * 2).replace('$', chr(92) + '$'))})"
    )  # fmt: skip
    assert tables_read(connection, found.sql) == ()
    row = connection.execute(found.sql).fetchone()
    assert (row[0], row[1], row[2], row[3], row[5]) == (text, text, text, text, text)


@pytest.mark.parametrize("name", [name for name in NASTY if "\0" not in name])
def test_a_json_path_stays_a_path(name):
    for path in (f"$.{name}", f'$["{name}"]', f"$['{name}']"):
        try:
            found = translated(f"SELECT json_extract('{{}}', {literal(path)})")
        except QueryFailed:
            continue
        with duckdb.connect() as connection:
            assert tables_read(connection, found.sql) == ()
            assert connection.execute(found.sql).fetchone() == (None,)


@pytest.mark.parametrize(
    "query",
    [
        "SELECT read_csv('/etc/passwd')",
        "SELECT \"read_text\"('/etc/passwd')",
        "SELECT * FROM read_parquet('x')",
        "SELECT * FROM TABLE(read_csv('x'))",
        "SELECT * FROM LATERAL (SELECT * FROM glob('*'))",
        "SELECT * FROM t, UNNEST(glob('*')) AS u (a)",
        "SELECT getenv('HOME')",
        "SELECT current_setting('threads')",
        "SELECT getvariable('x')",
        "SELECT system.main.getenv('HOME')",
        "SELECT transform(ARRAY['HOME'], x -> getenv(x))",
        "SELECT transform(ARRAY['HOME'], getenv)",
        "SELECT count(*) FILTER (WHERE getenv('HOME') = 'x') FROM t",
        "SELECT sum(1) OVER (ORDER BY getenv('HOME'))",
        "SELECT * FROM t ORDER BY getenv('HOME')",
        "SELECT * FROM t LIMIT getenv('HOME')",
        "SELECT * FROM t FOR TIMESTAMP AS OF getenv('HOME')",
        "SELECT nextval('x')",
        "SELECT query('SELECT 1')",
        "SELECT * FROM query_table('t')",
        "SELECT * FROM duckdb_settings()",
        "SELECT * FROM pragma_version()",
        "SELECT COLUMNS('x') FROM t",
        "WITH x AS (DELETE FROM t) SELECT 1",
        "WITH x AS (INSERT INTO t VALUES (1)) SELECT 1",
        "WITH x AS (COPY t TO 'x') SELECT 1",
        "SELECT * FROM (DESCRIBE t)",
        "SELECT * FROM t LEFT SEMI JOIN t u ON true",
        "SELECT 1 INTO OUTFILE 'x'",
        "SELECT @@version",
        "SELECT $1",
        "SELECT :x",
        "SELECT #1 FROM t",
        "SELECT CAST(1 AS struct_pack)",
        'SELECT CAST(1 AS "x\'); DROP TABLE t; --")',
        'SELECT EXTRACT("x\'); --" FROM now())',
        "SELECT INTERVAL '1''; DROP TABLE t' DAY",
        "SELECT 1 AS a UNION BY NAME SELECT 2 AS a",
        "SELECT * FROM t ASOF JOIN t u ON true",
        "SELECT * FROM t TABLESAMPLE reservoir(10 ROWS) REPEATABLE (getenv('x'))",
        "SELECT a FROM t USING SAMPLE 1",
        "PIVOT t ON a",
        "EXPLAIN ANALYZE COPY t TO 'x'",
        "CREATE TABLE x AS COPY t TO 'y'",
        "CREATE VIEW v AS SELECT getenv('HOME')",
        "UNLOAD (SELECT getenv('HOME')) TO 'x' WITH (format = 'CSV')",
        "DELETE FROM t WHERE getenv('HOME') = 'x'",
        "OPTIMIZE t REWRITE DATA USING BIN_PACK WHERE getenv('HOME') = 'x'",
    ],
)
def test_what_duckdb_could_do_is_refused(connection, query):
    with pytest.raises(QueryFailed):
        _judge(connection, query)


def _judge(connection, query):
    for select in _selects(parse(query)):
        columns = dict.fromkeys(select.tables, history_columns(a_group()))
        found = translate(select, columns)
        assert set(tables_read(connection, found.sql)) <= set(found.reads)


def _selects(statement):
    if isinstance(statement, Select):
        return [statement]
    return [
        getattr(statement, name)
        for name in ("query", "rows")
        if isinstance(getattr(statement, name, None), Select)
    ]
