"""The offline store of groups in different table formats: each group's own is used for it.

Both keep their files below one root, so a folder is unused for both or for neither.
"""

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence

from tandem.model.feature_group import FeatureGroup, TableFormat
from tandem.model.history import HistorySnapshot
from tandem.model.write import LogEntry, LogPart
from tandem.offline.base import (
    NOTHING_READ,
    Arrivals,
    OfflineStore,
    SharedTables,
    VersionedHistory,
)
from tandem.offline.locations import table_format


class OfflineStoreByTableFormat(OfflineStore):
    """`plain` for the formats Default and Glue, and what `open_iceberg` gives for Iceberg.

    That is asked for when the first such group comes, once unless it raises: its libraries need not
    be installed, and take half a second to load where they are.
    """

    def __init__(self, plain: OfflineStore, open_iceberg: Callable[[], OfflineStore]) -> None:
        self._plain = plain
        self._open_iceberg = open_iceberg
        self._iceberg: OfflineStore | None = None
        self._opening = threading.Lock()

    def check(self, group: FeatureGroup) -> None:
        self._of(group).check(group)

    def append(
        self, group: FeatureGroup, partition: int, after: int, entries: Sequence[LogPart]
    ) -> None:
        self._of(group).append(group, partition, after, entries)

    def snapshot(self, group: FeatureGroup) -> HistorySnapshot:
        return self._of(group).snapshot(group)

    def archived(
        self, group: FeatureGroup, after: Mapping[int, int] = NOTHING_READ
    ) -> Iterator[LogEntry]:
        return self._of(group).archived(group, after)

    def is_unused(self, resolved_uri: str) -> bool:
        return self._plain.is_unused(resolved_uri)

    def versions(self, group: FeatureGroup) -> VersionedHistory | None:
        return self._of(group).versions(group)

    def shared(self, group: FeatureGroup) -> SharedTables | None:
        return self._of(group).shared(group)

    def arrivals(self, group: FeatureGroup) -> Arrivals | None:
        return self._of(group).arrivals(group)

    def _of(self, group: FeatureGroup) -> OfflineStore:
        if table_format(group) is not TableFormat.ICEBERG:
            return self._plain
        with self._opening:
            if self._iceberg is None:
                self._iceberg = self._open_iceberg()
            return self._iceberg
