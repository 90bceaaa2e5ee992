"""History for the tests of query engines, put in place without an offline store.

history = PlantedHistory(tmp_path, a_group())
history.put("c-1", "2024-05-01T12:00:00Z", amount="89.50").to_file()
history.delete("c-1", "2024-05-02T00:00:00Z")       # not in a file: the log's tail
table = history.table()
"""

from collections.abc import Collection
from dataclasses import replace
from pathlib import Path

import pyarrow.parquet as pq

from tandem.model.feature_group import FeatureDefinition, FeatureGroup, FeatureType
from tandem.model.history import HistorySnapshot
from tandem.model.record import FeatureValue, canonical_identifier, parse_event_time
from tandem.model.targets import TargetStores
from tandem.model.write import LogEntry, Operation, RecordKey
from tandem.query.base import HistoryTable
from tandem.rows.history_rows import history_rows
from tandem.testing.purchases import BOTH_STORES, purchases_group

FIRST_WRITE_US = 1_719_900_000_000_000
"""The write time of position 0; each further write is a second later."""


def a_group(
    name: str = "purchases",
    *,
    identifier: FeatureType = FeatureType.STRING,
    event_time: FeatureType = FeatureType.STRING,
    more: Collection[str] = (),
) -> FeatureGroup:
    """Purchases (customer, bought_at, amount, items) with keys of these types; `more` is text."""
    group = purchases_group(name)
    _, _, *others = group.features
    features = (
        FeatureDefinition("customer", identifier),
        FeatureDefinition("bought_at", event_time),
        *others,
        *(FeatureDefinition(feature, FeatureType.STRING) for feature in more),
    )
    return replace(group, features=features)


class PlantedHistory:
    """The writes of one group in the order in which they were committed; `entries` has them all."""

    def __init__(self, folder: Path, group: FeatureGroup) -> None:
        self.group = group
        self.entries: list[LogEntry] = []
        self._folder = folder
        self._files: list[str] = []
        self._delivered = 0

    def put(self, identifier: str, event_time: str, **features: str) -> "PlantedHistory":
        values = [FeatureValue(name, value) for name, value in features.items()]
        return self._write(Operation.PUT, identifier, event_time, BOTH_STORES, values)

    def put_online_alone(self, identifier: str, event_time: str) -> "PlantedHistory":
        return self._write(Operation.PUT, identifier, event_time, TargetStores.ONLINE, [])

    def delete(self, identifier: str, event_time: str) -> "PlantedHistory":
        return self._write(Operation.SOFT_DELETE, identifier, event_time, BOTH_STORES, [])

    def to_file(self, *, without: Collection[str] = (), path: str | None = None) -> None:
        """Delivers what was written since the last file, as one file without some columns.

        Names of files fall, so that their order by name is not the order in which they are read.
        """
        rows = history_rows(self.group, self.entries[self._delivered :])
        name = path or f"hour={99 - len(self._files)}/{999 - len(self._files)}.parquet"
        file = self._folder / self.group.group_id / "data" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(rows.drop_columns(list(without)), file)
        self._files.append(str(file))
        self._delivered = len(self.entries)

    def table(self) -> HistoryTable:
        """The history at this moment."""
        tail = tuple(self.entries[self._delivered :])
        return HistoryTable(self.group, HistorySnapshot(files=tuple(self._files), entries=tail))

    def _write(
        self,
        operation: Operation,
        identifier: str,
        event_time: str,
        targets: TargetStores,
        features: list[FeatureValue],
    ) -> "PlantedHistory":
        group = self.group
        position = len(self.entries)
        keys = [
            FeatureValue(group.record_identifier_name, identifier),
            FeatureValue(group.event_time_name, event_time),
        ]
        key = RecordKey(group.group_id, canonical_identifier(group, identifier))
        entry = LogEntry(
            partition=0,
            position=position + 1,
            operation=operation,
            key=key,
            event_time=parse_event_time(group, event_time),
            targets=targets,
            values=(*keys, *features),
            expires_at_ms=None,
            invoked_at_us=FIRST_WRITE_US + position * 1_000_000 - 1_000,
            write_time_us=FIRST_WRITE_US + position * 1_000_000,
        )
        self.entries.append(entry)
        return self
