"""Query executions over the wire: started, told of, stopped, and their results read."""

import asyncio
import secrets
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from tandem.errors import ResourceNotFound
from tandem.model.query_execution import (
    NOWHERE,
    ErrorCategory,
    ExecutionState,
    QueryExecution,
    ResultEncryption,
    ResultPlace,
)
from tandem.service.athena.executions import NewExecution, QueryExecutions
from tandem.service.athena.result_files import ResultColumn
from tandem.service.athena.work_groups import ENGINE_VERSION, PRIMARY
from tandem.wire.paging import PageTokens
from tandem.wire.shapes import athena as shapes

_CATEGORIES = {ErrorCategory.SYSTEM: 1, ErrorCategory.USER: 2, ErrorCategory.OTHER: 3}
_PATIENCE_SECONDS = 1.0
"""How long the state of a query is held back while it runs. The SageMaker SDK asks at once and then
every five seconds, so that a query of a moment would cost it five.
"""
_STARTS_AT_ONCE = 4
_GENERIC_ERROR_TYPE = {1: 9_999, 2: 1_999, 3: 9_999}


class ExecutionOperations:
    """These wait for the registry, and parse statements: they run in threads."""

    def __init__(self, executions: QueryExecutions, tokens: PageTokens) -> None:
        self._executions = executions
        self._tokens = tokens
        # Of their own: to parse a long statement takes seconds, for which questions must not wait.
        self._starting = ThreadPoolExecutor(_STARTS_AT_ONCE, thread_name_prefix="tandem-starts")

    async def start(
        self, request: shapes.StartQueryExecutionRequest
    ) -> shapes.StartQueryExecutionResponse:
        context = request.query_execution_context or shapes.QueryExecutionContext()
        new = NewExecution(
            query=request.query_string,
            token=request.client_request_token or secrets.token_hex(32),
            database=context.database,
            catalog=context.catalog,
            result=result_place(request.result_configuration),
            work_group=request.work_group,
            parameters=tuple(request.execution_parameters or ()),
        )
        loop = asyncio.get_running_loop()
        execution_id = await loop.run_in_executor(self._starting, self._executions.start, new)
        return shapes.StartQueryExecutionResponse(query_execution_id=execution_id)

    async def get(self, request: shapes.QueryExecutionRequest) -> shapes.GetQueryExecutionResponse:
        running = self._executions.running(request.query_execution_id)
        if running is not None:
            await asyncio.wait([asyncio.wrap_future(running)], timeout=_PATIENCE_SECONDS)
        found = await asyncio.to_thread(self._executions.get, request.query_execution_id)
        return shapes.GetQueryExecutionResponse(query_execution=described(found))

    async def batch_get(
        self, request: shapes.BatchGetQueryExecutionRequest
    ) -> shapes.BatchGetQueryExecutionResponse:
        return await asyncio.to_thread(self._batch, request.query_execution_ids)

    async def list(
        self, request: shapes.ListQueryExecutionsRequest
    ) -> shapes.ListQueryExecutionsResponse:
        group = request.work_group or PRIMARY
        question = ("ListQueryExecutions", group)
        after = None
        if request.next_token is not None:
            after = self._tokens.open(question, request.next_token)
        ids = await asyncio.to_thread(self._executions.ids, group)
        start = ids.index(after) + 1 if after in ids else 0
        size = request.max_results or shapes.IDS_MAX
        page = ids[start : start + size]
        return shapes.ListQueryExecutionsResponse(
            query_execution_ids=[*page],
            next_token=self._tokens.seal(question, page[-1]) if ids[start + size :] else None,
        )

    async def stop(
        self, request: shapes.StopQueryExecutionRequest
    ) -> shapes.StopQueryExecutionResponse:
        await asyncio.to_thread(self._executions.stop, request.query_execution_id)
        return shapes.StopQueryExecutionResponse()

    async def statistics(
        self, request: shapes.QueryExecutionRequest
    ) -> shapes.GetQueryRuntimeStatisticsResponse:
        found = await asyncio.to_thread(self._executions.get, request.query_execution_id)
        times = _times(found)
        return shapes.GetQueryRuntimeStatisticsResponse(
            query_runtime_statistics=shapes.QueryRuntimeStatistics(
                timeline=shapes.QueryRuntimeStatisticsTimeline(**times),
                rows=shapes.QueryRuntimeStatisticsRows(
                    input_bytes=found.scanned_bytes,
                    output_bytes=found.output_bytes,
                    output_rows=found.output_rows,
                ),
            )
        )

    async def results(
        self, request: shapes.GetQueryResultsRequest
    ) -> shapes.GetQueryResultsResponse:
        return await asyncio.to_thread(self._results, request)

    def _batch(self, ids: Sequence[str]) -> shapes.BatchGetQueryExecutionResponse:
        found, missing = [], []
        for execution_id in ids:
            try:
                found.append(described(self._executions.get(execution_id)))
            except ResourceNotFound as error:
                missing.append(
                    shapes.UnprocessedQueryExecutionId(
                        query_execution_id=execution_id,
                        error_code="INVALID_QUERY_EXECUTION_ID",
                        error_message=str(error),
                    )
                )
        return shapes.BatchGetQueryExecutionResponse(
            query_executions=found, unprocessed_query_execution_ids=missing
        )

    def _results(self, request: shapes.GetQueryResultsRequest) -> shapes.GetQueryResultsResponse:
        execution_id = request.query_execution_id
        question = ("GetQueryResults", execution_id)
        offset = 0
        if request.next_token is not None:
            offset = self._tokens.open(question, request.next_token)
        size = request.max_results or shapes.ROWS_MAX
        page = self._executions.result_page(execution_id, offset, size)
        following = page.next_offset
        return shapes.GetQueryResultsResponse(
            update_count=page.update_count,
            result_set=shapes.ResultSet(
                rows=[
                    shapes.Row(data=[shapes.Datum(var_char_value=text) for text in row])
                    for row in page.rows
                ],
                result_set_metadata=shapes.ResultSetMetadata(
                    column_info=[_column_info(column) for column in page.columns]
                ),
            ),
            next_token=None if following is None else self._tokens.seal(question, following),
        )


def result_place(configuration: shapes.ResultConfiguration | None) -> ResultPlace:
    if configuration is None:
        return NOWHERE
    encryption = configuration.encryption_configuration
    acl = configuration.acl_configuration
    return ResultPlace(
        output_location=configuration.output_location or None,
        encryption=None
        if encryption is None
        else ResultEncryption(option=encryption.encryption_option, kms_key=encryption.kms_key),
        expected_bucket_owner=configuration.expected_bucket_owner,
        acl_option=None if acl is None else acl.s3_acl_option,
    )


def described_place(place: ResultPlace) -> shapes.ResultConfiguration:
    encryption, acl = place.encryption, place.acl_option
    return shapes.ResultConfiguration(
        output_location=place.output_location,
        encryption_configuration=None
        if encryption is None
        else shapes.EncryptionConfiguration(
            encryption_option=shapes.EncryptionOption(encryption.option),
            kms_key=encryption.kms_key,
        ),
        expected_bucket_owner=place.expected_bucket_owner,
        acl_configuration=None
        if acl is None
        else shapes.AclConfiguration(s3_acl_option=shapes.S3AclOption(acl)),
    )


def described(execution: QueryExecution) -> shapes.QueryExecution:
    return shapes.QueryExecution(
        query_execution_id=execution.execution_id,
        query=execution.query,
        statement_type=execution.statement_type,
        result_configuration=described_place(execution.result),
        query_execution_context=shapes.QueryExecutionContext(
            database=execution.database, catalog=execution.catalog
        ),
        status=_status(execution),
        statistics=shapes.QueryExecutionStatistics(
            **_times(execution),
            data_scanned_in_bytes=execution.scanned_bytes,
            data_manifest_location=execution.manifest,
            result_reuse_information=shapes.ResultReuseInformation(reused_previous_result=False),
        ),
        work_group=execution.work_group,
        engine_version=shapes.EngineVersion(
            selected_engine_version="AUTO", effective_engine_version=ENGINE_VERSION
        ),
        execution_parameters=[*execution.parameters] or None,
        substatement_type=execution.kind,
    )


def _status(execution: QueryExecution) -> shapes.QueryExecutionStatus:
    error = None
    if execution.state is ExecutionState.FAILED and execution.error_category is not None:
        category = _CATEGORIES[execution.error_category]
        error = shapes.AthenaError(
            error_category=category,
            error_type=_GENERIC_ERROR_TYPE[category],
            retryable=execution.is_retryable,
            error_message=execution.reason,
        )
    completed = execution.completed_at_us
    return shapes.QueryExecutionStatus(
        state=execution.state,
        state_change_reason=execution.reason,
        submission_date_time=execution.submitted_at_us / 1e6,
        completion_date_time=None if completed is None else completed / 1e6,
        athena_error=error,
    )


def _times(execution: QueryExecution) -> dict[str, int]:
    """Milliseconds of each step that it has come through, under the names that shapes share."""
    ended = execution.completed_at_us
    if ended is None:
        return {}
    started = execution.started_at_us or ended
    planned = execution.planned_at_us or ended
    return {
        "query_queue_time_in_millis": (started - execution.submitted_at_us) // 1_000,
        "service_pre_processing_time_in_millis": 0,
        "query_planning_time_in_millis": (planned - started) // 1_000,
        "engine_execution_time_in_millis": (ended - started) // 1_000,
        "service_processing_time_in_millis": 0,
        "total_execution_time_in_millis": (ended - execution.submitted_at_us) // 1_000,
    }


def _column_info(column: ResultColumn) -> shapes.ColumnInfo:
    return shapes.ColumnInfo(
        catalog_name="hive",
        schema_name="",
        table_name="",
        name=column.name,
        label=column.name,
        type=column.type,
        precision=column.precision,
        scale=column.scale,
        nullable=shapes.ColumnNullable.UNKNOWN,
        case_sensitive=column.type == "varchar",
    )
