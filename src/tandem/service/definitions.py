"""All definitions in memory, kept current by the version that the registry gives each change.

Record operations look a definition up on every call, listings and searches look at all of them.
Reading them from the registry each time would cost more than the rest of the call; the registry's
stamp costs next to nothing, and says whether there is anything to read. What has changed is then
one small statement, however many groups there are.

* All is as of the call, whichever process has changed it.
* `live`, `deleted` and `aliases` give the same object until something changes, so a caller may keep
  what it derives from them under their identity.
"""

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from tandem.model.feature_group import FeatureGroup
from tandem.registry.base import GroupRegistry
from tandem.registry.definitions import by_name

_UNREAD = -1


@dataclass(frozen=True, slots=True)
class _State:
    version: int = _UNREAD
    by_id: Mapping[str, FeatureGroup] = field(default_factory=dict)
    by_name: Mapping[str, FeatureGroup] = field(default_factory=dict)
    live: Sequence[FeatureGroup] = ()
    deleted: Sequence[FeatureGroup] = ()
    aliases: Mapping[str, str] = field(default_factory=dict)


class Definitions:
    """Safe to use from many threads."""

    def __init__(self, registry: GroupRegistry) -> None:
        self._registry = registry
        self._stamp = registry.stamp
        self._refreshing = threading.Lock()
        self._state = _State()

    @property
    def version(self) -> int:
        """What is found after this is of this version or a later one. Reads nothing."""
        return self._state.version

    def find(self, name: str) -> FeatureGroup | None:
        """The group of this name that is not deleted."""
        return self._current().by_name.get(name)

    def find_for_reading(self, name: str) -> FeatureGroup | None:
        """The group of this name, or the one that an alias of this name means."""
        state = self._state
        if state.version != self._stamp.read():  # `_current`, without a call for each read
            state = self._refreshed()
        return state.by_name.get(name) or state.by_name.get(state.aliases.get(name, ""))

    def of_id(self, group_id: str) -> FeatureGroup | None:
        """The group of this id, deleted or not."""
        return self._current().by_id.get(group_id)

    def live(self) -> Sequence[FeatureGroup]:
        """All groups that are not deleted, by name."""
        return self._current().live

    def deleted(self) -> Sequence[FeatureGroup]:
        """All deleted groups, by name, the oldest first."""
        return self._current().deleted

    def aliases(self) -> Mapping[str, str]:
        """The feature group's name by alias, in the order of the aliases."""
        return self._current().aliases

    def _current(self) -> _State:
        state = self._state
        return state if state.version == self._stamp.read() else self._refreshed()

    def _refreshed(self) -> _State:
        # One at a time, so that what was read earlier never replaces what was read later.
        with self._refreshing:
            state = self._state
            version, changed, aliases = self._registry.changes(max(state.version, 0))
            if version != state.version:
                state = self._state = _next_state(state, version, changed, aliases or {})
            return state


def _next_state(
    state: _State, version: int, changed: Sequence[FeatureGroup], aliases: Mapping[str, str]
) -> _State:
    by_id = {**state.by_id, **{group.group_id: group for group in changed}}
    everything = by_name(by_id.values())
    live = tuple(group for group in everything if group.deleted_at_us is None)
    return _State(
        version=version,
        by_id=by_id,
        by_name={group.name: group for group in live},
        live=live,
        deleted=tuple(group for group in everything if group.deleted_at_us is not None),
        aliases=dict(sorted(aliases.items())),
    )
