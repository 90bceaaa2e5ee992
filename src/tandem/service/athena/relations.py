"""What the names in a query stand for, and the query's rows.

A table is, in this order: a table or view of the catalog, which the histories of feature groups are
too; a feature group of that name, or an alias, where the database is theirs or none is said; a
table of `information_schema`. Names are compared without regard to case.

All histories of a query are read at one moment.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from types import MappingProxyType

import pyarrow as pa

from tandem.errors import QueryCancelled, QueryFailed, ResourceNotFound, ValidationError
from tandem.model.catalog import CatalogTable
from tandem.model.feature_group import FeatureGroup, TableFormat
from tandem.model.history import AsOf
from tandem.query import athena
from tandem.query.athena.failures import in_athenas_words
from tandem.query.athena.statements import Column, Snapshot
from tandem.query.base import HistoryTable, QueryEngine, Table, TableName
from tandem.query.tables import FileTable, RowsTable
from tandem.service.athena import information_schema
from tandem.service.athena.context import Answer, StatementContext
from tandem.service.athena.external_tables import ExternalTables
from tandem.service.athena.partition_rows import partition_rows
from tandem.service.athena.views import view_query
from tandem.service.catalog import Catalog
from tandem.service.iceberg_tables import IcebergTables
from tandem.service.placement import CATALOG, DATABASE
from tandem.service.queries import Queries

Relation = FeatureGroup | CatalogTable
"""A feature group's history, or a table or view of the catalog that is none."""


@dataclass(frozen=True, slots=True)
class Plan:
    """A query that the engine can run, and Athena's names of its result's columns."""

    sql: str
    tables: Mapping[TableName, Table]
    column_names: tuple[str, ...]


class Relations:
    def __init__(
        self,
        queries: Queries,
        catalog: Catalog,
        external: ExternalTables,
        iceberg: IcebergTables,
        engine: QueryEngine,
    ) -> None:
        self._queries = queries
        self._catalog = catalog
        self._external = external
        self._iceberg = iceberg
        self._engine = engine

    @contextmanager
    def rows(self, select: athena.Select, context: StatementContext) -> Iterator[Answer]:
        """The rows of a query. Raises QueryFailed, in Athena's words, also where they are taken."""
        plan = self.plan(select, context.database)
        try:
            with self._engine.stream(plan.sql, plan.tables, context.cancellation) as found:
                schema = pa.schema(
                    [
                        pa.field(name, field.type)
                        for name, field in zip(plan.column_names, found.schema, strict=True)
                    ]
                )
                yield Answer(schema, _renamed(found.batches, schema), found.scanned_bytes)
        except QueryFailed as error:
            raise _in_athenas_words(error) from error

    def explained(self, select: athena.Select, context: StatementContext) -> str:
        """How the engine would run a query."""
        plan = self.plan(select, context.database)
        return self._engine.explain(plan.sql, plan.tables)

    def plan(
        self,
        select: athena.Select,
        database: str,
        given: Mapping[athena.AthenaTable, HistoryTable] = MappingProxyType({}),
    ) -> Plan:
        """The query as the engine runs it; the tables that are `given` are looked for nowhere.

        Raises QueryFailed where a name stands for nothing, or the query is not supported.
        """
        sources: dict[athena.AthenaTable, FeatureGroup | Table] = {**given}
        views: dict[athena.AthenaTable, athena.Select] = {}
        pending = list(select.tables)
        while pending:
            table = pending.pop()
            if table in sources or table in views:
                continue
            found = self._source(table, database)
            if isinstance(found, athena.Select):
                views[table] = found
                pending += found.tables
            else:
                sources[table] = found
        _check_cases(sources)
        columns = {table: _columns(source) for table, source in sources.items()}
        translation = athena.translate(select, columns, views)
        read = {table: sources[table] for table in translation.reads.values()}
        tables = self._with_histories(read)
        return Plan(
            translation.sql,
            {name: tables[table] for name, table in translation.reads.items()},
            translation.column_names,
        )

    def find(self, table: athena.AthenaTable, database: str) -> Relation:
        """What a name stands for. Raises QueryFailed where it stands for nothing."""
        if table.catalog is not None and table.catalog.lower() != CATALOG.lower():
            raise QueryFailed(
                f"CATALOG_NOT_FOUND: Catalog '{table.catalog}' does not exist: use {CATALOG}, or"
                " leave it out"
            )
        where = (table.database or database).lower()
        found = self._in_catalog(where, table.table)
        if found is None and (table.database is None or where == DATABASE):
            # Notebooks often name no database; what Feature Store makes is in this one.
            found = self._queries.group_named(table.table) or self._in_catalog(
                DATABASE, table.table
            )
        if found is None:
            shown = f"{CATALOG.lower()}.{where}.{table.table}"
            raise QueryFailed(f"TABLE_NOT_FOUND: Table '{shown}' does not exist")
        return found

    def iceberg_group(self, table: athena.AthenaTable, database: str) -> FeatureGroup | None:
        """The group in Iceberg format that a name stands for, if it stands for one."""
        found = self.find(table, database)
        return found if isinstance(found, FeatureGroup) and _is_iceberg(found) else None

    def catalog_table(self, table: athena.AthenaTable, database: str) -> CatalogTable:
        """The catalog's table of that name, a feature group's included. Raises QueryFailed."""
        found = self.find(table, database)
        if isinstance(found, CatalogTable):
            return found
        place = None if found.offline is None else found.offline.data_catalog
        if place is None:
            raise QueryFailed(f"feature group {found.name!r} has no table in the catalog")
        try:
            return self._catalog.table(place.database, place.table)
        except ResourceNotFound as error:
            raise QueryFailed(f"TABLE_NOT_FOUND: {error}") from error

    def _in_catalog(self, database: str, name: str) -> Relation | None:
        try:
            found = self._catalog.table(database, name)
        except (ResourceNotFound, ValidationError):
            return None
        if found.group_id is None:
            return found
        return self._queries.group_of_id(found.group_id)

    def _source(
        self, table: athena.AthenaTable, database: str
    ) -> FeatureGroup | Table | athena.Select:
        if (table.database or database).lower() == information_schema.DATABASE:
            return information_schema.table(table, self._catalog)
        found = self.find(table, database)
        if isinstance(found, FeatureGroup):
            self._queries.check_readable(found)
            return self._of_group(table, found, database)
        if table.metadata is not None:
            return self._partitions(table, database)
        if table.snapshot is not None:
            raise QueryFailed(
                f"NOT_SUPPORTED: {table}: only Iceberg tables of feature groups have snapshots"
            )
        return view_query(found) if found.is_view else self._external.read(found)

    def _of_group(
        self, table: athena.AthenaTable, group: FeatureGroup, database: str
    ) -> FeatureGroup | Table:
        """A group's history as it is now, as it was, or what there is to say of it."""
        if table.metadata is not None:
            if not _is_iceberg(group):
                return self._partitions(table, database)
            return RowsTable(self._iceberg.metadata(group, table.metadata))
        if table.snapshot is not None:
            return self._iceberg.as_of(group, self._wanted(table.snapshot))
        return group

    def _wanted(self, snapshot: Snapshot) -> AsOf:
        if snapshot.version is not None:
            return AsOf(version=snapshot.version)
        found = self._engine.sql(f"SELECT epoch_us(({snapshot.moment})::TIMESTAMPTZ) AS moment", {})
        moment_us = found.column("moment")[0].as_py()
        if moment_us is None:
            raise QueryFailed("INVALID_ARGUMENTS: the moment of FOR TIMESTAMP AS OF is null")
        return AsOf(moment_us=moment_us)

    def _partitions(self, table: athena.AthenaTable, database: str) -> RowsTable:
        """`"name$partitions"`."""
        if table.metadata is None or table.metadata.lower() != "partitions":
            raise QueryFailed(f"TABLE_NOT_FOUND: Table '{table}' does not exist")
        return partition_rows(self.catalog_table(table, database), self._catalog)

    def _with_histories(
        self, sources: Mapping[athena.AthenaTable, FeatureGroup | Table]
    ) -> dict[athena.AthenaTable, Table]:
        groups = {
            table: source for table, source in sources.items() if isinstance(source, FeatureGroup)
        }
        histories = self._queries.history(list(groups.values()))
        others = {
            table: source
            for table, source in sources.items()
            if not isinstance(source, FeatureGroup)
        }
        return {**others, **dict(zip(groups, histories, strict=True))}


def _check_cases(sources: Mapping[athena.AthenaTable, FeatureGroup | Table]) -> None:
    """Raises QueryFailed where names that differ by case alone, which SQL does not see, are of two
    groups.
    """
    known: dict[athena.AthenaTable, FeatureGroup] = {}
    for table, group in sources.items():
        if isinstance(group, FeatureGroup):
            first = known.setdefault(athena.folded(table), group)
            if first.group_id != group.group_id:
                raise QueryFailed(
                    f"the tables {first.name!r} and {group.name!r} differ by case alone, which SQL"
                    " does not see: query one at a time"
                )


def _is_iceberg(group: FeatureGroup) -> bool:
    return group.offline is not None and group.offline.table_format is TableFormat.ICEBERG


def _columns(source: FeatureGroup | Table) -> list[Column]:
    match source:
        case FeatureGroup():
            return list(athena.history_columns(source.for_readers))
        case HistoryTable():
            columns = list(athena.history_columns(source.group))
            return columns + ([Column(source.position, "bigint")] if source.position else [])
        case FileTable():
            fields = [*source.columns, *source.partitions]
        case RowsTable():
            fields = list(source.rows.schema)
    return [Column(field.name, athena.athena_type(field.type)) for field in fields]


def _renamed(batches: Iterator[pa.RecordBatch], schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    try:
        for batch in batches:
            yield pa.RecordBatch.from_arrays(batch.columns, schema=schema)
    except QueryFailed as error:
        raise _in_athenas_words(error) from error


def _in_athenas_words(error: QueryFailed) -> QueryFailed:
    return error if isinstance(error, QueryCancelled) else in_athenas_words(error)
