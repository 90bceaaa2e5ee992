"""Search and GetSearchSuggestions, for feature groups and features.

AWS leaves open how many results a page has by default; here it has as many as a page may have.
"""

import asyncio
from collections.abc import Sequence

from tandem.errors import ValidationError
from tandem.model import search as model
from tandem.model.described_feature import DescribedFeature
from tandem.model.feature_group import FeatureGroup
from tandem.model.search_properties import LAST_MODIFIED_TIME
from tandem.service.placement import Account
from tandem.service.search import Search, SearchPage, SearchQuery
from tandem.wire.feature_groups import describe_group
from tandem.wire.feature_metadata import describe_feature
from tandem.wire.paging import PageTokens
from tandem.wire.shapes import search as shapes
from tandem.wire.shapes.sagemaker import SortOrder
from tandem.wire.tags import described_tags


class SearchOperations:
    """These look through all definitions: they run in threads."""

    def __init__(self, search: Search, account: Account, tokens: PageTokens) -> None:
        self._search = search
        self._account = account
        self._tokens = tokens

    async def search(self, request: shapes.SearchRequest) -> shapes.SearchResponse:
        return await asyncio.to_thread(self._found, _resource(request.resource), request)

    async def suggestions(
        self, request: shapes.GetSearchSuggestionsRequest
    ) -> shapes.GetSearchSuggestionsResponse:
        resource = _resource(request.resource)
        asked = request.suggestion_query and request.suggestion_query.property_name_query
        hint = asked.property_name_hint if asked else ""
        names = await asyncio.to_thread(self._search.property_names, resource, hint)
        return shapes.GetSearchSuggestionsResponse(
            property_name_suggestions=[
                shapes.PropertyNameSuggestion(property_name=name) for name in names
            ]
        )

    def _found(
        self, resource: model.SearchResource, request: shapes.SearchRequest
    ) -> shapes.SearchResponse:
        query = _query(request)
        question = ("Search", resource, query)
        after = self._tokens.open(question, request.next_token) if request.next_token else None
        size = request.max_results or shapes.RESULTS_MAX
        page: SearchPage[FeatureGroup] | SearchPage[DescribedFeature]
        if resource is model.SearchResource.FEATURE_GROUP:
            groups = page = self._search.feature_groups(query, after=after, size=size)
            results = [
                shapes.SearchRecord(feature_group=found_group(group, self._account))
                for group in groups.hits
            ]
        else:
            features = page = self._search.features(query, after=after, size=size)
            results = [
                shapes.SearchRecord(feature_metadata=found_feature(feature, self._account))
                for feature in features.hits
            ]
        return shapes.SearchResponse(
            results=results,
            next_token=None if page.last is None else self._tokens.seal(question, page.last),
            total_hits=shapes.TotalHits(value=page.total, relation=shapes.Relation.EQUAL_TO),
        )


def found_group(group: FeatureGroup, account: Account) -> shapes.FeatureGroup:
    """A group as a search shows it: as Describe does, and with its tags."""
    described = describe_group(group, account)
    return shapes.FeatureGroup(
        feature_group_arn=described.feature_group_arn,
        feature_group_name=described.feature_group_name,
        record_identifier_feature_name=described.record_identifier_feature_name,
        event_time_feature_name=described.event_time_feature_name,
        feature_definitions=described.feature_definitions,
        creation_time=described.creation_time,
        # Describe leaves it out until the first change; results that are sorted by it show it.
        last_modified_time=group.modified_at_us / 1e6,
        online_store_config=described.online_store_config,
        offline_store_config=described.offline_store_config,
        throughput_config=described.throughput_config,
        role_arn=described.role_arn,
        feature_group_status=described.feature_group_status,
        offline_store_status=described.offline_store_status,
        last_update_status=described.last_update_status,
        failure_reason=described.failure_reason,
        description=described.description,
        tags=described_tags(group) or None,
    )


def found_feature(feature: DescribedFeature, account: Account) -> shapes.FeatureMetadata:
    """A feature as a search shows it: as Describe does."""
    described = describe_feature(feature, account)
    return shapes.FeatureMetadata(
        feature_group_arn=described.feature_group_arn,
        feature_group_name=described.feature_group_name,
        feature_name=described.feature_name,
        feature_type=described.feature_type,
        creation_time=described.creation_time,
        last_modified_time=described.last_modified_time,
        description=described.description,
        parameters=described.parameters,
    )


def _resource(wanted: shapes.ResourceType) -> model.SearchResource:
    try:
        return model.SearchResource(wanted)
    except ValueError:
        served = ", ".join(model.SearchResource)
        raise ValidationError(
            f"Resource {wanted.value!r} cannot be searched here: use one of {served}"
        ) from None


def _query(request: shapes.SearchRequest) -> SearchQuery:
    expression = request.search_expression
    return SearchQuery(
        expression=None if expression is None else _expression(expression, 0),
        visibility=tuple(_condition(one) for one in request.visibility_conditions or ()),
        sort_by=request.sort_by or LAST_MODIFIED_TIME,
        descending=request.sort_order is not SortOrder.ASCENDING,
        of_other_accounts=(
            request.cross_account_filter_option is shapes.CrossAccountFilterOption.CROSS_ACCOUNT
        ),
    )


def _expression(expression: shapes.SearchExpression, depth: int) -> model.SearchExpression:
    if depth > model.PARTS_PER_EXPRESSION_MAX:
        raise model.too_many_parts()  # each depth is a part; deeper than that Python gives up
    _check_given("Filters", expression.filters)
    _check_given("NestedFilters", expression.nested_filters)
    _check_given("SubExpressions", expression.sub_expressions)
    return model.SearchExpression(
        filters=_filters(expression.filters or ()),
        nested_filters=tuple(
            model.NestedFilter(nested.nested_property_name, _filters(nested.filters))
            for nested in expression.nested_filters or ()
        ),
        sub_expressions=tuple(
            _expression(one, depth + 1) for one in expression.sub_expressions or ()
        ),
        operator=expression.operator or model.BooleanOperator.AND,
    )


def _check_given(member: str, given: Sequence[object] | None) -> None:
    if given is not None and not given:
        raise ValidationError(f"{member} has 0 members; leave it out, or give some")


def _filters(filters: Sequence[shapes.Filter]) -> tuple[model.Filter, ...]:
    return tuple(model.Filter(one.name, one.operator, one.value) for one in filters)


def _condition(condition: shapes.VisibilityConditions) -> model.VisibilityCondition:
    if condition.key is None or condition.value is None:
        raise ValidationError(
            f"a member of VisibilityConditions with Key {condition.key!r} and Value"
            f" {condition.value!r} is not complete: give both"
        )
    return model.VisibilityCondition(condition.key, condition.value)
