"""What the library needs of a store's feature groups, wherever the store runs.

Three seams, by what they are about: groups and their aliases, features, tags. Where something is
read, a name may be an alias. All raise `tandem.errors`.
"""

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
from tandem.service.group_creation import NewFeatureGroup


class FoundFeature(NamedTuple):
    """A feature that a search found, and what is said of it."""

    group_name: str
    name: str
    type: FeatureType
    metadata: FeatureMetadata


class RetiredFeature(NamedTuple):
    """A feature that is hidden, and what is said of it all the same."""

    definition: FeatureDefinition
    metadata: FeatureMetadata


class GroupControl(ABC):
    """Feature groups, without their retired features, and aliases."""

    @abstractmethod
    def create(self, new: NewFeatureGroup) -> FeatureGroup: ...

    @abstractmethod
    def describe(self, name: str) -> FeatureGroup:
        """What DescribeFeatureGroup tells: no tags, nothing of what is said of features, and an id
        where a history has it in its place, else an empty one.
        """

    @abstractmethod
    def update(self, name: str, update: GroupUpdate) -> FeatureGroup: ...

    @abstractmethod
    def delete(self, name: str) -> None: ...

    @abstractmethod
    def search(self, expression: Mapping[str, Any]) -> Sequence[FeatureGroup]:
        """The groups that fit AWS's SearchExpression (an empty one: all), with their tags, by
        name.
        """

    @abstractmethod
    def clone(self, request: CloneRequest) -> FeatureGroup: ...

    @abstractmethod
    def aliases(self) -> Mapping[str, str]:
        """The feature group's name by alias."""

    @abstractmethod
    def set_alias(self, alias: str, group_name: str | None) -> None:
        """Lets an alias name a group; None removes it."""


class FeatureControl(ABC):
    """Features of feature groups, and what is said of them."""

    @abstractmethod
    def search(self, expression: Mapping[str, Any]) -> Sequence[FoundFeature]:
        """The features that fit AWS's SearchExpression, by group and name."""

    @abstractmethod
    def describe(self, group_name: str, feature: str) -> FeatureMetadata: ...

    @abstractmethod
    def update(self, group_name: str, feature: str, update: MetadataUpdate) -> None: ...

    @abstractmethod
    def retired(self, group_name: str) -> Sequence[RetiredFeature]: ...

    @abstractmethod
    def retire(self, group_name: str, feature: str) -> None: ...

    @abstractmethod
    def restore(self, group_name: str, feature: str) -> None: ...


class TagControl(ABC):
    """Tags of feature groups."""

    @abstractmethod
    def all(self, group_name: str) -> Mapping[str, str]: ...

    @abstractmethod
    def add(self, group_name: str, tags: Mapping[str, str]) -> None: ...

    @abstractmethod
    def remove(self, group_name: str, keys: Sequence[str]) -> None: ...
