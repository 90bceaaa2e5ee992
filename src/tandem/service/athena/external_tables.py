"""External tables: a catalog table with a location, as the files that are there now.

* A table without partition keys has all files below its location. One with them has those of the
  partitions that the catalog knows, each below its own location.
* Files that a statement is still writing do not count, nor do those of a statement that was cut
  short (`pending_writes`).
"""

from collections.abc import Iterable, Sequence

import pyarrow as pa

from tandem.errors import QueryFailed, StoreUnavailable, ValidationError
from tandem.model.catalog import CatalogColumn, CatalogPartition, CatalogTable
from tandem.query.athena.types import arrow_type
from tandem.query.tables import FileTable, TableFile
from tandem.service.athena.lake import Lake, Location, location_of
from tandem.service.athena.pending_writes import PendingWrites
from tandem.service.athena.serdes import file_format
from tandem.service.catalog import Catalog

_ATTEMPTS_MAX = 100
NULL_PARTITION = "__HIVE_DEFAULT_PARTITION__"


class ExternalTables:
    def __init__(self, lake: Lake, catalog: Catalog, pending: PendingWrites) -> None:
        self._lake = lake
        self._catalog = catalog
        self._pending = pending

    def read(self, table: CatalogTable) -> FileTable:
        """Raises QueryFailed where the table cannot be read."""
        if table.is_iceberg:
            raise QueryFailed(
                f"NOT_SUPPORTED: {table.database}.{table.name} is an Iceberg table of its own: only"
                " those of feature groups are read"
            )
        if self._pending.is_being_made(table):
            shown = f"{table.database}.{table.name}"
            raise QueryFailed(f"TABLE_NOT_FOUND: Table '{shown}' does not exist yet")
        form = file_format(table, table.parameters)
        columns, keys = _schema(table.columns), _schema(table.partition_keys)
        return FileTable(columns, self._files(table), form, keys)

    def _files(self, table: CatalogTable) -> list[TableFile]:
        for _ in range(_ATTEMPTS_MAX):
            found = self._listed(table)
            unfinished = self._pending.statement_ids()
            # A statement that ended in between has all its files here now; then there are more.
            if self._listed(table) == found:
                return [file for file in found if not _name(file).startswith(unfinished)]
        raise StoreUnavailable(
            f"files came into table {table.database}.{table.name} all the time while they were"
            " listed: try again"
        )

    def _listed(self, table: CatalogTable) -> list[TableFile]:
        return [
            TableFile(str(file.path), file.size_bytes, values)
            for location, values in self._places(table)
            for file in self._lake.files(location)
        ]

    def _places(self, table: CatalogTable) -> Iterable[tuple[Location, tuple[str | None, ...]]]:
        if not table.partition_keys:
            return [(_location(table, table.location), ())]
        partitions = self._catalog.partitions(table.database, table.name)
        return [
            (partition_location(table, partition), _values(partition)) for partition in partitions
        ]


def partition_location(table: CatalogTable, partition: CatalogPartition) -> Location:
    if partition.location is not None:
        return _location(table, partition.location)
    return default_location(table, partition.values)


def default_location(table: CatalogTable, values: Sequence[str]) -> Location:
    """Where a partition is that names no place of its own: `key=value/` below the table."""
    location = _location(table, table.location)
    for key, value in zip(table.partition_keys, values, strict=True):
        location = location.below(f"{key.name}={value}")
    return location


def _name(file: TableFile) -> str:
    return file.path.rpartition("/")[2]


def _values(partition: CatalogPartition) -> tuple[str | None, ...]:
    return tuple(None if value == NULL_PARTITION else value for value in partition.values)


def _location(table: CatalogTable, uri: str | None) -> Location:
    if uri is None:
        raise QueryFailed(f"table {table.database}.{table.name} has no location")
    try:
        return location_of(uri)
    except ValidationError as error:
        raise QueryFailed(f"table {table.database}.{table.name}: {error}") from None


def _schema(columns: Sequence[CatalogColumn]) -> pa.Schema:
    return pa.schema([(column.name, arrow_type(column.type)) for column in columns])
