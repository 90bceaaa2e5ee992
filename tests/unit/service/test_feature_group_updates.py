"""Changes of a feature group, and what readers and writers notice of them."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tandem.assembly.core import Core
from tandem.errors import (
    ConflictError,
    QueryFailed,
    ResourceNotFound,
    TandemError,
    ValidationError,
)
from tandem.model.changes import GroupUpdate, MetadataUpdate, ThroughputUpdate
from tandem.model.feature_group import (
    FeatureDefinition,
    FeatureGroup,
    FeatureGroupStatus,
    FeatureMetadata,
    FeatureType,
    StorageType,
    ThroughputMode,
)
from tandem.model.record import FeatureValue
from tandem.model.time_to_live import TtlDuration, TtlUnit
from tandem.service.dataset_request import TrainingSetRequest
from tandem.testing.race import race, winners
from unit.service.scenes import START_US, ManualClock, definition, record, training_rows

NOW = START_US / 1e6
HOUR = TtlDuration(TtlUnit.HOURS, 1)
SHOP = FeatureDefinition("shop", FeatureType.STRING)
ADD_SHOP = GroupUpdate(additions=(SHOP,))
LABELS = pa.table({"id": ["C1", "C2"], "event_time": [datetime(2030, 1, 1, tzinfo=UTC)] * 2})

CALLS: dict[str, Callable[[Core, str], object]] = {
    "update": lambda core, name: core.updates.update(name, ADD_SHOP),
    "retire_feature": lambda core, name: core.updates.retire_feature(name, "note"),
    "restore_feature": lambda core, name: core.updates.restore_feature(name, "note"),
    "tag": lambda core, name: core.updates.tag(name, {"a": "b"}),
    "untag": lambda core, name: core.updates.untag(name, ["a"]),
    "describe_feature": lambda core, name: core.updates.describe_feature(name, "note"),
    "update_feature": lambda core, name: core.updates.update_feature(
        name, "note", MetadataUpdate(description="d")
    ),
}
REFUSALS: dict[str, tuple[Callable[[Core, str], object], str]] = {
    "update": (lambda core, name: core.updates.update(name, GroupUpdate()), "nothing"),
    "additions": (
        lambda core, name: core.updates.update(
            name, GroupUpdate(additions=(SHOP, replace(SHOP, name="Note")), ttl=HOUR)
        ),
        "'note'",
    ),
    "storage": (
        lambda core, name: core.updates.update(
            name, GroupUpdate(additions=(SHOP,), storage_type=StorageType.IN_MEMORY)
        ),
        "InMemory",
    ),
    "throughput": (
        lambda core, name: core.updates.update(
            name,
            GroupUpdate(ttl=HOUR, throughput=ThroughputUpdate(ThroughputMode.PROVISIONED, -1, 0)),
        ),
        "-1",
    ),
    "retire_feature": (lambda core, name: core.updates.retire_feature(name, "id"), "'id'"),
    "restore_feature": (lambda core, name: core.updates.restore_feature(name, "note"), "'note'"),
    "tag": (lambda core, name: core.updates.tag(name, {"good": "", "bad,": ""}), "bad,"),
    "untag": (lambda core, name: core.updates.untag(name, ["kept", "*"]), r"'\*'"),
    "describe_feature": (lambda core, name: core.updates.describe_feature(name, "x"), "'x'"),
    "update_feature": (
        lambda core, name: core.updates.update_feature(
            name, "note", MetadataUpdate(description="d", additions=(("a", ""),))
        ),
        "'a'",
    ),
}


def served(core: Core, identifier: str = "C1") -> dict[str, object] | None:
    found = core.records.get("customers", identifier)
    return None if found is None else dict(found.values())


def rows(core: Core, columns: str = "*") -> list[dict[str, object]]:
    found = core.queries.sql(f"SELECT {columns} FROM customers ORDER BY write_time, id")
    dates = {"write_time", "api_invocation_time", "is_deleted"}
    return [
        {name: value for name, value in row.items() if name not in dates}
        for row in found.to_pylist()
    ]


def training(core: Core, *features: str) -> pa.Table:
    found = training_rows(core, LABELS, TrainingSetRequest(features=features))
    return found.drop_columns(LABELS.column_names)


def files(core: Core, group: FeatureGroup) -> list[pa.Table]:
    """The history files as they lie on disk, in the order of their delivery."""
    paths = core.offline.snapshot(group).files
    return [pq.ParquetFile(path).read() for path in paths]


def put(core: Core, *records: Sequence[FeatureValue]) -> None:
    for values in records:
        core.records.put("customers", values).result()


def update(core: Core, identifier: str = "C1", **features: object) -> None:
    values = [FeatureValue(name, str(value)) for name, value in features.items()]
    core.records.update("customers", identifier, values).result()


@pytest.mark.parametrize("call", CALLS)
def test_a_group_that_is_not_there_is_named(core: Core, customers: FeatureGroup, call: str) -> None:
    with pytest.raises(ResourceNotFound, match="'nobody'"):
        CALLS[call](core, "nobody")
    core.groups.delete("customers")
    with pytest.raises(ResourceNotFound, match="'customers'"):
        CALLS[call](core, "customers")


@pytest.mark.parametrize("call", ["update", "retire_feature", "restore_feature"])
def test_a_group_must_be_ready_before_it_is_changed(core: Core, call: str) -> None:
    core.groups.create(definition(), FeatureGroupStatus.CREATING)
    with pytest.raises(ValidationError, match="status Creating: wait until it is Created"):
        CALLS[call](core, "customers")


@pytest.mark.parametrize("case", REFUSALS)
def test_a_refusal_changes_nothing(core: Core, customers: FeatureGroup, case: str) -> None:
    core.updates.tag("customers", {"kept": "yes"})
    before = core.groups._registry.changes(0)
    call, said = REFUSALS[case]
    with pytest.raises(TandemError, match=said):
        call(core, "customers")
    assert core.groups._registry.changes(0) == before
    assert core.groups.describe("customers") == before.groups[0]


def test_each_change_is_one_revision_and_lasts(
    core: Core, customers: FeatureGroup, clock: ManualClock
) -> None:
    clock.forward(60)
    core.updates.update("customers", GroupUpdate(additions=(SHOP,), ttl=HOUR))
    core.updates.retire_feature("customers", "note")
    core.updates.tag("customers", {"team": "a", "x": "y"})
    core.updates.untag("customers", ["x"])
    last = core.updates.update_feature("customers", "shop", MetadataUpdate(description="d"))
    assert last.revision == customers.revision + 5
    assert last == core.groups.describe("customers")
    core.close()
    with_all = Core(core.settings, clock, in_background=False)
    try:
        assert with_all.groups.describe("customers") == last
    finally:
        with_all.close()


def test_tags_of_many_threads_are_all_there(core: Core, customers: FeatureGroup) -> None:
    calls = [partial(core.updates.tag, "customers", {f"k{n}": str(n)}) for n in range(24)]
    calls += [partial(core.updates.untag, "customers", [f"none{n}"]) for n in range(4)]
    calls += [partial(core.updates.retire_feature, "customers", "note")]
    calls += [partial(core.updates.update, "customers", ADD_SHOP)]
    outcomes = race(calls)
    assert winners(outcomes) == len(calls), [one for one in outcomes if isinstance(one, Exception)]
    group = core.groups.describe("customers")
    assert group.tags == {f"k{n}": str(n) for n in range(24)}
    assert group.revision == customers.revision + len(calls)
    assert [feature.name for feature in group.current_features] == ["id", "time", "orders", "shop"]


def test_of_many_who_add_one_feature_one_does(core: Core, customers: FeatureGroup) -> None:
    outcomes = race([partial(core.updates.update, "customers", ADD_SHOP) for _ in range(8)])
    assert winners(outcomes) == 1
    refused = [str(outcome) for outcome in outcomes if isinstance(outcome, ValidationError)]
    assert len(refused) == 7
    assert all("a feature 'shop' already" in message for message in refused)


def test_a_rule_is_asked_again_after_each_change_of_others(
    core: Core, customers: FeatureGroup, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry = core.groups._registry
    real, lost = registry.replace, 0

    def overtaken(group: FeatureGroup) -> None:
        nonlocal lost
        if lost < 3:
            lost += 1
            stored = registry.find("customers")
            assert stored is not None
            real(replace(stored, tags={**stored.tags, f"other{lost}": ""}, revision=lost + 1))
        real(group)

    monkeypatch.setattr(registry, "replace", overtaken)
    group = core.updates.tag("customers", {"own": ""})
    assert set(group.tags) == {"other1", "other2", "other3", "own"}

    def always(_: FeatureGroup) -> None:
        raise ConflictError("somebody else")

    monkeypatch.setattr(registry, "replace", always)
    with pytest.raises(ConflictError, match="'customers' is being changed by others: try again"):
        core.updates.tag("customers", {"more": ""})


def test_what_is_known_of_a_feature(core: Core, clock: ManualClock) -> None:
    said = FeatureMetadata(description="d", modified_at_us=1)  # by a clock that was slow
    core.groups.create(replace(definition(), metadata={"orders": said}))
    orders = core.updates.describe_feature("customers", "orders")
    assert (orders.created_at_us, orders.metadata.modified_at_us) == (START_US, START_US)
    assert (orders.metadata.description, orders.definition.type) == ("d", FeatureType.INTEGRAL)
    clock.forward(5)
    core.updates.update("customers", ADD_SHOP)
    shop = core.updates.describe_feature("customers", "shop")
    assert shop.created_at_us == shop.metadata.modified_at_us == START_US + 5_000_000
    assert shop.metadata.parameters == {}
    clock.forward(5)
    core.updates.update_feature("customers", "shop", MetadataUpdate(additions=(("a", "b"),)))
    shop = core.updates.describe_feature("customers", "shop")
    assert shop.created_at_us == START_US + 5_000_000
    assert shop.metadata == FeatureMetadata(
        parameters={"a": "b"}, modified_at_us=START_US + 10_000_000
    )
    core.updates.retire_feature("customers", "shop")
    with pytest.raises(ResourceNotFound, match="'shop'"):
        core.updates.describe_feature("customers", "shop")
    core.updates.restore_feature("customers", "shop")
    assert core.updates.describe_feature("customers", "shop").metadata.parameters == {"a": "b"}


@pytest.mark.parametrize("delivered", [False, True], ids=["in the log", "delivered"])
def test_a_retired_feature_is_hidden_from_every_reader(
    core: Core, customers: FeatureGroup, delivered: bool
) -> None:
    put(core, record(orders=1, note="old"), record("C2", orders=2))
    if delivered:
        core.delivery.deliver_all()
    before = rows(core)
    core.updates.retire_feature("customers", "note")
    assert served(core) == {"id": "C1", "time": "1.0", "orders": "1"}
    assert all(
        one is not None and b"note" not in one.features_json
        for one in core.records.get_many("customers", ["C1", "C2"])
    )
    assert list(rows(core)[0]) == ["id", "time", "orders"]
    assert training(core, "customers:*").column_names == ["orders"]
    with pytest.raises(QueryFailed, match="note"):
        rows(core, "note")
    with pytest.raises(ResourceNotFound, match="'note'"):
        training(core, "customers:note")
    with pytest.raises(ValidationError, match="'note'"):
        core.records.get("customers", "C1", ["id", "note"])
    core.updates.restore_feature("customers", "note")
    assert served(core) == {"id": "C1", "time": "1.0", "orders": "1", "note": "old"}
    assert rows(core) == before
    assert training(core, "customers:note").column("note").to_pylist() == ["old", None]


def test_a_retired_feature_is_refused_in_writes(core: Core) -> None:
    core.groups.create(definition(storage_type=StorageType.STANDARD_V2))
    put(core, record(orders=1, note="old"))
    core.updates.retire_feature("customers", "note")
    said = "'note' of feature group 'customers' is retired: leave it out"
    with pytest.raises(ValidationError, match=said):
        core.records.put("customers", record(time=2.0, note="new"))
    with pytest.raises(ValidationError, match=said):
        update(core, note="new")
    table = pa.table({"id": ["C1"], "time": [2.0], "note": ["new"]})
    with pytest.raises(ValidationError, match=r"\['note'\]"):
        core.ingestion.ingest("customers", table)
    assert len(rows(core)) == 1
    assert core.ingestion.ingest("customers", table.drop_columns(["note"])).rows == 1
    assert served(core) == {"id": "C1", "time": "2.0"}


def test_history_keeps_what_was_written_to_a_retired_feature(
    core: Core, customers: FeatureGroup
) -> None:
    """Also what was not yet delivered when the feature was retired."""
    put(core, record(orders=1, note="old"))
    core.updates.retire_feature("customers", "note")
    put(core, record(time=2.0, orders=2))
    core.delivery.deliver_all()
    (table,) = files(core, customers)
    assert table.column("note").to_pylist() == ["old", None]
    core.updates.restore_feature("customers", "note")
    assert [row["note"] for row in rows(core)] == ["old", None]
    # The newest record was put as a whole without it.
    assert served(core) == {"id": "C1", "time": "2.0", "orders": "2"}


def test_an_update_of_a_record_keeps_what_its_retired_features_hold(core: Core) -> None:
    group = core.groups.create(definition(storage_type=StorageType.STANDARD_V2))
    put(core, record(orders=1, note="old"))
    core.updates.retire_feature("customers", "note")
    update(core, orders=2)
    assert served(core) == {"id": "C1", "time": "1.0", "orders": "2"}
    core.delivery.deliver_all()
    (table,) = files(core, group)
    assert table.column("note").to_pylist() == ["old", "old"]
    assert [entry.values for entry in core.offline.archived(group)][1] == (
        FeatureValue("id", "C1"),
        FeatureValue("time", "1.0"),
        FeatureValue("orders", "2"),
        FeatureValue("note", "old"),
    )
    core.updates.restore_feature("customers", "note")
    assert served(core) == {"id": "C1", "time": "1.0", "orders": "2", "note": "old"}


@pytest.mark.parametrize("delivered", [False, True], ids=["in the log", "delivered"])
def test_an_added_feature_is_null_in_what_is_older(core: Core, delivered: bool) -> None:
    core.groups.create(definition(storage_type=StorageType.STANDARD_V2))
    put(core, record(orders=1), record("C2", orders=5))
    if delivered:
        core.delivery.deliver_all()
    ages = FeatureDefinition("age", FeatureType.FRACTIONAL)
    core.updates.update("customers", GroupUpdate(additions=(SHOP, ages)))
    assert served(core) == {"id": "C1", "time": "1.0", "orders": "1"}
    first = core.records.get("customers", "C1", ["shop", "id"])
    assert first is not None
    assert first.values() == (FeatureValue("id", "C1"),)
    assert [(row["shop"], row["age"]) for row in rows(core)] == [(None, None)] * 2
    assert (
        training(core, "customers:shop", "customers:age").to_pylist()
        == [{"shop": None, "age": None}] * 2
    )
    put(core, record(time=2.0, orders=2, shop="s", age=0.5))
    update(core, "C2", age=7)
    for _ in range(2):
        assert [(row["id"], row["shop"], row["age"]) for row in rows(core)] == [
            ("C1", None, None), ("C2", None, None), ("C1", "s", 0.5), ("C2", None, 7.0),
        ]  # fmt: skip
        assert training(core, "customers:*").to_pylist() == [
            {"orders": 2, "note": None, "shop": "s", "age": 0.5},
            {"orders": 5, "note": None, "shop": None, "age": 7.0},
        ]
        core.delivery.deliver_all()
    assert served(core) == {"id": "C1", "time": "2.0", "orders": "2", "shop": "s", "age": "0.5"}


def test_an_added_feature_can_be_retired_and_columns_keep_their_order(
    core: Core, customers: FeatureGroup
) -> None:
    core.updates.update("customers", ADD_SHOP)
    core.updates.retire_feature("customers", "orders")
    put(core, record(shop="s", note="n"))
    assert list(served(core) or ()) == ["id", "time", "note", "shop"]
    assert list(rows(core)[0]) == ["id", "time", "note", "shop"]
    core.updates.restore_feature("customers", "orders")
    assert list(rows(core)[0]) == ["id", "time", "orders", "note", "shop"]
    with pytest.raises(ValidationError, match="'shop' already"):
        core.updates.update("customers", ADD_SHOP)


def test_a_ttl_holds_for_later_writes_alone(core: Core, clock: ManualClock) -> None:
    core.groups.create(definition(storage_type=StorageType.STANDARD_V2))
    put(core, record("before", NOW))
    core.updates.update("customers", GroupUpdate(ttl=HOUR))
    put(core, record("after", NOW), record("touched", NOW))
    core.updates.update("customers", GroupUpdate(ttl=TtlDuration(TtlUnit.MINUTES, 1)))
    put(core, record("short", NOW))
    core.updates.update("customers", GroupUpdate(removes_ttl=True))
    put(core, record("last", NOW))
    update(core, "touched", orders=1)  # keeps its expiry, since its event time stays

    def alive() -> set[str]:
        return set(core.records.list("customers").identifiers)

    assert alive() == {"before", "after", "touched", "short", "last"}
    clock.forward(60)
    assert alive() == {"before", "after", "touched", "last"}
    clock.forward(3_540)
    assert alive() == {"before", "last"}
    clock.forward(10**9)
    assert alive() == {"before", "last"}


def test_records_of_standard_can_be_updated_once_it_is_standard_v2(
    core: Core, customers: FeatureGroup
) -> None:
    put(core, record(orders=1, note="x"))
    with pytest.raises(ValidationError, match="Standard_V2"):
        update(core, orders=2)
    core.updates.update("customers", GroupUpdate(storage_type=StorageType.STANDARD_V2))
    update(core, orders=2)
    assert served(core) == {"id": "C1", "time": "1.0", "orders": "2", "note": "x"}
    assert [row["orders"] for row in rows(core)] == [1, 2]
    with pytest.raises(ValidationError, match="Standard_V2 cannot become Standard"):
        core.updates.update("customers", GroupUpdate(storage_type=StorageType.STANDARD))
    core.updates.update("customers", GroupUpdate(storage_type=StorageType.STANDARD_V2))


def test_writes_and_changes_at_once_lose_nothing(core: Core, customers: FeatureGroup) -> None:
    """Each write is refused or is in history whole, whatever changes meanwhile."""

    def write(number: int) -> None:
        core.records.put("customers", record(f"C{number}", orders=number, note="x")).result()

    def change() -> None:
        for _ in range(10):
            core.updates.retire_feature("customers", "note")
            core.updates.restore_feature("customers", "note")

    calls: list[Callable[[], None]] = [partial(write, number) for number in range(12)]
    outcomes = race([*calls, change])
    refused = [number for number, one in enumerate(outcomes) if isinstance(one, ValidationError)]
    assert all("is retired" in str(outcomes[number]) for number in refused)
    core.delivery.deliver_all()
    found = {row["id"]: row["note"] for row in rows(core)}
    assert found == {f"C{number}": "x" for number in range(12) if number not in refused}
