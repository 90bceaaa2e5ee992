"""Vacuum: old versions are forgotten, and files that no version has are removed.

* Versions go once they are older than `vacuum_max_snapshot_age_seconds`; the newest
  `vacuum_min_snapshots_to_keep` stay, and those that a tag or a branch stands for.
* A data file goes where no version has it, and it has been so for that same time, and for an hour
  at least: a query that began before may still read it, in this process or another. Metadata goes
  after the hour. A file that was replaced has the time of its replacement, and metadata of a
  version that was forgotten the time of that.
* Nobody delivers or rewrites while files are looked for and removed, so none is in the middle of
  becoming part of a version. They wait meanwhile.
* What deletes have taken out of the history is taken out of the archive (`erasures`), whatever its
  age: nobody reads older versions of it.
* Versions are forgotten first, in a commit of their own. What a crash leaves behind then is files
  that no version has, which the next vacuum finds.

Only what lies in the table's `data` and `metadata` folders, and is called as Iceberg's and Tandem's
files are, is looked at.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from pyiceberg.exceptions import CommitFailedException
from pyiceberg.table import Table
from pyiceberg.table.snapshots import Snapshot, ancestors_of

from tandem.errors import ConflictError
from tandem.model.feature_group import FeatureGroup
from tandem.model.history import Vacuumed
from tandem.offline.durable_files import is_temporary
from tandem.offline.group_folders import GroupFolders
from tandem.offline.iceberg.catalog import TableCatalog
from tandem.offline.iceberg.commit import delivered_positions
from tandem.offline.iceberg.erasures import all_erasure_files, erasures
from tandem.offline.iceberg.file_io import path_of
from tandem.offline.iceberg.file_lists import manifests_of
from tandem.offline.iceberg.folder_locks import alone, rewriting
from tandem.offline.iceberg.group_tables import GroupTables
from tandem.offline.iceberg.table_properties import (
    VACUUM_MAX_SNAPSHOT_AGE_SECONDS,
    VACUUM_MIN_SNAPSHOTS_TO_KEEP,
    property_value,
)
from tandem.offline.locations import GroupFolder

READERS_SECONDS = 3_600.0
"""How long a query may go on to read files that are no more part of its table."""

_COMMIT_ATTEMPTS = 10


class Vacuum:
    """Of tables in the folders of their groups.

    clock_seconds     the time that files and versions are measured by, seconds since 1970
    readers_seconds   how long a file stays at least that is in no version
    """

    def __init__(
        self,
        folders: GroupFolders,
        catalog: TableCatalog,
        tables: GroupTables,
        clock_seconds: Callable[[], float],
        readers_seconds: float = READERS_SECONDS,
    ) -> None:
        self._folders = folders
        self._catalog = catalog
        self._tables = tables
        self._clock_seconds = clock_seconds
        self._readers_seconds = readers_seconds

    def vacuum(self, group: FeatureGroup) -> Vacuumed:
        """As `VersionedHistory.vacuum`."""
        if self._tables.load(group) is None:
            return Vacuumed()
        folder = self._folders.of(group)
        with rewriting(folder.path):
            with alone(folder.path):
                snapshots = self._expire(group)
            with alone(folder.path):
                table = self._tables.load(group)
                assert table is not None
                files = self._sweep(table, folder)
                self._erase(group, table, folder)
        return Vacuumed(snapshots=snapshots, files=files)

    def _sweep(self, table: Table, folder: GroupFolder) -> int:
        now = self._clock_seconds()
        age = property_value(table, VACUUM_MAX_SNAPSHOT_AGE_SECONDS)
        known = _known_files(table)
        seconds_by_folder = {
            folder.path / folder.data_name: max(age, self._readers_seconds),
            folder.path / "metadata": self._readers_seconds,
        }
        removed = 0
        for inside, seconds in seconds_by_folder.items():
            for path in _files(inside):
                if path not in known and path.stat().st_mtime < now - seconds:
                    path.unlink(missing_ok=True)
                    removed += 1
        return removed

    def _erase(self, group: FeatureGroup, table: Table, folder: GroupFolder) -> None:
        """Takes what was deleted out of the archive."""
        erased = erasures(group, folder, table.metadata)
        if erased:
            self._folders.rewrite_archive(group, delivered_positions(table.metadata), erased.has)
        # Those of deletes that did not come to their commit, too: none is under way now.
        for path in all_erasure_files(folder):
            path.unlink()

    def _expire(self, group: FeatureGroup) -> int:
        """Forgets old versions; returns how many."""
        for _ in range(_COMMIT_ATTEMPTS):
            table = self._tables.load(group)
            assert table is not None
            age = property_value(table, VACUUM_MAX_SNAPSHOT_AGE_SECONDS)
            old = _old_snapshots(table, round((self._clock_seconds() - age) * 1_000))
            if not old:
                return 0
            ids = [snapshot.snapshot_id for snapshot in old]
            metadata = _metadata_files(table, old)
            try:
                with self._catalog.errors_named():
                    table.maintenance.expire_snapshots().by_ids(ids).commit()
            except (CommitFailedException, ValueError):
                continue  # another commit came before, or forgot the same ones
            for location in metadata - _metadata_files(table, table.metadata.snapshots):
                with suppress(OSError):
                    os.utime(path_of(table.io, location))
            return len(old)
        raise ConflictError(
            f"the Iceberg table of {group.group_id!r} moved {_COMMIT_ATTEMPTS} times while old"
            " snapshots were to expire; try again"
        )


def _old_snapshots(table: Table, before_ms: int) -> list[Snapshot]:
    metadata = table.metadata
    kept = {reference.snapshot_id for reference in metadata.refs.values()}
    least = property_value(table, VACUUM_MIN_SNAPSHOTS_TO_KEEP)
    for number, ancestor in enumerate(ancestors_of(metadata.current_snapshot(), metadata)):
        if number < least:
            kept.add(ancestor.snapshot_id)
    return [
        snapshot
        for snapshot in metadata.snapshots
        if snapshot.timestamp_ms < before_ms and snapshot.snapshot_id not in kept
    ]


def _known_files(table: Table) -> set[Path]:
    """Real paths of all files that a version of the table has, and of the versions' own."""
    metadata = table.metadata
    locations = {table.metadata_location, *(log.metadata_file for log in metadata.metadata_log)}
    locations |= {statistics.statistics_path for statistics in metadata.statistics}
    locations |= {statistics.statistics_path for statistics in metadata.partition_statistics}
    locations |= _metadata_files(table, metadata.snapshots)
    manifests = {
        manifest.manifest_path: manifest
        for snapshot in metadata.snapshots
        for manifest in manifests_of(table, snapshot)
    }
    for manifest in manifests.values():
        entries = manifest.fetch_manifest_entry(table.io)
        locations |= {entry.data_file.file_path for entry in entries}
    return {path_of(table.io, location).resolve() for location in locations}


def _metadata_files(table: Table, snapshots: Sequence[Snapshot]) -> set[str]:
    """Where the manifests of `snapshots` and their lists are."""
    manifests = {
        manifest.manifest_path
        for snapshot in snapshots
        for manifest in manifests_of(table, snapshot)
    }
    return manifests | {snapshot.manifest_list for snapshot in snapshots}


def _files(folder: Path) -> Iterator[Path]:
    """Files below a folder that may be a table's: data, manifests and versions."""
    for path, _, names in os.walk(folder.resolve()):
        for name in names:
            if name.endswith((".parquet", ".avro", ".metadata.json")) or is_temporary(name):
                yield Path(path, name)
