"""Older versions of a feature group's Iceberg table, and the tables about it, as SQL sees them."""

import pandas as pd
import pytest

from e2e.iceberg.tables import addition
from tandem.assembly.core import Core
from tandem.errors import QueryFailed, ValidationError
from tandem.model.history import AsOf
from tandem.query.base import TableName

TIME = "2024-01-01T00:00:00Z"


def put_and_deliver(store, core: Core, number: int, **more: str) -> None:
    store.feature_group("orders").put({"id": f"C{number}", "time": TIME, "number": number, **more})
    core.delivery.deliver_all()


def read(core: Core, wanted: AsOf) -> pd.DataFrame:
    table = core.iceberg_tables.as_of(core.groups.describe("orders"), wanted)
    rows = core._engine.sql("SELECT * FROM t ORDER BY number", {TableName(None, "t"): table})
    return rows.to_pandas()


def test_each_delivery_is_a_version_by_number_and_by_moment(store, core):
    for number in (1, 2, 3):
        put_and_deliver(store, core, number)
    store.feature_group("orders").put({"id": "C4", "time": TIME, "number": 4})
    group = core.groups.describe("orders")
    snapshots = core.iceberg_tables.metadata(group, "snapshots").to_pylist()
    assert len(snapshots) == 3
    for delivered, snapshot in enumerate(snapshots, 1):
        moment_us = round(snapshot["committed_at"].timestamp() * 1e6)
        for wanted in (AsOf(version=str(snapshot["snapshot_id"])), AsOf(moment_us=moment_us)):
            assert read(core, wanted)["number"].tolist() == list(range(1, delivered + 1))
    # The newest version is that of the branch; what waits for delivery is in none.
    assert read(core, AsOf(version="main"))["number"].tolist() == [1, 2, 3]
    first_us = round(snapshots[0]["committed_at"].timestamp() * 1e6)
    with pytest.raises(QueryFailed, match="no version from before 20"):
        read(core, AsOf(moment_us=first_us - 1))
    with pytest.raises(QueryFailed, match="no snapshot, tag or branch 'none'"):
        read(core, AsOf(version="none"))
    with pytest.raises(QueryFailed, match="no snapshot, tag or branch '17'"):
        read(core, AsOf(version="17"))


def test_a_feature_that_came_later_is_no_column_of_an_older_version(store, core):
    put_and_deliver(store, core, 1)
    core.updates.update("orders", addition("shop"))
    put_and_deliver(store, core, 2, shop="north")
    group = core.groups.describe("orders")
    older, newer = core.iceberg_tables.metadata(group, "snapshots").column("snapshot_id")
    assert "shop" not in read(core, AsOf(version=str(older))).columns
    assert read(core, AsOf(version=str(newer)))["shop"].fillna("-").tolist() == ["-", "north"]


def test_before_the_first_delivery_the_tables_about_it_are_empty(store, core):
    group = core.groups.describe("orders")
    for name in ("snapshots", "history", "refs", "manifests", "files", "partitions", "FILES"):
        assert core.iceberg_tables.metadata(group, name).num_rows == 0
    with pytest.raises(QueryFailed, match="no snapshot yet"):
        read(core, AsOf(version="main"))
    with pytest.raises(QueryFailed, match="'files', 'history', 'manifests'"):
        core.iceberg_tables.metadata(group, "deletes")
    assert core.iceberg_tables.properties(group) == {}
    with pytest.raises(ValidationError, match="made with the first delivery"):
        core.iceberg_tables.change_properties(group, {"vacuum_min_snapshots_to_keep": "3"})


def test_groups_in_other_formats_have_no_versions(core):
    plain = core.groups.describe("plain")
    for use in (
        lambda: core.iceberg_tables.as_of(plain, AsOf(version="main")),
        lambda: core.iceberg_tables.metadata(plain, "snapshots"),
        lambda: core.iceberg_tables.properties(plain),
    ):
        with pytest.raises(QueryFailed, match="'plain' has TableFormat 'Glue'"):
            use()


def test_the_tables_about_a_table_say_what_is_in_it(store, core):
    orders = store.feature_group("orders")
    orders.put({"id": "C1", "time": "2024-01-01T00:00:00Z", "number": 7})
    orders.put({"id": "C2", "time": "2024-01-01T01:00:00Z", "number": 3})
    orders.put({"id": "C3", "time": "2024-01-02T00:00:00Z"})
    core.delivery.deliver_all()
    group = core.groups.describe("orders")
    partitions = core.iceberg_tables.metadata(group, "partitions").sort_by("record_count")
    second, first = partitions.to_pylist()
    assert (first["partition"], second["partition"]) == (
        {"time_trunc": "2024-01-01"},
        {"time_trunc": "2024-01-02"},
    )
    assert (first["record_count"], first["file_count"]) == (2, 1)
    assert first["data"]["number"] == {"min": 3, "max": 7, "null_count": 0, "nan_count": 0}
    assert second["data"]["number"] == {"min": None, "max": None, "null_count": 1, "nan_count": 0}
    files = core.iceberg_tables.metadata(group, "files").to_pylist()
    assert sorted(file["record_count"] for file in files) == [1, 2]
    assert {file["file_format"] for file in files} == {"PARQUET"}
    (manifest,) = core.iceberg_tables.metadata(group, "manifests").to_pylist()
    assert (manifest["added_data_files_count"], manifest["added_rows_count"]) == (2, 3)
    assert manifest["partition_summaries"] == [
        {
            "contains_null": False,
            "contains_nan": False,
            "lower_bound": "2024-01-01",
            "upper_bound": "2024-01-02",
        }
    ]
    (reference,) = core.iceberg_tables.metadata(group, "refs").to_pylist()
    assert (reference["name"], reference["type"]) == ("main", "BRANCH")
    (line,) = core.iceberg_tables.metadata(group, "history").to_pylist()
    assert line["is_current_ancestor"]
    assert line["snapshot_id"] == reference["snapshot_id"]


def test_properties_are_athenas_whole_numbers(store, core):
    put_and_deliver(store, core, 1)
    tables, group = core.iceberg_tables, core.groups.describe("orders")
    tables.change_properties(group, {"vacuum_max_snapshot_age_seconds": "60"})
    assert tables.properties(group)["vacuum_max_snapshot_age_seconds"] == "60"
    tables.change_properties(group, {}, ["vacuum_max_snapshot_age_seconds"])
    assert "vacuum_max_snapshot_age_seconds" not in tables.properties(group)
    for changes, words in (
        ({"tandem.delivered.0": "0"}, "'tandem.delivered.0' cannot be changed"),
        ({"commit.retry.num-retries": "many"}, "cannot be changed: use one of"),
        ({"vacuum_min_snapshots_to_keep": "0"}, "whole number, at least 1"),
        ({"vacuum_max_snapshot_age_seconds": "a day"}, "is 'a day'"),
    ):
        with pytest.raises(ValidationError, match=words):
            tables.change_properties(group, changes)
    put_and_deliver(store, core, 2)
