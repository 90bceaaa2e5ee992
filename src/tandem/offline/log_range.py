"""The range of a log partition that one append carries, and whether it is still to be done."""

from collections.abc import Sequence
from typing import NamedTuple

from tandem.errors import ConflictError
from tandem.model.feature_group import FeatureGroup
from tandem.model.write import LogPart


class LogRange(NamedTuple):
    """Positions in (after, last] of one log partition."""

    partition: int
    after: int
    last: int

    def is_delivered(self, group: FeatureGroup, delivered: int) -> bool:
        """Whether a history that reaches position `delivered` holds this range.

        Raises ConflictError where it holds a part of it: the range was cut elsewhere meanwhile.
        """
        if delivered >= self.last:
            return True
        if delivered > self.after:
            raise ConflictError(
                f"the history of {group.group_id!r} reaches position {delivered} of log partition"
                f" {self.partition}, which is inside the range ({self.after}, {self.last}]:"
                " another delivery was faster; read where it stands and begin there"
            )
        return False


def log_range(
    group: FeatureGroup, partition: int, after: int, entries: Sequence[LogPart]
) -> LogRange:
    """The range of `entries`, of which there is at least one.

    Raises ConflictError where an entry has a feature that `group` does not: this definition is
    older than the entry, and its rows would lose the value. Raises ValueError where the entries are
    not the group's own, of that partition, behind `after` and in log order.
    """
    previous = after
    names: set[str] = set()
    for entry in entries:
        if entry.group_id != group.group_id or entry.partition != partition:
            raise ValueError(
                f"entry {entry.position} is of group {entry.group_id!r} and log partition"
                f" {entry.partition}, not of {group.group_id!r} and {partition}"
            )
        if entry.first <= previous:
            raise ValueError(f"entry {entry.first} does not come after {previous}")
        previous = entry.position
        names.update(entry.feature_names)
    if unknown := names - group.features_by_name.keys():
        raise ConflictError(
            f"revision {group.revision} of feature group {group.name!r} does not have the features"
            f" {sorted(unknown)}, which entries of the log have: read the group again"
        )
    return LogRange(partition, after, previous)
