"""Expiry: removes online records that nobody can read any more.

Expired records count as absent from the moment they expire; removing them later only frees space.
The same pass forgets the records of deleted feature groups. Neither writes anything to history.
What loads have left behind, marks and staged files, goes with them.
"""

from collections.abc import Callable

from tandem.online.base import OnlineStore
from tandem.service.clock import Clock
from tandem.service.definitions import Definitions

_SLICE = 1_000
"""Records removed in one transaction: the write lock stays short."""


class Expiry:
    def __init__(self, store: OnlineStore, definitions: Definitions, clock: Clock) -> None:
        self._store = store
        self._definitions = definitions
        self._clock = clock

    def expire_once(self) -> int:
        """Removes all that is gone by now; returns how many records."""
        now_ms = self._clock() // 1_000
        removed = _in_slices(lambda: self._store.sweep(now_ms, _SLICE))
        for group in self._definitions.deleted():
            removed += self._forget(group.group_id)
        self._store.staging.clean()
        return removed

    def _forget(self, group_id: str) -> int:
        return _in_slices(lambda: self._store.forget(group_id, _SLICE))


def _in_slices(remove: Callable[[], int]) -> int:
    total = 0
    while True:
        removed = remove()
        total += removed
        if removed < _SLICE:
            return total
