"""Shapes of glue: partitions."""

from typing import Annotated

from msgspec import Meta

from tandem.wire.shapes.glue import (
    AuditContext,
    ErrorDetail,
    Name,
    Parameters,
    PartitionValues,
    StorageDescriptor,
    TransactionId,
)
from tandem.wire.shapes.sagemaker import Timestamp
from tandem.wire.shapes.shape import Shape

PAGE_MAX = 1_000
_CREATE_MAX = 100
_GET_MAX = 1_000
_DELETE_MAX = 25
_VALUES_MAX = 100
_SEGMENTS_MAX = 10
_EXPRESSION_LENGTH_MAX = 2_048


class PartitionInput(Shape):
    values: PartitionValues | None = None
    last_access_time: Timestamp | None = None
    storage_descriptor: StorageDescriptor | None = None
    parameters: Parameters | None = None
    last_analyzed_time: Timestamp | None = None


class Partition(Shape):
    values: list[str] | None = None
    database_name: str | None = None
    table_name: str | None = None
    creation_time: float | None = None
    last_access_time: float | None = None
    storage_descriptor: StorageDescriptor | None = None
    parameters: dict[str, str] | None = None
    last_analyzed_time: float | None = None
    catalog_id: str | None = None


class PartitionError(Shape):
    partition_values: list[str] | None = None
    error_detail: ErrorDetail | None = None


class PartitionValueList(Shape):
    values: PartitionValues


class CreatePartitionRequest(Shape):
    database_name: Name
    table_name: Name
    partition_input: PartitionInput
    catalog_id: Name | None = None


class BatchCreatePartitionRequest(Shape):
    database_name: Name
    table_name: Name
    partition_input_list: Annotated[list[PartitionInput], Meta(max_length=_CREATE_MAX)]
    catalog_id: Name | None = None


class BatchCreatePartitionResponse(Shape):
    errors: list[PartitionError] | None = None


class GetPartitionRequest(Shape):
    database_name: Name
    table_name: Name
    partition_values: PartitionValues
    catalog_id: Name | None = None
    audit_context: AuditContext | None = None


class GetPartitionResponse(Shape):
    partition: Partition | None = None


class Segment(Shape):
    segment_number: Annotated[int, Meta(ge=0)]
    total_segments: Annotated[int, Meta(ge=1, le=_SEGMENTS_MAX)]


class GetPartitionsRequest(Shape):
    database_name: Name
    table_name: Name
    catalog_id: Name | None = None
    expression: Annotated[str, Meta(max_length=_EXPRESSION_LENGTH_MAX)] | None = None
    next_token: str | None = None
    segment: Segment | None = None
    max_results: Annotated[int, Meta(ge=1, le=PAGE_MAX)] | None = None
    exclude_column_schema: bool | None = None
    transaction_id: TransactionId | None = None
    query_as_of_time: Timestamp | None = None
    audit_context: AuditContext | None = None


class GetPartitionsResponse(Shape):
    partitions: list[Partition] | None = None
    next_token: str | None = None


class QuerySessionContext(Shape):
    query_id: Name | None = None
    query_start_time: Timestamp | None = None
    cluster_id: str | None = None
    query_authorization_id: Name | None = None
    additional_context: (
        dict[
            Annotated[str, Meta(min_length=1, max_length=128)],
            Annotated[str, Meta(max_length=256)],
        ]
        | None
    ) = None


class BatchGetPartitionRequest(Shape):
    database_name: Name
    table_name: Name
    partitions_to_get: Annotated[list[PartitionValueList], Meta(max_length=_GET_MAX)]
    catalog_id: Name | None = None
    audit_context: AuditContext | None = None
    query_session_context: QuerySessionContext | None = None


class BatchGetPartitionResponse(Shape):
    partitions: list[Partition] | None = None
    unprocessed_keys: list[PartitionValueList] | None = None


class UpdatePartitionRequest(Shape):
    database_name: Name
    table_name: Name
    partition_value_list: Annotated[PartitionValues, Meta(max_length=_VALUES_MAX)]
    partition_input: PartitionInput
    catalog_id: Name | None = None


class DeletePartitionRequest(Shape):
    database_name: Name
    table_name: Name
    partition_values: PartitionValues
    catalog_id: Name | None = None


class BatchDeletePartitionRequest(Shape):
    database_name: Name
    table_name: Name
    partitions_to_delete: Annotated[list[PartitionValueList], Meta(max_length=_DELETE_MAX)]
    catalog_id: Name | None = None


class BatchDeletePartitionResponse(Shape):
    errors: list[PartitionError] | None = None
