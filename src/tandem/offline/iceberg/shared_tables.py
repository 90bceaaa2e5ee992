"""Iceberg tables of groups as other programs know them, and versions that they commit.

A program that comes through Glue reads the newest metadata file, writes the next one beside it, and
asks for the exchange. The next one is taken only where

* it follows the newest one, so that nobody's commit is lost;
* the history keeps what it has: the same table in the same place, delivered as far, with the newest
  snapshot among its ancestors;
* Tandem can go on with it: the columns, the partitions and the properties that writers obey are
  ones it can write with, and every file that is new lies in the table's own folder.

What a snapshot says, counts: one that deletes rows is taken, as long as it follows the newest.
"""

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager

from pyiceberg.io import FileIO
from pyiceberg.schema import Schema
from pyiceberg.table import Table
from pyiceberg.table.metadata import TableMetadata, TableMetadataV2
from pyiceberg.table.snapshots import Snapshot, ancestors_of

from tandem.errors import ConflictError, DataCorrupted, QueryFailed, ValidationError
from tandem.model.feature_group import FeatureGroup
from tandem.offline.base import SharedTables
from tandem.offline.group_folders import GroupFolders
from tandem.offline.iceberg.catalog import TableCatalog
from tandem.offline.iceberg.commit import last_sequence_number
from tandem.offline.iceberg.file_io import path_of
from tandem.offline.iceberg.file_lists import manifests_of
from tandem.offline.iceberg.folder_locks import writing
from tandem.offline.iceberg.group_tables import GroupTables
from tandem.offline.iceberg.shared_properties import check_properties

_NAME = re.compile(r"(\d{1,9})-[\w-]+\.metadata\.json", re.ASCII)
_AHEAD_MS_MAX = 24 * 3_600 * 1_000
"""A clock may be wrong, but later versions must get moments behind this one's."""


class IcebergSharedTables(SharedTables):
    """Of tables in the folders of their groups. Safe to use from many threads and processes."""

    def __init__(self, folders: GroupFolders, catalog: TableCatalog, tables: GroupTables) -> None:
        self._folders = folders
        self._catalog = catalog
        self._tables = tables

    def metadata_location(self, group: FeatureGroup) -> str | None:
        location = self._catalog.metadata_location(group.group_id)
        if location is None and group.deleted_at_us is None:
            # Others ask for the table before its first delivery.
            table = self._tables.load(group) or self._tables.create(group, [])
            location = table.metadata_location
        return location

    def adopt(self, group: FeatureGroup, expected: str, new: str) -> None:
        if self.metadata_location(group) != expected:
            raise _moved_on(group, expected)
        # Files that are looked at here are not vacuumed before the catalog names them.
        with writing(self._folders.of(group).path):
            self._adopt(group, expected, new)

    def _adopt(self, group: FeatureGroup, expected: str, new: str) -> None:
        current = self._tables.load(group)
        if current is None or current.metadata_location != expected:
            raise _moved_on(group, expected)
        metadata = _read(self._catalog, current, new)
        _check_follows(current, new, metadata)
        _check_keeps(current.metadata, metadata)
        check_properties(current.metadata.properties, metadata.properties)
        changed = Table(current.name(), metadata, new, current.io, self._catalog)
        _check_snapshots(current, changed)
        with _refused():
            self._tables.files(group, changed)
        self._catalog.exchange(group.group_id, expected, new)


def _moved_on(group: FeatureGroup, expected: str) -> ConflictError:
    return ConflictError(
        f"the Iceberg table of feature group {group.name!r} has come past {expected}: read it again"
    )


def _read(catalog: TableCatalog, current: Table, location: str) -> TableMetadata:
    """The metadata file that another program wrote beside the current one."""
    folder, _, name = location.rpartition("/")
    found = _NAME.fullmatch(name)
    if folder != f"{current.location()}/metadata" or found is None:
        raise ValidationError(
            f"metadata_location {location[:1_024]!r} is not a metadata file of this table: write"
            f" {current.location()}/metadata/NUMBER-NAME.metadata.json"
        )
    if int(found[1]) != _number(current) + 1:
        raise ConflictError(
            f"metadata_location {location!r} has the number {int(found[1])}, but the table has come"
            f" to {_number(current)}: the next one is {_number(current) + 1}"
        )
    _check_is_file(current.io, location)
    metadata = catalog.read(location)
    if metadata is None:
        raise ValidationError(f"{location} cannot be read as Iceberg metadata")
    return metadata


def _number(table: Table) -> int:
    found = _NAME.fullmatch(table.metadata_location.rpartition("/")[2])
    return -1 if found is None else int(found[1])


def _check_follows(current: Table, location: str, metadata: TableMetadata) -> None:
    """Its log of metadata files goes on where the newest version's ends, and names no other file:
    those that fall out of the log are deleted one day.
    """
    log = [entry.metadata_file for entry in metadata.metadata_log]
    known = {entry.metadata_file for entry in current.metadata.metadata_log}
    if not log or log[-1] != current.metadata_location:
        raise ConflictError(
            f"{location} is not based on {current.metadata_location}, to which the table has come:"
            " read it again"
        )
    if strange := set(log[:-1]) - known:
        raise _refusal(f"its metadata log has files that are not the table's: {sorted(strange)}")


def _check_keeps(current: TableMetadata, new: TableMetadata) -> None:
    same = {
        "table uuid": (current.table_uuid, new.table_uuid),
        "location": (current.location, new.location),
        "columns": (_columns(current.schema()), _columns(new.schema())),
        "partition spec": (current.spec().fields, new.spec().fields),
    }
    for what, (before, after) in same.items():
        if before != after:
            raise _refusal(f"its {what} would be {after!r:.512} and no more {before!r:.512}")
    if not isinstance(current, TableMetadataV2) or not isinstance(new, TableMetadataV2):
        raise _refusal(f"its format version would be {new.format_version}, not 2")
    for what, least, found in (
        ("last column id", current.last_column_id, new.last_column_id),
        ("last sequence number", current.last_sequence_number, new.last_sequence_number),
        ("last update", current.last_updated_ms, new.last_updated_ms),
    ):
        if found < least:
            raise _refusal(f"its {what} would be {found}, before {least}")
    if new.last_updated_ms > time.time_ns() // 1_000_000 + _AHEAD_MS_MAX:
        raise _refusal(f"its last update would be {new.last_updated_ms}, in the future")


def _check_snapshots(current: Table, changed: Table) -> None:
    """The newest snapshot goes on from the current one, and new ones have files of the table."""
    before, after = current.current_snapshot(), changed.current_snapshot()
    if before is not None:
        ancestors = {one.snapshot_id for one in ancestors_of(after, changed.metadata)}
        if before.snapshot_id not in ancestors:
            raise _refusal(f"its rows would not go on from snapshot {before.snapshot_id}")
    known = {snapshot.snapshot_id: snapshot for snapshot in current.snapshots()}
    checked = {
        manifest.manifest_path for manifest in manifests_of(current, current.current_snapshot())
    }
    for file in (*changed.metadata.statistics, *changed.metadata.partition_statistics):
        _check_is_own(changed, file.statistics_path)
    for snapshot in changed.snapshots():
        if snapshot.snapshot_id not in known:
            _check_snapshot(changed, snapshot, checked, last_sequence_number(current.metadata))
        elif snapshot != known[snapshot.snapshot_id]:
            raise _refusal(f"snapshot {snapshot.snapshot_id} would be another")


def _check_snapshot(table: Table, snapshot: Snapshot, checked: set[str], after: int) -> None:
    if (snapshot.sequence_number or 0) <= after:
        raise _refusal(f"snapshot {snapshot.snapshot_id} would come before those there are")
    if snapshot.timestamp_ms > table.metadata.last_updated_ms + _AHEAD_MS_MAX:
        raise _refusal(f"snapshot {snapshot.snapshot_id} would be from the future")
    _check_is_own(table, snapshot.manifest_list)
    with _refused():
        manifests = manifests_of(table, snapshot)
    for manifest in manifests:
        if manifest.manifest_path in checked:
            continue
        checked.add(manifest.manifest_path)
        _check_is_own(table, manifest.manifest_path)
        with _refused():
            entries = manifest.fetch_manifest_entry(table.io)
        for entry in entries:
            _check_is_own(table, entry.data_file.file_path)


def _check_is_own(table: Table, location: str) -> None:
    if not location.startswith(f"{table.location()}/"):
        raise _refusal(f"it names the file {location[:1_024]!r}, outside of {table.location()}")
    _check_is_file(table.io, location)


def _check_is_file(io: FileIO, location: str) -> None:
    with _refused():
        path = path_of(io, location)
    if not path.is_file() or path.resolve() != path:
        raise ValidationError(f"there is no file {location[:1_024]!r}: write it first")


@contextmanager
def _refused() -> Iterator[None]:
    """What makes a table unreadable is a reason to refuse it."""
    try:
        yield
    except (DataCorrupted, QueryFailed, ValueError, EOFError, OSError) as error:
        raise _refusal(str(error)) from error


def _columns(schema: Schema) -> list[tuple[int, str, str, bool]]:
    return [
        (field.field_id, field.name, str(field.field_type), field.required)
        for field in schema.fields
    ]


def _refusal(reason: str) -> ValidationError:
    return ValidationError(
        f"this version of the Iceberg table would harm the history of its feature group: {reason}"
    )
