"""Shapes of glue: tables and their versions."""

from enum import StrEnum
from typing import Annotated

import msgspec
from msgspec import Meta

from tandem.model import limits
from tandem.wire.shapes.glue import (
    ABSENT,
    AuditContext,
    Column,
    Description,
    ErrorDetail,
    Name,
    Parameters,
    StorageDescriptor,
    TransactionId,
)
from tandem.wire.shapes.patterns import SINGLE_LINE, whole
from tandem.wire.shapes.sagemaker import Timestamp
from tandem.wire.shapes.shape import Shape

PAGE_MAX = 100
_BATCH_MAX = 100
_EXPRESSION_LENGTH_MAX = 2_048

_View = Annotated[str, Meta(max_length=limits.CATALOG_VIEW_LENGTH_MAX)]


class TableAttributes(StrEnum):
    NAME = "NAME"
    TABLE_TYPE = "TABLE_TYPE"
    DEFAULT = "DEFAULT"
    LATEST_ICEBERG_METADATA = "LATEST_ICEBERG_METADATA"


class TableResourceShareType(StrEnum):
    FEDERATED = "FEDERATED"
    ALL = "ALL"


class TableIdentifier(Shape):
    catalog_id: Name | None = None
    database_name: Name | None = None
    name: Name | None = None
    region: Name | None = None


class TableInput(Shape):
    name: Name
    description: Description | None = None
    owner: Name | None = None
    last_access_time: Timestamp | None = None
    last_analyzed_time: Timestamp | None = None
    retention: Annotated[int, Meta(ge=0)] | None = None
    storage_descriptor: StorageDescriptor | None = None
    partition_keys: list[Column] | None = None
    view_original_text: _View | None = None
    view_expanded_text: _View | None = None
    table_type: Annotated[str, Meta(max_length=limits.CATALOG_TABLE_TYPE_LENGTH_MAX)] | None = None
    parameters: Parameters | None = None
    target_table: TableIdentifier | None = None
    federated_table: msgspec.Raw = ABSENT
    view_definition: msgspec.Raw = ABSENT


class Table(Shape):
    name: str
    database_name: str | None = None
    description: str | None = None
    owner: str | None = None
    create_time: float | None = None
    update_time: float | None = None
    last_access_time: float | None = None
    last_analyzed_time: float | None = None
    retention: int | None = None
    storage_descriptor: StorageDescriptor | None = None
    partition_keys: list[Column] | None = None
    view_original_text: str | None = None
    view_expanded_text: str | None = None
    table_type: str | None = None
    parameters: dict[str, str] | None = None
    created_by: str | None = None
    is_registered_with_lake_formation: bool | None = None
    target_table: TableIdentifier | None = None
    catalog_id: str | None = None
    version_id: str | None = None


class CreateTableRequest(Shape):
    database_name: Name
    catalog_id: Name | None = None
    name: Name | None = None
    table_input: TableInput | None = None
    partition_indexes: msgspec.Raw = ABSENT
    transaction_id: TransactionId | None = None
    open_table_format_input: msgspec.Raw = ABSENT


class GetTableRequest(Shape):
    database_name: Name
    name: Name
    catalog_id: Name | None = None
    transaction_id: TransactionId | None = None
    query_as_of_time: Timestamp | None = None
    audit_context: AuditContext | None = None
    include_status_details: bool | None = None
    attributes_to_get: list[TableAttributes] | None = None


class GetTableResponse(Shape):
    table: Table | None = None


class GetTablesRequest(Shape):
    database_name: Name
    catalog_id: Name | None = None
    expression: (
        Annotated[str, Meta(max_length=_EXPRESSION_LENGTH_MAX), whole(SINGLE_LINE)] | None
    ) = None
    next_token: str | None = None
    max_results: Annotated[int, Meta(ge=1, le=PAGE_MAX)] | None = None
    transaction_id: TransactionId | None = None
    query_as_of_time: Timestamp | None = None
    audit_context: AuditContext | None = None
    resource_share_type: TableResourceShareType | None = None
    include_status_details: bool | None = None
    attributes_to_get: list[TableAttributes] | None = None


class GetTablesResponse(Shape):
    table_list: list[Table] | None = None
    next_token: str | None = None


class UpdateTableRequest(Shape):
    database_name: Name
    catalog_id: Name | None = None
    name: Name | None = None
    table_input: TableInput | None = None
    skip_archive: bool | None = None
    transaction_id: TransactionId | None = None
    version_id: Name | None = None
    view_update_action: msgspec.Raw = ABSENT
    force: bool | None = None
    update_open_table_format_input: msgspec.Raw = ABSENT


class DeleteTableRequest(Shape):
    database_name: Name
    name: Name
    catalog_id: Name | None = None
    transaction_id: TransactionId | None = None


class BatchDeleteTableRequest(Shape):
    database_name: Name
    tables_to_delete: Annotated[list[Name], Meta(max_length=_BATCH_MAX)]
    catalog_id: Name | None = None
    transaction_id: TransactionId | None = None


class TableError(Shape):
    table_name: str | None = None
    error_detail: ErrorDetail | None = None


class BatchDeleteTableResponse(Shape):
    errors: list[TableError] | None = None


class TableVersion(Shape):
    table: Table | None = None
    version_id: str | None = None


class GetTableVersionRequest(Shape):
    database_name: Name
    table_name: Name
    catalog_id: Name | None = None
    version_id: Name | None = None
    audit_context: AuditContext | None = None


class GetTableVersionResponse(Shape):
    table_version: TableVersion | None = None


class GetTableVersionsRequest(Shape):
    database_name: Name
    table_name: Name
    catalog_id: Name | None = None
    next_token: str | None = None
    max_results: Annotated[int, Meta(ge=1, le=PAGE_MAX)] | None = None
    audit_context: AuditContext | None = None


class GetTableVersionsResponse(Shape):
    table_versions: list[TableVersion] | None = None
    next_token: str | None = None
