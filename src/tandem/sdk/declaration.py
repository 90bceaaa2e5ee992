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

Every member is in the classes below. A member that none of them knows is refused, so a slip of the
pen does not go unnoticed.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
import yaml

from tandem.errors import ValidationError
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
from tandem.service.feature_groups import NewFeatureGroup

_ENDINGS = (".yaml", ".yml", ".json")


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
    s3_uri: str = S3_URI
    table_format: TableFormat = TableFormat.GLUE
    kms_key_id: str | None = None
    disable_glue_table_creation: bool = False
    data_catalog: DeclaredCatalog | None = None


class DeclaredThroughput(_Declared):
    mode: ThroughputMode = ThroughputMode.ON_DEMAND
    read_units: int | None = None
    write_units: int | None = None


class DeclaredGroup(_Declared):
    """A feature group. Tags of None are left as they are; others are all tags that it has."""

    feature_group: str
    record_identifier: str
    event_time: str
    features: dict[str, FeatureType | DeclaredFeature]
    online: bool | DeclaredOnlineStore = True
    offline: bool | DeclaredOfflineStore = True
    throughput: DeclaredThroughput | None = None
    role_arn: str = ROLE_ARN
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
            role_arn=self.role_arn,
            description=self.description,
            tags=self.tags,
        )

    def definition(self, name: str) -> FeatureDefinition:
        declared = self.feature(name)
        return FeatureDefinition(name, declared.type, declared.collection, declared.dimension)

    def _online(self) -> OnlineStoreConfig | None:
        if not self.online:
            return None
        declared = self.online if not isinstance(self.online, bool) else DeclaredOnlineStore()
        return OnlineStoreConfig(
            enabled=True,
            storage_type=declared.storage_type,
            ttl=ttl_duration(declared.ttl),
            kms_key_id=declared.kms_key_id,
        )

    def _offline(self) -> OfflineStoreConfig | None:
        if not self.offline:
            return None
        declared = self.offline if not isinstance(self.offline, bool) else DeclaredOfflineStore()
        catalog = declared.data_catalog
        return OfflineStoreConfig(
            s3_uri=declared.s3_uri,
            kms_key_id=declared.kms_key_id,
            table_format=declared.table_format,
            disable_glue_table_creation=declared.disable_glue_table_creation,
            data_catalog=None
            if catalog is None
            else DataCatalog(catalog.catalog, catalog.database, catalog.table),
        )

    def _throughput(self) -> ThroughputConfig:
        declared = self.throughput or DeclaredThroughput()
        return ThroughputConfig(declared.mode, declared.read_units, declared.write_units)


class DeclaredAlias(_Declared):
    """An alias, and the feature group that it names."""

    alias: str
    feature_group: str


Declared = DeclaredGroup | DeclaredAlias


def declarations(path: Path) -> Sequence[Declared]:
    """What a file declares, or all files of a folder and its folders, in the order of their names.

    Raises ValidationError that names the file and the member, also where a name is declared twice.
    """
    if not path.exists():
        raise ValidationError(f"there is no file or folder {str(path)!r}")
    files = sorted(_files(path)) if path.is_dir() else [path]
    if not files:
        raise ValidationError(f"the folder {str(path)!r} holds no file that ends in {_ENDINGS}")
    found: dict[tuple[type[Declared], str], Path] = {}
    result: list[Declared] = []
    for file in files:
        for declared in _read(file):
            name = declared.alias if isinstance(declared, DeclaredAlias) else declared.feature_group
            first = found.setdefault((type(declared), name), file)
            if len(found) == len(result):
                raise ValidationError(f"{name!r} is declared twice: in {first} and in {file}")
            result.append(declared)
    return result


def _files(folder: Path) -> Iterator[Path]:
    return (path for path in folder.rglob("*") if path.suffix in _ENDINGS and path.is_file())


def _read(file: Path) -> Iterator[Declared]:
    try:
        documents = list(yaml.safe_load_all(file.read_text(encoding="utf-8")))
    except (OSError, UnicodeDecodeError) as error:
        raise ValidationError(f"{file} cannot be read: {error}") from error
    except yaml.YAMLError as error:
        raise ValidationError(f"{file} is not YAML: {error}") from error
    for document in documents:
        if document is not None:
            yield _declared(document, file)


def _declared(document: Any, file: Path) -> Declared:
    try:
        if isinstance(document, Mapping) and "alias" in document:
            return msgspec.convert(document, DeclaredAlias)
        return msgspec.convert(document, DeclaredGroup)
    except msgspec.ValidationError as error:
        raise ValidationError(f"{file}: {error}") from None
