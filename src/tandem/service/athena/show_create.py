"""SHOW CREATE TABLE and SHOW CREATE VIEW: a statement that makes the same table again."""

from collections.abc import Iterable, Mapping, Sequence

from tandem.model.catalog import CatalogColumn, CatalogTable
from tandem.service.athena.views import view_text


def create_table_lines(table: CatalogTable) -> list[str]:
    """The lines of a CREATE EXTERNAL TABLE statement."""
    lines = [f"CREATE EXTERNAL TABLE `{table.database}`.`{table.name}`("]
    lines += _columns(table.columns)
    if table.description:
        lines += ["COMMENT", f"  {_text(table.description)}"]
    if table.partition_keys and table.group_id is None:
        lines += ["PARTITIONED BY (", *_columns(table.partition_keys)]
    if table.serde is not None:
        lines += ["ROW FORMAT SERDE", f"  {_text(table.serde)}"]
    if table.serde_parameters:
        lines += ["WITH SERDEPROPERTIES (", *_pairs(table.serde_parameters)]
    if table.input_format is not None and table.output_format is not None:
        lines += ["STORED AS INPUTFORMAT", f"  {_text(table.input_format)}"]
        lines += ["OUTPUTFORMAT", f"  {_text(table.output_format)}"]
    if table.location is not None:
        lines += ["LOCATION", f"  {_text(table.location)}"]
    if table.parameters:
        lines += ["TBLPROPERTIES (", *_pairs(table.parameters)]
    return lines


def create_view_lines(view: CatalogTable) -> list[str]:
    return [f"CREATE VIEW {view.database}.{view.name} AS", *view_text(view).splitlines()]


def _columns(columns: Sequence[CatalogColumn]) -> list[str]:
    return _listed(
        f"`{column.name}` {column.type}"
        + (f" COMMENT {_text(column.comment)}" if column.comment else "")
        for column in columns
    )


def _pairs(pairs: Mapping[str, str]) -> list[str]:
    return _listed(f"{_text(key)}={_text(value)}" for key, value in pairs.items())


def _listed(items: Iterable[str]) -> list[str]:
    found = list(items)
    return [f"  {item}{')' if place == len(found) else ','}" for place, item in enumerate(found, 1)]


def _text(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace("'", "\\'").replace("\n", "\\n")
    return "'" + escaped.replace("\t", "\\t").replace("\r", "\\r").replace("\0", "\\0") + "'"
