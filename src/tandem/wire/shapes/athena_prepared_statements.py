"""Shapes of athena: prepared statements."""

from typing import Annotated

from msgspec import Meta

from tandem.wire.shapes.athena import IDS_MAX, NextToken, QueryString, WorkGroupName
from tandem.wire.shapes.patterns import whole
from tandem.wire.shapes.shape import Shape

StatementName = Annotated[
    str, Meta(min_length=1, max_length=256), whole("[a-zA-Z_][a-zA-Z0-9_@:]{1,256}")
]
Description = Annotated[str, Meta(min_length=1, max_length=1_024)]


class CreatePreparedStatementRequest(Shape):
    statement_name: StatementName
    work_group: WorkGroupName
    query_statement: QueryString
    description: Description | None = None


class CreatePreparedStatementResponse(Shape):
    pass


class GetPreparedStatementRequest(Shape):
    statement_name: StatementName
    work_group: WorkGroupName


class PreparedStatement(Shape):
    statement_name: str | None = None
    query_statement: str | None = None
    work_group_name: str | None = None
    description: str | None = None
    last_modified_time: float | None = None


class GetPreparedStatementResponse(Shape):
    prepared_statement: PreparedStatement | None = None


class BatchGetPreparedStatementRequest(Shape):
    prepared_statement_names: list[StatementName]
    work_group: WorkGroupName


class UnprocessedPreparedStatementName(Shape):
    statement_name: str | None = None
    error_code: str | None = None
    error_message: str | None = None


class BatchGetPreparedStatementResponse(Shape):
    prepared_statements: list[PreparedStatement] | None = None
    unprocessed_prepared_statement_names: list[UnprocessedPreparedStatementName] | None = None


class ListPreparedStatementsRequest(Shape):
    work_group: WorkGroupName
    next_token: NextToken | None = None
    max_results: Annotated[int, Meta(ge=1, le=IDS_MAX)] | None = None


class PreparedStatementSummary(Shape):
    statement_name: str | None = None
    last_modified_time: float | None = None


class ListPreparedStatementsResponse(Shape):
    prepared_statements: list[PreparedStatementSummary] | None = None
    next_token: str | None = None


class UpdatePreparedStatementRequest(Shape):
    statement_name: StatementName
    work_group: WorkGroupName
    query_statement: QueryString
    description: Description | None = None


class UpdatePreparedStatementResponse(Shape):
    pass


class DeletePreparedStatementRequest(Shape):
    statement_name: StatementName
    work_group: WorkGroupName


class DeletePreparedStatementResponse(Shape):
    pass
