"""What DuckDB answers, as Arrow.

* A sum of whole numbers is int64 where all values fit, as Athena's is. DuckDB sums in 128 bits,
  which Arrow only has as decimals. A stream, whose types stand before its rows, fails where one
  does not fit.
* Text of any length is handed over: Arrow's buffers of text hold 2 GB, so rows come in batches that
  the largest records cannot fill.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import duckdb
import pyarrow as pa

from tandem.errors import QueryFailed
from tandem.query.cancellation import Cancellation

_BATCH_ROWS = 6_144
_WIDE = frozenset({"HUGEINT", "UHUGEINT"})


def to_arrow(relation: duckdb.DuckDBPyRelation) -> pa.Table:
    """Runs the relation. Raises duckdb.Error."""
    wide = _wide_columns(relation)
    table = relation.to_arrow_table(_BATCH_ROWS)
    for index in wide:
        table = _as_int64(table, index)
    return table


@contextmanager
def batches(
    relation: duckdb.DuckDBPyRelation, cancellation: Cancellation
) -> Iterator[tuple[pa.Schema, Iterator[pa.RecordBatch]]]:
    """Runs the relation as its batches are taken. Raises duckdb.Error; batches, QueryFailed."""
    wide = _wide_columns(relation)
    reader = relation.to_arrow_reader(_BATCH_ROWS)
    fields = [
        pa.field(field.name, pa.int64()) if index in wide else field
        for index, field in enumerate(reader.schema)
    ]
    schema = pa.schema(fields)
    try:
        yield schema, _batches(reader, schema, wide, cancellation)
    finally:
        reader.close()


def _batches(
    reader: pa.RecordBatchReader, schema: pa.Schema, wide: Sequence[int], cancellation: Cancellation
) -> Iterator[pa.RecordBatch]:
    try:
        for batch in reader:
            cancellation.check()
            yield _narrow(batch, schema, wide) if wide else batch
    except (duckdb.Error, pa.ArrowException, OSError) as error:
        # Arrow carries DuckDB's errors as its own.
        cancellation.check()
        raise QueryFailed(" ".join(str(error).split())) from error


def _narrow(batch: pa.RecordBatch, schema: pa.Schema, wide: Sequence[int]) -> pa.RecordBatch:
    try:
        columns = [
            column.cast(pa.int64()) if index in wide else column
            for index, column in enumerate(batch.columns)
        ]
    except pa.ArrowInvalid:
        raise QueryFailed("Conversion Error: a whole number is out of range of bigint") from None
    return pa.RecordBatch.from_arrays(columns, schema=schema)


def _wide_columns(relation: duckdb.DuckDBPyRelation) -> list[int]:
    types: list[Any] = list(relation.types)
    return [index for index, type_ in enumerate(types) if str(type_) in _WIDE]


def _as_int64(table: pa.Table, index: int) -> pa.Table:
    name, column = table.column_names[index], table.column(index)
    try:
        return table.set_column(index, name, column.cast(pa.int64()))
    except pa.ArrowInvalid:
        return table
