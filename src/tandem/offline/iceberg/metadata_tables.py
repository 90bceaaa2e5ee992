"""Tables about a table ("t$snapshots"), with the columns and types that Trino, and so Athena, gives
them. Paths are as the table's own metadata has them.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import pyarrow as pa
from pyiceberg.conversions import from_bytes
from pyiceberg.io.pyarrow import schema_to_pyarrow
from pyiceberg.manifest import DataFile, PartitionFieldSummary
from pyiceberg.partitioning import PartitionSpec
from pyiceberg.schema import Schema
from pyiceberg.table import Table
from pyiceberg.table.snapshots import ancestors_of
from pyiceberg.types import NestedField, PrimitiveType

from tandem.model.history import MetadataTable
from tandem.offline.iceberg.file_lists import entries_in_order, manifests_of

_MOMENT = pa.timestamp("ms", tz="UTC")
_COUNTS = pa.map_(pa.int32(), pa.int64())
_BOUNDS = pa.map_(pa.int32(), pa.string())

_SNAPSHOTS = pa.schema(
    [
        ("committed_at", _MOMENT),
        ("snapshot_id", pa.int64()),
        ("parent_id", pa.int64()),
        ("operation", pa.string()),
        ("manifest_list", pa.string()),
        ("summary", pa.map_(pa.string(), pa.string())),
    ]
)
_HISTORY = pa.schema(
    [
        ("made_current_at", _MOMENT),
        ("snapshot_id", pa.int64()),
        ("parent_id", pa.int64()),
        ("is_current_ancestor", pa.bool_()),
    ]
)
_REFS = pa.schema(
    [
        ("name", pa.string()),
        ("type", pa.string()),
        ("snapshot_id", pa.int64()),
        ("max_reference_age_in_ms", pa.int64()),
        ("min_snapshots_to_keep", pa.int32()),
        ("max_snapshot_age_in_ms", pa.int64()),
    ]
)
_SUMMARY = pa.struct(
    [
        ("contains_null", pa.bool_()),
        ("contains_nan", pa.bool_()),
        ("lower_bound", pa.string()),
        ("upper_bound", pa.string()),
    ]
)
_MANIFESTS = pa.schema(
    [
        ("path", pa.string()),
        ("length", pa.int64()),
        ("partition_spec_id", pa.int32()),
        ("added_snapshot_id", pa.int64()),
        ("added_data_files_count", pa.int32()),
        ("added_rows_count", pa.int64()),
        ("existing_data_files_count", pa.int32()),
        ("existing_rows_count", pa.int64()),
        ("deleted_data_files_count", pa.int32()),
        ("deleted_rows_count", pa.int64()),
        ("partition_summaries", pa.list_(_SUMMARY)),
    ]
)
_FILES = pa.schema(
    [
        ("content", pa.int32()),
        ("file_path", pa.string()),
        ("file_format", pa.string()),
        ("record_count", pa.int64()),
        ("file_size_in_bytes", pa.int64()),
        ("column_sizes", _COUNTS),
        ("value_counts", _COUNTS),
        ("null_value_counts", _COUNTS),
        ("nan_value_counts", _COUNTS),
        ("lower_bounds", _BOUNDS),
        ("upper_bounds", _BOUNDS),
        ("key_metadata", pa.binary()),
        ("split_offsets", pa.list_(pa.int64())),
        ("equality_ids", pa.list_(pa.int32())),
    ]
)

_Rows = Iterable[Mapping[str, Any]]


def metadata_table(
    name: MetadataTable, table: Table | None, schema: Schema, spec: PartitionSpec
) -> pa.Table:
    """One of the tables; without rows where there is no table yet.

    `schema` and `spec` are those of the table, or what they are to be. Raises QueryFailed where
    another program has written into it what Tandem does not read.
    """
    columns = _partitions_columns(schema, spec) if name is MetadataTable.PARTITIONS else None
    rows = list(_ROWS[name](table)) if table is not None else []
    return pa.Table.from_pylist(rows, schema=columns or _COLUMNS[name])


def _snapshots(table: Table) -> _Rows:
    for snapshot in table.metadata.snapshots:
        summary = snapshot.summary
        yield {
            "committed_at": snapshot.timestamp_ms,
            "snapshot_id": snapshot.snapshot_id,
            "parent_id": snapshot.parent_snapshot_id,
            "operation": None if summary is None else summary.operation.value,
            "manifest_list": snapshot.manifest_list,
            "summary": None if summary is None else list(summary.additional_properties.items()),
        }


def _history(table: Table) -> _Rows:
    current = table.metadata.current_snapshot()
    ancestors = {found.snapshot_id for found in ancestors_of(current, table.metadata)}
    for entry in table.metadata.snapshot_log:
        snapshot = table.metadata.snapshot_by_id(entry.snapshot_id)
        yield {
            "made_current_at": entry.timestamp_ms,
            "snapshot_id": entry.snapshot_id,
            "parent_id": None if snapshot is None else snapshot.parent_snapshot_id,
            "is_current_ancestor": entry.snapshot_id in ancestors,
        }


def _refs(table: Table) -> _Rows:
    for name, reference in table.metadata.refs.items():
        yield {
            "name": name,
            "type": reference.snapshot_ref_type.value.upper(),
            "snapshot_id": reference.snapshot_id,
            "max_reference_age_in_ms": reference.max_ref_age_ms,
            "min_snapshots_to_keep": reference.min_snapshots_to_keep,
            "max_snapshot_age_in_ms": reference.max_snapshot_age_ms,
        }


def _manifests(table: Table) -> _Rows:
    specs = table.specs()
    for manifest in manifests_of(table, table.current_snapshot()):
        spec = specs[manifest.partition_spec_id]
        fields = spec.partition_type(table.schema()).fields
        yield {
            "path": manifest.manifest_path,
            "length": manifest.manifest_length,
            "partition_spec_id": manifest.partition_spec_id,
            "added_snapshot_id": manifest.added_snapshot_id,
            "added_data_files_count": manifest.added_files_count,
            "added_rows_count": manifest.added_rows_count,
            "existing_data_files_count": manifest.existing_files_count,
            "existing_rows_count": manifest.existing_rows_count,
            "deleted_data_files_count": manifest.deleted_files_count,
            "deleted_rows_count": manifest.deleted_rows_count,
            "partition_summaries": [
                _summary(field, partition.transform.to_human_string, found)
                for field, partition, found in zip(
                    fields, spec.fields, manifest.partitions or [], strict=False
                )
            ],
        }


def _summary(
    field: NestedField, shown: Callable[[Any, Any], str], found: PartitionFieldSummary
) -> Mapping[str, Any]:
    def bound(value: bytes | None) -> str | None:
        type_ = field.field_type
        assert isinstance(type_, PrimitiveType)
        return None if value is None else shown(type_, from_bytes(type_, value))

    return {
        "contains_null": found.contains_null,
        "contains_nan": found.contains_nan,
        "lower_bound": bound(found.lower_bound),
        "upper_bound": bound(found.upper_bound),
    }


def _files(table: Table) -> _Rows:
    fields = _primitive_fields(table.schema())
    for file in _data_files(table):
        yield {
            "content": int(file.content),
            "file_path": file.file_path,
            "file_format": file.file_format.value,
            "record_count": file.record_count,
            "file_size_in_bytes": file.file_size_in_bytes,
            "column_sizes": _pairs(file.column_sizes),
            "value_counts": _pairs(file.value_counts),
            "null_value_counts": _pairs(file.null_value_counts),
            "nan_value_counts": _pairs(file.nan_value_counts),
            "lower_bounds": _shown_bounds(file.lower_bounds, fields),
            "upper_bounds": _shown_bounds(file.upper_bounds, fields),
            "key_metadata": file.key_metadata,
            "split_offsets": file.split_offsets,
            "equality_ids": file.equality_ids,
        }


def _pairs(counts: Mapping[int, int] | None) -> list[tuple[int, int]] | None:
    return None if counts is None else list(counts.items())


def _shown_bounds(
    bounds: Mapping[int, bytes] | None, fields: Mapping[int, NestedField]
) -> list[tuple[int, str]] | None:
    if bounds is None:
        return None
    return [
        (field_id, str(_value(fields[field_id], bound)))
        for field_id, bound in bounds.items()
        if field_id in fields
    ]


def _partitions(table: Table) -> _Rows:
    specs, fields = table.specs(), _primitive_fields(table.schema())
    files_by_partition: dict[tuple[Any, ...], list[DataFile]] = {}
    for file in _data_files(table):
        by_name = {
            field.name: file.partition[place]
            for place, field in enumerate(specs[file.spec_id].fields)
        }
        values = tuple(by_name.get(field.name) for field in table.spec().fields)
        files_by_partition.setdefault(values, []).append(file)
    names = [field.name for field in table.spec().fields]
    for values, files in files_by_partition.items():
        yield {
            "partition": dict(zip(names, values, strict=True)),
            "record_count": sum(file.record_count for file in files),
            "file_count": len(files),
            "total_size": sum(file.file_size_in_bytes for file in files),
            "data": {field.name: _statistics(field, files) for field in fields.values()},
        }


def _statistics(field: NestedField, files: Iterable[DataFile]) -> Mapping[str, Any]:
    lower, upper, nulls, nans = [], [], 0, 0
    is_known = True
    for file in files:
        null_count = (file.null_value_counts or {}).get(field.field_id, 0)
        nulls += null_count
        nans += (file.nan_value_counts or {}).get(field.field_id, 0)
        least = (file.lower_bounds or {}).get(field.field_id)
        greatest = (file.upper_bounds or {}).get(field.field_id)
        if least is not None and greatest is not None:
            lower.append(_value(field, least))
            upper.append(_value(field, greatest))
        elif null_count < file.record_count and field.field_id in (file.value_counts or {}):
            is_known = False  # it has values, and does not say which
    return {
        "min": min(lower) if lower and is_known else None,
        "max": max(upper) if upper and is_known else None,
        "null_count": nulls,
        "nan_count": nans,
    }


def _partitions_columns(schema: Schema, spec: PartitionSpec) -> pa.Schema:
    data = [
        pa.field(
            field.name,
            pa.struct(
                [
                    ("min", _arrow_type(field)),
                    ("max", _arrow_type(field)),
                    ("null_count", pa.int64()),
                    ("nan_count", pa.int64()),
                ]
            ),
        )
        for field in _primitive_fields(schema).values()
    ]
    partition = [
        pa.field(field.name, _arrow_type(field)) for field in spec.partition_type(schema).fields
    ]
    return pa.schema(
        [
            *([pa.field("partition", pa.struct(partition))] if partition else []),
            ("record_count", pa.int64()),
            ("file_count", pa.int64()),
            ("total_size", pa.int64()),
            ("data", pa.struct(data)),
        ]
    )


def _data_files(table: Table) -> list[DataFile]:
    found = entries_in_order(str(table.name()[-1]), table, table.current_snapshot())
    return [entry.data_file for _, entry in found]


def _primitive_fields(schema: Schema) -> dict[int, NestedField]:
    return {
        field.field_id: field
        for field in schema.fields
        if isinstance(field.field_type, PrimitiveType)
    }


def _arrow_type(field: NestedField) -> pa.DataType:
    found = schema_to_pyarrow(field.field_type, include_field_ids=False)
    return pa.string() if found == pa.large_string() else found


def _value(field: NestedField, bound: bytes) -> Any:
    assert isinstance(field.field_type, PrimitiveType)
    return from_bytes(field.field_type, bound)


_COLUMNS = {
    MetadataTable.FILES: _FILES,
    MetadataTable.HISTORY: _HISTORY,
    MetadataTable.MANIFESTS: _MANIFESTS,
    MetadataTable.PARTITIONS: pa.schema([]),
    MetadataTable.REFS: _REFS,
    MetadataTable.SNAPSHOTS: _SNAPSHOTS,
}
_ROWS: dict[MetadataTable, Callable[[Table], _Rows]] = {
    MetadataTable.FILES: _files,
    MetadataTable.HISTORY: _history,
    MetadataTable.MANIFESTS: _manifests,
    MetadataTable.PARTITIONS: _partitions,
    MetadataTable.REFS: _refs,
    MetadataTable.SNAPSHOTS: _snapshots,
}
