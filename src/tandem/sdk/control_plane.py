"""What the library needs of a store's feature groups, wherever the store runs."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from tandem.model.changes import GroupUpdate, MetadataUpdate
from tandem.model.feature_group import (
    FeatureDefinition,
    FeatureGroup,
    FeatureMetadata,
    FeatureType,
)
from tandem.service.cloning import CloneRequest
from tandem.service.feature_groups import NewFeatureGroup


class FoundFeature(NamedTuple):
    """A feature that a search found, and what is said of it."""

    group_name: str
    name: str
    type: FeatureType
    metadata: FeatureMetadata


class ControlPlane(ABC):
    """Feature groups of a store in this process or behind HTTP. Raises `tandem.errors`."""

    @abstractmethod
    def create(self, new: NewFeatureGroup) -> FeatureGroup: ...

    @abstractmethod
    def describe(self, name: str) -> FeatureGroup:
        """The group of this name or alias."""

    @abstractmethod
    def update(self, name: str, update: GroupUpdate) -> FeatureGroup: ...

    @abstractmethod
    def delete(self, name: str) -> None: ...

    @abstractmethod
    def search_groups(self, expression: Mapping[str, Any]) -> Sequence[FeatureGroup]:
        """The groups that fit AWS's SearchExpression (an empty one: all), with their tags, by
        name.
        """

    @abstractmethod
    def search_features(self, expression: Mapping[str, Any]) -> Sequence[FoundFeature]:
        """The features that fit, by group and name."""

    @abstractmethod
    def tags(self, name: str) -> Mapping[str, str]: ...

    @abstractmethod
    def tag(self, name: str, tags: Mapping[str, str]) -> None: ...

    @abstractmethod
    def untag(self, name: str, keys: Sequence[str]) -> None: ...

    @abstractmethod
    def describe_feature(self, name: str, feature: str) -> FeatureMetadata: ...

    @abstractmethod
    def update_feature(self, name: str, feature: str, update: MetadataUpdate) -> None: ...

    @abstractmethod
    def retired_features(self, name: str) -> Sequence[FeatureDefinition]: ...

    @abstractmethod
    def retire_feature(self, name: str, feature: str) -> None: ...

    @abstractmethod
    def restore_feature(self, name: str, feature: str) -> None: ...

    @abstractmethod
    def clone(self, request: CloneRequest) -> FeatureGroup: ...

    @abstractmethod
    def aliases(self) -> Mapping[str, str]:
        """The feature group's name by alias."""

    @abstractmethod
    def set_alias(self, alias: str, group_name: str | None) -> None:
        """Lets an alias name a group; None removes it."""
