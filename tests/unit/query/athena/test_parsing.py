"""Every form of statement, and what is refused by its name or at its place."""
# ruff: noqa: ISC004  (a case is one line where it can be)

import pytest

from tandem.errors import QueryFailed
from tandem.query.athena import parse
from tandem.query.athena.statements import (
    AddColumns,
    AddPartitions,
    AthenaTable,
    ChangeColumn,
    Column,
    CreateDatabase,
    CreateExternalTable,
    CreateTableAs,
    CreateView,
    Deallocate,
    Delete,
    Describe,
    DropColumn,
    DropDatabase,
    DropPartitions,
    DropTable,
    DropView,
    Execute,
    Explain,
    Insert,
    Optimize,
    Prepare,
    RepairTable,
    ReplaceColumns,
    Select,
    SetLocation,
    SetTableProperties,
    ShowColumns,
    ShowCreateTable,
    ShowDatabases,
    ShowPartitions,
    ShowTableProperties,
    ShowTables,
    ShowViews,
    Snapshot,
    Unload,
    UnsetTableProperties,
    Vacuum,
)

T = AthenaTable(None, None, "t")
DB_T = AthenaTable(None, "db", "t")


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        ('DROP VIEW IF EXISTS "db"."t"', DropView(DB_T, if_exists=True)),
        ("DROP TABLE IF EXISTS `db`.`t`;", DropTable(DB_T, if_exists=True)),
        ("drop database d cascade", DropDatabase("d", if_exists=False, cascade=True)),
        ("DROP SCHEMA IF EXISTS d", DropDatabase("d", if_exists=True, cascade=False)),
        (
            "CREATE DATABASE IF NOT EXISTS d COMMENT 'it\\'s' LOCATION 's3://a/'"
            " WITH DBPROPERTIES ('a'='b')",
            CreateDatabase("d", True, "it's", "s3://a/", {"a": "b"}),
        ),
        ("VACUUM db.t", Vacuum(DB_T)),
        ("OPTIMIZE t REWRITE DATA USING BIN_PACK", Optimize(T, None)),
        ("MSCK REPAIR TABLE t", RepairTable(T)),
        ("PREPARE p FROM\nSELECT ? -- why?\n;", Prepare("p", "SELECT ? -- why?\n")),
        (
            "prepare \"a@b\" from INSERT INTO t VALUES (?, '?')",
            Prepare("a@b", "INSERT INTO t VALUES (?, '?')"),
        ),
        ("PREPARE p FROM DELETE FROM t WHERE a = ?", Prepare("p", "DELETE FROM t WHERE a = ?")),
        ("EXECUTE p", Execute("p", ())),
        (
            "EXECUTE p USING 'a, (b', ARRAY[1, 2], CAST('2024-01-01' AS date), - 5",
            Execute("p", ("'a, (b'", "ARRAY[1, 2]", "CAST('2024-01-01' AS date)", "- 5")),
        ),
        ("DEALLOCATE PREPARE p;", Deallocate("p")),
        ("SHOW DATABASES LIKE 'a*'", ShowDatabases("a*")),
        ("SHOW SCHEMAS", ShowDatabases(None)),
        ("SHOW TABLES IN `db` '*x*'", ShowTables("db", "*x*")),
        ("SHOW TABLES", ShowTables(None, None)),
        ("SHOW VIEWS FROM db LIKE 'x'", ShowViews("db", "x")),
        ("SHOW COLUMNS IN db.t", ShowColumns(DB_T)),
        ("SHOW COLUMNS FROM t IN db", ShowColumns(DB_T)),
        ("SHOW PARTITIONS db.t", ShowPartitions(DB_T)),
        ("SHOW CREATE TABLE t", ShowCreateTable(T, is_view=False)),
        ("SHOW CREATE VIEW t", ShowCreateTable(T, is_view=True)),
        ("SHOW TBLPROPERTIES t('k')", ShowTableProperties(T, "k")),
        ("SHOW TBLPROPERTIES t", ShowTableProperties(T, None)),
        ("DESC t", Describe(T, False, {}, None)),
        ("DESCRIBE FORMATTED db.t a.b", Describe(DB_T, True, {}, "a.b")),
        ("DESCRIBE t PARTITION (y = '2024')", Describe(T, False, {"y": "2024"}, None)),
        ("ALTER TABLE t SET TBLPROPERTIES ('a'='b')", SetTableProperties(T, {"a": "b"})),
        ("ALTER TABLE t UNSET TBLPROPERTIES ('a', 'b')", UnsetTableProperties(T, ("a", "b"))),
        ("ALTER TABLE t ADD COLUMNS (a int)", AddColumns(T, (Column("a", "int"),))),
        ("ALTER TABLE t REPLACE COLUMNS (a int)", ReplaceColumns(T, (Column("a", "int"),))),
        ("ALTER TABLE t CHANGE a b bigint", ChangeColumn(T, "a", Column("b", "bigint"))),
        ("ALTER TABLE t DROP COLUMN a", DropColumn(T, "a")),
        ("ALTER TABLE t SET LOCATION 's3://x'", SetLocation(T, {}, "s3://x")),
        ("ALTER TABLE t PARTITION (a='1') SET LOCATION 'l'", SetLocation(T, {"a": "1"}, "l")),
        (
            "ALTER TABLE t ADD IF NOT EXISTS PARTITION (y='2024', m=1) LOCATION 'l'"
            " PARTITION (y='2025', m=2)",
            AddPartitions(
                T, True, (({"y": "2024", "m": "1"}, "l"), ({"y": "2025", "m": "2"}, None))
            ),
        ),
        (
            "ALTER TABLE t DROP PARTITION (a='1'), PARTITION (a='2')",
            DropPartitions(T, False, ({"a": "1"}, {"a": "2"})),
        ),
    ],
    ids=lambda value: value[:40] if isinstance(value, str) else "",
)
def test_statements_about_tables(statement, expected):
    assert parse(statement) == expected


def test_a_table_over_text_files_as_dataset_builders_make_it():
    statement = (
        "CREATE EXTERNAL TABLE base_17 (id INT, at DOUBLE, name STRING)\n"
        "ROW FORMAT SERDE 'org.apache.hadoop.hive.serde2.OpenCSVSerde'\n"
        'WITH SERDEPROPERTIES ("separatorChar" = ",", "quoteChar" = "`", "escapeChar" = "\\\\")\n'
        "LOCATION 's3://bucket/out/base-17';"
    )
    assert parse(statement) == CreateExternalTable(
        table=AthenaTable(None, None, "base_17"),
        is_external=True,
        if_not_exists=False,
        columns=(Column("id", "int"), Column("at", "double"), Column("name", "string")),
        serde="org.apache.hadoop.hive.serde2.OpenCSVSerde",
        serde_properties={"separatorChar": ",", "quoteChar": "`", "escapeChar": "\\"},
        location="s3://bucket/out/base-17",
    )


def test_a_partitioned_table():
    statement = """
        CREATE EXTERNAL TABLE IF NOT EXISTS `db`.`t` (
          `a` array<struct<x:int,y:string>> COMMENT 'first',
          b decimal(10, 2)
        ) COMMENT 'c' PARTITIONED BY (year string) CLUSTERED BY (b) INTO 4 BUCKETS
        ROW FORMAT DELIMITED FIELDS TERMINATED BY '\\t' STORED AS textfile
        LOCATION 's3://b/' TBLPROPERTIES ('k'='v')"""
    assert parse(statement) == CreateExternalTable(
        table=DB_T,
        is_external=True,
        if_not_exists=True,
        columns=(
            Column("a", "array<struct<x:int,y:string>>", "first"),
            Column("b", "decimal(10,2)"),
        ),
        comment="c",
        partitioned_by=(Column("year", "string"),),
        clustered_by=("b",),
        bucket_count=4,
        serde="org.apache.hadoop.hive.serde2.lazy.LazySimpleSerDe",
        serde_properties={"field.delim": "\t", "serialization.format": "\t"},
        stored_as="TEXTFILE",
        location="s3://b/",
        properties={"k": "v"},
    )


def test_an_iceberg_table():
    found = parse(
        "CREATE TABLE t (id bigint, at timestamp) PARTITIONED BY (day(at), id)"
        " LOCATION 's3://b/' TBLPROPERTIES ('table_type'='ICEBERG')"
    )
    assert isinstance(found, CreateExternalTable)
    assert not found.is_external
    assert [column.name for column in found.partitioned_by] == ["day(at)", "id"]


def test_a_table_as_a_query():
    found = parse(
        "CREATE TABLE IF NOT EXISTS db.t WITH (format = 'parquet', external_location = 's3://b/s/',"
        " partitioned_by = ARRAY['a', 'b'], bucket_count = 3) AS\n"
        "SELECT * FROM \"u-1\" WHERE x = 'WITH NO DATA' WITH NO DATA"
    )
    assert isinstance(found, CreateTableAs)
    assert found.query.tables == (AthenaTable(None, None, "u-1"),)
    assert (found.table, found.if_not_exists, found.with_data) == (DB_T, True, False)
    assert (found.format, found.external_location) == ("PARQUET", "s3://b/s/")
    assert found.partitioned_by == ("a", "b")
    assert found.properties["bucket_count"] == "3"


def test_statements_around_a_query():
    view = parse("CREATE OR REPLACE VIEW db.t AS SELECT 1 AS a FROM u ;")
    assert isinstance(view, CreateView)
    assert (view.view, view.text, view.or_replace) == (DB_T, "SELECT 1 AS a FROM u", True)
    unload = parse("UNLOAD (SELECT a FROM t WHERE x = ')') TO 's3://b/' WITH (format = 'PARQUET')")
    assert isinstance(unload, Unload)
    assert (unload.location, dict(unload.properties)) == ("s3://b/", {"format": "PARQUET"})
    assert unload.query.tables == (T,)
    for text, columns in [
        ('INSERT INTO db.t (a, "b-c") VALUES (1, 2)', ("a", "b-c")),
        ("INSERT INTO db.t SELECT * FROM u", ()),
        ("INSERT INTO db.t (SELECT * FROM u)", ()),
    ]:
        insert = parse(text)
        assert isinstance(insert, Insert)
        assert (insert.table, insert.columns) == (DB_T, columns)
    for text in ("DELETE FROM db.t WHERE a = 1", "DELETE/**/FROM db.t", "DELETE\nFROM db.t"):
        delete = parse(text)
        assert isinstance(delete, Delete), text
        assert (delete.table, delete.rows.tables) == (DB_T, (DB_T,))
    optimize = parse("OPTIMIZE db.t REWRITE DATA USING BIN_PACK WHERE a = 'x'")
    assert isinstance(optimize, Optimize)
    assert optimize.rows is not None
    assert optimize.rows.tables == (DB_T,)
    explain = parse("EXPLAIN (TYPE IO, FORMAT JSON) SELECT * FROM t")
    assert isinstance(explain, Explain)
    assert (explain.is_analyze, explain.options) == (False, {"TYPE": "IO", "FORMAT": "JSON"})


@pytest.mark.parametrize(
    ("query", "tables"),
    [
        ("SELECT 1", []),
        ('SELECT * FROM "AwsDataCatalog"."db"."t"', [AthenaTable("AwsDataCatalog", "db", "t")]),
        (
            'SELECT * FROM "sagemaker_featurestore"."user-features" u, t',
            [AthenaTable(None, "sagemaker_featurestore", "user-features"), T],
        ),
        ('SELECT * FROM db."t$partitions"', [AthenaTable(None, "db", "t", "partitions")]),
        ("WITH t AS (SELECT * FROM t) SELECT * FROM T", [T]),
        ("WITH t AS (SELECT 1 AS a), u AS (SELECT * FROM t) SELECT * FROM u", []),
        ("WITH t AS (SELECT 1 AS a) SELECT * FROM db.t", [DB_T]),
        ("WITH RECURSIVE t(n) AS (SELECT 1 UNION ALL SELECT n FROM t) SELECT n FROM t", []),
        ("SELECT (SELECT max(a) FROM t) FROM (WITH t AS (SELECT 1 AS a) SELECT * FROM t)", [T]),
        ("TABLE t", [T]),
        ("SELECT * FROM t AS db WHERE EXISTS (SELECT 1 FROM db.t)", [T, DB_T]),
        ("-- a comment\n(SELECT * FROM t) /* and another; */ ; ;", [T]),
    ],
    ids=lambda value: value[:40] if isinstance(value, str) else "",
)
def test_the_tables_that_a_query_reads(query, tables):
    found = parse(query)
    assert isinstance(found, Select)
    assert sorted(map(str, found.tables)) == sorted(map(str, tables))
    assert set(found.tables) == set(tables)


def test_snapshots_are_part_of_a_tables_name():
    found = parse(
        "SELECT * FROM t FOR VERSION AS OF 123 a,"
        " t FOR TIMESTAMP AS OF TIMESTAMP '2024-01-01 00:00:00 UTC' b,"
        " t FOR TIMESTAMP AS OF (current_timestamp - interval '1' day) c"
    )
    assert isinstance(found, Select)
    assert [table.snapshot for table in found.tables] == [
        Snapshot(version="123"),
        Snapshot(moment="CAST(CAST('2024-01-01 00:00:00 UTC' AS TIMESTAMPTZ) AS TIMESTAMPTZ)"),
        Snapshot(moment="(current_timestamp - INTERVAL '1 day')"),
    ]


def test_parameters_take_the_places_of_question_marks():
    parse("SELECT * FROM t WHERE a = ? AND b < ?", ["'x; DROP'", "-5"])
    for text, parameters, said in [
        ("SELECT ?", [], "without a value"),
        ("SELECT ?", ["1", "2"], "expected 1 but found 2"),
        ("SELECT ?", ["1; SELECT 2"], "one sql statement"),
        ("SELECT ?", ["1 FROM t"], "not one value"),
        ("SELECT 1", ["1"], "expected 0 but found 1"),
        ("SHOW TABLES", ["1"], "expected 0 but found 1"),
        ("PREPARE p FROM SELECT ?", ["1"], "expected 0 but found 1"),
        ("EXECUTE p USING 1", ["2"], "give them in one place"),
        ("CREATE VIEW v AS SELECT ? AS a", ["1"], "a view is kept as written"),
    ]:
        with pytest.raises(QueryFailed, match=said):
            parse(text, parameters)


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        ("", "<EOF>"),
        (" ; ", "<EOF>"),
        ("SELECT 1; SELECT 2", "Only one sql statement is allowed"),
        ("DROP TABLE a; DROP TABLE b", "Only one sql statement is allowed"),
        ("SELECT a b c FROM t", r"line 1:12: mismatched input 'c'"),
        ("SELECT 'a", "line 1:8: a quote"),
        ("SELECT 1 /* x", "line 1:10: a comment"),
        ("\nDROP TABLE x y", "line 2:14: mismatched input 'y'"),
        ("SHOW BANANAS", "line 1:6.*'TABLES'"),
        ("CREATE EXTERNAL TABLE x (a banana)", "line 1:28: Unknown type: banana"),
        ("CREATE EXTERNAL TABLE x (a int) LOCATION 'a' LOCATION 'b'", "twice"),
        ("UPDATE t SET a = 1", "UPDATE is not supported"),
        ("MERGE INTO t USING u ON true", "MERGE is not supported"),
        ("PREPARE p FROM", "line 1:15: mismatched input '<EOF>'. Expecting: a statement"),
        ("PREPARE FROM SELECT 1", "line 1:14: mismatched input 'SELECT'. Expecting: 'FROM'"),
        ("PREPARE p FROM\nSELECT ? b c FROM t", "line 2:12: mismatched input 'c'"),
        ("PREPARE p FROM EXECUTE q", "NOT_SUPPORTED: only SELECT, INSERT.* can be prepared"),
        ("PREPARE p FROM SHOW TABLES", "NOT_SUPPORTED: only SELECT, INSERT.* can be prepared"),
        ("PREPARE p FROM SELECT 1; SELECT 2", "Only one sql statement is allowed"),
        ("EXECUTE p USING", "line 1:16: mismatched input '<EOF>'. Expecting: a value"),
        ("EXECUTE p USING 1,, 2", "line 1:19: mismatched input ','. Expecting: a value"),
        ("EXECUTE p WITH 1", "line 1:11: mismatched input 'WITH'"),
        ("DEALLOCATE p", "line 1:12: mismatched input 'p'. Expecting: 'PREPARE'"),
        ("ALTER TABLE t RENAME TO u", "RENAME TO is not supported"),
        ("ATTACH 'x' AS y", "line 1:1: mismatched input 'ATTACH'"),
        ("COPY t TO 'x'", "line 1:1: mismatched input 'COPY'"),
        ("PRAGMA database_list", "mismatched input 'PRAGMA'"),
        ("INSTALL httpfs", "mismatched input 'INSTALL'"),
        ("FROM t", "mismatched input 'FROM'"),
        ("SELECT * FROM t PIVOT (sum(a) FOR b IN (1))", "Pivot is not supported"),
        ("SELECT a -> 'x' FROM t", "JSONExtract is not supported"),
        ("SELECT * EXCLUDE (a) FROM t", "EXCEPT"),
        ("SELECT DISTINCT ON (a) b FROM t", "DISTINCT ON"),
        ("SELECT 1 INTO x", "SELECT INTO"),
        ("SELECT :x", "mismatched input ':'"),
        ("SELECT s.f(1)", "a function with a schema"),
        ("SELECT * FROM f(1)", "a function in place of a table"),
        ("SELECT * FROM t FOR UPDATE", "Lock"),
        ("SELECT " + "(" * 5_000 + "1" + ")" * 5_000, "nested too deep"),
        ("SELECT '" + "x" * 262_144 + "'", "longer than"),
    ],
    ids=lambda value: value[:40],
)
def test_refusals(statement, said):
    with pytest.raises(QueryFailed, match=said):
        parse(statement)
