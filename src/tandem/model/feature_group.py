"""What a feature group is: its features, its stores, and the rules for both.

Whether a definition may be stored is checked by `tandem.model.definition`. A group's `group_id`
(name and creation epoch, as in AWS's folder names) is never used twice, so a group created again
under the same name shares nothing with the one before.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import cached_property
from typing import Any

from tandem.model.targets import TargetStores
from tandem.model.time_to_live import TtlDuration


class FeatureType(StrEnum):
    STRING = "String"
    INTEGRAL = "Integral"
    FRACTIONAL = "Fractional"


FROM_TEXT: Mapping[FeatureType, Callable[[str], Any]] = {
    FeatureType.STRING: str,
    FeatureType.INTEGRAL: int,
    FeatureType.FRACTIONAL: float,
}
"""What the text of a value becomes in Python."""


class CollectionType(StrEnum):
    LIST = "List"
    SET = "Set"
    VECTOR = "Vector"


class StorageType(StrEnum):
    STANDARD = "Standard"
    STANDARD_V2 = "Standard_V2"
    IN_MEMORY = "InMemory"


class TableFormat(StrEnum):
    DEFAULT = "Default"
    GLUE = "Glue"
    ICEBERG = "Iceberg"


class ThroughputMode(StrEnum):
    ON_DEMAND = "OnDemand"
    PROVISIONED = "Provisioned"


class FeatureGroupStatus(StrEnum):
    CREATING = "Creating"
    CREATED = "Created"
    CREATE_FAILED = "CreateFailed"
    DELETING = "Deleting"
    DELETE_FAILED = "DeleteFailed"


class UpdateStatus(StrEnum):
    SUCCESSFUL = "Successful"
    FAILED = "Failed"
    IN_PROGRESS = "InProgress"


class OfflineStoreStatus(StrEnum):
    ACTIVE = "Active"
    BLOCKED = "Blocked"
    DISABLED = "Disabled"


@dataclass(frozen=True, slots=True)
class FeatureDefinition:
    """One feature: its name, its type, and for a collection what kind and (Vector) how long.

    added_at_us    when it was added to the group; None: with the group
    retired_at_us  since when it is retired: hidden from readers, refused in writes, kept in
                   history; None: it is not
    """

    name: str
    type: FeatureType
    collection: CollectionType | None = None
    vector_dimension: int | None = None
    added_at_us: int | None = None
    retired_at_us: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FeatureMetadata:
    """What people say of a feature: a description, and parameters as key and value."""

    description: str | None = None
    parameters: Mapping[str, str] = field(default_factory=dict)
    modified_at_us: int


@dataclass(frozen=True, slots=True)
class OnlineStoreConfig:
    """The online side of a group. `storage_type` is None where the caller did not name one."""

    enabled: bool
    storage_type: StorageType | None = None
    ttl: TtlDuration | None = None
    kms_key_id: str | None = None


@dataclass(frozen=True, slots=True)
class DataCatalog:
    """The table under which SQL finds the history."""

    catalog: str
    database: str
    table: str


@dataclass(frozen=True, slots=True)
class OfflineStoreConfig:
    """The offline side of a group. `resolved_uri` is the folder that holds the data files."""

    s3_uri: str
    resolved_uri: str = ""
    kms_key_id: str | None = None
    table_format: TableFormat = TableFormat.GLUE
    disable_glue_table_creation: bool = False
    data_catalog: DataCatalog | None = None


@dataclass(frozen=True, slots=True)
class ThroughputConfig:
    mode: ThroughputMode = ThroughputMode.ON_DEMAND
    read_units: int | None = None
    write_units: int | None = None


@dataclass(frozen=True, kw_only=True)
class FeatureGroup:
    """One version of a feature group's definition.

    features        all that the group ever had, retired ones included, in the order of their
                    addition: the columns of its history
    metadata        by feature name, for the features that have any
    modified_at_us  when its stores or features were last changed; tags and metadata do not count
    failure_reason  why its making was not completed; kept when it is deleted
    revision        grows by one with every change of any kind
    """

    name: str
    group_id: str
    record_identifier_name: str
    event_time_name: str
    features: tuple[FeatureDefinition, ...]
    created_at_us: int
    modified_at_us: int
    online: OnlineStoreConfig | None = None
    offline: OfflineStoreConfig | None = None
    throughput: ThroughputConfig = ThroughputConfig()
    role_arn: str | None = None
    description: str | None = None
    tags: Mapping[str, str] = field(default_factory=dict)
    metadata: Mapping[str, FeatureMetadata] = field(default_factory=dict)
    status: FeatureGroupStatus = FeatureGroupStatus.CREATED
    failure_reason: str | None = None
    deleted_at_us: int | None = None
    revision: int = 1

    @cached_property
    def features_by_name(self) -> Mapping[str, FeatureDefinition]:
        return {feature.name: feature for feature in self.features}

    @cached_property
    def current_features(self) -> tuple[FeatureDefinition, ...]:
        """The features that are not retired: what readers see and writers give."""
        return tuple(feature for feature in self.features if feature.retired_at_us is None)

    @cached_property
    def for_readers(self) -> "FeatureGroup":
        """The group as readers see it: without its retired features."""
        if len(self.current_features) == len(self.features):
            return self
        return replace(self, features=self.current_features)

    @property
    def is_whole(self) -> bool:
        """Whether its making was ever completed; else its records and its history are a part."""
        failed = (FeatureGroupStatus.CREATING, FeatureGroupStatus.CREATE_FAILED)
        return self.status not in failed and self.failure_reason is None

    @property
    def offline_store_status(self) -> OfflineStoreStatus | None:
        """Active for a group with an offline store, None for one without."""
        return None if self.offline is None else OfflineStoreStatus.ACTIVE

    @property
    def was_updated(self) -> bool:
        return self.modified_at_us > self.created_at_us

    @property
    def last_update_status(self) -> UpdateStatus | None:
        """How the last change went; None before the first. Changes are complete at once here."""
        is_whole = self.status is FeatureGroupStatus.CREATED
        return UpdateStatus.SUCCESSFUL if self.was_updated and is_whole else None

    @cached_property
    def feature_order(self) -> Mapping[str, int]:
        """Where each feature stands in the definition, from 0."""
        return {feature.name: index for index, feature in enumerate(self.features)}

    @cached_property
    def record_identifier(self) -> FeatureDefinition:
        return self.features_by_name[self.record_identifier_name]

    @cached_property
    def event_time(self) -> FeatureDefinition:
        return self.features_by_name[self.event_time_name]

    @cached_property
    def stores(self) -> TargetStores:
        """The stores this group has: where a write goes when it names none."""
        stores = TargetStores(0)
        if self.online is not None and self.online.enabled:
            stores |= TargetStores.ONLINE
        if self.offline is not None:
            stores |= TargetStores.OFFLINE
        return stores

    @cached_property
    def has_online_store(self) -> bool:
        return TargetStores.ONLINE in self.stores

    @cached_property
    def is_served_whole(self) -> bool:
        """Whether readers get all that the online store has of a record, unless they name some."""
        return self.has_online_store and self.for_readers is self

    @property
    def storage_type(self) -> StorageType:
        """The online storage type in force; Standard where none was named."""
        named = self.online.storage_type if self.online is not None else None
        return named or StorageType.STANDARD

    @property
    def default_ttl(self) -> TtlDuration | None:
        return self.online.ttl if self.online is not None else None


def feature_names(features: Sequence[FeatureDefinition]) -> list[str]:
    return [feature.name for feature in features]
