"""Statements around a query: CREATE TABLE AS, CREATE VIEW, INSERT, DELETE, UNLOAD, OPTIMIZE.

The query is parsed where it stands: what is before and behind it is replaced by spaces, so that
places in messages are those of the whole statement.
"""

from collections.abc import Mapping, Sequence

from sqlglot import exp

from tandem.errors import QueryFailed
from tandem.query.athena.cursor import Cursor
from tandem.query.athena.dialect import parameter_count, parse_expression, parse_query
from tandem.query.athena.failures import failure_at
from tandem.query.athena.lexing import Kind, failure
from tandem.query.athena.statements import (
    AthenaTable,
    CreateTableAs,
    CreateView,
    Delete,
    DropView,
    Explain,
    Insert,
    Optimize,
    Select,
    Unload,
    Vacuum,
)
from tandem.query.athena.table_names import tables_in


class Queries:
    """Makes the queries of one statement. `parameters` take the places of its `?`, in order."""

    def __init__(self, text: str, parameters: Sequence[str]) -> None:
        self._text = text
        self._given = tuple(parameters)
        self._parameters = [_constant(parse_expression(parameter)) for parameter in parameters]
        self._are_taken = not parameters

    def take_parameters(self) -> tuple[str, ...]:
        """The parameters as they were given, for a statement that has another use for them."""
        self._are_taken = True
        return self._given

    def check_parameters(self) -> None:
        """Raises QueryFailed where parameters were given and nothing has taken them."""
        if not self._are_taken:
            raise parameter_count(0, len(self._given))

    def select(self, start: int, end: int | None = None, instead: str = "") -> Select:
        """The query at a part of the text; `instead` is written over its beginning."""
        text = self._text
        body = instead + text[start + len(instead) : len(text) if end is None else end]
        before = "".join(char if char == "\n" else " " for char in text[:start])
        tree = parse_query(before + body, parameters=self._parameters)
        self._are_taken = True
        tables = dict.fromkeys(table for _, table in tables_in(tree))
        return Select(tuple(tables), tree)


def _constant(value: exp.Expr) -> exp.Expr:
    """A parameter, which is a value of its own: nothing that it names is looked for."""
    if value.find(exp.Column, exp.Query) is not None:
        raise failure_at(
            value, "EXPRESSION_NOT_CONSTANT", "a parameter is a value: write text in single quotes"
        )
    return value


def create_table_as(cursor: Cursor, queries: Queries) -> CreateTableAs:
    """Behind CREATE TABLE."""
    if_not_exists = cursor.accept("IF", "NOT", "EXISTS")
    table = cursor.table()
    properties = _properties(cursor) if cursor.accept("WITH") else {}
    cursor.expect("AS")
    start, end, with_data = _body(cursor)
    format_ = properties.get("format")
    location = properties.get("external_location")
    partitions = properties.get("partitioned_by", properties.get("partitioning", ()))
    return CreateTableAs(
        table=table,
        if_not_exists=if_not_exists,
        query=queries.select(start, end),
        with_data=with_data,
        format=format_.upper() if isinstance(format_, str) else None,
        external_location=location if isinstance(location, str) else None,
        partitioned_by=tuple(partitions) if isinstance(partitions, tuple) else (),
        properties=properties,
    )


def _body(cursor: Cursor) -> tuple[int, int, bool]:
    """Where the query begins and ends, and whether its rows are wanted (WITH NO DATA)."""
    start, end = cursor.place, len(cursor.text)
    with_data = True
    while (token := cursor.peek()) is not None:
        place = token.start
        if cursor.accept("WITH", "NO", "DATA"):
            end, with_data = place, False
        elif cursor.accept("WITH", "DATA"):
            end = place
        else:
            cursor.skip()
            end = len(cursor.text)
            with_data = True
    return start, end, with_data


def _properties(cursor: Cursor) -> dict[str, object]:
    """`(name = 'text', name = ARRAY['a', 'b'], name = 3)`. Names are in lower case."""

    def pair() -> tuple[str, object]:
        name = cursor.name().lower()
        cursor.expect("=")
        if cursor.accept("ARRAY", "["):
            found = [cursor.string()]
            while cursor.accept(","):
                found.append(cursor.string())
            cursor.expect("]")
            return name, tuple(found)
        return name, cursor.value()

    return dict(cursor.listed(pair))


def create_view(cursor: Cursor, queries: Queries, *, or_replace: bool) -> CreateView:
    """Behind CREATE [OR REPLACE] VIEW."""
    view = cursor.table()
    if cursor.accept("COMMENT"):
        cursor.string()
    if cursor.accept("SECURITY"):
        cursor.name()
    cursor.expect("AS")
    start = cursor.place
    cursor.skip_all()
    text = cursor.text[start:].strip()
    if queries.take_parameters():
        raise QueryFailed("NOT_SUPPORTED: a view is kept as written: it has no parameters")
    return CreateView(view, queries.select(start), text, or_replace)


def drop_view(cursor: Cursor) -> DropView:
    """Behind DROP VIEW."""
    return DropView(if_exists=cursor.accept("IF", "EXISTS"), view=cursor.table())


def insert(cursor: Cursor, queries: Queries) -> Insert:
    """Behind INSERT."""
    cursor.expect("INTO")
    table = cursor.table()
    columns: tuple[str, ...] = ()
    if cursor.has_ahead("(") and not cursor.has_ahead("(", "SELECT", "WITH", "VALUES", "("):
        columns = tuple(cursor.listed(cursor.name))
    start = cursor.place
    cursor.skip_all()
    return Insert(table, columns, queries.select(start))


def delete(cursor: Cursor, queries: Queries, start: int) -> Delete:
    """Behind DELETE, which begins at `start`."""
    from_place = cursor.place
    cursor.expect("FROM")
    table = cursor.table()
    if cursor.peek() is not None:
        cursor.expect("WHERE")
    cursor.skip_all()
    # "SELECT*" is written over "DELETE" and what parts it from FROM, at least one character.
    return Delete(table, queries.select(start, instead="SELECT*".ljust(from_place - start)))


def unload(cursor: Cursor, queries: Queries) -> Unload:
    """Behind UNLOAD."""
    start, end = cursor.parentheses()
    cursor.expect("TO")
    location = cursor.string()
    properties: Mapping[str, object] = _properties(cursor) if cursor.accept("WITH") else {}
    if "format" not in properties:
        raise failure(cursor.text, cursor.place, "UNLOAD needs WITH (format = '...')")
    return Unload(queries.select(start, end), location, properties)


def optimize(cursor: Cursor, queries: Queries) -> Optimize:
    """Behind OPTIMIZE."""
    table = cursor.table()
    cursor.expect("REWRITE", "DATA", "USING", "BIN_PACK")
    rows = None
    if cursor.accept("WHERE"):
        start = cursor.place
        cursor.skip_all()
        rows = _rows_where(table, cursor.text[start:], queries)
    return Optimize(table, rows)


def _rows_where(table: AthenaTable, condition: str, queries: Queries) -> Select:
    everything = exp.Table(
        this=exp.to_identifier(table.table, quoted=True),
        db=exp.to_identifier(table.database, quoted=True),
        catalog=exp.to_identifier(table.catalog, quoted=True),
    )
    del queries  # a condition has no parameters of its own place
    found = exp.select("*").from_(everything).where(parse_expression(f"({condition})"))
    return Select((table,), found)


def vacuum(cursor: Cursor) -> Vacuum:
    """Behind VACUUM."""
    return Vacuum(cursor.table())


def explain(cursor: Cursor, queries: Queries) -> Explain:
    """Behind EXPLAIN."""
    is_analyze = cursor.accept("ANALYZE")
    options: dict[str, str] = {}
    if cursor.has_ahead("(", "FORMAT", "TYPE"):
        options = dict(cursor.listed(lambda: (cursor.name().upper(), cursor.name().upper())))
    token = cursor.peek()
    is_query = token is not None and (
        token.value.upper() in ("SELECT", "WITH", "VALUES", "TABLE") or token.value == "("
    )
    if not is_query or (token is not None and token.kind not in (Kind.WORD, Kind.SYMBOL)):
        raise QueryFailed("NOT_SUPPORTED: EXPLAIN of anything but a query is not supported")
    start = cursor.place
    cursor.skip_all()
    return Explain(queries.select(start), is_analyze, options)
