"""All definitions in memory, kept current by the version that the registry gives each change.

Record operations look a definition up on every call, listings and searches look at all of them.
Reading them from the registry each time would cost more than the rest of the call; asking it what
has changed costs one small statement, however many groups there are.

* What is found may be up to `fresh_us` old for changes of other processes; those of this process
  are seen at once. What is not found, or not Created yet, is looked for again in the registry.
* `live`, `deleted` and `aliases` are as of the call. They give the same object until something
  changes, so a caller may keep what it derives from them under their identity.
"""

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from tandem.model.feature_group import FeatureGroup, FeatureGroupStatus
from tandem.registry.base import GroupRegistry
from tandem.registry.definitions import by_name
from tandem.service.clock import Clock

FRESH_US = 1_000_000


@dataclass(frozen=True, slots=True)
class _State:
    version: int = 0
    by_id: Mapping[str, FeatureGroup] = field(default_factory=dict)
    by_name: Mapping[str, FeatureGroup] = field(default_factory=dict)
    live: Sequence[FeatureGroup] = ()
    deleted: Sequence[FeatureGroup] = ()
    aliases: Mapping[str, str] = field(default_factory=dict)


class Definitions:
    """Safe to use from many threads."""

    def __init__(self, registry: GroupRegistry, clock: Clock, fresh_us: int = FRESH_US) -> None:
        self._registry = registry
        self._clock = clock
        self._fresh_us = fresh_us
        self._refreshing = threading.Lock()
        self._state = _State()
        self._fresh_since_us: int | None = None

    def find(self, name: str) -> FeatureGroup | None:
        """The group of this name that is not deleted."""
        return _created(self._recent().by_name.get(name)) or self.refresh().by_name.get(name)

    def find_for_reading(self, name: str) -> FeatureGroup | None:
        """The group of this name, or the one that an alias of this name means."""
        state = self._recent()
        return _created(_meant(state, name)) or _meant(self.refresh(), name)

    def of_id(self, group_id: str) -> FeatureGroup | None:
        """The group of this id, deleted or not."""
        return self._recent().by_id.get(group_id) or self.refresh().by_id.get(group_id)

    def live(self) -> Sequence[FeatureGroup]:
        """All groups that are not deleted, by name."""
        return self.refresh().live

    def deleted(self) -> Sequence[FeatureGroup]:
        """All deleted groups, by name, the oldest first."""
        return self.refresh().deleted

    def aliases(self) -> Mapping[str, str]:
        """The feature group's name by alias, in the order of the aliases."""
        return self.refresh().aliases

    def refresh(self) -> _State:
        """Takes in what has changed. Whoever changes a definition calls this afterwards."""
        # One at a time, so that what was read earlier never replaces what was read later.
        with self._refreshing:
            now_us = self._clock()
            state = self._state
            version, changed, aliases = self._registry.changes(state.version)
            if aliases is not None:
                state = self._state = _next_state(state, version, changed, aliases)
            self._fresh_since_us = now_us
            return state

    def _recent(self) -> _State:
        since_us = self._fresh_since_us
        if since_us is not None and 0 <= self._clock() - since_us < self._fresh_us:
            return self._state
        return self.refresh()


def _meant(state: _State, name: str) -> FeatureGroup | None:
    return state.by_name.get(name) or state.by_name.get(state.aliases.get(name, ""))


def _created(group: FeatureGroup | None) -> FeatureGroup | None:
    return group if group is not None and group.status is FeatureGroupStatus.CREATED else None


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
