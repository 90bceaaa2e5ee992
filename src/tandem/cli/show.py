"""How groups, records and rows look in a terminal, and as JSON."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pyarrow as pa
from rich import box
from rich.markup import escape
from rich.table import Table

from tandem.model.feature_group import FeatureDefinition, FeatureGroup
from tandem.sdk.description import GroupDescription
from tandem.sdk.listing import Listing, labels
from tandem.sdk.tables import moment

_ROWS_SHOWN_MAX = 100


def summary(group: FeatureGroup) -> dict[str, Any]:
    return {
        "name": group.name,
        "status": group.status.value,
        "stores": group.stores.names(),
        "features": len(group.features),
        "record_identifier": group.record_identifier_name,
        "event_time": group.event_time_name,
        "created": moment(group.created_at_us),
    }


def description(described: GroupDescription) -> dict[str, Any]:
    facts = {name.replace(" ", "_"): value for name, value in described.facts().items()}
    return {
        **facts,
        "name": described.group.name,
        "stores": described.group.stores.names(),
        "tags": dict(described.tags),
        "retired_features": list(described.retired),
        "features": [
            {"name": feature.name, "type": _type(feature), **_said(described, feature.name)}
            for feature in described.group.features
        ],
        "sample": [dict(row) for row in described.sample],
    }


def description_tables(described: GroupDescription) -> Iterator[Table]:
    facts = {name: value for name, value in described.facts().items() if value is not None}
    yield pairs_table("", "", facts)
    features = _table("feature", "type", "description", "parameters")
    for feature in described.group.features:
        said = described.metadata.get(feature.name)
        parameters = labels(said.parameters) if said else ""
        text = said.description if said else None
        features.add_row(escape(feature.name), _type(feature), _cell(text), escape(parameters))
    yield features
    if described.sample:
        columns, rows = described.sample_table()
        sample = _table(*columns)
        for row in rows:
            sample.add_row(*[_cell(value) for value in row])
        yield sample


def listing(found: Listing[Any]) -> Table:
    """What a listing shows of its items; a table without rows says so."""
    table = _table(*(found.rows[0] if found.rows else ["none"]))
    for row in found.rows:
        table.add_row(*[_cell(value) for value in row.values()])
    return table


def pairs_table(name: str, value: str, pairs: Mapping[str, Any]) -> Table:
    table = _table(name, value)
    table.show_header = bool(name)
    for key, item in pairs.items():
        table.add_row(escape(key), _cell(item))
    return table


def _said(described: GroupDescription, name: str) -> dict[str, Any]:
    said = described.metadata.get(name)
    found: dict[str, Any] = {}
    if said is not None and said.description:
        found["description"] = said.description
    if said is not None and said.parameters:
        found["parameters"] = dict(said.parameters)
    return found


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
