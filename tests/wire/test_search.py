"""Search and GetSearchSuggestions as clients see them."""

import asyncio
import json
from typing import Any

import pytest

from tandem.errors import ValidationError
from tandem.model.described_feature import described_features
from tandem.model.search_properties import PropertyKind, feature_properties, group_properties
from tandem.wire.paging import PageTokens
from tandem.wire.search import SearchOperations
from tandem.wire.shapes import search as shapes

from .bench import ACCOUNT, OFFLINE, ROLE, SAGEMAKER, START_US, Bench, definition, group_request

ARN = f"arn:aws:sagemaker:{ACCOUNT.region}:{ACCOUNT.account_id}:feature-group/"


@pytest.fixture
def shop(bench: Bench) -> Bench:
    """airport and vera-orders, online; memory, with collections; archive, offline; a second apart.

    vera-orders was changed last, and its feature `whole` described a second later.
    """
    tagged = {"Tags": [{"Key": "org", "Value": "Sage"}, {"Key": "heart", "Value": ""}]}
    offline = {"OfflineStoreConfig": OFFLINE, "RoleArn": ROLE}
    memory = group_request("memory", storage="InMemory")
    memory["FeatureDefinitions"].append(definition("list", "Integral", CollectionType="List"))
    archive = group_request("archive", Description="what is past", **offline)
    del archive["OnlineStoreConfig"]
    rich = group_request("vera-orders", **offline, **tagged)
    rich["OnlineStoreConfig"]["TtlDuration"] = {"Unit": "Days", "Value": 3}
    rich["OnlineStoreConfig"]["SecurityConfig"] = {"KmsKeyId": "key"}
    storage = {**OFFLINE["S3StorageConfig"], "KmsKeyId": "other"}
    rich["OfflineStoreConfig"] = {**OFFLINE, "S3StorageConfig": storage}
    rich["ThroughputConfig"] = {
        "ThroughputMode": "Provisioned",
        "ProvisionedReadCapacityUnits": 1,
        "ProvisionedWriteCapacityUnits": 2,
    }
    for request in (group_request("airport"), rich, memory, archive):
        made = bench.send(SAGEMAKER, "CreateFeatureGroup", **request)
        assert made.status == 200, made.parsed
        bench.now_us += 1_000_000
    additions = [definition("added")]
    update = {"FeatureGroupName": "vera-orders", "FeatureAdditions": additions}
    assert bench.send(SAGEMAKER, "UpdateFeatureGroup", **update).status == 200
    bench.now_us += 1_000_000
    described = bench.send(
        SAGEMAKER,
        "UpdateFeatureMetadata",
        FeatureGroupName="vera-orders",
        FeatureName="whole",
        Description="what he bought",
        ParameterAdditions=[{"Key": "unit", "Value": "EUR"}],
    )
    assert described.status == 200
    return bench


def answered(bench: Bench, resource: str, **request: Any) -> dict[str, Any]:
    answer = bench.send(SAGEMAKER, "Search", Resource=resource, **request)
    assert answer.status == 200, answer.parsed
    return answer.parsed


def groups(bench: Bench, *filters: tuple[str, ...], **request: Any) -> list[str]:
    request |= _expression(filters)
    results = answered(bench, "FeatureGroup", **request)["Results"]
    return [one["FeatureGroup"]["FeatureGroupName"] for one in results]


def features(bench: Bench, *filters: tuple[str, ...], **request: Any) -> list[str]:
    request |= _expression(filters)
    results = answered(bench, "FeatureMetadata", **request)["Results"]
    found = [one["FeatureMetadata"] for one in results]
    return [f"{one['FeatureGroupName']}.{one['FeatureName']}" for one in found]


def _expression(filters: tuple[tuple[str, ...], ...]) -> dict[str, Any]:
    if not filters:
        return {}
    names = ("Name", "Operator", "Value")
    return {
        "SearchExpression": {"Filters": [dict(zip(names, one, strict=False)) for one in filters]}
    }


def test_everything_is_found_the_latest_change_first(shop: Bench) -> None:
    assert groups(shop) == ["vera-orders", "archive", "memory", "airport"]
    found = answered(shop, "FeatureMetadata")
    assert found["TotalHits"] == {"Value": 22, "Relation": "EqualTo"}
    assert len(found["Results"]) == 22
    assert features(shop, MaxResults=3) == [
        "vera-orders.whole",
        "vera-orders.added",
        "archive.id",
    ]


def test_a_group_is_shown_as_described_with_its_tags(shop: Bench) -> None:
    shown = answered(shop, "FeatureGroup", SortBy="FeatureGroupName")["Results"]
    for one in shown:
        group = one["FeatureGroup"]
        name = group["FeatureGroupName"]
        described = shop.send(SAGEMAKER, "DescribeFeatureGroup", FeatureGroupName=name).parsed
        tags = shop.send(SAGEMAKER, "ListTags", ResourceArn=f"{ARN}{name}").parsed["Tags"]
        del described["ResponseMetadata"], described["ThroughputConfig"]
        # Describe leaves the time out until the group changes; a search is sorted by it.
        described.setdefault("LastModifiedTime", described["CreationTime"])
        assert group == {**described, **({"Tags": tags} if tags else {})}


def test_a_feature_is_shown_as_described(shop: Bench) -> None:
    shown = answered(shop, "FeatureMetadata")["Results"]
    for one in shown:
        feature = one["FeatureMetadata"]
        names = {name: feature[name] for name in ("FeatureGroupName", "FeatureName")}
        described = shop.send(SAGEMAKER, "DescribeFeatureMetadata", **names).parsed
        del described["ResponseMetadata"]
        assert feature == described


def test_what_is_searched_by_is_what_is_shown(shop: Bench) -> None:
    """Each property of each hit, against the member of its name."""
    properties = group_properties(ARN)
    answer = shop.send(SAGEMAKER, "Search", Resource="FeatureGroup").response.body
    # As it is sent: botocore passes over ThroughputConfig, which AWS's model does not have here.
    shown = {
        one["FeatureGroup"]["FeatureGroupName"]: one["FeatureGroup"]
        for one in json.loads(answer)["Results"]
    }
    assert set(_members(properties.fixed)) - set(_all_members(shown.values())) == {
        "AllTags",
        "FailureReason",
    }
    for group in shop.core.definitions.live():
        document = shown[group.name]
        for name, one in properties.fixed.items():
            if name != "AllTags":
                assert _searched(one.kind, one.value(group)) == _at(document, name), name


def test_what_features_are_searched_by_is_what_is_shown(shop: Bench) -> None:
    properties = feature_properties(ARN)
    shown = {
        (one["FeatureGroupName"], one["FeatureName"]): one
        for result in answered(shop, "FeatureMetadata")["Results"]
        for one in [result["FeatureMetadata"]]
    }
    for group in shop.core.definitions.live():
        for feature in described_features(group):
            document = shown.pop((group.name, feature.name))
            for name, one in properties.fixed.items():
                if name != "AllParameters":
                    assert _searched(one.kind, one.value(feature)) == _at(document, name), name
    assert shown == {}


def _searched(kind: PropertyKind, value: Any) -> Any:
    if kind is PropertyKind.TIME:
        return value / 1e6
    return list(value) or None if kind is PropertyKind.TEXTS else value


def _at(document: dict[str, Any], path: str) -> Any:
    """The value at a path of members; a list gives its members' values; times in seconds."""
    found: Any = document
    for step in path.split("."):
        if isinstance(found, list):
            found = [one[step] for one in found if step in one]
        else:
            found = (found or {}).get(step)
    if path == "FeatureDefinitions":
        return [one["FeatureName"] for one in found]
    if path in ("OfflineStoreStatus", "LastUpdateStatus"):
        return found and found["Status"]
    if hasattr(found, "timestamp"):
        return found.timestamp()
    return None if found == [] else found


def _members(names: Any) -> list[str]:
    return [name.partition(".")[0] for name in names]


def _all_members(documents: Any) -> list[str]:
    return [name for document in documents for name in document]


def test_the_usual_questions_about_groups(shop: Bench) -> None:
    online, place = (
        "OnlineStoreConfig.EnableOnlineStore",
        "OfflineStoreConfig.S3StorageConfig.S3Uri",
    )
    assert groups(shop, ("FeatureGroupName", "Contains", "ver")) == ["vera-orders"]
    assert groups(shop, ("FeatureGroupName", "Equals", "airport")) == ["airport"]
    assert groups(shop, (online, "NotEquals", "true"), (place, "Exists")) == ["archive"]
    only_online = groups(shop, (online, "Equals", "true"), (place, "NotExists"))
    assert only_online == ["memory", "airport"]
    assert groups(shop, (online, "Equals", "true"), (place, "Exists")) == ["vera-orders"]
    assert groups(shop, ("Tags.org", "Contains", "Sag")) == ["vera-orders"]
    assert groups(shop, ("AllTags", "Contains", "hea")) == ["vera-orders"]
    assert groups(shop, ("FeatureGroupArn", "Equals", f"{ARN}memory")) == ["memory"]
    assert groups(shop, ("CreationTime", "LessThan", "2025-06-15T15:06:41")) == ["airport"]


def test_the_usual_questions_about_features(shop: Bench) -> None:
    either = [
        {"Name": "FeatureGroupName", "Operator": "Contains", "Value": "mem"},
        {"Name": "FeatureName", "Operator": "Contains", "Value": "adde"},
        {"Name": "AllParameters", "Operator": "Contains", "Value": "EU"},
    ]
    found = features(shop, SearchExpression={"Filters": either, "Operator": "Or"})
    assert found[:2] == ["vera-orders.whole", "vera-orders.added"]
    assert sorted(found[2:]) == [
        f"memory.{name}" for name in ("id", "list", "real", "text", "time", "whole")
    ]
    assert features(shop, SearchExpression={"Filters": either}) == []
    assert features(shop, ("Parameters.unit", "Equals", "EUR")) == ["vera-orders.whole"]
    assert features(shop, ("Description", "Contains", "bought")) == ["vera-orders.whole"]
    assert features(shop, ("FeatureType", "Equals", "Fractional"), MaxResults=1) == ["archive.real"]


def test_a_nested_filter(shop: Bench) -> None:
    def nested(*filters: tuple[str, str]) -> list[str]:
        made = [
            {"Name": f"FeatureDefinitions.{name}", "Operator": "Equals", "Value": value}
            for name, value in filters
        ]
        one = {"NestedPropertyName": "FeatureDefinitions", "Filters": made}
        return groups(shop, SearchExpression={"NestedFilters": [one]})

    assert nested(("FeatureName", "list"), ("CollectionType", "List")) == ["memory"]
    assert nested(("FeatureName", "id"), ("CollectionType", "List")) == []


@pytest.mark.parametrize("resource", ["FeatureGroup", "FeatureMetadata"])
@pytest.mark.parametrize("sort_by", [None, "FeatureGroupName", "Description", "CreationTime"])
@pytest.mark.parametrize("order", ["Ascending", "Descending"])
@pytest.mark.parametrize("size", [1, 3])
def test_pages_hold_each_hit_once(
    shop: Bench, resource: str, sort_by: str | None, order: str, size: int
) -> None:
    asked: dict[str, Any] = {"SortOrder": order} | ({"SortBy": sort_by} if sort_by else {})
    everything = answered(shop, resource, **asked)
    assert "NextToken" not in everything
    found: list[Any] = []
    page = answered(shop, resource, **asked, MaxResults=size)
    for _ in everything["Results"]:
        assert len(page["Results"]) <= size
        assert page["TotalHits"] == everything["TotalHits"]
        found += page["Results"]
        if "NextToken" not in page:
            break
        page = answered(shop, resource, **asked, MaxResults=size, NextToken=page["NextToken"])
    assert found == everything["Results"]


def test_a_page_goes_on_where_its_last_group_was_deleted(shop: Bench) -> None:
    asked = {"SortBy": "FeatureGroupName", "SortOrder": "Ascending"}
    token = answered(shop, "FeatureGroup", MaxResults=2, **asked)["NextToken"]
    shop.send(SAGEMAKER, "DeleteFeatureGroup", FeatureGroupName="archive")
    assert groups(shop, **asked, NextToken=token) == ["memory", "vera-orders"]


def test_a_token_is_for_its_question_alone(shop: Bench) -> None:
    token = answered(shop, "FeatureGroup", MaxResults=1)["NextToken"]
    assert answered(shop, "FeatureGroup", MaxResults=2, NextToken=token)["Results"]
    for other in (
        {"Resource": "FeatureMetadata"},
        {"SortOrder": "Ascending"},
        {"SortBy": "CreationTime"},
        {"SearchExpression": {"Filters": [{"Name": "FeatureGroupName"}]}},
        {"VisibilityConditions": [{"Key": "Tags.org", "Value": "Sage"}]},
    ):
        asked = {"Resource": "FeatureGroup", **other, "NextToken": token}
        refused = shop.send(SAGEMAKER, "Search", **asked)
        assert (refused.status, refused.code) == (400, "ValidationException")
        assert "NextToken" in refused.message


def test_the_longest_values_fit_into_a_token(bench: Bench) -> None:
    names = dict.fromkeys(("Catalog", "Database", "TableName"), "\U0001f600" * 255)
    for name in ("a" * 64, "b" * 64):
        request = group_request(name)
        offline = {**OFFLINE, "DataCatalogConfig": names}
        request |= {"OfflineStoreConfig": offline, "RoleArn": ROLE}
        assert bench.send(SAGEMAKER, "CreateFeatureGroup", **request).status == 200
    asked = {"SortBy": "OfflineStoreConfig.DataCatalogConfig.Database", "MaxResults": 1}
    token = answered(bench, "FeatureGroup", **asked)["NextToken"]
    assert groups(bench, **asked, NextToken=token) == ["b" * 64]


def test_visibility_and_other_accounts(shop: Bench) -> None:
    shop.send(
        SAGEMAKER,
        "AddTags",
        ResourceArn=f"{ARN}memory",
        Tags=[{"Key": "org", "Value": "Thyme"}],
    )
    seen = groups(shop, VisibilityConditions=[{"Key": "Tags.org", "Value": "Sage"}])
    assert seen == ["vera-orders", "archive", "airport"]
    assert len(groups(shop, CrossAccountFilterOption="SameAccount")) == 4
    found = answered(shop, "FeatureGroup", CrossAccountFilterOption="CrossAccount")
    assert (found["Results"], found["TotalHits"]["Value"]) == ([], 0)


FILTER = {"Name": "FeatureGroupName", "Operator": "Contains", "Value": "a"}


@pytest.mark.parametrize(
    ("request_", "words"),
    [
        ({"Resource": "TrainingJob"}, ["'TrainingJob'", "FeatureGroup, FeatureMetadata"]),
        ({"Resource": "FeatureGroups"}, ["FeatureGroups", "Resource", "enum"]),
        ({"SearchExpression": {}}, ["SearchExpression is empty"]),
        ({"SearchExpression": {"Operator": "Or"}}, ["SearchExpression is empty"]),
        ({"SearchExpression": {"Filters": []}}, ["Filters has 0 members"]),
        ({"SearchExpression": {"Filters": [FILTER], "SubExpressions": []}}, ["SubExpressions"]),
        ({"SearchExpression": {"Filters": [{"Value": "x"}]}}, ["Filters[0].Name", "null"]),
        ({"SearchExpression": {"Filters": [{**FILTER, "Operator": "Like"}]}}, ["Like", "enum"]),
        ({"SearchExpression": {"Filters": [{**FILTER, "Name": "X"}]}}, ["'X'", "AllTags"]),
        ({"SearchExpression": {"Filters": [{**FILTER, "Operator": "LessThan"}]}}, ["LessThan"]),
        ({"SearchExpression": {"Filters": [{**FILTER, "Value": ""}]}}, ["Value", "1024"]),
        ({"SearchExpression": {"Filters": [FILTER] * 21}}, ["Filters has 21 members"]),
        ({"SortBy": "AllTags"}, ["SortBy", "AllTags"]),
        ({"VisibilityConditions": [{"Key": "Tags.a"}]}, ["VisibilityConditions", "Tags.a"]),
        ({"VisibilityConditions": [{"Key": "a", "Value": "b"}]}, ["'a'", "Tags.<key>"]),
        ({"VisibilityConditions": []}, ["VisibilityConditions"]),
        ({"MaxResults": 101}, ["MaxResults", "100"]),
    ],
)
def test_what_is_refused_is_named(bench: Bench, request_: dict[str, Any], words: list[str]) -> None:
    refused = bench.send(SAGEMAKER, "Search", **{"Resource": "FeatureGroup", **request_})
    assert (refused.status, refused.code) == (400, "ValidationException"), refused.parsed
    assert [word for word in words if word not in refused.message] == [], refused.message


@pytest.mark.parametrize("depth", [40, 60, 400, 5_000])
def test_expressions_within_expressions(bench: Bench, depth: int) -> None:
    inner = json.dumps({"Filters": [FILTER]})
    expression = '{"SubExpressions":[' * depth + inner + "]}" * depth
    body = f'{{"Resource":"FeatureGroup","SearchExpression":{expression}}}'
    headers = {"x-amz-target": "SageMaker.Search"}
    answer = bench.raw("POST", b"/", headers=headers, body=body.encode())
    assert answer.status == (200 if depth == 40 else 400)
    if depth in (60, 400):
        assert "more than 50" in json.loads(answer.body)["message"]


def test_depth_is_bounded_whatever_a_decoder_lets_through(bench: Bench) -> None:
    expression = shapes.SearchExpression(filters=[shapes.Filter("FeatureGroupName")])
    for _ in range(2_000):
        expression = shapes.SearchExpression(sub_expressions=[expression])
    operations = SearchOperations(bench.core.search, ACCOUNT, PageTokens())
    request = shapes.SearchRequest(shapes.ResourceType.FEATURE_GROUP, expression)
    with pytest.raises(ValidationError, match="more than 50"):
        asyncio.run(operations.search(request))


def test_suggestions(shop: Bench) -> None:
    def suggested(resource: str, hint: str | None = None) -> list[str]:
        query = {"SuggestionQuery": {"PropertyNameQuery": {"PropertyNameHint": hint}}}
        asked = {"Resource": resource, **(query if hint is not None else {})}
        answer = shop.send(SAGEMAKER, "GetSearchSuggestions", **asked)
        assert answer.status == 200, answer.parsed
        return [one["PropertyName"] for one in answer.parsed["PropertyNameSuggestions"]]

    assert suggested("FeatureGroup", "Tags.") == ["Tags.heart", "Tags.org"]
    assert suggested("FeatureGroup", "CreationT") == ["CreationTime"]
    assert suggested("FeatureGroup", "Parameters.") == []
    assert suggested("FeatureMetadata", "Parameters.") == ["Parameters.unit"]
    assert suggested("FeatureMetadata") == suggested("FeatureMetadata", "")
    for resource in ("FeatureGroup", "FeatureMetadata"):
        for name in suggested(resource):
            assert answered(shop, resource, **_expression(((name, "Exists"),)))["TotalHits"]
    refused = shop.send(SAGEMAKER, "GetSearchSuggestions", Resource="Endpoint")
    assert (refused.status, refused.code) == (400, "ValidationException")
    assert "'Endpoint'" in refused.message


def test_times_are_those_of_the_clock(shop: Bench) -> None:
    (first,) = answered(
        shop, "FeatureGroup", **_expression((("FeatureGroupName", "Equals", "airport"),))
    )["Results"]
    assert first["FeatureGroup"]["CreationTime"].timestamp() == START_US / 1e6
    moment = first["FeatureGroup"]["CreationTime"].isoformat()
    assert groups(shop, ("CreationTime", "Equals", moment)) == ["airport"]
