"""Late groups: those whose history could not be written when it was their turn.

* A late group is tried again alone, in its own order, one range after another. A range is noted
  before it is tried, and stays the same until it is delivered: an attempt may leave files behind,
  which the next one replaces only where it has the same range.
* Whatever goes wrong with one group's history is that group's trouble: nothing passes from here to
  the delivery of others.
* The longer a group fails, the longer the pause before it is tried again, up to a minute.
* A group that falls behind, and one that has caught up, is one line in the process's log.
"""

import logging
import time
from collections import Counter
from collections.abc import Callable, Sequence
from typing import NamedTuple

from tandem.errors import ConflictError, TandemError
from tandem.model.write import LogPart
from tandem.registry.base import LateGroup
from tandem.service.delivery_log import DeliveryLog, count_entries

_log = logging.getLogger("tandem.delivery")
_CONFLICTS_MAX = 5
"""Conflicts of a group in a row after which they are its own trouble, not those of a race."""
_PAUSE_SECONDS_MAX = 60.0
_REASON_LENGTH_MAX = 500
_IS_CATCHING_UP = "It can be written again and is catching up"

Append = Callable[[str, int, int, Sequence[LogPart]], None]
"""Appends to the history of a group (its id) the entries of one log partition that come behind a
position.
"""


class _Trouble(NamedTuple):
    failures: int
    next_attempt: float


class LateGroups:
    def __init__(self, log: DeliveryLog, append: Append) -> None:
        self._log = log
        self._append = append
        self._troubles: dict[str, _Trouble] = {}
        self._conflicts: Counter[str] = Counter()

    def try_now(self) -> None:
        """Ends the pauses of all groups."""
        self._troubles = {
            group_id: trouble._replace(next_attempt=0.0)
            for group_id, trouble in self._troubles.items()
        }

    def attempt(
        self, group_id: str, partition: int, after: int, entries: Sequence[LogPart]
    ) -> str | None:
        """Appends the entries of a range; returns why that failed, None where it did not.

        Raises ConflictError where another delivery may have been faster, unless that is said again
        and again.
        """
        try:
            self._append(group_id, partition, after, entries)
        except ConflictError as error:
            self._conflicts[group_id] += 1
            if self._conflicts[group_id] < _CONFLICTS_MAX:
                raise
            return self._failed(group_id, error)
        except Exception as error:  # noqa: BLE001 - a bug met in one group must not stop the others
            return self._failed(group_id, error)
        self._conflicts.pop(group_id, None)
        return None

    def catch_up(self, partition: int, group_id: str) -> int:
        """Delivers the next range of a late group, unless it pauses; returns its entries."""
        trouble = self._troubles.get(group_id)
        state = self._log.state(partition)
        late = state.late.get(group_id)
        if late is None or (trouble is not None and time.monotonic() < trouble.next_attempt):
            return 0
        entries = self._log.read(partition, late.after, late.through, group_id)
        reason = self.attempt(group_id, partition, late.after, entries)
        if reason is not None:
            if reason != late.reason:
                changed = {**state.late, group_id: late._replace(reason=reason)}
                self._log.move(partition, state, state._replace(late=changed))
            return 0
        remaining = {other: late for other, late in state.late.items() if other != group_id}
        following = self._log.read_next(partition, late.through, state.delivered, group_id)
        if following:
            last = following[-1].position
            remaining[group_id] = LateGroup(late.through, last, late.since_us, _IS_CATCHING_UP)
        self._log.move(partition, state, state._replace(late=remaining))
        if not following:
            self._troubles.pop(group_id, None)
            _log.warning("the history of %r has caught up", group_id)
        return count_entries(entries)

    def _failed(self, group_id: str, error: Exception) -> str:
        is_expected = isinstance(error, TandemError)
        reason = str(error) if is_expected else f"{type(error).__name__}: {error}"
        failures = self._troubles[group_id].failures + 1 if group_id in self._troubles else 1
        pause_seconds = min(2.0 ** (failures - 1), _PAUSE_SECONDS_MAX)
        self._troubles[group_id] = _Trouble(failures, time.monotonic() + pause_seconds)
        if failures == 1:
            _log.error(
                "the history of %r cannot be written; it will be tried again, and the others go on:"
                " %s",
                group_id,
                reason,
                exc_info=None if is_expected else error,
            )
        return reason[:_REASON_LENGTH_MAX]
