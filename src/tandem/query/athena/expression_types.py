"""The type of an expression, from the types of its parts, by Trino's rules.

Unknown is a possible answer: then DuckDB's own rules decide. What is leant on is where the two
differ: whole and decimal division, casts to text, and what is compared with a timestamp.
"""

from collections.abc import Callable, Sequence

from sqlglot import exp

from tandem.query.athena.types import (
    BIGINT,
    BOOLEAN,
    DATE,
    DOUBLE,
    INTEGER,
    INTERVAL,
    JSON,
    NULL,
    TIMESTAMP,
    TIMESTAMPTZ,
    UNKNOWN,
    VARBINARY,
    VARCHAR,
    Type,
    array_of,
    common_type,
    is_array,
    is_date,
    is_decimal,
    is_integer,
    is_map,
    is_moment,
    is_number,
    is_text,
    parameter,
    row_fields,
)

_INTEGER_MAX = 2**31 - 1
_PRECISION_MAX = 38
_DAY_UNITS = frozenset({"DAY", "WEEK", "MONTH", "QUARTER", "YEAR"})
_COMPARISONS = (
    exp.EQ,
    exp.NEQ,
    exp.GT,
    exp.GTE,
    exp.LT,
    exp.LTE,
    exp.NullSafeEQ,
    exp.NullSafeNEQ,
    exp.Between,
    exp.In,
)
_DIGITS = {exp.DType.TINYINT: 3, exp.DType.SMALLINT: 5, exp.DType.INT: 10, exp.DType.BIGINT: 19}


def literal_type(node: exp.Literal) -> Type:
    if node.is_string:
        return VARCHAR
    text = node.name
    if "e" in text.lower():
        return DOUBLE
    if "." in text:
        whole, _, fraction = text.partition(".")
        return decimal(len(whole.lstrip("0")) + len(fraction), len(fraction))
    return INTEGER if int(text) <= _INTEGER_MAX else BIGINT


def decimal(precision: int, scale: int) -> Type:
    precision = min(max(precision, 1), _PRECISION_MAX)
    parameters = [
        exp.DataTypeParam(this=exp.Literal.number(number)) for number in (precision, scale)
    ]
    return exp.DataType(this=exp.DType.DECIMAL, expressions=parameters)


def digits(type_: Type) -> tuple[int, int] | None:
    """Precision and scale of a decimal or whole number; None where they are not known."""
    if is_integer(type_):
        return _DIGITS[type_.this], 0
    if is_decimal(type_):
        given = [int(parameter.name) for parameter in type_.expressions]
        return (given[0], given[1] if len(given) == 2 else 0) if given else (_PRECISION_MAX, 0)
    return None


def arithmetic_type(node: exp.Binary, left: Type, right: Type) -> Type:
    """Of +, -, *, / and %."""
    if INTERVAL in (left, right):
        return _interval_type(node, left, right)
    if is_number(left) and is_number(right):
        if is_decimal(left) or is_decimal(right):
            return _decimal_type(node, left, right)
        return common_type([left, right])
    if (is_date(left) or is_moment(left)) and (is_date(right) or is_moment(right)):
        return INTERVAL
    if NULL in (left, right):
        return left if right == NULL else right
    return UNKNOWN


def _interval_type(node: exp.Binary, left: Type, right: Type) -> Type:
    other, interval = (left, node.expression) if right == INTERVAL else (right, node.this)
    if is_moment(other):
        return other
    if is_date(other):
        return DATE if is_in_days(interval) else TIMESTAMP
    if isinstance(node, exp.Add | exp.Sub) and (is_number(other) or is_text(other)):
        return TIMESTAMPTZ  # an event time, taken as its moment
    return INTERVAL if other == INTERVAL or is_number(other) else UNKNOWN


def is_in_days(interval: exp.Expr) -> bool:
    """Whether a literal interval is one of whole days or more."""
    unit = interval.args.get("unit") if isinstance(interval, exp.Interval) else None
    return unit is not None and unit.name.upper().removesuffix("S") in _DAY_UNITS


def _decimal_type(node: exp.Binary, left: Type, right: Type) -> Type:
    one, other = digits(left), digits(right)
    if one is None or other is None:
        return DOUBLE
    (p, s), (q, t) = one, other
    scale = max(s, t)
    if isinstance(node, exp.Mul):
        return decimal(p + q, s + t)
    if isinstance(node, exp.Div):
        return decimal(p + t + max(t - s, 0), scale)
    if isinstance(node, exp.Mod):
        return decimal(min(p - s, q - t) + scale, scale)
    return decimal(max(p - s, q - t) + scale + 1, scale)


def keeps_instant(node: exp.AtTimeZone) -> bool:
    """Whether `x AT TIME ZONE zone` is a moment here, rather than the wall clock of the zone.

    DuckDB's moments have no zone to be shown in, so the wall clock is what casts, formats and
    truncation need; a comparison needs the moment.
    """
    zone = node.args.get("zone")
    is_utc = isinstance(zone, exp.Literal) and zone.name.upper() in ("UTC", "Z", "ETC/UTC")
    return is_utc or isinstance(node.parent, _COMPARISONS)


def _same(_: exp.Expr, types: Sequence[Type]) -> Type:
    return types[0] if types else UNKNOWN


def _fixed(type_: Type) -> Callable[[exp.Expr, Sequence[Type]], Type]:
    return lambda _node, _types: type_


def _cast(node: exp.Expr, _types: Sequence[Type]) -> Type:
    target, value = node.args["to"], node.this
    if not isinstance(target, exp.DataType):
        return UNKNOWN
    if is_decimal(target) and not target.expressions and isinstance(value, exp.Literal):
        whole, _, fraction = value.name.strip().lstrip("+-").partition(".")  # DECIMAL '1.50'
        return decimal(len(whole.lstrip("0")) + len(fraction), len(fraction))
    return target


def _arithmetic(node: exp.Expr, types: Sequence[Type]) -> Type:
    assert isinstance(node, exp.Binary)
    return arithmetic_type(node, types[0], types[1])


def _joined(_: exp.Expr, types: Sequence[Type]) -> Type:
    arrays = [type_ for type_ in types if is_array(type_)]
    return arrays[0] if arrays else VARCHAR


def _at_time_zone(node: exp.Expr, _: Sequence[Type]) -> Type:
    assert isinstance(node, exp.AtTimeZone)
    return TIMESTAMPTZ if keeps_instant(node) else TIMESTAMP


def _array(_: exp.Expr, types: Sequence[Type]) -> Type:
    return array_of(common_type(list(types)) if types else NULL)


def _bracket(_: exp.Expr, types: Sequence[Type]) -> Type:
    if is_array(types[0]):
        return parameter(types[0], 0)
    return parameter(types[0], 1) if is_map(types[0]) else UNKNOWN


def _dot(node: exp.Expr, types: Sequence[Type]) -> Type:
    return field_type(types[0], node.expression.name)


def field_type(row: Type, name: str) -> Type:
    found = (type_ for field, type_ in row_fields(row) if field.lower() == name.lower())
    return next(found, UNKNOWN)


RULES: dict[type[exp.Expr], Callable[[exp.Expr, Sequence[Type]], Type]] = {
    exp.Add: _arithmetic,
    exp.Alias: _same,
    exp.Array: _array,
    exp.AtTimeZone: _at_time_zone,
    exp.Boolean: _fixed(BOOLEAN),
    exp.Bracket: _bracket,
    exp.Cast: _cast,
    exp.CurrentDate: _fixed(DATE),
    exp.CurrentTimestamp: _fixed(TIMESTAMPTZ),
    exp.DPipe: _joined,
    exp.Distinct: _same,
    exp.Div: _arithmetic,
    exp.Dot: _dot,
    exp.Extract: _fixed(BIGINT),
    exp.Filter: _same,
    exp.GroupConcat: _fixed(VARCHAR),
    exp.HexString: _fixed(VARBINARY),
    exp.IgnoreNulls: _same,
    exp.Interval: _fixed(INTERVAL),
    exp.Localtimestamp: _fixed(TIMESTAMP),
    exp.Mod: _arithmetic,
    exp.Mul: _arithmetic,
    exp.Neg: _same,
    exp.Null: _fixed(NULL),
    exp.Order: _same,
    exp.Ordered: _same,
    exp.Paren: _same,
    exp.ParseJSON: _fixed(JSON),
    exp.RespectNulls: _same,
    exp.StrPosition: _fixed(BIGINT),
    exp.Sub: _arithmetic,
    exp.Trim: _fixed(VARCHAR),
    exp.TryCast: _cast,
    exp.UnicodeString: _fixed(VARCHAR),
    exp.Window: _same,
}
"""Of a node with the types of its children, in the order of the children."""

for _class in (
    exp.All,
    exp.And,
    exp.Any,
    exp.Between,
    exp.EQ,
    exp.Escape,
    exp.Exists,
    exp.GT,
    exp.GTE,
    exp.In,
    exp.Is,
    exp.LT,
    exp.LTE,
    exp.Like,
    exp.NEQ,
    exp.Not,
    exp.NullSafeEQ,
    exp.NullSafeNEQ,
    exp.Or,
):
    RULES[_class] = _fixed(BOOLEAN)
