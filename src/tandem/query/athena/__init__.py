"""Athena's SQL: what a statement asks for, and its queries as DuckDB SQL.

    statement = parse('SELECT * FROM "sagemaker_featurestore"."customers";')
    found = translate(statement, {table: columns_of(table) for table in statement.tables})
    result = engine.sql(found.sql, {name: history_of(table) for name, table in found.reads.items()})
    text = csv_text(result.rename_columns(found.column_names))

Nothing here reads or writes: the caller has the catalog, the engine and the files.
"""

from tandem.query.athena.failures import in_athenas_words
from tandem.query.athena.parsing import check_preparable, parse
from tandem.query.athena.result_text import csv_text, value_texts
from tandem.query.athena.statements import AthenaTable, Select
from tandem.query.athena.table_names import folded
from tandem.query.athena.translation import Translation, translate
from tandem.query.athena.types import athena_type, history_columns, result_type

__all__ = [
    "AthenaTable",
    "Select",
    "Translation",
    "athena_type",
    "check_preparable",
    "csv_text",
    "folded",
    "history_columns",
    "in_athenas_words",
    "parse",
    "result_type",
    "translate",
    "value_texts",
]
