"""`"table$partitions"`: the values of a table's partitions, one row each."""

import pyarrow as pa
import pyarrow.compute as pc

from tandem.errors import QueryFailed
from tandem.model.catalog import CatalogTable
from tandem.query.athena.types import arrow_type
from tandem.query.tables import RowsTable
from tandem.service.athena.external_tables import NULL_PARTITION
from tandem.service.catalog import Catalog


def partition_rows(table: CatalogTable, catalog: Catalog) -> RowsTable:
    """Raises QueryFailed where the table has no partitions, or one has an impossible value."""
    if not table.partition_keys:
        shown = f"{table.database}.{table.name}$partitions"
        raise QueryFailed(f"TABLE_NOT_FOUND: Table '{shown}' does not exist")
    partitions = catalog.partitions(table.database, table.name)
    columns = []
    for place, key in enumerate(table.partition_keys):
        texts = pa.array([partition.values[place] for partition in partitions], pa.string())
        known = pc.replace_with_mask(
            texts, pc.equal(texts, NULL_PARTITION), pa.scalar(None, pa.string())
        )
        try:
            columns.append(known.cast(arrow_type(key.type)))
        except pa.ArrowInvalid as error:
            raise QueryFailed(
                f"HIVE_INVALID_PARTITION_VALUE: a partition of {table.database}.{table.name} has a"
                f" value for {key.name} that is no {key.type}: {error}"
            ) from None
    return RowsTable(pa.table(columns, [key.name for key in table.partition_keys]))
