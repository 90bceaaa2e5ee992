"""The log of one feature group, from its first entry: what is archived, then what is in the log.

Delivery moves entries from the log into the archive while they are read. Each is read once.
"""

from collections.abc import Iterator
from itertools import islice

from tandem.model.feature_group import FeatureGroup
from tandem.model.write import LogEntry
from tandem.offline.base import OfflineStore
from tandem.online.base import LogSnapshot, OnlineStore


class GroupLog:
    """Reads a group's entries once, in log order by partition. Not for several threads.

    Only a group with an offline store has such a log: what others write is not archived.
    """

    def __init__(self, store: OnlineStore, offline: OfflineStore, group: FeatureGroup) -> None:
        self._store = store
        self._offline = offline
        self._group = group
        self._reached: dict[int, int] = {}
        self._archived: Iterator[LogEntry] = iter(())

    def read(self, count_max: int) -> list[LogEntry]:
        """The next entries. They are fewer than `count_max` only where, at a moment during this
        call, there were no more.
        """
        found: list[LogEntry] = []
        while len(found) < count_max:
            wanted = count_max - len(found)
            part = self._take(self._archived, wanted)
            if not part:
                # The log first: what leaves it from now on is in the archive by the time that is
                # read. The log is not held open for longer, since it holds back space.
                with self._store.log() as log:
                    self._archived = self._behind_reached()
                    part = self._take(self._archived, wanted)
                    if not part:
                        return found + self._take(self._undelivered(log), wanted)
            found += part
        return found

    def _take(self, entries: Iterator[LogEntry], count_max: int) -> list[LogEntry]:
        taken = list(islice(entries, count_max))
        for entry in taken:
            self._reached[entry.partition] = entry.position
        return taken

    def _behind_reached(self) -> Iterator[LogEntry]:
        reached = dict(self._reached)
        for entry in self._offline.archived(self._group):
            if entry.position > reached.get(entry.partition, 0):
                yield entry

    def _undelivered(self, log: LogSnapshot) -> Iterator[LogEntry]:
        for partition in range(self._store.partitions):
            after = self._reached.get(partition, 0)
            yield from log.entries(partition, after, group_id=self._group.group_id)
