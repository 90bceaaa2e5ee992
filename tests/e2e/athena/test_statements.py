"""Each kind of statement, run as boto3's users run them."""

import gzip
import io
import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from botocore.exceptions import ClientError

from e2e.athena.session import BUCKET, AthenaSession

GROUP = '"sagemaker_featurestore"."user-features"'


@pytest.fixture(scope="module", autouse=True)
def _database(athena: AthenaSession) -> None:
    athena.run("CREATE DATABASE IF NOT EXISTS lab COMMENT 'For tests'")


def put(athena: AthenaSession, key: str, content: bytes) -> None:
    athena.s3.put_object(Bucket=BUCKET, Key=key, Body=content)


# Names


def test_a_group_by_its_name_its_table_and_its_alias(athena: AthenaSession) -> None:
    table = athena.lines("SHOW TABLES LIKE 'user_features*'")[0]
    names = [GROUP, '"user-features"', '"User-Features"', f"sagemaker_featurestore.{table}", table]
    names += [f'"AwsDataCatalog"."sagemaker_featurestore"."{table.upper()}"']
    for name in names:
        assert athena.rows(f"SELECT count(*) FROM {name}") == [["4"]], name
    for database in ("default", "lab"):
        context = {"QueryExecutionContext": {"Database": database}}
        assert athena.rows('SELECT count(*) FROM "user-features"', **context) == [["4"]]


def test_names_keep_the_querys_case_and_a_star_gives_lower_case(athena: AthenaSession) -> None:
    header = athena.text(athena.run(f'SELECT LeadSource, "Id", f.* FROM {GROUP} f LIMIT 1'))
    assert header.splitlines()[0] == (
        '"LeadSource","Id","id","event_time","leadsource","note","write_time",'
        '"api_invocation_time","is_deleted"'
    )


# External tables


def test_text_with_declared_types(athena: AthenaSession) -> None:
    put(athena, "frame/data.csv", b"u1,1700000001.5,7,True,2024-05-01 12:00:00\nu2,2.5,,False,\n")
    athena.run(
        "CREATE EXTERNAL TABLE frame_1 (base_id STRING, base_time DOUBLE, n INT, flag BOOLEAN,"
        " at TIMESTAMP) ROW FORMAT SERDE 'org.apache.hadoop.hive.serde2.OpenCSVSerde'"
        ' WITH SERDEPROPERTIES ("separatorChar" = ",", "quoteChar" = "`", "escapeChar" = "\\\\")'
        f" LOCATION 's3://{BUCKET}/frame';"
    )
    assert athena.rows("SELECT * FROM frame_1 ORDER BY base_id") == [
        ["u1", "1.7000000015E9", "7", "true", "2024-05-01 12:00:00.000"],
        ["u2", "2.5", "", "false", ""],
    ]
    joined = athena.rows(
        "SELECT base_id, n, LeadSource FROM frame_1"
        f" JOIN {GROUP} f ON f.id = base_id AND f.event_time <= base_time"
    )
    assert joined == [["u1", "7", "1"]]
    put(athena, "frame/more.csv", b"u3,1,no number,True,\n")
    reason = athena.failure("SELECT n FROM frame_1")
    assert "HIVE_BAD_DATA: Error parsing field value 'no number' for field 2" in reason
    athena.s3.delete_object(Bucket=BUCKET, Key="frame/more.csv")


def test_delimited_text_with_header_and_nulls(athena: AthenaSession) -> None:
    put(athena, "lines/a.tsv", b"id\tn\n1\t2\n\\N\tx\n")
    put(athena, "lines/b.tsv.gz", gzip.compress(b"id\tn\n3\t4\n"))
    put(athena, "lines/_hidden.tsv", b"9\t9\n")
    athena.run(
        "CREATE EXTERNAL TABLE lab.lines (id BIGINT, n INT) ROW FORMAT DELIMITED FIELDS TERMINATED"
        f" BY '\\t' LOCATION 's3://{BUCKET}/lines/' TBLPROPERTIES ('skip.header.line.count'='1')"
    )
    assert sorted(athena.rows("SELECT * FROM lab.lines")) == [["", ""], ["1", "2"], ["3", "4"]]


def test_parquet_files_and_partitions(athena: AthenaSession) -> None:
    for year in (2023, 2024):
        sink = io.BytesIO()
        pq.write_table(pa.table({"ID": [f"r{year}"], "extra": [1]}), sink)
        put(athena, f"parts/year={year}/kind=a/x.parquet", sink.getvalue())
    athena.run(
        "CREATE EXTERNAL TABLE lab.parts (id string, missing double)"
        " PARTITIONED BY (year int, kind string) STORED AS PARQUET"
        f" LOCATION 's3://{BUCKET}/parts/'"
    )
    assert athena.rows("SELECT * FROM lab.parts") == []
    assert athena.lines("MSCK REPAIR TABLE lab.parts")[1:] == [
        "Repair: Added partition to metastore parts:year=2023/kind=a",
        "Repair: Added partition to metastore parts:year=2024/kind=a",
    ]
    assert athena.rows("SELECT * FROM lab.parts WHERE year > 2023") == [["r2024", "", "2024", "a"]]
    assert athena.lines("SHOW PARTITIONS lab.parts") == ["year=2023/kind=a", "year=2024/kind=a"]
    rows = athena.rows('SELECT * FROM lab."parts$partitions" ORDER BY year')
    assert rows == [["2023", "a"], ["2024", "a"]]
    athena.run("ALTER TABLE lab.parts DROP PARTITION (year = 2023, kind = 'a')")
    athena.run(
        "ALTER TABLE lab.parts ADD PARTITION (year = 1999, kind = 'b')"
        f" LOCATION 's3://{BUCKET}/parts/year=2023/kind=a/'"
    )
    assert sorted(athena.rows("SELECT id, year FROM lab.parts")) == [
        ["r2023", "1999"],
        ["r2024", "2024"],
    ]
    again = "ALTER TABLE lab.parts ADD {}PARTITION (year = 1999, kind = 'b')"
    assert "AlreadyExistsException" in athena.failure(again.format(""))
    athena.run(again.format("IF NOT EXISTS "))


def test_json_lines(athena: AthenaSession) -> None:
    lines = [{"id": "a", "tags": ["x", "y"], "n": 1}, {"id": "b"}]
    put(athena, "json/a.json", "\n".join(json.dumps(line) for line in lines).encode())
    athena.run(
        "CREATE EXTERNAL TABLE lab.json_lines (id string, tags array<string>, n int) ROW FORMAT"
        f" SERDE 'org.openx.data.jsonserde.JsonSerDe' LOCATION 's3://{BUCKET}/json/'"
    )
    rows = athena.rows("SELECT id, tags[1], cardinality(tags), n FROM lab.json_lines ORDER BY id")
    assert rows == [["a", "x", "2", "1"], ["b", "", "", ""]]


@pytest.mark.parametrize(
    ("statement", "reason"),
    [
        ("CREATE EXTERNAL TABLE lab.x (a int) STORED AS ORC LOCATION 's3://b/'", "STORED AS ORC"),
        ("CREATE EXTERNAL TABLE lab.x (a int) STORED AS PARQUET", "needs a LOCATION"),
        ("CREATE EXTERNAL TABLE lab.x (a int) STORED AS PARQUET LOCATION '/etc/'", "'/etc/'"),
        ("CREATE EXTERNAL TABLE lab.x (a int, A int) LOCATION 's3://b/'", "named twice"),
        ("CREATE EXTERNAL TABLE no.x (a int) LOCATION 's3://b/'", "no database 'no'"),
        (
            "CREATE EXTERNAL TABLE lab.x (a int) ROW FORMAT SERDE 'org.x.Odd' LOCATION 's3://b/'",
            "SerDe org.x.Odd is not supported",
        ),
        ("CREATE TABLE lab.x (a int) LOCATION 's3://b/'", "CREATE TABLE without EXTERNAL"),
        ("CREATE DATABASE lab", "already exists"),
        ("DROP DATABASE nothing", "does not exist: nothing"),
        ("DROP DATABASE sagemaker_featurestore CASCADE", "part of every store"),
        ("DROP TABLE lab.nothing", "Table not found: lab.nothing"),
        ("CREATE VIEW lab.v AS SELECT nothing FROM lab.none", "TABLE_NOT_FOUND"),
        ("CREATE VIEW lab.v AS SELECT 1 AS a, 2 AS A", "DUPLICATE_COLUMN_NAME"),
        ("CREATE TABLE no.x AS SELECT 1 AS a", "Schema no does not exist"),
        ("CREATE TABLE lab.x WITH (format = 'ORC') AS SELECT 1 AS a", "format ORC"),
        ("CREATE TABLE lab.x WITH (oddity = '1') AS SELECT 1 AS a", "property oddity"),
        ("CREATE TABLE lab.x AS SELECT now() AS a", "timestamp with time zone"),
        ("CREATE TABLE lab.x WITH (partitioned_by = ARRAY['a']) AS SELECT 1 AS a, 2 AS b", "last"),
        ("CREATE TABLE lab.x WITH (table_type = 'ICEBERG') AS SELECT 1 AS a", "ICEBERG"),
        ("UNLOAD (SELECT 1 AS a) TO 's3://nowhere/x/' WITH (format = 'PARQUET')", "nowhere"),
        (f"INSERT INTO {GROUP} VALUES (1)", "append-only"),
        (f"ALTER TABLE {GROUP} ADD COLUMNS (more int)", "UpdateFeatureGroup"),
        ("DESCRIBE lab.nothing", "TABLE_NOT_FOUND"),
        ("SHOW TABLES IN nothing", "does not exist: nothing"),
        ("EXPLAIN ANALYZE SELECT 1", "EXPLAIN ANALYZE"),
    ],
)
def test_what_is_refused_says_why(athena: AthenaSession, statement: str, reason: str) -> None:
    assert reason in athena.failure(statement)


# New data


def test_a_snapshot_as_the_notebooks_make_it(athena: AthenaSession) -> None:
    athena.run("CREATE DATABASE IF NOT EXISTS feature_snapshots")
    athena.run(
        "CREATE TABLE feature_snapshots.users_20240501 WITH (format='PARQUET',"
        f" external_location='s3://{BUCKET}/snapshots/users/2024-05-01/') AS"
        " SELECT * FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY id ORDER BY event_time DESC)"
        f" as rn FROM {GROUP} WHERE event_time <= TIMESTAMP '2024-05-01 23:59:59') WHERE rn = 1"
    )
    rows = athena.rows("SELECT id, rn FROM feature_snapshots.users_20240501 ORDER BY id")
    assert rows == [["u0", "1"], ["u1", "1"], ["u2", "1"], ["u3", "1"]]
    (key,) = athena.keys("snapshots/users/2024-05-01/")
    content = athena.s3.get_object(Bucket=BUCKET, Key=key)["Body"].read()
    assert pq.read_table(io.BytesIO(content)).column_names[:3] == ["id", "event_time", "leadsource"]


@pytest.mark.parametrize("form", ["PARQUET", "TEXTFILE", "JSON"])
def test_tables_made_of_queries_and_inserts(athena: AthenaSession, form: str) -> None:
    table = f"lab.made_{form.lower()}"
    made = athena.run(
        f"CREATE TABLE {table} WITH (format = '{form}', partitioned_by = ARRAY['lead']) AS"
        f" SELECT id, event_time, note, DATE '2024-05-01' AS day, LeadSource AS lead FROM {GROUP}"
    )
    assert made["StatementType"] == "DDL"
    manifest = made["Statistics"]["DataManifestLocation"].removeprefix(f"s3://{BUCKET}/")
    files = athena.s3.get_object(Bucket=BUCKET, Key=manifest)["Body"].read().decode().split()
    assert len(files) == 4
    results = athena.athena.get_query_results(QueryExecutionId=made["QueryExecutionId"])
    assert results["UpdateCount"] == 4
    inserted = athena.run(
        f"INSERT INTO {table} VALUES ('new', 1.5, 'a, \"b\"', DATE '2024-05-02', 9),"
        " ('newer', NULL, NULL, NULL, 0)"
    )
    assert inserted["SubstatementType"] == "INSERT"
    athena.run(f"INSERT INTO {table} (lead, id) SELECT 1, 'named'")
    rows = athena.rows(f"SELECT id, note, day, lead FROM {table} ORDER BY id, lead")
    said = 'say "hi", twice'
    assert rows == [
        ["named", "", "", "1"],
        ["new", 'a, "b"', "2024-05-02", "9"],
        ["newer", "", "", "0"],
        ["u0", said, "2024-05-01", "0"],
        ["u1", said, "2024-05-01", "1"],
        ["u2", said, "2024-05-01", "2"],
        ["u3", "", "2024-05-01", ""],
    ]
    again = f"CREATE TABLE {table} AS SELECT 1 AS a"
    assert "TABLE_ALREADY_EXISTS" in athena.failure(again)
    athena.run(again.replace("TABLE ", "TABLE IF NOT EXISTS "))
    wrong = athena.failure(f"INSERT INTO {table} SELECT 1")
    assert "TYPE_MISMATCH: Insert query has 1 expression(s)" in wrong


def test_a_location_that_holds_something_is_refused(athena: AthenaSession) -> None:
    put(athena, "taken/x", b"1")
    place = f"s3://{BUCKET}/taken/"
    made = f"CREATE TABLE lab.taken WITH (external_location = '{place}') AS SELECT 1 AS a"
    assert "HIVE_PATH_ALREADY_EXISTS" in athena.failure(made)
    unloaded = f"UNLOAD (SELECT 1 AS a) TO '{place}' WITH (format = 'JSON')"
    assert "HIVE_PATH_ALREADY_EXISTS" in athena.failure(unloaded)


def test_a_history_is_no_place_for_tables(athena: AthenaSession) -> None:
    location = athena.server.client("sagemaker").describe_feature_group(
        FeatureGroupName="user-features"
    )["OfflineStoreConfig"]["S3StorageConfig"]["ResolvedOutputS3Uri"]
    made = f"CREATE TABLE lab.x WITH (external_location = '{location}/mine/') AS SELECT 1 AS a"
    assert "history of a feature group" in athena.failure(made)
    athena.run(
        "CREATE EXTERNAL TABLE lab.there (a string) PARTITIONED BY (k string) STORED AS PARQUET"
        f" LOCATION 's3://{BUCKET}/there/'"
    )
    athena.run(f"ALTER TABLE lab.there ADD PARTITION (k = 'x') LOCATION '{location}/year=2024/'")
    assert "history of a feature group" in athena.failure("INSERT INTO lab.there VALUES ('a', 'x')")
    with pytest.raises(ClientError, match="history of a feature group"):
        athena.athena.start_query_execution(
            QueryString="SELECT 1", ResultConfiguration={"OutputLocation": f"{location}/"}
        )


def test_a_failed_statement_leaves_nothing(athena: AthenaSession) -> None:
    for statement in (
        "CREATE TABLE lab.broken WITH (external_location = '{place}') AS {query}",
        "UNLOAD ({query}) TO '{place}' WITH (format = 'PARQUET')",
    ):
        query = "SELECT CAST(t.n AS varchar) AS a, 1 / (99999 - t.n * 10 - u.n) AS b"
        query += " FROM UNNEST(sequence(0, 9999)) AS t(n), UNNEST(sequence(0, 9)) AS u(n)"
        place = f"s3://{BUCKET}/broken/"
        assert "DIVISION_BY_ZERO" in athena.failure(statement.format(place=place, query=query))
        assert athena.keys("broken/") == []
    assert "lab.broken" not in athena.lines("SHOW TABLES IN lab")


def test_unload(athena: AthenaSession) -> None:
    for form, more in (("PARQUET", ""), ("TEXTFILE", ", field_delimiter = '|'"), ("JSON", "")):
        unloaded = athena.run(
            f"UNLOAD (SELECT id, note FROM {GROUP} WHERE id = 'u0')"
            f" TO 's3://{BUCKET}/unloaded/{form}' WITH (format = '{form}'{more})"
        )
        (key,) = athena.keys(f"unloaded/{form}/")
        assert unloaded["Statistics"]["DataManifestLocation"]
        content = athena.s3.get_object(Bucket=BUCKET, Key=key)["Body"].read()
        said = 'say "hi", twice'
        if form == "PARQUET":
            assert pq.read_table(io.BytesIO(content)).to_pylist() == [{"id": "u0", "note": said}]
        elif form == "JSON":
            assert json.loads(content) == {"id": "u0", "note": said}
        else:
            assert content.decode() == f"u0|{said}\n"


# Views, and what is told


def test_views(athena: AthenaSession) -> None:
    athena.run(f'CREATE VIEW lab.leads AS SELECT id, LeadSource AS "Lead" FROM {GROUP}')
    athena.run("CREATE VIEW lab.top AS SELECT max(lead) AS best FROM leads", **in_lab())
    assert athena.rows("SELECT best FROM lab.top") == [["2"]]
    assert athena.rows('SELECT l."Lead" FROM lab.leads l, lab.top WHERE l.lead = best') == [["2"]]
    athena.run('CREATE VIEW lab.counted AS SELECT count(*) AS n FROM "user-features"')
    assert athena.rows("SELECT n FROM counted", **in_lab()) == [["4"]]
    athena.run("DROP VIEW lab.counted")
    assert "already exists" in athena.failure("CREATE VIEW lab.top AS SELECT 1 AS best")
    athena.run("CREATE OR REPLACE VIEW lab.top AS SELECT 7 AS best")
    assert athena.rows("SELECT * FROM lab.top") == [["7"]]
    assert athena.lines("SHOW VIEWS IN lab") == ["leads", "top"]
    assert athena.lines("SHOW CREATE VIEW lab.top") == [
        "CREATE VIEW lab.top AS",
        "SELECT 7 AS best",
    ]
    assert "is a view" in athena.failure("DROP TABLE lab.top")
    athena.run("DROP VIEW lab.top")
    athena.run("DROP VIEW IF EXISTS lab.top")
    athena.run("CREATE OR REPLACE VIEW lab.loop AS SELECT 1 AS a")
    athena.run("CREATE OR REPLACE VIEW lab.loop AS SELECT a FROM lab.loop")
    assert "VIEW_IS_RECURSIVE" in athena.failure("SELECT * FROM lab.loop")


def in_lab() -> dict[str, object]:
    return {"QueryExecutionContext": {"Database": "lab"}}


def test_what_show_and_describe_tell(athena: AthenaSession) -> None:
    athena.run(
        "CREATE EXTERNAL TABLE lab.told (a int COMMENT 'it''s', b array<string>)"
        " PARTITIONED BY (p string) ROW FORMAT DELIMITED FIELDS TERMINATED BY '|'"
        f" LOCATION 's3://{BUCKET}/told/' TBLPROPERTIES ('k'='v')"
    )
    assert athena.lines("SHOW COLUMNS IN lab.told") == ["a", "b", "p"]
    described = [
        [part.strip() for part in line.split("\t")] for line in athena.lines("DESC lab.told")
    ]
    assert described[:3] == [["a", "int", "it's"], ["b", "array<string>", ""], ["p", "string", ""]]
    assert described[4:] == [
        ["# Partition Information", "", ""],
        ["# col_name", "data_type", "comment"],
        ["p", "string", ""],
    ]
    assert athena.lines("SHOW TBLPROPERTIES lab.told('k')") == ["v"]
    athena.run("ALTER TABLE lab.told SET TBLPROPERTIES ('k' = 'w', 'more' = 'm')")
    assert "more\tm" in athena.lines("SHOW TBLPROPERTIES lab.told")
    made = "\n".join(athena.lines("SHOW CREATE TABLE lab.told"))
    athena.run("DROP TABLE lab.told")
    athena.run(made)
    assert "\n".join(athena.lines("SHOW CREATE TABLE lab.told")) == made
    athena.run("ALTER TABLE lab.told ADD COLUMNS (c double)")
    athena.run("ALTER TABLE lab.told CHANGE COLUMN a first bigint COMMENT 'new'")
    assert athena.lines("SHOW COLUMNS IN lab.told") == ["first", "b", "c", "p"]
    athena.run("ALTER TABLE lab.told REPLACE COLUMNS (only string)")
    assert athena.lines("SHOW COLUMNS IN lab.told") == ["only", "p"]


def test_the_information_schema(athena: AthenaSession) -> None:
    athena.run("CREATE DATABASE sights")
    athena.run("CREATE VIEW sights.seen AS SELECT 1 AS a")
    tables = athena.rows(
        "SELECT table_schema, table_type FROM information_schema.tables WHERE table_name = 'seen'"
    )
    assert tables == [["sights", "VIEW"]]
    columns = athena.rows(
        "SELECT column_name, data_type FROM information_schema.columns WHERE table_schema ="
        " 'sagemaker_featurestore' AND table_name LIKE 'user_features_%' ORDER BY ordinal_position"
    )
    assert columns == [
        ["id", "varchar"],
        ["event_time", "double"],
        ["leadsource", "bigint"],
        ["note", "varchar"],
        ["write_time", "timestamp"],
        ["api_invocation_time", "timestamp"],
        ["is_deleted", "boolean"],
    ]
    assert ["lab"] in athena.rows("SELECT schema_name FROM information_schema.schemata")
    assert any("PROJECTION" in line.upper() or line for line in athena.lines("EXPLAIN SELECT 1"))


def test_the_catalog_over_the_wire(athena: AthenaSession) -> None:
    catalog = {"CatalogName": "AwsDataCatalog"}
    pages = athena.athena.get_paginator("list_databases").paginate(**catalog)
    names = [one["Name"] for page in pages for one in page["DatabaseList"]]
    assert {"default", "lab", "sagemaker_featurestore"} <= set(names)
    tables = athena.athena.list_table_metadata(**catalog, DatabaseName="sagemaker_featurestore")
    found = [one for one in tables["TableMetadataList"] if one["Name"].startswith("user_features_")]
    assert [column["Name"] for column in found[0]["Columns"]][:3] == [
        "id",
        "event_time",
        "leadsource",
    ]
    with pytest.raises(athena.athena.exceptions.MetadataException, match="nothing"):
        athena.athena.get_table_metadata(**catalog, DatabaseName="lab", TableName="nothing")


def test_databases_go_with_their_tables(athena: AthenaSession) -> None:
    athena.run("CREATE SCHEMA gone")
    athena.run("CREATE VIEW gone.v AS SELECT 1 AS a")
    assert "is not empty" in athena.failure("DROP DATABASE gone")
    athena.run("DROP DATABASE gone CASCADE")
    athena.run("DROP DATABASE IF EXISTS gone")
    assert "gone" not in athena.lines("SHOW DATABASES")
