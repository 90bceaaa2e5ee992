"""A feature group as a page: schema, tags, freshness, counts and a small sample."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Any

from tandem.model.feature_group import FeatureGroup, FeatureMetadata
from tandem.model.record import FeatureValue
from tandem.model.targets import TargetStores
from tandem.rows.feature_values import python_value
from tandem.sdk.backend import Backend
from tandem.sdk.listing import labels
from tandem.sdk.tables import html_table, moment, text_table

_SAMPLE_ROWS = 5
_LAST_WRITE = "write_time"


@dataclass(frozen=True, kw_only=True)
class GroupDescription:
    """What `FeatureStore.describe` found, at one moment.

    group            the definition, without retired features
    tags             of the group
    metadata         what is said of each feature, by its name
    retired          the names of retired features
    rows, records    rows in history, and different record identifiers among them; None without
                     history
    last_write_time  when the newest row was committed, UTC; None where there is none
    last_event_time  the event time of that row, as it was written
    sample           up to five records: online ones, or rows of history where there are none
    """

    group: FeatureGroup
    tags: Mapping[str, str]
    metadata: Mapping[str, FeatureMetadata]
    retired: Sequence[str]
    rows: int | None
    records: int | None
    last_write_time: datetime | None
    last_event_time: str | float | None
    sample: Sequence[Mapping[str, Any]]

    def __repr__(self) -> str:
        facts = [f"{name}: {value}" for name, value in self.facts().items() if value is not None]
        parts = ["\n".join(facts), text_table(*self._schema())]
        if self.sample:
            parts.append("sample:\n" + text_table(*self.sample_table()))
        return "\n\n".join(parts)

    def _repr_html_(self) -> str:
        facts = [[name, value] for name, value in self.facts().items() if value is not None]
        parts = [
            html_table(["", ""], facts, self.group.name),
            html_table(*self._schema(), "features"),
        ]
        if self.sample:
            parts.append(html_table(*self.sample_table(), "sample"))
        return "".join(parts)

    def facts(self) -> dict[str, Any]:
        """All but features and sample, each as one text or number."""
        group = self.group
        ttl = group.default_ttl
        return {
            "feature group": group.name,
            "status": group.status.value,
            "description": group.description,
            "tags": labels(self.tags) or None,
            "stores": ", ".join(group.stores.names()),
            "storage type": group.storage_type.value if group.online else None,
            "time to live": f"{ttl.value} {ttl.unit}" if ttl else None,
            "table format": group.offline.table_format.value if group.offline else None,
            "history": group.offline.resolved_uri if group.offline else None,
            "record identifier": group.record_identifier_name,
            "event time": group.event_time_name,
            "created": moment(group.created_at_us),
            "rows": self.rows,
            "records": self.records,
            "last write": None if self.last_write_time is None else f"{self.last_write_time}Z",
            "last event time": self.last_event_time,
            "retired features": ", ".join(self.retired) or None,
        }

    def _schema(self) -> tuple[list[str], list[list[Any]]]:
        rows = []
        for feature in self.group.features:
            said = self.metadata.get(feature.name)
            kind = feature.type.value
            rows.append(
                [
                    feature.name,
                    f"{feature.collection} of {kind}" if feature.collection else kind,
                    said.description if said else None,
                    labels(said.parameters) if said else None,
                ]
            )
        return ["feature", "type", "description", "parameters"], rows

    def sample_table(self) -> tuple[list[str], list[list[Any]]]:
        """The sample's columns, and its rows."""
        columns = list(dict.fromkeys(name for row in self.sample for name in row))
        return columns, [[row.get(name) for name in columns] for row in self.sample]


def describe_group(backend: Backend, name: str) -> GroupDescription:
    """Raises ResourceNotFound."""
    group = backend.control.describe(name)
    said = backend.control.search_features(
        {"Filters": [{"Name": "FeatureGroupName", "Operator": "Equals", "Value": group.name}]}
    )
    history = _history(backend, group) if group.offline is not None else {}
    return GroupDescription(
        group=group,
        tags=backend.control.tags(group.name),
        metadata={feature.name: feature.metadata for feature in said},
        retired=[feature.name for feature in backend.control.retired_features(group.name)],
        rows=history.get("rows"),
        records=history.get("records"),
        last_write_time=history.get("last_write"),
        last_event_time=history.get("last_event"),
        sample=_sample(backend, group),
    )


def _history(backend: Backend, group: FeatureGroup) -> Mapping[str, Any]:
    key, event_time = group.record_identifier_name, group.event_time_name
    table = backend.sql(
        f'SELECT count(*) AS "rows", count(DISTINCT "{key}") AS "records",'  # noqa: S608
        f' max("{_LAST_WRITE}") AS "last_write",'
        f' arg_max("{event_time}", "{_LAST_WRITE}") AS "last_event" FROM "{group.name}"'
    )
    found: Mapping[str, Any] = table.to_pylist()[0]
    return found


def _sample(backend: Backend, group: FeatureGroup) -> Sequence[Mapping[str, Any]]:
    if TargetStores.ONLINE in group.stores:
        identifiers = list(islice(backend.list_records(group.name), _SAMPLE_ROWS))
        found = backend.get(group.name, identifiers, ()) if identifiers else []
        if records := [_python(group, values) for values in found if values is not None]:
            return records
    if group.offline is None:
        return []
    table = backend.sql(f'SELECT * FROM "{group.name}" LIMIT {_SAMPLE_ROWS}')  # noqa: S608
    rows: Sequence[Mapping[str, Any]] = table.to_pylist()
    return rows


def _python(group: FeatureGroup, values: Sequence[FeatureValue]) -> Mapping[str, Any]:
    features = group.features_by_name
    return {name: python_value(features[name], value) for name, value in values}
