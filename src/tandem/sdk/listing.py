"""What a listing or a search has found, shown as a table."""

from collections.abc import Mapping, Sequence
from typing import Any

from tandem.model.feature_group import FeatureGroup
from tandem.sdk.control_plane import FoundFeature
from tandem.sdk.group import FeatureGroupHandle
from tandem.sdk.shown_items import Listing
from tandem.sdk.tables import moment


class GroupList(Listing[FeatureGroupHandle]):
    """Feature groups."""

    columns = (
        *("name", "status", "stores", "features", "record_identifier", "event_time"),
        *("tags", "created"),
    )

    def __init__(
        self, groups: Sequence[FeatureGroupHandle], tags: Sequence[Mapping[str, str]]
    ) -> None:
        pairs = zip(groups, tags, strict=True)
        super().__init__(groups, [group_summary(group.definition, one) for group, one in pairs])

    @property
    def names(self) -> list[str]:
        return [group.name for group in self]


class FeatureList(Listing[FoundFeature]):
    """Features, with what is said of them."""

    columns = ("feature_group", "feature", "type", "description", "parameters")

    def __init__(self, features: Sequence[FoundFeature]) -> None:
        super().__init__(features, [_feature_row(feature) for feature in features])


def group_summary(group: FeatureGroup, tags: Mapping[str, str]) -> dict[str, Any]:
    """A group in one row."""
    return {
        "name": group.name,
        "status": group.status.value,
        "stores": group.stores.names(),
        "features": len(group.current_features),
        "record_identifier": group.record_identifier_name,
        "event_time": group.event_time_name,
        "tags": dict(tags),
        "created": moment(group.created_at_us),
    }


def _feature_row(feature: FoundFeature) -> dict[str, Any]:
    return {
        "feature_group": feature.group_name,
        "feature": feature.name,
        "type": feature.type.value,
        "description": feature.metadata.description,
        "parameters": dict(feature.metadata.parameters),
    }
