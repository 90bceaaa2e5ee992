"""Plans: from what a store holds and what is declared to the steps between."""

from dataclasses import replace

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tandem.errors import ValidationError
from tandem.model.feature_group import (
    FeatureGroup,
    FeatureGroupStatus,
    FeatureType,
    StorageType,
    TableFormat,
)
from tandem.sdk.declaration import (
    Declared,
    DeclaredAlias,
    DeclaredFeature,
    DeclaredGroup,
    DeclaredOfflineStore,
    DeclaredOnlineStore,
    DeclaredThroughput,
)
from tandem.sdk.planning import planned_steps
from tandem.sdk.standing import Standing
from tandem.sdk.steps import CreateGroup, SetAlias, Step, after_change, after_creation


def group(**members: object) -> DeclaredGroup:
    """A small feature group, with these members."""
    given: dict[str, object] = {
        "feature_group": "g",
        "record_identifier": "id",
        "event_time": "t",
        "features": {"id": "String", "t": "String", "n": "Integral"},
    }
    return msgspec.convert(given | members, DeclaredGroup, strict=True)


def done(steps: list[Step], standing: Standing) -> Standing:
    """What a store holds after the steps."""
    groups, aliases = dict(standing.groups), dict(standing.aliases)
    for step in steps:
        match step.action:
            case CreateGroup(new):
                groups[new.name] = after_creation(new)
            case SetAlias(alias, name):
                aliases[alias] = name
            case change:
                groups[step.target] = after_change(groups[step.target], change)
    return Standing(groups, aliases)


def standing_of(*declared: Declared) -> Standing:
    return done(planned_steps(declared, Standing()), Standing())


def changed(before: DeclaredGroup, after: DeclaredGroup) -> list[str]:
    """The steps from one declaration to another; afterwards there are none."""
    standing = standing_of(before)
    steps = planned_steps([after], standing)
    assert planned_steps([after], done(steps, standing)) == []
    return [str(step) for step in steps]


def refusal(standing: Standing, *declared: Declared) -> str:
    with pytest.raises(ValidationError) as raised:
        planned_steps(declared, standing)
    return str(raised.value)


def features(**more: object) -> dict[str, object]:
    return {"id": "String", "t": "String", "n": "Integral", **more}


def test_a_new_group_is_made_and_then_described() -> None:
    declared = group(
        features=features(
            n={"type": "Integral", "description": "a number"},
            old={"type": "String", "retired": True},
        ),
        tags={"team": "growth"},
    )
    steps = planned_steps([declared, DeclaredAlias(alias="a", feature_group="g")], Standing())
    assert [str(step) for step in steps] == [
        "+ g: new feature group, 4 features, online and offline",
        "- g: feature old: retired",
        "+ g: feature n: description 'a number'",
        "+ a: alias of g",
    ]


def test_what_is_as_declared_needs_nothing() -> None:
    declared = [group(tags={}), DeclaredAlias(alias="a", feature_group="g")]
    assert planned_steps(declared, standing_of(*declared)) == []


def test_features_are_added_retired_and_restored() -> None:
    with_two = group(features=features(b="String", c="Fractional"))
    assert changed(group(), with_two) == ["+ g: features b (String), c (Fractional)"]
    retired = group(features=features(n={"type": "Integral", "retired": True}))
    assert changed(group(), retired) == ["- g: feature n: retired"]
    assert changed(retired, group()) == ["+ g: feature n: restored"]
    without = group(features={"id": "String", "t": "String"})
    assert changed(retired, without) == [], "what is retired need not be declared"


def test_many_features_are_added_in_as_many_calls_as_it_takes() -> None:
    many = group(features=features(**{f"f{index}": "String" for index in range(250)}))
    assert len(changed(group(), many)) == 3


def test_stores_are_as_the_file_says() -> None:
    month, day = group(online={"ttl": "30 days"}), group(online={"ttl": "24 hours"})
    assert changed(group(), month) == ["~ g: time to live: none -> 30 days"]
    assert changed(month, day) == ["~ g: time to live: 30 days -> 24 hours"]
    assert changed(month, group()) == ["~ g: time to live: 30 days -> none"]
    assert changed(day, group(online={"ttl": "1 day"})) == [], "the same time in other words"
    second = group(online={"storage_type": "Standard_V2"})
    assert changed(group(), second) == ["~ g: storage type: Standard -> Standard_V2"]
    assert changed(second, group()) == [], "what cannot be taken back is left alone"
    paid = group(throughput={"mode": "Provisioned", "read_units": 5})
    assert changed(group(), paid) == [
        "~ g: throughput: OnDemand -> Provisioned, 5 read units, 0 write units"
    ]
    assert changed(paid, group()) == []
    assert changed(paid, group(throughput={})) == [
        "~ g: throughput: Provisioned, 5 read units, 0 write units -> OnDemand"
    ]


def test_tags_are_all_or_none_of_the_files_business() -> None:
    tagged = group(tags={"team": "growth", "tier": "gold"})
    assert changed(tagged, group(tags={"team": "risk", "new": "1"})) == [
        "- g: tags tier",
        "~ g: tag team=risk, was growth",
        "+ g: tag new=1",
    ]
    assert changed(tagged, group()) == []
    assert changed(tagged, group(tags={})) == ["- g: tags team, tier"]
    fifty = group(tags={f"a{index}": "1" for index in range(50)})
    others = group(tags={f"b{index}": "1" for index in range(50)})
    assert len(changed(fifty, others)) == 51, "old tags make room for new ones"


def test_what_is_said_of_features() -> None:
    said = group(
        features=features(
            n={"type": "Integral", "description": "one", "parameters": {"a": "1", "b": "2"}}
        )
    )
    other = group(
        features=features(
            n={"type": "Integral", "description": "two", "parameters": {"a": "3", "c": "4"}}
        )
    )
    assert changed(said, other) == [
        "~ g: feature n: description 'two', parameter a=3, parameter c=4, without parameter b"
    ]
    assert changed(said, group()) == [], "what the file leaves out is left to others"
    emptied = group(features=features(n={"type": "Integral", "description": "", "parameters": {}}))
    assert changed(said, emptied) == [
        "~ g: feature n: description '', without parameter a, without parameter b"
    ]
    assert changed(group(), emptied) == []


def test_an_alias_is_switched() -> None:
    one, two = group(), group(feature_group="h")
    alias = DeclaredAlias(alias="a", feature_group="g")
    standing = standing_of(one, two, alias)
    switched = DeclaredAlias(alias="a", feature_group="h")
    steps = planned_steps([switched], standing)
    assert [str(step) for step in steps] == ["~ a: alias of h, was of g"]
    assert planned_steps([switched], done(steps, standing)) == []


@pytest.mark.parametrize(
    ("after", "said"),
    [
        (group(features=features(n="String")), "'n' of 'g' is Integral and cannot become String"),
        (group(features=features(n="String")), "tandem clone g NEW_NAME --type n=String"),
        (group(features={"id": "String", "t": "String"}), "'n' of 'g' is not declared"),
        (group(features=features(N="String")), "has a feature 'n' already"),
        (group(features=features(n={"type": "Integral", "collection": "List"})), "List of Integ"),
        (group(features=features(id={"type": "String", "retired": True})), "cannot be retired"),
        (group(record_identifier="t"), "record_identifier of 'g' is 'id' and cannot become 't'"),
        (group(event_time="id"), "event_time of 'g' is 't' and cannot become 'id'"),
        (group(online=False), "has an online store, which cannot be changed: declare 'online: tr"),
        (group(offline=False), "has an offline store, which cannot be changed"),
        (group(role_arn="arn:aws:iam::123456789012:role/r"), "role_arn of 'g'"),
        (group(description="other"), "description of 'g'"),
        (group(offline={"s3_uri": "s3://other"}), "s3_uri of 'g'"),
        (group(offline={"table_format": "Iceberg"}), "table_format of 'g' is 'Glue'"),
        (group(offline={"kms_key_id": "k"}), "kms_key_id of the offline store of 'g'"),
        (group(online={"kms_key_id": "k"}), "kms_key_id of the online store of 'g'"),
        (group(offline={"disable_glue_table_creation": True}), "disable_glue_table_creation"),
        (
            group(offline={"data_catalog": {"catalog": "a", "database": "b", "table": "c"}}),
            "data_catalog of 'g'",
        ),
        (group(online={"storage_type": "InMemory"}), "Standard cannot become InMemory"),
        (group(throughput={"read_units": 5}), "needs ThroughputMode Provisioned"),
        (group(tags={"aws:x": "1"}), "g: tag aws:x=1: tag key 'aws:x' is reserved"),
        (group(tags={f"a{index}": "1" for index in range(51)}), "51 tags"),
        (
            group(features=features(n={"type": "Integral", "description": "x" * 300})),
            "Description has 300 characters",
        ),
        (
            group(features=features(n={"type": "Integral", "parameters": {"a;": "1"}})),
            "parameter key 'a;'",
        ),
    ],
)
def test_what_no_change_can_reach_is_refused(after: DeclaredGroup, said: str) -> None:
    message = refusal(standing_of(group()), after)
    assert said in message
    assert "'g'" in message or message.startswith("g: ")


def test_what_cannot_be_said_of_a_store_that_is_there() -> None:
    standing = standing_of(group(), DeclaredAlias(alias="a", feature_group="g"))
    assert "'a' is an alias of 'g'" in refusal(standing, group(feature_group="a"))
    to_nothing = DeclaredAlias(alias="b", feature_group="nothing")
    assert "'nothing', which is no feature group" in refusal(standing, to_nothing)
    to_alias = DeclaredAlias(alias="b", feature_group="a")
    assert "'a', which is no feature group" in refusal(standing, to_alias)
    like_a_group = DeclaredAlias(alias="g", feature_group="g")
    assert "a feature group is called 'g'" in refusal(standing, like_a_group)
    assert "'g' is declared twice" in refusal(standing, group(), group())
    unfinished = replace(standing.groups["g"], status=FeatureGroupStatus.CREATING)
    assert "in status Creating" in refusal(Standing({"g": unfinished}), group())
    of_unfinished = DeclaredAlias(alias="b", feature_group="g")
    assert "in status Creating, so the alias 'b'" in refusal(
        Standing({"g": unfinished}), group(feature_group="new"), of_unfinished
    )


def test_a_default_table_format_is_glue() -> None:
    standing = standing_of(group())
    before = standing.groups["g"]
    assert before.offline is not None
    named = replace(before, offline=replace(before.offline, table_format=TableFormat.DEFAULT))
    declared = group(offline={"table_format": "Glue"})
    assert planned_steps([declared], Standing({"g": named})) == []


def test_a_store_that_was_named_and_switched_off_is_no_store() -> None:
    standing = standing_of(group())
    before = standing.groups["g"]
    assert before.online is not None
    off = replace(before, online=replace(before.online, enabled=False))
    assert planned_steps([group(online=False)], Standing({"g": off})) == []
    assert "has no online store" in refusal(Standing({"g": off}), group())


_texts = st.sampled_from(["one", "two"])
_said = {
    "description": st.none() | _texts | st.just(""),
    "parameters": st.none() | st.dictionaries(_texts, _texts),
    "retired": st.booleans(),
}
_optional = st.sets(st.sampled_from(["b", "c", "d"]))


@st.composite
def _groups(draw: st.DrawFn) -> DeclaredGroup:
    kinds = {"id": "String", "t": "String", "n": "Integral", "b": "String", "c": "Fractional"}
    names = ["id", "t", "n", *sorted(draw(_optional))]
    declared = {
        name: DeclaredFeature(
            type=FeatureType(kinds.get(name, "Integral")),
            **{
                member: False if member == "retired" and name in ("id", "t") else draw(values)
                for member, values in _said.items()
            },
        )
        for name in names
    }
    return DeclaredGroup(
        feature_group="g",
        record_identifier="id",
        event_time="t",
        features=declared,
        online=draw(
            st.just(True)
            | st.builds(
                DeclaredOnlineStore,
                ttl=st.none() | st.sampled_from(["1 day", "24 hours", "2 weeks"]),
            )
        ),
        offline=draw(st.just(True) | st.just(DeclaredOfflineStore())),
        throughput=draw(
            st.none() | st.builds(DeclaredThroughput, read_units=st.sampled_from([None, 0]))
        ),
        tags=draw(st.none() | st.dictionaries(_texts, _texts)),
    )


@given(before=_groups(), after=_groups())
def test_whatever_a_plan_does_leaves_nothing_to_do(
    before: DeclaredGroup, after: DeclaredGroup
) -> None:
    standing = standing_of(before)
    gone = [name for name in before.features if name not in after.features]
    after = msgspec.structs.replace(
        after, features={**after.features, **{name: before.features[name] for name in gone}}
    )
    steps = planned_steps([after], standing)
    reached = done(steps, standing)
    assert planned_steps([after], reached) == []
    _check_is_as_declared(reached.groups["g"], after)


def _check_is_as_declared(group: FeatureGroup, declared: DeclaredGroup) -> None:
    """Said once more, without the planner's words."""
    shown = {feature.name for feature in group.current_features}
    assert shown == {name for name in declared.features if not declared.feature(name).retired}
    new = declared.new_group()
    assert (group.default_ttl and group.default_ttl.seconds) == (
        new.online and new.online.ttl and new.online.ttl.seconds
    )
    if declared.tags is not None:
        assert group.tags == declared.tags
    assert group.storage_type is StorageType.STANDARD
    for name in shown:
        wanted, said = declared.feature(name), group.metadata.get(name)
        if wanted.parameters is not None:
            assert (said.parameters if said else {}) == wanted.parameters
        if wanted.description is not None:
            assert ((said.description if said else None) or "") == wanted.description
