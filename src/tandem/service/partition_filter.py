"""Which partitions an expression means: `year = '2024' AND month IN ('01', '02')`.

An expression is SQL over the partition keys of a table, as Glue and Hive have it: comparisons,
BETWEEN, IN, LIKE, IS NULL, AND, OR and NOT. Keys of a number type compare as numbers, all others as
texts. An expression is checked whole before any partition is looked at.
"""

import operator
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal, InvalidOperation
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from tandem.errors import ValidationError
from tandem.model.catalog import CatalogColumn, CatalogPartition, folded

_NUMBERS = ("tinyint", "smallint", "int", "bigint", "long", "float", "double", "decimal")
_NULL = "__HIVE_DEFAULT_PARTITION__"
_COMPARISONS: Mapping[type[exp.Expr], Callable[[Any, Any], bool]] = {
    exp.EQ: operator.eq,
    exp.NEQ: operator.ne,
    exp.GT: operator.gt,
    exp.GTE: operator.ge,
    exp.LT: operator.lt,
    exp.LTE: operator.le,
}
_MIRRORED: Mapping[type[exp.Expr], type[exp.Expr]] = {
    exp.GT: exp.LT,
    exp.GTE: exp.LTE,
    exp.LT: exp.GT,
    exp.LTE: exp.GTE,
}
_DEPTH_MAX = 400

Values = Sequence[str]
Test = Callable[[Values], bool]


def matching(
    partitions: Sequence[CatalogPartition], keys: Sequence[CatalogColumn], expression: str
) -> list[CatalogPartition]:
    """The partitions that the expression means. Raises ValidationError where it is wrong."""
    test = _Compiler(expression, keys).test()
    return [partition for partition in partitions if test(partition.values)]


class _Compiler:
    def __init__(self, expression: str, keys: Sequence[CatalogColumn]) -> None:
        self._expression = expression
        self._keys = {folded(key.name): place for place, key in enumerate(keys)}
        self._is_number = [folded(key.type).startswith(_NUMBERS) for key in keys]

    def test(self) -> Test:
        try:
            trees = sqlglot.parse(self._expression, read="hive")
        except (SqlglotError, RecursionError) as error:
            raise self._refusal("it is not SQL that can be read") from error
        if len(trees) != 1 or trees[0] is None:
            raise self._refusal("it is not one condition")
        return self._condition(trees[0], 0)

    def _condition(self, node: exp.Expr, depth: int) -> Test:
        if depth > _DEPTH_MAX:
            raise self._refusal("it is nested too deep")
        if isinstance(node, exp.Paren):
            return self._condition(node.this, depth + 1)
        if isinstance(node, exp.Not):
            inner = self._condition(node.this, depth + 1)
            return lambda values: not inner(values)
        if isinstance(node, exp.And | exp.Or):
            left = self._condition(node.left, depth + 1)
            right = self._condition(node.right, depth + 1)
            if isinstance(node, exp.And):
                return lambda values: left(values) and right(values)
            return lambda values: left(values) or right(values)
        return self._predicate(node)

    def _predicate(self, node: exp.Expr) -> Test:
        if isinstance(node, exp.Binary) and type(node) in _COMPARISONS:
            kind: type[exp.Expr] = type(node)
            key, value = node.left, node.right
            if not isinstance(key, exp.Column):
                kind, key, value = _MIRRORED.get(kind, kind), value, key
            return self._compared(key, [value], _COMPARISONS[kind])
        if isinstance(node, exp.Between):
            low = self._compared(node.this, [node.args["low"]], operator.ge)
            high = self._compared(node.this, [node.args["high"]], operator.le)
            return lambda values: low(values) and high(values)
        if isinstance(node, exp.In) and node.expressions:
            return self._compared(node.this, node.expressions, operator.eq)
        if isinstance(node, exp.Like):
            place, pattern = self._place(node.this), self._text(node.expression)
            return lambda values: _is_like(values[place], pattern)
        if isinstance(node, exp.Is) and isinstance(node.expression, exp.Null):
            place = self._place(node.this)
            return lambda values: values[place] == _NULL
        raise self._refusal(f"{node.sql()[:64]!r} is no condition on a partition key")

    def _compared(
        self,
        key: exp.Expr,
        literals: Sequence[exp.Expr],
        compare: Callable[[Any, Any], bool],
    ) -> Test:
        """Whether the key's value stands so to any of the literals."""
        place = self._place(key)
        texts = [self._text(literal) for literal in literals]
        if not self._is_number[place]:
            return lambda values: any(compare(values[place], text) for text in texts)
        numbers = [_number(text) for text in texts]
        if None in numbers:
            raise self._refusal(f"{texts[numbers.index(None)][:64]!r} is compared with a number")

        def test(values: Values) -> bool:
            found = _number(values[place])
            return found is not None and any(compare(found, number) for number in numbers)

        return test

    def _place(self, node: exp.Expr) -> int:
        name = folded(node.name) if isinstance(node, exp.Column) else ""
        if name not in self._keys:
            raise self._refusal(
                f"{node.sql()[:64]!r} is not one of the partition keys {list(self._keys)}"
            )
        return self._keys[name]

    def _text(self, node: exp.Expr) -> str:
        if isinstance(node, exp.Cast):
            return self._text(node.this)  # date '2024-05-01'
        if isinstance(node, exp.Literal):
            return str(node.this)
        if isinstance(node, exp.Neg) and isinstance(node.this, exp.Literal):
            return f"-{node.this.this}"
        if isinstance(node, exp.Boolean):
            return str(node.this).lower()
        raise self._refusal(f"{node.sql()[:64]!r} is no literal")

    def _refusal(self, reason: str) -> ValidationError:
        return ValidationError(f"Expression {self._expression[:256]!r} is not valid: {reason}")


def _number(text: str) -> Decimal | None:
    try:
        number = Decimal(text)
    except InvalidOperation:
        return None
    return number if number.is_finite() else None


def _is_like(text: str, pattern: str) -> bool:
    found: bool = pc.match_like(pa.array([text]), pattern=pattern)[0].as_py()
    return found
