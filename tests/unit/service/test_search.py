"""Search: orders, pages, and how it keeps up with changes."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tandem.assembly.core import Core
from tandem.errors import ValidationError
from tandem.model.changes import MetadataUpdate
from tandem.model.described_feature import DescribedFeature
from tandem.model.feature_group import FeatureDefinition, FeatureGroup, FeatureType
from tandem.model.search import Filter, Operator, SearchExpression, SearchResource
from tandem.model.search_properties import (
    feature_properties,
    group_properties,
)
from tandem.model.search_table import SORT_LENGTH_MAX
from tandem.service.placement import Account
from tandem.service.search import Search, SearchPage, SearchQuery
from unit.model import search_reference as reference
from unit.model.search_reference import ARN
from unit.service.scenes import START_US, ManualClock, definition

GROUPS = SearchResource.FEATURE_GROUP
FEATURES = SearchResource.FEATURE_METADATA
SORTABLE = {
    resource: [
        *(name for name, one in properties.fixed.items() if "list" not in one.kind),
        *labels,
    ]
    for resource, properties, labels in (
        (GROUPS, group_properties(ARN), ("Tags.team", "Tags.nobody")),
        (FEATURES, feature_properties(ARN), ("Parameters.team", "Parameters.x.y")),
    )
}


def search_over(groups: Sequence[FeatureGroup]) -> Search:
    return Search(lambda: groups, Account())


def ask(
    search: Search, resource: SearchResource, query: SearchQuery, **page: Any
) -> SearchPage[Any]:
    found = search.feature_groups if resource is GROUPS else search.features
    return found(query, **page)


def names_of(hit: FeatureGroup | DescribedFeature) -> tuple[str, ...]:
    return (hit.name,) if isinstance(hit, FeatureGroup) else (hit.group.name, hit.name)


def found(search: Search, resource: SearchResource, **wanted: Any) -> list[tuple[str, ...]]:
    """The names of all that is found, in order."""
    return [names_of(hit) for hit in ask(search, resource, SearchQuery(**wanted)).hits]


def documents(groups: Sequence[FeatureGroup], resource: SearchResource) -> list[dict[str, Any]]:
    if resource is GROUPS:
        return [reference.group_document(group) for group in groups]
    return [one for group in groups for one in reference.feature_documents(group)]


@st.composite
def questions(draw: st.DrawFn) -> tuple[SearchResource, str, bool]:
    resource = draw(st.sampled_from(SearchResource))
    return resource, draw(st.sampled_from(SORTABLE[resource])), draw(st.booleans())


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(groups=reference.groups(), question=questions(), size=st.integers(1, 4))
def test_pages_hold_each_hit_once_in_order(
    groups: list[FeatureGroup], question: tuple[SearchResource, str, bool], size: int
) -> None:
    resource, sort_by, descending = question
    search = search_over(groups)
    query = SearchQuery(sort_by=sort_by, descending=descending)
    wanted = reference.in_order(documents(groups, resource), sort_by, descending=descending)
    assert found(search, resource, sort_by=sort_by, descending=descending) == wanted
    seen: list[tuple[str, ...]] = []
    page = ask(search, resource, query, size=size)
    for _ in range(len(wanted) + 1):
        assert page.total == len(wanted)
        assert 1 <= len(page.hits) <= size or not wanted
        seen += [names_of(hit) for hit in page.hits]
        if page.last is None:
            break
        page = ask(search, resource, query, after=list(page.last), size=size)
    assert seen == wanted


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(groups=reference.groups(), question=questions(), expression=st.booleans())
def test_an_order_is_the_same_over_few_hits_and_many(
    groups: list[FeatureGroup], question: tuple[SearchResource, str, bool], expression: bool
) -> None:
    # Sorting what was found, and filtering the order of all, are two ways to one answer.
    resource, sort_by, descending = question
    everything = found(search_over(groups), resource, sort_by=sort_by, descending=descending)
    many = [replace(group, name=f"x{n}-{group.name}") for n in range(20) for group in groups]
    few = SearchExpression((Filter("FeatureGroupName", Operator.CONTAINS, "x7-"),))
    hits = found(
        search_over(many), resource, sort_by=sort_by, descending=descending, expression=few
    )
    if sort_by not in ("FeatureGroupName", "FeatureGroupArn"):
        assert [(name.removeprefix("x7-"), *rest) for name, *rest in hits] == everything


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(groups=reference.groups(), question=questions(), gone=st.integers(0, 5))
def test_a_page_goes_on_where_its_last_hit_is_gone(
    groups: list[FeatureGroup], question: tuple[SearchResource, str, bool], gone: int
) -> None:
    resource, sort_by, descending = question
    live = groups
    search = Search(lambda: live, Account())
    query = SearchQuery(sort_by=sort_by, descending=descending)
    first = ask(search, resource, query, size=gone + 1)
    if first.last is None:
        return
    last = first.hits[-1]
    group = last if isinstance(last, FeatureGroup) else last.group
    everything = reference.in_order(documents(groups, resource), sort_by, descending=descending)
    live = [one for one in groups if one is not group]
    seen = [names_of(hit) for hit in ask(search, resource, query, after=first.last).hits]
    assert seen == [one for one in everything[gone + 1 :] if one[0] != group.name]


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(states=st.lists(reference.groups(), min_size=2, max_size=4), question=questions())
def test_every_state_of_the_definitions_is_searched_as_if_it_were_the_first(
    states: list[list[FeatureGroup]], question: tuple[SearchResource, str, bool]
) -> None:
    resource, sort_by, descending = question
    live = states[0]
    search = Search(lambda: live, Account())
    # States share groups, as they do where one group of many has changed.
    shared = states[0][:2]
    names = {group.name for group in shared}
    for state in states:
        live = [*shared, *(group for group in state if group.name not in names)]
        hits = found(search, resource, sort_by=sort_by, descending=descending)
        fresh = search_over(live)
        assert hits == found(fresh, resource, sort_by=sort_by, descending=descending)


def test_the_latest_change_comes_first_unless_asked_otherwise(
    core: Core, clock: ManualClock
) -> None:
    for name in ("b", "a", "c"):
        core.groups.create(definition(name))
        clock.forward(1)
    assert [one.name for one in core.search.feature_groups(SearchQuery()).hits] == ["c", "a", "b"]
    core.updates.update_feature("a", "note", MetadataUpdate(description="said"))
    latest = core.search.features(SearchQuery(), size=2)
    assert [(one.group.name, one.name) for one in latest.hits] == [("a", "note"), ("c", "id")]
    assert (latest.total, latest.hits[0].metadata.description) == (12, "said")


def test_changes_are_found_at_once(core: Core, clock: ManualClock) -> None:
    def having(name: str, value: str | None = None) -> list[str]:
        query = SearchQuery(expression=SearchExpression((Filter(name, None, value),)))
        return sorted(one.name for one in core.search.feature_groups(query).hits)

    core.groups.create(definition("a"))
    core.groups.create(definition("b"))
    assert having("Tags.team", "fraud") == []
    core.updates.tag("a", {"team": "fraud"})
    assert having("Tags.team", "fraud") == ["a"]
    core.updates.untag("a", ["team"])
    assert having("Tags.team", "fraud") == []
    assert having("FeatureDefinitions", "note") == ["a", "b"]
    clock.forward(1)
    core.updates.retire_feature("a", "note")
    assert having("FeatureDefinitions", "note") == ["b"]
    core.groups.delete("b")
    assert having("FeatureDefinitions") == ["a"]


def test_only_groups_that_changed_are_taken_apart_again(core: Core) -> None:
    for name in ("a", "b"):
        core.groups.create(definition(name))
    before = {one.group.name: one for one in core.search.features(SearchQuery()).hits}
    core.updates.tag("a", {"team": "fraud"})
    after = {one.group.name: one for one in core.search.features(SearchQuery()).hits}
    assert after["b"] is before["b"]
    assert after["a"].group.tags == {"team": "fraud"}


def test_long_texts_are_ordered_by_their_beginning() -> None:
    # The rest would not fit into a token; equal beginnings go by name.
    text = "é" * SORT_LENGTH_MAX
    made = {"record_identifier_name": "id", "event_time_name": "id", "created_at_us": START_US}
    groups = [
        FeatureGroup(
            name=name,
            group_id=name,
            features=(FeatureDefinition("id", FeatureType.STRING),),
            modified_at_us=START_US,
            failure_reason=text + tail,
            **made,  # type: ignore[arg-type]
        )
        for name, tail in (("a", ""), ("b", "a"), ("c", "z"))  # in full, the other way round
    ]
    query = SearchQuery(sort_by="FailureReason")
    search = search_over(groups)
    first = search.feature_groups(query, size=1)
    assert first.last == (text, "a")
    rest = search.feature_groups(query, after=first.last)
    assert [group.name for group in rest.hits] == ["b", "c"]


@pytest.mark.parametrize(
    ("resource", "sort_by", "words"),
    [
        (GROUPS, "Nonsense", "SortBy 'Nonsense' is not a property of FeatureGroup: use Feature"),
        (FEATURES, "Tags.team", r"'Tags\.team' is not a property of FeatureMetadata"),
        (GROUPS, "AllTags", "'AllTags' is a list of texts, which has no order"),
        (FEATURES, "AllParameters", "'AllParameters' is a list of texts"),
        (GROUPS, "FeatureDefinitions.FeatureName", "has no order"),
    ],
)
def test_orders_that_are_refused(resource: SearchResource, sort_by: str, words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        found(search_over([]), resource, sort_by=sort_by)


def test_other_accounts_share_nothing_but_the_query_is_checked(core: Core) -> None:
    core.groups.create(definition())
    page = core.search.feature_groups(SearchQuery(of_other_accounts=True))
    assert (page.hits, page.total, page.last) == ((), 0, None)
    with pytest.raises(ValidationError, match="Nonsense"):
        core.search.features(SearchQuery(of_other_accounts=True, sort_by="Nonsense"))


def test_property_names_are_suggested(core: Core) -> None:
    core.groups.create(definition("a"))
    core.updates.tag("a", {"team": "fraud", "tier": "1"})
    long = "k" * 255
    update = MetadataUpdate(additions=(("unit", "EUR"), (long, "x")))
    core.updates.update_feature("a", "orders", update)
    names = core.search.property_names
    assert names(GROUPS, "Tags.t") == ["Tags.team", "Tags.tier"]
    assert names(GROUPS, "Feature")[:2] == [
        "FeatureDefinitions",
        "FeatureDefinitions.CollectionType",
    ]
    assert names(GROUPS, "tags") == []
    # No filter could name the long one, since names of properties have at most 255 characters.
    assert names(FEATURES, "Parameters.") == ["Parameters.unit"]
    everything = names(FEATURES)
    assert list(everything) == sorted(everything)
    assert {"FeatureName", "AllParameters", "Parameters.unit"} <= set(everything)
    core.updates.untag("a", ["team"])
    assert names(GROUPS, "Tags.t") == ["Tags.tier"]
