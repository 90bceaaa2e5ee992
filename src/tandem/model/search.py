"""Search expressions: which feature groups, or which features, somebody looks for.

* A filter says something of one property. Which properties there are stands in `search_properties`,
  which operators fit them and what they mean in `search_evaluation`.
* A filter with a value and no operator means Equals; one with neither means Exists.
* An expression has at least one part, and at most 50 in all, whatever they are nested in. A part
  that may not be is refused when it is made, by a ValidationError that names the member.
"""

from dataclasses import dataclass
from enum import StrEnum

from tandem.errors import ValidationError
from tandem.model.labels import check_tags

PROPERTY_NAME_LENGTH_MAX = 255
FILTER_VALUE_LENGTH_MAX = 1_024
MEMBERS_PER_LIST_MAX = 20
PARTS_PER_EXPRESSION_MAX = 50

_LINE_ENDS = frozenset("\n\r\x85\u2028\u2029")
_TAGS = "Tags."


class SearchResource(StrEnum):
    """What can be searched for here."""

    FEATURE_GROUP = "FeatureGroup"
    FEATURE_METADATA = "FeatureMetadata"


class Operator(StrEnum):
    EQUALS = "Equals"
    NOT_EQUALS = "NotEquals"
    GREATER_THAN = "GreaterThan"
    GREATER_THAN_OR_EQUAL_TO = "GreaterThanOrEqualTo"
    LESS_THAN = "LessThan"
    LESS_THAN_OR_EQUAL_TO = "LessThanOrEqualTo"
    CONTAINS = "Contains"
    EXISTS = "Exists"
    NOT_EXISTS = "NotExists"
    IN = "In"


class BooleanOperator(StrEnum):
    AND = "And"
    OR = "Or"


@dataclass(frozen=True, slots=True)
class Filter:
    """What is asked of one property. Exists and NotExists pass over a value."""

    name: str
    operator: Operator | None = None
    value: str | None = None

    def __post_init__(self) -> None:
        check_property_name("Name", self.name)
        value = self.value
        if value is None:
            return
        if not 1 <= len(value) <= FILTER_VALUE_LENGTH_MAX:
            raise ValidationError(
                f"Value of the filter on {self.name!r} has {len(value)} characters;"
                f" 1 to {FILTER_VALUE_LENGTH_MAX} are allowed"
            )
        if not _LINE_ENDS.isdisjoint(value):
            raise ValidationError(
                f"Value {value[:64]!r} of the filter on {self.name!r} must be a single line"
            )

    @property
    def effective_operator(self) -> Operator:
        """The operator given, or the one that AWS takes where none is."""
        if self.operator is not None:
            return self.operator
        return Operator.EXISTS if self.value is None else Operator.EQUALS


@dataclass(frozen=True, slots=True)
class NestedFilter:
    """Filters that one and the same member of a list must satisfy, all of them."""

    name: str
    filters: tuple[Filter, ...]

    def __post_init__(self) -> None:
        check_property_name("NestedPropertyName", self.name)
        _check_count("Filters", len(self.filters))


@dataclass(frozen=True, slots=True)
class SearchExpression:
    """Conditions of which all (And) or at least one (Or) must hold."""

    filters: tuple[Filter, ...] = ()
    nested_filters: tuple[NestedFilter, ...] = ()
    sub_expressions: tuple["SearchExpression", ...] = ()
    operator: BooleanOperator = BooleanOperator.AND

    def __post_init__(self) -> None:
        lists = {
            "Filters": len(self.filters),
            "NestedFilters": len(self.nested_filters),
            "SubExpressions": len(self.sub_expressions),
        }
        if not any(lists.values()):
            raise ValidationError(
                "SearchExpression is empty: give Filters, NestedFilters or SubExpressions, or"
                " leave it out to find everything"
            )
        for member, count in lists.items():
            if count:
                _check_count(member, count)
        if self.parts > PARTS_PER_EXPRESSION_MAX:
            raise too_many_parts()

    @property
    def parts(self) -> int:
        """How many filters, nested filters and expressions it holds, at any depth."""
        nested = sum(1 + len(one.filters) for one in self.nested_filters)
        return len(self.filters) + nested + sum(1 + one.parts for one in self.sub_expressions)


@dataclass(frozen=True, slots=True)
class VisibilityCondition:
    """Hides what has the tag with another value. `key` is written Tags.<key>."""

    key: str
    value: str

    def __post_init__(self) -> None:
        if not self.tag_key:
            raise ValidationError(
                f"Key {self.key[:64]!r} of VisibilityConditions is not valid: write Tags.<key>"
            )
        check_tags([(self.key, self.value)])

    @property
    def tag_key(self) -> str:
        """The key of the tag; empty where `key` names no tag."""
        return self.key.removeprefix(_TAGS) if self.key.startswith(_TAGS) else ""


def check_property_name(member: str, name: str) -> None:
    """Raises ValidationError where no property can be called so."""
    if not 1 <= len(name) <= PROPERTY_NAME_LENGTH_MAX:
        raise ValidationError(
            f"{member} {name[:64]!r} is not valid:"
            f" 1 to {PROPERTY_NAME_LENGTH_MAX} characters are allowed"
        )


def too_many_parts() -> ValidationError:
    return ValidationError(
        f"SearchExpression holds more than {PARTS_PER_EXPRESSION_MAX} Filters, NestedFilters and"
        " SubExpressions in all"
    )


def _check_count(member: str, count: int) -> None:
    if not 1 <= count <= MEMBERS_PER_LIST_MAX:
        raise ValidationError(
            f"{member} has {count} members; 1 to {MEMBERS_PER_LIST_MAX} are allowed"
        )
