"""The data files of a table's current version, in the order in which their rows were written.

That order is the tables' sequence numbers: each wave of each append has one. Files with the same
number never hold the same key and event time twice (`layout`), so their paths order them well.

A version and a manifest never change once they are written. What was read of the newest version of
a table is kept, so a question that finds the same version again opens no file, and one that finds
a new version reads the manifests that are new in it.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import NamedTuple

from pyiceberg.manifest import FileFormat, ManifestContent, ManifestFile
from pyiceberg.table import Table

from tandem.errors import DataCorrupted, QueryFailed, TandemError
from tandem.offline.iceberg.file_io import path_of


class _Listed(NamedTuple):
    sequence: int
    path: str


class _Version(NamedTuple):
    """What was read of one version: its files by manifest, and all of them in order."""

    metadata_location: str
    by_manifest: Mapping[str, tuple[_Listed, ...]]
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
        snapshot = table.current_snapshot()
        manifests: list[ManifestFile] = []
        if snapshot is not None:
            with _undamaged(snapshot.manifest_list):
                manifests = snapshot.manifests(table.io)
        by_manifest = {
            manifest.manifest_path: _known(known, manifest) or _listed(name, table, manifest)
            for manifest in manifests
        }
        files = tuple(file.path for file in sorted(sum(by_manifest.values(), ())))
        self._newest[name] = _Version(table.metadata_location, by_manifest, files)
        return files


@contextmanager
def _undamaged(location: str) -> Iterator[None]:
    try:
        yield
    except TandemError:
        raise
    except Exception as error:
        # The decoder of a damaged file stumbles over whatever comes first, in its own words.
        raise DataCorrupted(
            f"the Iceberg metadata file {path_of(location)} cannot be read"
            f" ({type(error).__name__}: {error}): restore it from a backup"
        ) from error


def _known(known: _Version | None, manifest: ManifestFile) -> tuple[_Listed, ...] | None:
    return None if known is None else known.by_manifest.get(manifest.manifest_path)


def _listed(name: str, table: Table, manifest: ManifestFile) -> tuple[_Listed, ...]:
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
    return tuple(
        _Listed(entry.sequence_number or 0, str(path_of(entry.data_file.file_path)))
        for entry in entries
    )
