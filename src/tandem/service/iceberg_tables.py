"""What SQL does with a feature group's Iceberg table beside reading its newest rows.

Older versions are those of the table: rows that wait in the log for their delivery belong to none.
Groups in other table formats have no versions, and are refused by name.
"""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import NoReturn

import pyarrow as pa

from tandem.errors import QueryFailed
from tandem.model.feature_group import FeatureGroup
from tandem.model.history import AsOf, Compaction, HistorySnapshot, MetadataTable, Vacuumed
from tandem.offline.base import OfflineStore, RowNumbers, VersionedHistory
from tandem.query.base import POSITION_ROW_BITS, HistoryTable
from tandem.service.delivery import Delivery

POSITION = "row position"
"""The column with the position of a row. No feature has a space in its name."""


class IcebergTables:
    """Every call raises QueryFailed where the group has no Iceberg table."""

    def __init__(self, offline: OfflineStore, delivery: Delivery) -> None:
        self._offline = offline
        self._delivery = delivery

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

    def delete(
        self, group: FeatureGroup, positions: Callable[[HistoryTable], pa.ChunkedArray]
    ) -> int:
        """DELETE: removes rows from the history; returns how many.

        `positions` gives the positions (`HistoryTable.position`) of the rows that go. It is asked
        for the history after all that was written before the call is delivered, and again where
        something else has changed the table meanwhile. Rows that come later stay.
        """
        versions = self._versions(group)
        self._delivery.deliver_group(group)

        def rows(snapshot: HistorySnapshot) -> RowNumbers:
            table = HistoryTable(group.for_readers, snapshot, POSITION)
            return _row_numbers(snapshot, positions(table))

        return versions.delete(group, rows)

    def optimize(
        self,
        group: FeatureGroup,
        positions: Callable[[HistoryTable], pa.ChunkedArray] | None = None,
    ) -> Compaction:
        """OPTIMIZE ... REWRITE DATA USING BIN_PACK: makes few large files of many small ones. With
        `positions` only of those that have one of these rows.
        """
        versions = self._versions(group)
        if positions is None:
            return versions.compact(group)

        def files(snapshot: HistorySnapshot) -> list[str]:
            table = HistoryTable(group.for_readers, snapshot, POSITION)
            return list(_row_numbers(snapshot, positions(table)))

        return versions.compact(group, files)

    def vacuum(self, group: FeatureGroup) -> Vacuumed:
        """VACUUM: forgets old versions, and removes files that no version has."""
        return self._versions(group).vacuum(group)

    def refuse_insert(self, group: FeatureGroup) -> NoReturn:
        """INSERT INTO: raises QueryFailed, since all rows of a group come through its log."""
        raise QueryFailed(
            f"feature group {group.name!r} takes no INSERT: its history follows from the records"
            " that are put, so that both stores have them; use PutRecord, BatchWriteRecord or"
            " ingest"
        )

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


def _row_numbers(snapshot: HistorySnapshot, positions: pa.ChunkedArray) -> RowNumbers:
    numbers: dict[str, list[int]] = defaultdict(list)
    for chunk in positions.chunks:
        for position in chunk.to_pylist():
            file, number = divmod(position, 1 << POSITION_ROW_BITS)
            numbers[snapshot.files[file]].append(number)
    return numbers
