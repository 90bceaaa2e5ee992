"""The table is somebody else's: their tools read it with no Tandem at hand."""

import re
from dataclasses import replace

import duckdb
import pytest
from pyiceberg.expressions import EqualTo, StartsWith
from pyiceberg.table import StaticTable

from tandem.model.feature_group import FeatureDefinition, FeatureType, TableFormat
from tandem.testing.purchases import purchase, purchases_group
from unit.offline.iceberg.scenes import (
    ENTRIES,
    FOLDER,
    GROUP,
    GROWN,
    LOCATION,
    files_of,
    open_store,
    rows,
    table_of,
    with_value,
)


@pytest.fixture
def store(tmp_path):
    store = open_store(tmp_path)
    store.append(GROUP, 0, 0, ENTRIES[:4])
    store.append(GROUP, 0, 4, ENTRIES[4:])
    return store


def test_pyiceberg_opens_it_by_the_catalog(tmp_path, store):
    found = rows(table_of(tmp_path))
    assert [row["customer"] for row in found] == ["c-1", "c-2", "c-3", "c-4", "c-5", "c-6"]
    assert [row["amount"] for row in found] == [1.5, 2.5, 3.5, 4.5, 5.5, 6.5]
    assert list(found[0]) == [
        "customer",
        "bought_at",
        "amount",
        "items",
        "write_time",
        "api_invocation_time",
        "is_deleted",
    ]
    assert found[0]["items"] is None
    assert found[0]["is_deleted"] is False


def test_pyiceberg_opens_it_by_its_newest_metadata_file(tmp_path, store):
    newest = max((tmp_path / FOLDER / "metadata").glob("*.metadata.json"))
    location = f"{LOCATION}/metadata/{newest.name}"
    assert len(rows(StaticTable.from_metadata(location, files_of(tmp_path)))) == 6


def test_a_filter_on_the_event_time_opens_the_files_of_that_day_alone(tmp_path, store):
    table = table_of(tmp_path)
    scan = table.scan(row_filter=StartsWith("bought_at", "2024-07-07"))
    assert [task.file.partition[0] for task in scan.plan_files()] == ["2024-07-07"] * 2
    assert sorted(scan.to_arrow().column("customer").to_pylist()) == ["c-4", "c-6"]


def test_statistics_let_a_reader_skip_files(tmp_path, store):
    scan = table_of(tmp_path).scan(row_filter=EqualTo("customer", "c-3"))
    assert len(list(scan.plan_files())) == 1
    assert scan.to_arrow().column("amount").to_pylist() == [3.5]


def test_manifests_tell_the_files_sizes_rows_and_bounds(tmp_path, store):
    table = table_of(tmp_path)
    files = table.inspect.files().to_pylist()
    assert sum(file["record_count"] for file in files) == 6
    for file in files:
        path = re.sub("^s3:/", str(tmp_path / "offline"), file["file_path"])
        with open(path, "rb") as stream:  # noqa: PTH123
            assert len(stream.read()) == file["file_size_in_bytes"]
    (noon,) = (file for file in files if file["record_count"] == 2)
    metrics = noon["readable_metrics"]
    assert (metrics["customer"]["lower_bound"], metrics["customer"]["upper_bound"]) == (
        "c-1",
        "c-2",
    )
    assert (metrics["amount"]["lower_bound"], metrics["amount"]["upper_bound"]) == (1.5, 2.5)
    assert metrics["items"]["null_value_count"] == 2


def test_time_travel_goes_by_snapshots(tmp_path, store):
    table = table_of(tmp_path)
    first, second = table.snapshots()
    assert len(rows(table, snapshot_id=first.snapshot_id)) == 4
    assert len(rows(table, snapshot_id=second.snapshot_id)) == 6


def test_duckdb_reads_the_files(store):
    paths = list(store.snapshot(GROUP).files)
    found = duckdb.sql(
        f"SELECT customer, amount, is_deleted FROM read_parquet({paths}) ORDER BY customer"
    ).fetchall()
    assert found == [(f"c-{number}", number + 0.5, False) for number in range(1, 7)]


def test_a_feature_added_later_is_null_in_older_rows(tmp_path, store):
    late = with_value(purchase(GROWN, 7, customer="c-7"), "shop", "north")
    store.append(GROWN, 0, 6, [late])
    table = table_of(tmp_path)
    assert [row["shop"] for row in rows(table)] == [None] * 6 + ["north"]
    # Before the columns that are no features, and in the older files not at all.
    assert table.schema().column_names == [
        "customer",
        "bought_at",
        "amount",
        "items",
        "shop",
        "write_time",
        "api_invocation_time",
        "is_deleted",
    ]
    assert rows(table, row_filter=EqualTo("shop", "north"))[0]["customer"] == "c-7"
    assert len(table.schemas()) == 2


def test_a_retired_feature_stays_a_column(tmp_path, store):
    retired = [
        replace(feature, retired_at_us=1) if feature.name == "amount" else feature
        for feature in GROUP.features
    ]
    entry = purchase(GROUP, 7, customer="c-7", amount=None)
    store.append(replace(GROUP, features=tuple(retired), revision=2), 0, 6, [entry])
    assert [row["amount"] for row in rows(table_of(tmp_path))] == [
        1.5,
        2.5,
        3.5,
        4.5,
        5.5,
        6.5,
        None,
    ]


def test_names_with_hyphens_are_columns_too(tmp_path):
    group = purchases_group("a-b", table_format=TableFormat.ICEBERG)
    names = {"customer": "cust-omer", "bought_at": "bought-at", "amount": "am-ount"}
    group = replace(
        group,
        record_identifier_name="cust-omer",
        event_time_name="bought-at",
        features=tuple(
            FeatureDefinition(names.get(feature.name, feature.name), feature.type)
            for feature in group.features
        ),
    )
    entry = purchase(group, 1)
    renamed = tuple(value._replace(name=names[value.name]) for value in entry.values)
    open_store(tmp_path).append(group, 0, 0, [replace(entry, values=renamed)])
    table = table_of(tmp_path, group)
    assert rows_by_name(table, "bought-at") == ["2024-06-30T12:00:00Z"]
    assert table.spec().fields[0].name == "bought-at_trunc"
    found = table.scan(row_filter=EqualTo("bought-at", "2024-06-30T12:00:00Z")).to_arrow()
    assert found.column("am-ount").to_pylist() == [89.5]


def rows_by_name(table, name):
    return table.scan().to_arrow().column(name).to_pylist()


def test_one_feature_may_be_identifier_and_event_time(tmp_path):
    group = replace(
        purchases_group(table_format=TableFormat.ICEBERG),
        record_identifier_name="bought_at",
        features=(FeatureDefinition("bought_at", FeatureType.STRING),),
    )
    entry = purchase(GROUP, 1)
    only = tuple(value for value in entry.values if value.name == "bought_at")
    open_store(tmp_path).append(group, 0, 0, [replace(entry, values=only)])
    assert rows_by_name(table_of(tmp_path), "bought_at") == ["2024-06-30T12:00:00Z"]
