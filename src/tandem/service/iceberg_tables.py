"""What SQL does with a feature group's Iceberg table beside reading its newest rows.

Older versions are those of the table: rows that wait in the log for their delivery belong to none.
Groups in other table formats have no versions, and are refused by name.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import pyarrow as pa

from tandem.errors import QueryFailed
from tandem.model.feature_group import FeatureGroup
from tandem.model.history import AsOf, MetadataTable
from tandem.offline.base import OfflineStore, VersionedHistory
from tandem.query.base import HistoryTable


class IcebergTables:
    """Every call raises QueryFailed where the group has no Iceberg table."""

    def __init__(self, offline: OfflineStore) -> None:
        self._offline = offline

    def as_of(self, group: FeatureGroup, wanted: AsOf) -> HistoryTable:
        """The history in an older version, with the features that the table had then.

        Raises QueryFailed where there is no such version (any more).
        """
        version = self._versions(group).as_of(group, wanted)
        readers = group.for_readers
        features = tuple(one for one in readers.features if one.name in version.columns)
        return HistoryTable(replace(readers, features=features), version.snapshot)

    def metadata(self, group: FeatureGroup, name: str) -> pa.Table:
        """The table about the table that is called `"t$name"`. Raises QueryFailed where none is."""
        versions = self._versions(group)
        if name.lower() not in list(MetadataTable):
            raise QueryFailed(
                f'there is no table "{group.name}${name[:64]}": what comes behind "$" is one of'
                f" {[str(known) for known in MetadataTable]}"
            )
        return versions.metadata(group, MetadataTable(name.lower()))

    def properties(self, group: FeatureGroup) -> Mapping[str, str]:
        """The table's properties; none before its first delivery."""
        return self._versions(group).properties(group)

    def change_properties(
        self, group: FeatureGroup, changes: Mapping[str, str], removals: Sequence[str] = ()
    ) -> None:
        """ALTER TABLE SET and UNSET TBLPROPERTIES. Raises ValidationError where one cannot be
        changed, or has a value that it cannot have.
        """
        self._versions(group).change_properties(group, changes, removals)

    def _versions(self, group: FeatureGroup) -> VersionedHistory:
        versions = self._offline.versions(group)
        if versions is None:
            assert group.offline is not None
            raise QueryFailed(
                f"feature group {group.name!r} has TableFormat"
                f" {str(group.offline.table_format)!r}, which has no versions and whose rows cannot"
                " be rewritten: only groups with TableFormat 'Iceberg' have and can"
            )
        return versions
