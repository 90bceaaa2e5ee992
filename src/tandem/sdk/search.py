"""Search expressions, in AWS's form, from the arguments that the library takes."""

from collections.abc import Mapping
from typing import Any

Expression = Mapping[str, Any]


def contains(name: str, text: str | None) -> list[Expression]:
    """The filter that property `name` contains `text`; none where there is no text."""
    return [{"Name": name, "Operator": "Contains", "Value": text}] if text else []


def filters(wanted: list[Expression]) -> Expression:
    return {"Filters": wanted} if wanted else {}


def groups_expression(
    text: str | None, tags: Mapping[str, str], expression: Expression | None
) -> Expression:
    properties = ("FeatureGroupName", "Description", "FeatureDefinitions.FeatureName")
    return _all_of(_any_contains(properties, text), _equal("Tags", tags), expression)


def features_expression(
    text: str | None, parameters: Mapping[str, str], expression: Expression | None
) -> Expression:
    properties = ("FeatureName", "Description")
    return _all_of(_any_contains(properties, text), _equal("Parameters", parameters), expression)


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
