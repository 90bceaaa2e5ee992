"""Feature groups: created, found, listed, deleted, and created again."""

import sys
import threading
import time
from dataclasses import replace

import pytest

from tandem.assembly.core import Core
from tandem.errors import ResourceInUse, ResourceNotFound, ValidationError
from tandem.model.feature_group import FeatureGroup, FeatureGroupStatus, TableFormat
from tandem.registry.base import Changes
from tandem.service.group_listing import GroupFilter, SortGroupsBy
from unit.service.scenes import START_US, ManualClock, definition, record

EPOCH = START_US // 1_000_000


def test_a_group_has_its_place_in_aws_layout(core: Core, customers: FeatureGroup) -> None:
    assert customers.group_id == f"customers-{EPOCH}"
    assert customers.offline is not None
    assert customers.offline.resolved_uri == (
        f"s3://bucket/prefix/000000000000/sagemaker/us-east-1/offline-store/customers-{EPOCH}/data"
    )
    assert customers.offline.data_catalog is not None
    assert customers.offline.data_catalog.table == f"customers_{EPOCH}"
    assert core.groups.describe("customers") == customers


def test_a_name_is_taken_once(core: Core, customers: FeatureGroup) -> None:
    with pytest.raises(ResourceInUse, match="customers"):
        core.groups.create(definition())


def test_an_unknown_group_is_named(core: Core) -> None:
    with pytest.raises(ResourceNotFound, match="no-such-group"):
        core.groups.describe("no-such-group")


def test_a_bad_definition_stores_nothing(core: Core) -> None:
    new = definition()
    with pytest.raises(ValidationError, match="RoleArn"):
        core.groups.create(replace(new, role_arn=None))
    assert core.groups.list(GroupFilter()) == []


def test_a_history_that_cannot_be_kept_stores_nothing(
    core: Core, monkeypatch: pytest.MonkeyPatch
) -> None:
    """PyIceberg is an extra, which need not be installed."""
    monkeypatch.setitem(sys.modules, "pyiceberg.catalog.sql", None)
    new = definition()
    assert new.offline is not None
    iceberg = replace(new, offline=replace(new.offline, table_format=TableFormat.ICEBERG))
    with pytest.raises(ValidationError, match=r"pip install 'tandem-feature-store\[iceberg\]'"):
        core.groups.create(iceberg)
    assert core.groups.list(GroupFilter()) == []
    monkeypatch.undo()
    assert core.groups.create(iceberg).offline.table_format is TableFormat.ICEBERG


def test_a_group_created_again_starts_empty(core: Core, customers: FeatureGroup) -> None:
    core.records.put("customers", record(orders=1)).result()
    core.groups.delete("customers")
    with pytest.raises(ResourceNotFound):
        core.records.get("customers", "C1")
    again = core.groups.create(definition())
    # In the same second, so the epoch in the id and in the path is bumped.
    assert again.group_id == f"customers-{EPOCH + 1}"
    assert core.records.get("customers", "C1") is None
    assert core.queries.sql("SELECT * FROM customers").num_rows == 0


def test_the_history_of_a_deleted_group_stays(core: Core, customers: FeatureGroup) -> None:
    core.records.put("customers", record(orders=1)).result()
    core.groups.delete("customers")
    table = f"customers_{EPOCH}"
    assert core.queries.sql(f"SELECT orders FROM {table}").num_rows == 1
    core.delivery.deliver_all()
    assert core.queries.sql(f"SELECT orders FROM {table}").num_rows == 1


def test_an_epoch_whose_folder_exists_is_not_used(core: Core) -> None:
    folder = core.settings.data / "s3/bucket/prefix/000000000000/sagemaker/us-east-1/offline-store"
    (folder / f"customers-{EPOCH}" / "data").mkdir(parents=True)
    (folder / f"customers-{EPOCH}" / "data" / "left.parquet").write_bytes(b"x")
    assert core.groups.create(definition()).group_id == f"customers-{EPOCH + 1}"


def test_online_records_of_a_deleted_group_are_removed(core: Core, customers: FeatureGroup) -> None:
    core.records.put("customers", record()).result()
    core.groups.delete("customers")
    assert len(core.online.scan(customers.group_id, None, 10)) == 1
    assert core.expiry.expire_once() == 1
    assert core.online.scan(customers.group_id, None, 10) == []


def test_groups_are_filtered_and_sorted(core: Core, clock: ManualClock) -> None:
    for name in ("b", "a", "abc"):
        core.groups.create(definition(name, offline=name != "b"))
        clock.forward(10)

    def names(**wanted: object) -> list[str]:
        found = core.groups.list(GroupFilter(**wanted))  # type: ignore[arg-type]
        return [group.name for group in found]

    assert names() == ["b", "a", "abc"]
    assert names(sort_by=SortGroupsBy.NAME) == ["a", "abc", "b"]
    assert names(sort_by=SortGroupsBy.NAME, descending=True) == ["b", "abc", "a"]
    assert names(name_contains="a") == ["a", "abc"]
    assert names(created_after_us=START_US + 5_000_000) == ["a", "abc"]
    assert names(created_before_us=START_US + 5_000_000) == ["b"]
    assert names(status=FeatureGroupStatus.CREATING) == []


def test_names_that_make_one_table_name_get_different_epochs(core: Core) -> None:
    groups = [core.groups.create(definition(name)) for name in ("a-b", "a_b", "A-B")]
    assert [group.group_id for group in groups] == [
        f"a-b-{EPOCH}",
        f"a_b-{EPOCH + 1}",
        f"A-B-{EPOCH + 2}",
    ]


def test_another_process_may_take_the_table_name_in_the_same_moment(
    core: Core, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = core.groups._registry.add

    def overtaken(group: FeatureGroup, **how: bool) -> None:
        monkeypatch.setattr(core.groups._registry, "add", real)
        real(replace(group, name="a_b", group_id=f"a_b-{EPOCH}"), **how)
        real(group, **how)

    monkeypatch.setattr(core.groups._registry, "add", overtaken)
    core.groups.create(definition("a-b"))
    tables = [
        group.offline.data_catalog.table
        for name in ("a-b", "a_b")
        if (group := core.groups.describe(name)).offline and group.offline.data_catalog
    ]
    assert tables == [f"a_b_{EPOCH + 1}", f"a_b_{EPOCH}"]


def test_a_reader_that_is_overtaken_by_a_delete_does_not_bring_the_group_back(
    core: Core, customers: FeatureGroup, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry = core.groups._registry
    registry.set_alias("current", "customers")
    registry.set_alias("current", None)  # so that there is something to be read
    real = registry.changes
    deleting = threading.Thread(target=core.groups.delete, args=("customers",))

    def slow(after: int) -> Changes:
        found = real(after)
        monkeypatch.setattr(registry, "changes", real)
        deleting.start()  # comes between what was read and its way into memory
        while registry.find("customers") is not None:
            time.sleep(0.001)
        return found

    monkeypatch.setattr(registry, "changes", slow)
    core.groups.describe("customers")
    deleting.join()
    with pytest.raises(ResourceNotFound):
        core.groups.describe("customers")
