"""What a user's SQL statement may do, and which tables it reads: decided on DuckDB's own parse.

* Exactly one statement, which reads: SELECT, WITH, VALUES, FROM, DESCRIBE and SUMMARIZE. A WITH
  query may not write either; DuckDB's COPY is possible there.
* Every table that it names is one that the caller gives: a file name in quotes, a table of the
  engine's catalog or another database's is not.
* Functions in place of a table are those that make rows from their arguments. Readers of files
  would pass by the manifest, so that rows would be seen twice or too early.
* Functions that tell about the process or change it (settings, variables, logs) are refused, and so
  is what plans a statement in a text, which would not be judged.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import duckdb

from tandem.errors import QueryFailed
from tandem.query.base import HistoryTable, Table, TableName

DEFAULT_DATABASE = "main"
"""Where both engines look for a table without a database."""

_TABLE_FUNCTIONS = frozenset({"generate_series", "json_each", "json_tree", "range", "unnest"})
_REFUSED_FUNCTIONS = frozenset(
    {
        "current_setting",
        "currval",
        "getenv",
        "getvariable",
        "json_serialize_plan",
        "nextval",
        "pg_sleep",
        "setval",
        "sleep_ms",
        "write_log",
    }
)
_QUERY_NODES = frozenset({"CTE_NODE", "RECURSIVE_CTE_NODE", "SELECT_NODE", "SET_OPERATION_NODE"})

_Scope = frozenset[str]


def tables_read(connection: duckdb.DuckDBPyConnection, statement: str) -> tuple[TableName, ...]:
    """The tables that a statement reads, each once, as written.

    Raises QueryFailed where it does not parse, or does what it may not do.
    """
    found: dict[TableName, None] = {}
    for node, scope in _nodes(_parsed(connection, statement)):
        kind = str(node.get("type"))
        if kind == "BASE_TABLE":
            name = _table_name(node)
            if name.database is not None or name.table.lower() not in scope:
                found[name] = None
        else:
            _check_node(kind, node)
    return tuple(found)


def one_line(error: duckdb.Error) -> str:
    """The engine's reason, without the copy of the statement that it adds."""
    reason = str(error).split("\n\nLINE ")[0]
    return " ".join(reason.split())


def _parsed(connection: duckdb.DuckDBPyConnection, statement: str) -> Any:
    try:
        statements = connection.extract_statements(statement)
    except duckdb.Error as error:
        raise QueryFailed(one_line(error)) from error
    if len(statements) != 1:
        raise QueryFailed(f"there are {len(statements)} statements: give exactly one")
    kind = statements[0].type
    if kind != duckdb.StatementType.SELECT:
        raise QueryFailed(f"{kind.name} is not allowed: queries only read (SELECT)")
    try:
        row = connection.execute("SELECT json_serialize_sql(?)", [statement]).fetchone()
        assert row is not None
        tree = json.loads(row[0])
    except duckdb.Error as error:
        raise QueryFailed(one_line(error)) from error
    except RecursionError:
        raise QueryFailed("the statement is nested too deep") from None
    if tree["error"]:
        raise QueryFailed(f"the statement is not allowed: {tree['error_message']}")
    return tree["statements"]


def _nodes(tree: Any) -> Iterator[tuple[Mapping[str, Any], _Scope]]:
    """Every object of the parse tree, with the names of the WITH queries that it sees."""
    pending: list[tuple[Any, _Scope]] = [(tree, frozenset())]
    while pending:
        node, scope = pending.pop()
        if isinstance(node, list):
            pending += [(item, scope) for item in node]
        elif isinstance(node, dict):
            for entry in node.get("cte_map", {}).get("map", ()):
                # A WITH query sees those before it.
                pending.append((entry["value"]["query_node"], scope))
                scope = scope | {entry["key"].lower()}
            yield node, scope
            repeated = scope
            if node.get("type") == "RECURSIVE_CTE_NODE":
                # It sees itself, too, but only in the part that is repeated: in the first one its
                # name is that of a table.
                repeated = scope | {node["cte_name"].lower()}
            pending += [
                (item, repeated if key == "right" else scope)
                for key, item in node.items()
                if key != "cte_map"
            ]


def _check_node(kind: str, node: Mapping[str, Any]) -> None:
    if kind.endswith("_NODE") and kind not in _QUERY_NODES:
        what = kind.removesuffix("_NODE").removesuffix("_QUERY")
        raise QueryFailed(f"{what} in a WITH query is not allowed: queries only read")
    if kind == "SHOW_REF" and node.get("query") is None:
        raise QueryFailed("SHOW is not supported: DESCRIBE a table, or SELECT from it")
    if kind == "FUNCTION" and node["function_name"].lower() in _REFUSED_FUNCTIONS:
        raise QueryFailed(f"the function {node['function_name']!r} is not allowed in a query")
    if kind == "TABLE_FUNCTION":
        name = str(node["function"].get("function_name")).lower()
        if name not in _TABLE_FUNCTIONS:
            raise QueryFailed(
                f"the table function {name!r} is not allowed: name a feature group instead;"
                f" functions allowed in place of a table are {sorted(_TABLE_FUNCTIONS)}"
            )


def _table_name(node: Mapping[str, Any]) -> TableName:
    if node["catalog_name"]:
        shown = f"{node['catalog_name']}.{node['schema_name']}.{node['table_name']}"
        raise QueryFailed(
            f"table {shown!r} has three parts: write database.table, or the table alone"
        )
    return TableName(node["schema_name"] or None, node["table_name"])


def check_known(names: Sequence[TableName], tables: Mapping[TableName, Table]) -> None:
    """Raises QueryFailed where a statement reads a table that is not among `tables`."""
    for name in names:
        if name not in tables:
            shown = f"{name.database}.{name.table}" if name.database else name.table
            raise QueryFailed(f"there is no table {shown!r}")


def without_repeats(tables: Mapping[TableName, Table]) -> dict[TableName, Table]:
    """`tables` without names that differ from one before by case alone, which SQL does not see.

    Raises QueryFailed where such names are of two tables.
    """
    kept: dict[tuple[str, str], tuple[TableName, Table]] = {}
    for name, table in tables.items():
        folded = ((name.database or DEFAULT_DATABASE).lower(), name.table.lower())
        first, known = kept.setdefault(folded, (name, table))
        if not _is_same(known, table):
            raise QueryFailed(
                f"the tables {first.table!r} and {name.table!r} differ by case alone, which SQL"
                " does not see: query one at a time"
            )
    return dict(kept.values())


def _is_same(one: Table, other: Table) -> bool:
    if isinstance(one, HistoryTable) and isinstance(other, HistoryTable):
        return one.group.group_id == other.group.group_id
    return one is other
