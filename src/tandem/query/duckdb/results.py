"""What DuckDB answers, as Arrow.

* A sum of whole numbers is int64 where all values fit, as Athena's is. DuckDB sums in 128 bits,
  which Arrow only has as decimals.
* Text of any length is handed over: Arrow's buffers of text hold 2 GB, so rows come in batches that
  the largest records cannot fill.
"""

from typing import Any

import duckdb
import pyarrow as pa

_BATCH_ROWS = 6_144


def to_arrow(relation: duckdb.DuckDBPyRelation) -> pa.Table:
    """Runs the relation. Raises duckdb.Error."""
    types: list[Any] = list(relation.types)
    table = relation.to_arrow_table(_BATCH_ROWS)
    for index, type_ in enumerate(types):
        if str(type_) == "HUGEINT":
            table = _as_int64(table, index)
    return table


def _as_int64(table: pa.Table, index: int) -> pa.Table:
    name, column = table.column_names[index], table.column(index)
    try:
        return table.set_column(index, name, column.cast(pa.int64()))
    except pa.ArrowInvalid:
        return table
