"""Statements that tell about databases and tables: SHOW, DESCRIBE."""

from tandem.query.athena.cursor import Cursor
from tandem.query.athena.lexing import Kind
from tandem.query.athena.statements import (
    AthenaStatement,
    AthenaTable,
    Describe,
    ShowColumns,
    ShowCreateTable,
    ShowDatabases,
    ShowPartitions,
    ShowTableProperties,
    ShowTables,
    ShowViews,
)


def show(cursor: Cursor) -> AthenaStatement:
    """Behind SHOW."""
    if cursor.accept_one("DATABASES", "SCHEMAS"):
        return ShowDatabases(_pattern(cursor))
    if cursor.accept("TABLES"):
        return ShowTables(_database(cursor), _pattern(cursor))
    if cursor.accept("VIEWS"):
        return ShowViews(_database(cursor), _pattern(cursor))
    if cursor.accept("COLUMNS"):
        return ShowColumns(_table_in_database(cursor))
    if cursor.accept("PARTITIONS"):
        return ShowPartitions(cursor.table())
    if cursor.accept("CREATE"):
        kind = cursor.accept_one("TABLE", "VIEW")
        if kind is None:
            raise cursor.unexpected("'TABLE', 'VIEW'")
        return ShowCreateTable(cursor.table(), kind == "VIEW")
    if cursor.accept("TBLPROPERTIES"):
        table, key = cursor.table(), None
        if cursor.accept("("):
            key = cursor.string()
            cursor.expect(")")
        return ShowTableProperties(table, key)
    raise cursor.unexpected(
        "'COLUMNS', 'CREATE', 'DATABASES', 'PARTITIONS', 'SCHEMAS', 'TABLES', 'TBLPROPERTIES',"
        " 'VIEWS'"
    )


def describe(cursor: Cursor) -> Describe:
    """Behind DESCRIBE."""
    is_detailed = cursor.accept_one("EXTENDED", "FORMATTED") is not None
    table = cursor.table()
    partition: dict[str, str] = {}
    token = cursor.peek()
    if token is not None and token.is_word("PARTITION"):
        partition = cursor.partition()
    column = None
    if cursor.peek() is not None:
        parts = [cursor.name()]
        while cursor.accept("."):
            parts.append(cursor.name())
        column = ".".join(parts)
    return Describe(table, is_detailed, partition, column)


def _database(cursor: Cursor) -> str | None:
    return cursor.name() if cursor.accept_one("IN", "FROM") else None


def _pattern(cursor: Cursor) -> str | None:
    has_like = cursor.accept("LIKE")
    token = cursor.peek()
    if has_like or (token is not None and token.kind in (Kind.TEXT, Kind.DOUBLE_QUOTED)):
        return cursor.string()
    return None


def _table_in_database(cursor: Cursor) -> AthenaTable:
    """`IN table`, `IN database.table` or `IN table IN database`."""
    if not cursor.accept_one("IN", "FROM"):
        raise cursor.unexpected("'FROM', 'IN'")
    table = cursor.table()
    if table.database is None and cursor.accept_one("IN", "FROM"):
        return AthenaTable(None, cursor.name(), table.table)
    return table
