"""`information_schema`: the catalog as tables: schemata, tables, columns and views."""

from collections.abc import Callable, Iterator, Sequence

import pyarrow as pa

from tandem.errors import QueryFailed
from tandem.model.catalog import CatalogTable
from tandem.query import athena
from tandem.query.athena.types import arrow_type, athena_type
from tandem.query.tables import RowsTable
from tandem.service.athena.views import view_text
from tandem.service.catalog import Catalog
from tandem.service.placement import CATALOG

DATABASE = "information_schema"

_CATALOG = CATALOG.lower()
_Rows = Iterator[tuple[str | int | None, ...]]


def table(name: athena.AthenaTable, catalog: Catalog) -> RowsTable:
    """Raises QueryFailed where there is no such table."""
    found = _TABLES.get(name.table.lower())
    if found is None:
        shown = f"{_CATALOG}.{DATABASE}.{name.table}"
        raise QueryFailed(f"TABLE_NOT_FOUND: Table '{shown}' does not exist")
    columns, rows = found
    values = list(rows(catalog))
    arrays = [
        pa.array([row[place] for row in values], type_) for place, (_, type_) in enumerate(columns)
    ]
    return RowsTable(pa.table(arrays, [column for column, _ in columns]))


def _texts(*names: str) -> list[tuple[str, pa.DataType]]:
    return [(name, pa.string()) for name in names]


def _schemata(catalog: Catalog) -> _Rows:
    for name in [*(database.name for database in catalog.databases()), DATABASE]:
        yield _CATALOG, name


def _tables(catalog: Catalog) -> _Rows:
    for found in _all_tables(catalog):
        kind = "VIEW" if found.is_view else "BASE TABLE"
        yield _CATALOG, found.database, found.name, kind


def _views(catalog: Catalog) -> _Rows:
    for found in _all_tables(catalog):
        if found.is_view:
            try:
                text: str | None = view_text(found)
            except QueryFailed:
                text = None
            yield _CATALOG, found.database, found.name, text


def _columns(catalog: Catalog) -> _Rows:
    for found in _all_tables(catalog):
        keys = [(column, "partition key") for column in found.partition_keys]
        if found.group_id is not None:
            keys = []
        everything = [*((column, None) for column in found.columns), *keys]
        for place, (column, extra) in enumerate(everything, 1):
            yield (
                *(_CATALOG, found.database, found.name, column.name, place, None, "YES"),
                *(_shown_type(column.type), column.comment, extra),
            )


def _shown_type(name: str) -> str:
    try:
        return athena_type(arrow_type(name))
    except QueryFailed:
        return name


def _all_tables(catalog: Catalog) -> Iterator[CatalogTable]:
    for database in catalog.databases():
        yield from catalog.tables(database.name)


_PLACE = ("table_catalog", "table_schema", "table_name")
_TABLES: dict[str, tuple[Sequence[tuple[str, pa.DataType]], Callable[[Catalog], _Rows]]] = {
    "schemata": (_texts("catalog_name", "schema_name"), _schemata),
    "tables": (_texts(*_PLACE, "table_type"), _tables),
    "views": (_texts(*_PLACE, "view_definition"), _views),
    "columns": (
        [
            *_texts(*_PLACE, "column_name"),
            ("ordinal_position", pa.int64()),
            *_texts("column_default", "is_nullable", "data_type", "comment", "extra_info"),
        ],
        _columns,
    ),
}
