"""Statements that make, change and drop databases and tables, in Hive's words."""

from tandem.errors import QueryFailed
from tandem.query.athena.cursor import Cursor
from tandem.query.athena.lexing import failure
from tandem.query.athena.statements import (
    AddColumns,
    AddPartitions,
    AthenaStatement,
    AthenaTable,
    ChangeColumn,
    Column,
    CreateDatabase,
    CreateExternalTable,
    DropColumn,
    DropDatabase,
    DropPartitions,
    DropTable,
    ReplaceColumns,
    SetLocation,
    SetTableProperties,
    UnsetTableProperties,
)


def create_database(cursor: Cursor) -> CreateDatabase:
    """Behind CREATE DATABASE."""
    if_not_exists = cursor.accept("IF", "NOT", "EXISTS")
    database = cursor.name()
    comment = cursor.string() if cursor.accept("COMMENT") else None
    location = cursor.string() if cursor.accept("LOCATION") else None
    properties = cursor.properties() if cursor.accept("WITH", "DBPROPERTIES") else {}
    return CreateDatabase(database, if_not_exists, comment, location, properties)


def create_table(cursor: Cursor, *, is_external: bool) -> CreateExternalTable:
    """Behind CREATE [EXTERNAL] TABLE. Clauses may come in any order, each once."""
    if_not_exists = cursor.accept("IF", "NOT", "EXISTS")
    table = cursor.table()
    columns = tuple(cursor.listed(cursor.column))
    found: dict[str, object] = {}
    while cursor.peek() is not None:
        place = cursor.place
        clause = _table_clause(cursor)
        if clause.keys() & found.keys():
            raise failure(cursor.text, place, "the clause comes twice")
        found |= clause
    return CreateExternalTable(
        table=table,
        is_external=is_external,
        if_not_exists=if_not_exists,
        columns=columns,
        **found,  # type: ignore[arg-type]
    )


def _table_clause(cursor: Cursor) -> dict[str, object]:
    if cursor.accept("COMMENT"):
        return {"comment": cursor.string()}
    if cursor.accept("PARTITIONED", "BY"):
        return {"partitioned_by": tuple(cursor.listed(lambda: _partition_column(cursor)))}
    if cursor.accept("CLUSTERED", "BY"):
        clustered = tuple(cursor.listed(cursor.name))
        cursor.expect("INTO")
        count = cursor.number()
        cursor.expect("BUCKETS")
        return {"clustered_by": clustered, "bucket_count": count}
    if cursor.accept("ROW", "FORMAT"):
        return _row_format(cursor)
    if cursor.accept("WITH", "SERDEPROPERTIES"):
        return {"serde_properties": cursor.properties()}
    if cursor.accept("STORED", "AS"):
        if cursor.accept("INPUTFORMAT"):
            input_format = cursor.string()
            cursor.expect("OUTPUTFORMAT")
            return {"input_format": input_format, "output_format": cursor.string()}
        return {"stored_as": cursor.name().upper()}
    if cursor.accept("LOCATION"):
        return {"location": cursor.string()}
    if cursor.accept("TBLPROPERTIES"):
        return {"properties": cursor.properties()}
    raise cursor.unexpected()


def _partition_column(cursor: Cursor) -> Column:
    """With its type in Hive tables; in Iceberg tables a column's name, or a transform of one."""
    place, name = cursor.place, cursor.name()
    token = cursor.peek()
    if token is not None and token.value == "(":
        _, end = cursor.parentheses()
        return Column(cursor.text[place : end + 1], "")
    if token is not None and token.value in (",", ")"):
        return Column(name, "")
    comment = None
    type_ = cursor.type()
    if cursor.accept("COMMENT"):
        comment = cursor.string()
    return Column(name, type_, comment)


def _row_format(cursor: Cursor) -> dict[str, object]:
    if cursor.accept("SERDE"):
        return {"serde": cursor.string()}
    cursor.expect("DELIMITED")
    properties: dict[str, str] = {}
    while True:
        if cursor.accept("FIELDS", "TERMINATED", "BY"):
            properties["field.delim"] = properties["serialization.format"] = cursor.string()
        elif cursor.accept("ESCAPED", "BY"):
            properties["escape.delim"] = cursor.string()
        elif cursor.accept("COLLECTION", "ITEMS", "TERMINATED", "BY"):
            properties["collection.delim"] = cursor.string()
        elif cursor.accept("MAP", "KEYS", "TERMINATED", "BY"):
            properties["mapkey.delim"] = cursor.string()
        elif cursor.accept("LINES", "TERMINATED", "BY"):
            properties["line.delim"] = cursor.string()
        elif cursor.accept("NULL", "DEFINED", "AS"):
            properties["serialization.null.format"] = cursor.string()
        else:
            break
    serde = "org.apache.hadoop.hive.serde2.lazy.LazySimpleSerDe"
    return {"serde": serde, "serde_properties": properties}


def drop(cursor: Cursor) -> AthenaStatement:
    """Behind DROP, but for DROP VIEW."""
    if cursor.accept_one("DATABASE", "SCHEMA"):
        if_exists = cursor.accept("IF", "EXISTS")
        database = cursor.name()
        mode = cursor.accept_one("CASCADE", "RESTRICT")
        return DropDatabase(database, if_exists, mode == "CASCADE")
    cursor.expect("TABLE")
    return DropTable(if_exists=cursor.accept("IF", "EXISTS"), table=cursor.table())


def alter(cursor: Cursor) -> AthenaStatement:
    """Behind ALTER."""
    if cursor.accept_one("DATABASE", "SCHEMA"):
        raise QueryFailed("NOT_SUPPORTED: ALTER DATABASE is not supported")
    cursor.expect("TABLE")
    table = cursor.table()
    if cursor.accept("ADD"):
        return _add(cursor, table)
    if cursor.accept("REPLACE", "COLUMNS"):
        return ReplaceColumns(table, tuple(cursor.listed(cursor.column)))
    if cursor.accept("CHANGE"):
        cursor.accept("COLUMN")
        return ChangeColumn(table, cursor.name(), cursor.column())
    if cursor.accept("DROP", "COLUMN"):
        return DropColumn(table, cursor.name())
    if cursor.accept("DROP"):
        if_exists = cursor.accept("IF", "EXISTS")
        partitions = [cursor.partition()]
        while cursor.accept(","):
            partitions.append(cursor.partition())
        return DropPartitions(table, if_exists, tuple(partitions))
    if cursor.accept("SET", "TBLPROPERTIES"):
        return SetTableProperties(table, cursor.properties())
    if cursor.accept("UNSET", "TBLPROPERTIES"):
        cursor.accept("IF", "EXISTS")
        return UnsetTableProperties(table, tuple(cursor.listed(cursor.string)))
    if cursor.accept("SET", "LOCATION"):
        return SetLocation(table, {}, cursor.string())
    for words in (("RENAME", "TO"), ("SET", "SERDE"), ("SET", "FILEFORMAT")):
        if cursor.accept(*words):
            raise QueryFailed(f"NOT_SUPPORTED: ALTER TABLE {' '.join(words)} is not supported")
    partition = cursor.partition()
    if cursor.accept("RENAME", "TO"):
        raise QueryFailed("NOT_SUPPORTED: ALTER TABLE RENAME PARTITION is not supported")
    cursor.expect("SET", "LOCATION")
    return SetLocation(table, partition, cursor.string())


def _add(cursor: Cursor, table: AthenaTable) -> AthenaStatement:
    if cursor.accept("COLUMNS"):
        return AddColumns(table, tuple(cursor.listed(cursor.column)))
    if_not_exists = cursor.accept("IF", "NOT", "EXISTS")
    partitions = []
    while True:
        values = cursor.partition()
        location = cursor.string() if cursor.accept("LOCATION") else None
        partitions.append((values, location))
        if cursor.peek() is None:
            return AddPartitions(table, if_not_exists, tuple(partitions))
