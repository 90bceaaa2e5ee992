"""A feature with its group and what is said of it: what describing and searching give back."""

from dataclasses import dataclass, replace
from operator import attrgetter

from tandem.model.feature_group import FeatureDefinition, FeatureGroup, FeatureMetadata


@dataclass(frozen=True, slots=True)
class DescribedFeature:
    """A feature of a group.

    metadata   with the time of creation as the time of change where nothing was ever said; never
               an earlier one, since a clock may step back but nothing changes before it exists
    """

    group: FeatureGroup
    definition: FeatureDefinition
    metadata: FeatureMetadata

    @property
    def name(self) -> str:
        return self.definition.name

    @property
    def created_at_us(self) -> int:
        return _created_at_us(self.group, self.definition)


def described_feature(group: FeatureGroup, name: str) -> DescribedFeature | None:
    """The feature of this name; None where the group has none, or it is retired."""
    feature = group.features_by_name.get(name)
    if feature is None or feature.retired_at_us is not None:
        return None
    return _described(group, feature, {})


def described_features(group: FeatureGroup) -> tuple[DescribedFeature, ...]:
    """The features of a group that are not retired, by name."""
    unsaid: dict[int, FeatureMetadata] = {}
    by_name = sorted(group.current_features, key=attrgetter("name"))
    return tuple(_described(group, feature, unsaid) for feature in by_name)


def retired_features(group: FeatureGroup) -> tuple[DescribedFeature, ...]:
    """The features of a group that are retired, in the order of its definition."""
    retired = (feature for feature in group.features if feature.retired_at_us is not None)
    return tuple(_described(group, feature, {}) for feature in retired)


def _described(
    group: FeatureGroup, feature: FeatureDefinition, unsaid: dict[int, FeatureMetadata]
) -> DescribedFeature:
    """`unsaid` are the metadata of features of which nothing is said, by their time of creation:
    most features are such, and most were made together, so one value serves them all.
    """
    created_at_us = _created_at_us(group, feature)
    metadata = group.metadata.get(feature.name)
    if metadata is None:
        metadata = unsaid.setdefault(created_at_us, FeatureMetadata(modified_at_us=created_at_us))
    elif metadata.modified_at_us < created_at_us:
        metadata = replace(metadata, modified_at_us=created_at_us)
    return DescribedFeature(group, feature, metadata)


def _created_at_us(group: FeatureGroup, feature: FeatureDefinition) -> int:
    return feature.added_at_us or group.created_at_us
