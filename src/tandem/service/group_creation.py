"""Creation of feature groups: from what a caller defines to a group with an id and a place.

Ids, folders and tables are never used twice, whoever else creates groups at the same time.
"""

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from tandem.errors import ConflictError
from tandem.model.definition import check_definition
from tandem.model.feature_group import (
    FeatureDefinition,
    FeatureGroup,
    FeatureGroupStatus,
    FeatureMetadata,
    OfflineStoreConfig,
    OnlineStoreConfig,
    ThroughputConfig,
)
from tandem.offline.base import OfflineStore
from tandem.registry.base import GroupRegistry
from tandem.registry.definitions import name_taken
from tandem.service.clock import Clock
from tandem.service.placement import Account, placed


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


class GroupCreation:
    def __init__(
        self, registry: GroupRegistry, offline: OfflineStore, clock: Clock, account: Account
    ) -> None:
        self._registry = registry
        self._offline = offline
        self._clock = clock
        self._account = account
        self._creating = threading.Lock()

    def create(self, new: NewFeatureGroup, status: FeatureGroupStatus) -> FeatureGroup:
        """Checks and stores a definition.

        Raises ValidationError where the definition breaks a rule, and ResourceInUse where the name
        is taken.
        """
        now_us = self._clock()
        epoch = now_us // 1_000_000
        group = FeatureGroup(
            name=new.name,
            group_id=f"{new.name}-{epoch}",
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
                raise name_taken(group)
            return self._add_with_unused_id(group, epoch)

    def _add_with_unused_id(self, group: FeatureGroup, epoch: int) -> FeatureGroup:
        """The epoch in id, path and table name is bumped until nobody has ever used them."""
        # A table that the caller names may be another group's too; one made here may not, and names
        # that differ only in what a table's name leaves out would meet: `a-b`, `a_b`.
        is_table_new = group.offline is not None and group.offline.data_catalog is None
        while True:
            offline = group.offline and placed(group.offline, self._account, group.name, epoch)
            candidate = replace(group, group_id=f"{group.name}-{epoch}", offline=offline)
            if offline is not None:
                self._offline.check(candidate)
            if offline is None or self._offline.is_unused(offline.resolved_uri):
                try:
                    self._registry.add(candidate, is_table_new=is_table_new)
                except ConflictError:
                    pass  # id or table were used before, or by another process just now
                else:
                    return candidate
            epoch += 1
