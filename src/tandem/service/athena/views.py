"""Views: queries that stand in the catalog, in the form that Athena and Presto keep them in.

    /* Presto View: <base64 of JSON: originalSql, catalog, schema, columns> */

A view's query is read anew each time, so that it sees its tables as they are then.
"""

import base64
import binascii
import json
from dataclasses import replace

import pyarrow as pa
from sqlglot import exp

from tandem.errors import QueryFailed
from tandem.model.catalog import VIEW, CatalogColumn, CatalogTable
from tandem.query import athena
from tandem.query.athena.table_names import tables_in
from tandem.query.athena.types import athena_type, hive_type
from tandem.service.placement import CATALOG

_START, _END = "/* Presto View: ", " */"
_EXPANDED = "/* Presto View */"


def view_table(
    database: str, name: str, text: str, schema: pa.Schema, database_of_names: str
) -> CatalogTable:
    """The catalog table of a view: `text` is its query, `schema` that of its rows.

    Names in the query that name no database mean tables in `database_of_names`.
    """
    said = {
        "originalSql": text,
        "catalog": CATALOG.lower(),
        "schema": database_of_names,
        "columns": [{"name": field.name, "type": athena_type(field.type)} for field in schema],
    }
    encoded = base64.b64encode(json.dumps(said).encode()).decode()
    return CatalogTable(
        database=database,
        name=name,
        table_type=VIEW,
        columns=tuple(CatalogColumn(field.name, hive_type(field.type)) for field in schema),
        parameters={"presto_view": "true", "comment": "Presto View"},
        view_original_text=f"{_START}{encoded}{_END}",
        view_expanded_text=_EXPANDED,
    )


def view_text(view: CatalogTable) -> str:
    """The query as its author wrote it. Raises QueryFailed where it cannot be read."""
    return _said(view)[0]


def view_query(view: CatalogTable) -> athena.Select:
    """The query, with every table's database written out. Raises QueryFailed."""
    text, database = _said(view)
    select = athena.parse(text)
    if not isinstance(select, athena.Select):
        raise _unreadable(view)
    tree = select.tree.copy()
    for node, table in list(tables_in(tree)):
        if table.database is None:
            node.set("db", exp.to_identifier(database, quoted=True))
            if not node.alias:
                node.set("alias", exp.TableAlias(this=exp.to_identifier(node.name, quoted=True)))
    tables = tuple(
        table if table.database is not None else replace(table, database=database)
        for table in select.tables
    )
    return athena.Select(tuple(dict.fromkeys(tables)), tree)


def _said(view: CatalogTable) -> tuple[str, str]:
    """The query's text, and the database that it was written in."""
    text = (view.view_original_text or "").strip()
    if not text.startswith(_START):
        if not text:
            raise _unreadable(view)
        return text, view.database
    try:
        said = json.loads(base64.b64decode(text[len(_START) : -len(_END)], validate=True))
        return str(said["originalSql"]), str(said.get("schema") or view.database)
    except (binascii.Error, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise _unreadable(view) from None


def _unreadable(view: CatalogTable) -> QueryFailed:
    return QueryFailed(
        f"INVALID_VIEW: the view {view.database}.{view.name} has no query that can be read: create"
        " it again"
    )
