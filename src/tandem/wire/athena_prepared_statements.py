"""Prepared statements over the wire."""

import asyncio

from tandem.service.athena.prepared_statements import PreparedStatement, PreparedStatements
from tandem.wire.athena_work_groups import page_of
from tandem.wire.paging import PageTokens
from tandem.wire.shapes import athena_prepared_statements as shapes
from tandem.wire.shapes.athena import IDS_MAX


class PreparedStatementOperations:
    """These read and write the registry, and parse statements: they run in threads."""

    def __init__(self, prepared: PreparedStatements, tokens: PageTokens) -> None:
        self._prepared = prepared
        self._tokens = tokens

    async def create(
        self, request: shapes.CreatePreparedStatementRequest
    ) -> shapes.CreatePreparedStatementResponse:
        await asyncio.to_thread(self._prepared.create, _asked(request))
        return shapes.CreatePreparedStatementResponse()

    async def get(
        self, request: shapes.GetPreparedStatementRequest
    ) -> shapes.GetPreparedStatementResponse:
        found = await asyncio.to_thread(
            self._prepared.get, request.statement_name, request.work_group
        )
        return shapes.GetPreparedStatementResponse(prepared_statement=_described(found))

    async def batch_get(
        self, request: shapes.BatchGetPreparedStatementRequest
    ) -> shapes.BatchGetPreparedStatementResponse:
        return await asyncio.to_thread(self._batch, request)

    async def list(
        self, request: shapes.ListPreparedStatementsRequest
    ) -> shapes.ListPreparedStatementsResponse:
        page, token = page_of(
            await asyncio.to_thread(self._prepared.all, request.work_group),
            self._tokens,
            ("ListPreparedStatements", request.work_group),
            request.next_token,
            request.max_results or IDS_MAX,
            lambda statement: statement.name,
        )
        return shapes.ListPreparedStatementsResponse(
            prepared_statements=[
                shapes.PreparedStatementSummary(
                    statement_name=statement.name,
                    last_modified_time=statement.changed_at_us / 1e6,
                )
                for statement in page
            ],
            next_token=token,
        )

    async def update(
        self, request: shapes.UpdatePreparedStatementRequest
    ) -> shapes.UpdatePreparedStatementResponse:
        await asyncio.to_thread(self._prepared.update, _asked(request))
        return shapes.UpdatePreparedStatementResponse()

    async def delete(
        self, request: shapes.DeletePreparedStatementRequest
    ) -> shapes.DeletePreparedStatementResponse:
        await asyncio.to_thread(self._prepared.delete, request.statement_name, request.work_group)
        return shapes.DeletePreparedStatementResponse()

    def _batch(
        self, request: shapes.BatchGetPreparedStatementRequest
    ) -> shapes.BatchGetPreparedStatementResponse:
        there = {one.name: one for one in self._prepared.all(request.work_group)}
        found, missing = [], []
        for name in request.prepared_statement_names:
            if name in there:
                found.append(_described(there[name]))
                continue
            missing.append(
                shapes.UnprocessedPreparedStatementName(
                    statement_name=name,
                    error_code="STATEMENT_NOT_FOUND",
                    error_message=f"PreparedStatement {name} was not found in workGroup"
                    f" {request.work_group}",
                )
            )
        return shapes.BatchGetPreparedStatementResponse(
            prepared_statements=found, unprocessed_prepared_statement_names=missing
        )


def _asked(
    request: shapes.CreatePreparedStatementRequest | shapes.UpdatePreparedStatementRequest,
) -> PreparedStatement:
    return PreparedStatement(
        name=request.statement_name,
        work_group=request.work_group,
        query=request.query_statement,
        description=request.description,
    )


def _described(statement: PreparedStatement) -> shapes.PreparedStatement:
    return shapes.PreparedStatement(
        statement_name=statement.name,
        query_statement=statement.query,
        work_group_name=statement.work_group,
        description=statement.description,
        last_modified_time=statement.changed_at_us / 1e6,
    )
