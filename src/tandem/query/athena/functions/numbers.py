"""Functions of numbers, and those that choose between values."""

from collections.abc import Sequence

from tandem.query.athena.failures import not_supported
from tandem.query.athena.functions.definition import (
    Call,
    Function,
    like_argument,
    named,
    returns,
    template,
)
from tandem.query.athena.types import (
    BIGINT,
    BOOLEAN,
    DOUBLE,
    VARCHAR,
    Type,
    common_type,
    is_integer,
)

_MANY = 1_000


def _common(types: Sequence[Type]) -> Type:
    return common_type(list(types))


def _whole(name: str) -> Function:
    def sql(call: Call) -> str:
        # Of a whole number they are that number, of the same type.
        return call.arguments[0] if is_integer(call.types[0]) else f"{name}({call.arguments[0]})"

    return Function(sql, like_argument(0), 1, 1)


def _extreme(name: str) -> Function:
    """greatest and least: null where any argument is, while DuckDB's leave nulls out."""

    def sql(call: Call) -> str:
        listed = f"[{', '.join(call.arguments)}]"
        body = f"CASE WHEN len(list_filter(x, lambda y: y IS NULL)) = 0 THEN {name}(x) END"
        return f"list_transform([{listed}], lambda x: {body})[1]"

    return Function(sql, _common, 1, _MANY)


def _from_base(call: Call) -> str:
    prefix = {"2": "0b", "10": "", "16": "0x"}.get(call.literal(1))
    if prefix is None:
        raise not_supported(call.node, f"base {call.literal(1)}")
    return f"CAST('{prefix}' || {call.arguments[0]} AS BIGINT)"


def _random(call: Call) -> str:
    if not call.arguments:
        return "random()"
    low, high = ("0", call.arguments[0]) if len(call.arguments) == 1 else call.arguments
    return f"CAST(floor({low} + random() * (({high}) - ({low}))) AS BIGINT)"


_DOUBLES = (
    "acos",
    "asin",
    "atan",
    "cbrt",
    "cos",
    "cosh",
    "degrees",
    "exp",
    "ln",
    "log10",
    "log2",
    "radians",
    "sin",
    "sinh",
    "sqrt",
    "tan",
    "tanh",
)

NUMBERS = {
    **{name: named(name, DOUBLE, 1) for name in _DOUBLES},
    "abs": named("abs", like_argument(0), 1),
    "atan2": named("atan2", DOUBLE, 2),
    "bitwise_and": template("(({0}) & ({1}))", BIGINT, 2),
    "bitwise_left_shift": template("(({0}) << ({1}))", BIGINT, 2),
    "bitwise_not": template("(~({0}))", BIGINT, 1),
    "bitwise_or": template("(({0}) | ({1}))", BIGINT, 2),
    "bitwise_right_shift": template("(({0}) >> ({1}))", BIGINT, 2),
    "bitwise_xor": template("xor({0}, {1})", BIGINT, 2),
    "ceil": _whole("ceil"),
    "ceiling": _whole("ceil"),
    "coalesce": named("coalesce", _common, 1, _MANY),
    "e": template("exp(1.0)", DOUBLE, 0),
    "floor": _whole("floor"),
    "from_base": Function(_from_base, returns(BIGINT), 2, 2),
    "greatest": _extreme("list_max"),
    "infinity": template("CAST('Infinity' AS DOUBLE)", DOUBLE, 0),
    "is_finite": named("isfinite", BOOLEAN, 1),
    "is_infinite": named("isinf", BOOLEAN, 1),
    "is_nan": named("isnan", BOOLEAN, 1),
    "least": _extreme("list_min"),
    "log": named("log", DOUBLE, 2),
    "mod": template("(({0}) % ({1}))", _common, 2),
    "nan": template("CAST('NaN' AS DOUBLE)", DOUBLE, 0),
    "nullif": named("nullif", like_argument(0), 2),
    "pi": named("pi", DOUBLE, 0),
    "pow": named("pow", DOUBLE, 2),
    "power": named("pow", DOUBLE, 2),
    "rand": Function(_random, lambda types: BIGINT if types else DOUBLE, 0, 2),
    "random": Function(_random, lambda types: BIGINT if types else DOUBLE, 0, 2),
    "round": named("round", like_argument(0), 1, 2),
    "sign": named("sign", like_argument(0), 1),
    "to_base": template("lower(to_base({0}, {1}))", VARCHAR, 2),
    "truncate": named("trunc", like_argument(0), 1),
    "try": template("TRY({0})", like_argument(0), 1),
    "uuid": template("CAST(uuid() AS VARCHAR)", VARCHAR, 0),
}
"""By name. `if` is syntax, not a function."""
