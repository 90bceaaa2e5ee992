"""What every registry of feature groups must do, as tests.

class TestMyRegistry(GroupRegistryContract):
    @pytest.fixture
    def registry(self):
        yield MyRegistry(...)

    def reopen(self, registry):
        return MyRegistry(...)      # over the same data; leave this out where nothing lasts
"""

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import pytest

from tandem.errors import ConflictError, ResourceInUse, ResourceNotFound, StoreUnavailable
from tandem.model.feature_group import (
    CollectionType,
    DataCatalog,
    FeatureDefinition,
    FeatureGroup,
    FeatureGroupStatus,
    FeatureMetadata,
    FeatureType,
    OnlineStoreConfig,
    StorageType,
    ThroughputConfig,
    ThroughputMode,
)
from tandem.model.time_to_live import TtlDuration, TtlUnit
from tandem.registry.base import Changes, GroupRegistry
from tandem.testing.purchases import purchases_group
from tandem.testing.race import race, winners

_CALLS: dict[str, Callable[[GroupRegistry], object]] = {
    "add": lambda registry: registry.add(purchases_group()),
    "find": lambda registry: registry.find("purchases"),
    "get": lambda registry: registry.get("purchases-1"),
    "replace": lambda registry: registry.replace(purchases_group()),
    "groups": lambda registry: registry.groups(),
    "changes": lambda registry: registry.changes(0),
    "set_alias": lambda registry: registry.set_alias("alias", "purchases"),
}


def next_revision(group: FeatureGroup, **changes: object) -> FeatureGroup:
    """`group` with changes, one revision on."""
    return replace(group, revision=group.revision + 1, **changes)  # type: ignore[arg-type]


def elaborate_group() -> FeatureGroup:
    """A group that has a value in every member."""
    group = purchases_group("elaborate")
    assert group.offline is not None
    return replace(
        group,
        features=(
            *group.features,
            FeatureDefinition("tags", FeatureType.STRING, CollectionType.SET),
            FeatureDefinition("place", FeatureType.FRACTIONAL, CollectionType.VECTOR, 3),
            FeatureDefinition("old", FeatureType.STRING, added_at_us=5, retired_at_us=6),
        ),
        online=OnlineStoreConfig(
            enabled=True,
            storage_type=StorageType.STANDARD_V2,
            ttl=TtlDuration(TtlUnit.WEEKS, 2),
            kms_key_id="key",
        ),
        offline=replace(
            group.offline,
            kms_key_id="key",
            disable_glue_table_creation=True,
            data_catalog=DataCatalog("AwsDataCatalog", "sagemaker_featurestore", "elaborate_1"),
        ),
        throughput=ThroughputConfig(ThroughputMode.PROVISIONED, 10, 20),
        description='Käufe, "quoted" \\ and so on',
        tags={"team": "fraud", "": "", "käse": "🧀"},
        metadata={
            "amount": FeatureMetadata(
                description="in €", parameters={"unit": "€"}, modified_at_us=1_700_000_000_000_001
            )
        },
        status=FeatureGroupStatus.CREATE_FAILED,
        failure_reason="the disk was full",
        revision=7,
    )


def _with_table(name: str, table: str) -> FeatureGroup:
    group = purchases_group(name)
    assert group.offline is not None
    catalog = DataCatalog("AwsDataCatalog", "sagemaker_featurestore", table)
    return replace(group, offline=replace(group.offline, data_catalog=catalog))


class GroupRegistryContract:
    """Subclass this, override `registry`, and `reopen` where the registry is durable."""

    @pytest.fixture
    def registry(self) -> GroupRegistry:
        raise NotImplementedError("override the fixture `registry` with an empty registry")

    def reopen(self, registry: GroupRegistry) -> GroupRegistry:
        """The registry as a new process finds it."""
        return registry

    def test_an_empty_registry_finds_nothing(self, registry: GroupRegistry) -> None:
        assert registry.find("purchases") is None
        assert registry.get("purchases-1700000000") is None
        assert list(registry.groups()) == []
        assert list(registry.groups(deleted=True)) == []

    @pytest.mark.parametrize("group", [purchases_group(), elaborate_group()], ids=["plain", "full"])
    def test_a_group_comes_back_as_it_was_added(
        self, registry: GroupRegistry, group: FeatureGroup
    ) -> None:
        registry.add(group)
        later = self.reopen(registry)
        assert later.find(group.name) == group
        assert later.get(group.group_id) == group
        assert list(later.groups()) == [group]

    def test_what_a_group_has_cached_is_not_kept(self, registry: GroupRegistry) -> None:
        group = purchases_group()
        assert group.features_by_name
        assert group.feature_order
        assert group.stores
        registry.add(group)
        grown = next_revision(
            group, features=(*group.features, FeatureDefinition("shop", FeatureType.STRING))
        )
        registry.replace(grown)
        found = self.reopen(registry).get(group.group_id)
        assert found is not None
        assert list(found.features_by_name) == [
            "customer", "bought_at", "amount", "items", "shop",
        ]  # fmt: skip

    def test_a_name_in_use_is_refused(self, registry: GroupRegistry) -> None:
        first = purchases_group(epoch=1)
        registry.add(first)
        with pytest.raises(ResourceInUse, match="'purchases'"):
            registry.add(purchases_group(epoch=2))
        with pytest.raises(ResourceInUse, match="'purchases'"):
            registry.add(first)
        assert list(registry.groups()) == [first]
        assert registry.get("purchases-2") is None

    def test_names_that_differ_by_case_are_different(self, registry: GroupRegistry) -> None:
        registry.add(purchases_group("purchases"))
        registry.add(purchases_group("Purchases"))
        assert [group.name for group in registry.groups()] == ["Purchases", "purchases"]
        assert registry.find("PURCHASES") is None

    def test_the_name_of_a_deleted_group_is_free(self, registry: GroupRegistry) -> None:
        first = purchases_group(epoch=1)
        registry.add(first)
        deleted = next_revision(first, deleted_at_us=5)
        registry.replace(deleted)
        assert registry.find("purchases") is None
        assert registry.get("purchases-1") == deleted
        second = purchases_group(epoch=2)
        registry.add(second)
        assert self.reopen(registry).find("purchases") == second

    def test_the_id_of_a_deleted_group_is_never_free(self, registry: GroupRegistry) -> None:
        group = purchases_group()
        registry.add(group)
        registry.replace(next_revision(group, deleted_at_us=5))
        with pytest.raises(ConflictError, match="purchases-1700000000"):
            registry.add(group)
        assert registry.find("purchases") is None

    def test_a_new_catalog_table_is_no_other_group_s(self, registry: GroupRegistry) -> None:
        first = _with_table("a-b", "A_B_1")
        registry.add(first, is_table_new=True)
        second = _with_table("a_b", "a_b_1")
        with pytest.raises(ConflictError, match=r"'sagemaker_featurestore\.a_b_1'"):
            self.reopen(registry).add(second, is_table_new=True)
        assert registry.find("a_b") is None
        registry.replace(next_revision(first, deleted_at_us=5))
        with pytest.raises(ConflictError, match="a_b_1"):  # its history stays under the name
            registry.add(second, is_table_new=True)
        registry.add(second)  # a table that the caller has named may be another group's too
        registry.add(purchases_group("without-a-table"), is_table_new=True)
        registry.add(purchases_group("another-without"), is_table_new=True)

    def test_of_many_groups_with_one_new_table_one_is_added(self, registry: GroupRegistry) -> None:
        groups = [_with_table(f"group-{number}", "shared") for number in range(8)]
        outcomes = race([partial(registry.add, group, is_table_new=True) for group in groups])
        assert winners(outcomes) == 1
        assert all(isinstance(outcome, ConflictError) for outcome in outcomes if outcome)
        assert list(registry.groups()) == [groups[outcomes.index(None)]]

    def test_an_id_in_use_under_another_name_is_refused(self, registry: GroupRegistry) -> None:
        group = purchases_group()
        registry.add(group)
        with pytest.raises(ConflictError, match="purchases-1700000000"):
            registry.add(replace(group, name="other"))
        assert registry.find("other") is None

    def test_a_change_needs_the_next_revision(self, registry: GroupRegistry) -> None:
        group = purchases_group()
        registry.add(group)
        changed = next_revision(group, description="changed")
        registry.replace(changed)
        assert self.reopen(registry).find("purchases") == changed
        for revision in (1, 2, 4):
            with pytest.raises(ConflictError, match="revision 2"):
                registry.replace(replace(changed, revision=revision, description="again"))
        assert registry.find("purchases") == changed

    def test_an_unknown_group_cannot_be_changed(self, registry: GroupRegistry) -> None:
        with pytest.raises(ResourceNotFound, match="purchases-1700000000"):
            registry.replace(next_revision(purchases_group()))
        assert list(registry.groups()) == []

    def test_a_deleted_group_cannot_return_to_a_taken_name(self, registry: GroupRegistry) -> None:
        first = purchases_group(epoch=1)
        registry.add(first)
        deleted = next_revision(first, deleted_at_us=5)
        registry.replace(deleted)
        second = purchases_group(epoch=2)
        registry.add(second)
        with pytest.raises(ResourceInUse):
            registry.replace(next_revision(deleted, deleted_at_us=None))
        assert registry.find("purchases") == second
        assert registry.get("purchases-1") == deleted

    def test_groups_are_listed_by_name(self, registry: GroupRegistry) -> None:
        for name in ("b", "C", "a", "a-1", "a1"):
            registry.add(purchases_group(name))
        assert [group.name for group in registry.groups()] == ["C", "a", "a-1", "a1", "b"]
        assert list(registry.groups(deleted=True)) == []

    def test_deleted_groups_are_listed_apart(self, registry: GroupRegistry) -> None:
        for epoch in (3, 1, 2):
            group = purchases_group(epoch=epoch)
            registry.add(group)
            registry.replace(next_revision(group, deleted_at_us=9))
        alive = purchases_group("alive")
        registry.add(alive)
        assert list(registry.groups()) == [alive]
        assert [group.group_id for group in registry.groups(deleted=True)] == [
            "purchases-1", "purchases-2", "purchases-3",
        ]  # fmt: skip

    def test_of_many_creators_of_one_name_one_wins(self, registry: GroupRegistry) -> None:
        groups = [purchases_group(epoch=epoch) for epoch in range(1, 9)]
        outcomes = race([partial(registry.add, group) for group in groups])
        assert winners(outcomes) == 1
        assert all(isinstance(outcome, ResourceInUse) for outcome in outcomes if outcome)
        assert len(registry.groups()) == 1

    def test_of_many_changes_of_one_revision_one_wins(self, registry: GroupRegistry) -> None:
        group = purchases_group()
        registry.add(group)
        changes = [next_revision(group, description=str(number)) for number in range(8)]
        outcomes = race([partial(registry.replace, group) for group in changes])
        assert winners(outcomes) == 1
        assert all(isinstance(outcome, ConflictError) for outcome in outcomes if outcome)
        assert registry.find("purchases") == changes[outcomes.index(None)]

    def test_changes_begin_with_everything(self, registry: GroupRegistry) -> None:
        assert registry.changes(0) == Changes(0, (), None)
        for name in ("b", "a"):
            registry.add(purchases_group(name))
        registry.set_alias("current", "a")
        version, groups, aliases = self.reopen(registry).changes(0)
        assert version > 0
        assert list(groups) == [purchases_group("a"), purchases_group("b")]
        assert aliases == {"current": "a"}

    def test_changes_tell_what_is_new_behind_a_version(self, registry: GroupRegistry) -> None:
        first, second = purchases_group("first"), purchases_group("second")
        registry.add(first)
        before = registry.changes(0).version
        assert registry.changes(before) == Changes(before, (), None)
        registry.add(second)
        changed = next_revision(first, description="changed")
        registry.replace(changed)
        after, groups, _ = self.reopen(registry).changes(before)
        assert after > before
        assert list(groups) == [changed, second]
        registry.replace(next_revision(changed, deleted_at_us=9))
        assert [group.deleted_at_us for group in registry.changes(after).groups] == [9]

    def test_a_refused_change_is_not_told(self, registry: GroupRegistry) -> None:
        group = purchases_group()
        registry.add(group)
        before = registry.changes(0)
        with pytest.raises(ResourceInUse):
            registry.add(purchases_group(epoch=2))
        with pytest.raises(ConflictError):
            registry.replace(group)
        with pytest.raises(ResourceNotFound):
            registry.set_alias("alias", "missing")
        assert registry.changes(0) == before

    def test_the_stamp_says_at_once_what_others_have_changed(self, registry: GroupRegistry) -> None:
        other = self.reopen(registry)
        group = purchases_group()
        changed = next_revision(group, description="changed")
        for change in (
            partial(registry.add, group),
            partial(registry.replace, changed),
            partial(registry.set_alias, "current", "purchases"),
            partial(registry.set_alias, "current", None),
            partial(registry.replace, next_revision(changed, deleted_at_us=9)),
        ):
            before = other.stamp.read()
            assert other.changes(0).version == before
            change()
            assert other.stamp.read() != before
            assert other.stamp.read() == registry.stamp.read() == other.changes(0).version
        with pytest.raises(ConflictError):
            registry.replace(group)
        assert other.changes(0).version == other.stamp.read()

    def test_an_alias_is_switched_and_removed(self, registry: GroupRegistry) -> None:
        for name in ("v1", "v2"):
            registry.add(purchases_group(name))
        for target in ("v1", "v1", "v2"):
            before = registry.changes(0).version
            registry.set_alias("current", target)
            assert self.reopen(registry).changes(before).aliases == {"current": target}
            assert registry.changes(0).version > before
        registry.set_alias("current", None)
        assert self.reopen(registry).changes(0).aliases == {}
        with pytest.raises(ResourceNotFound, match="no alias 'current'"):
            registry.set_alias("current", None)

    def test_an_alias_and_a_group_never_share_a_name(self, registry: GroupRegistry) -> None:
        registry.add(purchases_group("v1"))
        with pytest.raises(ResourceInUse, match="a feature group is called 'v1'"):
            registry.set_alias("v1", "v1")
        registry.set_alias("current", "v1")
        with pytest.raises(ResourceInUse, match="'current' is an alias"):
            registry.add(purchases_group("current"))
        assert [group.name for group in registry.groups()] == ["v1"]

    def test_a_group_that_an_alias_names_is_not_deleted(self, registry: GroupRegistry) -> None:
        group = purchases_group("v1")
        registry.add(group)
        registry.set_alias("current", "v1")
        deleted = next_revision(group, deleted_at_us=9)
        with pytest.raises(ResourceInUse, match=r"\['current'\]"):
            registry.replace(deleted)
        assert registry.find("v1") == group
        registry.set_alias("current", None)
        registry.replace(deleted)
        with pytest.raises(ResourceNotFound, match="no feature group 'v1'"):
            registry.set_alias("current", "v1")

    @pytest.mark.parametrize("call", _CALLS.values(), ids=_CALLS.keys())
    def test_a_closed_registry_refuses(
        self, registry: GroupRegistry, call: Callable[[GroupRegistry], object]
    ) -> None:
        registry.close()
        registry.close()
        with pytest.raises(StoreUnavailable, match="closed"):
            call(registry)
