"""DELETE, OPTIMIZE and VACUUM of a feature group, by way of the services that SQL uses."""

from functools import partial

import duckdb
import pandas as pd
import pyarrow as pa
import pytest

from e2e.iceberg.tables import read_by_pyiceberg
from tandem.assembly.core import Core
from tandem.errors import QueryFailed
from tandem.model.history import Compaction, Vacuumed
from tandem.query.base import HistoryTable, TableName
from tandem.service.iceberg_tables import POSITION

LABELS = pd.DataFrame({"id": ["a", "b", "c"], "time": ["2024-02-01T00:00:00Z"] * 3})


def put(store, *rows: tuple[str, int]) -> None:
    for identifier, number in rows:
        store.feature_group("orders").put(
            {"id": identifier, "time": f"2024-01-0{number % 3 + 1}T00:00:00Z", "number": number}
        )


def where(core: Core, condition: str, table: HistoryTable) -> pa.ChunkedArray:
    """The positions of the rows that a condition is true of."""
    statement = f"SELECT * FROM t WHERE {condition}"
    return core._engine.sql(statement, {TableName(None, "t"): table}).column(POSITION)


def numbers(store) -> list[int]:
    found = store.sql('SELECT number FROM "orders" ORDER BY number').to_arrow()
    return found.column("number").to_pylist()


def latest(store) -> list[int | None]:
    joined = store.training_set(LABELS, ["orders:number"], event_time="time").to_pandas()
    return [None if pd.isna(number) else int(number) for number in joined["number"]]


def test_a_delete_finds_what_waits_for_delivery_too(tmp_path, store, core):
    put(store, ("a", 1), ("b", 2))
    core.delivery.deliver_all()
    put(store, ("a", 3), ("c", 4))
    group = core.groups.describe("orders")
    assert core.iceberg_tables.delete(group, partial(where, core, "id = 'a'")) == 2
    assert numbers(store) == [2, 4]
    assert latest(store) == [None, 2, 4]
    rows = read_by_pyiceberg(tmp_path, group.group_id)
    assert sorted(rows.column("number").to_pylist()) == [2, 4]
    # The newest record is served on: the history alone was asked to forget.
    assert store.feature_group("orders").get("a")["number"] == 1
    put(store, ("a", 5))
    assert numbers(store) == [2, 4, 5]


def test_a_clone_does_not_bring_deleted_rows_back(store, core):
    put(store, ("a", 1), ("b", 2), ("a", 3))
    group = core.groups.describe("orders")
    assert core.iceberg_tables.delete(group, partial(where, core, "number = 1")) == 1
    for name in ("before", "after"):
        store.clone_feature_group("orders", name)
        found = store.sql(f'SELECT number FROM "{name}" ORDER BY number').to_arrow()
        assert found.column("number").to_pylist() == [2, 3]
        core.iceberg_tables.vacuum(group)


def test_a_clone_without_retired_features_does_not_either(store, core):
    put(store, ("a", 1), ("b", 2))
    group = core.groups.describe("orders")
    assert core.iceberg_tables.delete(group, partial(where, core, "id = 'a'")) == 1
    store.feature_group("orders").retire_feature("number")
    store.clone_feature_group("orders", "narrow")
    assert store.sql("SELECT id FROM narrow").to_arrow().column("id").to_pylist() == ["b"]


def test_answers_are_the_same_after_optimize(tmp_path, store, core):
    for number in range(1, 13):
        put(store, ("abc"[number % 2], number))
        core.delivery.deliver_all()
    before = latest(store), numbers(store)
    group = core.groups.describe("orders")
    found = core.iceberg_tables.optimize(group)
    assert found == Compaction(files_before=12, files_after=3)
    assert (latest(store), numbers(store)) == before
    files = core.offline.snapshot(group).files
    assert sorted(read_by_duckdb(files)) == list(range(1, 13))
    rows = read_by_pyiceberg(tmp_path, group.group_id)
    assert sorted(rows.column("number").to_pylist()) == list(range(1, 13))
    # Its files stay for those who read an older version.
    assert core.iceberg_tables.vacuum(group) == Vacuumed()


def read_by_duckdb(files) -> list[int]:
    with duckdb.connect() as connection:
        rows = connection.execute("SELECT number FROM read_parquet(?)", [list(files)]).fetchall()
    return [number for (number,) in rows]


def test_optimize_where_takes_the_files_that_have_such_rows(store, core):
    for number in range(1, 16):
        put(store, ("a", number))
        core.delivery.deliver_all()
    group = core.groups.describe("orders")
    meant = partial(where, core, "time >= '2024-01-03'")
    assert core.iceberg_tables.optimize(group, meant) == Compaction(files_before=5, files_after=1)
    assert numbers(store) == list(range(1, 16))


def test_a_condition_that_fails_deletes_nothing(store, core):
    put(store, ("a", 1))
    group = core.groups.describe("orders")
    with pytest.raises(QueryFailed, match="nowhere"):
        core.iceberg_tables.delete(group, partial(where, core, "nowhere = 1"))
    assert numbers(store) == [1]


def test_what_is_not_for_groups_says_so(core):
    plain, orders = core.groups.describe("plain"), core.groups.describe("orders")
    for use in (
        lambda: core.iceberg_tables.delete(plain, partial(where, core, "true")),
        lambda: core.iceberg_tables.optimize(plain),
        lambda: core.iceberg_tables.vacuum(plain),
    ):
        with pytest.raises(QueryFailed, match="'plain' has TableFormat 'Glue'"):
            use()
    for group in (plain, orders):
        with pytest.raises(QueryFailed, match=r"takes no INSERT: .* PutRecord"):
            core.iceberg_tables.refuse_insert(group)
