"""Delivery: the change log becomes history, exactly once.

One delivery of a log partition goes through these steps, each durable before the next:

    1. intent     the registry is told which range of positions is taken in hand
    2. append     each group's entries of the range become files, its archive, and its manifest
    3. done       the registry is told that the range is delivered
    4. trim       the range leaves the log

After a crash the same range is taken in hand again. Files of a range have names that follow from
the range, and a manifest that has the range ignores it, so a step done twice has the effect of one.
Queries open the log before they read a manifest, so they see each entry in one of the two.
"""

import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from tandem.errors import DataCorrupted, TandemError
from tandem.model.feature_group import FeatureGroup
from tandem.model.record import record_size
from tandem.model.targets import TargetStores
from tandem.model.write import LogEntry
from tandem.offline.base import OfflineStore
from tandem.online.base import OnlineStore
from tandem.registry.base import DeliveryState, GroupRegistry, ManifestRegistry

_GROUP_SECONDS_MAX = 60.0
_RETRY_SECONDS = 0.05
_TRIM_ENTRIES = 5_000
"""Entries a trim removes in one transaction: the write lock stays short."""


@dataclass(frozen=True, slots=True)
class DeliveryLimits:
    """How much one delivery takes in hand at most; what it takes is held in memory."""

    entries_max: int = 50_000
    bytes_max: int = 64 << 20


class Delivery:
    """Delivers a store's log. Where two run at once, one of them gets ConflictError."""

    def __init__(
        self,
        store: OnlineStore,
        offline: OfflineStore,
        groups: GroupRegistry,
        manifests: ManifestRegistry,
        limits: DeliveryLimits,
    ) -> None:
        self._store = store
        self._offline = offline
        self._groups = groups
        self._manifests = manifests
        self._limits = limits

    def check(self) -> None:
        """Raises DataCorrupted where log and registry do not belong together.

        A log that ends before what was delivered is older than the registry: new entries would take
        positions that count as delivered, and never come into history.
        """
        with self._store.log() as log:
            for partition in range(self._store.partitions):
                delivered = self._manifests.delivery(partition).delivered
                if log.end(partition) < delivered:
                    raise DataCorrupted(
                        f"the online store's log ends at position {log.end(partition)}, but"
                        f" {delivered} positions are delivered: it is older than the registry."
                        " Restore both from one backup"
                    )

    def deliver_all(self) -> int:
        """Delivers until the log is empty; returns the number of entries."""
        total = 0
        while delivered := self.deliver_once():
            total += delivered
        return total

    def deliver_once(self) -> int:
        """One delivery of each partition, or the end of one cut short; returns its entries.

        Raises StoreUnavailable where the disk is full: the log keeps everything, try again later.
        """
        return sum(self._deliver(partition) for partition in range(self._store.partitions))

    def deliver_group(self, group: FeatureGroup) -> None:
        """Delivers until all rows of the group that were written before the call are in its files.

        Others may deliver meanwhile, and the delivery of other groups may fail. Raises what the
        last attempt failed with after a minute.
        """
        with self._store.log() as log:
            ends = [log.end(partition) for partition in range(self._store.partitions)]
        deadline = time.monotonic() + _GROUP_SECONDS_MAX
        while self._waits(group, ends):
            try:
                self.deliver_once()
            except TandemError:
                if not self._waits(group, ends):
                    return
                if time.monotonic() > deadline:
                    raise
                time.sleep(_RETRY_SECONDS)

    def _waits(self, group: FeatureGroup, ends: Sequence[int]) -> bool:
        """Whether rows of the group at positions up to `ends` are in no file yet."""
        with self._store.log() as log:
            delivered = self._offline.snapshot(group).delivered
            return any(
                TargetStores.OFFLINE in entry.targets
                for partition, end in enumerate(ends)
                for entry in log.entries(
                    partition, delivered.get(partition, 0), end, group_id=group.group_id
                )
            )

    def waiting(self) -> int:
        """How many entries wait for delivery."""
        with self._store.log() as log:
            return sum(
                log.end(partition) - self._manifests.delivery(partition).delivered
                for partition in range(self._store.partitions)
            )

    def _deliver(self, partition: int) -> int:
        state = self._manifests.delivery(partition)
        entries = self._read_range(partition, state)
        if not entries and state.intent is None:
            return 0
        claimed = state
        if state.intent is None:
            claimed = DeliveryState(state.delivered, entries[-1].position)
            self._manifests.set_delivery(partition, state, claimed)
        self._append_all(partition, state.delivered, entries)
        assert claimed.intent is not None
        self._manifests.set_delivery(partition, claimed, DeliveryState(claimed.intent))
        self._trim(partition, state.delivered, claimed.intent)
        return len(entries)

    def _read_range(self, partition: int, state: DeliveryState) -> Sequence[LogEntry]:
        entries: list[LogEntry] = []
        size = 0
        with self._store.log() as log:
            for entry in log.entries(partition, state.delivered, state.intent):
                entries.append(entry)
                size += record_size(entry.values)
                is_full = len(entries) >= self._limits.entries_max or size >= self._limits.bytes_max
                # A range already taken in hand is read to its end, whatever its size.
                if state.intent is None and is_full:
                    break
        return entries

    def _append_all(self, partition: int, after: int, entries: Sequence[LogEntry]) -> None:
        """Appends the entries of each group. Where one fails, the others of the range still get
        theirs; the range is not done then, and is tried again whole.
        """
        failed: TandemError | None = None
        for group_id, group_entries in _by_group(entries).items():
            try:
                self._append(group_id, partition, after, group_entries)
            except TandemError as error:
                failed = failed or error
        if failed is not None:
            raise failed

    def _append(
        self, group_id: str, partition: int, after: int, entries: Sequence[LogEntry]
    ) -> None:
        group = self._groups.get(group_id)
        if group is None:
            raise DataCorrupted(
                f"the log has entries of feature group {group_id!r}, which the registry does not"
                " know: restore the registry from the backup that belongs to this online store"
            )
        if group.offline is not None:
            self._offline.append(group, partition, after, entries)

    def _trim(self, partition: int, delivered_before: int, through: int) -> None:
        # From the start of the log, since a crash may have come between delivery and trim.
        for end in range(delivered_before + _TRIM_ENTRIES, through, _TRIM_ENTRIES):
            self._store.trim(partition, end)
        self._store.trim(partition, through)


def _by_group(entries: Sequence[LogEntry]) -> dict[str, list[LogEntry]]:
    by_group: dict[str, list[LogEntry]] = defaultdict(list)
    for entry in entries:
        by_group[entry.key.group_id].append(entry)
    return by_group
