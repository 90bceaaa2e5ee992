"""Athena's types: those of a query's columns, and those of Arrow in Athena's words.

Inside a query a type is sqlglot's `DataType`, since that is what its trees hold. Hive's words
(`int`, `string`, `array<int>`) and Trino's (`integer`, `varchar`, `array(integer)`) are both read.
"""

import pyarrow as pa
from sqlglot import exp
from sqlglot.errors import SqlglotError

from tandem.errors import QueryFailed
from tandem.model.feature_group import FeatureGroup
from tandem.query.athena.statements import Column
from tandem.rows.history_rows import history_schema

Type = exp.DataType

_INTEGERS = frozenset({exp.DType.TINYINT, exp.DType.SMALLINT, exp.DType.INT, exp.DType.BIGINT})
_FLOATS = frozenset({exp.DType.FLOAT, exp.DType.DOUBLE})
_TEXTS = frozenset({exp.DType.VARCHAR, exp.DType.CHAR, exp.DType.TEXT})
_MOMENTS = frozenset({exp.DType.TIMESTAMP, exp.DType.TIMESTAMPTZ})


def simple(name: exp.DType) -> Type:
    return exp.DataType(this=name)


UNKNOWN = simple(exp.DType.UNKNOWN)
BOOLEAN = simple(exp.DType.BOOLEAN)
INTEGER = simple(exp.DType.INT)
BIGINT = simple(exp.DType.BIGINT)
DOUBLE = simple(exp.DType.DOUBLE)
VARCHAR = simple(exp.DType.VARCHAR)
VARBINARY = simple(exp.DType.VARBINARY)
DATE = simple(exp.DType.DATE)
TIME = simple(exp.DType.TIME)
TIMESTAMP = simple(exp.DType.TIMESTAMP)
TIMESTAMPTZ = simple(exp.DType.TIMESTAMPTZ)
INTERVAL = simple(exp.DType.INTERVAL)
JSON = simple(exp.DType.JSON)
NULL = simple(exp.DType.NULL)


def read_type(name: str) -> Type:
    """The type that a name stands for. Raises QueryFailed where it stands for none."""
    try:
        dialect = "hive" if "<" in name else "trino"
        return exp.DataType.build("varchar" if name.lower() == "string" else name, dialect=dialect)
    except (SqlglotError, ValueError) as error:
        raise QueryFailed(f"TYPE_NOT_FOUND: Unknown type: {name}") from error
    except RecursionError:
        raise _too_deep(name) from None


def is_integer(type_: Type) -> bool:
    return bool(type_.this in _INTEGERS)


def is_float(type_: Type) -> bool:
    return bool(type_.this in _FLOATS)


def is_decimal(type_: Type) -> bool:
    return bool(type_.this == exp.DType.DECIMAL)


def is_number(type_: Type) -> bool:
    return is_integer(type_) or is_float(type_) or is_decimal(type_)


def is_text(type_: Type) -> bool:
    return bool(type_.this in _TEXTS)


def is_date(type_: Type) -> bool:
    return bool(type_.this == exp.DType.DATE)


def is_moment(type_: Type) -> bool:
    """A timestamp, with a time zone or without."""
    return bool(type_.this in _MOMENTS)


def is_array(type_: Type) -> bool:
    return bool(type_.this in (exp.DType.ARRAY, exp.DType.LIST))


def is_map(type_: Type) -> bool:
    return bool(type_.this == exp.DType.MAP)


def is_row(type_: Type) -> bool:
    return bool(type_.this == exp.DType.STRUCT)


def is_known(type_: Type) -> bool:
    return bool(type_.this not in (exp.DType.UNKNOWN, exp.DType.NULL))


def array_of(element: Type) -> Type:
    return exp.DataType(this=exp.DType.ARRAY, expressions=[element.copy()], nested=True)


def map_of(key: Type, value: Type) -> Type:
    return exp.DataType(this=exp.DType.MAP, expressions=[key.copy(), value.copy()], nested=True)


def parameter(type_: Type, index: int) -> Type:
    """The type of an array's elements (0), of a map's keys (0) or values (1); else unknown."""
    found = type_.expressions
    is_container = is_array(type_) or is_map(type_)
    if is_container and index < len(found) and isinstance(found[index], exp.DataType):
        inner: Type = found[index]
        return inner
    return UNKNOWN


def row_fields(type_: Type) -> list[tuple[str, Type]]:
    """The fields of a row type, by name; those without a name have an empty one."""
    fields: list[tuple[str, Type]] = []
    for field in type_.expressions if is_row(type_) else ():
        if isinstance(field, exp.ColumnDef):
            fields.append((field.name, field.kind or UNKNOWN))
        else:
            fields.append(("", field if isinstance(field, exp.DataType) else UNKNOWN))
    return fields


def common_type(types: list[Type]) -> Type:
    """The type to which all can be brought; unknown where that is not plain."""
    known = [type_ for type_ in types if type_.this != exp.DType.NULL]
    if not known:
        return NULL
    if any(type_.this == exp.DType.UNKNOWN for type_ in known):
        return UNKNOWN
    first = known[0]
    if all(type_ == first for type_ in known):
        return first
    for family in (is_integer, is_number, is_text, _is_day_or_moment):
        if all(family(type_) for type_ in known):
            return max(known, key=_rank)
    return first if all(type_.this == first.this for type_ in known) else UNKNOWN


_RANKS = (
    exp.DType.TINYINT,
    exp.DType.SMALLINT,
    exp.DType.INT,
    exp.DType.BIGINT,
    exp.DType.DECIMAL,
    exp.DType.FLOAT,
    exp.DType.DOUBLE,
    exp.DType.DATE,
    exp.DType.TIMESTAMP,
    exp.DType.TIMESTAMPTZ,
)


def _rank(type_: Type) -> int:
    return _RANKS.index(type_.this) if type_.this in _RANKS else -1


def _is_day_or_moment(type_: Type) -> bool:
    return is_date(type_) or is_moment(type_)


def history_columns(group: FeatureGroup) -> tuple[Column, ...]:
    """The columns of a group's history table as Athena has them: names in lower case."""
    schema = history_schema(group)
    return tuple(Column(field.name.lower(), athena_type(field.type)) for field in schema)


_ARROW_NAMES = {
    pa.null(): "unknown",
    pa.bool_(): "boolean",
    pa.int8(): "tinyint",
    pa.int16(): "smallint",
    pa.int32(): "integer",
    pa.int64(): "bigint",
    pa.uint8(): "smallint",
    pa.uint16(): "integer",
    pa.uint32(): "bigint",
    pa.uint64(): "bigint",
    pa.float32(): "float",
    pa.float64(): "double",
    pa.string(): "varchar",
    pa.large_string(): "varchar",
    pa.string_view(): "varchar",
    pa.binary(): "varbinary",
    pa.large_binary(): "varbinary",
    pa.binary_view(): "varbinary",
    pa.date32(): "date",
    pa.month_day_nano_interval(): "interval day to second",
}


def athena_type(type_: pa.DataType) -> str:
    """What Athena calls a type of Arrow, with the types inside: `array(row(a bigint))`."""
    if pa.types.is_timestamp(type_):
        return "timestamp" if type_.tz is None else "timestamp with time zone"
    if pa.types.is_time(type_):
        return "time"
    if pa.types.is_duration(type_):
        return "interval day to second"
    if pa.types.is_decimal(type_):
        return f"decimal({type_.precision},{type_.scale})"
    if pa.types.is_map(type_):
        return f"map({athena_type(type_.key_type)}, {athena_type(type_.item_type)})"
    if _is_list(type_):
        return f"array({athena_type(type_.value_type)})"
    if pa.types.is_struct(type_):
        return f"row({', '.join(f'{field.name} {athena_type(field.type)}' for field in type_)})"
    return _ARROW_NAMES.get(type_, "varchar")


def result_type(type_: pa.DataType) -> str:
    """The name of a result column's type as GetQueryResults gives it: without parameters."""
    return athena_type(type_).split("(")[0]


def _is_list(type_: pa.DataType) -> bool:
    return bool(
        pa.types.is_list(type_)
        or pa.types.is_large_list(type_)
        or pa.types.is_fixed_size_list(type_)
    )


_ARROW_TYPES: dict[exp.DType, pa.DataType] = {
    exp.DType.BOOLEAN: pa.bool_(),
    exp.DType.TINYINT: pa.int8(),
    exp.DType.SMALLINT: pa.int16(),
    exp.DType.INT: pa.int32(),
    exp.DType.BIGINT: pa.int64(),
    exp.DType.FLOAT: pa.float32(),
    exp.DType.DOUBLE: pa.float64(),
    exp.DType.VARCHAR: pa.string(),
    exp.DType.CHAR: pa.string(),
    exp.DType.TEXT: pa.string(),
    exp.DType.BINARY: pa.binary(),
    exp.DType.VARBINARY: pa.binary(),
    exp.DType.DATE: pa.date32(),
    exp.DType.TIMESTAMP: pa.timestamp("us"),
}
_DECIMAL_DIGITS, _DECIMAL_SCALE = 10, 0  # Hive's, where a type says nothing


def arrow_type(name: str) -> pa.DataType:
    """The type of Arrow's that a column of a type of Hive's is read as. Raises QueryFailed."""
    try:
        return _arrow_type(read_type(name), name)
    except RecursionError:
        raise _too_deep(name) from None
    except ValueError as error:  # a decimal of more digits than there are
        raise QueryFailed(f"NOT_SUPPORTED: columns of type {name}: {error}") from None


def _too_deep(name: str) -> QueryFailed:
    return QueryFailed(f"NOT_SUPPORTED: the type {name[:64]}... is nested too deep")


def _arrow_type(type_: Type, name: str) -> pa.DataType:
    if type_.this in _ARROW_TYPES:
        return _ARROW_TYPES[type_.this]
    if is_decimal(type_):
        sizes = [int(size.name) for size in type_.expressions]
        digits, scale = (*sizes, *(_DECIMAL_DIGITS, _DECIMAL_SCALE)[len(sizes) :])
        return pa.decimal128(digits, scale)
    if is_array(type_):
        return pa.list_(_arrow_type(parameter(type_, 0), name))
    if is_map(type_):
        return pa.map_(*(_arrow_type(parameter(type_, place), name) for place in (0, 1)))
    if is_row(type_):
        return pa.struct([(field, _arrow_type(inner, name)) for field, inner in row_fields(type_)])
    raise QueryFailed(f"NOT_SUPPORTED: columns of type {name} are not supported")


_HIVE_NAMES = {"integer": "int", "varchar": "string", "varbinary": "binary", "unknown": "string"}


def hive_type(type_: pa.DataType) -> str:
    """The name that Hive, and so Glue, has for a type of Arrow: `array<struct<a:bigint>>`."""
    if _is_list(type_):
        return f"array<{hive_type(type_.value_type)}>"
    if pa.types.is_map(type_):
        return f"map<{hive_type(type_.key_type)},{hive_type(type_.item_type)}>"
    if pa.types.is_struct(type_):
        return f"struct<{','.join(f'{field.name}:{hive_type(field.type)}' for field in type_)}>"
    found = athena_type(type_)
    return _HIVE_NAMES.get(found, found)
