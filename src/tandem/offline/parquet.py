"""An offline store on the local disk: Parquet files in Hive folders, and a manifest of them.

* A range becomes visible as a whole, when the manifest moves on. Everything it names is on disk by
  then, and so is the archive of the range.
* The same range has the same file names, so an append that a crash cut short is simply done again:
  what it left behind is replaced, and nobody who lists the folder sees a row twice.
* Rows in a file are in log order, and files are in the order of their sequence.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from tandem.errors import ConflictError, ValidationError
from tandem.model.event_time import EventTime
from tandem.model.feature_group import FeatureGroup, TableFormat
from tandem.model.history import DataFile, HistorySnapshot
from tandem.model.write import LogEntry, LogPart
from tandem.offline import write_options
from tandem.offline.arrivals import ArrivalFolder
from tandem.offline.base import NOTHING_READ, ManifestStore, OfflineStore
from tandem.offline.group_folders import GroupFolders, NewFile, settle_lost_race
from tandem.offline.locations import GroupFolder, data_file_name, hour_folder, table_format
from tandem.offline.log_range import LogRange, log_range
from tandem.rows.event_time_columns import Numbers
from tandem.rows.history_rows import event_seconds, history_rows

_ADVANCE_ATTEMPTS = 10
_HOUR_SECONDS = 3_600


class _Hour(NamedTuple):
    """The rows of an hour of event time, and the event time of each."""

    rows: pa.Table
    event_seconds: Numbers


class ParquetOfflineStore(OfflineStore):
    """History below the folder `root`, in which s3://bucket/prefix is `root`/bucket/prefix.

    Safe to use from many threads and processes, where `manifests` is.
    """

    def __init__(self, root: Path, manifests: ManifestStore) -> None:
        self._folders = GroupFolders(root)
        self._manifests = manifests
        self._arrivals: dict[str, ArrivalFolder] = {}

    def check(self, group: FeatureGroup) -> None:
        if table_format(group) is TableFormat.ICEBERG:
            raise ValidationError(
                f"TableFormat 'Iceberg' of feature group {group.name!r} is not one that this store"
                " keeps, which has plain Parquet files: use 'Glue'"
            )

    def append(
        self, group: FeatureGroup, partition: int, after: int, entries: Sequence[LogPart]
    ) -> None:
        folder = self._folders.of(group)
        if not entries:
            return
        delivery = log_range(group, partition, after, entries)
        manifest = self._manifests.manifest(group.group_id)
        if delivery.is_delivered(group, manifest.delivered_through(partition)):
            return
        # The order is the guarantee. All files come first, data and archive, each synced before it
        # has its name and its folders after. The manifest moves last: what it says is on disk
        # whatever happens next, and until it says so no reader of Tandem looks at the files.
        files = self._write(group, folder, delivery, entries)
        self._advance(group, folder, delivery, files)

    def snapshot(self, group: FeatureGroup) -> HistorySnapshot:
        folder = self._folders.of(group)
        manifest = self._manifests.manifest(group.group_id)
        return HistorySnapshot(
            files=tuple(f"{folder.path}/{file.path}" for file in manifest.files),
            delivered=manifest.delivered,
        )

    def archived(
        self, group: FeatureGroup, after: Mapping[int, int] = NOTHING_READ
    ) -> Iterator[LogEntry]:
        self._folders.of(group)
        delivered = self._manifests.manifest(group.group_id).delivered
        return self._folders.archived(group, after, delivered)

    def is_unused(self, resolved_uri: str) -> bool:
        return self._folders.is_unused(resolved_uri)

    def shared(self, group: FeatureGroup) -> None:
        self._folders.of(group)

    def versions(self, group: FeatureGroup) -> None:
        self._folders.of(group)

    def arrivals(self, group: FeatureGroup) -> ArrivalFolder:
        folder = self._folders.of(group)
        known = self._arrivals.get(group.group_id)
        if known is None:
            # Kept, since it knows which listing had nothing new; a second one would do no harm.
            known = ArrivalFolder(folder, lambda: self._own_files(group.group_id))
            self._arrivals[group.group_id] = known
        return known

    def _own_files(self, group_id: str) -> set[str]:
        return {file.path for file in self._manifests.manifest(group_id).files}

    def _write(
        self,
        group: FeatureGroup,
        folder: GroupFolder,
        delivery: LogRange,
        entries: Sequence[LogPart],
    ) -> list[DataFile]:
        by_hour = _by_hour(group, entries)
        files = [_data_file(group, folder, delivery, hour) for hour in by_hour]
        sizes = self._folders.publish(
            group,
            delivery,
            entries,
            [
                NewFile(folder.path / file.path, partial(_write_history, hour.rows))
                for file, hour in zip(files, by_hour, strict=True)
            ],
        )
        return [replace(file, size_bytes=size) for file, size in zip(files, sizes, strict=True)]

    def _advance(
        self, group: FeatureGroup, folder: GroupFolder, delivery: LogRange, files: list[DataFile]
    ) -> None:
        """Makes the files visible. They were written for nothing where another was faster."""
        for _ in range(_ADVANCE_ATTEMPTS):
            manifest = self._manifests.manifest(group.group_id)
            standing = manifest.delivered_through(delivery.partition)
            if standing > delivery.after:
                settle_lost_race(
                    group,
                    delivery,
                    standing,
                    written=[folder.path / file.path for file in files],
                    visible=[folder.path / file.path for file in manifest.files],
                )
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


def _by_hour(group: FeatureGroup, parts: Sequence[LogPart]) -> list[_Hour]:
    """The rows of `parts` by the hour of their event time, each hour in log order."""
    rows, seconds = history_rows(group, parts), event_seconds(parts)
    hours = seconds // _HOUR_SECONDS
    if len(hours) == 0:
        return []
    if (hours[1:] < hours[:-1]).any():
        order = np.argsort(hours, kind="stable")
        rows, seconds, hours = rows.take(order), seconds[order], hours[order]
    starts = np.flatnonzero(np.diff(hours, prepend=hours[0] - 1))
    return [
        _Hour(rows.slice(start, end - start), seconds[start:end])
        for start, end in pairwise([*starts.tolist(), len(hours)])
    ]


def _data_file(
    group: FeatureGroup, folder: GroupFolder, delivery: LogRange, hour: _Hour
) -> DataFile:
    """The file of one hour, before its size and its place in the sequence are known."""
    earliest, latest = int(hour.event_seconds.min()), int(hour.event_seconds.max())
    name = hour_folder(EventTime(latest, 0))
    file_name = data_file_name(group.group_id, delivery, name, EventTime(latest, 0))
    return DataFile(
        path=f"{folder.data_name}/{name}/{file_name}",
        sequence=0,
        rows=hour.rows.num_rows,
        size_bytes=0,
        event_seconds_min=earliest,
        event_seconds_max=latest,
    )


def _write_history(rows: pa.Table, file: object) -> None:
    pq.write_table(rows, file, **write_options.HISTORY)
