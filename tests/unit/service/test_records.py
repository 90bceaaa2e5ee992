"""Records: what a put, an update and a delete do, as a caller sees it."""

from dataclasses import replace

import pytest

from tandem.assembly.core import Core
from tandem.errors import ConflictError, ResourceNotFound, ValidationError
from tandem.model.feature_group import (
    FeatureDefinition,
    FeatureGroup,
    FeatureType,
    StorageType,
)
from tandem.model.record import FeatureValue
from tandem.model.targets import TargetStores
from tandem.model.time_to_live import TtlDuration, TtlUnit
from tandem.service.records import DeletionMode
from unit.service.scenes import START_US, ManualClock, definition, record

NOW = START_US / 1e6
HOUR = TtlDuration(TtlUnit.HOURS, 1)


def served(
    core: Core, identifier: str = "C1", group: str = "customers"
) -> dict[str, object] | None:
    found = core.records.get(group, identifier)
    return None if found is None else dict(found.values())


def test_a_record_comes_back_as_written(core: Core, customers: FeatureGroup) -> None:
    core.records.put("customers", record(note="é", orders="+05")).result()
    assert served(core) == {"id": "C1", "time": "1.0", "orders": "+05", "note": "é"}


def test_features_come_in_definition_order_and_nulls_are_left_out(
    core: Core, customers: FeatureGroup
) -> None:
    core.records.put("customers", [*record()][::-1]).result()
    found = core.records.get("customers", "C1")
    assert found is not None
    assert [value.name for value in found.values()] == ["id", "time"]


def test_feature_names_choose(core: Core, customers: FeatureGroup) -> None:
    core.records.put("customers", record(orders=3, note="x")).result()
    found = core.records.get("customers", "C1", ["note", "id"])
    assert found is not None
    assert found.values() == (FeatureValue("id", "C1"), FeatureValue("note", "x"))
    with pytest.raises(ValidationError, match="'missing'"):
        core.records.get("customers", "C1", ["missing"])


def test_the_group_ttl_holds_where_a_record_names_none(core: Core, clock: ManualClock) -> None:
    core.groups.create(definition(ttl=HOUR))
    core.records.put("customers", record("default", NOW)).result()
    longer = TtlDuration(TtlUnit.DAYS, 1)
    core.records.put("customers", record("own", NOW), ttl=longer).result()
    clock.forward(3_599)
    assert served(core, "default") is not None
    clock.forward(1)
    assert served(core, "default") is None
    assert served(core, "own") is not None
    assert core.records.list("customers").identifiers == ("own",)
    assert core.expiry.expire_once() == 1
    # Expiry removes nothing from history, and adds nothing.
    assert core.queries.sql("SELECT * FROM customers").num_rows == 2


def test_target_stores(core: Core, customers: FeatureGroup) -> None:
    core.records.put("customers", record("on"), TargetStores.ONLINE).result()
    core.records.put("customers", record("off"), TargetStores.OFFLINE).result()
    assert served(core, "on") is not None
    assert served(core, "off") is None
    rows = core.queries.sql("SELECT id FROM customers").column("id").to_pylist()
    assert rows == ["off"]


def test_a_group_with_one_store(core: Core) -> None:
    core.groups.create(definition("online-only", offline=False))
    core.groups.create(definition("offline-only", online=False))
    core.records.put("online-only", record()).result()
    core.records.put("offline-only", record()).result()
    assert served(core, group="online-only") is not None
    with pytest.raises(ValidationError, match="no online store"):
        core.records.get("offline-only", "C1")
    with pytest.raises(ValidationError, match="OfflineStore"):
        core.records.put("online-only", record(), TargetStores.OFFLINE)
    assert core.queries.sql('SELECT * FROM "offline-only"').num_rows == 1
    core.delivery.deliver_all()
    assert core.delivery.waiting() == 0
    assert core.queries.sql('SELECT * FROM "offline-only"').num_rows == 1


@pytest.mark.parametrize("mode", DeletionMode)
def test_a_delete_is_marked_in_history(
    core: Core, customers: FeatureGroup, mode: DeletionMode
) -> None:
    core.records.put("customers", record(time=1.0, orders=1)).result()
    core.records.delete("customers", "C1", "2.0", mode).result()
    assert served(core) is None
    rows = core.queries.sql("SELECT id, time, orders, is_deleted FROM customers ORDER BY time")
    assert rows.to_pylist() == [
        {"id": "C1", "time": 1.0, "orders": 1, "is_deleted": False},
        {"id": "C1", "time": 2.0, "orders": None, "is_deleted": True},
    ]
    shown = core.records.list("customers", include_soft_deleted=True).identifiers
    assert shown == (("C1",) if mode is DeletionMode.SOFT else ())


def test_a_stale_hard_delete_writes_nothing(core: Core, customers: FeatureGroup) -> None:
    core.records.put("customers", record(time=5.0)).result()
    with pytest.raises(ValidationError, match="EventTime"):
        core.records.delete("customers", "C1", "5.0", DeletionMode.HARD).result()
    assert core.queries.sql("SELECT * FROM customers").num_rows == 1


def test_updates(core: Core, clock: ManualClock) -> None:
    core.groups.create(definition(storage_type=StorageType.STANDARD_V2, ttl=HOUR))
    core.records.put("customers", record(time=NOW, orders=1, note="x")).result()

    def update(ttl: TtlDuration | None = None, **features: object) -> None:
        values = [FeatureValue(name, str(value)) for name, value in features.items()]
        core.records.update("customers", "C1", values, ttl=ttl).result()

    update(orders=2)
    assert served(core) == {"id": "C1", "time": repr(NOW), "orders": "2", "note": "x"}
    with pytest.raises(ConflictError, match="older"):
        update(orders=3, time=NOW - 1)
    with pytest.raises(ValidationError, match="TtlDuration"):
        update(ttl=HOUR, orders=3)
    with pytest.raises(ValidationError, match="cannot be changed"):
        update(id="C2")
    clock.forward(1_800)
    update(time=NOW + 1_800, note="moved")  # the group's default counts from the new time
    clock.forward(1_801)
    assert served(core) is not None
    clock.forward(1_800)
    with pytest.raises(ResourceNotFound, match="C1"):
        update(orders=4)


def test_update_needs_a_storage_type_that_can(core: Core, customers: FeatureGroup) -> None:
    core.records.put("customers", record()).result()
    with pytest.raises(ValidationError, match="Standard_V2"):
        core.records.update("customers", "C1", [FeatureValue("orders", "1")])


def test_integral_identifiers_are_one_key_however_written(core: Core) -> None:
    new = definition("numbers")
    features = (FeatureDefinition("id", FeatureType.INTEGRAL), *new.features[1:])
    core.groups.create(replace(new, features=features))
    core.records.put("numbers", record("007", 1.0)).result()
    core.records.put("numbers", record("7", 2.0)).result()
    assert served(core, "+7", "numbers") == {"id": "7", "time": "2.0"}
    with pytest.raises(ValidationError, match="'seven'"):
        core.records.get("numbers", "seven")


def test_list_pages(core: Core, customers: FeatureGroup) -> None:
    for number in range(7):
        core.records.put("customers", record(f"C{number}")).result()
    core.records.delete("customers", "C3", "9").result()
    first = core.records.list("customers", limit=4)
    assert len(first.identifiers) == 4
    rest = core.records.list("customers", first.next_after, 4)
    assert sorted(first.identifiers + rest.identifiers) == ["C0", "C1", "C2", "C4", "C5", "C6"]
    assert rest.next_after is None
