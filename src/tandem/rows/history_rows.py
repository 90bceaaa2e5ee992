"""The history table of a feature group: its schema, and what the log holds as its rows.

Columns, in this order (those of AWS's offline store):

    the features          Integral: int64, Fractional: double, String: string; collections: lists
    write_time            timestamp[us], UTC without a zone: when the write was committed
    api_invocation_time   timestamp[us], UTC without a zone: when the call arrived
    is_deleted            bool: the row is a delete marker, whose other features are null
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from typing import Any, cast

import numpy as np
import pyarrow as pa

from tandem.model.feature_group import FROM_TEXT, FeatureDefinition, FeatureGroup, FeatureType
from tandem.model.targets import TargetStores
from tandem.model.write import LogEntry, LogPart
from tandem.rows.columns import typed
from tandem.rows.event_time_columns import Numbers
from tandem.rows.record_table import EVENT_SECONDS
from tandem.rows.segment import Segment

WRITE_TIME = "write_time"
API_INVOCATION_TIME = "api_invocation_time"
IS_DELETED = "is_deleted"
NO_FEATURES = frozenset({WRITE_TIME, API_INVOCATION_TIME, IS_DELETED})

_ARROW_TYPES = {
    FeatureType.STRING: pa.string(),
    FeatureType.INTEGRAL: pa.int64(),
    FeatureType.FRACTIONAL: pa.float64(),
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


def history_rows(group: FeatureGroup, parts: Sequence[LogPart]) -> pa.Table:
    """The rows that the offline-targeted ones of `parts` become, in the same order.

    A feature that the group no longer has, or that an entry does not carry, is left out or null.
    """
    tables = [history_schema(group).empty_table()]
    for is_entry, run in groupby(offline_parts(parts), lambda part: isinstance(part, LogEntry)):
        if is_entry:
            tables.append(_rows_of_entries(group, [cast("LogEntry", entry) for entry in run]))
        else:
            tables += [_rows_of_segment(group, cast("Segment", segment)) for segment in run]
    return pa.concat_tables(tables)


def event_seconds(parts: Sequence[LogPart]) -> Numbers:
    """The event time of each row of `history_rows`, whole seconds since 1970."""
    found = [
        np.array([part.event_time.seconds], np.int64)
        if isinstance(part, LogEntry)
        else cast("Segment", part).rows.column(EVENT_SECONDS).to_numpy()
        for part in offline_parts(parts)
    ]
    return np.concatenate(found) if found else np.zeros(0, np.int64)


def offline_parts(parts: Iterable[LogPart]) -> Iterator[LogPart]:
    return (part for part in parts if TargetStores.OFFLINE in part.targets)


def _rows_of_entries(group: FeatureGroup, entries: Sequence[LogEntry]) -> pa.Table:
    by_name = [dict(entry.values) for entry in entries]
    arrays = [
        pa.array(_column(feature, by_name), type=arrow_type(feature)) for feature in group.features
    ]
    arrays += [
        pa.array([entry.write_time_us for entry in entries], type=pa.timestamp("us")),
        pa.array([entry.invoked_at_us for entry in entries], type=pa.timestamp("us")),
        pa.array([entry.operation.is_delete for entry in entries], type=pa.bool_()),
    ]
    return pa.Table.from_arrays(arrays, schema=history_schema(group))


def _column(feature: FeatureDefinition, by_name: list[dict[str, Any]]) -> list[Any]:
    convert = FROM_TEXT[feature.type]
    texts = [values.get(feature.name) for values in by_name]
    if feature.collection is None:
        return [None if text is None else convert(text) for text in texts]
    return [None if items is None else [convert(item) for item in items] for items in texts]


def _rows_of_segment(group: FeatureGroup, segment: Segment) -> pa.Table:
    rows, count = segment.rows, segment.rows.num_rows
    arrays = [
        _typed(rows.column(feature.name), arrow_type(feature))
        if feature.name in rows.column_names
        else pa.nulls(count, arrow_type(feature))
        for feature in group.features
    ]
    arrays += [
        pa.repeat(pa.scalar(segment.write_time_us, pa.timestamp("us")), count),
        pa.repeat(pa.scalar(segment.invoked_at_us, pa.timestamp("us")), count),
        pa.repeat(False, count),
    ]
    return pa.Table.from_arrays(arrays, schema=history_schema(group))


def _typed(column: pa.ChunkedArray, type_: pa.DataType) -> pa.ChunkedArray:
    """A column whose values may be texts, as history has it."""
    if column.type == type_:
        return column
    return pa.chunked_array([typed(chunk, type_) for chunk in column.chunks], type_)
