"""Feature groups: create, find, describe, list, change, delete."""

import re
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum

from tandem.errors import (
    ConflictError,
    ResourceInUse,
    ResourceNotFound,
    TandemError,
    ValidationError,
)
from tandem.model.definition import check_definition
from tandem.model.feature_group import (
    DataCatalog,
    FeatureDefinition,
    FeatureGroup,
    FeatureGroupStatus,
    FeatureMetadata,
    OfflineStoreConfig,
    OfflineStoreStatus,
    OnlineStoreConfig,
    ThroughputConfig,
)
from tandem.offline.base import OfflineStore
from tandem.registry.base import GroupRegistry
from tandem.service.clock import Clock
from tandem.service.definitions import Definitions

_CHANGE_ATTEMPTS = 20
CATALOG = "AwsDataCatalog"
DATABASE = "sagemaker_featurestore"


@dataclass(frozen=True, slots=True)
class Account:
    """The account and region that appear in ARNs and in the paths of history."""

    account_id: str = "000000000000"
    region: str = "us-east-1"


@dataclass(frozen=True, kw_only=True)
class NewFeatureGroup:
    """A definition as a caller gives it, before it has an id, a time and a place."""

    name: str
    record_identifier_name: str
    event_time_name: str
    features: tuple[FeatureDefinition, ...]
    online: OnlineStoreConfig | None = None
    offline: OfflineStoreConfig | None = None
    throughput: ThroughputConfig = field(default_factory=ThroughputConfig)
    role_arn: str | None = None
    description: str | None = None
    tags: Mapping[str, str] | None = None
    metadata: Mapping[str, FeatureMetadata] | None = None


class SortGroupsBy(StrEnum):
    NAME = "Name"
    STATUS = "FeatureGroupStatus"
    OFFLINE_STORE_STATUS = "OfflineStoreStatus"
    CREATION_TIME = "CreationTime"


@dataclass(frozen=True, kw_only=True)
class GroupFilter:
    """Which groups a listing holds, and in which order. A bound of None lets all pass."""

    name_contains: str | None = None
    status: FeatureGroupStatus | None = None
    offline_store_status: OfflineStoreStatus | None = None
    created_after_us: int | None = None
    created_before_us: int | None = None
    sort_by: SortGroupsBy = SortGroupsBy.CREATION_TIME
    descending: bool = False


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
        self._offline = offline
        self._clock = clock
        self.account = account
        self._creating = threading.Lock()

    def create(
        self, new: NewFeatureGroup, status: FeatureGroupStatus = FeatureGroupStatus.CREATED
    ) -> FeatureGroup:
        """Checks and stores a definition; in status Created it can be used when this returns.

        Raises ValidationError where the definition breaks a rule, and ResourceInUse where the name
        is taken.
        """
        now_us = self._clock()
        group = FeatureGroup(
            name=new.name,
            group_id=f"{new.name}-{now_us // 1_000_000}",
            record_identifier_name=new.record_identifier_name,
            event_time_name=new.event_time_name,
            features=new.features,
            created_at_us=now_us,
            modified_at_us=now_us,
            online=new.online,
            offline=new.offline,
            throughput=new.throughput,
            role_arn=new.role_arn,
            description=new.description,
            tags=dict(new.tags or {}),
            metadata=dict(new.metadata or {}),
            status=status,
        )
        check_definition(group)
        with self._creating:
            if self._registry.find(new.name) is not None:
                raise _name_is_taken(new.name)
            placed = self._add_with_unused_id(group, now_us // 1_000_000)
        self._definitions.refresh()
        return placed

    def _add_with_unused_id(self, group: FeatureGroup, epoch: int) -> FeatureGroup:
        """The epoch in id, path and table name is bumped until nobody has ever used them."""
        # A table that the caller names may be another group's too; one made here may not, and names
        # that differ only in what a table's name leaves out would meet: `a-b`, `a_b`.
        is_table_new = group.offline is not None and group.offline.data_catalog is None
        while True:
            offline = group.offline and self._place(group.offline, group.name, epoch)
            placed = replace(group, group_id=f"{group.name}-{epoch}", offline=offline)
            if offline is not None:
                self._offline.check(placed)
            if offline is None or self._offline.is_unused(offline.resolved_uri):
                try:
                    self._registry.add(placed, is_table_new=is_table_new)
                except ConflictError:
                    pass  # id or table were used before, or by another process just now
                else:
                    return placed
            epoch += 1

    def _place(self, offline: OfflineStoreConfig, name: str, epoch: int) -> OfflineStoreConfig:
        account = self.account
        catalog = offline.data_catalog
        if catalog is None and not offline.disable_glue_table_creation:
            table = re.sub(r"[^a-z0-9_]", "_", f"{name}_{epoch}".lower())
            catalog = DataCatalog(catalog=CATALOG, database=DATABASE, table=table)
        # Slashes that follow each other are one on disk, and readers list by the URI's text.
        scheme, _, rest = offline.s3_uri.partition("://")
        prefix = "/".join(part for part in rest.split("/") if part)
        return replace(
            offline,
            resolved_uri=(
                f"{scheme}://{prefix}/{account.account_id}/sagemaker/{account.region}"
                f"/offline-store/{name}-{epoch}/data"
            ),
            data_catalog=catalog,
        )

    def describe(self, name: str) -> FeatureGroup:
        """The group of this name or alias, in whatever status, as of now. Raises
        ResourceNotFound.
        """
        self._definitions.refresh()
        return self._known(name)

    def find_for_reading(self, name: str) -> FeatureGroup:
        """The group of this name or alias. Raises ResourceNotFound, and ValidationError where it
        is not in status Created.
        """
        return _usable(self._known(name))

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

    def change(self, name: str, rule: Callable[[FeatureGroup], FeatureGroup]) -> FeatureGroup:
        """Stores what `rule` makes of the group; returns it. Raises ResourceNotFound, what `rule`
        raises, ValidationError where the name is an alias, and ConflictError where others change
        the group again and again.
        """
        for _ in range(_CHANGE_ATTEMPTS):
            group = self._registry.find(name)
            if group is None:
                raise self._no_group_itself(name)
            changed = replace(rule(group), revision=group.revision + 1)
            try:
                self._registry.replace(changed)
            except ConflictError:
                continue  # somebody else was faster; the rule is asked again
            self._definitions.refresh()
            return changed
        raise ConflictError(f"feature group {name!r} is being changed by others: try again")

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
        found = [group for group in self._definitions.live() if _passes(group, wanted)]
        found.sort(key=lambda group: sort_key(group, wanted.sort_by), reverse=wanted.descending)
        return found


def sort_key(group: FeatureGroup, sort_by: SortGroupsBy) -> str | int:
    """What a listing sorted by `sort_by` compares of a group."""
    values: Mapping[SortGroupsBy, str | int] = {
        SortGroupsBy.NAME: group.name,
        SortGroupsBy.STATUS: group.status.value,
        SortGroupsBy.OFFLINE_STORE_STATUS: group.offline_store_status or "",
        SortGroupsBy.CREATION_TIME: group.created_at_us,
    }
    return values[sort_by]


def _passes(group: FeatureGroup, wanted: GroupFilter) -> bool:
    after, before = wanted.created_after_us, wanted.created_before_us
    return (
        (wanted.name_contains is None or wanted.name_contains in group.name)
        and (wanted.status is None or group.status is wanted.status)
        and wanted.offline_store_status in (None, group.offline_store_status)
        and (after is None or group.created_at_us > after)
        and (before is None or group.created_at_us < before)
    )


def _why_not_whole(group: FeatureGroup) -> str | None:
    if group.status is FeatureGroupStatus.CREATING:
        return "It was deleted while it was being made"
    return group.failure_reason


def _usable(group: FeatureGroup) -> FeatureGroup:
    if group.status is FeatureGroupStatus.CREATE_FAILED:
        raise ValidationError(
            f"feature group {group.name!r} is in status {group.status}, so it cannot be used:"
            f" {group.failure_reason}"
        )
    if group.status is not FeatureGroupStatus.CREATED:
        raise ValidationError(
            f"feature group {group.name!r} is in status {group.status}, so it cannot be used yet:"
            " wait until it is Created"
        )
    return group


def _not_found(name: str) -> ResourceNotFound:
    return ResourceNotFound(
        f"Resource Not Found: there is no feature group with the name {name[:256]!r}"
    )


def _name_is_taken(name: str) -> ResourceInUse:
    return ResourceInUse(
        f"Resource Already Exists: a feature group with the name {name!r} already exists:"
        " choose a different name"
    )
