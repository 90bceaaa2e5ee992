"""A search expression from the document that AWS's Search takes: mappings, lists and texts.

For callers in Python, who write the document down as boto3's users do. Raises ValidationError that
names the member and quotes what stands there; members that AWS does not know are refused, since in
Python they are slips of the pen.
"""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any, TypeVar

from tandem.errors import ValidationError
from tandem.model.search import (
    PARTS_PER_EXPRESSION_MAX,
    BooleanOperator,
    Filter,
    NestedFilter,
    Operator,
    SearchExpression,
    too_many_parts,
)

_Choice = TypeVar("_Choice", bound=StrEnum)


def parse_expression(document: Mapping[str, Any]) -> SearchExpression:
    """The expression that a SearchExpression document says."""
    return _expression(document, 0)


def _expression(document: Any, depth: int) -> SearchExpression:
    if depth > PARTS_PER_EXPRESSION_MAX:
        raise too_many_parts()  # each depth is a part; deeper than that Python gives up
    known = ("Filters", "NestedFilters", "SubExpressions", "Operator")
    members = _members("SearchExpression", document, known)
    return SearchExpression(
        filters=tuple(_filter(one) for one in _list("Filters", members)),
        nested_filters=tuple(_nested(one) for one in _list("NestedFilters", members)),
        sub_expressions=tuple(
            _expression(one, depth + 1) for one in _list("SubExpressions", members)
        ),
        operator=_choice(BooleanOperator, members) or BooleanOperator.AND,
    )


def _filter(document: Any) -> Filter:
    members = _members("Filters", document, ("Name", "Operator", "Value"))
    value = members.get("Value")
    return Filter(
        name=_text("Name", members.get("Name")),
        operator=_choice(Operator, members),
        value=None if value is None else _text("Value", value),
    )


def _nested(document: Any) -> NestedFilter:
    members = _members("NestedFilters", document, ("NestedPropertyName", "Filters"))
    return NestedFilter(
        name=_text("NestedPropertyName", members.get("NestedPropertyName")),
        filters=tuple(_filter(one) for one in _list("Filters", members)),
    )


def _members(what: str, document: Any, known: Sequence[str]) -> Mapping[str, Any]:
    if not isinstance(document, Mapping):
        raise ValidationError(f"{what} must be a mapping, not {document!r:.80}")
    if unknown := sorted(str(name) for name in document if name not in known):
        raise ValidationError(f"{what} has no member {unknown[0][:64]!r}: use {', '.join(known)}")
    return document


def _list(member: str, members: Mapping[str, Any]) -> Sequence[Any]:
    found = members.get(member)
    if found is None:
        return ()
    if not isinstance(found, list | tuple):
        raise ValidationError(f"{member} must be a list, not {found!r:.80}")
    return found


def _text(member: str, found: Any) -> str:
    if not isinstance(found, str):
        raise ValidationError(f"{member} must be a text, not {found!r:.80}")
    try:
        found.encode()
    except UnicodeEncodeError:
        raise ValidationError(f"{member} {found!r:.80} holds half a character") from None
    return found


def _choice(choices: type[_Choice], members: Mapping[str, Any]) -> _Choice | None:
    found = members.get("Operator")
    if found is None:
        return None
    try:
        return choices(found)
    except ValueError:
        names = ", ".join(choices)
        raise ValidationError(f"Operator {found!r:.80} is not valid: use {names}") from None
