"""The files of a group's history, for programs that read them without Tandem."""

from dataclasses import dataclass

from tandem.errors import ValidationError
from tandem.model.feature_group import FeatureGroup
from tandem.offline.base import OfflineStore
from tandem.service.delivery import Delivery
from tandem.service.feature_groups import FeatureGroups

_SCHEME = "s3://"


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryFiles:
    """A group's history at one moment, all of it.

    uris              `s3://` URIs of the Parquet files, in the order in which their rows were
                      written
    iceberg_metadata  the metadata file of the table's version; None where it is no Iceberg table
    """

    uris: tuple[str, ...]
    iceberg_metadata: str | None = None


class HistoryFileLists:
    def __init__(self, groups: FeatureGroups, offline: OfflineStore, delivery: Delivery) -> None:
        self._groups = groups
        self._offline = offline
        self._delivery = delivery

    def of(self, group_name: str) -> HistoryFiles:
        """The files, once everything that was written before the call is delivered into them.

        Raises ResourceNotFound, ValidationError where the group's history is not in files, and
        StoreUnavailable where it cannot be written.
        """
        group = self._groups.find_for_reading(group_name)
        snapshot = self._offline.snapshot(group)  # raises where there is no offline store
        self._delivery.deliver_group(group)
        # Before the files: a version that is newer than the files would have more rows.
        shared = self._offline.shared(group)
        metadata = None if shared is None else shared.metadata_location(group)
        snapshot = self._offline.snapshot(group)
        if snapshot.entries:
            raise ValidationError(
                f"the history of feature group {group.name!r} is in memory, not in files: use"
                " offline_store 'files'"
            )
        return HistoryFiles(
            uris=tuple(_uri(group, path) for path in snapshot.files),
            iceberg_metadata=metadata,
        )


def _uri(group: FeatureGroup, path: str) -> str:
    """The URI of a file, whose path ends with the place of its group's folder and its own in it."""
    assert group.offline is not None
    place = group.offline.resolved_uri.removeprefix(_SCHEME).rstrip("/").rpartition("/")[0]
    return _SCHEME + path[path.rindex(f"/{place}/") + 1 :]
