"""Changes of a feature group: its stores and features, its tags, and what is said of features.

Each is one compare-and-set of the definition; what may change is said in `model/changes`. All raise
ResourceNotFound, ValidationError, and ConflictError where others change the group all the time.
"""

from collections.abc import Iterable, Mapping

from tandem.errors import ResourceNotFound, ValidationError
from tandem.model import changes
from tandem.model.changes import GroupUpdate, MetadataUpdate
from tandem.model.described_feature import DescribedFeature, described_feature
from tandem.model.feature_group import FeatureGroup, FeatureGroupStatus
from tandem.service.clock import Clock
from tandem.service.feature_groups import FeatureGroups


class FeatureGroupUpdates:
    def __init__(self, groups: FeatureGroups, clock: Clock) -> None:
        self._groups = groups
        self._clock = clock

    def update(self, name: str, update: GroupUpdate) -> FeatureGroup:
        """Adds features, changes the TTL, the online storage or the throughput."""
        return self._groups.change(
            name, lambda group: changes.updated(_created(group), update, self._clock())
        )

    def retire_feature(self, name: str, feature: str) -> FeatureGroup:
        """Hides a feature from readers and refuses it in writes; its history is kept."""
        return self._groups.change(
            name, lambda group: changes.retired(_created(group), feature, self._clock())
        )

    def restore_feature(self, name: str, feature: str) -> FeatureGroup:
        """Takes a retirement back; older values are seen again."""
        return self._groups.change(
            name, lambda group: changes.restored(_created(group), feature, self._clock())
        )

    def tag(self, name: str, tags: Mapping[str, str]) -> FeatureGroup:
        return self._groups.change(name, lambda group: changes.tagged(group, tags))

    def untag(self, name: str, keys: Iterable[str]) -> FeatureGroup:
        removed = list(keys)
        return self._groups.change(name, lambda group: changes.untagged(group, removed))

    def describe_feature(self, name: str, feature: str) -> DescribedFeature:
        """What is known of one feature that is not retired."""
        group = self._groups.describe(name)
        described = described_feature(group, feature)
        if described is None:
            raise ResourceNotFound(
                f"Resource Not Found: feature group {group.name!r} has no feature {feature[:64]!r}"
            )
        return described

    def update_feature(self, name: str, feature: str, update: MetadataUpdate) -> FeatureGroup:
        """Changes a feature's description and parameters."""
        return self._groups.change(
            name, lambda group: changes.described(group, feature, update, self._clock())
        )


def _created(group: FeatureGroup) -> FeatureGroup:
    if group.status is FeatureGroupStatus.CREATE_FAILED:
        raise ValidationError(
            f"feature group {group.name!r} is in status {group.status}: {group.failure_reason}"
        )
    if group.status is not FeatureGroupStatus.CREATED:
        raise ValidationError(
            f"feature group {group.name!r} is in status {group.status}: wait until it is Created"
        )
    return group
