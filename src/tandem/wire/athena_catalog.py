"""Catalogs, databases and tables as Athena tells of them. There is one catalog: AwsDataCatalog."""

import asyncio
import re
from collections.abc import Sequence

from tandem.errors import ResourceNotFound, ValidationError
from tandem.model.catalog import CatalogColumn, CatalogDatabase, CatalogTable
from tandem.service.catalog import Catalog
from tandem.service.placement import CATALOG, Account
from tandem.wire.athena_work_groups import page_of
from tandem.wire.error_table import MetadataNotFound
from tandem.wire.paging import PageTokens
from tandem.wire.shapes import athena_catalog as shapes


class CatalogOperations:
    """These read the registry: they run in threads."""

    def __init__(self, catalog: Catalog, account: Account, tokens: PageTokens) -> None:
        self._catalog = catalog
        self._account = account
        self._tokens = tokens

    async def catalogs(
        self,
        request: shapes.ListDataCatalogsRequest,  # noqa: ARG002 - there is one catalog
    ) -> shapes.ListDataCatalogsResponse:
        return shapes.ListDataCatalogsResponse(
            data_catalogs_summary=[
                shapes.DataCatalogSummary(catalog_name=CATALOG, type=shapes.DataCatalogType.GLUE)
            ]
        )

    async def get_catalog(
        self, request: shapes.GetDataCatalogRequest
    ) -> shapes.GetDataCatalogResponse:
        if request.name.lower() != CATALOG.lower():
            raise ValidationError(
                f"Data catalog {request.name[:128]} was not found: there is {CATALOG} alone"
            )
        return shapes.GetDataCatalogResponse(
            data_catalog=shapes.DataCatalog(
                name=CATALOG,
                type=shapes.DataCatalogType.GLUE,
                parameters={"catalog-id": self._account.account_id},
            )
        )

    async def databases(self, request: shapes.ListDatabasesRequest) -> shapes.ListDatabasesResponse:
        _check_catalog(request.catalog_name)
        page, token = page_of(
            await asyncio.to_thread(self._catalog.databases),
            self._tokens,
            ("ListDatabases",),
            request.next_token,
            request.max_results or shapes.ITEMS_MAX,
            lambda database: database.name,
        )
        return shapes.ListDatabasesResponse(
            database_list=[_database(database) for database in page], next_token=token
        )

    async def get_database(self, request: shapes.GetDatabaseRequest) -> shapes.GetDatabaseResponse:
        _check_catalog(request.catalog_name)
        try:
            found = await asyncio.to_thread(self._catalog.database, request.database_name)
        except ResourceNotFound as error:
            raise MetadataNotFound(f"EntityNotFoundException: {error}") from error
        return shapes.GetDatabaseResponse(database=_database(found))

    async def tables(
        self, request: shapes.ListTableMetadataRequest
    ) -> shapes.ListTableMetadataResponse:
        _check_catalog(request.catalog_name)
        wanted = _expression(request.expression)
        try:
            found = await asyncio.to_thread(self._catalog.tables, request.database_name)
        except ResourceNotFound as error:
            raise MetadataNotFound(f"EntityNotFoundException: {error}") from error
        page, token = page_of(
            [table for table in found if wanted.fullmatch(table.name)],
            self._tokens,
            ("ListTableMetadata", request.database_name, request.expression),
            request.next_token,
            request.max_results or shapes.ITEMS_MAX,
            lambda table: table.name,
        )
        return shapes.ListTableMetadataResponse(
            table_metadata_list=[_table(table) for table in page], next_token=token
        )

    async def get_table(
        self, request: shapes.GetTableMetadataRequest
    ) -> shapes.GetTableMetadataResponse:
        _check_catalog(request.catalog_name)
        try:
            found = await asyncio.to_thread(
                self._catalog.table, request.database_name, request.table_name
            )
        except ResourceNotFound as error:
            raise MetadataNotFound(f"EntityNotFoundException: {error}") from error
        return shapes.GetTableMetadataResponse(table_metadata=_table(found))


def _check_catalog(name: str) -> None:
    if name.lower() != CATALOG.lower():
        raise ValidationError(f"Data catalog {name[:128]} was not found: there is {CATALOG} alone")


def _expression(expression: str | None) -> "re.Pattern[str]":
    """A regular expression, as AWS has it; or the names that hold a `*` for any text."""
    if not expression:
        return re.compile(".*")
    escaped = re.escape(expression.lower())
    return re.compile(escaped.replace(r"\.\*", ".*").replace(r"\*", ".*").replace(r"\|", "|"))


def _database(database: CatalogDatabase) -> shapes.Database:
    return shapes.Database(
        name=database.name,
        description=database.description or None,
        parameters=dict(database.parameters) or None,
    )


def _table(table: CatalogTable) -> shapes.TableMetadata:
    keys = () if table.group_id is not None else table.partition_keys
    return shapes.TableMetadata(
        name=table.name,
        create_time=table.created_at_us / 1e6,
        last_access_time=0.0,
        table_type=table.table_type,
        columns=_columns(table.columns),
        partition_keys=_columns(keys),
        parameters={
            **table.parameters,
            **({"location": table.location} if table.location else {}),
            **({"inputformat": table.input_format} if table.input_format else {}),
            **({"outputformat": table.output_format} if table.output_format else {}),
            **({"serde.serialization.lib": table.serde} if table.serde else {}),
            **{f"serde.param.{key}": value for key, value in table.serde_parameters.items()},
        },
    )


def _columns(columns: Sequence[CatalogColumn]) -> list[shapes.Column]:
    return [
        shapes.Column(name=column.name, type=column.type, comment=column.comment)
        for column in columns
    ]
