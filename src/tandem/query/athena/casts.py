"""Casts with Trino's meaning, and the names of types in DuckDB.

* A timestamp becomes text with milliseconds, one with a zone with "UTC" behind it.
* A double becomes whole by rounding half away from zero; as text it has an exponent where Java's
  has one (below 0.001, and from ten million).
* Text becomes a timestamp also where it has a "T" and a "Z", which Trino would refuse.
"""

from sqlglot import exp

from tandem.query.athena.failures import not_supported
from tandem.query.athena.functions.definition import once
from tandem.query.athena.types import (
    Type,
    is_array,
    is_float,
    is_integer,
    is_map,
    is_moment,
    is_number,
    is_row,
    is_text,
    parameter,
    row_fields,
)

_NAMES = {
    exp.DType.BIGINT: "BIGINT",
    exp.DType.BOOLEAN: "BOOLEAN",
    exp.DType.CHAR: "VARCHAR",
    exp.DType.DATE: "DATE",
    exp.DType.DOUBLE: "DOUBLE",
    exp.DType.FLOAT: "FLOAT",
    exp.DType.INT: "INTEGER",
    exp.DType.JSON: "JSON",
    exp.DType.SMALLINT: "SMALLINT",
    exp.DType.TEXT: "VARCHAR",
    exp.DType.TIME: "TIME",
    exp.DType.TIMESTAMP: "TIMESTAMP",
    exp.DType.TIMESTAMPTZ: "TIMESTAMPTZ",
    exp.DType.TINYINT: "TINYINT",
    exp.DType.UUID: "UUID",
    exp.DType.VARBINARY: "BLOB",
    exp.DType.VARCHAR: "VARCHAR",
}
# DuckDB writes the shortest digits that give back the number, and so does this: only the exponent
# is moved. `e` is that exponent.
_EXPONENT = "CAST(split_part(format('{{:.17e}}', {0}), 'e', 2) AS INTEGER)"
_SCIENTIFIC = (
    "regexp_replace(format('{{:.' || (len(regexp_replace(regexp_replace(regexp_replace("
    "CAST(abs({0}) AS VARCHAR), 'e.*$', ''), '[.]0*$|[.]', ''), '^0+', '')) - 1) || 'e}}', {0}),"
    " '^(-?[0-9])(?:[.]([0-9]*?))?0*e([+-])0*([0-9]+)$', '\\1.\\2E\\3\\4')"
)
_DOUBLE_TEXT = (
    "CASE WHEN isnan({0}) THEN 'NaN'"
    " WHEN isinf({0}) THEN CASE WHEN {0} > 0 THEN 'Infinity' ELSE '-Infinity' END"
    " WHEN {0} = 0 OR abs({0}) >= 0.001 AND abs({0}) < 10000000 THEN CAST({0} AS VARCHAR)"
    f" ELSE replace(replace({_SCIENTIFIC}, '.E', '.0E'), 'E+', 'E') END"
)


def cast_sql(sql: str, node: exp.Expr, given: Type, target: Type, *, is_safe: bool) -> str:
    """`sql`, whose type is `given`, as `target`. Raises QueryFailed where DuckDB has no such type.

    is_safe   what cannot be cast becomes null (TRY_CAST)
    """
    name = "TRY_CAST" if is_safe else "CAST"
    if is_text(target):
        return _limited(_as_text(sql, node, given, name), target)
    if is_integer(target) and is_float(given):
        sql = f"round({sql})"
    if is_moment(target) and is_text(given):
        # An offset in the text counts, which a cast to a timestamp without zone would leave out.
        sql = f"{name}({sql} AS TIMESTAMPTZ)"
    if is_float(target) and is_text(given):
        return f"{name}(trim({sql}) AS {type_sql(target)})"
    return f"{name}({sql} AS {type_sql(target)})"


def type_sql(type_: Type) -> str:
    """What DuckDB calls a type."""
    if is_array(type_):
        return f"{type_sql(parameter(type_, 0))}[]"
    if is_map(type_):
        return f"MAP({type_sql(parameter(type_, 0))}, {type_sql(parameter(type_, 1))})"
    if is_row(type_):
        fields = [
            f"{_quoted(name or f'field{number}')} {type_sql(kind)}"
            for number, (name, kind) in enumerate(row_fields(type_))
        ]
        return f"STRUCT({', '.join(fields)})"
    if type_.this == exp.DType.DECIMAL:
        given = [int(parameter_.name) for parameter_ in type_.expressions]
        precision, scale = given[0] if given else 38, given[1] if len(given) == 2 else 0
        return f"DECIMAL({precision}, {scale})"
    name = _NAMES.get(type_.this)
    if name is None:
        raise not_supported(type_, f"the type {type_.sql(dialect='trino').lower()}")
    return name


def _as_text(sql: str, node: exp.Expr, given: Type, name: str) -> str:
    if given.this == exp.DType.TIMESTAMP:
        return f"strftime({sql}, '%Y-%m-%d %H:%M:%S.%g')"
    if given.this == exp.DType.TIMESTAMPTZ:
        return f"strftime({sql}, '%Y-%m-%d %H:%M:%S.%g UTC')"
    if is_float(given) and is_number(given):
        return once(sql, node, _DOUBLE_TEXT)
    return f"{name}({sql} AS VARCHAR)"


def _limited(sql: str, target: Type) -> str:
    length = target.expressions[0].name if target.expressions else ""
    return f"left({sql}, {int(length)})" if length.isdigit() else sql


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
