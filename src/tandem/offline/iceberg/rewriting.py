"""Rewriting: rows are deleted, or small files become larger ones, in one commit of the table.

New files are written beside the old ones, synced with their names, and then the commit puts them in
the place of the old ones (`replacement`), whatever deliveries have added since. Where it fails,
they are removed; after a crash they are files that no version names, which a vacuum removes. The
old ones stay for those who read them, and for older versions, until a vacuum finds that no version
has them.

The time of a file that was replaced is set to that moment: a vacuum goes by it.
"""

import os
import re
import secrets
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import BinaryIO, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq
from pyiceberg.exceptions import CommitFailedException, ValidationException
from pyiceberg.io.pyarrow import schema_to_pyarrow
from pyiceberg.table import Table
from pyiceberg.table.snapshots import Operation

from tandem.errors import ConflictError, DataCorrupted, QueryFailed
from tandem.model.feature_group import FeatureGroup
from tandem.model.history import Compaction, HistorySnapshot
from tandem.offline.base import RowNumbers
from tandem.offline.group_folders import GroupFolders, NewFile
from tandem.offline.iceberg.bin_packing import EventDays, bins
from tandem.offline.iceberg.catalog import TableCatalog
from tandem.offline.iceberg.commit import delivered_positions
from tandem.offline.iceberg.data_files import described
from tandem.offline.iceberg.erasures import PROPERTY, erasure_file, erasures_count
from tandem.offline.iceberg.file_io import path_of
from tandem.offline.iceberg.file_lists import PlacedFile
from tandem.offline.iceberg.folder_locks import alone, rewriting
from tandem.offline.iceberg.group_tables import GroupTables
from tandem.offline.iceberg.replacement import Replacement, commit_replacements
from tandem.offline.iceberg.row_copy import Source, chosen_rows, copy_rows
from tandem.offline.iceberg.table_properties import (
    OPTIMIZE_DATA_FILE_THRESHOLD,
    OPTIMIZE_MIN_DATA_FILE_SIZE_BYTES,
    WRITE_TARGET_DATA_FILE_SIZE_BYTES,
    property_value,
)

_COMMIT_ATTEMPTS = 10
_MOMENT_IN_NAME = re.compile(r"\d{8}T\d{6}Z", re.ASCII)
_REWRITTEN = re.compile(r"-[0-9a-f]{8}$", re.ASCII)


class _Job(NamedTuple):
    """Files that go, and the one that comes for them, with all their rows but some; None where none
    is left.
    """

    gone: Sequence[PlacedFile]
    new: Path | None
    without: Sequence[int] = ()


class Rewriter:
    """Rewrites tables in the folders of their groups, in the threads of its callers."""

    def __init__(self, folders: GroupFolders, catalog: TableCatalog, tables: GroupTables) -> None:
        self._folders = folders
        self._catalog = catalog
        self._tables = tables
        self._event_days = EventDays()

    def delete(self, group: FeatureGroup, rows: Callable[[HistorySnapshot], RowNumbers]) -> int:
        """As `VersionedHistory.delete`."""
        if self._tables.load(group) is None:
            return 0
        with rewriting(self._folders.of(group).path):
            for table in self._newest(group):
                files = self._tables.placed_files(group, table)
                found = rows(_snapshot(table, files))
                numbers = {path: set(chosen) for path, chosen in found.items() if chosen}
                if not numbers:
                    break
                if self._delete(group, table, files, numbers):
                    return sum(len(chosen) for chosen in numbers.values())
        return 0

    def compact(
        self, group: FeatureGroup, meant: Callable[[HistorySnapshot], Sequence[str]] | None
    ) -> Compaction:
        """As `VersionedHistory.compact`."""
        if self._tables.load(group) is None:
            return Compaction()
        with rewriting(self._folders.of(group).path):
            for table in self._newest(group):
                files = self._tables.placed_files(group, table)
                paths = {file.path for file in files}
                if meant is not None:
                    paths &= set(meant(_snapshot(table, files)))
                jobs = self._merged(group, table, files, paths)
                if not jobs:
                    break
                if self._replace(group, table, Operation.REPLACE, jobs):
                    before = sum(len(job.gone) for job in jobs)
                    return Compaction(files_before=before, files_after=len(jobs))
        return Compaction()

    def _newest(self, group: FeatureGroup) -> Iterator[Table]:
        """The table, again and again in its newest version, for those who rewrite it."""
        for _ in range(_COMMIT_ATTEMPTS):
            table = self._tables.load(group)
            assert table is not None
            yield table
        raise ConflictError(
            f"the Iceberg table of {group.group_id!r} moved {_COMMIT_ATTEMPTS} times while it was"
            " rewritten; try again"
        )

    def _delete(
        self,
        group: FeatureGroup,
        table: Table,
        files: Sequence[PlacedFile],
        numbers: Mapping[str, set[int]],
    ) -> bool:
        """Whether the rows of these numbers are deleted; if not, none is."""
        meant = [file for file in files if file.path in numbers]
        if len(meant) < len(numbers):
            raise ValueError(f"not files of the snapshot: {sorted(numbers)[:3]}")
        jobs = [self._without(table, file, numbers[file.path]) for file in meant]
        is_rewritten = any(job.new is not None for job in jobs)
        operation = Operation.OVERWRITE if is_rewritten else Operation.DELETE
        number = erasures_count(table.metadata) + 1
        erased = erasure_file(self._folders.of(group), number, _chosen(table, meant, numbers))
        properties = {PROPERTY: str(number)}
        return self._replace(group, table, operation, jobs, [erased], properties)

    def _without(self, table: Table, file: PlacedFile, numbers: set[int]) -> _Job:
        if file.entry.data_file.spec_id != table.spec().spec_id:
            raise QueryFailed(
                f"{file.path} is in the Iceberg table by a partition spec that is not the table's"
                " any more: let the program that changed it rewrite the data files"
            )
        count = file.entry.data_file.record_count
        if not 0 <= min(numbers) <= max(numbers) < count:
            raise ValueError(f"{file.path} has {count} rows, not one of number {max(numbers)}")
        if len(numbers) == count:
            return _Job([file], None)
        # Beside the old one, under a name that sorts as the old one does.
        old = Path(file.path)
        stem = _REWRITTEN.sub("", old.stem)
        new = old.with_name(f"{stem}-{secrets.token_hex(4)}.parquet")
        return _Job([file], new, sorted(numbers))

    def _merged(
        self, group: FeatureGroup, table: Table, files: Sequence[PlacedFile], meant: set[str]
    ) -> list[_Job]:
        least = property_value(table, OPTIMIZE_MIN_DATA_FILE_SIZE_BYTES)
        target = property_value(table, WRITE_TARGET_DATA_FILE_SIZE_BYTES)
        small = {
            file.path
            for file in files
            if file.path in meant
            and file.entry.data_file.file_size_in_bytes < least
            and file.entry.data_file.spec_id == table.spec().spec_id
        }
        if len(small) < property_value(table, OPTIMIZE_DATA_FILE_THRESHOLD):
            return []
        has_other_moments = self._event_days.barrier(group, table)

        def stays(file: PlacedFile) -> bool:
            is_divided_otherwise = file.entry.data_file.spec_id != table.spec().spec_id
            return is_divided_otherwise or has_other_moments(file)

        return [
            _Job(members, self._new_path(group, table, members))
            for members in bins(files, small, target, stays)
        ]

    def _new_path(self, group: FeatureGroup, table: Table, members: Sequence[PlacedFile]) -> Path:
        """Named as deliveries name theirs, after the latest event time."""
        folder = self._folders.of(group)
        values = members[0].entry.data_file.partition
        partition = table.spec().partition_to_path(values, table.schema())
        found = (_MOMENT_IN_NAME.match(Path(file.path).name) for file in members)
        latest = max((match.group() for match in found if match), default="rows")
        name = f"{latest}_{secrets.token_hex(8)}.parquet"
        return folder.path / folder.data_name / secrets.token_hex(4) / partition / name

    def _replace(
        self,
        group: FeatureGroup,
        table: Table,
        operation: Operation,
        jobs: Sequence[_Job],
        others: Sequence[NewFile] = (),
        properties: Mapping[str, str] = MappingProxyType({}),
    ) -> bool:
        """Whether the commit is in the table; if not, no data file is left of it. `others` are
        written before it, too.
        """
        columns = schema_to_pyarrow(table.schema())
        new = {job.new: NewFile(job.new, _copying(job, columns)) for job in jobs if job.new}
        published = self._folders.publish_files([*new.values(), *others])
        sizes = dict(zip(new, published[: len(new)], strict=True))
        try:
            replacements = [_replacement(table, job, sizes) for job in jobs]
            with alone(self._folders.of(group).path), self._catalog.errors_named():
                newest = self._tables.load(group)
                assert newest is not None
                commit_replacements(newest, operation, replacements, properties)
        except (CommitFailedException, ValidationException, DataCorrupted) as error:
            for path in new:
                path.unlink(missing_ok=True)
            if isinstance(error, DataCorrupted):
                raise
            return False
        for file in (file for job in jobs for file in job.gone):
            with suppress(OSError):
                os.utime(file.path)
        return True


def _chosen(
    table: Table, files: Sequence[PlacedFile], numbers: Mapping[str, Collection[int]]
) -> Iterator[pa.Table]:
    """The rows of these numbers."""
    columns = schema_to_pyarrow(table.schema())
    for file in files:
        if chosen := numbers.get(file.path):
            yield from chosen_rows(Path(file.path), columns, list(chosen))


def _copying(job: _Job, columns: pa.Schema) -> Callable[[BinaryIO], object]:
    sources = [Source(Path(file.path), job.without) for file in job.gone]
    return partial(copy_rows, sources, columns)


def _replacement(table: Table, job: _Job, sizes: Mapping[Path, int]) -> Replacement:
    """Raises DataCorrupted where files do not have the rows that the table says they have."""
    gone = [file.entry for file in job.gone]
    if job.new is None:
        return Replacement(gone, None)
    metadata = pq.read_metadata(job.new)
    expected = sum(entry.data_file.record_count for entry in gone) - len(job.without)
    if metadata.num_rows != expected:
        raise DataCorrupted(
            f"the data files {[file.path for file in job.gone][:3]} have {metadata.num_rows} rows"
            f" where their table says {expected}: restore them from a backup"
        )
    partition = gone[0].data_file.partition
    # Below the table's own location, whichever scheme that has.
    folder = path_of(table.io, table.location())
    location = f"{table.location()}/{job.new.relative_to(folder)}"
    new = described(table.metadata, location, metadata, sizes[job.new], partition)
    return Replacement(gone, new)


def _snapshot(table: Table, files: Sequence[PlacedFile]) -> HistorySnapshot:
    return HistorySnapshot(
        files=tuple(file.path for file in files),
        delivered=delivered_positions(table.metadata),
    )
