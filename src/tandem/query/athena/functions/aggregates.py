"""Aggregates and window functions.

DuckDB sums whole numbers in 128 bits; the engine makes bigint of a result that fits.
"""

from collections.abc import Callable, Sequence

from tandem.query.athena.functions.definition import Call, Function, like_argument, returns
from tandem.query.athena.types import (
    BIGINT,
    BOOLEAN,
    DOUBLE,
    INTEGER,
    VARCHAR,
    Type,
    array_of,
    is_decimal,
    is_float,
    is_integer,
    map_of,
)

_MANY = 1_000


def _aggregate(
    name: str,
    type_: Type | Callable[[Sequence[Type]], Type],
    least: int = 1,
    most: int | None = None,
) -> Function:
    def sql(call: Call) -> str:
        return f"{name}({call.distinct}{', '.join(call.arguments)}{call.order})"

    type_of = type_ if callable(type_) else returns(type_)
    return Function(sql, type_of, least, least if most is None else most)


def _sum_type(types: Sequence[Type]) -> Type:
    return BIGINT if is_integer(types[0]) else types[0]


def _average_type(types: Sequence[Type]) -> Type:
    return DOUBLE if is_integer(types[0]) or is_float(types[0]) else types[0]


def _average(call: Call) -> str:
    found = f"avg({call.distinct}{call.arguments[0]})"
    type_ = call.types[0]
    if is_decimal(type_) and len(type_.expressions) == 2:
        # The average of decimals is one of the same precision and scale.
        precision, scale = (parameter.name for parameter in type_.expressions)
        return f"CAST({found} AS DECIMAL({precision}, {scale}))"
    return found


def _list_type(types: Sequence[Type]) -> Type:
    return array_of(types[0])


def _best_by(plain: str, several: str) -> Function:
    # Rows count even where the value that they bring is null: only a null measure leaves out a row.
    def sql(call: Call) -> str:
        name = several if len(call.arguments) == 3 else plain
        return f"{name}({', '.join(call.arguments)})"

    return Function(sql, lambda types: array_of(types[0]) if len(types) == 3 else types[0], 2, 3)


def _best(name: str) -> Function:
    return _aggregate(name, lambda types: array_of(types[0]) if len(types) == 2 else types[0], 1, 2)


def _approximate_percentile(call: Call) -> str:
    return f"approx_quantile({call.arguments[0]}, {call.arguments[1]})"


def _approximate_percentile_type(types: Sequence[Type]) -> Type:
    return array_of(types[0]) if types[1].expressions else types[0]


def _approximate_distinct(call: Call) -> str:
    return f"approx_count_distinct({call.arguments[0]})"


def _map_of_rows(call: Call) -> str:
    key, value = call.arguments
    # A key that comes twice keeps the value that came first; DuckDB's maps refuse a second one.
    pairs = f"list(({key}, {value}) ORDER BY {key}) FILTER (WHERE {key} IS NOT NULL)"
    kept = "lambda pair, index: index = 1 OR pair[1] IS DISTINCT FROM pairs[index - 1][1]"
    unique = f"list_transform([{pairs}], lambda pairs: list_filter(pairs, {kept}))[1]"
    return f"map_from_entries({unique})"


AGGREGATES = {
    "approx_distinct": Function(_approximate_distinct, returns(BIGINT), 1, 2),
    "approx_percentile": Function(_approximate_percentile, _approximate_percentile_type, 2, 2),
    "arbitrary": _aggregate("any_value", like_argument(0)),
    "any_value": _aggregate("any_value", like_argument(0)),
    "array_agg": _aggregate("list", _list_type),
    "avg": Function(_average, _average_type, 1, 1),
    "bitwise_and_agg": _aggregate("bit_and", BIGINT),
    "bitwise_or_agg": _aggregate("bit_or", BIGINT),
    "bitwise_xor_agg": _aggregate("bit_xor", BIGINT),
    "bool_and": _aggregate("bool_and", BOOLEAN),
    "bool_or": _aggregate("bool_or", BOOLEAN),
    "corr": _aggregate("corr", DOUBLE, 2),
    "count": _aggregate("count", BIGINT, 0, _MANY),
    "count_if": _aggregate("count_if", BIGINT),
    "covar_pop": _aggregate("covar_pop", DOUBLE, 2),
    "covar_samp": _aggregate("covar_samp", DOUBLE, 2),
    "cume_dist": _aggregate("cume_dist", DOUBLE, 0),
    "dense_rank": _aggregate("dense_rank", BIGINT, 0),
    "every": _aggregate("bool_and", BOOLEAN),
    "first_value": _aggregate("first_value", like_argument(0)),
    "geometric_mean": _aggregate("geometric_mean", DOUBLE),
    "grouping": _aggregate("grouping", INTEGER, 1, _MANY),
    "histogram": _aggregate("histogram", lambda types: map_of(types[0], BIGINT)),
    "kurtosis": _aggregate("kurtosis", DOUBLE),
    "lag": _aggregate("lag", like_argument(0), 1, 3),
    "last_value": _aggregate("last_value", like_argument(0)),
    "lead": _aggregate("lead", like_argument(0), 1, 3),
    "map_agg": Function(_map_of_rows, lambda types: map_of(types[0], types[1]), 2, 2),
    "max": _best("max"),
    "max_by": _best_by("arg_max_null", "arg_max"),
    "min": _best("min"),
    "min_by": _best_by("arg_min_null", "arg_min"),
    "nth_value": _aggregate("nth_value", like_argument(0), 2),
    "ntile": _aggregate("ntile", BIGINT),
    "percent_rank": _aggregate("percent_rank", DOUBLE, 0),
    "rank": _aggregate("rank", BIGINT, 0),
    "regr_intercept": _aggregate("regr_intercept", DOUBLE, 2),
    "regr_slope": _aggregate("regr_slope", DOUBLE, 2),
    "row_number": _aggregate("row_number", BIGINT, 0),
    "skewness": _aggregate("skewness", DOUBLE),
    "stddev": _aggregate("stddev", DOUBLE),
    "stddev_pop": _aggregate("stddev_pop", DOUBLE),
    "stddev_samp": _aggregate("stddev_samp", DOUBLE),
    "string_agg": _aggregate("string_agg", VARCHAR, 2),
    "sum": _aggregate("sum", _sum_type),
    "var_pop": _aggregate("var_pop", DOUBLE),
    "var_samp": _aggregate("var_samp", DOUBLE),
    "variance": _aggregate("variance", DOUBLE),
}
"""By name. `string_agg` is how LISTAGG is said."""
