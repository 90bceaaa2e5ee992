"""CREATE DATABASE and DROP DATABASE."""

from collections.abc import Mapping

from tandem.errors import QueryFailed, ResourceInUse, ResourceNotFound, ValidationError
from tandem.model.catalog import CatalogDatabase
from tandem.query.athena import statements as kinds
from tandem.query.athena.statements import AthenaStatement
from tandem.service.athena.context import Answer, StatementContext, nothing
from tandem.service.athena.statements import Performer
from tandem.service.catalog import Catalog


class DatabaseStatements:
    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog

    @property
    def performers(self) -> Mapping[type[AthenaStatement], Performer]:
        return {kinds.CreateDatabase: self.create, kinds.DropDatabase: self.drop}

    def create(self, statement: kinds.CreateDatabase, _: StatementContext) -> Answer:
        database = CatalogDatabase(
            name=statement.database.lower(),
            description=statement.comment,
            location=statement.location,
            parameters=dict(statement.properties),
        )
        try:
            self._catalog.create_database(database)
        except ResourceInUse:
            if not statement.if_not_exists:
                raise QueryFailed(
                    "FAILED: Execution Error, return code 1. Database"
                    f" {statement.database} already exists"
                ) from None
        except ValidationError as error:
            raise QueryFailed(f"FAILED: {error}") from error
        return nothing()

    def drop(self, statement: kinds.DropDatabase, _: StatementContext) -> Answer:
        try:
            tables = self._catalog.tables(statement.database)
            if tables and not statement.cascade:
                raise QueryFailed(
                    f"FAILED: Database {statement.database} is not empty. One or more tables exist:"
                    " drop them first, or add CASCADE"
                )
            self._catalog.delete_database(statement.database)
        except ResourceNotFound:
            if not statement.if_exists:
                raise QueryFailed(
                    f"FAILED: SemanticException Database does not exist: {statement.database}"
                ) from None
        except ValidationError as error:
            raise QueryFailed(f"FAILED: {error}") from error
        return nothing()
