"""A feature group as a page: schema, tags, freshness, counts and a small sample."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any

from tandem.model.feature_group import (
    FeatureDefinition,
    FeatureGroup,
    FeatureGroupStatus,
    FeatureMetadata,
)
from tandem.model.targets import TargetStores
from tandem.sdk.backend import Backend
from tandem.sdk.record_values import RecordValues
from tandem.sdk.tables import Table, html, iso, moment, plain

_SAMPLE_ROWS = 5
_LAST_WRITE = "write_time"


@dataclass(frozen=True, kw_only=True)
class GroupDescription:
    """What `FeatureStore.describe` found, at one moment.

    group            the definition, without retired features
    aliases          names that stand for the group in reads
    tags             of the group
    metadata         what is said of each feature, by its name
    retired          the names of retired features
    rows, records    rows in history, and different record identifiers among them; None without
                     history
    last_write_time  when the newest row was committed, UTC; None where there is none
    last_event_time  the greatest event time in history, as texts compare where it is a String
    sample           up to five records: online ones, or rows of history where there are none
    described_at     when this was found, UTC
    """

    group: FeatureGroup
    aliases: Sequence[str]
    tags: Mapping[str, str]
    metadata: Mapping[str, FeatureMetadata]
    retired: Sequence[str]
    rows: int | None
    records: int | None
    last_write_time: datetime | None
    last_event_time: str | float | None
    sample: Sequence[Mapping[str, Any]]
    described_at: datetime

    @property
    def age_of_last_write(self) -> timedelta | None:
        """How long before `described_at` the newest row was committed."""
        if self.last_write_time is None:
            return None
        return max(self.described_at - self.last_write_time, timedelta(0))

    def as_dict(self) -> dict[str, Any]:
        """All of it in the types that JSON has."""
        group, online, offline = self.group, self.group.online, self.group.offline
        ttl, last_write = group.default_ttl, self.last_write_time
        return {
            "name": group.name,
            "status": group.status.value,
            "failure_reason": group.failure_reason,
            "description": group.description,
            "aliases": list(self.aliases),
            "tags": dict(self.tags),
            "stores": group.stores.names(),
            "storage_type": group.storage_type.value if online else None,
            "ttl": f"{ttl.value} {ttl.unit.lower()}" if ttl else None,
            "table_format": offline.table_format.value if offline else None,
            "history": offline.resolved_uri if offline else None,
            "record_identifier": group.record_identifier_name,
            "event_time": group.event_time_name,
            "created": moment(group.created_at_us),
            "rows": self.rows,
            "records": self.records,
            "last_write_time": None if last_write is None else iso(last_write),
            "last_event_time": self.last_event_time,
            "retired_features": list(self.retired),
            "features": [self._feature(feature) for feature in group.features],
            "sample": [dict(row) for row in self.sample],
        }

    def tables(self) -> list[Table]:
        """Facts, features and sample, as they are shown."""
        known = self.as_dict()
        features, sample = known.pop("features"), known.pop("sample")
        if (age := self.age_of_last_write) is not None:
            known["last_write_time"] += f" ({_in_words(age)} ago)"
        facts = [[name.replace("_", " "), value] for name, value in known.items() if _says(value)]
        columns = [name for name in _FEATURE_COLUMNS if any(name in one for one in features)]
        shown = [[one.get(name) for name in columns] for one in features]
        tables = [Table(["", ""], facts, cell_length_max=None), Table(columns, shown, "features")]
        if sample:
            names = list(dict.fromkeys(name for row in sample for name in row))
            rows = [[row.get(name) for name in names] for row in sample]
            tables.append(Table(names, rows, "sample"))
        return tables

    def __repr__(self) -> str:
        return "\n\n".join(plain(table) for table in self.tables())

    def _repr_html_(self) -> str:
        return "".join(html(table) for table in self.tables())

    def _feature(self, feature: FeatureDefinition) -> dict[str, Any]:
        said = self.metadata.get(feature.name)
        found: dict[str, Any] = {"name": feature.name, "type": feature.type.value}
        if feature.collection is not None:
            found["collection"] = feature.collection.value
        if feature.vector_dimension is not None:
            found["dimension"] = feature.vector_dimension
        if said is not None and said.description:
            found["description"] = said.description
        if said is not None and said.parameters:
            found["parameters"] = dict(said.parameters)
        return found


_FEATURE_COLUMNS = ("name", "type", "collection", "dimension", "description", "parameters")
_UNITS = (("day", 86_400), ("hour", 3_600), ("minute", 60))


def describe_group(backend: Backend, name: str) -> GroupDescription:
    """Raises ResourceNotFound."""
    group = backend.groups.describe(name)
    said = backend.features.search(
        {"Filters": [{"Name": "FeatureGroupName", "Operator": "Equals", "Value": group.name}]}
    )
    # One that is being made, or could not be, answers no reader.
    can_be_read = group.status is FeatureGroupStatus.CREATED
    history = _history(backend, group) if can_be_read and group.offline is not None else {}
    last_write = history.get("last_write")
    return GroupDescription(
        group=group,
        aliases=[alias for alias, of in backend.groups.aliases().items() if of == group.name],
        tags=backend.tags.all(group.name),
        metadata={feature.name: feature.metadata for feature in said},
        retired=[one.definition.name for one in backend.features.retired(group.name)],
        rows=history.get("rows"),
        records=history.get("records"),
        last_write_time=None if last_write is None else _utc(last_write),
        last_event_time=history.get("last_event"),
        sample=_sample(backend, group) if can_be_read else [],
        described_at=datetime.now(UTC),
    )


def _history(backend: Backend, group: FeatureGroup) -> Mapping[str, Any]:
    key, event_time = group.record_identifier_name, group.event_time_name
    table = backend.sql(
        f'SELECT count(*) AS "rows", count(DISTINCT "{key}") AS "records",'  # noqa: S608
        f' max("{_LAST_WRITE}") AS "last_write",'
        f' max("{event_time}") AS "last_event" FROM "{group.name}"'
    )
    found: Mapping[str, Any] = table.to_pylist()[0]
    return found


def _sample(backend: Backend, group: FeatureGroup) -> Sequence[Mapping[str, Any]]:
    if TargetStores.ONLINE in group.stores:
        identifiers = list(islice(backend.list_records(group.name), _SAMPLE_ROWS))
        found = backend.get(group.name, identifiers, ()) if identifiers else []
        values = RecordValues(group)
        records = [
            values.read(one.features_json, skips_unknown=True) for one in found if one is not None
        ]
        if records:
            return records
    if group.offline is None:
        return []
    table = backend.sql(f'SELECT * FROM "{group.name}" LIMIT {_SAMPLE_ROWS}')  # noqa: S608
    # The group may have changed since it was looked up.
    names = [name for name in group.features_by_name if name in table.column_names]
    rows: Sequence[Mapping[str, Any]] = table.select(names).to_pylist()
    return rows


def _utc(written: datetime | str) -> datetime:
    # An engine without timestamps has texts for them.
    when = datetime.fromisoformat(written) if isinstance(written, str) else written
    return when.replace(tzinfo=UTC)


def _says(value: Any) -> bool:
    return value is not None and value not in ("", [], {})


def _in_words(age: timedelta) -> str:
    seconds = int(age.total_seconds())
    for unit, length in _UNITS:
        if (count := seconds // length) > 0:
            return f"{count} {unit}{'s' if count > 1 else ''}"
    return f"{seconds} seconds"
