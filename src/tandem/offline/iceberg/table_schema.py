"""A group's history table as Iceberg has it: its columns, its partition, its properties.

    the features          long, double, string; collections: lists; optional
    write_time            timestamp, required
    api_invocation_time   timestamp, required
    is_deleted            boolean, required

* A feature that is added later is a column that is added; rows from before read as null. A retired
  feature stays a column.
* String event times are partitioned by their first ten characters, which in ISO 8601 are the day.
  Fractional ones, and seconds since 1970 as text, of which there is a new ten characters every
  second, are partitioned by the day of the write. What a table's first rows have, decides, even
  if others have asked for the table before.
"""

from collections.abc import Iterator, Sequence
from itertools import count
from typing import Any

import pyarrow as pa
from pyiceberg.partitioning import PARTITION_FIELD_ID_START, PartitionField, PartitionSpec
from pyiceberg.schema import Schema
from pyiceberg.table import TableProperties, Transaction
from pyiceberg.transforms import DayTransform, Transform, TruncateTransform
from pyiceberg.types import (
    BooleanType,
    DoubleType,
    IcebergType,
    ListType,
    LongType,
    NestedField,
    PrimitiveType,
    StringType,
    TimestampType,
)

from tandem.model.definition import WRITE_DAY_PARTITION, event_time_partition
from tandem.model.feature_group import (
    CollectionType,
    FeatureDefinition,
    FeatureGroup,
    FeatureType,
)
from tandem.model.write import LogPart
from tandem.rows.history_rows import NO_FEATURES, WRITE_TIME, history_schema, offline_parts
from tandem.rows.segment import texts_match

_ISO_DAY = "^[0-9]{4}-[0-9]{2}-[0-9]{2}"
_DAY_CHARACTERS = 10
_FIELD_ID = b"PARQUET:field_id"
_TYPES: dict[pa.DataType, PrimitiveType] = {
    pa.string(): StringType(),
    pa.int64(): LongType(),
    pa.float64(): DoubleType(),
    pa.timestamp("us"): TimestampType(),
    pa.bool_(): BooleanType(),
}

_FEATURE_TYPES: dict[IcebergType, FeatureType] = {
    StringType(): FeatureType.STRING,
    LongType(): FeatureType.INTEGRAL,
    DoubleType(): FeatureType.FRACTIONAL,
}

PROPERTIES = {
    # A commit adds a manifest; without merging, every reader would open all of them.
    TableProperties.MANIFEST_MERGE_ENABLED: "true",
    # A commit writes the table's metadata anew; old ones go, past a hundred.
    TableProperties.METADATA_DELETE_AFTER_COMMIT_ENABLED: "true",
    TableProperties.METADATA_PREVIOUS_VERSIONS_MAX: "100",
}


def table_schema(group: FeatureGroup) -> Schema:
    """The table's schema. Its field ids are preliminary: a new table is given its own."""
    columns = history_schema(group)
    # Ids of list elements come behind those of all columns.
    elements = count(len(columns) + 1)
    return Schema(
        *(
            NestedField(number, column.name, _type(column.type, elements), not column.nullable)
            for number, column in enumerate(columns, 1)
        )
    )


def table_features(schema: Schema) -> tuple[FeatureDefinition, ...]:
    """The features that a table has columns of: retired ones, and those that a reader's definition
    of the group does not have yet.
    """
    return tuple(
        FeatureDefinition(
            field.name,
            _FEATURE_TYPES[_element(field.field_type)],
            CollectionType.LIST if isinstance(field.field_type, ListType) else None,
        )
        for field in schema.fields
        if field.name not in NO_FEATURES and _element(field.field_type) in _FEATURE_TYPES
    )


def partition_spec(
    group: FeatureGroup, schema: Schema, entries: Sequence[LogPart]
) -> PartitionSpec:
    """How a table whose first rows are those of `entries` is partitioned."""
    if _has_days(group, entries):
        source, name = group.event_time_name, event_time_partition(group.event_time_name)
        transform: Transform[Any, Any] = TruncateTransform(_DAY_CHARACTERS)
    else:
        source, name, transform = WRITE_TIME, WRITE_DAY_PARTITION, DayTransform()
    source_id = schema.find_field(source).field_id
    return PartitionSpec(PartitionField(source_id, PARTITION_FIELD_ID_START, transform, name))


def add_missing_columns(transaction: Transaction, group: FeatureGroup) -> None:
    """Adds the group's features that the table lacks, before the columns that are no features."""
    there = set(transaction.table_metadata.schema().column_names)
    missing = [column for column in history_schema(group) if column.name not in there]
    if not missing:
        return
    with transaction.update_schema() as update:
        for column in missing:
            update.add_column(column.name, _type(column.type, count()))
            update.move_before(column.name, WRITE_TIME)


def divide_by_first_rows(
    transaction: Transaction, group: FeatureGroup, entries: Sequence[LogPart]
) -> None:
    """Partitions a table that has no rows yet as those of `entries` shall be."""
    metadata = transaction.table_metadata
    wanted = partition_spec(group, metadata.schema(), entries)
    if metadata.current_snapshot() is not None or metadata.spec().compatible_with(wanted):
        return
    with transaction.update_spec() as update:
        for field in metadata.spec().fields:
            update.remove_field(field.name)
        for field in wanted.fields:
            source = metadata.schema().find_column_name(field.source_id)
            assert source is not None
            update.add_field(source, field.transform, field.name)


def with_field_ids(columns: pa.Schema, schema: Schema) -> pa.Schema:
    """`columns` with the ids that the table's `schema` gives them, which Parquet keeps.

    By them Iceberg knows a column, whatever its name.
    """
    return pa.schema([_with_ids(column, schema.find_field(column.name)) for column in columns])


def _has_days(group: FeatureGroup, entries: Sequence[LogPart]) -> bool:
    return group.event_time.type is FeatureType.STRING and all(
        texts_match(part, group.event_time_name, _ISO_DAY) for part in offline_parts(entries)
    )


def _type(type_: pa.DataType, element_ids: Iterator[int]) -> IcebergType:
    if pa.types.is_list(type_):
        element = _TYPES[type_.value_type]
        return ListType(next(element_ids), element, element_required=False)
    return _TYPES[type_]


def _element(type_: IcebergType) -> IcebergType:
    return type_.element_type if isinstance(type_, ListType) else type_


def _with_ids(column: pa.Field, field: NestedField) -> pa.Field:
    if isinstance(field.field_type, ListType):
        element = column.type.value_field.with_metadata(
            {_FIELD_ID: str(field.field_type.element_id)}
        )
        column = column.with_type(pa.list_(element))
    return column.with_metadata({_FIELD_ID: str(field.field_id)})
