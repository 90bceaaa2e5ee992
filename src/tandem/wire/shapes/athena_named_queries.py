"""Shapes of athena: named queries."""

from typing import Annotated

from msgspec import Meta

from tandem.wire.shapes.athena import IDS_MAX, NextToken, QueryString, WorkGroupName
from tandem.wire.shapes.patterns import whole
from tandem.wire.shapes.shape import Shape

QueryId = Annotated[str, Meta(min_length=1, max_length=128), whole(r"\S+")]
QueryName = Annotated[str, Meta(min_length=1, max_length=128)]


class CreateNamedQueryRequest(Shape):
    name: QueryName
    database: Annotated[str, Meta(min_length=1, max_length=255)]
    query_string: QueryString
    description: Annotated[str, Meta(min_length=1, max_length=1_024)] | None = None
    client_request_token: Annotated[str, Meta(min_length=32, max_length=128)] | None = None
    work_group: WorkGroupName | None = None


class CreateNamedQueryResponse(Shape):
    named_query_id: str | None = None


class NamedQueryRequest(Shape):
    named_query_id: QueryId


class NamedQuery(Shape):
    name: str
    database: str
    query_string: str
    description: str | None = None
    named_query_id: str | None = None
    work_group: str | None = None


class GetNamedQueryResponse(Shape):
    named_query: NamedQuery | None = None


class BatchGetNamedQueryRequest(Shape):
    named_query_ids: Annotated[list[QueryId], Meta(min_length=1, max_length=IDS_MAX)]


class UnprocessedNamedQueryId(Shape):
    named_query_id: str | None = None
    error_code: str | None = None
    error_message: str | None = None


class BatchGetNamedQueryResponse(Shape):
    named_queries: list[NamedQuery] | None = None
    unprocessed_named_query_ids: list[UnprocessedNamedQueryId] | None = None


class ListNamedQueriesRequest(Shape):
    next_token: NextToken | None = None
    max_results: Annotated[int, Meta(ge=0, le=IDS_MAX)] | None = None
    work_group: WorkGroupName | None = None


class ListNamedQueriesResponse(Shape):
    named_query_ids: list[str] | None = None
    next_token: str | None = None


class UpdateNamedQueryRequest(Shape):
    named_query_id: QueryId
    name: QueryName
    query_string: QueryString
    description: Annotated[str, Meta(max_length=1_024)] | None = None


class UpdateNamedQueryResponse(Shape):
    pass


class DeleteNamedQueryResponse(Shape):
    pass
