"""Search expressions: what may be made, in Python and from AWS's documents."""

from typing import Any

import pytest

from tandem.errors import ValidationError
from tandem.model.search import (
    BooleanOperator,
    Filter,
    NestedFilter,
    Operator,
    SearchExpression,
    VisibilityCondition,
)
from tandem.model.search_document import parse_expression

FILTER = Filter("FeatureGroupName", Operator.CONTAINS, "a")
WRITTEN = {"Name": "FeatureGroupName", "Operator": "Contains", "Value": "a"}


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("", "x", "Name ''"),
        ("n" * 256, "x", "255 characters"),
        ("Description", "", "1 to 1024"),
        ("Description", "x" * 1_025, "1025 characters"),
        ("Description", "a\nb", "single line"),
        ("Description", "a\u2028b", "single line"),
    ],
)
def test_filters_that_are_refused(name: str, value: str, words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        Filter(name, Operator.EQUALS, value)


def test_an_expression_has_a_part() -> None:
    with pytest.raises(ValidationError, match="SearchExpression is empty"):
        SearchExpression()
    with pytest.raises(ValidationError, match="Filters has 0 members"):
        NestedFilter("FeatureDefinitions", ())


def test_a_list_has_at_most_twenty_members() -> None:
    SearchExpression((FILTER,) * 20)
    with pytest.raises(ValidationError, match="Filters has 21 members"):
        SearchExpression((FILTER,) * 21)
    with pytest.raises(ValidationError, match="Filters has 21 members"):
        NestedFilter("FeatureDefinitions", (FILTER,) * 21)
    with pytest.raises(ValidationError, match="SubExpressions has 21 members"):
        SearchExpression(sub_expressions=(SearchExpression((FILTER,)),) * 21)


def test_an_expression_has_at_most_fifty_parts_at_all_depths() -> None:
    sixteen = SearchExpression((FILTER,) * 15, (), (SearchExpression((FILTER,)),))
    assert sixteen.parts == 17
    nested = NestedFilter("FeatureDefinitions", (FILTER, FILTER))
    full = SearchExpression((FILTER,) * 11, (nested,), (sixteen, sixteen))
    assert full.parts == 50
    with pytest.raises(ValidationError, match="more than 50"):
        SearchExpression((FILTER,) * 12, (nested,), (sixteen, sixteen))


@pytest.mark.parametrize("key", ["team", "Tags.", "tags.team", "", "Tags"])
def test_visibility_is_by_tag(key: str) -> None:
    with pytest.raises(ValidationError, match=r"Tags\.<key>"):
        VisibilityCondition(key, "fraud")


def test_visibility_takes_what_a_tag_may_hold() -> None:
    assert VisibilityCondition("Tags.cost center", "").tag_key == "cost center"
    for key, value in (("Tags.<b>", "x"), ("Tags.a", "<"), ("Tags.a", "x" * 257)):
        with pytest.raises(ValidationError, match="Tags"):
            VisibilityCondition(key, value)


def test_a_document_is_read_whole() -> None:
    document = {
        "Filters": [WRITTEN, {"Name": "Description"}],
        "NestedFilters": [{"NestedPropertyName": "FeatureDefinitions", "Filters": (WRITTEN,)}],
        "SubExpressions": [{"Filters": [WRITTEN], "Operator": None}],
        "Operator": "Or",
    }
    assert parse_expression(document) == SearchExpression(
        filters=(FILTER, Filter("Description")),
        nested_filters=(NestedFilter("FeatureDefinitions", (FILTER,)),),
        sub_expressions=(SearchExpression((FILTER,)),),
        operator=BooleanOperator.OR,
    )


@pytest.mark.parametrize(
    ("document", "words"),
    [
        ({}, "SearchExpression is empty"),
        ([WRITTEN], "SearchExpression must be a mapping"),
        ({"Filter": [WRITTEN]}, "no member 'Filter': use Filters"),
        ({"Filters": WRITTEN}, "Filters must be a list"),
        ({"Filters": ["x"]}, "Filters must be a mapping, not 'x'"),
        ({"Filters": [{**WRITTEN, "Values": "x"}]}, "no member 'Values'"),
        ({"Filters": [{"Value": "x"}]}, "Name must be a text, not None"),
        ({"Filters": [{**WRITTEN, "Value": 7}]}, "Value must be a text, not 7"),
        ({"Filters": [{**WRITTEN, "Operator": "Like"}]}, "Operator 'Like' is not valid"),
        ({"Filters": [{**WRITTEN, "Operator": ["In"]}]}, "Operator .* is not valid"),
        ({"Filters": [WRITTEN], "Operator": "Xor"}, "Operator 'Xor' is not valid: use And, Or"),
        ({"NestedFilters": [{"Filters": [WRITTEN]}]}, "NestedPropertyName must be a text"),
        ({"NestedFilters": [{"NestedPropertyName": "x"}]}, "Filters has 0 members"),
    ],
)
def test_documents_that_are_refused(document: Any, words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        parse_expression(document)


def test_a_document_without_end_is_refused() -> None:
    document: dict[str, Any] = {"Filters": [WRITTEN]}
    for _ in range(5_000):
        document = {"SubExpressions": [document]}
    with pytest.raises(ValidationError, match="more than 50"):
        parse_expression(document)
