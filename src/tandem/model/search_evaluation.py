"""What search expressions mean: which entities fit.

* Equals, In and Contains compare texts as they are written, case included; of a list of texts one
  must fit. In takes texts between commas; spaces around them do not count.
* NotEquals is true wherever Equals is not, so for what lacks the property too; NotExists likewise.
  The other operators are false for what lacks the property.
* Times are written in ISO 8601 (without a zone: UTC) or as seconds since 1970, Booleans as true and
  false, numbers with digits. All comparisons are exact.

An expression is compiled once, which finds what is wrong with it, and then evaluated column by
column; `search_table` has the columns and the masks.
"""

import operator as comparison
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import reduce
from itertools import compress
from typing import Any

from tandem.errors import ValidationError
from tandem.model.event_time import parse_iso_or_epoch
from tandem.model.search import (
    BooleanOperator,
    Filter,
    NestedFilter,
    Operator,
    SearchExpression,
    VisibilityCondition,
)
from tandem.model.search_properties import Entity, Properties, PropertyKind
from tandem.model.search_table import EntityTable, Mask

Flags = Sequence[bool]

_NUMBER = re.compile(r"[+-]?\d+(\.\d+)?", re.ASCII)
_BOOLEANS = {"true": True, "false": False}

Condition = Callable[[EntityTable[Any]], Mask]


def compile_expression(
    expression: SearchExpression | None, properties: Properties[Entity]
) -> Condition:
    """The condition that an expression sets; None lets everything pass.

    Raises ValidationError where a property is not known, an operator does not fit it, or a value
    does not parse.
    """
    if expression is None:
        return lambda table: table.all
    conditions = [
        *(_compile_filter(one, properties) for one in expression.filters),
        *(_compile_nested(one, properties) for one in expression.nested_filters),
        *(compile_expression(one, properties) for one in expression.sub_expressions),
    ]
    return (
        _all_of(conditions) if expression.operator is BooleanOperator.AND else _any_of(conditions)
    )


def compile_visibility(
    conditions: Sequence[VisibilityCondition], properties: Properties[Entity]
) -> Condition:
    """Passes what has none of the tags named, or has them with the value named."""

    def passes(table: EntityTable[Entity]) -> Mask:
        tags = table.column(properties.tags)
        return reduce(comparison.and_, (_lacks_another(one, tags) for one in conditions), table.all)

    return passes


def _lacks_another(wanted: VisibilityCondition, tags: Sequence[Mapping[str, str]]) -> Mask:
    key, value = wanted.tag_key, wanted.value
    return _mask([have.get(key, value) == value for have in tags])


def _all_of(conditions: Sequence[Condition]) -> Condition:
    return lambda table: reduce(comparison.and_, (one(table) for one in conditions))


def _any_of(conditions: Sequence[Condition]) -> Condition:
    return lambda table: reduce(comparison.or_, (one(table) for one in conditions))


def _compile_nested(nested: NestedFilter, properties: Properties[Entity]) -> Condition:
    members = properties.nested.get(nested.name)
    if members is None:
        choices = ", ".join(properties.nested) or "none; use Filters"
        raise ValidationError(
            f"NestedPropertyName {nested.name[:64]!r} is not a nested property of"
            f" {properties.resource}: there is {choices}"
        )
    passes = _all_of([_compile_filter(one, members) for one in nested.filters])

    def owns_one(table: EntityTable[Entity]) -> Mask:
        part, owners = table.parts[nested.name]
        flags = bytearray(len(table.entities))
        for owner in compress(owners, part.flags(passes(part))):
            flags[owner] = 1
        return int.from_bytes(flags, "little")

    return owns_one


def _compile_filter(wanted: Filter, properties: Properties[Entity]) -> Condition:
    found = properties.find("Name", wanted.name)
    operator = wanted.effective_operator
    if operator not in _RULES[found.kind]:
        fitting = ", ".join(one for one in Operator if one in _RULES[found.kind])
        raise ValidationError(
            f"Operator {operator} does not fit {wanted.name!r}, which is {found.kind}:"
            f" use {fitting}"
        )
    rule = _RULES[found.kind][operator]
    value = None if rule.takes_no_value else _parsed(wanted, operator, found.kind)

    def passes(table: EntityTable[Entity]) -> Mask:
        column = table.lines(found) if rule.of_lines else table.column(found)
        mask = _mask(rule.flags(column, value))
        return table.all ^ mask if rule.is_negated else mask

    return passes


def _mask(flags: Flags) -> Mask:
    return int.from_bytes(bytes(flags), "little")


def _parsed(wanted: Filter, operator: Operator, kind: PropertyKind) -> Any:
    text = wanted.value
    if text is None:
        raise ValidationError(
            f"Operator {operator} of the filter on {wanted.name!r} needs a Value: give one, or use"
            " Exists or NotExists"
        )
    if operator is Operator.IN:
        return _between_commas(wanted, text)
    match kind:
        case PropertyKind.NUMBER:
            return _number(wanted, text)
        case PropertyKind.TIME:
            return _microseconds(wanted, text)
        case PropertyKind.BOOLEAN:
            return _boolean(wanted, text)
        case _:
            return text


def _between_commas(wanted: Filter, text: str) -> frozenset[str]:
    texts = frozenset(one.strip() for one in text.split(",")) - {""}
    if not texts:
        raise _does_not_parse(wanted, "holds no text: write texts with commas between them")
    return texts


def _number(wanted: Filter, text: str) -> int | Decimal:
    found = _NUMBER.fullmatch(text)
    if found is None:
        raise _does_not_parse(wanted, "is not a number: write digits, such as 7 or 0.5")
    return Decimal(text) if found[1] else int(text)


def _microseconds(wanted: Filter, text: str) -> int | Decimal:
    try:
        moment = parse_iso_or_epoch(text)
    except ValidationError:
        raise _does_not_parse(
            wanted,
            "is not a time between the years 0000 and 9999: write ISO 8601 such as"
            " 2024-05-01T12:30:00, or seconds since 1970",
        ) from None
    whole, rest = divmod(moment.nanoseconds, 1_000)
    microseconds = moment.seconds * 1_000_000 + whole
    return microseconds + Decimal(rest).scaleb(-3) if rest else microseconds


def _boolean(wanted: Filter, text: str) -> bool:
    found = _BOOLEANS.get(text.lower())
    if found is None:
        raise _does_not_parse(wanted, "is not a Boolean: write true or false")
    return found


def _does_not_parse(wanted: Filter, reason: str) -> ValidationError:
    return ValidationError(
        f"Value {(wanted.value or '')[:64]!r} of the filter on {wanted.name!r} {reason}"
    )


@dataclass(frozen=True, slots=True)
class _Rule:
    """How one operator looks at a column of one kind.

    is_negated      it holds exactly where `flags` are not set
    of_lines        it looks at the lines of a list of texts
    """

    flags: Callable[[Sequence[Any], Any], Flags]
    is_negated: bool = False
    of_lines: bool = False
    takes_no_value: bool = False


def _compares(compare: Callable[[Any, Any], bool]) -> Callable[[Sequence[Any], Any], Flags]:
    return lambda column, value: [found is not None and compare(found, value) for found in column]


def _equals(column: Sequence[Any], value: Any) -> Flags:
    return [found == value for found in column]


def _contains(column: Sequence[Any], value: Any) -> Flags:
    return [found is not None and value in found for found in column]


def _is_in(column: Sequence[Any], values: Any) -> Flags:
    return [found in values for found in column]


def _exists(column: Sequence[Any], _: Any) -> Flags:
    return [found is not None for found in column]


def _any_equals(column: Sequence[Any], value: Any) -> Flags:
    return [value in found for found in column]


def _any_is_in(column: Sequence[Any], values: Any) -> Flags:
    return [not values.isdisjoint(found) for found in column]


def _is_not_empty(column: Sequence[Any], _: Any) -> Flags:
    return [bool(found) for found in column]


_SINGLE: Mapping[Operator, _Rule] = {
    Operator.EQUALS: _Rule(_equals),
    Operator.NOT_EQUALS: _Rule(_equals, is_negated=True),
    Operator.EXISTS: _Rule(_exists, takes_no_value=True),
    Operator.NOT_EXISTS: _Rule(_exists, takes_no_value=True, is_negated=True),
}
_ORDERED: Mapping[Operator, _Rule] = {
    **_SINGLE,
    Operator.GREATER_THAN: _Rule(_compares(comparison.gt)),
    Operator.GREATER_THAN_OR_EQUAL_TO: _Rule(_compares(comparison.ge)),
    Operator.LESS_THAN: _Rule(_compares(comparison.lt)),
    Operator.LESS_THAN_OR_EQUAL_TO: _Rule(_compares(comparison.le)),
}
_RULES: Mapping[PropertyKind, Mapping[Operator, _Rule]] = {
    PropertyKind.BOOLEAN: _SINGLE,
    PropertyKind.NUMBER: _ORDERED,
    PropertyKind.TIME: _ORDERED,
    PropertyKind.TEXT: {
        **_SINGLE,
        Operator.CONTAINS: _Rule(_contains),
        Operator.IN: _Rule(_is_in),
    },
    PropertyKind.TEXTS: {
        Operator.EQUALS: _Rule(_any_equals),
        Operator.NOT_EQUALS: _Rule(_any_equals, is_negated=True),
        Operator.EXISTS: _Rule(_is_not_empty, takes_no_value=True),
        Operator.NOT_EXISTS: _Rule(_is_not_empty, takes_no_value=True, is_negated=True),
        # Neither a value nor a key holds a line end, so a match never reaches into the next line.
        Operator.CONTAINS: _Rule(_contains, of_lines=True),
        Operator.IN: _Rule(_any_is_in),
    },
}
