"""Rows in a Parquet file, batch by batch, in exactly the Arrow types that they had.

Parquet lacks some of Arrow's types, as times in seconds: the schema is kept in the file's metadata
under "tandem.schema", and what is read is cast to it.
"""

import base64
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO

import pyarrow as pa
import pyarrow.parquet as pq

from tandem.errors import ValidationError
from tandem.rows.rows import BATCH_ROWS, Rows

_SCHEMA_KEY = b"tandem.schema"
_ROW_GROUP_ROWS = 131_072


class ParquetRows(Rows):
    """The rows that `write_parquet` wrote to a file."""

    def __init__(self, path: Path) -> None:
        self._path = path
        metadata = pq.read_metadata(path)
        self.count = metadata.num_rows
        kept = (metadata.metadata or {}).get(_SCHEMA_KEY)
        self.schema = (
            pq.read_schema(path)
            if kept is None
            else pa.ipc.read_schema(pa.BufferReader(base64.b64decode(kept)))
        )

    def batches(
        self, columns: Sequence[str] | None = None, rows_max: int = BATCH_ROWS
    ) -> Iterator[pa.RecordBatch]:
        with pq.ParquetFile(self._path) as file:
            for batch in file.iter_batches(batch_size=rows_max):
                typed = pa.RecordBatch.from_arrays(
                    [
                        column.cast(field.type)
                        for column, field in zip(batch.columns, self.schema, strict=True)
                    ],
                    schema=self.schema,
                )
                yield typed if columns is None else typed.select(list(columns))


def write_parquet(
    batches: Iterator[pa.RecordBatch], schema: pa.Schema, file: Path | IO[bytes]
) -> int:
    """Writes the rows; returns how many. Raises ValidationError for a type that Parquet lacks."""
    kept = base64.b64encode(schema.serialize().to_pybytes())
    described = schema.with_metadata({**(schema.metadata or {}), _SCHEMA_KEY: kept})
    count = 0
    try:
        with pq.ParquetWriter(file, described, compression="zstd", compression_level=1) as writer:
            for table in _row_groups(batches, schema):
                writer.write_table(table.cast(described), row_group_size=_ROW_GROUP_ROWS)
                count += table.num_rows
    except (pa.ArrowNotImplementedError, pa.ArrowInvalid) as error:
        raise ValidationError(f"the rows cannot be written as Parquet: {error}") from error
    return count


def _row_groups(batches: Iterator[pa.RecordBatch], schema: pa.Schema) -> Iterator[pa.Table]:
    """Tables that are large enough to be row groups of their own."""
    held: list[pa.RecordBatch] = []
    count = 0
    for batch in batches:
        held.append(batch)
        count += batch.num_rows
        if count >= _ROW_GROUP_ROWS:
            yield pa.Table.from_batches(held, schema)
            held, count = [], 0
    if held:
        yield pa.Table.from_batches(held, schema)
