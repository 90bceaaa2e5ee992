"""Queries as DuckDB SQL: `translate(select, columns)` once the columns of the tables are known.

The SQL reads each table under a name of the engine's (`Translation.reads`), and its result has as
many columns as `column_names`, in that order; names of the result may repeat, so they are given
beside it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from sqlglot import exp

from tandem.errors import QueryFailed
from tandem.query.athena.failures import failure_at
from tandem.query.athena.generation import duckdb_sql
from tandem.query.athena.inference import Field, Fields, Inference, Scope
from tandem.query.athena.statements import AthenaTable, Column, Select
from tandem.query.athena.table_names import folded, tables_in
from tandem.query.athena.types import read_type
from tandem.query.base import TableName


@dataclass(frozen=True, slots=True)
class Translation:
    """A query that the engine can run.

    reads          which table each name that the engine sees stands for
    column_names   Athena's names of the result's columns
    """

    sql: str
    reads: Mapping[TableName, AthenaTable]
    column_names: tuple[str, ...]


_DATABASES_OF_THE_ENGINE = frozenset({"information_schema", "main", "pg_catalog", "temp"})


def translate(
    select: Select,
    columns: Mapping[AthenaTable, Sequence[Column]],
    views: Mapping[AthenaTable, Select] | None = None,
) -> Translation:
    """`select` as DuckDB SQL.

    columns   those of each of `select.tables` that is no view, in order; names of any case
    views     the queries of those that are views; what they read must be in `columns`, too
    Raises QueryFailed where a table has no columns here, a column is in no table, a function or
    a part of SQL is not supported.
    """
    try:
        tree = select.tree.copy()
        _put_in_views(tree, {folded(name): view for name, view in (views or {}).items()})
        return _translated(tree, columns)
    except RecursionError:
        raise QueryFailed("the statement is nested too deep") from None


def _translated(tree: exp.Query, columns: Mapping[AthenaTable, Sequence[Column]]) -> Translation:
    known = {folded(table): _fields(found) for table, found in columns.items()}
    base = {id(node): (node, table) for node, table in tables_in(tree)}

    def base_fields(node: exp.Table) -> Fields | None:
        if id(node) not in base:
            return None
        _, table = base[id(node)]
        if folded(table) not in known:
            raise failure_at(node, "TABLE_NOT_FOUND", f"Table '{table}' does not exist")
        return known[folded(table)]

    fields = Inference(base_fields).query(tree, Scope({}))
    reads = _renamed_tables(list(base.values()))
    names = tuple(
        one.name if one.name is not None else f"_col{place}" for place, one in enumerate(fields)
    )
    return Translation(duckdb_sql(tree), reads, names)


def _fields(columns: Sequence[Column]) -> Fields:
    return tuple(Field(column.name.lower(), read_type(column.type)) for column in columns)


def _renamed_tables(
    found: Sequence[tuple[exp.Table, AthenaTable]],
) -> dict[TableName, AthenaTable]:
    """Gives every table that the tree reads a name that only it has, of at most two parts."""
    reads: dict[TableName, AthenaTable] = {}
    names: dict[AthenaTable, TableName] = {}
    taken: set[tuple[str | None, str]] = set()
    for node, table in found:
        key = folded(table)
        if key not in names:
            shown, number = str(replace(table, catalog=None, database=None)), 1
            database = _engine_database(table.database)
            name = TableName(database, shown)
            while (name.database and name.database.lower(), name.table.lower()) in taken:
                number += 1
                name = TableName(database, f"{shown} {number}")
            taken.add((name.database and name.database.lower(), name.table.lower()))
            names[key], reads[name] = name, table
        _rename(node, names[key])
    return reads


def _engine_database(name: str | None) -> str | None:
    """The database as the engine sees it, which has some of its own."""
    if name is not None and name.lower() in _DATABASES_OF_THE_ENGINE:
        return f"the {name}"
    return name


def _rename(node: exp.Table, name: TableName) -> None:
    if name.table.lower() != node.name.lower() and not node.alias:
        node.set("alias", exp.TableAlias(this=exp.to_identifier(node.name, quoted=True)))
    if name.database is not None:
        node.set("db", exp.to_identifier(name.database, quoted=True))
    node.set("this", exp.to_identifier(name.table, quoted=True))
    node.set("catalog", None)
    node.set("version", None)


def _put_in_views(tree: exp.Expr, views: Mapping[AthenaTable, Select]) -> None:
    pending = list(tables_in(tree)) if views else []
    depth_left = 1_000
    while pending:
        node, table = pending.pop()
        view = views.get(folded(table))
        if view is None:
            continue
        depth_left -= 1
        if depth_left < 0:
            raise QueryFailed(f"VIEW_IS_RECURSIVE: Statement stack overflow in view '{table}'")
        inner = view.tree.copy()
        alias = node.args.get("alias") or exp.TableAlias(
            this=exp.to_identifier(node.name, quoted=True)
        )
        derived = exp.Subquery(this=inner, alias=alias, joins=node.args.get("joins"))
        node.replace(derived)
        pending += list(tables_in(inner))
