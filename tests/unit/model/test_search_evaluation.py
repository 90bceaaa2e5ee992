"""What filters mean: each operator on each kind of property, and what is refused."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tandem.errors import ValidationError
from tandem.model.described_feature import described_features
from tandem.model.feature_group import (
    FeatureDefinition,
    FeatureGroup,
    FeatureMetadata,
    FeatureType,
    OfflineStoreConfig,
    OnlineStoreConfig,
)
from tandem.model.search import (
    BooleanOperator,
    Filter,
    NestedFilter,
    Operator,
    SearchExpression,
    VisibilityCondition,
)
from tandem.model.search_evaluation import compile_expression, compile_visibility
from tandem.model.search_properties import feature_properties, group_properties
from tandem.model.search_table import EntityBlock, EntityTable
from unit.model import search_reference as reference
from unit.model.search_reference import ARN, START_US

GROUP_PROPERTIES = group_properties(ARN)
FEATURE_PROPERTIES = feature_properties(ARN)
DEFINITIONS = GROUP_PROPERTIES.nested["FeatureDefinitions"]
LABELS = ("team", "a b", "x.y", "nobody")


def group_table(groups: list[FeatureGroup]) -> EntityTable[FeatureGroup]:
    groups = sorted(groups, key=lambda group: group.name)
    members = [described_features(group) for group in groups]
    blocks = [EntityBlock(found) for found in members]
    owners = [index for index, found in enumerate(members) for _ in found]
    return EntityTable(
        [EntityBlock([group]) for group in groups],
        GROUP_PROPERTIES,
        parts={"FeatureDefinitions": (EntityTable(blocks, DEFINITIONS), owners)},
    )


def found_groups(groups: list[FeatureGroup], expression: SearchExpression | None) -> set[str]:
    table = group_table(groups)
    flags = table.flags(compile_expression(expression, GROUP_PROPERTIES)(table))
    return {group.name for group, flag in zip(table.entities, flags, strict=True) if flag}


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    groups=reference.groups(),
    expression=st.none()
    | reference.expressions(
        [*GROUP_PROPERTIES.fixed, *(f"Tags.{key}" for key in LABELS)],
        {"FeatureDefinitions": list(DEFINITIONS.fixed)},
    ),
)
def test_groups_fit_as_a_plain_reading_says(
    groups: list[FeatureGroup], expression: SearchExpression | None
) -> None:
    wanted = {
        group.name
        for group in groups
        if reference.fits(reference.group_document(group), expression)
    }
    assert found_groups(groups, expression) == wanted


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    groups=reference.groups(),
    expression=st.none()
    | reference.expressions(
        [*FEATURE_PROPERTIES.fixed, *(f"Parameters.{key}" for key in LABELS)], {}
    ),
)
def test_features_fit_as_a_plain_reading_says(
    groups: list[FeatureGroup], expression: SearchExpression | None
) -> None:
    blocks = [EntityBlock(described_features(group)) for group in groups]
    table = EntityTable(blocks, FEATURE_PROPERTIES)
    flags = table.flags(compile_expression(expression, FEATURE_PROPERTIES)(table))
    found = {
        (feature.group.name, feature.name)
        for feature, flag in zip(table.entities, flags, strict=True)
        if flag
    }
    documents = [one for group in groups for one in reference.feature_documents(group)]
    assert found == {reference.names(one) for one in documents if reference.fits(one, expression)}


def group(name: str, **members: object) -> FeatureGroup:
    made = {
        "record_identifier_name": "id",
        "event_time_name": "time",
        "features": (FeatureDefinition("id", FeatureType.STRING),),
        "created_at_us": START_US,
        "modified_at_us": START_US,
        **members,
    }
    return FeatureGroup(name=name, group_id=f"{name}-1", **made)  # type: ignore[arg-type]


GROUPS = [
    group("plain", description="Orders, by customer"),
    group(
        "online",
        description="orders",
        online=OnlineStoreConfig(enabled=True),
        tags={"team": "fraud", "cost center": "7"},
        modified_at_us=START_US + 1_500_000,
    ),
    group(
        "offline",
        offline=OfflineStoreConfig("s3://b/x"),
        tags={"team": "growth", "fraud": ""},
        created_at_us=START_US + 1_000_000,
        modified_at_us=START_US + 1_000_000,
        features=(
            FeatureDefinition("id", FeatureType.STRING),
            FeatureDefinition("age", FeatureType.INTEGRAL),
        ),
    ),
]


@pytest.mark.parametrize(
    ("name", "operator", "value", "found"),
    [
        ("FeatureGroupName", "Equals", "online", "online"),
        ("FeatureGroupName", "Equals", "onlin", ""),
        ("FeatureGroupName", "NotEquals", "online", "plain offline"),
        ("FeatureGroupName", "Contains", "line", "online offline"),
        ("FeatureGroupName", "Contains", "LINE", ""),
        ("FeatureGroupName", "In", "plain, offline,", "plain offline"),
        ("Description", "Contains", "rders", "plain online"),
        ("Description", "In", "orders,nothing", "online"),
        ("Description", "NotEquals", "orders", "plain offline"),
        ("Description", "Exists", None, "plain online"),
        ("Description", "NotExists", None, "offline"),
        ("Description", None, None, "plain online"),
        ("Description", None, "orders", "online"),
        ("Description", "Exists", "passed over", "plain online"),
        ("OnlineStoreConfig.EnableOnlineStore", "Equals", "true", "online"),
        ("OnlineStoreConfig.EnableOnlineStore", "NotEquals", "true", "plain offline"),
        ("OfflineStoreConfig.S3StorageConfig.S3Uri", "Exists", None, "offline"),
        ("OfflineStoreStatus", "Equals", "Active", "offline"),
        ("LastUpdateStatus", "Equals", "Successful", "online"),
        ("Tags.team", "Equals", "fraud", "online"),
        ("Tags.team", "NotEquals", "fraud", "plain offline"),
        ("Tags.cost center", "Equals", "7", "online"),
        ("Tags.nobody", "Exists", None, ""),
        ("Tags.fraud", "Exists", None, "offline"),  # a tag without a text is a tag
        ("AllTags", "Equals", "fraud", "online offline"),
        ("AllTags", "Contains", "row", "offline"),
        ("AllTags", "Contains", "teamgrowth", ""),  # a key and a value do not run together
        ("AllTags", "NotExists", None, "plain"),
        ("AllTags", "NotEquals", "growth", "plain online"),
        ("FeatureDefinitions", "Contains", "ag", "offline"),
        ("FeatureDefinitions.FeatureType", "In", "Integral,Fractional", "offline"),
        ("FeatureDefinitions.FeatureType", "NotEquals", "Integral", "plain online"),
        ("CreationTime", "Equals", "2023-11-14T22:13:20", "plain online"),
        ("CreationTime", "GreaterThan", "2023-11-14T22:13:20", "offline"),
        ("CreationTime", "LessThanOrEqualTo", "1700000001", "plain online offline"),
        ("CreationTime", "LessThan", "1700000001", "plain online"),
        ("CreationTime", "GreaterThanOrEqualTo", "2023-11-15T00:13:21+02:00", "offline"),
        ("LastModifiedTime", "Equals", "2023-11-14T22:13:21.5Z", "online"),
        ("LastModifiedTime", "LessThan", "2023-11-14T22:13:21.500000001Z", "plain online offline"),
    ],
)
def test_filters(name: str, operator: str | None, value: str | None, found: str) -> None:
    chosen = None if operator is None else Operator(operator)
    expression = SearchExpression((Filter(name, chosen, value),))
    assert found_groups(GROUPS, expression) == set(found.split())


def test_a_nested_filter_wants_one_member_for_all_its_filters() -> None:
    wanted = (
        Filter("FeatureDefinitions.FeatureName", Operator.EQUALS, "id"),
        Filter("FeatureDefinitions.FeatureType", Operator.EQUALS, "Integral"),
    )
    assert found_groups(GROUPS, SearchExpression(wanted)) == {"offline"}
    nested = NestedFilter("FeatureDefinitions", wanted)
    assert found_groups(GROUPS, SearchExpression(nested_filters=(nested,))) == set()


def test_parts_are_joined_by_the_operator_of_their_expression() -> None:
    one = Filter("Tags.team", Operator.EQUALS, "fraud")
    other = Filter("Description", Operator.CONTAINS, "rders")
    either = SearchExpression((one, other), operator=BooleanOperator.OR)
    assert found_groups(GROUPS, SearchExpression((one, other))) == {"online"}
    assert found_groups(GROUPS, either) == {"online", "plain"}
    inner = SearchExpression((Filter("FeatureGroupName", None, "plain"),))
    assert found_groups(GROUPS, SearchExpression((other,), sub_expressions=(inner,))) == {"plain"}


def test_retired_features_are_not_there() -> None:
    gone = FeatureDefinition("gone", FeatureType.STRING, retired_at_us=START_US)
    groups = [group("g", features=(FeatureDefinition("id", FeatureType.STRING), gone))]
    for name in ("FeatureDefinitions", "FeatureDefinitions.FeatureName"):
        assert not found_groups(groups, SearchExpression((Filter(name, None, "gone"),)))
    member = NestedFilter(
        "FeatureDefinitions", (Filter("FeatureDefinitions.FeatureName", None, "gone"),)
    )
    assert not found_groups(groups, SearchExpression(nested_filters=(member,)))
    assert [feature.name for feature in described_features(groups[0])] == ["id"]


def test_times_of_features() -> None:
    said = FeatureMetadata(description="d", modified_at_us=START_US + 9)
    earlier = FeatureMetadata(modified_at_us=START_US - 9)
    features = (
        FeatureDefinition("silent", FeatureType.STRING),
        FeatureDefinition("said", FeatureType.STRING),
        FeatureDefinition("added", FeatureType.STRING, added_at_us=START_US + 5),
    )
    found = described_features(
        group("g", features=features, metadata={"said": said, "added": earlier})
    )
    times = {one.name: (one.created_at_us, one.metadata.modified_at_us) for one in found}
    assert times == {
        "added": (START_US + 5, START_US + 5),
        "said": (START_US, START_US + 9),
        "silent": (START_US, START_US),
    }


@pytest.mark.parametrize(
    ("conditions", "seen"),
    [
        ([], {"plain", "online", "offline"}),
        ([("Tags.team", "fraud")], {"plain", "online"}),
        ([("Tags.team", "fraud"), ("Tags.cost center", "8")], {"plain"}),
        ([("Tags.fraud", "")], {"plain", "online", "offline"}),
    ],
)
def test_visibility_hides_what_has_the_tag_with_another_value(
    conditions: list[tuple[str, str]], seen: set[str]
) -> None:
    wanted = [VisibilityCondition(*one) for one in conditions]
    table = group_table(GROUPS)
    flags = table.flags(compile_visibility(wanted, GROUP_PROPERTIES)(table))
    assert {one.name for one, flag in zip(table.entities, flags, strict=True) if flag} == seen


def test_features_are_as_visible_as_their_group() -> None:
    table = EntityTable(
        [EntityBlock(described_features(one)) for one in GROUPS], FEATURE_PROPERTIES
    )
    wanted = [VisibilityCondition("Tags.team", "fraud")]
    flags = table.flags(compile_visibility(wanted, FEATURE_PROPERTIES)(table))
    seen = {one.group.name for one, flag in zip(table.entities, flags, strict=True) if flag}
    assert seen == {"plain", "online"}


@pytest.mark.parametrize(
    ("name", "operator", "value", "words"),
    [
        ("Nonsense", None, "x", ["Nonsense", "FeatureGroupName", "Tags.<key>", "AllTags"]),
        ("FeatureName", None, "x", ["FeatureName", "FeatureDefinitions.FeatureName"]),
        ("Tags.", None, "x", ["'Tags.'", "Tags.<key>"]),
        ("Tags", None, "x", ["'Tags'", "Tags.<key>"]),
        ("Description", "GreaterThan", "x", ["GreaterThan", "Description", "Contains"]),
        ("CreationTime", "Contains", "2023", ["Contains", "CreationTime", "LessThan"]),
        ("AllTags", "LessThan", "x", ["LessThan", "AllTags", "Contains"]),
        ("OnlineStoreConfig.EnableOnlineStore", "In", "true", ["In", "NotEquals"]),
        ("OnlineStoreConfig.EnableOnlineStore", None, "yes", ["'yes'", "true or false"]),
        ("CreationTime", "LessThan", "yesterday", ["'yesterday'", "CreationTime", "ISO 8601"]),
        ("CreationTime", "LessThan", "2023-02-30T00:00:00", ["2023-02-30", "ISO 8601"]),
        ("CreationTime", "LessThan", "1700000000000", ["1700000000000", "seconds"]),
        ("OnlineStoreConfig.TtlDuration.Value", None, "1e3", ["'1e3'", "number"]),
        ("OnlineStoreConfig.TtlDuration.Value", None, "NaN", ["'NaN'", "number"]),
        ("OnlineStoreConfig.TtlDuration.Value", None, "x" * 999, ["'xxx", "number"]),
        ("Description", "Equals", None, ["Equals", "Description", "Value"]),
        ("Description", "In", " , ", ["' , '", "commas"]),
    ],
)
def test_what_is_refused_is_named(
    name: str, operator: str | None, value: str | None, words: list[str]
) -> None:
    chosen = None if operator is None else Operator(operator)
    expression = SearchExpression((Filter("FeatureGroupName"), Filter(name, chosen, value)))
    with pytest.raises(ValidationError) as refused:
        compile_expression(expression, GROUP_PROPERTIES)
    assert [word for word in words if word not in str(refused.value)] == []
    assert len(str(refused.value)) < 2_000


def test_unknown_lists_are_refused() -> None:
    nested = NestedFilter("Tags", (Filter("Tags.team"),))
    with pytest.raises(ValidationError, match=r"'Tags'.*FeatureDefinitions"):
        compile_expression(SearchExpression(nested_filters=(nested,)), GROUP_PROPERTIES)
    with pytest.raises(ValidationError, match="use Filters"):
        compile_expression(SearchExpression(nested_filters=(nested,)), FEATURE_PROPERTIES)
    wrong = NestedFilter("FeatureDefinitions", (Filter("FeatureGroupName"),))
    with pytest.raises(ValidationError, match=r"FeatureDefinitions\.FeatureName"):
        compile_expression(SearchExpression(nested_filters=(wrong,)), GROUP_PROPERTIES)
