"""Glue's operations on tables and their versions."""

import asyncio
from collections.abc import Sequence

from tandem.errors import ResourceNotFound, TandemError, ValidationError
from tandem.model.catalog import CatalogTable
from tandem.service.catalog import Catalog
from tandem.service.placement import Account
from tandem.wire.glue_values import check_catalog, described_table, error_detail, refuse, table_of
from tandem.wire.paging import PageTokens
from tandem.wire.shapes import glue_tables as shapes

_SHORT = frozenset({shapes.TableAttributes.NAME, shapes.TableAttributes.TABLE_TYPE})


class TableOperations:
    """These write to or read from the registry, which may wait: they run in threads."""

    def __init__(self, catalog: Catalog, account: Account, tokens: PageTokens) -> None:
        self._catalog = catalog
        self._account = account
        self._tokens = tokens

    async def create(self, request: shapes.CreateTableRequest) -> None:
        check_catalog(request.catalog_id, self._account)
        refuse(
            PartitionIndexes=request.partition_indexes,
            TransactionId=request.transaction_id,
            OpenTableFormatInput=request.open_table_format_input,
        )
        table = table_of(request.database_name, request.table_input)
        await asyncio.to_thread(self._catalog.create_table, table)

    async def get(self, request: shapes.GetTableRequest) -> shapes.GetTableResponse:
        check_catalog(request.catalog_id, self._account)
        refuse(TransactionId=request.transaction_id, QueryAsOfTime=request.query_as_of_time)
        table = await asyncio.to_thread(self._catalog.table, request.database_name, request.name)
        return shapes.GetTableResponse(table=self._described(table, request.attributes_to_get))

    async def list_all(self, request: shapes.GetTablesRequest) -> shapes.GetTablesResponse:
        check_catalog(request.catalog_id, self._account)
        refuse(TransactionId=request.transaction_id, QueryAsOfTime=request.query_as_of_time)
        attributes = request.attributes_to_get
        place = (request.database_name, request.expression, request.resource_share_type)
        question = ("GetTables", *place, attributes)
        after = "" if not request.next_token else self._tokens.open(question, request.next_token)
        tables = await asyncio.to_thread(
            self._catalog.tables, request.database_name, request.expression
        )
        is_foreign = request.resource_share_type is shapes.TableResourceShareType.FEDERATED
        found = [] if is_foreign else [table for table in tables if table.name > after]
        page = found[: request.max_results or shapes.PAGE_MAX]
        more = len(found) > len(page)
        return shapes.GetTablesResponse(
            table_list=[self._described(table, attributes) for table in page],
            next_token=self._tokens.seal(question, page[-1].name) if more else None,
        )

    async def update(self, request: shapes.UpdateTableRequest) -> None:
        check_catalog(request.catalog_id, self._account)
        refuse(
            TransactionId=request.transaction_id,
            ViewUpdateAction=request.view_update_action,
            UpdateOpenTableFormatInput=request.update_open_table_format_input,
        )
        table = table_of(request.database_name, request.table_input)
        expected = None if request.version_id is None else _version(request.version_id)
        skip_archive = bool(request.skip_archive)

        def update() -> None:
            self._catalog.update_table(table, expected, skip_archive=skip_archive)

        await asyncio.to_thread(update)

    async def delete(self, request: shapes.DeleteTableRequest) -> None:
        check_catalog(request.catalog_id, self._account)
        refuse(TransactionId=request.transaction_id)
        await asyncio.to_thread(self._catalog.delete_table, request.database_name, request.name)

    async def delete_batch(
        self, request: shapes.BatchDeleteTableRequest
    ) -> shapes.BatchDeleteTableResponse:
        check_catalog(request.catalog_id, self._account)
        refuse(TransactionId=request.transaction_id)
        errors = await asyncio.to_thread(
            self._delete_all, request.database_name, request.tables_to_delete
        )
        return shapes.BatchDeleteTableResponse(errors=errors)

    async def version(
        self, request: shapes.GetTableVersionRequest
    ) -> shapes.GetTableVersionResponse:
        check_catalog(request.catalog_id, self._account)
        versions = await self._versions(request.database_name, request.table_name)
        wanted = request.version_id
        if wanted is None:
            return shapes.GetTableVersionResponse(table_version=self._numbered(versions[0]))
        number = _version(wanted)
        for table in versions:
            if table.version == number:
                return shapes.GetTableVersionResponse(table_version=self._numbered(table))
        raise ResourceNotFound(
            f"table {request.database_name}.{request.table_name} has no version {wanted!r}"
        )

    async def versions(
        self, request: shapes.GetTableVersionsRequest
    ) -> shapes.GetTableVersionsResponse:
        check_catalog(request.catalog_id, self._account)
        question = ("GetTableVersions", request.database_name, request.table_name)
        before = None if not request.next_token else self._tokens.open(question, request.next_token)
        versions = await self._versions(request.database_name, request.table_name)
        found = [table for table in versions if before is None or table.version < before]
        page = found[: request.max_results or shapes.PAGE_MAX]
        more = len(found) > len(page)
        return shapes.GetTableVersionsResponse(
            table_versions=[self._numbered(table) for table in page],
            next_token=self._tokens.seal(question, page[-1].version) if more else None,
        )

    async def _versions(self, database: str, table: str) -> Sequence[CatalogTable]:
        return await asyncio.to_thread(self._catalog.table_versions, database, table)

    def _delete_all(self, database: str, names: Sequence[str]) -> list[shapes.TableError] | None:
        self._catalog.database(database)
        errors = []
        for name in names:
            try:
                self._catalog.delete_table(database, name)
            except TandemError as error:
                detail = error_detail(error)
                errors.append(shapes.TableError(table_name=name, error_detail=detail))
        return errors or None

    def _numbered(self, table: CatalogTable) -> shapes.TableVersion:
        described = described_table(table, self._account)
        return shapes.TableVersion(table=described, version_id=described.version_id)

    def _described(
        self, table: CatalogTable, attributes: Sequence[shapes.TableAttributes] | None
    ) -> shapes.Table:
        if not attributes or not _SHORT.issuperset(attributes):
            return described_table(table, self._account)
        has_type = shapes.TableAttributes.TABLE_TYPE in attributes
        return shapes.Table(name=table.name, table_type=table.table_type if has_type else None)


def _version(version_id: str) -> int:
    if not version_id.isascii() or not version_id.isdecimal() or len(version_id) > 18:
        raise ValidationError(
            f"VersionId {version_id[:64]!r} is not that of a table: give back what GetTable says"
        )
    return int(version_id)
