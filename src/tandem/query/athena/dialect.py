"""Athena's queries as sqlglot trees: Trino's grammar, with every function call left as written.

* sqlglot would turn calls into its own functions, some of which mean something slightly different.
  Here a call stays a name and its arguments, and `functions.py` says what it means.
* What a tree may hold is a list. What sqlglot reads beyond Trino's queries, or Tandem does not
  support, is refused by name before anything is made of it.
"""

from collections.abc import Sequence

from sqlglot import TokenType, exp
from sqlglot.dialects.trino import Trino
from sqlglot.errors import ParseError, SqlglotError, TokenError
from sqlglot.parser import Parser
from sqlglot.parsers.trino import TrinoParser

from tandem.errors import QueryFailed
from tandem.query.athena.failures import not_supported, syntax_error

_SYNTAX_FUNCTIONS = frozenset({"CAST", "TRY_CAST", "EXTRACT", "TRIM", "POSITION", "LISTAGG"})


def _placeholder(parser: Parser) -> exp.Expr:
    """A `?` that knows its place: values are given in the order of the text, not of the tree."""
    return exp.Placeholder().update_positions(parser._prev)  # noqa: SLF001 - how parsers are extended


class _QueryParser(TrinoParser):
    PLACEHOLDER_PARSERS = {TokenType.PLACEHOLDER: _placeholder}  # noqa: RUF012
    FUNCTIONS = {}  # noqa: RUF012  (as sqlglot's parsers are made)
    FUNCTION_PARSERS = {  # noqa: RUF012
        name: parser
        for name, parser in TrinoParser.FUNCTION_PARSERS.items()
        if name in _SYNTAX_FUNCTIONS
    }


class AthenaQueries(Trino):
    """The dialect of what Athena hands to Trino."""

    Parser = _QueryParser


_DIALECT = AthenaQueries()

_ALLOWED: frozenset[type[exp.Expr]] = frozenset(
    {
        # Queries and their parts.
        exp.CTE,
        exp.Cube,
        exp.Distinct,
        exp.Except,
        exp.Exists,
        exp.Fetch,
        exp.From,
        exp.Group,
        exp.GroupingSets,
        exp.Having,
        exp.Intersect,
        exp.Join,
        exp.Lateral,
        exp.Limit,
        exp.LimitOptions,
        exp.Offset,
        exp.Order,
        exp.Ordered,
        exp.Rollup,
        exp.Select,
        exp.Star,
        exp.Subquery,
        exp.Table,
        exp.TableAlias,
        exp.TableSample,
        exp.Union,
        exp.Unnest,
        exp.Values,
        exp.Version,
        exp.Where,
        exp.Window,
        exp.WindowSpec,
        exp.With,
        # Expressions.
        exp.Add,
        exp.Alias,
        exp.All,
        exp.And,
        exp.Anonymous,
        exp.Any,
        exp.Array,
        exp.AtTimeZone,
        exp.Between,
        exp.Boolean,
        exp.Bracket,
        exp.Case,
        exp.Cast,
        exp.Column,
        exp.ColumnDef,
        exp.CurrentDate,
        exp.CurrentTimestamp,
        exp.DPipe,
        exp.DataType,
        exp.DataTypeParam,
        exp.Div,
        exp.Dot,
        exp.EQ,
        exp.Escape,
        exp.Extract,
        exp.Filter,
        exp.GT,
        exp.GTE,
        exp.GroupConcat,
        exp.HexString,
        exp.Identifier,
        exp.If,
        exp.IgnoreNulls,
        exp.In,
        exp.Interval,
        exp.IntervalSpan,
        exp.Is,
        exp.LT,
        exp.LTE,
        exp.Lambda,
        exp.Like,
        exp.Literal,
        exp.Localtimestamp,
        exp.Mod,
        exp.Mul,
        exp.NEQ,
        exp.Neg,
        exp.Not,
        exp.Null,
        exp.NullSafeEQ,
        exp.NullSafeNEQ,
        exp.Or,
        exp.Paren,
        exp.ParseJSON,
        exp.RespectNulls,
        exp.StrPosition,
        exp.Sub,
        exp.Trim,
        exp.TryCast,
        exp.Tuple,
        exp.UnicodeString,
        exp.Var,
    }
)


def parse_query(text: str, parameters: Sequence[exp.Expr] = ()) -> exp.Query:
    """One query, with `parameters` in the places of its `?`.

    Raises QueryFailed where it is none, holds what is not supported, or has another number of `?`.
    """
    try:
        trees = _DIALECT.parse(text)
    except ParseError as error:
        raise _parse_failure(error) from error
    except TokenError as error:
        raise syntax_error("mismatched input: a quote or a comment is not closed") from error
    except SqlglotError as error:
        raise QueryFailed(str(error).splitlines()[0]) from error
    except RecursionError:
        raise QueryFailed("the statement is nested too deep") from None
    if len(trees) != 1 or trees[0] is None:
        raise QueryFailed(f"Only one sql statement is allowed. Got: {text.strip()}")
    tree = trees[0]
    if isinstance(tree, exp.Subquery) and not tree.alias:
        tree = tree.unnest() if not _has_modifiers(tree) else tree
    if isinstance(tree, exp.Values):
        tree = exp.Select(expressions=[exp.Star()], from_=exp.From(this=tree))
    if not isinstance(tree, exp.Query):
        raise not_supported(tree, f"the statement {tree.key.upper()}")
    _fill(tree, parameters)
    _check(tree)
    return tree


def _fill(tree: exp.Query, parameters: Sequence[exp.Expr]) -> None:
    if not parameters:
        return
    places = sorted(tree.find_all(exp.Placeholder), key=lambda node: int(node.meta["start"]))
    if len(places) != len(parameters):
        raise parameter_count(len(places), len(parameters))
    for place, parameter in zip(places, parameters, strict=True):
        place.replace(exp.Paren(this=parameter.copy()))


def parameter_count(expected: int, found: int) -> QueryFailed:
    """The failure of a statement that was given another number of values than it has `?`."""
    return QueryFailed(
        f"INVALID_PARAMETER_USAGE: Incorrect number of parameters: expected {expected} but found"
        f" {found}"
    )


def parse_expression(text: str) -> exp.Expr:
    """One expression, as a parameter of a statement is. Raises QueryFailed."""
    query = parse_query(f"SELECT {text}")
    expressions = query.selects
    if not isinstance(query, exp.Select) or len(expressions) != 1 or query.args.get("from_"):
        raise QueryFailed(f"{text!r} is not one value")
    return expressions[0].pop()


def _has_modifiers(tree: exp.Subquery) -> bool:
    return any(tree.args.get(name) for name in ("limit", "offset", "order", "with_", "joins"))


def _parse_failure(error: ParseError) -> QueryFailed:
    details = error.errors[0] if error.errors else {}
    highlight = details.get("highlight") or "<EOF>"
    line, last = details.get("line") or 1, details.get("col") or 1
    column = max(last - len(highlight) + 1, 1)
    return syntax_error(f"mismatched input '{highlight}'", line, column)


def _check(tree: exp.Query) -> None:
    for node in tree.walk():
        if type(node) not in _ALLOWED:
            raise not_supported(node, _shown(node))
        if isinstance(node, exp.Dot) and not isinstance(node.expression, exp.Identifier):
            raise not_supported(node, "a function with a schema")
        if isinstance(node, exp.Star) and any(node.args.values()):
            raise not_supported(node, "* with EXCEPT, REPLACE or RENAME")
        if isinstance(node, exp.Distinct) and node.args.get("on"):
            raise not_supported(node, "DISTINCT ON")
        if isinstance(node, exp.LimitOptions) and not _is_plain(node):
            raise not_supported(node.parent or node, "FETCH FIRST ... WITH TIES")
        if isinstance(node, exp.SetOperation) and node.args.get("by_name"):
            raise not_supported(node, "UNION BY NAME")
        if isinstance(node, exp.Join) and node.kind not in ("", "INNER", "OUTER", "CROSS"):
            raise not_supported(node, f"{node.kind} JOIN")
        if isinstance(node, exp.Select) and node.args.get("into"):
            raise not_supported(node, "SELECT INTO")


def _is_plain(options: exp.LimitOptions) -> bool:
    return not (options.args.get("with_ties") or options.args.get("percent"))


def _shown(node: exp.Expr) -> str:
    if isinstance(node, exp.Placeholder):
        return "a parameter without a value (?)"
    return type(node).__name__
