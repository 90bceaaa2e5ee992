"""Spark reads the history of a feature group where it lies, and finds the rows that SQL finds.

Outside readers see what is delivered, so everything is delivered here before Spark looks.
"""

import gc
import shutil
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from integration import iceberg_jars
from tandem.assembly.core import Core
from tandem.assembly.settings import Settings
from tandem.model.changes import GroupUpdate
from tandem.model.feature_group import (
    FeatureDefinition,
    FeatureGroup,
    FeatureType,
    TableFormat,
)
from tandem.model.record import FeatureValue
from tandem.service.records import DeletionMode
from unit.service.scenes import definition

pytestmark = [
    pytest.mark.skipif(
        find_spec("pyspark") is None,
        reason="needs PySpark, which is in the dependency group spark: make spark",
    ),
    pytest.mark.skipif(shutil.which("java") is None, reason="needs Java, 8 to 17"),
    # PySpark 3.5 leaves the sockets over which rows come to the garbage collector.
    pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning"),
]
HOURS = ("year", "month", "day", "hour")
TIMES = [
    "0000-01-01T00:00:00Z",
    "1969-12-31T23:59:59.999999999Z",
    "2023-12-31T23:30:00Z",
    "2024-01-01T00:00:00+02:00",
    "2024-02-29T07:00:00.5Z",
    "9999-12-31T23:59:59Z",
]


@pytest.fixture(scope="module")
def spark(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    from pyspark.sql import SparkSession  # only where it is installed

    folder = tmp_path_factory.mktemp("spark")
    jars = iceberg_jars.jars(folder) if iceberg_jars.are_there() else []
    session = (
        SparkSession.builder.master("local[1]")
        .appName("tandem")
        .config("spark.driver.bindAddress", "127.0.0.1")
        .config("spark.driver.host", "127.0.0.1")
        .config("spark.driver.memory", "512m")
        .config("spark.jars", ",".join(str(jar) for jar in jars))
        .config("spark.local.dir", str(folder / "local"))
        .config("spark.sql.shuffle.partitions", "1")
        .config("spark.sql.warehouse.dir", str(folder / "warehouse"))
        .config("spark.ui.enabled", "false")
        .getOrCreate()
    )
    yield session
    session.stop()


@pytest.fixture(autouse=True)
def _no_socket_is_left_to_other_tests() -> Iterator[None]:
    yield
    gc.collect()


@pytest.fixture
def core(tmp_path: Path) -> Iterator[Core]:
    settings = Settings(data=tmp_path / "data", online_map_size_bytes=1 << 26)
    running = Core(settings, in_background=False)
    yield running
    running.close()


@pytest.fixture
def purchases(core: Core) -> FeatureGroup:
    return create(core, TableFormat.GLUE)


def create(core: Core, table_format: TableFormat) -> FeatureGroup:
    """A group with a String event time, and rows of all kinds in three deliveries."""
    new = definition("purchases")
    assert new.offline is not None
    features = (
        new.features[0],
        FeatureDefinition("time", FeatureType.STRING),
        FeatureDefinition("orders", FeatureType.INTEGRAL),
        FeatureDefinition("spend", FeatureType.FRACTIONAL),
        FeatureDefinition("note", FeatureType.STRING),
    )
    offline = replace(new.offline, table_format=table_format)
    group = core.groups.create(replace(new, features=features, offline=offline))
    for number, time in enumerate(TIMES):
        put(
            core, f"C{number}", time, orders=str(number - 2**40), spend="89.50", note="é \U0001f9c0"
        )
    core.delivery.deliver_all()
    put(core, "nulls", TIMES[2])
    put(core, "edges", TIMES[2], orders=str(2**63 - 1), spend="-1e-308", note="")
    put(core, "C2", TIMES[1], note="late")
    put(core, "C2", TIMES[2], note="twice")
    core.delivery.deliver_all()
    core.records.delete("purchases", "C2", "2024-01-05T00:00:00Z").result()
    core.records.delete("purchases", "C3", TIMES[5], DeletionMode.HARD).result()
    core.delivery.deliver_all()
    return group


def put(core: Core, identifier: str, time: str, **features: str) -> None:
    values = {"id": identifier, "time": time, **features}
    core.records.put("purchases", [FeatureValue(*pair) for pair in values.items()]).result()


def buckets(core: Core) -> Path:
    """The folder in which s3://bucket/key is bucket/key."""
    return core.settings.data / "s3"


def folder(core: Core, group: FeatureGroup) -> str:
    """The folder of the data files."""
    assert group.offline is not None
    return str(buckets(core) / group.offline.resolved_uri.removeprefix("s3://"))


def order(row: tuple[Any, ...]) -> str:
    return repr(row)


def rows_of_sql(core: Core) -> tuple[list[str], list[tuple[Any, ...]]]:
    found = core.queries.sql("SELECT * FROM purchases")
    rows = [tuple(row.values()) for row in found.to_pylist()]
    return found.column_names, sorted(rows, key=order)


def rows_of_spark(frame: Any) -> tuple[list[str], list[tuple[Any, ...]]]:
    return frame.columns, sorted((tuple(row) for row in frame.collect()), key=order)


def test_rows_without_partition_columns(spark: Any, core: Core, purchases: FeatureGroup) -> None:
    frame = spark.read.option("recursiveFileLookup", "true").parquet(folder(core, purchases))
    columns, rows = rows_of_sql(core)
    assert len(rows) == 12
    assert rows_of_spark(frame) == (columns, rows)
    assert dict(frame.dtypes) == {
        "id": "string",
        "time": "string",
        "orders": "bigint",
        "spend": "double",
        "note": "string",
        "write_time": "timestamp_ntz",
        "api_invocation_time": "timestamp_ntz",
        "is_deleted": "boolean",
    }


def test_rows_with_partition_columns(spark: Any, core: Core, purchases: FeatureGroup) -> None:
    frame = spark.read.parquet(folder(core, purchases))
    columns, rows = rows_of_sql(core)
    assert frame.columns == [*columns, *HOURS]
    assert rows_of_spark(frame.drop(*HOURS)) == (columns, rows)
    found = {
        row["id"]: tuple(row[name] for name in HOURS)
        for row in frame.where("NOT is_deleted AND orders < 0").collect()
    }
    assert found == {
        "C0": (0, 1, 1, 0),
        "C1": (1969, 12, 31, 23),
        "C2": (2023, 12, 31, 23),
        "C3": (2023, 12, 31, 22),
        "C4": (2024, 2, 29, 7),
        "C5": (9999, 12, 31, 23),
    }


def test_partitions_are_text_with_zeros_for_those_who_compare_text(
    spark: Any, core: Core, purchases: FeatureGroup
) -> None:
    inference = "spark.sql.sources.partitionColumnTypeInference.enabled"
    spark.conf.set(inference, "false")
    try:
        frame = spark.read.parquet(folder(core, purchases))
        leap_day = frame.where("year = '2024' AND month = '02' AND day = '29' AND hour >= '07'")
        assert [row["id"] for row in leap_day.collect()] == ["C4"]
    finally:
        spark.conf.unset(inference)


def test_added_and_retired_features(spark: Any, core: Core, purchases: FeatureGroup) -> None:
    shop = FeatureDefinition("shop", FeatureType.STRING)
    core.updates.update("purchases", GroupUpdate(additions=(shop,)))
    core.updates.retire_feature("purchases", "note")
    put(core, "new", "2024-03-01T00:00:00Z", shop="corner")
    core.delivery.deliver_all()
    merged = spark.read.option("mergeSchema", "true").option("recursiveFileLookup", "true")
    frame = merged.parquet(folder(core, purchases))
    # Files keep what a retired feature held; SQL hides it until it is restored.
    assert set(frame.columns) == {*rows_of_sql(core)[0], "note"}
    core.updates.restore_feature("purchases", "note")
    columns, rows = rows_of_sql(core)
    assert rows_of_spark(frame.select(*columns)) == (columns, rows)
    added = {row["id"]: row["shop"] for row in frame.collect()}
    assert added.pop("new") == "corner"
    assert set(added.values()) == {None}


def test_spark_sql_answers_as_duckdb_does(spark: Any, core: Core, purchases: FeatureGroup) -> None:
    statement = (
        "SELECT id, count(*) AS versions, max(write_time) AS last, sum(spend) AS spend"
        " FROM purchases WHERE NOT is_deleted GROUP BY id ORDER BY id"
    )
    spark.read.parquet(folder(core, purchases)).createOrReplaceTempView("purchases")
    expected = [tuple(row.values()) for row in core.queries.sql(statement).to_pylist()]
    assert [tuple(row) for row in spark.sql(statement).collect()] == expected
    assert all(isinstance(row[2], datetime) for row in expected)


@pytest.mark.skipif(
    not iceberg_jars.are_there(), reason="needs Iceberg's jars, which are in the group spark"
)
def test_an_iceberg_table(spark: Any, core: Core) -> None:
    group = create(core, TableFormat.ICEBERG)
    shop = FeatureDefinition("shop", FeatureType.STRING)
    core.updates.update("purchases", GroupUpdate(additions=(shop,)))
    put(core, "new", "2024-03-01T00:00:00Z", shop="corner")
    core.delivery.deliver_all()
    # Hadoop's view of file systems says where the bucket is.
    bucket = "bucket"
    view = "org.apache.hadoop.fs.viewfs.ViewFileSystemOverloadScheme"
    spark.conf.set("fs.s3.impl", view)
    spark.conf.set("fs.s3.impl.disable.cache", "true")
    spark.conf.set(f"fs.viewfs.mounttable.{bucket}.linkFallback", (buckets(core) / bucket).as_uri())
    newest = max((Path(folder(core, group)).parent / "metadata").glob("*.metadata.json"))
    frame = spark.read.format("iceberg").load(f"s3://{newest.relative_to(buckets(core))}")
    columns, rows = rows_of_sql(core)
    assert len(rows) == 13
    assert rows_of_spark(frame) == (columns, rows)
    in_2024 = frame.where("time >= '2024-01-01' AND time < '2025'").select("id").collect()
    assert {row["id"] for row in in_2024} == {"C2", "C3", "C4", "new"}
