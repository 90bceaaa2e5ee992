"""Listings of feature groups: which ones, and in which order."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from tandem.model.feature_group import FeatureGroup, FeatureGroupStatus, OfflineStoreStatus


class SortGroupsBy(StrEnum):
    NAME = "Name"
    STATUS = "FeatureGroupStatus"
    OFFLINE_STORE_STATUS = "OfflineStoreStatus"
    CREATION_TIME = "CreationTime"


@dataclass(frozen=True, kw_only=True)
class GroupFilter:
    """Which groups a listing holds, and in which order. A bound of None lets all pass."""

    name_contains: str | None = None
    status: FeatureGroupStatus | None = None
    offline_store_status: OfflineStoreStatus | None = None
    created_after_us: int | None = None
    created_before_us: int | None = None
    sort_by: SortGroupsBy = SortGroupsBy.CREATION_TIME
    descending: bool = False


def listed(groups: Iterable[FeatureGroup], wanted: GroupFilter) -> Sequence[FeatureGroup]:
    """The groups that pass the filter, sorted; equal ones stay in the order they come in."""
    found = [group for group in groups if _passes(group, wanted)]
    found.sort(key=lambda group: sort_key(group, wanted.sort_by), reverse=wanted.descending)
    return found


def sort_key(group: FeatureGroup, sort_by: SortGroupsBy) -> str | int:
    """What a listing sorted by `sort_by` compares of a group."""
    values: Mapping[SortGroupsBy, str | int] = {
        SortGroupsBy.NAME: group.name,
        SortGroupsBy.STATUS: group.status.value,
        SortGroupsBy.OFFLINE_STORE_STATUS: group.offline_store_status or "",
        SortGroupsBy.CREATION_TIME: group.created_at_us,
    }
    return values[sort_by]


def _passes(group: FeatureGroup, wanted: GroupFilter) -> bool:
    after, before = wanted.created_after_us, wanted.created_before_us
    return (
        (wanted.name_contains is None or wanted.name_contains in group.name)
        and (wanted.status is None or group.status is wanted.status)
        and wanted.offline_store_status in (None, group.offline_store_status)
        and (after is None or group.created_at_us > after)
        and (before is None or group.created_at_us < before)
    )
