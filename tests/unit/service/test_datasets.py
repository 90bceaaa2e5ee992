"""What a training set may be asked, what is recorded of it, and that it can be made again."""

import json
import shutil
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tandem.assembly.core import Core
from tandem.errors import DataCorrupted, HistoryChanged, ResourceNotFound, ValidationError
from tandem.model.changes import GroupUpdate
from tandem.model.feature_group import (
    FeatureDefinition,
    FeatureGroup,
    FeatureType,
    TableFormat,
)
from tandem.query.base import HistoryTable, TableName
from tandem.rows.content_hash import content_hash
from tandem.rows.rows import RowStream, TableRows
from tandem.service.cloning import CloneRequest
from tandem.service.dataset_request import TrainingSetRequest
from tandem.service.datasets import TrainingSet
from tandem.service.iceberg_tables import POSITION
from unit.service.scenes import START_US, ManualClock, definition, record

LABELS = pa.table(
    {
        "id": ["C1", "C2", "C1", "C3"],
        "event_time": [datetime.fromtimestamp(seconds, UTC) for seconds in (10, 10, 20, 10)],
        "bought": [1, 0, 1, 0],
    }
)
SECOND = 1_000_000_000


@pytest.fixture
def shop(core: Core) -> Core:
    """Two groups; C1 at 5 and at 15, C2 at 5 with a delete at 8 in `visits`."""
    for name in ("customers", "visits"):
        core.groups.create(definition(name))
        for identifier, time, orders in (("C1", 5.0, 1), ("C2", 5.0, 2), ("C1", 15.0, 3)):
            core.records.put(name, record(identifier, time, orders=orders, note=name)).result()
    core.records.delete("visits", "C2", "8.0").result()
    return core


def made(core: Core, *features: str, labels: pa.Table = LABELS, **more: Any) -> TrainingSet:
    named = more.pop("named", None) or features
    options = {key: more.pop(key) for key in ("record", "keep_labels") if key in more}
    request = TrainingSetRequest(features=named, **more)
    return core.datasets.training_set(TableRows(labels), request, **options)


def values(found: TrainingSet, column: str) -> list[Any]:
    return list(found.to_table().column(column).to_pylist())


def test_many_groups_with_names_of_ones_own(shop: Core) -> None:
    named = {"a": "customers:orders", "note": "visits:note", "b": "visits:orders"}
    found = made(shop, named=named)
    assert found.to_table().column_names == ["id", "event_time", "bought", "a", "note", "b"]
    assert values(found, "a") == [1, 2, 3, None]
    assert values(found, "b") == [1, None, 3, None]


def test_columns_come_in_the_order_asked_for(shop: Core) -> None:
    found = made(shop, "visits:note", "customers:orders", "visits:orders")
    names = found.to_table().column_names
    assert names[3:] == ["note", "customers:orders", "visits:orders"]


def test_limits_for_all_and_by_group(shop: Core) -> None:
    named = {"a": "customers:orders", "b": "visits:orders"}
    for more, a, b in [
        ({"max_age_seconds": 4.0}, [None] * 4, [None] * 4),
        ({"max_age_seconds": {"visits": 4.0}}, [1, 2, 3, None], [None] * 4),
        ({"event_times": (6 * SECOND, None)}, [None, None, 3, None], [None, None, 3, None]),
        ({"event_times": (None, 8 * SECOND)}, [1, 2, 1, None], [1, 2, 1, None]),
        ({"event_times": {"visits": (None, 8 * SECOND)}}, [1, 2, 3, None], [1, 2, 1, None]),
    ]:
        found = made(shop, named=named, **more)
        assert values(found, "a") == a, more
        assert values(found, "b") == b, more


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"named": {"a": "customers:*"}}, "one name"),
        ({"named": {"": "customers:orders"}}, "an empty name"),
        ({"named": {"bought": "customers:orders"}}, "two columns 'bought'"),
        ({"named": {"a": "customers:orders", "b": "customers:orders"}}, "twice"),
        ({"max_age_seconds": {"nobody": 1.0}}, "max_age_seconds names 'nobody'"),
        ({"event_times": {"nobody": (1, 2)}}, "event_times names 'nobody'"),
        ({"event_times": (2, 2)}, "no event time can be within"),
        ({"keys": {"nobody": "id"}}, "keys names 'nobody'"),
        ({"max_age_seconds": -1.0}, "max_age_seconds -1"),
    ],
)
def test_what_cannot_be_is_refused_and_not_recorded(
    shop: Core, more: dict[str, Any], said: str
) -> None:
    with pytest.raises(ValidationError, match=said):
        made(shop, "customers:orders", **more)
    assert shop.datasets.all() == []


def test_labels_may_come_as_a_stream(shop: Core) -> None:
    stream = RowStream(LABELS.schema, iter(LABELS.to_batches(max_chunksize=1)))
    request = TrainingSetRequest(features=("customers:orders",))
    found = shop.datasets.training_set(stream, request)
    assert found.to_table().equals(made(shop, "customers:orders").to_table())


# What is recorded


def test_what_is_recorded(shop: Core, clock: ManualClock) -> None:
    found = made(shop, "customers:orders", "visits:*", max_age_seconds={"visits": 100.0})
    dataset = found.dataset
    assert dataset is not None
    assert dataset == shop.datasets.find(dataset.dataset_id)
    assert dataset.log_positions == {0: 7}
    # Seven writes and the barrier, each stamped later than the last.
    assert dataset.as_of_us == START_US + 7
    assert dataset.content_hash == content_hash(found.rows)
    assert dataset.labels_hash == content_hash(TableRows(LABELS))
    assert [group.named for group in dataset.groups] == ["customers", "visits"]
    assert [group.rows for group in dataset.groups] == [3, 4]
    assert [group.max_age_seconds for group in dataset.groups] == [None, 100.0]
    assert dataset.columns[-3:] == (
        ("customers:orders", "int64"),
        ("visits:orders", "int64"),
        ("note", "string"),
    )
    assert dataset.rows == 4
    clock.forward(1)
    newer = made(shop, "customers:orders")
    assert shop.datasets.all() == [newer.dataset, dataset]
    shop.datasets.delete(dataset.dataset_id)
    assert shop.datasets.all() == [newer.dataset]
    for gone in (shop.datasets.find, shop.datasets.rebuild, shop.datasets.delete):
        with pytest.raises(ResourceNotFound, match=dataset.dataset_id):
            gone(dataset.dataset_id)


def test_nothing_is_recorded_where_that_is_said(shop: Core) -> None:
    found = made(shop, "customers:orders", record=False)
    assert found.dataset is None
    assert shop.datasets.all() == []
    mapped = LABELS.append_column("m", pa.array([[("a", 1)]] * 4, pa.map_(pa.string(), pa.int64())))
    assert made(shop, "customers:orders", labels=mapped, record=False).rows.count == 4
    with pytest.raises(ValidationError, match="record=False"):
        made(shop, "customers:orders", labels=mapped)


# Made again


def again(core: Core, found: TrainingSet, labels: pa.Table | None = None) -> pa.Table:
    assert found.dataset is not None
    given = None if labels is None else TableRows(labels)
    return core.datasets.rebuild(found.dataset.dataset_id, given).to_table()


def more_history(core: Core, name: str) -> None:
    """Late rows, ties with what is there, deletes and newer rows."""
    for identifier, time, orders in (("C1", 7.0, 70), ("C1", 5.0, 71), ("C3", 1.0, 72)):
        core.records.put(name, record(identifier, time, orders=orders)).result()
    core.records.delete(name, "C1", "16.0").result()


def test_the_same_rows_whatever_was_written_since(shop: Core, clock: ManualClock) -> None:
    found = made(shop, "customers:*", "visits:orders")
    for step in (0, 10, -20):  # the clock may step back
        clock.forward(step)
        more_history(shop, "customers")
        more_history(shop, "visits")
        assert again(shop, found).equals(found.to_table())
        assert not made(shop, "customers:*", "visits:orders").to_table().equals(found.to_table())
        shop.delivery.deliver_all()
        assert again(shop, found).equals(found.to_table())


def test_as_of_in_the_past_is_recorded_as_such(shop: Core, clock: ManualClock) -> None:
    as_of_us = clock()  # the first write alone, since each is stamped later than the last
    clock.forward(60)
    found = made(shop, "customers:orders", as_of_us=as_of_us)
    assert values(found, "orders") == [1, None, 1, None]
    more_history(shop, "customers")
    assert again(shop, found).equals(found.to_table())
    assert found.dataset is not None
    assert found.dataset.groups[0].rows == 1


def test_as_of_a_moment_before_the_first_year(shop: Core) -> None:
    found = made(shop, "customers:orders", as_of_us=-(2**56))
    assert set(values(found, "orders")) == {None}
    assert found.dataset is not None
    assert found.dataset.groups[0].rows == 0


def test_a_set_of_nothing_written_yet(core: Core, customers: FeatureGroup) -> None:
    found = made(core, "customers:orders")
    more_history(core, "customers")
    assert again(core, found).equals(found.to_table())
    assert values(found, "orders") == [None] * 4


def test_features_that_are_added_retired_and_restored(shop: Core) -> None:
    found = made(shop, "customers:*")
    added = (FeatureDefinition("added", FeatureType.STRING),)
    shop.updates.update("customers", GroupUpdate(additions=added))
    shop.records.put("customers", record("C1", 9.0, orders=1, added="x")).result()
    assert again(shop, found).equals(found.to_table())
    shop.updates.retire_feature("customers", "orders")
    shop.delivery.deliver_all()
    assert again(shop, found).equals(found.to_table())
    shop.updates.restore_feature("customers", "orders")
    assert again(shop, found).equals(found.to_table())


def test_an_alias_means_what_it_meant(shop: Core) -> None:
    shop.aliases.set("current", "customers")
    found = made(shop, "current:orders", named={"a": "current:orders", "b": "visits:orders"})
    shop.records.put("visits", record("C2", 9.0, orders=9)).result()
    shop.aliases.set("current", "visits")
    assert again(shop, found).equals(found.to_table())
    shop.aliases.remove("current")
    assert again(shop, found).equals(found.to_table())
    assert found.dataset is not None
    assert [(group.named, group.name) for group in found.dataset.groups] == [
        ("current", "customers"),
        ("visits", "visits"),
    ]


def test_a_group_that_was_deleted_or_created_again(shop: Core) -> None:
    found = made(shop, "customers:orders")
    shop.groups.delete("customers")
    assert again(shop, found).equals(found.to_table())
    shop.groups.create(definition("customers"))
    shop.records.put("customers", record("C1", 6.0, orders=99)).result()
    assert again(shop, found).equals(found.to_table())
    shop.delivery.deliver_all()
    assert again(shop, found).equals(found.to_table())


def test_a_clone_and_its_source(shop: Core) -> None:
    found = made(shop, "customers:orders")
    shop.cloning.clone(
        CloneRequest(source="customers", target="copy", types={"orders": FeatureType.FRACTIONAL})
    )
    of_the_clone = made(shop, "copy:orders")
    assert values(of_the_clone, "orders") == [1.0, 2.0, 3.0, None]
    for name in ("customers", "copy"):
        more_history(shop, name)
    assert again(shop, found).equals(found.to_table())
    assert again(shop, of_the_clone).equals(of_the_clone.to_table())


def test_labels_that_were_not_kept_must_be_given(shop: Core) -> None:
    found = made(shop, "customers:orders", keep_labels=False)
    with pytest.raises(ValidationError, match="without its labels"):
        again(shop, found)
    for wrong in (LABELS.slice(1), LABELS.select(["id", "event_time"])):
        with pytest.raises(ValidationError, match="not the labels"):
            again(shop, found, wrong)
    assert again(shop, found, LABELS).equals(found.to_table())


def test_history_that_is_gone_is_named(shop: Core, tmp_path: Path) -> None:
    found = made(shop, "customers:orders", "visits:orders")
    shop.delivery.deliver_all()
    (file,) = (tmp_path / "data" / "s3").rglob("*visits*/data/**/*.parquet")
    whole = pq.read_table(file, partitioning=None)
    pq.write_table(whole.slice(1), file)
    with pytest.raises(HistoryChanged, match=r"'visits' has 3 rows written by then, and had 4"):
        again(shop, found)
    orders = whole.schema.get_field_index("orders")
    changed = pa.array([7] * whole.num_rows, pa.int64())
    pq.write_table(whole.set_column(orders, whole.field("orders"), changed), file)
    with pytest.raises(HistoryChanged, match="values in them changed"):
        again(shop, found)
    file.unlink()
    with pytest.raises(HistoryChanged, match="cannot be made again"):
        again(shop, found)
    pq.write_table(whole, file)
    assert again(shop, found).equals(found.to_table())


def test_labels_that_are_damaged_are_named(shop: Core, tmp_path: Path) -> None:
    found = made(shop, "customers:orders")
    assert found.dataset is not None
    path = tmp_path / "data" / "datasets" / found.dataset.dataset_id / "labels.parquet"
    whole = pq.read_table(path)
    pq.write_table(whole.slice(1), path)
    with pytest.raises(HistoryChanged, match="its labels changed"):
        again(shop, found)
    path.write_bytes(b"?")
    with pytest.raises(DataCorrupted, match=r"labels\.parquet"):
        again(shop, found)
    assert again(shop, found, LABELS).equals(found.to_table())


def test_a_group_that_the_registry_lost_is_named(shop: Core, tmp_path: Path) -> None:
    found = made(shop, "customers:orders")
    assert found.dataset is not None
    path = tmp_path / "data" / "datasets" / found.dataset.dataset_id / "dataset.json"
    stored = json.loads(path.read_text())
    stored["groups"][0]["group_id"] = "lost-1"
    path.write_text(json.dumps(stored))
    with pytest.raises(HistoryChanged, match="lost-1"):
        again(shop, found)
    path.write_text("{")
    with pytest.raises(DataCorrupted, match=r"dataset\.json"):
        again(shop, found)
    shutil.rmtree(path.parent)
    with pytest.raises(ResourceNotFound):
        again(shop, found)


# The latest values


def latest(core: Core, entities: pa.Table | str, *features: str, **more: Any) -> TrainingSet:
    at_us = more.pop("at_us", None)
    request = TrainingSetRequest(features=features, **more)
    given = entities if isinstance(entities, str) else TableRows(entities)
    return core.datasets.latest(given, request, at_us=at_us)


def test_the_latest_values_of_entities(shop: Core, clock: ManualClock) -> None:
    entities = pa.table({"id": ["C2", "C1", "C9", "C1"]})
    found = latest(shop, entities, "customers:orders", "visits:note")
    assert values(found, "orders") == [2, 3, None, 3]
    assert values(found, "note") == [None, "visits", None, "visits"]
    assert {moment.timestamp() for moment in values(found, "event_time")} == {clock() / 1e6}
    then = latest(shop, entities, "customers:orders", at_us=14_999_999)
    assert values(then, "orders") == [2, 1, None, 1]
    # A training set with the same features at the same moments has the same values.
    labels = then.to_table().select(["id", "event_time"])
    assert made(shop, "customers:orders", labels=labels).to_table().equals(then.to_table())


def test_the_latest_values_of_all_records(shop: Core) -> None:
    found = latest(shop, "visits", "visits:orders", "customers:orders")
    assert values(found, "id") == ["C1"]  # C2 is deleted there
    assert values(latest(shop, "customers", "visits:orders"), "id") == ["C1", "C2"]
    assert values(latest(shop, "visits", "visits:orders", at_us=7_000_000), "id") == ["C1", "C2"]
    assert values(latest(shop, "visits", "visits:orders", at_us=4_000_000), "id") == []
    renamed = latest(shop, "visits", "visits:orders", keys={"visits": "who"})
    assert renamed.to_table().column_names == ["who", "event_time", "orders"]
    more_history(shop, "visits")
    assert again(shop, found).equals(found.to_table())


def test_what_is_old_is_null_and_still_there(shop: Core, clock: ManualClock) -> None:
    found = latest(shop, "customers", "customers:orders", at_us=16_000_000, max_age_seconds=2.0)
    assert values(found, "orders") == [3, None]


def test_entities_that_cannot_be(shop: Core) -> None:
    with pytest.raises(ValidationError, match="'event_time'"):
        latest(shop, LABELS, "customers:orders")
    with pytest.raises(ResourceNotFound, match="nobody"):
        latest(shop, "nobody", "customers:orders")
    shop.groups.create(replace(definition("online"), offline=None, role_arn=None))
    with pytest.raises(ValidationError, match="no offline store"):
        latest(shop, "online", "customers:orders")


def test_a_history_in_iceberg_is_made_again(core: Core) -> None:
    pytest.importorskip("pyiceberg", reason="PyIceberg is not installed")
    new = definition("customers")
    assert new.offline is not None
    group = core.groups.create(
        replace(new, offline=replace(new.offline, table_format=TableFormat.ICEBERG))
    )
    for orders in range(1, 6):
        core.records.put("customers", record("C1", 5.0, orders=orders)).result()
        core.delivery.deliver_all()
    found = made(core, "customers:orders")
    assert values(found, "orders") == [5, None, 5, None]
    files_before = []
    for _ in range(6):
        more_history(core, "customers")
        core.delivery.deliver_all()
        assert again(core, found).equals(found.to_table())
        # Rewritten files keep what the set rests on: write times, and the order of rows that tie.
        files_before.append(core.iceberg_tables.optimize(group).files_before)
        assert again(core, found).equals(found.to_table())
    assert max(files_before) > 1

    def one_row(table: HistoryTable) -> pa.ChunkedArray:
        statement = f'SELECT "{POSITION}" FROM t WHERE orders = 5'
        return core._engine.sql(statement, {TableName(None, "t"): table}).column(0)

    assert core.iceberg_tables.delete(group, one_row) == 1
    with pytest.raises(HistoryChanged, match="'customers' has 4 rows written by then, and had 5"):
        again(core, found)
