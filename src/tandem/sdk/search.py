"""Search expressions, in AWS's form, from the arguments that the library takes."""

from collections.abc import Mapping
from typing import Any

from tandem.model.search_document import parse_expression
from tandem.sdk.arguments import checked_text, checked_texts_by_name

Expression = Mapping[str, Any]


def contains(name: str, text: str | None) -> list[Expression]:
    """The filter that property `name` contains `text`; none where there is no text."""
    checked_text(text or "", "text")
    return [{"Name": name, "Operator": "Contains", "Value": text}] if text else []


def filters(wanted: list[Expression]) -> Expression:
    return {"Filters": wanted} if wanted else {}


def groups_expression(
    text: str | None, tags: Mapping[str, str] | None, expression: Expression | None
) -> Expression:
    _check(expression)
    properties = ("FeatureGroupName", "Description", "FeatureDefinitions.FeatureName")
    return _all_of(
        _any_contains(properties, text),
        _equal("Tags", checked_texts_by_name(tags, "tags")),
        expression,
    )


def features_expression(
    text: str | None, parameters: Mapping[str, str] | None, expression: Expression | None
) -> Expression:
    _check(expression)
    properties = ("FeatureName", "Description")
    return _all_of(
        _any_contains(properties, text),
        _equal("Parameters", checked_texts_by_name(parameters, "parameters")),
        expression,
    )


def _check(expression: Expression | None) -> None:
    """Raises ValidationError where the caller's own part is no SearchExpression: a server passes
    over members that AWS does not know.
    """
    if expression is not None:
        parse_expression(expression)


def _any_contains(properties: tuple[str, ...], text: str | None) -> Expression:
    found = [one for name in properties for one in contains(name, text)]
    return {"Operator": "Or", "Filters": found} if found else {}


def _equal(prefix: str, values: Mapping[str, str]) -> Expression:
    return filters(
        [
            {"Name": f"{prefix}.{key}", "Operator": "Equals", "Value": value}
            for key, value in values.items()
        ]
    )


def _all_of(*expressions: Expression | None) -> Expression:
    given = [one for one in expressions if one]
    return {"Operator": "And", "SubExpressions": given} if given else {}
