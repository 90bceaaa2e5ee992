"""Delivery: the change log becomes history, exactly once.

One delivery of a log partition goes through these steps, each durable before the next:

    1. intent     the registry is told which range of positions is taken in hand
    2. append     each group's entries of the range become files, its archive, and its manifest
    3. done       the registry is told that the range is delivered
    4. trim       the range leaves the log

After a crash the same range is taken in hand again. Files of a range have names that follow from
the range, and a manifest that has the range ignores it, so a step done twice has the effect of one.
Queries open the log before they read a manifest, so they see each entry in one of the two.

A group whose history cannot be written holds up nobody else. Delivery goes on without it, which the
third step notes in the same move: the group is late from the start of that range on. It is tried
again on its own, range by range in its order, each of them noted before it is tried; and the log
keeps everything behind the position that the latest group has reached.
"""

import time
from collections import defaultdict
from collections.abc import Mapping, Sequence

from tandem.errors import DataCorrupted, StoreUnavailable, TandemError
from tandem.model.feature_group import FeatureGroup
from tandem.model.targets import TargetStores
from tandem.model.write import LogPart
from tandem.offline.base import OfflineStore
from tandem.online.base import OnlineStore
from tandem.registry.base import DeliveryState, GroupRegistry, LateGroup, ManifestRegistry
from tandem.service.clock import Clock
from tandem.service.delivery_log import DeliveryLimits, DeliveryLog, count_entries
from tandem.service.late_groups import LateGroups

_GROUP_SECONDS_MAX = 60.0
_RETRY_SECONDS = 0.05


class Delivery:
    """Delivers a store's log. Where two run at once, one of them gets ConflictError."""

    def __init__(
        self,
        store: OnlineStore,
        offline: OfflineStore,
        groups: GroupRegistry,
        manifests: ManifestRegistry,
        limits: DeliveryLimits,
        clock: Clock,
    ) -> None:
        self._log = DeliveryLog(store, manifests, limits)
        self._late = LateGroups(self._log, self._append)
        self._offline = offline
        self._groups = groups
        self._manifests = manifests
        self._clock = clock

    def check(self) -> None:
        """Raises DataCorrupted where log and registry do not belong together.

        A log that ends before what was delivered is older than the registry: new entries would take
        positions that count as delivered, and never come into history.
        """
        for partition, end in enumerate(self._log.ends()):
            delivered = self._log.state(partition).delivered
            if end < delivered:
                raise DataCorrupted(
                    f"the online store's log ends at position {end}, but {delivered} positions are"
                    " delivered: it is older than the registry. Restore both from one backup"
                )

    def deliver_all(self) -> int:
        """Delivers until the log holds nothing that can be delivered; returns the number of entries
        it took in hand, those of late groups each time they were.
        """
        self._late.try_now()
        total = 0
        while taken := self.deliver_once():
            total += taken
        return total

    def deliver_once(self) -> int:
        """One delivery of each partition and each late group, or the end of one cut short; returns
        how many entries it took in hand. 0 means that nothing is to be done at the moment.

        Raises StoreUnavailable where the registry cannot be written: the log keeps everything, try
        again later.
        """
        taken = 0
        for partition in range(self._log.partitions):
            late = tuple(self._log.state(partition).late)
            taken += self._deliver(partition)
            taken += sum(self._late.catch_up(partition, group_id) for group_id in late)
        return taken

    def deliver_group(self, group: FeatureGroup) -> None:
        """Delivers until all rows of the group that were written before the call are in its files.

        Others may deliver meanwhile. Raises StoreUnavailable where that did not come about within a
        minute, with the reason.
        """
        ends = self._log.ends()
        self._late.try_now()
        deadline = time.monotonic() + _GROUP_SECONDS_MAX
        while self._waits(group, ends):
            reason = self._try_once(group)
            if reason is not None:
                if time.monotonic() > deadline:
                    raise StoreUnavailable(
                        f"the history of feature group {group.name!r} cannot be written: {reason}"
                    )
                time.sleep(_RETRY_SECONDS)

    def _try_once(self, group: FeatureGroup) -> str | None:
        """One delivery; returns why the group's rows were not part of it, if they were not."""
        try:
            self.deliver_once()
        except TandemError as error:
            return str(error)
        late = self.late_groups().get(group.group_id)
        return None if late is None else late.reason

    def _waits(self, group: FeatureGroup, ends: Sequence[int]) -> bool:
        """Whether rows of the group at positions up to `ends` are in no file yet."""
        delivered = self._offline.snapshot(group).delivered
        return any(
            TargetStores.OFFLINE in entry.targets
            for partition, end in enumerate(ends)
            for entry in self._log.read(partition, delivered.get(partition, 0), end, group.group_id)
        )

    def may_have_files_under_way(self, group_id: str) -> bool:
        """Whether the group may have new files that its manifest does not have yet, since a
        delivery is in hand, or was when its process ended.
        """
        states = [self._log.state(partition) for partition in range(self._log.partitions)]
        return any(state.intent is not None or group_id in state.late for state in states)

    def waiting(self) -> int:
        """How many entries wait for delivery; those that late groups wait for do not count."""
        ends = self._log.ends()
        return sum(end - self._log.state(partition).delivered for partition, end in enumerate(ends))

    def overdue_since_us(self, seconds: float) -> int | None:
        """When the first of them was written, where that is longer ago than so many seconds."""
        since_us = self._log.oldest_waiting_us()
        is_overdue = since_us is not None and self._clock() - since_us > seconds * 1e6
        return since_us if is_overdue else None

    def deliver_full_ranges(self) -> int:
        """As `deliver_once`, but 0 where what is left is not worth a delivery at once: many small
        deliveries make many small files.
        """
        taken = self.deliver_once()
        return taken if self.has_full_range() or self.late_groups() else 0

    def has_full_range(self) -> bool:
        """Whether as much waits as one delivery takes in hand at most."""
        return self._log.has_full_range()

    def late_groups(self) -> Mapping[str, LateGroup]:
        """The groups whose history is behind, by their id."""
        return {
            group_id: late
            for partition in range(self._log.partitions)
            for group_id, late in self._log.state(partition).late.items()
        }

    def _deliver(self, partition: int) -> int:
        state = self._log.state(partition)
        after = state.delivered
        if state.intent is None:
            entries = self._log.read_next(partition, after)
            if not entries:
                self._log.trim(partition, state)
                return 0
            through = entries[-1].position
            claimed = state._replace(intent=through)
            self._manifests.set_delivery(partition, state, claimed)
        else:
            claimed, through = state, state.intent
            entries = self._log.read(partition, after, through)
        late = dict(claimed.late)
        for group_id, group_entries in _by_group(entries).items():
            if group_id not in late:
                reason = self._late.attempt(group_id, partition, after, group_entries)
                if reason is not None:
                    late[group_id] = LateGroup(after, through, self._clock(), reason)
        self._log.move(partition, claimed, DeliveryState(through, None, late))
        return count_entries(entries)

    def _append(
        self, group_id: str, partition: int, after: int, entries: Sequence[LogPart]
    ) -> None:
        group = self._groups.get(group_id)
        if group is None:
            raise DataCorrupted(
                f"the log has entries of feature group {group_id!r}, which the registry does not"
                " know: restore the registry from the backup that belongs to this online store"
            )
        if group.offline is not None:
            self._offline.append(group, partition, after, entries)


def _by_group(entries: Sequence[LogPart]) -> dict[str, list[LogPart]]:
    by_group: dict[str, list[LogPart]] = defaultdict(list)
    for entry in entries:
        by_group[entry.group_id].append(entry)
    return by_group
