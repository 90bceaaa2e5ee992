"""An offline store on the local disk: Parquet files in Hive folders, and a manifest of them.

* A range becomes visible as a whole, when the manifest moves on. Everything it names is on disk by
  then, and so is the archive of the range.
* The same range has the same file names, so an append that a crash cut short is simply done again:
  what it left behind is replaced, and nobody who lists the folder sees a row twice.
* Rows in a file are in log order, and files are in the order of their sequence.
"""

import os
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from tandem.errors import ConflictError, StoreUnavailable
from tandem.model.feature_group import FeatureGroup
from tandem.model.history import DataFile, HistorySnapshot, Manifest
from tandem.model.targets import TargetStores
from tandem.model.write import LogEntry
from tandem.offline import write_options
from tandem.offline.archive import read_archive, write_archive
from tandem.offline.base import ManifestStore, OfflineStore
from tandem.offline.durable_files import DurableFiles, DurableFolders, make_root
from tandem.offline.locations import (
    GroupFolder,
    archive_file_name,
    archived_range,
    data_file_name,
    data_uri,
    folder_of_uri,
    hour_folder,
)
from tandem.offline.log_range import LogRange, log_range
from tandem.rows.history_rows import history_rows

_ADVANCE_ATTEMPTS = 10


class ParquetOfflineStore(OfflineStore):
    """History below the folder `root`, in which s3://bucket/prefix is `root`/bucket/prefix.

    Safe to use from many threads and processes, where `manifests` is.
    """

    def __init__(self, root: Path, manifests: ManifestStore) -> None:
        make_root(root)
        self._root = root.resolve()
        self._manifests = manifests
        self._folders = DurableFolders(self._root)

    def append(
        self, group: FeatureGroup, partition: int, after: int, entries: Sequence[LogEntry]
    ) -> None:
        folder = self._folder(group)
        if not entries:
            return
        delivery = log_range(group, partition, after, entries)
        manifest = self._manifests.manifest(group.group_id)
        if delivery.is_delivered(group, manifest.delivered_through(partition)):
            return
        # The order is the guarantee. All files come first, data and archive, each synced before it
        # has its name and its folders after. The manifest moves last: what it says is on disk
        # whatever happens next, and until it says so no reader of Tandem looks at the files. The
        # log may be trimmed once it has moved, so the archive must not come later.
        files = self._write(group, folder, delivery, entries)
        self._advance(group, folder, delivery, files)

    def snapshot(self, group: FeatureGroup) -> HistorySnapshot:
        folder = self._folder(group)
        manifest = self._manifests.manifest(group.group_id)
        return HistorySnapshot(
            files=tuple(f"{folder.path}/{file.path}" for file in manifest.files),
            delivered=manifest.delivered,
        )

    def archived(self, group: FeatureGroup) -> Sequence[LogEntry]:
        folder = self._folder(group)
        # The manifest first: every range that it counts as delivered has its archive by now.
        manifest = self._manifests.manifest(group.group_id)
        by_place: dict[tuple[int, int], LogEntry] = {}
        for path, found in _archive_files(folder, manifest):
            # By place, since a delivery that lost a race may have left a range that overlaps.
            for entry in read_archive(path, group.group_id, found.partition):
                by_place[found.partition, entry.position] = entry
        return [by_place[place] for place in sorted(by_place)]

    def is_unused(self, resolved_uri: str) -> bool:
        folder = folder_of_uri(self._root, resolved_uri).path
        if folder.is_file():
            return False
        return not any(files for _, _, files in os.walk(folder, onerror=_refuse_unreadable))

    def _folder(self, group: FeatureGroup) -> GroupFolder:
        return folder_of_uri(self._root, data_uri(group))

    def _write(
        self,
        group: FeatureGroup,
        folder: GroupFolder,
        delivery: LogRange,
        entries: Sequence[LogEntry],
    ) -> list[DataFile]:
        files = []
        with DurableFiles(self._folders) as durable:
            for hour, hour_entries in _by_hour(entries):
                file = _data_file(group, folder, delivery, hour, hour_entries)
                table = history_rows(group, hour_entries)
                size = durable.stage(folder.path / file.path, partial(_write_history, table))
                files.append(replace(file, size_bytes=size))
            durable.stage(
                folder.archive / archive_file_name(delivery),
                partial(
                    write_archive,
                    group_id=group.group_id,
                    partition=delivery.partition,
                    entries=entries,
                ),
            )
            durable.publish()
        return files

    def _advance(
        self, group: FeatureGroup, folder: GroupFolder, delivery: LogRange, files: list[DataFile]
    ) -> None:
        """Makes the files visible. They were written for nothing where another was faster."""
        for _ in range(_ADVANCE_ATTEMPTS):
            manifest = self._manifests.manifest(group.group_id)
            standing = manifest.delivered_through(delivery.partition)
            if standing > delivery.after:
                self._settle_lost_race(group, folder, delivery, files, manifest)
                return
            next_sequence = max((file.sequence for file in manifest.files), default=0) + 1
            numbered = [
                replace(file, sequence=sequence)
                for sequence, file in enumerate(files, next_sequence)
            ]
            try:
                self._manifests.advance(
                    group.group_id,
                    numbered,
                    {delivery.partition: standing},
                    {delivery.partition: delivery.last},
                )
            except ConflictError:
                # Another log partition of the group may have taken the sequence: look again.
                continue
            return
        raise ConflictError(
            f"the manifest of {group.group_id!r} moved {_ADVANCE_ATTEMPTS} times while a range was"
            " to be added; try again"
        )

    def _settle_lost_race(
        self,
        group: FeatureGroup,
        folder: GroupFolder,
        delivery: LogRange,
        files: list[DataFile],
        manifest: Manifest,
    ) -> None:
        """Returns where the winner delivered this very range; else withdraws it and raises."""
        visible = {file.path for file in manifest.files}
        orphans = [file.path for file in files if file.path not in visible]
        standing = manifest.delivered_through(delivery.partition)
        if not orphans and standing >= delivery.last:
            return
        # Nobody can make these visible any more, since the manifest never steps back; for others
        # who list the folder, their rows would be there twice. The archive file may stay: archives
        # are read entry by entry, and its name could be that of the winner's.
        for path in orphans:
            (folder.path / path).unlink(missing_ok=True)
        raise ConflictError(
            f"another process delivered log partition {delivery.partition} of"
            f" {group.group_id!r} up to position {standing} meanwhile;"
            " read where delivery stands and begin there"
        )


def _refuse_unreadable(error: OSError) -> None:
    if not isinstance(error, FileNotFoundError):
        raise StoreUnavailable(f"{error.filename} cannot be read: {error.strerror}") from error


def _by_hour(entries: Sequence[LogEntry]) -> list[tuple[str, list[LogEntry]]]:
    """Offline-targeted entries by the hour of their event time, each hour in log order."""
    by_hour: dict[str, list[LogEntry]] = {}
    for entry in entries:
        if TargetStores.OFFLINE in entry.targets:
            by_hour.setdefault(hour_folder(entry.event_time), []).append(entry)
    return sorted(by_hour.items())


def _data_file(
    group: FeatureGroup,
    folder: GroupFolder,
    delivery: LogRange,
    hour: str,
    entries: Sequence[LogEntry],
) -> DataFile:
    """The file of one hour, before its size and its place in the sequence are known."""
    latest = max(entry.event_time for entry in entries)
    name = data_file_name(group.group_id, delivery, hour, latest)
    return DataFile(
        path=f"{folder.data_name}/{hour}/{name}",
        sequence=0,
        rows=len(entries),
        size_bytes=0,
        event_seconds_min=min(entry.event_time.seconds for entry in entries),
        event_seconds_max=latest.seconds,
    )


def _write_history(table: pa.Table, file: object) -> None:
    pq.write_table(table, file, **write_options.HISTORY)


def _archive_files(folder: GroupFolder, manifest: Manifest) -> Iterator[tuple[Path, LogRange]]:
    """Archive files of ranges that are delivered, in the order of their names."""
    if not folder.archive.exists():
        return
    for path in sorted(folder.archive.iterdir()):
        found = archived_range(path.name)
        if found is not None and found.last <= manifest.delivered_through(found.partition):
            yield path, found
