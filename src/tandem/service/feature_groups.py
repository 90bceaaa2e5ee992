"""Feature groups: create, find, describe, list, change, delete."""

from collections.abc import Callable, Sequence
from dataclasses import replace

from tandem.errors import ResourceNotFound, TandemError, ValidationError
from tandem.model.feature_group import FeatureGroup, FeatureGroupStatus
from tandem.offline.base import OfflineStore
from tandem.registry.base import GroupRegistry, Stamp
from tandem.service.clock import Clock
from tandem.service.compare_and_set import compare_and_set
from tandem.service.definitions import Definitions
from tandem.service.group_creation import GroupCreation, NewFeatureGroup
from tandem.service.group_listing import GroupFilter, listed
from tandem.service.placement import Account

# Looked up for each request: a member of an enum takes ten times as long as a name.
_CREATED = FeatureGroupStatus.CREATED


class FeatureGroups:
    def __init__(
        self,
        registry: GroupRegistry,
        definitions: Definitions,
        offline: OfflineStore,
        clock: Clock,
        account: Account,
    ) -> None:
        self._registry = registry
        self._definitions = definitions
        self._creation = GroupCreation(registry, offline, clock, account)
        self._clock = clock
        self.account = account

    @property
    def stamp(self) -> Stamp:
        """Says whether any definition has changed since the `version` that a caller has seen."""
        return self._registry.stamp

    @property
    def version(self) -> int:
        """Of the definitions: what is found after this is of this version or a later one."""
        return self._definitions.version

    def create(
        self, new: NewFeatureGroup, status: FeatureGroupStatus = FeatureGroupStatus.CREATED
    ) -> FeatureGroup:
        """Checks and stores a definition; in status Created it can be used when this returns.

        Raises ValidationError where the definition breaks a rule, and ResourceInUse where the name
        is taken.
        """
        return self._creation.create(new, status)

    def describe(self, name: str) -> FeatureGroup:
        """The group of this name or alias, in whatever status. Raises ResourceNotFound."""
        return self._known(name)

    def find_for_reading(self, name: str) -> FeatureGroup:
        """The group of this name or alias. Raises ResourceNotFound, and ValidationError where it
        is not in status Created.
        """
        group = self._definitions.find_for_reading(name)
        if group is None:
            raise _not_found(name)
        return group if group.status is _CREATED else _usable(group)

    def find_for_writing(self, name: str) -> FeatureGroup:
        """The group of this name. Raises ResourceNotFound, and ValidationError where the name is
        an alias, which readers use, or the group is not in status Created.
        """
        group = self._definitions.find(name)
        if group is None:
            raise self._no_group_itself(name)
        return _usable(group)

    def latest(self, group: FeatureGroup) -> FeatureGroup:
        """The definition of `group` at this moment, read from the registry; it may be deleted."""
        found = self._registry.get(group.group_id)
        assert found is not None  # definitions are kept for ever
        return found

    def of_id(self, group_id: str) -> FeatureGroup:
        """The group of this id, deleted or not. Raises ResourceNotFound."""
        found = self._registry.get(group_id)
        if found is None:
            raise ResourceNotFound(f"there is no feature group with the id {group_id!r} any more")
        return found

    def change(self, name: str, rule: Callable[[FeatureGroup], FeatureGroup]) -> FeatureGroup:
        """Stores what `rule` makes of the group; returns it. Raises ResourceNotFound, what `rule`
        raises, ValidationError where the name is an alias, and ConflictError where others change
        the group again and again.
        """

        def read() -> FeatureGroup:
            group = self._registry.find(name)
            if group is None:
                raise self._no_group_itself(name)
            return group

        return compare_and_set(
            f"feature group {name!r}",
            read,
            lambda group: replace(rule(group), revision=group.revision + 1),
            lambda _, changed: self._registry.replace(changed),
        )

    def delete(self, name: str) -> None:
        """Deletes the group. Its history stays, as on AWS. Raises ResourceNotFound, ValidationError
        where the name is an alias, and ResourceInUse where an alias names the group.
        """
        now_us = self._clock()
        self.change(
            name,
            lambda group: replace(
                group,
                status=FeatureGroupStatus.DELETING,
                deleted_at_us=now_us,
                failure_reason=_why_not_whole(group),
            ),
        )

    def _known(self, name: str) -> FeatureGroup:
        group = self._definitions.find_for_reading(name)
        if group is None:
            raise _not_found(name)
        return group

    def _no_group_itself(self, name: str) -> TandemError:
        target = self._definitions.aliases().get(name)
        if target is None:
            return _not_found(name)
        return ValidationError(
            f"{name!r} is an alias, which is for readers alone:"
            f" name the feature group {target!r} itself"
        )

    def list(self, wanted: GroupFilter) -> Sequence[FeatureGroup]:
        """The groups that pass the filter, sorted; equal ones by name."""
        return listed(self._definitions.live(), wanted)


def _why_not_whole(group: FeatureGroup) -> str | None:
    if group.status is FeatureGroupStatus.CREATING:
        return "It was deleted while it was being made"
    return group.failure_reason


def _usable(group: FeatureGroup) -> FeatureGroup:
    if group.status is _CREATED:
        return group
    if group.status is FeatureGroupStatus.CREATE_FAILED:
        raise ValidationError(
            f"feature group {group.name!r} is in status {group.status}, so it cannot be used:"
            f" {group.failure_reason}"
        )
    raise ValidationError(
        f"feature group {group.name!r} is in status {group.status}, so it cannot be used yet:"
        " wait until it is Created"
    )


def _not_found(name: str) -> ResourceNotFound:
    return ResourceNotFound(
        f"Resource Not Found: there is no feature group with the name {name[:256]!r}"
    )
