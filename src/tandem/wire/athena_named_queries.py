"""Named queries over the wire."""

import asyncio
import secrets

from tandem.errors import ResourceNotFound
from tandem.service.athena.named_queries import NamedQueries, NamedQuery
from tandem.service.athena.work_groups import PRIMARY
from tandem.wire.athena_work_groups import page_of
from tandem.wire.paging import PageTokens
from tandem.wire.shapes import athena_named_queries as shapes
from tandem.wire.shapes.athena import IDS_MAX


class NamedQueryOperations:
    """These read and write the registry: they run in threads."""

    def __init__(self, queries: NamedQueries, tokens: PageTokens) -> None:
        self._queries = queries
        self._tokens = tokens

    async def create(
        self, request: shapes.CreateNamedQueryRequest
    ) -> shapes.CreateNamedQueryResponse:
        query = NamedQuery(
            query_id="",
            name=request.name,
            database=request.database,
            query=request.query_string,
            work_group=request.work_group or PRIMARY,
            description=request.description,
        )
        token = request.client_request_token or secrets.token_hex(32)
        query_id = await asyncio.to_thread(self._queries.create, query, token)
        return shapes.CreateNamedQueryResponse(named_query_id=query_id)

    async def get(self, request: shapes.NamedQueryRequest) -> shapes.GetNamedQueryResponse:
        found = await asyncio.to_thread(self._queries.get, request.named_query_id)
        return shapes.GetNamedQueryResponse(named_query=_described(found))

    async def batch_get(
        self, request: shapes.BatchGetNamedQueryRequest
    ) -> shapes.BatchGetNamedQueryResponse:
        return await asyncio.to_thread(self._batch, request)

    async def list(
        self, request: shapes.ListNamedQueriesRequest
    ) -> shapes.ListNamedQueriesResponse:
        group = request.work_group or PRIMARY
        page, token = page_of(
            await asyncio.to_thread(self._queries.ids, group),
            self._tokens,
            ("ListNamedQueries", group),
            request.next_token,
            request.max_results or IDS_MAX,
            str,
        )
        return shapes.ListNamedQueriesResponse(named_query_ids=[*page], next_token=token)

    async def update(
        self, request: shapes.UpdateNamedQueryRequest
    ) -> shapes.UpdateNamedQueryResponse:
        await asyncio.to_thread(
            self._queries.update,
            request.named_query_id,
            request.name,
            request.description,
            request.query_string,
        )
        return shapes.UpdateNamedQueryResponse()

    async def delete(self, request: shapes.NamedQueryRequest) -> shapes.DeleteNamedQueryResponse:
        await asyncio.to_thread(self._queries.delete, request.named_query_id)
        return shapes.DeleteNamedQueryResponse()

    def _batch(
        self, request: shapes.BatchGetNamedQueryRequest
    ) -> shapes.BatchGetNamedQueryResponse:
        found, missing = [], []
        for query_id in request.named_query_ids:
            try:
                found.append(_described(self._queries.get(query_id)))
            except ResourceNotFound as error:
                missing.append(
                    shapes.UnprocessedNamedQueryId(
                        named_query_id=query_id,
                        error_code="INVALID_NAMED_QUERY_ID",
                        error_message=str(error),
                    )
                )
        return shapes.BatchGetNamedQueryResponse(
            named_queries=found, unprocessed_named_query_ids=missing
        )


def _described(query: NamedQuery) -> shapes.NamedQuery:
    return shapes.NamedQuery(
        name=query.name,
        database=query.database,
        query_string=query.query,
        description=query.description,
        named_query_id=query.query_id,
        work_group=query.work_group,
    )
