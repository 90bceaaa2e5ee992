"""Feature groups of a store in this process: the library straight over the services."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from tandem.assembly.core import Core
from tandem.model.changes import GroupUpdate, MetadataUpdate
from tandem.model.described_feature import retired_features
from tandem.model.feature_group import FeatureGroup, FeatureMetadata
from tandem.model.search_document import parse_expression
from tandem.sdk.control_plane import (
    FeatureControl,
    FoundFeature,
    GroupControl,
    RetiredFeature,
    TagControl,
)
from tandem.service.cloning import CloneRequest
from tandem.service.group_creation import NewFeatureGroup
from tandem.service.search import SearchQuery


class EmbeddedGroups(GroupControl):
    def __init__(self, core: Core) -> None:
        self._core = core

    def create(self, new: NewFeatureGroup) -> FeatureGroup:
        return _as_described(self._core.groups.create(new))

    def describe(self, name: str) -> FeatureGroup:
        return _as_described(self._core.groups.describe(name))

    def update(self, name: str, update: GroupUpdate) -> FeatureGroup:
        return _as_described(self._core.updates.update(name, update))

    def delete(self, name: str) -> None:
        self._core.groups.delete(name)

    def search(self, expression: Mapping[str, Any]) -> Sequence[FeatureGroup]:
        found = self._core.search.feature_groups(_query(expression))
        return [replace(_as_described(group), tags=group.tags) for group in found.hits]

    def clone(self, request: CloneRequest) -> FeatureGroup:
        return _as_described(self._core.cloning.clone(request).group)

    def aliases(self) -> Mapping[str, str]:
        return self._core.aliases.all()

    def set_alias(self, alias: str, group_name: str | None) -> None:
        if group_name is None:
            self._core.aliases.remove(alias)
        else:
            self._core.aliases.set(alias, group_name)


class EmbeddedFeatures(FeatureControl):
    def __init__(self, core: Core) -> None:
        self._core = core

    def search(self, expression: Mapping[str, Any]) -> Sequence[FoundFeature]:
        found = self._core.search.features(_query(expression))
        return [
            FoundFeature(
                feature.group.name, feature.name, feature.definition.type, feature.metadata
            )
            for feature in found.hits
        ]

    def describe(self, group_name: str, feature: str) -> FeatureMetadata:
        return self._core.updates.describe_feature(group_name, feature).metadata

    def update(self, group_name: str, feature: str, update: MetadataUpdate) -> None:
        self._core.updates.update_feature(group_name, feature, update)

    def retired(self, group_name: str) -> Sequence[RetiredFeature]:
        found = retired_features(self._core.groups.describe(group_name))
        return [RetiredFeature(one.definition, one.metadata) for one in found]

    def retire(self, group_name: str, feature: str) -> None:
        self._core.updates.retire_feature(group_name, feature)

    def restore(self, group_name: str, feature: str) -> None:
        self._core.updates.restore_feature(group_name, feature)


class EmbeddedTags(TagControl):
    def __init__(self, core: Core) -> None:
        self._core = core

    def all(self, group_name: str) -> Mapping[str, str]:
        return self._core.groups.describe(group_name).tags

    def add(self, group_name: str, tags: Mapping[str, str]) -> None:
        self._core.updates.tag(group_name, tags)

    def remove(self, group_name: str, keys: Sequence[str]) -> None:
        self._core.updates.untag(group_name, keys)


def _as_described(group: FeatureGroup) -> FeatureGroup:
    # What a server tells of a group, so that a program sees the same wherever its store runs.
    features = tuple(replace(feature, added_at_us=None) for feature in group.current_features)
    group_id = group.group_id if group.offline is not None else ""
    return replace(group, group_id=group_id, features=features, tags={}, metadata={}, revision=1)


def _query(expression: Mapping[str, Any]) -> SearchQuery:
    return SearchQuery(
        expression=parse_expression(expression) if expression else None,
        sort_by="FeatureGroupName",
        descending=False,
    )
