"""The history table of a feature group: its schema, and entries as rows.

Columns, in this order (those of AWS's offline store):

    the features          Integral: int64, Fractional: double, String: string; collections: lists
    write_time            timestamp[us], UTC without a zone: when the write was committed
    api_invocation_time   timestamp[us], UTC without a zone: when the call arrived
    is_deleted            bool: the row is a delete marker, whose other features are null
"""

from collections.abc import Callable, Sequence
from typing import Any

import pyarrow as pa

from tandem.model.feature_group import FeatureDefinition, FeatureGroup, FeatureType
from tandem.model.targets import TargetStores
from tandem.model.write import LogEntry

WRITE_TIME = "write_time"
API_INVOCATION_TIME = "api_invocation_time"
IS_DELETED = "is_deleted"
NO_FEATURES = frozenset({WRITE_TIME, API_INVOCATION_TIME, IS_DELETED})

_ARROW_TYPES = {
    FeatureType.STRING: pa.string(),
    FeatureType.INTEGRAL: pa.int64(),
    FeatureType.FRACTIONAL: pa.float64(),
}
_FROM_TEXT: dict[FeatureType, Callable[[str], Any]] = {
    FeatureType.STRING: str,
    FeatureType.INTEGRAL: int,
    FeatureType.FRACTIONAL: float,
}


def history_schema(group: FeatureGroup) -> pa.Schema:
    """The Arrow schema of the group's history table."""
    fields = [pa.field(feature.name, arrow_type(feature)) for feature in group.features]
    return pa.schema(
        [
            *fields,
            pa.field(WRITE_TIME, pa.timestamp("us"), nullable=False),
            pa.field(API_INVOCATION_TIME, pa.timestamp("us"), nullable=False),
            pa.field(IS_DELETED, pa.bool_(), nullable=False),
        ]
    )


def arrow_type(feature: FeatureDefinition) -> pa.DataType:
    scalar = _ARROW_TYPES[feature.type]
    return scalar if feature.collection is None else pa.list_(scalar)


def history_rows(group: FeatureGroup, entries: Sequence[LogEntry]) -> pa.Table:
    """The rows that the offline-targeted ones of `entries` become, in the same order.

    A feature that the group no longer has, or that an entry does not carry, is left out or null.
    """
    kept = [entry for entry in entries if TargetStores.OFFLINE in entry.targets]
    by_name = [dict(entry.values) for entry in kept]
    schema = history_schema(group)
    arrays = [
        pa.array(_column(feature, by_name), type=arrow_type(feature)) for feature in group.features
    ]
    arrays += [
        pa.array([entry.write_time_us for entry in kept], type=pa.timestamp("us")),
        pa.array([entry.invoked_at_us for entry in kept], type=pa.timestamp("us")),
        pa.array([entry.operation.is_delete for entry in kept], type=pa.bool_()),
    ]
    return pa.Table.from_arrays(arrays, schema=schema)


def _column(feature: FeatureDefinition, by_name: list[dict[str, Any]]) -> list[Any]:
    convert = _FROM_TEXT[feature.type]
    texts = [values.get(feature.name) for values in by_name]
    if feature.collection is None:
        return [None if text is None else convert(text) for text in texts]
    return [None if items is None else [convert(item) for item in items] for items in texts]
