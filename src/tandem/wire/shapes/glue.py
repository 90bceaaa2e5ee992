"""Shapes of glue: what databases, tables and partitions have in common."""

from typing import Annotated

import msgspec
from msgspec import Meta

from tandem.model import limits
from tandem.wire.shapes.patterns import LINES, SINGLE_LINE, whole
from tandem.wire.shapes.shape import Shape

ABSENT = msgspec.Raw()
"""The default of members that are refused where they are given, whatever they say."""
Name = Annotated[
    str, Meta(min_length=1, max_length=limits.CATALOG_NAME_LENGTH_MAX), whole(SINGLE_LINE)
]
TransactionId = Annotated[str, Meta(min_length=1, max_length=limits.CATALOG_NAME_LENGTH_MAX)]
Description = Annotated[str, Meta(max_length=limits.CATALOG_DESCRIPTION_LENGTH_MAX), whole(LINES)]
Location = Annotated[str, Meta(max_length=limits.CATALOG_LOCATION_LENGTH_MAX), whole(LINES)]
Format = Annotated[str, Meta(max_length=limits.CATALOG_FORMAT_LENGTH_MAX), whole(SINGLE_LINE)]
Parameters = dict[
    Name,
    Annotated[str, Meta(max_length=limits.CATALOG_PARAMETER_LENGTH_MAX)],
]
PartitionValue = Annotated[str, Meta(min_length=1, max_length=limits.PARTITION_VALUE_LENGTH_MAX)]
PartitionValues = list[PartitionValue]
_ARN_LENGTH_MAX = 10_240
ResourceArn = Annotated[
    str,
    Meta(min_length=1, max_length=_ARN_LENGTH_MAX),
    whole("arn:aws(-(cn|us-gov|iso(-[bef])?))?:glue:.*"),
]
_SchemaName = Annotated[
    str,
    Meta(min_length=1, max_length=limits.CATALOG_NAME_LENGTH_MAX),
    whole("[a-zA-Z0-9-_$#.]+"),
]
_UUID = "[a-f0-9]{8}-[a-f0-9]{4}-[a-f0-9]{4}-[a-f0-9]{4}-[a-f0-9]{12}"
_UUID_LENGTH = 36
_SchemaVersionId = Annotated[
    str, Meta(min_length=_UUID_LENGTH, max_length=_UUID_LENGTH), whole(_UUID)
]
_SCHEMA_VERSION_MAX = 100_000


class Column(Shape):
    name: Name
    type: Annotated[str, Meta(max_length=limits.CATALOG_TYPE_LENGTH_MAX)] | None = None
    comment: Annotated[str, Meta(max_length=limits.CATALOG_COMMENT_LENGTH_MAX)] | None = None
    parameters: Parameters | None = None


class SerDeInfo(Shape):
    name: Name | None = None
    serialization_library: Name | None = None
    parameters: Parameters | None = None


class Order(Shape):
    column: Name
    sort_order: Annotated[int, Meta(ge=0, le=1)]


class SkewedInfo(Shape):
    skewed_column_names: list[Name] | None = None
    skewed_column_values: list[str] | None = None
    skewed_column_value_location_maps: dict[str, str] | None = None


class SchemaId(Shape):
    schema_arn: ResourceArn | None = None
    schema_name: _SchemaName | None = None
    registry_name: _SchemaName | None = None


class SchemaReference(Shape):
    schema_id: SchemaId | None = None
    schema_version_id: _SchemaVersionId | None = None
    schema_version_number: Annotated[int, Meta(ge=1, le=_SCHEMA_VERSION_MAX)] | None = None


class StorageDescriptor(Shape):
    columns: list[Column] | None = None
    location: Location | None = None
    additional_locations: list[Location] | None = None
    input_format: Format | None = None
    output_format: Format | None = None
    compressed: bool | None = None
    number_of_buckets: int | None = None
    serde_info: SerDeInfo | None = None
    bucket_columns: list[Name] | None = None
    sort_columns: list[Order] | None = None
    parameters: Parameters | None = None
    skewed_info: SkewedInfo | None = None
    stored_as_sub_directories: bool | None = None
    schema_reference: SchemaReference | None = None


class ErrorDetail(Shape):
    error_code: str | None = None
    error_message: str | None = None


class AuditContext(Shape):
    additional_audit_context: Annotated[str, Meta(max_length=2_048)] | None = None
    requested_columns: (
        list[Annotated[str, Meta(min_length=1, max_length=1_024), whole(SINGLE_LINE)]] | None
    ) = None
    all_columns_requested: bool | None = None
