"""Statements that make and drop tables and views in the catalog. Data stays as it is."""

from collections.abc import Mapping

from tandem.errors import QueryFailed, ResourceInUse, ResourceNotFound, ValidationError
from tandem.model.catalog import EXTERNAL_TABLE, CatalogTable
from tandem.query.athena import statements as kinds
from tandem.query.athena.statements import AthenaStatement, AthenaTable
from tandem.service.athena import serdes
from tandem.service.athena.alterations import catalog_columns
from tandem.service.athena.context import Answer, StatementContext, nothing
from tandem.service.athena.lake import location_of
from tandem.service.athena.relations import Relations
from tandem.service.athena.statements import Performer
from tandem.service.athena.views import view_table
from tandem.service.catalog import Catalog

_STORED_AS = {
    "PARQUET": (serdes.PARQUET, serdes.PARQUET_INPUT, serdes.PARQUET_OUTPUT),
    "TEXTFILE": (serdes.LAZY_SIMPLE, serdes.TEXT_INPUT, serdes.TEXT_OUTPUT),
    "JSON": (serdes.JSON, serdes.TEXT_INPUT, serdes.TEXT_OUTPUT),
    "CSV": (serdes.OPEN_CSV, serdes.TEXT_INPUT, serdes.TEXT_OUTPUT),
}


class TableStatements:
    def __init__(self, catalog: Catalog, relations: Relations) -> None:
        self._catalog = catalog
        self._relations = relations

    @property
    def performers(self) -> Mapping[type[AthenaStatement], Performer]:
        return {
            kinds.CreateExternalTable: self.create,
            kinds.CreateView: self.create_view,
            kinds.DropTable: self.drop,
            kinds.DropView: self.drop_view,
        }

    def create(self, statement: kinds.CreateExternalTable, context: StatementContext) -> Answer:
        if not statement.is_external:
            raise QueryFailed(
                "NOT_SUPPORTED: CREATE TABLE without EXTERNAL, or with table_type ICEBERG, is not"
                " supported: use CREATE EXTERNAL TABLE, or CREATE TABLE AS"
            )
        table = self._described(statement, context.database)
        serdes.file_format(table, table.parameters)
        try:
            self._catalog.create_table(table)
        except ResourceInUse:
            if not statement.if_not_exists:
                raise _exists(table.database, table.name) from None
        except (ResourceNotFound, ValidationError) as error:
            raise _failed(error) from error
        return nothing()

    def create_view(self, statement: kinds.CreateView, context: StatementContext) -> Answer:
        database = statement.view.database or context.database
        with self._relations.rows(statement.query, context) as answer:
            schema = answer.schema
        if len({name.lower() for name in schema.names}) < len(schema):
            raise QueryFailed("DUPLICATE_COLUMN_NAME: a column of the view is named twice")
        name = statement.view.table.lower()
        view = view_table(database.lower(), name, statement.text, schema, context.database)
        try:
            self._catalog.create_table(view)
        except ResourceInUse:
            known = self._catalog.table(database, view.name)
            if not (statement.or_replace and known.is_view):
                raise _exists(database, view.name) from None
            self._catalog.update_table(view)
        except (ResourceNotFound, ValidationError) as error:
            raise _failed(error) from error
        return nothing()

    def drop(self, statement: kinds.DropTable, context: StatementContext) -> Answer:
        found = self._stored(statement.table, context, if_exists=statement.if_exists)
        if found is not None:
            if found.is_view:
                raise QueryFailed(f"{found.name} is a view: drop it with DROP VIEW")
            self._catalog.delete_table(found.database, found.name)
        return nothing()

    def drop_view(self, statement: kinds.DropView, context: StatementContext) -> Answer:
        found = self._stored(statement.view, context, if_exists=statement.if_exists)
        if found is not None:
            if not found.is_view:
                raise QueryFailed(f"{found.name} is a table: drop it with DROP TABLE")
            self._catalog.delete_table(found.database, found.name)
        return nothing()

    def _stored(
        self, table: AthenaTable, context: StatementContext, *, if_exists: bool
    ) -> CatalogTable | None:
        """The catalog's own table of exactly that name; no group is meant by its own name here."""
        database = table.database or context.database
        try:
            return self._catalog.table(database, table.table)
        except (ResourceNotFound, ValidationError):
            if if_exists:
                return None
            raise QueryFailed(
                f"FAILED: Execution Error, return code 1. Table not found: {database}.{table.table}"
            ) from None

    def _described(self, statement: kinds.CreateExternalTable, database: str) -> CatalogTable:
        stored_as = statement.stored_as or ("TEXTFILE" if statement.input_format is None else None)
        serde, input_format, output_format = self._formats(stored_as, statement)
        columns = catalog_columns(statement.columns)
        keys = catalog_columns(statement.partitioned_by)
        names = [column.name for column in (*columns, *keys)]
        if len(set(names)) < len(names):
            raise QueryFailed(f"FAILED: SemanticException: a column is named twice: {names}")
        if statement.clustered_by:
            raise QueryFailed("NOT_SUPPORTED: CLUSTERED BY is not supported")
        if statement.location is None:
            raise QueryFailed("FAILED: an external table needs a LOCATION 's3://bucket/folder/'")
        try:
            location = location_of(statement.location)
        except ValidationError as error:
            raise QueryFailed(f"FAILED: {error}") from None
        return CatalogTable(
            database=(statement.table.database or database).lower(),
            name=statement.table.table.lower(),
            table_type=EXTERNAL_TABLE,
            columns=columns,
            partition_keys=keys,
            location=str(location).rstrip("/"),
            input_format=input_format,
            output_format=output_format,
            serde=serde,
            serde_parameters=dict(statement.serde_properties),
            parameters={"EXTERNAL": "TRUE", **statement.properties},
            description=statement.comment,
        )

    def _formats(
        self, stored_as: str | None, statement: kinds.CreateExternalTable
    ) -> tuple[str | None, str | None, str | None]:
        if stored_as is None:
            return statement.serde, statement.input_format, statement.output_format
        if stored_as not in _STORED_AS:
            raise QueryFailed(
                f"NOT_SUPPORTED: STORED AS {stored_as} is not supported: use one of"
                f" {', '.join(_STORED_AS)}"
            )
        serde, input_format, output_format = _STORED_AS[stored_as]
        return statement.serde or serde, input_format, output_format


def _exists(database: str, name: str) -> QueryFailed:
    return QueryFailed(
        "FAILED: Execution Error, return code 1. AlreadyExistsException: Table"
        f" {database}.{name} already exists"
    )


def _failed(error: Exception) -> QueryFailed:
    return QueryFailed(f"FAILED: Execution Error, return code 1. {error}")
