"""The change log as delivery sees it: ranges that fit into memory, and the move past them.

* A range that was taken in hand once is read to its end, whatever its size.
* The log loses nothing that the history of a group still lacks.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import cast

from tandem.model.record import record_size
from tandem.model.write import LogEntry, LogPart
from tandem.online.base import OnlineStore
from tandem.registry.base import DeliveryState, ManifestRegistry
from tandem.rows.segment import Segment

_TRIM_ENTRIES = 5_000
"""Entries a trim removes in one transaction: the write lock stays short."""


@dataclass(frozen=True, slots=True)
class DeliveryLimits:
    """How much one delivery takes in hand at most; what it takes is held in memory.

    A segment counts by its bytes alone: a load over many hours makes a file for each of them in
    each delivery, so a delivery takes as many of its rows as fit.
    """

    entries_max: int = 50_000
    bytes_max: int = 64 << 20


class DeliveryLog:
    def __init__(
        self, store: OnlineStore, manifests: ManifestRegistry, limits: DeliveryLimits
    ) -> None:
        self._store = store
        self._manifests = manifests
        self._limits = limits
        self.partitions = store.partitions

    def state(self, partition: int) -> DeliveryState:
        return self._manifests.delivery(partition)

    def ends(self) -> list[int]:
        """The position of the last entry ever written, by partition."""
        with self._store.log() as log:
            return [log.end(partition) for partition in range(self.partitions)]

    def oldest_waiting_us(self) -> int | None:
        """When the first entry that was not delivered yet was written; None where there is none."""
        with self._store.log() as log:
            times = [
                log.written_at_us(partition, self.state(partition).delivered)
                for partition in range(self.partitions)
            ]
        return min((time for time in times if time is not None), default=None)

    def read(
        self, partition: int, after: int, through: int, group_id: str | None = None
    ) -> Sequence[LogPart]:
        """All entries at positions in (after, through]; with `group_id` those of that group."""
        with self._store.log() as log:
            return list(log.parts(partition, after, through, group_id=group_id))

    def read_next(
        self, partition: int, after: int, through: int | None = None, group_id: str | None = None
    ) -> Sequence[LogPart]:
        """The first of those entries, as many as one delivery may take in hand."""
        with self._store.log() as log:
            parts = log.parts(partition, after, through, group_id=group_id)
            return [part for part, _ in self._limited(parts)]

    def has_full_range(self) -> bool:
        """Whether as much waits in a partition as one delivery takes in hand."""
        return any(self._is_full_range(partition) for partition in range(self.partitions))

    def _is_full_range(self, partition: int) -> bool:
        after = self.state(partition).delivered
        with self._store.log() as log:
            if log.end(partition) - after < self._limits.entries_max:
                return False
            return any(is_full for _, is_full in self._limited(log.parts(partition, after)))

    def move(self, partition: int, expected: DeliveryState, new: DeliveryState) -> None:
        """Moves delivery on, and trims what no group needs any more. Raises ConflictError where
        delivery does not stand at `expected`; nothing changes then.
        """
        self._manifests.set_delivery(partition, expected, new)
        before, through = _needed_after(expected), _needed_after(new)
        for end in range(before + _TRIM_ENTRIES, through, _TRIM_ENTRIES):
            self._store.trim(partition, end)
        if through > before:
            self.trim(partition, new)

    def trim(self, partition: int, state: DeliveryState) -> None:
        """Removes what no group needs any more. Without a move before it, that is what a crash has
        left that came between a move and its trim.
        """
        self._store.trim(partition, _needed_after(state))
        self._store.staging.clean()

    def _limited(self, parts: Iterable[LogPart]) -> Iterator[tuple[LogPart, bool]]:
        """Parts up to the limit, and of each whether it reaches the limit."""
        count = size = 0
        for part in parts:
            if isinstance(part, LogEntry):
                count += 1
                size += record_size(part.values)
            else:
                size += cast("Segment", part).size_bytes
            is_full = count >= self._limits.entries_max or size >= self._limits.bytes_max
            yield part, is_full
            if is_full:
                return


def count_entries(parts: Iterable[LogPart]) -> int:
    return sum(part.position - part.first + 1 for part in parts)


def _needed_after(state: DeliveryState) -> int:
    """The log's entries up to this position are in history and archive, of all groups."""
    return min([state.delivered, *(late.after for late in state.late.values())])
