"""The log of one feature group, from its first entry: what is archived, then what is in the log.

Delivery moves entries from the log into the archive while they are read. Each is read once.
"""

from collections.abc import Iterator
from itertools import islice

from tandem.model.feature_group import FeatureGroup
from tandem.model.write import LogEntry
from tandem.offline.base import OfflineStore
from tandem.online.base import LogSnapshot, OnlineStore
from tandem.rows.segment import one_by_one


class GroupLog:
    """Reads a group's entries once, in log order by partition. Not for several threads.

    Only a group with an offline store has such a log: what others write is not archived.
    """

    def __init__(self, store: OnlineStore, offline: OfflineStore, group: FeatureGroup) -> None:
        self._store = store
        self._offline = offline
        self._group = group
        # Up to where all entries of the group are read, by log partition.
        self._reached = dict.fromkeys(range(store.partitions), 0)
        self._archived: Iterator[LogEntry] = iter(())

    def read(self, count_max: int) -> list[LogEntry]:
        """The next entries. They are fewer than `count_max` only where there were no more, at a
        moment during this call.
        """
        found: list[LogEntry] = []
        while len(found) < count_max:
            wanted = count_max - len(found)
            part = self._take(self._archived, wanted)
            if not part:
                # Opened before the archive is looked at: what leaves the log from now on is in it.
                with self._store.log() as log:
                    if not self._goes_on_in(log):
                        self._archived = self._offline.archived(self._group, dict(self._reached))
                        part = self._take(self._archived, wanted)
                    if not part:
                        return found + self._read_undelivered(log, wanted)
            found += part
        return found

    def _take(self, entries: Iterator[LogEntry], count_max: int) -> list[LogEntry]:
        taken = list(islice(entries, count_max))
        for entry in taken:
            self._reached[entry.partition] = entry.position
        return taken

    def _goes_on_in(self, log: LogSnapshot) -> bool:
        """Whether the log holds everything behind what is read, so that no archive is needed."""
        for partition, reached in self._reached.items():
            is_next_there = any(log.parts(partition, reached, reached + 1))
            if not is_next_there and log.end(partition) > reached:
                return False
        return True

    def _read_undelivered(self, log: LogSnapshot, count_max: int) -> list[LogEntry]:
        found: list[LogEntry] = []
        for partition, reached in self._reached.items():
            entries = one_by_one(log.parts(partition, reached, group_id=self._group.group_id))
            found += self._take(entries, count_max - len(found))
            if len(found) == count_max:
                return found
            self._reached[partition] = log.end(partition)
        return found
