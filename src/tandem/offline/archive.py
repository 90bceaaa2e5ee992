"""The archive: delivered log entries as Parquet files beside the history.

History has AWS's columns only. It cannot say which rows were meant for the online store, when they
expire, or that "89.50" was not "89.5". The archive keeps the entries themselves, so that verifying,
rebuilding and restoring replay what was, and nothing is ever guessed.

    position             int64     in the log partition
    operation            int8      1 put, 2 update, 3 soft delete, 4 hard delete
    identifier           string    the canonical record identifier
    event_seconds        int64     since 1970
    event_nanoseconds    int32     within the second
    targets              int8      1 online, 2 offline, 3 both
    expires_at_ms        int64     since 1970, or null
    values               string    a JSON object: feature name to text, or to a list of texts; null
                                   for an entry that came in a segment of a bulk load
    value.<feature>      string, int64, double, or lists of them: the value of such an entry; the
                                   text of a number is Python's (`str`, `repr`)
    invoked_at_us        int64     when the call arrived, since 1970
    write_time_us        int64     when the write was committed, since 1970

The columns `value.` are there where a range has segments, and make its file one of format 2. Other
files are of format 1, as they always were. Group and log partition are the same for a whole file
and stand in its key-value metadata.
"""

from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import BinaryIO, cast

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from tandem.errors import DataCorrupted
from tandem.model.event_time import EventTime
from tandem.model.feature_group import FeatureGroup
from tandem.model.record import FeatureValue
from tandem.model.targets import TargetStores
from tandem.model.write import LogEntry, LogPart, Operation, RecordKey
from tandem.offline import write_options
from tandem.rows.columns import text_of
from tandem.rows.record_table import EVENT_NANOSECONDS, EVENT_SECONDS, IDENTIFIER
from tandem.rows.segment import Segment, values_of

_FORMAT = b"tandem.archive"
_FORMAT_OF_ENTRIES = b"1"
_FORMAT_WITH_SEGMENTS = b"2"
_VALUE_PREFIX = "value."
_BATCH_ROWS = 8_192
_GROUP_ID = b"tandem.group_id"
_PARTITION = b"tandem.partition"

_SCHEMA = pa.schema(
    [
        pa.field("position", pa.int64(), nullable=False),
        pa.field("operation", pa.int8(), nullable=False),
        pa.field("identifier", pa.string(), nullable=False),
        pa.field("event_seconds", pa.int64(), nullable=False),
        pa.field("event_nanoseconds", pa.int32(), nullable=False),
        pa.field("targets", pa.int8(), nullable=False),
        pa.field("expires_at_ms", pa.int64()),
        pa.field("values", pa.string()),
        pa.field("invoked_at_us", pa.int64(), nullable=False),
        pa.field("write_time_us", pa.int64(), nullable=False),
    ]
)
_encoder = msgspec.json.Encoder()
_values_decoder = msgspec.json.Decoder(dict[str, str | tuple[str, ...]])


def write_archive(
    file: BinaryIO, group: FeatureGroup, partition: int, parts: Sequence[LogPart]
) -> None:
    """Writes `parts`, all of one group and log partition, as an archive file."""
    columns = _value_columns(group, parts)
    tables = [_SCHEMA.empty_table()]
    for is_entry, run in groupby(parts, lambda part: isinstance(part, LogEntry)):
        if is_entry:
            tables.append(_table_of_entries([cast("LogEntry", entry) for entry in run]))
        else:
            tables += [_table_of_segment(cast("Segment", segment), columns) for segment in run]
    table = pa.concat_tables(tables, promote_options="default")
    has_segments = table.num_columns > len(_SCHEMA)
    metadata = {
        _FORMAT: _FORMAT_WITH_SEGMENTS if has_segments else _FORMAT_OF_ENTRIES,
        _GROUP_ID: group.group_id.encode(),
        _PARTITION: str(partition).encode(),
    }
    pq.write_table(table.replace_schema_metadata(metadata), file, **write_options.ARCHIVE)


def read_archive(path: Path, group_id: str, partition: int) -> Iterator[LogEntry]:
    """The entries of an archive file, equal to those that were written, read piece by piece.

    Raises DataCorrupted where the file is damaged, or is not the archive of that group and log
    partition.
    """
    try:
        with pq.ParquetFile(path, page_checksum_verification=True) as file:
            _check_origin(path, file.metadata.metadata or {}, group_id, partition)
            for batch in file.iter_batches(_BATCH_ROWS):
                yield from _entries(group_id, partition, pa.table(batch))
    except (pa.ArrowException, OSError, ValueError, msgspec.MsgspecError) as error:
        raise DataCorrupted(
            f"the archive file {path} cannot be read ({error}): restore it from a backup"
        ) from error


def _table_of_entries(entries: Sequence[LogEntry]) -> pa.Table:
    columns = [
        [entry.position for entry in entries],
        [entry.operation for entry in entries],
        [entry.key.identifier for entry in entries],
        [entry.event_time.seconds for entry in entries],
        [entry.event_time.nanoseconds for entry in entries],
        [entry.targets for entry in entries],
        [entry.expires_at_ms for entry in entries],
        [_encoder.encode(dict(entry.values)).decode() for entry in entries],
        [entry.invoked_at_us for entry in entries],
        [entry.write_time_us for entry in entries],
    ]
    arrays = [
        pa.array(column, type=field.type) for column, field in zip(columns, _SCHEMA, strict=True)
    ]
    return pa.Table.from_arrays(arrays, schema=_SCHEMA)


def _value_columns(group: FeatureGroup, parts: Sequence[LogPart]) -> list[tuple[str, bool]]:
    """The features of the segments in `parts`, and of each whether its column must be one of text,
    since not all of them have the same form.
    """
    types: dict[str, set[pa.DataType]] = {}
    for part in parts:
        if not isinstance(part, LogEntry):
            rows = cast("Segment", part).rows
            for name in part.feature_names:
                types.setdefault(name, set()).add(rows.column(name).type)
    names = sorted(types, key=lambda name: group.feature_order[name])
    return [(name, len(types[name]) > 1) for name in names]


def _table_of_segment(segment: Segment, values: Sequence[tuple[str, bool]]) -> pa.Table:
    rows, count = segment.rows, segment.rows.num_rows
    expiries = segment.expiries_ms()
    columns = {
        "position": np.arange(segment.first, segment.first + count),
        "operation": pa.repeat(pa.scalar(int(Operation.PUT), pa.int8()), count),
        "identifier": rows.column(IDENTIFIER),
        "event_seconds": rows.column(EVENT_SECONDS),
        "event_nanoseconds": rows.column(EVENT_NANOSECONDS).cast(pa.int32()),
        "targets": pa.repeat(pa.scalar(int(segment.targets), pa.int8()), count),
        "expires_at_ms": pa.nulls(count, pa.int64()) if expiries is None else expiries,
        "values": pa.nulls(count, pa.string()),
        "invoked_at_us": pa.repeat(pa.scalar(segment.invoked_at_us, pa.int64()), count),
        "write_time_us": pa.repeat(pa.scalar(segment.write_time_us, pa.int64()), count),
    }
    table = pa.table(columns, schema=_SCHEMA)
    for name, is_text in values:
        if name in rows.column_names:
            column = rows.column(name)
            table = table.append_column(
                _VALUE_PREFIX + name, text_of(column) if is_text else column
            )
    return table


def _check_origin(path: Path, metadata: dict[bytes, bytes], group_id: str, partition: int) -> None:
    version = metadata.get(_FORMAT)
    if version not in (_FORMAT_OF_ENTRIES, _FORMAT_WITH_SEGMENTS):
        raise DataCorrupted(
            f"{path} is not an archive file that this Tandem reads (format {version!r}):"
            " restore it from a backup, or open it with the Tandem that wrote it"
        )
    origin = metadata.get(_GROUP_ID), metadata.get(_PARTITION)
    if origin != (group_id.encode(), str(partition).encode()):
        raise DataCorrupted(
            f"the archive file {path} is of group {origin[0]!r} and log partition {origin[1]!r},"
            f" not of {group_id!r} and {partition}: put it back where it belongs"
        )


def _entries(group_id: str, partition: int, table: pa.Table) -> Iterator[LogEntry]:
    columns = [table.column(name).to_pylist() for name in _SCHEMA.names]
    of_segments = _values_of_segments(table)
    for index, row in enumerate(zip(*columns, strict=True)):
        fields = dict(zip(_SCHEMA.names, row, strict=True))
        text = fields["values"]
        yield LogEntry(
            partition=partition,
            position=fields["position"],
            operation=Operation(fields["operation"]),
            key=RecordKey(group_id, fields["identifier"]),
            event_time=EventTime(fields["event_seconds"], fields["event_nanoseconds"]),
            targets=TargetStores(fields["targets"]),
            values=of_segments[index] if text is None else _values(text),
            expires_at_ms=fields["expires_at_ms"],
            invoked_at_us=fields["invoked_at_us"],
            write_time_us=fields["write_time_us"],
        )


def _values(text: str) -> tuple[FeatureValue, ...]:
    by_name = _values_decoder.decode(text)
    return tuple(FeatureValue(name, value) for name, value in by_name.items())


def _values_of_segments(table: pa.Table) -> list[tuple[FeatureValue, ...]]:
    """The values of each row as its own columns have them."""
    columns = [name for name in table.column_names if name.startswith(_VALUE_PREFIX)]
    if not columns:
        return []
    names = [name.removeprefix(_VALUE_PREFIX) for name in columns]
    return list(values_of(table.select(columns).rename_columns(names)))
