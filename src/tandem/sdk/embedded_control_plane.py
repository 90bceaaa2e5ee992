"""Feature groups of a store in this process: the library straight over the services."""

from collections.abc import Mapping, Sequence
from typing import Any

from tandem.assembly.core import Core
from tandem.model.changes import GroupUpdate, MetadataUpdate
from tandem.model.feature_group import FeatureDefinition, FeatureGroup, FeatureMetadata
from tandem.sdk.control_plane import ControlPlane, FoundFeature
from tandem.service.cloning import CloneRequest
from tandem.service.feature_groups import NewFeatureGroup


class EmbeddedControlPlane(ControlPlane):
    def __init__(self, core: Core) -> None:
        self._core = core

    def create(self, new: NewFeatureGroup) -> FeatureGroup:
        return self._core.groups.create(new)

    def describe(self, name: str) -> FeatureGroup:
        return self._core.groups.describe(name).for_readers

    def update(self, name: str, update: GroupUpdate) -> FeatureGroup:
        return self._core.updates.update(name, update).for_readers

    def delete(self, name: str) -> None:
        self._core.groups.delete(name)

    def search_groups(self, expression: Mapping[str, Any]) -> Sequence[FeatureGroup]:
        raise NotImplementedError

    def search_features(self, expression: Mapping[str, Any]) -> Sequence[FoundFeature]:
        raise NotImplementedError

    def tags(self, name: str) -> Mapping[str, str]:
        return self._core.groups.describe(name).tags

    def tag(self, name: str, tags: Mapping[str, str]) -> None:
        self._core.updates.tag(name, tags)

    def untag(self, name: str, keys: Sequence[str]) -> None:
        self._core.updates.untag(name, keys)

    def describe_feature(self, name: str, feature: str) -> FeatureMetadata:
        return self._core.updates.describe_feature(name, feature).metadata

    def update_feature(self, name: str, feature: str, update: MetadataUpdate) -> None:
        self._core.updates.update_feature(name, feature, update)

    def retired_features(self, name: str) -> Sequence[FeatureDefinition]:
        features = self._core.groups.describe(name).features
        return [feature for feature in features if feature.retired_at_us is not None]

    def retire_feature(self, name: str, feature: str) -> None:
        self._core.updates.retire_feature(name, feature)

    def restore_feature(self, name: str, feature: str) -> None:
        self._core.updates.restore_feature(name, feature)

    def clone(self, request: CloneRequest) -> FeatureGroup:
        return self._core.cloning.clone(request).group

    def aliases(self) -> Mapping[str, str]:
        return self._core.aliases.all()

    def set_alias(self, alias: str, group_name: str | None) -> None:
        if group_name is None:
            self._core.aliases.remove(alias)
        else:
            self._core.aliases.set(alias, group_name)
