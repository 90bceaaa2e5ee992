"""Feature groups and aliases as files declare them, in YAML.

feature_group: customer-features        # one document each; several may share a file
record_identifier: customer_id
event_time: event_time
features:
  customer_id: String
  event_time: String
  orders: {type: Integral, description: orders so far, parameters: {unit: orders}}
  segment: {type: String, retired: true}
online: {ttl: 30 days}                  # or true (the default), or false
offline: {table_format: Iceberg}        # or true (the default), or false
tags: {team: growth}
---
alias: customers
feature_group: customer-features

Every member is in the classes below. The stores and features of a group are as its file says; tags,
descriptions and parameters that the file does not mention are left to others, and so is what is
chosen for good when a group is made (None, below).
"""

import msgspec

from tandem.model.feature_group import (
    CollectionType,
    DataCatalog,
    FeatureDefinition,
    FeatureType,
    OfflineStoreConfig,
    OnlineStoreConfig,
    StorageType,
    TableFormat,
    ThroughputConfig,
    ThroughputMode,
)
from tandem.sdk.arguments import ttl_duration
from tandem.sdk.defaults import ROLE_ARN, S3_URI
from tandem.service.group_creation import NewFeatureGroup


class _Declared(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """A mapping whose keys are all known."""


class DeclaredFeature(_Declared):
    """A feature. `dimension` is that of a Vector; a retired feature is hidden from readers."""

    type: FeatureType
    collection: CollectionType | None = None
    dimension: int | None = None
    description: str | None = None
    parameters: dict[str, str] | None = None
    retired: bool = False


class DeclaredOnlineStore(_Declared):
    storage_type: StorageType | None = None
    ttl: str | None = None
    kms_key_id: str | None = None


class DeclaredCatalog(_Declared):
    catalog: str
    database: str
    table: str


class DeclaredOfflineStore(_Declared):
    s3_uri: str | None = None
    table_format: TableFormat | None = None
    kms_key_id: str | None = None
    disable_glue_table_creation: bool | None = None
    data_catalog: DeclaredCatalog | None = None


class DeclaredThroughput(_Declared):
    mode: ThroughputMode = ThroughputMode.ON_DEMAND
    read_units: int | None = None
    write_units: int | None = None


class DeclaredGroup(_Declared):
    """A feature group. Tags, where they are given, are all that it has."""

    feature_group: str
    record_identifier: str
    event_time: str
    features: dict[str, FeatureType | DeclaredFeature]
    online: bool | DeclaredOnlineStore = True
    offline: bool | DeclaredOfflineStore = True
    throughput: DeclaredThroughput | None = None
    role_arn: str | None = None
    description: str | None = None
    tags: dict[str, str] | None = None

    def feature(self, name: str) -> DeclaredFeature:
        declared = self.features[name]
        return declared if isinstance(declared, DeclaredFeature) else DeclaredFeature(type=declared)

    def new_group(self) -> NewFeatureGroup:
        """The definition to create. Raises ValidationError where a duration cannot be read."""
        return NewFeatureGroup(
            name=self.feature_group,
            record_identifier_name=self.record_identifier,
            event_time_name=self.event_time,
            features=tuple(self.definition(name) for name in self.features),
            online=self._online(),
            offline=self._offline(),
            throughput=self._throughput(),
            role_arn=self.role_arn or ROLE_ARN,
            description=self.description,
            tags=self.tags,
        )

    def definition(self, name: str) -> FeatureDefinition:
        declared = self.feature(name)
        return FeatureDefinition(name, declared.type, declared.collection, declared.dimension)

    @property
    def online_store(self) -> DeclaredOnlineStore | None:
        if isinstance(self.online, bool):
            return DeclaredOnlineStore() if self.online else None
        return self.online

    @property
    def offline_store(self) -> DeclaredOfflineStore | None:
        if isinstance(self.offline, bool):
            return DeclaredOfflineStore() if self.offline else None
        return self.offline

    def _online(self) -> OnlineStoreConfig | None:
        declared = self.online_store
        if declared is None:
            return None
        return OnlineStoreConfig(
            enabled=True,
            storage_type=declared.storage_type,
            ttl=ttl_duration(declared.ttl),
            kms_key_id=declared.kms_key_id,
        )

    def _offline(self) -> OfflineStoreConfig | None:
        declared = self.offline_store
        if declared is None:
            return None
        catalog = declared.data_catalog
        return OfflineStoreConfig(
            s3_uri=declared.s3_uri or S3_URI,
            kms_key_id=declared.kms_key_id,
            table_format=declared.table_format or TableFormat.GLUE,
            disable_glue_table_creation=declared.disable_glue_table_creation or False,
            data_catalog=DataCatalog(catalog.catalog, catalog.database, catalog.table)
            if catalog
            else None,
        )

    def _throughput(self) -> ThroughputConfig:
        declared = self.throughput or DeclaredThroughput()
        return ThroughputConfig(declared.mode, declared.read_units, declared.write_units)


class DeclaredAlias(_Declared):
    """An alias, and the feature group that it names."""

    alias: str
    feature_group: str


Declared = DeclaredGroup | DeclaredAlias


def declared_name(declared: Declared) -> str:
    """The name that is declared: a feature group and an alias cannot share one, either."""
    return declared.alias if isinstance(declared, DeclaredAlias) else declared.feature_group
