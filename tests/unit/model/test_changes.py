"""Changes of a feature group: what may change, what may not, and that a refusal changes nothing."""

from collections.abc import Callable
from copy import deepcopy
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tandem.errors import ResourceNotFound, TandemError, ValidationError
from tandem.model import limits
from tandem.model.changes import (
    GroupUpdate,
    MetadataUpdate,
    ThroughputUpdate,
    described,
    restored,
    retired,
    tagged,
    untagged,
    updated,
)
from tandem.model.definition import check_definition
from tandem.model.feature_group import (
    CollectionType,
    FeatureDefinition,
    FeatureGroup,
    FeatureMetadata,
    FeatureType,
    OnlineStoreConfig,
    StorageType,
    ThroughputConfig,
    ThroughputMode,
)
from tandem.model.time_to_live import TtlDuration, TtlUnit
from tandem.testing.purchases import purchases_group

GROUP = purchases_group()
NOW_US = GROUP.created_at_us + 60_000_000
HOUR, DAY = TtlDuration(TtlUnit.HOURS, 1), TtlDuration(TtlUnit.DAYS, 1)
PROVISIONED = ThroughputConfig(ThroughputMode.PROVISIONED, 10, 20)
SHOP = FeatureDefinition("shop", FeatureType.STRING)
UNIT = (("unit", "EUR"),)


def online(storage_type: StorageType | None = None, ttl: TtlDuration | None = None) -> FeatureGroup:
    return replace(GROUP, online=OnlineStoreConfig(True, storage_type, ttl, kms_key_id="key"))


def text_features(count: int, prefix: str = "f") -> tuple[FeatureDefinition, ...]:
    return tuple(
        FeatureDefinition(f"{prefix}{number}", FeatureType.STRING) for number in range(count)
    )


def test_features_are_added_behind_the_others() -> None:
    additions = (SHOP, FeatureDefinition("age", FeatureType.INTEGRAL))
    changed = updated(GROUP, GroupUpdate(additions=additions), NOW_US)
    assert changed.features[:4] == GROUP.features
    assert changed.features[4:] == tuple(
        replace(feature, added_at_us=NOW_US) for feature in additions
    )
    assert changed == replace(GROUP, features=changed.features, modified_at_us=NOW_US)


def test_a_ttl_is_set_changed_and_removed() -> None:
    plain = online(StorageType.STANDARD)
    with_hour = updated(plain, GroupUpdate(ttl=HOUR), NOW_US)
    assert with_hour.online == replace(plain.online, ttl=HOUR)
    with_day = updated(with_hour, GroupUpdate(ttl=DAY), NOW_US)
    assert with_day.default_ttl == DAY
    without = updated(with_day, GroupUpdate(removes_ttl=True), NOW_US)
    assert without.online == plain.online
    # What is not there can be removed, as Terraform does with an empty configuration.
    assert updated(without, GroupUpdate(removes_ttl=True), NOW_US).default_ttl is None


def test_other_changes_leave_the_ttl_alone() -> None:
    group = online(StorageType.STANDARD, HOUR)
    for update in (
        GroupUpdate(additions=(SHOP,)),
        GroupUpdate(storage_type=StorageType.STANDARD_V2),
        GroupUpdate(throughput=ThroughputUpdate(ThroughputMode.ON_DEMAND)),
    ):
        assert updated(group, update, NOW_US).default_ttl == HOUR


@pytest.mark.parametrize("before", [None, StorageType.STANDARD, StorageType.STANDARD_V2])
def test_standard_becomes_standard_v2(before: StorageType | None) -> None:
    group = online(before, HOUR)
    changed = updated(group, GroupUpdate(storage_type=StorageType.STANDARD_V2), NOW_US)
    assert changed.online == replace(group.online, storage_type=StorageType.STANDARD_V2)


@pytest.mark.parametrize("storage_type", [StorageType.STANDARD, StorageType.IN_MEMORY])
def test_a_storage_type_may_be_named_again(storage_type: StorageType) -> None:
    group = replace(online(storage_type), offline=None)
    changed = updated(group, GroupUpdate(storage_type=storage_type), NOW_US)
    assert changed.storage_type is storage_type


@pytest.mark.parametrize(
    ("before", "wanted"),
    [
        (StorageType.STANDARD_V2, StorageType.STANDARD),
        (StorageType.STANDARD, StorageType.IN_MEMORY),
        (None, StorageType.IN_MEMORY),
        (StorageType.STANDARD_V2, StorageType.IN_MEMORY),
        (StorageType.IN_MEMORY, StorageType.STANDARD),
        (StorageType.IN_MEMORY, StorageType.STANDARD_V2),
    ],
)
def test_no_other_storage_type_becomes_another(
    before: StorageType | None, wanted: StorageType
) -> None:
    group = replace(online(before), offline=None)
    shown = before or StorageType.STANDARD
    with pytest.raises(ValidationError, match=f"StorageType {shown} cannot become {wanted}"):
        updated(group, GroupUpdate(storage_type=wanted), NOW_US)


@pytest.mark.parametrize(
    ("before", "update", "after"),
    [
        (ThroughputConfig(), ThroughputUpdate(ThroughputMode.PROVISIONED, 10, 20), PROVISIONED),
        (
            PROVISIONED,
            ThroughputUpdate(read_units=5),
            ThroughputConfig(ThroughputMode.PROVISIONED, 5, 20),
        ),
        (
            PROVISIONED,
            ThroughputUpdate(write_units=0),
            ThroughputConfig(ThroughputMode.PROVISIONED, 10, 0),
        ),
        (PROVISIONED, ThroughputUpdate(ThroughputMode.ON_DEMAND), ThroughputConfig()),
        # Terraform sends both units whatever the mode.
        (PROVISIONED, ThroughputUpdate(ThroughputMode.ON_DEMAND, 0, 0), ThroughputConfig()),
        (
            ThroughputConfig(),
            ThroughputUpdate(ThroughputMode.PROVISIONED, 0, 1),
            ThroughputConfig(ThroughputMode.PROVISIONED, 0, 1),
        ),
    ],
)
def test_throughput(
    before: ThroughputConfig, update: ThroughputUpdate, after: ThroughputConfig
) -> None:
    group = replace(GROUP, throughput=before)
    assert updated(group, GroupUpdate(throughput=update), NOW_US).throughput == after


def test_one_call_may_change_everything() -> None:
    update = GroupUpdate(
        additions=(SHOP,),
        ttl=HOUR,
        storage_type=StorageType.STANDARD_V2,
        throughput=ThroughputUpdate(ThroughputMode.PROVISIONED, 10, 20),
    )
    changed = updated(online(), update, NOW_US)
    assert changed.features[-1].name == "shop"
    assert (changed.default_ttl, changed.storage_type) == (HOUR, StorageType.STANDARD_V2)
    assert changed.throughput == PROVISIONED


@pytest.mark.parametrize("now_us", [0, GROUP.created_at_us, GROUP.created_at_us - 10**9])
def test_a_change_is_later_than_what_it_changes_whatever_the_clock_says(now_us: int) -> None:
    assert not GROUP.was_updated
    first = updated(GROUP, GroupUpdate(ttl=HOUR), now_us)
    assert first.was_updated
    second = retired(first, "items", now_us)
    third = restored(second, "items", now_us)
    assert GROUP.modified_at_us < first.modified_at_us < second.modified_at_us
    assert second.modified_at_us < third.modified_at_us


def test_a_retired_feature_is_hidden_and_kept() -> None:
    group = retired(GROUP, "amount", NOW_US)
    assert [feature.name for feature in group.features] == [
        feature.name for feature in GROUP.features
    ]
    assert group.features_by_name["amount"].retired_at_us == NOW_US
    assert [feature.name for feature in group.current_features] == [
        "customer", "bought_at", "items",
    ]  # fmt: skip
    assert group.for_readers.features == group.current_features
    assert group.for_readers.feature_order == {"customer": 0, "bought_at": 1, "items": 2}
    assert restored(group, "amount", NOW_US) == replace(GROUP, modified_at_us=NOW_US + 1)
    assert GROUP.for_readers is GROUP


def test_an_added_feature_is_retired_and_restored_with_its_date() -> None:
    grown = updated(GROUP, GroupUpdate(additions=(SHOP,)), NOW_US)
    back = restored(retired(grown, "shop", NOW_US + 5), "shop", NOW_US + 9)
    assert back.features_by_name["shop"] == replace(SHOP, added_at_us=NOW_US)


def test_tags_are_merged_and_removed() -> None:
    group = tagged(tagged(GROUP, {"team": "a", "käse": ""}), {"team": "b", "x": "y"})
    assert group.tags == {"team": "b", "käse": "", "x": "y"}
    assert untagged(group, ["team", "nothing", "team"]).tags == {"käse": "", "x": "y"}
    assert untagged(group, []) == group
    assert group == replace(GROUP, tags=group.tags)  # the group's own date does not move


def test_a_group_is_tagged_up_to_the_limit() -> None:
    half = {f"k{number}": "v" for number in range(25)}
    full = tagged(tagged(GROUP, half), {f"l{number}": "v" for number in range(25)})
    assert len(full.tags) == limits.TAGS_PER_GROUP_MAX
    assert tagged(full, {"k1": "new"}).tags["k1"] == "new"
    with pytest.raises(ValidationError, match="would have 51 tags; 50 are allowed"):
        tagged(full, {"one-more": "v"})


def test_a_feature_is_described() -> None:
    first = described(
        GROUP,
        "amount",
        MetadataUpdate(description="in €", additions=(*UNIT, ("owner", "a"))),
        NOW_US,
    )
    assert first.metadata == {
        "amount": FeatureMetadata(
            description="in €",
            parameters={"unit": "EUR", "owner": "a"},
            modified_at_us=NOW_US,
        )
    }
    later = NOW_US + 7
    second = described(
        first, "amount", MetadataUpdate(additions=(("owner", "b"),), removals=("unit",)), later
    )
    assert second.metadata["amount"] == FeatureMetadata(
        description="in €", parameters={"owner": "b"}, modified_at_us=later
    )
    third = described(second, "amount", MetadataUpdate(description=""), later + 1)
    assert third.metadata["amount"].description is None
    both = described(third, "items", MetadataUpdate(removals=("unknown",)), later)
    assert set(both.metadata) == {"amount", "items"}
    assert both == replace(GROUP, metadata=both.metadata)


def test_parameters_are_removed_before_others_are_added() -> None:
    full = tuple((f"k{number}", "v") for number in range(limits.FEATURE_PARAMETERS_MAX))
    group = described(GROUP, "amount", MetadataUpdate(additions=full), NOW_US)
    swapped = MetadataUpdate(additions=(("new", "v"),), removals=("k0",))
    parameters = described(group, "amount", swapped, NOW_US).metadata["amount"].parameters
    assert len(parameters) == limits.FEATURE_PARAMETERS_MAX
    assert "k0" not in parameters
    with pytest.raises(ValidationError, match="'amount' would have 26 parameters; 25 are allowed"):
        described(group, "amount", MetadataUpdate(additions=(("new", "v"),)), NOW_US)


Change = Callable[[FeatureGroup], FeatureGroup]
RETIRED = retired(GROUP, "items", NOW_US)
FEW = replace(GROUP, features=GROUP.features + text_features(2_496))
MEMORY = replace(
    GROUP,
    offline=None,
    online=OnlineStoreConfig(True, StorageType.IN_MEMORY),
    features=(
        *GROUP.features,
        FeatureDefinition("place", FeatureType.FRACTIONAL, CollectionType.VECTOR, 3),
    ),
)


def add(*features: FeatureDefinition) -> Change:
    return lambda group: updated(group, GroupUpdate(additions=features), NOW_US)


def say(**what: object) -> Change:
    return lambda group: described(group, "amount", MetadataUpdate(**what), NOW_US)  # type: ignore[arg-type]


def named(name: str) -> Change:
    return add(FeatureDefinition(name, FeatureType.STRING))


def throughput(*units: object, mode: ThroughputMode | None = ThroughputMode.PROVISIONED) -> Change:
    update = GroupUpdate(throughput=ThroughputUpdate(mode, *units))  # type: ignore[arg-type]
    return lambda group: updated(group, update, NOW_US)


REFUSED: dict[str, tuple[FeatureGroup, Change, type[TandemError], str]] = {
    "nothing": (GROUP, lambda group: updated(group, GroupUpdate(), NOW_US), ValidationError,
        "give FeatureAdditions, OnlineStoreConfig or ThroughputConfig"),
    "101 features": (GROUP, add(*text_features(101)), ValidationError, "101 members; 1 to 100"),
    "feature 2,501": (FEW, named("x"), ValidationError, "2501 members"),
    "a name that is there": (GROUP, named("items"), ValidationError,
        "'purchases' has a feature 'items' already"),
    "a name that is there but for case": (GROUP, named("Items"), ValidationError, "'items'"),
    "a name twice": (GROUP, add(SHOP, SHOP), ValidationError, "'shop' is defined twice"),
    "a name twice but for case": (
        GROUP, add(SHOP, replace(SHOP, name="SHOP")), ValidationError, "'SHOP' is defined twice"),
    "a retired name": (RETIRED, named("Items"), ValidationError, "is retired: restore it"),
    "a reserved name": (GROUP, named("Write_Time"), ValidationError, "'Write_Time' is reserved"),
    "no name": (GROUP, named("a b"), ValidationError, "feature name 'a b' is not valid"),
    "a list in Standard": (
        GROUP, add(replace(SHOP, collection=CollectionType.LIST)), ValidationError,
        "'shop' is a List: collections need StorageType InMemory"),
    "a second vector": (
        MEMORY, add(FeatureDefinition("p", FeatureType.FRACTIONAL, CollectionType.VECTOR, 3)),
        ValidationError, r"these are Vectors: \['place', 'p'\]"),
    "a vector of text": (
        replace(MEMORY, features=GROUP.features),
        add(FeatureDefinition("p", FeatureType.STRING, CollectionType.VECTOR, 3)),
        ValidationError, "Vector 'p' must be Fractional"),
    "a TTL set and removed": (
        GROUP, lambda group: updated(group, GroupUpdate(ttl=HOUR, removes_ttl=True), NOW_US),
        ValidationError, "TtlDuration is to be set and removed: choose one"),
    "a TTL without an online store": (
        replace(GROUP, online=None),
        lambda group: updated(group, GroupUpdate(ttl=HOUR), NOW_US),
        ValidationError, "has no online store, so OnlineStoreConfig cannot be updated"),
    "a storage type of a disabled store": (
        replace(GROUP, online=OnlineStoreConfig(False)),
        lambda group: updated(group, GroupUpdate(storage_type=StorageType.STANDARD_V2), NOW_US),
        ValidationError, "has no online store"),
    "a TTL to be removed without a store": (
        replace(GROUP, online=None),
        lambda group: updated(group, GroupUpdate(removes_ttl=True), NOW_US),
        ValidationError, "has no online store"),
    "units on demand": (GROUP, throughput(5, 0, mode=ThroughputMode.ON_DEMAND), ValidationError,
        "ProvisionedReadCapacityUnits 5 needs ThroughputMode Provisioned"),
    "units without a mode": (GROUP, throughput(None, 5, mode=None), ValidationError,
        "ProvisionedWriteCapacityUnits 5"),
    "too many units": (GROUP, throughput(10_000_001), ValidationError, "10000001"),
    "units below nothing": (GROUP, throughput(0, -1), ValidationError, "-1"),
    "provisioned memory": (MEMORY, throughput(1, 1), ValidationError,
        "InMemory needs ThroughputMode OnDemand"),
    "an unknown feature to retire": (GROUP, lambda group: retired(group, "Items", NOW_US),
        ResourceNotFound, "no feature 'Items'"),
    "an unknown feature to restore": (GROUP, lambda group: restored(group, "x" * 999, NOW_US),
        ResourceNotFound, f"no feature '{'x' * 64}'"),
    "the identifier": (GROUP, lambda group: retired(group, "customer", NOW_US),
        ValidationError, "'customer' cannot be retired"),
    "the event time": (GROUP, lambda group: retired(group, "bought_at", NOW_US),
        ValidationError, "'bought_at' cannot be retired"),
    "retired twice": (RETIRED, lambda group: retired(group, "items", NOW_US),
        ValidationError, "'items' of 'purchases' is retired already"),
    "restored twice": (GROUP, lambda group: restored(group, "items", NOW_US),
        ValidationError, "'items' of 'purchases' is not retired"),
    "a tag of AWS": (GROUP, lambda group: tagged(group, {"a": "b", "aws:x": "y"}),
        ValidationError, "'aws:x' is reserved"),
    "a tag key": (GROUP, lambda group: untagged(group, ["a", "b,c"]), ValidationError, "','"),
    "51 tags at once": (GROUP, lambda group: tagged(group, {f"k{n}": "" for n in range(51)}),
        ValidationError, "51 tags"),
    "a word on an unknown feature": (
        GROUP, lambda group: described(group, "x", MetadataUpdate(), NOW_US),
        ResourceNotFound, "no feature 'x'"),
    "a word on a retired feature": (
        RETIRED, lambda group: described(group, "items", MetadataUpdate(), NOW_US),
        ResourceNotFound, "'items' of 'purchases' is retired; restore it first"),
    "a long description": (GROUP, say(description="x" * 256), ValidationError,
        "Description has 256 characters; 255 are allowed"),
    "26 additions": (GROUP, say(additions=tuple((f"k{n}", "v") for n in range(26))),
        ValidationError, "ParameterAdditions has 26 members; 25"),
    "26 removals": (GROUP, say(removals=tuple(f"k{n}" for n in range(26))),
        ValidationError, "ParameterRemovals has 26 members; 25"),
    "an addition twice": (GROUP, say(additions=UNIT * 2), ValidationError,
        r"ParameterAdditions gives \['unit'\] twice"),
    "added and removed": (GROUP, say(additions=UNIT, removals=("unit",)), ValidationError,
        r"parameters \['unit'\] are to be added and removed"),
    "a parameter's key": (GROUP, say(additions=(("a@b", "x"),)), ValidationError, "'a@b'"),
    "a parameter's value": (GROUP, say(additions=(("a", ""),)), ValidationError, "'a'"),
    "a key to remove": (GROUP, say(removals=("a*",)), ValidationError, r"'a\*'"),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_refusals_name_the_thing_and_change_nothing(case: str) -> None:
    group, change, error, said = REFUSED[case]
    before = deepcopy(group)
    with pytest.raises(error, match=said):
        change(group)
    assert group == before


names = st.sampled_from(["customer", "bought_at", "amount", "items", "a", "A", "b", "c-1", "no no"])
updates = st.builds(
    GroupUpdate,
    additions=st.lists(
        st.builds(FeatureDefinition, names, st.sampled_from(FeatureType)), max_size=2
    ).map(tuple),
    ttl=st.sampled_from([None, HOUR]),
    removes_ttl=st.booleans(),
    storage_type=st.none() | st.sampled_from(StorageType),
)
steps = st.one_of(
    updates.map(lambda update: lambda group, now: updated(group, update, now)),
    names.map(lambda name: lambda group, now: retired(group, name, now)),
    names.map(lambda name: lambda group, now: restored(group, name, now)),
    st.dictionaries(names, st.just("v")).map(lambda tags: lambda group, _: tagged(group, tags)),
    st.lists(names).map(lambda keys: lambda group, _: untagged(group, keys)),
)


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(steps, max_size=12))
def test_whatever_is_changed_the_definition_stays_valid(changes: list[Change]) -> None:
    """Features are never lost, their order never moves, and no rule for definitions is broken."""
    group = GROUP
    for number, change in enumerate(changes):
        before = deepcopy(group)
        try:
            changed = change(group, NOW_US + number)
        except (ValidationError, ResourceNotFound):
            assert group == before
            continue
        check_definition(changed)
        shared = len(group.features)
        assert [f.name for f in changed.features[:shared]] == [f.name for f in group.features]
        assert {f.name.lower() for f in changed.current_features} >= {"customer", "bought_at"}
        assert changed.storage_type in (group.storage_type, StorageType.STANDARD_V2)
        assert changed.group_id == group.group_id
        assert changed.modified_at_us >= group.modified_at_us
        group = changed
