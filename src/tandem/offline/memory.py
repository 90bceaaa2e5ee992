"""An offline store in memory: the plain reading of the contract, for tests and for trying things.

Nothing survives the process. One lock makes each call atomic. History stays in the form of entries.
"""

import threading
from collections.abc import Iterator, Mapping, Sequence

from tandem.model.feature_group import FeatureGroup
from tandem.model.history import HistorySnapshot
from tandem.model.targets import TargetStores
from tandem.model.write import LogEntry, LogPart
from tandem.offline.base import NOTHING_READ, OfflineStore
from tandem.offline.locations import data_uri
from tandem.offline.log_range import log_range
from tandem.rows.segment import one_by_one


class MemoryOfflineStore(OfflineStore):
    """Entries by group and log partition."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._entries: dict[str, dict[int, list[LogEntry]]] = {}
        self._folders: set[str] = set()

    def check(self, group: FeatureGroup) -> None:
        data_uri(group)  # entries are the same in every table format

    def append(
        self, group: FeatureGroup, partition: int, after: int, entries: Sequence[LogPart]
    ) -> None:
        folder = _parent(data_uri(group))
        if not entries:
            return
        delivery = log_range(group, partition, after, entries)
        with self._lock:
            stored = self._entries.setdefault(group.group_id, {}).setdefault(partition, [])
            if delivery.is_delivered(group, stored[-1].position if stored else 0):
                return
            stored.extend(one_by_one(entries))
            self._folders.add(folder)

    def snapshot(self, group: FeatureGroup) -> HistorySnapshot:
        data_uri(group)  # a group without an offline store is refused here too
        with self._lock:
            entries = self._all(group.group_id)
        return HistorySnapshot(
            entries=tuple(entry for entry in entries if TargetStores.OFFLINE in entry.targets),
            delivered={entry.partition: entry.position for entry in entries},
        )

    def archived(
        self, group: FeatureGroup, after: Mapping[int, int] = NOTHING_READ
    ) -> Iterator[LogEntry]:
        data_uri(group)
        with self._lock:
            entries = self._all(group.group_id)
        return (entry for entry in entries if entry.position > after.get(entry.partition, 0))

    def is_unused(self, resolved_uri: str) -> bool:
        with self._lock:
            return _parent(resolved_uri) not in self._folders

    def shared(self, group: FeatureGroup) -> None:
        data_uri(group)

    def versions(self, group: FeatureGroup) -> None:
        data_uri(group)

    def arrivals(self, group: FeatureGroup) -> None:
        data_uri(group)

    def _all(self, group_id: str) -> list[LogEntry]:
        by_partition = self._entries.get(group_id, {})
        return [entry for partition in sorted(by_partition) for entry in by_partition[partition]]


def _parent(uri: str) -> str:
    return uri.rstrip("/").rpartition("/")[0]
