"""Which tables a query reads: every name in place of a table that is not one of a WITH query.

A WITH query sees those before it, and itself only where it is RECURSIVE. Names are compared without
regard to case, as everywhere in Athena.
"""

from collections.abc import Iterator

from sqlglot import exp

from tandem.query.athena.constants import constant_sql
from tandem.query.athena.failures import failure_at, not_supported
from tandem.query.athena.statements import AthenaTable, Snapshot

_Names = frozenset[str]


def tables_in(tree: exp.Expr) -> Iterator[tuple[exp.Table, AthenaTable]]:
    """Each reading of a table, with what it names. Raises QueryFailed where that is no table."""
    pending: list[tuple[exp.Expr, _Names]] = [(tree, frozenset())]
    while pending:
        node, scope = pending.pop()
        with_ = node.args.get("with_")
        queries: list[tuple[exp.Expr, _Names]] = []
        if with_ is not None:
            for query in with_.expressions:
                name = query.alias.lower()
                inner = scope | {name} if with_.args.get("recursive") else scope
                queries.append((query.this, inner))
                scope = scope | {name}
        if isinstance(node, exp.Table):
            if _is_function(node):
                raise not_supported(node, "a function in place of a table")
            if node.args.get("db") or node.name.lower() not in scope:
                yield node, table_of(node)
        children = [(child, scope) for child in node.iter_expressions() if child is not with_]
        pending += reversed([*queries, *children])


def table_of(node: exp.Table) -> AthenaTable:
    """The table that a node names."""
    name, separator, metadata = node.name.partition("$")
    if not name or (separator and not metadata):
        raise failure_at(node, "TABLE_NOT_FOUND", f"Table '{node.name}' does not exist")
    return AthenaTable(
        node.catalog or None, node.db or None, name, metadata or None, _snapshot(node)
    )


def folded(table: AthenaTable) -> AthenaTable:
    """The same table with names in lower case."""
    return AthenaTable(
        table.catalog and table.catalog.lower(),
        table.database and table.database.lower(),
        table.table.lower(),
        table.metadata and table.metadata.lower(),
        table.snapshot,
    )


def _is_function(node: exp.Table) -> bool:
    return not isinstance(node.this, exp.Identifier)


def _snapshot(node: exp.Table) -> Snapshot | None:
    version = node.args.get("version")
    if version is None:
        return None
    if version.args.get("kind") != "AS OF":
        raise not_supported(node, "a range of versions")
    value = version.expression
    if version.name == "VERSION":
        if not isinstance(value, exp.Literal):
            raise not_supported(node, "FOR VERSION AS OF what is no literal")
        return Snapshot(version=value.name)
    return Snapshot(moment=constant_sql(value))
