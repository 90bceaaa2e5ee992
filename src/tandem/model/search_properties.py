"""What feature groups and features can be searched by: the properties, their kinds, their values.

A property's value is what an answer of Search shows under its name, except that times are whole
microseconds. A value of None means that the entity lacks the property; a list lacks it when empty.

`Tags.<key>` of a group and `Parameters.<key>` of a feature are properties too, whatever the key.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from itertools import chain
from operator import attrgetter
from typing import Any, Generic, TypeVar

from tandem.errors import ValidationError
from tandem.model.described_feature import DescribedFeature
from tandem.model.feature_group import FeatureGroup
from tandem.model.search import SearchResource

Entity = TypeVar("Entity")

LAST_MODIFIED_TIME = "LastModifiedTime"
"""What results are sorted by unless the caller says otherwise."""


class PropertyKind(StrEnum):
    """What a property holds; decides which operators fit."""

    TEXT = "a text"
    TEXTS = "a list of texts"
    NUMBER = "a number"
    TIME = "a timestamp"
    BOOLEAN = "a Boolean"


@dataclass(frozen=True, slots=True)
class Property(Generic[Entity]):
    """One property: what it is called, what it holds, and how it is read off an entity.

    key   of the tag or parameter that is meant; `read` gives all of them then
    """

    name: str
    kind: PropertyKind
    read: Callable[[Entity], Any]
    key: str | None = None

    def value(self, entity: Entity) -> Any:
        found = self.read(entity)
        return found if self.key is None else found.get(self.key)


@dataclass(frozen=True, slots=True)
class Properties(Generic[Entity]):
    """All properties of one resource.

    fixed      by name
    tags       the tags that decide who sees the entity
    identity   names that tell entities apart and order those that are otherwise equal
    labels     the tags or parameters that filters name by key; None: the entity has none
    nested     by the name of a list, the properties of its members
    """

    resource: SearchResource
    fixed: Mapping[str, Property[Entity]]
    tags: Property[Entity]
    identity: Callable[[Entity], tuple[str, ...]]
    labels: Property[Entity] | None = None
    nested: Mapping[str, "Properties[Any]"] = field(default_factory=dict)

    def find(self, member: str, name: str) -> Property[Entity]:
        """The property that `member` of a request names. Raises ValidationError."""
        found = self.fixed.get(name)
        if found is not None:
            return found
        labels = self.labels
        if labels is not None:
            prefix, key = f"{labels.name}.", name[len(labels.name) + 1 :]
            if key and name.startswith(prefix):
                return replace(labels, name=name, key=key)
        raise ValidationError(
            f"{member} {name[:64]!r} is not a property of {self.resource}:"
            f" use {', '.join(self.choices())}"
        )

    def choices(self) -> Sequence[str]:
        """The names there are, with a stand-in for those that end in a key."""
        label = [] if self.labels is None else [f"{self.labels.name}.<key>"]
        return [*self.fixed, *label]


def group_properties(arn_prefix: str) -> Properties[FeatureGroup]:
    """What feature groups are searched by. `arn_prefix` and the group's name make its ARN."""
    return Properties(
        resource=SearchResource.FEATURE_GROUP,
        fixed=_by_name(
            _text("FeatureGroupName", attrgetter("name")),
            _text("FeatureGroupArn", lambda group: arn_prefix + group.name),
            _text("FeatureGroupStatus", attrgetter("status")),
            _time("CreationTime", attrgetter("created_at_us")),
            _time(LAST_MODIFIED_TIME, attrgetter("modified_at_us")),
            _text("Description", attrgetter("description")),
            _text("RecordIdentifierFeatureName", attrgetter("record_identifier_name")),
            _text("EventTimeFeatureName", attrgetter("event_time_name")),
            _text("RoleArn", attrgetter("role_arn")),
            _text("FailureReason", attrgetter("failure_reason")),
            _text("OfflineStoreStatus", attrgetter("offline_store_status")),
            _text("OfflineStoreStatus.Status", attrgetter("offline_store_status")),
            _text("LastUpdateStatus", attrgetter("last_update_status")),
            _text("LastUpdateStatus.Status", attrgetter("last_update_status")),
            *_online_properties(),
            *_offline_properties(),
            _text("ThroughputConfig.ThroughputMode", attrgetter("throughput.mode")),
            _number(
                "ThroughputConfig.ProvisionedReadCapacityUnits", attrgetter("throughput.read_units")
            ),
            _number(
                "ThroughputConfig.ProvisionedWriteCapacityUnits",
                attrgetter("throughput.write_units"),
            ),
            *_definition_lists(),
            _texts("AllTags", lambda group: tuple(chain.from_iterable(group.tags.items()))),
        ),
        tags=_text("Tags", attrgetter("tags")),
        identity=lambda group: (group.name,),
        labels=_text("Tags", attrgetter("tags")),
        nested={"FeatureDefinitions": _nested_definitions()},
    )


def feature_properties(arn_prefix: str) -> Properties[DescribedFeature]:
    """What features are searched by."""
    return Properties(
        resource=SearchResource.FEATURE_METADATA,
        fixed=_by_name(
            _text("FeatureGroupName", attrgetter("group.name")),
            _text("FeatureGroupArn", lambda feature: arn_prefix + feature.group.name),
            _text("FeatureName", attrgetter("definition.name")),
            _text("FeatureType", attrgetter("definition.type")),
            _text("Description", attrgetter("metadata.description")),
            _time("CreationTime", attrgetter("created_at_us")),
            _time(LAST_MODIFIED_TIME, attrgetter("metadata.modified_at_us")),
            _texts(
                "AllParameters",
                lambda feature: tuple(chain.from_iterable(feature.metadata.parameters.items())),
            ),
        ),
        # Who may not see a group shall not see what it is made of.
        tags=_text("Tags", attrgetter("group.tags")),
        identity=attrgetter("group.name", "definition.name"),
        labels=_text("Parameters", attrgetter("metadata.parameters")),
    )


def _online_properties() -> list[Property[FeatureGroup]]:
    name = "OnlineStoreConfig"
    return [
        Property(f"{name}.EnableOnlineStore", PropertyKind.BOOLEAN, _of("online", "enabled")),
        _text(f"{name}.StorageType", _of("online", "storage_type")),
        _text(f"{name}.TtlDuration.Unit", _of("default_ttl", "unit")),
        _number(f"{name}.TtlDuration.Value", _of("default_ttl", "value")),
        _text(f"{name}.SecurityConfig.KmsKeyId", _of("online", "kms_key_id")),
    ]


def _offline_properties() -> list[Property[FeatureGroup]]:
    name = "OfflineStoreConfig"
    return [
        _text(f"{name}.S3StorageConfig.S3Uri", _of("offline", "s3_uri")),
        _text(f"{name}.S3StorageConfig.ResolvedOutputS3Uri", _of("offline", "resolved_uri")),
        _text(f"{name}.S3StorageConfig.KmsKeyId", _of("offline", "kms_key_id")),
        _text(f"{name}.TableFormat", _of("offline", "table_format")),
        Property(
            f"{name}.DisableGlueTableCreation",
            PropertyKind.BOOLEAN,
            _of("offline", "disable_glue_table_creation"),
        ),
        _text(f"{name}.DataCatalogConfig.TableName", _of("offline", "data_catalog", "table")),
        _text(f"{name}.DataCatalogConfig.Database", _of("offline", "data_catalog", "database")),
        _text(f"{name}.DataCatalogConfig.Catalog", _of("offline", "data_catalog", "catalog")),
    ]


def _definition_lists() -> list[Property[FeatureGroup]]:
    """Lists over the features of a group; the list as such stands for its features' names."""

    def read(attribute: str) -> Callable[[FeatureGroup], tuple[str, ...]]:
        value = attrgetter(attribute)
        return lambda group: tuple(
            found for one in group.current_features if (found := value(one)) is not None
        )

    return [
        _texts("FeatureDefinitions", read("name")),
        _texts("FeatureDefinitions.FeatureName", read("name")),
        _texts("FeatureDefinitions.FeatureType", read("type")),
        _texts("FeatureDefinitions.CollectionType", read("collection")),
    ]


def _nested_definitions() -> Properties[DescribedFeature]:
    """The properties of one feature definition, for nested filters."""
    return Properties(
        resource=SearchResource.FEATURE_GROUP,
        fixed=_by_name(
            _text("FeatureDefinitions.FeatureName", attrgetter("definition.name")),
            _text("FeatureDefinitions.FeatureType", attrgetter("definition.type")),
            _text("FeatureDefinitions.CollectionType", attrgetter("definition.collection")),
        ),
        tags=_text("Tags", attrgetter("group.tags")),
        identity=attrgetter("group.name", "definition.name"),
    )


def _of(*path: str) -> Callable[[Any], Any]:
    """Reads attributes one after the other; None as soon as there is nothing."""

    def read(value: Any) -> Any:
        for attribute in path:
            if value is None:
                return None
            value = getattr(value, attribute)
        return value

    return read


def _by_name(*properties: Property[Entity]) -> Mapping[str, Property[Entity]]:
    return {one.name: one for one in properties}


def _text(name: str, read: Callable[[Any], Any]) -> Property[Any]:
    return Property(name, PropertyKind.TEXT, read)


def _texts(name: str, read: Callable[[Any], Any]) -> Property[Any]:
    return Property(name, PropertyKind.TEXTS, read)


def _number(name: str, read: Callable[[Any], Any]) -> Property[Any]:
    return Property(name, PropertyKind.NUMBER, read)


def _time(name: str, read: Callable[[Any], Any]) -> Property[Any]:
    return Property(name, PropertyKind.TIME, read)
