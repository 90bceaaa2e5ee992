"""Glue's operations on databases and their tags."""

import asyncio
from dataclasses import replace

from tandem.errors import ResourceNotFound
from tandem.service.catalog import Catalog
from tandem.service.placement import Account
from tandem.wire.glue_values import check_catalog, database_of, described_database
from tandem.wire.paging import PageTokens
from tandem.wire.shapes import glue_databases as shapes


class DatabaseOperations:
    """These write to or read from the registry, which may wait: they run in threads."""

    def __init__(self, catalog: Catalog, account: Account, tokens: PageTokens) -> None:
        self._catalog = catalog
        self._account = account
        self._tokens = tokens

    async def create(self, request: shapes.CreateDatabaseRequest) -> None:
        check_catalog(request.catalog_id, self._account)
        database = replace(database_of(request.database_input), tags=request.tags or {})
        await asyncio.to_thread(self._catalog.create_database, database)

    async def get(self, request: shapes.GetDatabaseRequest) -> shapes.GetDatabaseResponse:
        check_catalog(request.catalog_id, self._account)
        database = await asyncio.to_thread(self._catalog.database, request.name)
        return shapes.GetDatabaseResponse(database=described_database(database, self._account))

    async def list_all(self, request: shapes.GetDatabasesRequest) -> shapes.GetDatabasesResponse:
        check_catalog(request.catalog_id, self._account)
        question = ("GetDatabases", request.resource_share_type, request.attributes_to_get)
        after = "" if not request.next_token else self._tokens.open(question, request.next_token)
        found = []
        if request.resource_share_type in (None, shapes.ResourceShareType.ALL):
            databases = await asyncio.to_thread(self._catalog.databases)
            found = [database for database in databases if database.name > after]
        page = found[: request.max_results or shapes.PAGE_MAX]
        described = [described_database(database, self._account) for database in page]
        if request.attributes_to_get:
            described = [shapes.Database(name=database.name) for database in page]
        more = len(found) > len(page)
        return shapes.GetDatabasesResponse(
            database_list=described,
            next_token=self._tokens.seal(question, page[-1].name) if more else None,
        )

    async def update(self, request: shapes.UpdateDatabaseRequest) -> None:
        check_catalog(request.catalog_id, self._account)
        database = database_of(request.database_input)
        await asyncio.to_thread(self._catalog.update_database, request.name, database)

    async def delete(self, request: shapes.DeleteDatabaseRequest) -> None:
        check_catalog(request.catalog_id, self._account)
        await asyncio.to_thread(self._catalog.delete_database, request.name)

    async def get_tags(self, request: shapes.GetTagsRequest) -> shapes.GetTagsResponse:
        name = self._name(request.resource_arn)
        database = await asyncio.to_thread(self._catalog.database, name)
        return shapes.GetTagsResponse(tags=dict(database.tags))

    async def tag(self, request: shapes.TagResourceRequest) -> None:
        name = self._name(request.resource_arn)
        await asyncio.to_thread(self._catalog.tag_database, name, request.tags_to_add)

    async def untag(self, request: shapes.UntagResourceRequest) -> None:
        name = self._name(request.resource_arn)
        await asyncio.to_thread(self._catalog.untag_database, name, request.tags_to_remove)

    def _name(self, arn: str) -> str:
        """The database that an ARN means; of Glue's resources here, databases alone have tags."""
        prefix = f"arn:aws:glue:{self._account.region}:{self._account.account_id}:database/"
        if not arn.startswith(prefix):
            raise ResourceNotFound(
                f"there is no resource {arn[:256]!r} that could have tags: write {prefix}NAME"
            )
        return arn.removeprefix(prefix)
