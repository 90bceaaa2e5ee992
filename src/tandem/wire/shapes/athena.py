"""Shapes of athena: query executions and their results."""

from enum import StrEnum
from typing import Annotated

from msgspec import Meta

from tandem.model.query_execution import ExecutionState, StatementType
from tandem.wire.shapes.patterns import SINGLE_LINE, whole
from tandem.wire.shapes.shape import Shape

QUERY_LENGTH_MAX = 262_144
IDS_MAX = 50
ROWS_MAX = 1_000

ExecutionId = Annotated[str, Meta(min_length=1, max_length=128), whole(r"\S+")]
WorkGroupName = Annotated[str, whole("[a-zA-Z0-9._-]{1,128}")]
CatalogName = Annotated[str, Meta(min_length=1, max_length=256), whole(SINGLE_LINE)]
AccountId = Annotated[str, Meta(min_length=12, max_length=12), whole("[0-9]+")]
NextToken = Annotated[str, Meta(min_length=1, max_length=1_024)]
QueryString = Annotated[str, Meta(min_length=1, max_length=QUERY_LENGTH_MAX)]
ExecutionParameters = Annotated[
    list[Annotated[str, Meta(min_length=1, max_length=1_024)]], Meta(min_length=1)
]


class EncryptionOption(StrEnum):
    SSE_S3 = "SSE_S3"
    SSE_KMS = "SSE_KMS"
    CSE_KMS = "CSE_KMS"


class S3AclOption(StrEnum):
    BUCKET_OWNER_FULL_CONTROL = "BUCKET_OWNER_FULL_CONTROL"


class QueryResultType(StrEnum):
    DATA_MANIFEST = "DATA_MANIFEST"
    DATA_ROWS = "DATA_ROWS"


class ColumnNullable(StrEnum):
    NOT_NULL = "NOT_NULL"
    NULLABLE = "NULLABLE"
    UNKNOWN = "UNKNOWN"


class EncryptionConfiguration(Shape):
    encryption_option: EncryptionOption
    kms_key: str | None = None


class AclConfiguration(Shape):
    s3_acl_option: S3AclOption


class ResultConfiguration(Shape):
    output_location: str | None = None
    encryption_configuration: EncryptionConfiguration | None = None
    expected_bucket_owner: AccountId | None = None
    acl_configuration: AclConfiguration | None = None


class QueryExecutionContext(Shape):
    database: Annotated[str, Meta(min_length=1, max_length=255)] | None = None
    catalog: CatalogName | None = None


class ResultReuseByAgeConfiguration(Shape):
    enabled: bool
    max_age_in_minutes: Annotated[int, Meta(ge=0, le=10_080)] | None = None


class ResultReuseConfiguration(Shape):
    result_reuse_by_age_configuration: ResultReuseByAgeConfiguration | None = None


class StartQueryExecutionRequest(Shape):
    query_string: QueryString
    client_request_token: Annotated[str, Meta(min_length=32, max_length=128)] | None = None
    query_execution_context: QueryExecutionContext | None = None
    result_configuration: ResultConfiguration | None = None
    work_group: WorkGroupName | None = None
    execution_parameters: ExecutionParameters | None = None
    result_reuse_configuration: ResultReuseConfiguration | None = None


class StartQueryExecutionResponse(Shape):
    query_execution_id: str | None = None


class QueryExecutionRequest(Shape):
    query_execution_id: ExecutionId


class StopQueryExecutionRequest(Shape):
    query_execution_id: ExecutionId


class StopQueryExecutionResponse(Shape):
    pass


class AthenaError(Shape):
    error_category: int | None = None
    error_type: int | None = None
    retryable: bool | None = None
    error_message: str | None = None


class QueryExecutionStatus(Shape):
    state: ExecutionState | None = None
    state_change_reason: str | None = None
    submission_date_time: float | None = None
    completion_date_time: float | None = None
    athena_error: AthenaError | None = None


class ResultReuseInformation(Shape):
    reused_previous_result: bool


class QueryExecutionStatistics(Shape):
    engine_execution_time_in_millis: int | None = None
    data_scanned_in_bytes: int | None = None
    data_manifest_location: str | None = None
    total_execution_time_in_millis: int | None = None
    query_queue_time_in_millis: int | None = None
    service_pre_processing_time_in_millis: int | None = None
    query_planning_time_in_millis: int | None = None
    service_processing_time_in_millis: int | None = None
    result_reuse_information: ResultReuseInformation | None = None


class EngineVersion(Shape):
    selected_engine_version: Annotated[str, Meta(min_length=1, max_length=128)] | None = None
    effective_engine_version: Annotated[str, Meta(min_length=1, max_length=128)] | None = None


class QueryExecution(Shape):
    query_execution_id: str | None = None
    query: str | None = None
    statement_type: StatementType | None = None
    result_configuration: ResultConfiguration | None = None
    query_execution_context: QueryExecutionContext | None = None
    status: QueryExecutionStatus | None = None
    statistics: QueryExecutionStatistics | None = None
    work_group: str | None = None
    engine_version: EngineVersion | None = None
    execution_parameters: list[str] | None = None
    substatement_type: str | None = None


class GetQueryExecutionResponse(Shape):
    query_execution: QueryExecution | None = None


class BatchGetQueryExecutionRequest(Shape):
    query_execution_ids: Annotated[list[ExecutionId], Meta(min_length=1, max_length=IDS_MAX)]


class UnprocessedQueryExecutionId(Shape):
    query_execution_id: str | None = None
    error_code: str | None = None
    error_message: str | None = None


class BatchGetQueryExecutionResponse(Shape):
    query_executions: list[QueryExecution] | None = None
    unprocessed_query_execution_ids: list[UnprocessedQueryExecutionId] | None = None


class ListQueryExecutionsRequest(Shape):
    next_token: NextToken | None = None
    max_results: Annotated[int, Meta(ge=0, le=IDS_MAX)] | None = None
    work_group: WorkGroupName | None = None


class ListQueryExecutionsResponse(Shape):
    query_execution_ids: list[str] | None = None
    next_token: str | None = None


class GetQueryResultsRequest(Shape):
    query_execution_id: ExecutionId
    next_token: NextToken | None = None
    max_results: Annotated[int, Meta(ge=1, le=ROWS_MAX)] | None = None
    query_result_type: QueryResultType | None = None


class Datum(Shape):
    var_char_value: str | None = None


class Row(Shape):
    data: list[Datum] | None = None


class ColumnInfo(Shape):
    name: str
    type: str
    catalog_name: str | None = None
    schema_name: str | None = None
    table_name: str | None = None
    label: str | None = None
    precision: int | None = None
    scale: int | None = None
    nullable: ColumnNullable | None = None
    case_sensitive: bool | None = None


class ResultSetMetadata(Shape):
    column_info: list[ColumnInfo] | None = None


class ResultSet(Shape):
    rows: list[Row] | None = None
    result_set_metadata: ResultSetMetadata | None = None


class GetQueryResultsResponse(Shape):
    update_count: int | None = None
    result_set: ResultSet | None = None
    next_token: str | None = None


class QueryRuntimeStatisticsTimeline(Shape):
    query_queue_time_in_millis: int | None = None
    service_pre_processing_time_in_millis: int | None = None
    query_planning_time_in_millis: int | None = None
    engine_execution_time_in_millis: int | None = None
    service_processing_time_in_millis: int | None = None
    total_execution_time_in_millis: int | None = None


class QueryRuntimeStatisticsRows(Shape):
    input_bytes: int | None = None
    output_bytes: int | None = None
    output_rows: int | None = None


class QueryRuntimeStatistics(Shape):
    timeline: QueryRuntimeStatisticsTimeline | None = None
    rows: QueryRuntimeStatisticsRows | None = None


class GetQueryRuntimeStatisticsResponse(Shape):
    query_runtime_statistics: QueryRuntimeStatistics | None = None
