"""SHOW, DESCRIBE and EXPLAIN: the catalog and plans as text, as Hive writes it."""

import re
from collections.abc import Mapping, Sequence

from tandem.errors import QueryFailed, ResourceNotFound, ValidationError
from tandem.model.catalog import CatalogColumn, CatalogTable
from tandem.query.athena import statements as kinds
from tandem.query.athena.statements import AthenaStatement
from tandem.service.athena.alterations import partition_name, partition_values
from tandem.service.athena.context import Answer, StatementContext, rows
from tandem.service.athena.relations import Relations
from tandem.service.athena.show_create import create_table_lines, create_view_lines
from tandem.service.athena.statements import Performer
from tandem.service.catalog import Catalog
from tandem.service.iceberg_tables import IcebergTables

_WIDTH = 20


class InspectionStatements:
    def __init__(self, catalog: Catalog, relations: Relations, iceberg: IcebergTables) -> None:
        self._catalog = catalog
        self._relations = relations
        self._iceberg = iceberg

    @property
    def performers(self) -> Mapping[type[AthenaStatement], Performer]:
        return {
            kinds.ShowDatabases: self.databases,
            kinds.ShowTables: self.tables,
            kinds.ShowViews: self.views,
            kinds.ShowColumns: self.columns,
            kinds.ShowPartitions: self.partitions,
            kinds.ShowCreateTable: self.show_create,
            kinds.ShowTableProperties: self.properties,
            kinds.Describe: self.describe,
            kinds.Explain: self.explain,
        }

    def databases(self, statement: kinds.ShowDatabases, _: StatementContext) -> Answer:
        names = [database.name for database in self._catalog.databases()]
        return rows(database_name=[*_matching(names, statement.pattern)])

    def tables(self, statement: kinds.ShowTables, context: StatementContext) -> Answer:
        names = [one.name for one in self._tables(statement.database or context.database)]
        return rows(tab_name=[*_matching(names, statement.pattern)])

    def views(self, statement: kinds.ShowViews, context: StatementContext) -> Answer:
        found = self._tables(statement.database or context.database)
        names = [table.name for table in found if table.is_view]
        return rows(views=[*_matching(names, statement.pattern)])

    def columns(self, statement: kinds.ShowColumns, context: StatementContext) -> Answer:
        table = self._relations.catalog_table(statement.table, context.database)
        return rows(field=[column.name for column in (*table.columns, *_keys(table))])

    def partitions(self, statement: kinds.ShowPartitions, context: StatementContext) -> Answer:
        table = self._relations.catalog_table(statement.table, context.database)
        if not table.partition_keys:
            raise QueryFailed(
                "FAILED: Execution Error, return code 1. Table"
                f" {table.database}.{table.name} is not a partitioned table"
            )
        found = self._catalog.partitions(table.database, table.name)
        return rows(partition=[partition_name(table, one.values) for one in found])

    def show_create(self, statement: kinds.ShowCreateTable, context: StatementContext) -> Answer:
        table = self._relations.catalog_table(statement.table, context.database)
        if table.is_view != statement.is_view:
            kind = "a view" if table.is_view else "a table"
            raise QueryFailed(f"FAILED: {table.database}.{table.name} is {kind}")
        if table.is_view:
            return rows(**{"create view": [*create_view_lines(table)]})
        return rows(createtab_stmt=[*create_table_lines(table)])

    def properties(self, statement: kinds.ShowTableProperties, context: StatementContext) -> Answer:
        table = self._relations.catalog_table(statement.table, context.database)
        parameters = dict(table.parameters)
        group = self._relations.iceberg_group(statement.table, context.database)
        if group is not None:
            parameters |= self._iceberg.properties(group)
        if statement.key is not None:
            missing = f"Table {table.database}.{table.name} does not have property: {statement.key}"
            return rows(prpt_value=[parameters.get(statement.key, missing)])
        return rows(prpt_name=[*parameters], prpt_value=[*parameters.values()])

    def describe(self, statement: kinds.Describe, context: StatementContext) -> Answer:
        table = self._relations.catalog_table(statement.table, context.database)
        if statement.partition:
            values = partition_values(table, statement.partition)
            try:
                self._catalog.partition(table.database, table.name, values)
            except (ResourceNotFound, ValidationError) as error:
                raise QueryFailed(f"FAILED: SemanticException {error}") from error
        if statement.column is not None:
            return _described([_column(table, statement.column)], ())
        return _described(table.columns, _keys(table))

    def explain(self, statement: kinds.Explain, context: StatementContext) -> Answer:
        if statement.is_analyze:
            raise QueryFailed("NOT_SUPPORTED: EXPLAIN ANALYZE is not supported: use EXPLAIN")
        if statement.options.get("FORMAT", "TEXT") != "TEXT":
            raise QueryFailed("NOT_SUPPORTED: EXPLAIN of another FORMAT than TEXT is not supported")
        plan = self._relations.explained(statement.query, context)
        return rows(**{"Query Plan": [*plan.splitlines()]})

    def _tables(self, database: str) -> list[CatalogTable]:
        try:
            return list(self._catalog.tables(database))
        except (ResourceNotFound, ValidationError):
            raise QueryFailed(
                f"FAILED: SemanticException Database does not exist: {database}"
            ) from None


def _keys(table: CatalogTable) -> tuple[CatalogColumn, ...]:
    """The partition keys that are columns of the table: those of a history are not."""
    return () if table.group_id is not None else table.partition_keys


def _column(table: CatalogTable, name: str) -> CatalogColumn:
    for column in (*table.columns, *_keys(table)):
        if column.name == name.lower():
            return column
    raise QueryFailed(f"FAILED: SemanticException Invalid column reference {name}")


def _described(columns: Sequence[CatalogColumn], keys: tuple[CatalogColumn, ...]) -> Answer:
    names: list[str | None] = []
    types: list[str | None] = []
    comments: list[str | None] = []

    def add(name: str, type_: str, comment: str | None) -> None:
        names.append(f"{name:<{_WIDTH}}")
        types.append(f"{type_:<{_WIDTH}}")
        comments.append(f"{comment or '':<{_WIDTH}}")

    for column in (*columns, *keys):
        add(column.name, column.type, column.comment)
    if keys:
        add("", "", None)
        add("# Partition Information", "", None)
        add("# col_name", "data_type", "comment")
        for key in keys:
            add(key.name, key.type, key.comment)
    return rows(col_name=names, data_type=types, comment=comments)


def _matching(names: list[str], pattern: str | None) -> list[str]:
    """Those of a Hive pattern: `*` is any text, `|` parts alternatives."""
    if pattern is None:
        return names
    choices = [re.escape(choice).replace(r"\*", ".*") for choice in pattern.lower().split("|")]
    wanted = re.compile("|".join(choices))
    return [name for name in names if wanted.fullmatch(name)]
