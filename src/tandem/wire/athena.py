"""athena: the table of its operations. Who performs them stands in one file a noun."""

from typing import Any

from tandem.errors import ResourceLimitExceeded
from tandem.wire.athena_executions import ExecutionOperations
from tandem.wire.error_table import Dialect
from tandem.wire.operation import Core, Operation, Service
from tandem.wire.paging import PageTokens
from tandem.wire.shapes import athena as shapes


def athena_service(core: Core, tokens: PageTokens) -> Service:
    return Service(
        name="athena",
        dialect=Dialect.ATHENA,
        prefix="AmazonAthena",
        operations=[*_executions(core, tokens)],
    )


def _executions(core: Core, tokens: PageTokens) -> list[Operation[Any]]:
    executions = ExecutionOperations(core.athena.executions, tokens)
    return [
        Operation(
            name="StartQueryExecution",
            request=shapes.StartQueryExecutionRequest,
            perform=executions.start,
            errors=(ResourceLimitExceeded,),
        ),
        Operation(
            name="GetQueryExecution", request=shapes.QueryExecutionRequest, perform=executions.get
        ),
        Operation(
            name="BatchGetQueryExecution",
            request=shapes.BatchGetQueryExecutionRequest,
            perform=executions.batch_get,
        ),
        Operation(
            name="ListQueryExecutions",
            request=shapes.ListQueryExecutionsRequest,
            perform=executions.list,
        ),
        Operation(
            name="StopQueryExecution",
            request=shapes.StopQueryExecutionRequest,
            perform=executions.stop,
        ),
        Operation(
            name="GetQueryResults",
            request=shapes.GetQueryResultsRequest,
            perform=executions.results,
            errors=(ResourceLimitExceeded,),
        ),
        Operation(
            name="GetQueryRuntimeStatistics",
            request=shapes.QueryExecutionRequest,
            perform=executions.statistics,
        ),
    ]
