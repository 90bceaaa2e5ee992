"""Rows of data files copied into a new one, in their order, without holding a file in memory.

Columns are found by their field ids, as Iceberg has it, or by name where a file has none. A column
that a file lacks is null in its rows.
"""

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import BinaryIO, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from tandem.errors import DataCorrupted
from tandem.offline import write_options

_BATCH_ROWS = 4_096
_ROW_GROUP_BYTES = 64 << 20
_FIELD_ID = b"PARQUET:field_id"


class Source(NamedTuple):
    """A data file, and the numbers of its rows that are left out."""

    path: Path
    without: Sequence[int] = ()


def copy_rows(sources: Iterable[Source], columns: pa.Schema, target: BinaryIO) -> None:
    """Writes the rows of `sources` as one Parquet file. `columns` has the table's field ids.

    Raises DataCorrupted where a source cannot be read.
    """
    options = dict(write_options.HISTORY)
    rows_max = options.pop("row_group_size")
    with pq.ParquetWriter(target, columns, **options) as writer:
        pending: list[pa.Table] = []
        rows = size = 0
        for source in sources:
            for table in _rows(source.path, columns, source.without, are_kept=False):
                pending.append(table)
                rows += table.num_rows
                size += table.nbytes
                if rows >= rows_max or size >= _ROW_GROUP_BYTES:
                    writer.write_table(pa.concat_tables(pending), row_group_size=rows_max)
                    pending, rows, size = [], 0, 0
        if rows:
            writer.write_table(pa.concat_tables(pending), row_group_size=rows_max)


def chosen_rows(path: Path, columns: pa.Schema, numbers: Sequence[int]) -> Iterator[pa.Table]:
    """The rows of these numbers. Raises DataCorrupted where the file cannot be read."""
    return _rows(path, columns, numbers, are_kept=True)


def column_batches(path: Path, name: str) -> Iterator[pa.Array]:
    """The values of one column, piece by piece. Raises DataCorrupted where it cannot be read."""
    try:
        with pq.ParquetFile(path, page_checksum_verification=True) as file:
            for batch in file.iter_batches(columns=[name]):
                yield batch.column(0)
    except (pa.ArrowException, OSError) as error:
        raise _unreadable(path, error) from error


def _rows(
    path: Path, columns: pa.Schema, numbers: Sequence[int], *, are_kept: bool
) -> Iterator[pa.Table]:
    """The rows of these numbers, or all others."""
    chosen = sorted(numbers)
    first = 0
    try:
        with pq.ParquetFile(path, page_checksum_verification=True) as file:
            places = _places(file.schema_arrow, columns)
            # A row group at a time, so that no batch is made of many: each fits the memory.
            for group in range(file.num_row_groups):
                for batch in file.iter_batches(_BATCH_ROWS, row_groups=[group]):
                    end = first + batch.num_rows
                    inside = chosen[bisect_left(chosen, first) : bisect_left(chosen, end)]
                    mask = _mask(batch.num_rows, [number - first for number in inside])
                    kept = batch.filter(mask if are_kept else pc.invert(mask))
                    first = end
                    if kept.num_rows:
                        yield _projected(kept, places, columns)
    except (pa.ArrowException, OSError) as error:
        raise _unreadable(path, error) from error


def _mask(rows: int, numbers: Sequence[int]) -> pa.Array:
    return pc.is_in(pa.array(range(rows), pa.int64()), pa.array(numbers, pa.int64()))


def _places(there: pa.Schema, wanted: pa.Schema) -> list[int | None]:
    """Where each wanted column is in a file; None where it is not."""
    by_id = {
        field.metadata[_FIELD_ID]: place
        for place, field in enumerate(there)
        if field.metadata and _FIELD_ID in field.metadata
    }
    if by_id:
        return [by_id.get(field.metadata[_FIELD_ID]) for field in wanted]
    by_name = {field.name: place for place, field in enumerate(there)}
    return [by_name.get(field.name) for field in wanted]


def _projected(batch: pa.RecordBatch, places: Sequence[int | None], columns: pa.Schema) -> pa.Table:
    arrays = [
        pa.nulls(batch.num_rows, field.type)
        if place is None
        else batch.column(place).cast(field.type)
        for place, field in zip(places, columns, strict=True)
    ]
    return pa.Table.from_arrays(arrays, schema=columns)


def _unreadable(path: Path, error: Exception) -> DataCorrupted:
    return DataCorrupted(f"the data file {path} cannot be read ({error}): restore it from a backup")
