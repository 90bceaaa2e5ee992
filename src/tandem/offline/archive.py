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
    values               string    a JSON object: feature name to text, or to a list of texts
    invoked_at_us        int64     when the call arrived, since 1970
    write_time_us        int64     when the write was committed, since 1970

Group and log partition are the same for a whole file and stand in its key-value metadata.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from tandem.errors import DataCorrupted
from tandem.model.event_time import EventTime
from tandem.model.record import FeatureValue
from tandem.model.targets import TargetStores
from tandem.model.write import LogEntry, Operation, RecordKey
from tandem.offline import write_options

_FORMAT = b"tandem.archive"
_FORMAT_VERSION = b"1"
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
        pa.field("values", pa.string(), nullable=False),
        pa.field("invoked_at_us", pa.int64(), nullable=False),
        pa.field("write_time_us", pa.int64(), nullable=False),
    ]
)
_encoder = msgspec.json.Encoder()
_values_decoder = msgspec.json.Decoder(dict[str, str | tuple[str, ...]])


def write_archive(
    file: BinaryIO, group_id: str, partition: int, entries: Sequence[LogEntry]
) -> None:
    """Writes `entries`, all of one group and log partition, as an archive file."""
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
    schema = _SCHEMA.with_metadata(
        {
            _FORMAT: _FORMAT_VERSION,
            _GROUP_ID: group_id.encode(),
            _PARTITION: str(partition).encode(),
        }
    )
    arrays = [
        pa.array(column, type=field.type) for column, field in zip(columns, schema, strict=True)
    ]
    table = pa.Table.from_arrays(arrays, schema=schema)
    pq.write_table(table, file, **write_options.ARCHIVE)


def read_archive(path: Path, group_id: str, partition: int) -> list[LogEntry]:
    """The entries of an archive file, equal to those that were written.

    Raises DataCorrupted where the file is damaged, or is not the archive of that group and log
    partition.
    """
    try:
        with pq.ParquetFile(path, page_checksum_verification=True) as file:
            _check_origin(path, file.metadata.metadata or {}, group_id, partition)
            table = file.read(columns=_SCHEMA.names)
        columns = [table.column(name).to_pylist() for name in _SCHEMA.names]
        return [_entry(group_id, partition, *row) for row in zip(*columns, strict=True)]
    except (pa.ArrowException, OSError, ValueError, msgspec.MsgspecError) as error:
        raise DataCorrupted(
            f"the archive file {path} cannot be read ({error}): restore it from a backup"
        ) from error


def _check_origin(path: Path, metadata: dict[bytes, bytes], group_id: str, partition: int) -> None:
    version = metadata.get(_FORMAT)
    if version != _FORMAT_VERSION:
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


def _entry(
    group_id: str,
    partition: int,
    position: int,
    operation: int,
    identifier: str,
    event_seconds: int,
    event_nanoseconds: int,
    targets: int,
    expires_at_ms: int | None,
    values: str,
    invoked_at_us: int,
    write_time_us: int,
) -> LogEntry:
    by_name = _values_decoder.decode(values)
    return LogEntry(
        partition=partition,
        position=position,
        operation=Operation(operation),
        key=RecordKey(group_id, identifier),
        event_time=EventTime(event_seconds, event_nanoseconds),
        targets=TargetStores(targets),
        values=tuple(FeatureValue(name, value) for name, value in by_name.items()),
        expires_at_ms=expires_at_ms,
        invoked_at_us=invoked_at_us,
        write_time_us=write_time_us,
    )
