"""How groups, records and rows look in a terminal, and as JSON."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
from rich import box
from rich.markup import escape
from rich.table import Table

from tandem.model.feature_group import FeatureDefinition, FeatureGroup

_ROWS_SHOWN_MAX = 100


def summary(group: FeatureGroup) -> dict[str, Any]:
    return {
        "name": group.name,
        "status": group.status.value,
        "stores": group.stores.names(),
        "features": len(group.features),
        "created": _time(group.created_at_us),
    }


def description(group: FeatureGroup) -> dict[str, Any]:
    ttl = group.default_ttl
    return {
        **summary(group),
        "record_identifier": group.record_identifier_name,
        "event_time": group.event_time_name,
        "storage_type": group.storage_type.value,
        "ttl": f"{ttl.value} {ttl.unit}" if ttl else None,
        "history": group.offline.resolved_uri if group.offline else None,
        "description": group.description,
        "features": [{"name": f.name, "type": _type(f)} for f in group.features],
    }


def group_table(groups: Sequence[FeatureGroup]) -> Table:
    rows = [summary(group) for group in groups]
    table = _table("name", "status", "stores", "features", "created")
    for row in rows:
        stores = ", ".join(row["stores"])
        table.add_row(
            escape(row["name"]), row["status"], stores, str(row["features"]), row["created"]
        )
    return table


def description_table(group: FeatureGroup) -> Table:
    table = _table("", "")
    table.show_header = False
    for name, value in description(group).items():
        if name == "features":
            continue
        shown = ", ".join(value) if isinstance(value, list) else str(value)
        if value is not None:
            table.add_row(name.replace("_", " "), escape(shown))
    for feature in group.features:
        table.add_row(escape(feature.name), _type(feature))
    return table


def record_table(identifiers: Sequence[str], records: Sequence[Mapping[str, Any] | None]) -> Table:
    features = list(dict.fromkeys(name for record in records if record for name in record))
    table = _table("", *identifiers)
    for feature in features:
        cells = [_cell(record.get(feature) if record else None) for record in records]
        table.add_row(escape(feature), *cells)
    return table


def arrow_table(table: pa.Table) -> Table:
    shown = _table(*table.column_names)
    for row in table.slice(0, _ROWS_SHOWN_MAX).to_pylist():
        shown.add_row(*[_cell(value) for value in row.values()])
    if table.num_rows > _ROWS_SHOWN_MAX:
        shown.caption = f"the first {_ROWS_SHOWN_MAX} of {table.num_rows} rows; --json prints all"
    return shown


def _table(*columns: str) -> Table:
    table = Table(box=box.SIMPLE)
    for column in columns:
        table.add_column(escape(column))
    return table


def _cell(value: Any) -> str:
    return "" if value is None else escape(str(value))


def _type(feature: FeatureDefinition) -> str:
    return f"{feature.collection} of {feature.type}" if feature.collection else feature.type.value


def _time(microseconds: int) -> str:
    moment = datetime.fromtimestamp(microseconds / 1e6, UTC)
    return moment.isoformat(timespec="seconds").replace("+00:00", "Z")
