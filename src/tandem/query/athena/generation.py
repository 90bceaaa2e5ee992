"""A query's tree, whose types are known, as DuckDB SQL with Trino's meaning.

* Every name is quoted, every text escaped, and no comment is carried over.
* Whole numbers divide into whole numbers; decimals into decimals of the greater scale.
* Nulls come last in either direction, unless the query says otherwise.
* A number or a text beside a timestamp is taken as a moment (`moments.py`).
"""

from collections.abc import Callable
from typing import Any, ClassVar

from sqlglot import exp
from sqlglot.generators.duckdb import DuckDBGenerator

from tandem.errors import QueryFailed
from tandem.query.athena.casts import cast_sql, type_sql
from tandem.query.athena.expression_types import digits, is_in_days, keeps_instant
from tandem.query.athena.failures import failure_at, not_supported
from tandem.query.athena.functions import FUNCTIONS
from tandem.query.athena.functions.definition import Call, quoted_text
from tandem.query.athena.intervals import interval_sql
from tandem.query.athena.moments import as_moment
from tandem.query.athena.types import (
    INTERVAL,
    UNKNOWN,
    Type,
    is_date,
    is_decimal,
    is_integer,
    is_map,
    is_moment,
    is_number,
    is_row,
    is_text,
    parameter,
    row_fields,
)

_PARTS = {
    "DAY_OF_MONTH": "day",
    "DAY_OF_WEEK": "isodow",
    "DAY_OF_YEAR": "dayofyear",
    "DOW": "isodow",
    "DOY": "dayofyear",
    "YEAR_OF_WEEK": "isoyear",
    "YOW": "isoyear",
    **{
        name.upper(): name
        for name in ("year", "quarter", "month", "week", "day", "hour", "minute", "second")
    },
}


_SQL_LENGTH_MAX = 1_000_000

# What binds no tighter than a comparison, or might not.
_LOOSE = (exp.Binary, exp.Connector, exp.Not, exp.Predicate)


def duckdb_sql(tree: exp.Expr) -> str:
    """The SQL of a tree that `inference.py` has been through. Raises QueryFailed."""
    try:
        return _Generator(identify=True, comments=False, dialect="duckdb").generate(tree)
    except RecursionError:
        raise QueryFailed("the statement is nested too deep") from None


def _type(node: exp.Expr) -> Type:
    found = node.type
    return found if found is not None else UNKNOWN


class _Generator(DuckDBGenerator):
    # sqlglot asks this table before it asks the methods below.
    TRANSFORMS: ClassVar[dict[type[exp.Expr], Callable[..., str]]] = {
        node: transform
        for node, transform in DuckDBGenerator.TRANSFORMS.items()
        if node not in (exp.Array, exp.Select, exp.GroupConcat, exp.Lateral, exp.ParseJSON)
    } | {
        exp.CurrentTimestamp: lambda *_: "current_timestamp",
        exp.CurrentDate: lambda *_: "current_date",
        exp.Localtimestamp: lambda *_: "CAST(current_timestamp AS TIMESTAMP)",
    }

    def anonymous_sql(self, expression: exp.Anonymous) -> str:
        name = expression.name.lower()
        function = FUNCTIONS[name]
        call = self._call(expression, name)
        given = len(call.arguments)
        if not function.least <= given <= function.most:
            shown = ", ".join(str(type_.this.value).lower() for type_ in call.types)
            message = f"Unexpected parameters ({shown}) for function {name}"
            raise failure_at(expression, "FUNCTION_NOT_FOUND", message)
        sql = function.sql(call)
        if len(sql) > _SQL_LENGTH_MAX:
            # Some functions are said with an argument twice, which doubles at every level.
            raise not_supported(expression, f"a call of {name} that is nested so deep")
        return sql

    def _call(self, node: exp.Anonymous, name: str) -> Call:
        arguments, distinct, order = list(node.expressions), "", ""
        if arguments and isinstance(arguments[-1], exp.Order):
            order = self.sql(exp.Order(expressions=arguments[-1].expressions))
            arguments[-1] = arguments[-1].this
        if arguments and isinstance(arguments[0], exp.Distinct):
            distinct, arguments = "DISTINCT ", list(arguments[0].expressions)
        texts = tuple(self.sql(argument) for argument in arguments)
        types = tuple(_type(argument) for argument in arguments)
        return Call(node, name, texts, tuple(arguments), types, distinct, order)

    def div_sql(self, expression: exp.Div) -> str:
        left, right = expression.this, expression.expression
        one, other = self.sql(left), self.sql(right)
        types = _type(left), _type(right)
        if all(is_integer(type_) for type_ in types):
            return f"{one} // {other}"
        found = digits(_type(expression)) if is_decimal(_type(expression)) else None
        if found is not None:
            quotient = f"CAST({one} AS DOUBLE) / CAST({other} AS DOUBLE)"
            return f"CAST(round({quotient}, {found[1]}) AS DECIMAL(38, {found[1]}))"
        return f"{one} / {other}"

    def add_sql(self, expression: exp.Add) -> str:
        return self._sum(expression, "+")

    def sub_sql(self, expression: exp.Sub) -> str:
        return self._sum(expression, "-")

    def _sum(self, node: exp.Binary, operator: str) -> str:
        left, right = node.this, node.expression
        one, other = self.sql(left), self.sql(right)
        if _type(right) == INTERVAL and _type(left) != INTERVAL:
            one = as_moment(one, left, _type(left))
        elif _type(left) == INTERVAL and _type(right) != INTERVAL:
            other = as_moment(other, right, _type(right))
        found = f"{one} {operator} {other}"
        for day, interval in ((left, right), (right, left)):
            if is_date(_type(day)) and is_in_days(interval):
                return f"CAST({found} AS DATE)"
        return found

    def eq_sql(self, expression: exp.EQ) -> str:
        return self._compared(expression, "=")

    def neq_sql(self, expression: exp.NEQ) -> str:
        return self._compared(expression, "<>")

    def gt_sql(self, expression: exp.GT) -> str:
        return self._compared(expression, ">")

    def gte_sql(self, expression: exp.GTE) -> str:
        return self._compared(expression, ">=")

    def lt_sql(self, expression: exp.LT) -> str:
        return self._compared(expression, "<")

    def lte_sql(self, expression: exp.LTE) -> str:
        return self._compared(expression, "<=")

    def nullsafeeq_sql(self, expression: exp.NullSafeEQ) -> str:
        return self._compared(expression, "IS NOT DISTINCT FROM")

    def nullsafeneq_sql(self, expression: exp.NullSafeNEQ) -> str:
        return self._compared(expression, "IS DISTINCT FROM")

    def _compared(self, node: exp.Binary, operator: str) -> str:
        one, other = self._comparable([node.this, node.expression])
        return f"{one} {operator} {other}"

    def between_sql(self, expression: exp.Between) -> str:
        parts = [expression.this, expression.args["low"], expression.args["high"]]
        this, low, high = self._comparable(parts)
        if expression.args.get("symmetric"):
            raise not_supported(expression, "BETWEEN SYMMETRIC")
        return f"{this} BETWEEN {low} AND {high}"

    def in_sql(self, expression: exp.In) -> str:
        if expression.args.get("query") is not None:
            return f"{self.sql(expression, 'this')} IN {self.sql(expression, 'query')}"
        this, *values = self._comparable([expression.this, *expression.expressions])
        return f"{this} IN ({', '.join(values)})"

    def _comparable(self, nodes: list[exp.Expr]) -> list[str]:
        """The SQL of values that are compared: those beside a timestamp as moments."""
        types = [_type(node) for node in nodes]
        are_moments = any(is_moment(type_) or is_date(type_) for type_ in types)
        made = []
        for node, type_ in zip(nodes, types, strict=True):
            sql = self.sql(node)
            if are_moments and (is_number(type_) or is_text(type_)):
                sql = as_moment(sql, node, type_)
            elif isinstance(node, _LOOSE) and not isinstance(node, exp.All | exp.Any):
                sql = f"({sql})"
            made.append(sql)
        return made

    def ordered_sql(self, expression: exp.Ordered) -> str:
        direction = "DESC" if expression.args.get("desc") else "ASC"
        nulls = "FIRST" if expression.args.get("nulls_first") else "LAST"
        return f"{self.sql(expression, 'this')} {direction} NULLS {nulls}"

    def cast_sql(self, expression: exp.Cast, safe_prefix: str | None = None) -> str:
        del safe_prefix
        sql, given = self.sql(expression, "this"), _type(expression.this)
        is_safe = isinstance(expression, exp.TryCast)
        return cast_sql(sql, expression.this, given, _type(expression), is_safe=is_safe)

    def trycast_sql(self, expression: exp.TryCast) -> str:
        return self.cast_sql(expression)

    def parsejson_sql(self, expression: exp.ParseJSON) -> str:
        return f"CAST({self.sql(expression, 'this')} AS JSON)"

    def datatype_sql(self, expression: exp.DataType) -> str:
        return type_sql(expression)

    def attimezone_sql(self, expression: exp.AtTimeZone) -> str:
        moment = as_moment(self.sql(expression, "this"), expression.this, _type(expression.this))
        if keeps_instant(expression):
            return f"CAST({moment} AS TIMESTAMPTZ)"
        return f"timezone({self.sql(expression, 'zone')}, CAST({moment} AS TIMESTAMPTZ))"

    def extract_sql(self, expression: exp.Extract) -> str:
        part = _PARTS.get(expression.name.upper())
        if part is None:
            raise not_supported(expression, f"EXTRACT({expression.name} FROM ...)")
        value = expression.expression
        return f"{part}({as_moment(self.sql(value), value, _type(value))})"

    def interval_sql(self, expression: exp.Interval) -> str:
        return interval_sql(expression)

    def array_sql(self, expression: exp.Array) -> str:
        return f"[{', '.join(self.sql(element) for element in expression.expressions)}]"

    def lambda_sql(self, expression: exp.Lambda, arrow_sep: str = "->", wrap: bool = True) -> str:
        del arrow_sep, wrap
        names = ", ".join(self.sql(variable) for variable in expression.expressions)
        return f"lambda {names}: {self.sql(expression, 'this')}"

    def ignorenulls_sql(self, expression: exp.IgnoreNulls) -> str:
        return self._with_nulls(expression, "IGNORE NULLS")

    def respectnulls_sql(self, expression: exp.RespectNulls) -> str:
        return self._with_nulls(expression, "RESPECT NULLS")

    def _with_nulls(self, node: exp.IgnoreNulls | exp.RespectNulls, words: str) -> str:
        call = self.sql(node, "this")
        if not call.endswith(")"):
            raise not_supported(node, words)
        return f"{call[:-1]} {words})"

    def groupconcat_sql(self, expression: exp.GroupConcat) -> str:
        this, order = expression.this, ""
        if isinstance(this, exp.Order):
            order = self.sql(exp.Order(expressions=this.expressions))
            this = this.this
        separator = self.sql(expression, "separator") or quoted_text("")
        distinct = ""
        if isinstance(this, exp.Distinct):
            distinct, this = "DISTINCT ", this.expressions[0]
        return f"string_agg({distinct}CAST({self.sql(this)} AS VARCHAR), {separator}{order})"

    def window_sql(self, expression: exp.Window) -> str:
        return super(DuckDBGenerator, self).window_sql(expression)

    def filter_sql(self, expression: exp.Filter) -> str:
        condition = self.sql(expression.expression, "this")
        return f"{self.sql(expression, 'this')} FILTER (WHERE {condition})"

    def unicodestring_sql(self, expression: exp.UnicodeString) -> str:
        if expression.args.get("escape"):
            raise not_supported(expression, "U&'...' UESCAPE")
        return quoted_text(_unescaped(expression))

    def unnest_sql(self, expression: exp.Unnest) -> str:
        """A derived table of the elements, side by side, with their numbers."""
        alias = expression.args.get("alias")
        columns, lengths = [], []
        for value in expression.expressions:
            sql, type_ = self.sql(value), _type(value)
            if is_map(type_):
                columns += [f"unnest(map_keys({sql}))", f"unnest(map_values({sql}))"]
                lengths.append(f"cardinality({sql})")
            elif is_row(parameter(type_, 0)):
                columns += _field_columns(sql, parameter(type_, 0))
                lengths.append(f"len({sql})")
            else:
                columns.append(f"unnest({sql})")
                lengths.append(f"len({sql})")
        names = [column.name for column in alias.columns] if alias is not None else []
        offset = expression.args.get("offset")
        if offset:
            count = lengths[0] if len(lengths) == 1 else f"list_max([{', '.join(lengths)}])"
            columns.append(f"unnest(range(1, CAST(coalesce({count}, 0) AS BIGINT) + 1))")
            if isinstance(offset, exp.Identifier):
                names.append(offset.name)
        names += [f"_unnested{number}" for number in range(len(names), len(columns))]
        listed = ", ".join(
            f"{column} AS {_quoted(name)}" for column, name in zip(columns, names, strict=False)
        )
        called = f" AS {_quoted(alias.name)}" if alias is not None and alias.name else ""
        return f"LATERAL (SELECT {listed}){called}"

    def lateral_sql(self, expression: exp.Lateral) -> str:
        alias = self.sql(expression, "alias")
        return f"LATERAL {self.sql(expression, 'this')}{f' AS {alias}' if alias else ''}"

    def unsupported(self, message: str) -> None:
        raise QueryFailed(f"NOT_SUPPORTED: {message}")

    def function_fallback_sql(self, expression: Any) -> str:
        raise not_supported(expression, type(expression).__name__)


def _field_columns(sql: str, row: Type) -> list[str]:
    columns = []
    for number, (name, _) in enumerate(row_fields(row), 1):
        place = quoted_text(name) if name else str(number)
        columns.append(f"unnest(list_transform({sql}, lambda x: struct_extract(x, {place})))")
    return columns


def _unescaped(node: exp.UnicodeString) -> str:
    r"""The text of U&'\0041\+01F600'."""
    text, made, place = node.name, [], 0
    while place < len(text):
        if text[place] != "\\":
            made.append(text[place])
            place += 1
        elif text[place + 1 : place + 2] == "\\":
            made.append("\\")
            place += 2
        else:
            start, length = (place + 2, 6) if text[place + 1 : place + 2] == "+" else (place + 1, 4)
            try:
                made.append(chr(int(text[start : start + length], 16)))
            except ValueError:
                raise failure_at(node, "SYNTAX_ERROR", "Invalid Unicode escape") from None
            place = start + length
    return "".join(made)


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
