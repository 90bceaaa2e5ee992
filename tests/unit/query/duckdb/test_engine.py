"""What is DuckDB's own; the rest is in the contract suite."""

import threading
from dataclasses import replace

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tandem.errors import QueryFailed
from tandem.model.feature_group import FeatureType
from tandem.query.base import FeatureJoin, TableName
from tandem.query.duckdb import DuckDbEngine
from tandem.query.duckdb import point_in_time as join_module
from tandem.testing.planted_history import PlantedHistory, a_group
from tandem.testing.point_in_time_contract import joined_rows

NOON = "2024-05-01T12:00:00Z"
MEGABYTE = 1024 * 1024


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "history"
    folder.mkdir()
    return folder


@pytest.fixture
def engine(tmp_path, folder):
    engine = DuckDbEngine(folder, tmp_path / "scratch", memory_bytes=256 * MEGABYTE)
    yield engine
    engine.close()


def labels_of(customers):
    return pa.table({"customer": customers, "at": [NOON] * len(customers)})


def a_join(table):
    return FeatureJoin(table=table, key="customer", columns={"amount": "amount"})


def test_the_instance_itself_reads_no_other_files(engine, tmp_path):
    """Behind the check of statements, DuckDB is locked down as well."""
    outside = tmp_path / "outside.csv"
    outside.write_text("a\n1\n")
    variable = pa.table({"a": [1]})
    with engine._cursor() as cursor:
        with pytest.raises(duckdb.Error, match="variable does not exist"):
            cursor.execute("SELECT * FROM variable")
        for statement in (
            f"SELECT * FROM read_csv('{outside}')",
            f"SELECT * FROM '{outside}'",
            f"COPY (SELECT 1) TO '{outside}'",
            f"ATTACH '{tmp_path}/x.db' AS x",
            "INSTALL httpfs",
            "SET enable_external_access = true",
            "SET allowed_directories = ['/']",
            "SET lock_configuration = false",
            "SET python_enable_replacements = true",
        ):
            with pytest.raises(duckdb.Error, match=r"disabled by configuration|locked|Cannot"):
                cursor.execute(statement)
    assert outside.read_text() == "a\n1\n"
    assert variable.num_rows == 1


def test_files_elsewhere_are_not_read_even_when_a_snapshot_names_them(engine, tmp_path):
    elsewhere = PlantedHistory(tmp_path / "elsewhere", a_group()).put("c-1", NOON, amount="1")
    elsewhere.to_file()
    table = elsewhere.table()
    with pytest.raises(QueryFailed, match="Permission"):
        engine.sql("SELECT * FROM t", {TableName(None, "t"): table})
    with pytest.raises(QueryFailed, match="Permission"):
        joined_rows(engine, labels_of(["c-1"]), "at", [a_join(table)])


def test_a_file_that_is_gone_is_named(engine, folder):
    history = PlantedHistory(folder, a_group()).put("c-1", NOON, amount="1")
    history.to_file(path="gone.parquet")
    (folder / history.group.group_id / "data" / "gone.parquet").unlink()
    with pytest.raises(QueryFailed, match=r"gone\.parquet"):
        joined_rows(engine, labels_of(["c-1"]), "at", [a_join(history.table())])


def test_timestamps_of_history_are_timestamps(engine, folder):
    table = PlantedHistory(folder, a_group()).put("c-1", NOON, amount="1").table()
    statement = "SELECT write_time, amount, items, is_deleted FROM t"
    types = engine.sql(statement, {TableName(None, "t"): table}).schema.types
    assert types == [pa.timestamp("us"), pa.float64(), pa.int64(), pa.bool_()]


def test_sums_of_whole_numbers_are_int64_where_they_fit(engine):
    table = engine.sql(f"SELECT sum(r) AS fits, sum({2**62}) AS large FROM range(5) AS t(r)", {})
    assert table.schema.types == [pa.int64(), pa.decimal128(38, 0)]
    assert table.to_pylist() == [{"fits": 10, "large": 5 * 2**62}]


@pytest.mark.parametrize("few", [0, 1_000])
def test_minus_zero_is_zero_either_way(engine, folder, monkeypatch, few):
    monkeypatch.setattr(join_module, "_FEW_KEYS", few)
    history = PlantedHistory(folder, a_group(identifier=FeatureType.FRACTIONAL))
    history.put("-0.0", NOON, amount="1").to_file()
    labels = pa.table({"customer": [0.0, -0.0], "at": [NOON, NOON]})
    joined = joined_rows(engine, labels, "at", [a_join(history.table())])
    assert joined.column("amount").to_pylist() == [1.0, 1.0]


@pytest.mark.parametrize("few", [0, 1_000])
def test_leaving_out_other_identifiers_changes_nothing(engine, folder, monkeypatch, few):
    monkeypatch.setattr(join_module, "_FEW_KEYS", few)
    history = PlantedHistory(folder, a_group())
    for number in range(100):
        history.put(f"c-{number % 20}", NOON, amount=str(number))
    history.to_file()
    labels = labels_of(["c-3", "c-5", None, "c-3", "other"])
    joined = joined_rows(engine, labels, "at", [a_join(history.table())])
    assert joined.column("amount").to_pylist() == [83.0, 85.0, None, 83.0, None]


def test_positions_hold_when_a_feature_hides_duckdbs_row_number(engine, folder):
    """Rows are then numbered as they come, through several row groups and files."""
    group = a_group(more=["file_row_number"])
    history = PlantedHistory(folder, group)
    files = []
    for number in range(3):
        rows = 150_000
        table = pa.table(
            {
                "customer": pa.array([f"c-{row % 500}" for row in range(rows)]),
                "bought_at": pa.array([NOON] * rows),
                "amount": pa.array([float(number * rows + row) for row in range(rows)]),
                "items": pa.nulls(rows, pa.int64()),
                "file_row_number": pa.array(["hidden"] * rows),
                "write_time": pa.array([0] * rows, pa.timestamp("us")),
                "api_invocation_time": pa.array([0] * rows, pa.timestamp("us")),
                "is_deleted": pa.array([False] * rows),
            }
        )
        path = folder / f"{9 - number}.parquet"
        pq.write_table(table, path, row_group_size=20_000)
        files.append(str(path))
    planted = history.table()
    snapshot = replace(planted.snapshot, files=tuple(files))
    labels = labels_of([f"c-{number}" for number in range(500)])
    joined = joined_rows(engine, labels, "at", [a_join(replace(planted, snapshot=snapshot))])
    expected = [float(450_000 - 500 + number) for number in range(500)]
    assert joined.column("amount").to_pylist() == expected


def test_what_does_not_fit_memory_is_spilled(tmp_path, folder):
    engine = DuckDbEngine(folder, tmp_path / "scratch", memory_bytes=48 * MEGABYTE)
    spilled = threading.Event()
    done = threading.Event()

    def watch():
        while not done.wait(0.002):
            if list((tmp_path / "scratch").rglob("*.tmp")):
                spilled.set()

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        statement = (
            "SELECT count(*) FROM (SELECT DISTINCT range, md5(range::VARCHAR) FROM range(1000000))"
        )
        assert engine.sql(statement, {}).to_pydict().popitem()[1] == [1_000_000]
    finally:
        done.set()
        watcher.join()
    assert spilled.is_set()
    engine.close()
    assert list((tmp_path / "scratch").iterdir()) == []
