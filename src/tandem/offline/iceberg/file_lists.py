"""The data files of a table's version, in the order in which their rows were written.

That order is the table's sequence numbers: each wave of each append has one. Files with the same
number never hold the same key and event time twice (`layout`), so their paths order them well. A
file that is made of others has the number of the first of them (`replacement`), and may lie before
files that were written between them. Where tables are partitioned by the day of the write, that day
orders their files first: write times never step back.

A version and a manifest never change once they are written. What was read of the newest version of
a table is kept, so a question that finds the same version again opens no file, and one that finds
a new version reads the manifests that are new in it.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import NamedTuple

from pyiceberg.manifest import FileFormat, ManifestContent, ManifestEntry, ManifestFile
from pyiceberg.partitioning import PartitionSpec
from pyiceberg.schema import Schema
from pyiceberg.table import Table
from pyiceberg.table.snapshots import Snapshot
from pyiceberg.transforms import DayTransform

from tandem.errors import DataCorrupted, QueryFailed, TandemError
from tandem.offline.iceberg.file_io import path_of
from tandem.rows.history_rows import WRITE_TIME


class ListedFile(NamedTuple):
    """A file and its place: it sorts by when its rows were written.

    write_day   days since 1970, where the table is partitioned by the day of the write; else 0
    """

    write_day: int
    sequence: int
    path: str


class PlacedFile(NamedTuple):
    """A file of a snapshot."""

    place: ListedFile
    entry: ManifestEntry

    @property
    def path(self) -> str:
        return self.place.path


class _Version(NamedTuple):
    """What was read of one version: its files by manifest, and all of them in order."""

    metadata_location: str
    by_manifest: Mapping[str, tuple[ListedFile, ...]]
    files: tuple[str, ...]


class FileLists:
    """The files of tables by name. Safe to use from many threads."""

    def __init__(self) -> None:
        self._newest: dict[str, _Version] = {}

    def files(self, name: str, table: Table) -> tuple[str, ...]:
        """Full paths of all data files of `table`.

        Raises QueryFailed where another program has written into it what Tandem does not read.
        """
        known = self._newest.get(name)
        if known is not None and known.metadata_location == table.metadata_location:
            return known.files
        by_manifest = {
            manifest.manifest_path: _known(known, manifest) or _listed(name, table, manifest)
            for manifest in manifests_of(table, table.current_snapshot())
        }
        files = tuple(file.path for file in sorted(sum(by_manifest.values(), ())))
        self._newest[name] = _Version(table.metadata_location, by_manifest, files)
        return files


def files_of_snapshot(name: str, table: Table, snapshot: Snapshot) -> tuple[str, ...]:
    """Full paths of all data files of a snapshot. Raises QueryFailed as `FileLists.files`."""
    manifests = manifests_of(table, snapshot)
    listed = [file for manifest in manifests for file in _listed(name, table, manifest)]
    return tuple(file.path for file in sorted(listed))


def entries_in_order(
    name: str, table: Table, snapshot: Snapshot | None
) -> list[tuple[ListedFile, ManifestEntry]]:
    """All data files of a snapshot with their manifest entries, in order. Raises QueryFailed as
    `FileLists.files`.
    """
    found = [
        (_placed(table, manifest, entry), entry)
        for manifest in manifests_of(table, snapshot)
        for entry in _entries(name, table, manifest)
    ]
    return sorted(found, key=lambda pair: pair[0])


def manifests_of(table: Table, snapshot: Snapshot | None) -> list[ManifestFile]:
    if snapshot is None:
        return []
    with _undamaged(snapshot.manifest_list):
        return snapshot.manifests(table.io)


@contextmanager
def _undamaged(location: str) -> Iterator[None]:
    try:
        yield
    except TandemError:
        raise
    except Exception as error:
        # The decoder of a damaged file stumbles over whatever comes first, in its own words.
        raise DataCorrupted(
            f"the Iceberg metadata file {location} cannot be read"
            f" ({type(error).__name__}: {error}): restore it from a backup"
        ) from error


def _known(known: _Version | None, manifest: ManifestFile) -> tuple[ListedFile, ...] | None:
    return None if known is None else known.by_manifest.get(manifest.manifest_path)


def _listed(name: str, table: Table, manifest: ManifestFile) -> tuple[ListedFile, ...]:
    entries = _entries(name, table, manifest)
    return tuple(_placed(table, manifest, entry) for entry in entries)


def _entries(name: str, table: Table, manifest: ManifestFile) -> list[ManifestEntry]:
    with _undamaged(manifest.manifest_path):
        entries = manifest.fetch_manifest_entry(table.io)
    if entries and manifest.content is ManifestContent.DELETES:
        raise QueryFailed(
            f"the Iceberg table {name!r} has delete files, written by another program, which Tandem"
            " does not read: let that program rewrite the data files without the deleted rows"
        )
    for entry in entries:
        if entry.data_file.file_format is not FileFormat.PARQUET:
            raise QueryFailed(
                f"the Iceberg table {name!r} has the file {entry.data_file.file_path}, which is not"
                " Parquet: let the program that wrote it rewrite it as Parquet"
            )
    return entries


def _placed(table: Table, manifest: ManifestFile, entry: ManifestEntry) -> ListedFile:
    place = _write_day_place(table.schema(), table.specs()[manifest.partition_spec_id])
    day = None if place is None else entry.data_file.partition[place]
    path = path_of(table.io, entry.data_file.file_path)
    return ListedFile(day or 0, entry.sequence_number or 0, str(path))


def _write_day_place(schema: Schema, spec: PartitionSpec) -> int | None:
    """Where in a partition the day of the write is; None where it is not in it."""
    write_time = schema.find_field(WRITE_TIME).field_id
    for place, field in enumerate(spec.fields):
        if field.source_id == write_time and isinstance(field.transform, DayTransform):
            return place
    return None
