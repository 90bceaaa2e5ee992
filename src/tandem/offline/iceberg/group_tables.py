"""The table of a feature group: found through the catalog, and only where it belongs."""

from collections.abc import Sequence
from pathlib import Path

from pyiceberg.table import Table
from pyiceberg.table.snapshots import Snapshot

from tandem.errors import DataCorrupted
from tandem.model.feature_group import FeatureGroup
from tandem.model.write import LogPart
from tandem.offline.group_folders import GroupFolders
from tandem.offline.iceberg.catalog import TableCatalog
from tandem.offline.iceberg.commit import delivered_positions, last_sequence_number
from tandem.offline.iceberg.file_lists import (
    FileLists,
    PlacedFile,
    entries_in_order,
    files_of_snapshot,
)
from tandem.offline.iceberg.table_schema import PROPERTIES, partition_spec, table_schema


class GroupTables:
    """Tables in the folders of their groups. Safe to use from many threads."""

    def __init__(self, folders: GroupFolders, catalog: TableCatalog) -> None:
        self._folders = folders
        self._catalog = catalog
        self._file_lists = FileLists()
        self._seen: set[str] = set()

    def load(self, group: FeatureGroup) -> Table | None:
        """The group's table; None where there is none yet.

        Raises DataCorrupted where the catalog is older than the table.
        """
        location = self._catalog.metadata_location(group.group_id)
        if location is None or group.group_id not in self._seen:
            self._refuse_older_catalog(group, location)
        if location is None:
            return None
        self._seen.add(group.group_id)
        return self._catalog.load(group.group_id)

    def files(self, group: FeatureGroup, table: Table) -> tuple[str, ...]:
        """Full paths of the table's data files."""
        return self._file_lists.files(group.group_id, table)

    def files_of_snapshot(
        self, group: FeatureGroup, table: Table, snapshot: Snapshot
    ) -> tuple[str, ...]:
        """Full paths of the data files of one of the table's snapshots."""
        return files_of_snapshot(group.group_id, table, snapshot)

    def files_of_all_versions(self, group: FeatureGroup, table: Table) -> set[Path]:
        """The data files of all of the table's snapshots."""
        return {
            Path(path)
            for snapshot in table.metadata.snapshots
            for path in self.files_of_snapshot(group, table, snapshot)
        }

    def placed_files(self, group: FeatureGroup, table: Table) -> list[PlacedFile]:
        """The data files of the table's newest version with all that it notes of them, in order."""
        found = entries_in_order(group.group_id, table, table.current_snapshot())
        return [PlacedFile(*pair) for pair in found]

    def create(self, group: FeatureGroup, entries: Sequence[LogPart]) -> Table:
        folder = self._folders.of(group).path
        # The catalog may name the table's first version once it is there, so its folder is first.
        self._folders.make_durable(folder / "metadata")
        schema = table_schema(group)
        return self._catalog.create(
            group.group_id,
            schema,
            self._catalog.location_of(folder),
            partition_spec(group, schema, entries),
            {**PROPERTIES, "tandem.feature-group": group.name},
        )

    def _refuse_older_catalog(self, group: FeatureGroup, location: str | None) -> None:
        """Raises DataCorrupted where the catalog is older than the table: a copy from before.

        Its version, or a new table, would be without rows that the log has no more. A crash leaves
        one version at most that the catalog does not know.
        """
        known = -1 if location is None else _version(Path(location))
        folder = self._folders.of(group).path / "metadata"
        later = [path for path in folder.glob("*.metadata.json") if _version(path) > known + 1]
        # Other programs may leave files there that were never a version, or are no metadata.
        ahead = [path for path in later if self._is_ahead(group, path)]
        # Others may have committed since the catalog was asked.
        if ahead and self._catalog.metadata_location(group.group_id) == location:
            raise DataCorrupted(
                f"the Iceberg catalog is older than the table of feature group {group.name!r},"
                f" which has come to {max(ahead, key=_version)}: restore both from one backup"
            )

    def _is_ahead(self, group: FeatureGroup, path: Path) -> bool:
        """Whether a metadata file has rows or positions that the catalog's version lacks."""
        found = self._catalog.read(self._catalog.location_of(path))
        current = self._catalog.load(group.group_id)
        if found is None or current is None:
            return found is not None
        if found.table_uuid != current.metadata.table_uuid:
            return False
        reached = delivered_positions(current.metadata)
        return last_sequence_number(found) > last_sequence_number(current.metadata) or any(
            position > reached.get(partition, 0)
            for partition, position in delivered_positions(found).items()
        )


def _version(metadata: Path) -> int:
    """The number of a table's version, with which the name of its file begins."""
    digits = metadata.name.partition("-")[0]
    return int(digits) if digits.isdecimal() else -1
