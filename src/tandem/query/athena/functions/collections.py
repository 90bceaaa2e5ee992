"""Functions of arrays, maps and rows."""

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
    UNKNOWN,
    VARCHAR,
    Type,
    array_of,
    is_date,
    is_integer,
    is_map,
    is_moment,
    map_of,
    parameter,
)

_MANY = 1_000
ENTRIES_MAX = 10_000
"""So many does a function make of numbers alone, as in Athena. Without a limit, one short statement
could take all memory: the engine counts it only where values are stored.
"""


def _element(types: Sequence[Type]) -> Type:
    return parameter(types[0], 0)


def _cardinality(call: Call) -> str:
    name = "cardinality" if is_map(call.types[0]) else "len"
    return f"CAST({name}({call.arguments[0]}) AS BIGINT)"


def _element_at(call: Call) -> str:
    container, place = call.arguments
    if is_map(call.types[0]):
        return f"map_extract_value({container}, {place})"
    return f"list_extract({container}, {place})"


def _element_at_type(types: Sequence[Type]) -> Type:
    return parameter(types[0], 1 if is_map(types[0]) else 0)


def _array_join(call: Call) -> str:
    values, separator, *null = call.arguments
    texts = f"list_transform({values}, lambda x: CAST(x AS VARCHAR))"
    if null:
        texts = f"list_transform({values}, lambda x: coalesce(CAST(x AS VARCHAR), {null[0]}))"
    return f"array_to_string({texts}, {separator})"


def _reduce(call: Call) -> str:
    values, start, step, finish = call.arguments
    # The last function gets the state alone: that of one value, as a list.
    state = f"list_reduce({values}, {step}, {start})"
    return f"list_transform([{state}], {finish})[1]"


def _sequence(call: Call) -> str:
    start, stop, *step = call.arguments
    if is_date(call.types[0]) or is_moment(call.types[0]):
        every = step[0] if step else "INTERVAL 1 DAY"
        # Months count as 30 days here.
        made = _limited_series("epoch(it.stop) - epoch(it.start)", "epoch(it.every)")
        of = f"start: CAST({start} AS TIMESTAMP), stop: CAST({stop} AS TIMESTAMP), every: {every}"
        target = "DATE" if is_date(call.types[0]) else "TIMESTAMP"
        series = f"list_transform([{{{of}}}], lambda it: {made})[1]"
        return f"list_transform({series}, lambda x: CAST(x AS {target}))"
    if not step:
        made = _limited_series("it.stop::HUGEINT - it.start", "1", _TO_THE_STOP)
        return f"list_transform([{{start: {start}, stop: {stop}}}], lambda it: {made})[1]"
    made = _limited_series("it.stop::HUGEINT - it.start", "it.every::HUGEINT")
    of = f"start: {start}, stop: {stop}, every: {step[0]}"
    return f"list_transform([{{{of}}}], lambda it: {made})[1]"


_TO_THE_STOP = "(CASE WHEN it.start <= it.stop THEN 1 ELSE -1 END)"


def _limited_series(distance: str, step: str, every: str = "it.every") -> str:
    return (
        f"CASE WHEN abs({distance}) >= {ENTRIES_MAX} * abs({step}) THEN error("
        "'INVALID_FUNCTION_ARGUMENT: result of sequence function must not have more than"
        f" {ENTRIES_MAX} entries') ELSE generate_series(it.start, it.stop, {every}) END"
    )


def _row(call: Call) -> str:
    return f"row({', '.join(call.arguments)})"


def _map(call: Call) -> str:
    return f"map({', '.join(call.arguments)})"


def _map_type(types: Sequence[Type]) -> Type:
    if len(types) == 2:
        return map_of(parameter(types[0], 0), parameter(types[1], 0))
    return map_of(UNKNOWN, UNKNOWN)


def _slice(call: Call) -> str:
    values, start, length = call.arguments
    return f"list_slice({values}, {start}, ({start}) + ({length}) - 1)"


def _repeat(call: Call) -> str:
    limited = (
        f"CASE WHEN {{0}} > {ENTRIES_MAX} THEN error('INVALID_FUNCTION_ARGUMENT: count argument of"
        f" repeat function must be less than or equal to {ENTRIES_MAX}') ELSE {{0}} END"
    )
    return f"list_transform(range({call.once(1, limited)}), lambda x: {call.arguments[0]})"


def _position(call: Call) -> str:
    return f"coalesce(list_position({call.arguments[0]}, {call.arguments[1]}), 0)"


def _sort(call: Call) -> str:
    if len(call.arguments) == 2:
        raise not_supported(call.node, "array_sort with a function")
    return f"list_sort({call.arguments[0]}, 'ASC', 'NULLS LAST')"


def _distinct(call: Call) -> str:
    # DuckDB's list_distinct leaves out nulls, and the order.
    kept = "lambda x, i: NOT list_contains(list_slice(it, 1, i - 1), x) AND x IS NOT NULL"
    first_null = "x IS NULL AND len(list_filter(list_slice(it, 1, i - 1), lambda y: y IS NULL)) = 0"
    body = f"list_filter(it, {kept} OR {first_null})"
    return f"list_transform([{call.arguments[0]}], lambda it: {body})[1]"


def _match(name: str, of_none: str) -> Function:
    negation = "NOT " if name.startswith("NOT ") else ""
    found = f"{name.removeprefix('NOT ')}(list_transform({{0}}, {{1}}))"
    made = f"CASE WHEN ({{0}}) IS NOT NULL THEN {negation}coalesce({found}, {of_none}) END"
    return template(made, BOOLEAN, 2)


def _transform_type(types: Sequence[Type]) -> Type:
    return array_of(types[1]) if len(types) > 1 else UNKNOWN


def _sequence_type(types: Sequence[Type]) -> Type:
    return array_of(BIGINT if is_integer(types[0]) else types[0])


COLLECTIONS = {
    "all_match": _match("list_bool_and", "true"),
    "any_match": _match("list_bool_or", "false"),
    "array_distinct": Function(_distinct, like_argument(0), 1, 1),
    "array_except": template(
        "list_filter(list_distinct({0}), lambda x: NOT list_contains({1}, x))",
        like_argument(0),
        2,
    ),
    "array_intersect": named("list_intersect", like_argument(0), 2),
    "array_join": Function(_array_join, returns(VARCHAR), 2, 3),
    "array_max": named("list_max", _element, 1),
    "array_min": named("list_min", _element, 1),
    "array_position": Function(_position, returns(BIGINT), 2, 2),
    "array_remove": template(
        "list_filter({0}, lambda x: x IS DISTINCT FROM ({1}))", like_argument(0), 2
    ),
    "array_sort": Function(_sort, like_argument(0), 1, 2),
    "array_union": template("list_distinct(list_concat({0}, {1}))", like_argument(0), 2),
    "arrays_overlap": named("list_has_any", BOOLEAN, 2),
    "cardinality": Function(_cardinality, returns(BIGINT), 1, 1),
    "contains": named("list_contains", BOOLEAN, 2),
    "element_at": Function(_element_at, _element_at_type, 2, 2),
    "filter": named("list_filter", like_argument(0), 2),
    "flatten": named("flatten", _element, 1),
    "map": Function(_map, _map_type, 0, 2),
    "map_concat": named("map_concat", like_argument(0), 2, _MANY),
    "map_entries": named("map_entries", UNKNOWN, 1),
    "map_from_entries": named("map_from_entries", map_of(UNKNOWN, UNKNOWN), 1),
    "map_keys": named("map_keys", lambda types: array_of(parameter(types[0], 0)), 1),
    "map_values": named("map_values", lambda types: array_of(parameter(types[0], 1)), 1),
    "none_match": _match("NOT list_bool_or", "false"),
    "reduce": Function(_reduce, like_argument(1), 4, 4),
    "repeat": Function(_repeat, lambda types: array_of(types[0]), 2, 2),
    "row": Function(_row, returns(UNKNOWN), 1, _MANY),
    "sequence": Function(_sequence, _sequence_type, 2, 3),
    "slice": Function(_slice, like_argument(0), 3, 3),
    "transform": named("list_transform", _transform_type, 2),
    "zip": named("list_zip", UNKNOWN, 2, _MANY),
}
