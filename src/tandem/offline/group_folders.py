"""The folders of all groups below one root: files that come into them, and their archives.

What the backends that keep files have in common, whatever makes their files visible:

* The data files of a range and its archive are published together, on disk with all their names
  when `publish` returns. The log may be trimmed once the range counts as delivered, so its archive
  must not come later.
* An archive is read entry by entry, and only as far as its group is delivered, since a delivery
  that lost a race may have left a range that overlaps.
"""

import os
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import BinaryIO, NamedTuple

from tandem.errors import ConflictError, StoreUnavailable
from tandem.model.feature_group import FeatureGroup
from tandem.model.write import LogEntry, LogPart
from tandem.offline.archive import read_archive, write_archive
from tandem.offline.durable_files import DurableFiles, DurableFolders, make_root
from tandem.offline.locations import (
    GroupFolder,
    archive_file_name,
    archived_range,
    data_uri,
    folder_of_uri,
)
from tandem.offline.log_range import LogRange


class NewFile(NamedTuple):
    """A data file that is to be: its full path, and what writes its bytes."""

    path: Path
    write: Callable[[BinaryIO], object]


class GroupFolders:
    """The folders below `root`, in which s3://bucket/prefix is `root`/bucket/prefix."""

    def __init__(self, root: Path) -> None:
        make_root(root)
        self.root = root.resolve()
        self._durable = DurableFolders(self.root)

    def of(self, group: FeatureGroup) -> GroupFolder:
        """Raises ValidationError where the group has no offline store, or no place below root."""
        return folder_of_uri(self.root, data_uri(group))

    def make_durable(self, folder: Path) -> None:
        """Makes `folder`, below the root, so that it survives a power cut."""
        self._durable.make_durable(folder)

    def is_unused(self, resolved_uri: str) -> bool:
        """Whether no file exists below the folder that holds `resolved_uri`."""
        folder = folder_of_uri(self.root, resolved_uri).path
        if folder.is_file():
            return False
        return not any(files for _, _, files in os.walk(folder, onerror=_refuse_unreadable))

    def publish(
        self,
        group: FeatureGroup,
        delivery: LogRange,
        entries: Sequence[LogPart],
        files: Sequence[NewFile],
    ) -> list[int]:
        """Writes the data files of a range and its archive; returns the files' sizes in bytes."""
        folder = self.of(group)
        with DurableFiles(self._durable) as durable:
            sizes = [durable.stage(file.path, file.write) for file in files]
            durable.stage(
                folder.archive / archive_file_name(delivery),
                partial(
                    write_archive,
                    group=group,
                    partition=delivery.partition,
                    parts=entries,
                ),
            )
            durable.publish()
        return sizes

    def publish_files(self, files: Sequence[NewFile]) -> list[int]:
        """Writes files that belong to no range; returns their sizes in bytes."""
        with DurableFiles(self._durable) as durable:
            sizes = [durable.stage(file.path, file.write) for file in files]
            durable.publish()
        return sizes

    def rewrite_archive(
        self,
        group: FeatureGroup,
        delivered: Mapping[int, int],
        goes: Callable[[LogEntry], bool],
    ) -> None:
        """Takes entries out of the archive, file by file: each changes whole or not at all."""
        for delivery, path in _archive_files(self.of(group), delivered):
            entries = list(read_archive(path, group.group_id, delivery.partition))
            kept = [entry for entry in entries if not goes(entry)]
            if len(kept) < len(entries):
                self.publish(group, delivery, kept, [])

    def archived(
        self, group: FeatureGroup, after: Mapping[int, int], delivered: Mapping[int, int]
    ) -> Iterator[LogEntry]:
        """The archived entries behind `after` and up to `delivered`, positions of each log
        partition; one file is read at a time.

        `delivered` must be read before: every range that it counts has its archive by then.
        """
        files = _archive_files(self.of(group), delivered)
        return _entries(group.group_id, files, after)


def settle_lost_race(
    group: FeatureGroup,
    delivery: LogRange,
    standing: int,
    written: Collection[Path],
    visible: Collection[Path],
) -> None:
    """For a range whose partition stands at `standing` by now, behind what the range begins with.

    Returns where the winner delivered this very range; else withdraws what was `written` and is not
    `visible`, and raises ConflictError.
    """
    orphans = set(written) - set(visible)
    if not orphans and standing >= delivery.last:
        return
    # Nobody can make these visible any more, since a position never steps back; for others who list
    # the folder, their rows would be there twice. The archive file may stay: archives are read
    # entry by entry, and its name could be that of the winner's.
    for path in orphans:
        path.unlink(missing_ok=True)
    raise ConflictError(
        f"another process delivered log partition {delivery.partition} of"
        f" {group.group_id!r} up to position {standing} meanwhile;"
        " read where delivery stands and begin there"
    )


def _refuse_unreadable(error: OSError) -> None:
    if not isinstance(error, FileNotFoundError):
        raise StoreUnavailable(f"{error.filename} cannot be read: {error.strerror}") from error


def _archive_files(
    folder: GroupFolder, delivered: Mapping[int, int]
) -> list[tuple[LogRange, Path]]:
    """Archive files of ranges that are delivered, in log order by partition."""
    if not folder.archive.exists():
        return []
    ranges = ((archived_range(path.name), path) for path in folder.archive.iterdir())
    return sorted(
        (found, path)
        for found, path in ranges
        if found is not None and found.last <= delivered.get(found.partition, 0)
    )


def _entries(
    group_id: str, files: Sequence[tuple[LogRange, Path]], after: Mapping[int, int]
) -> Iterator[LogEntry]:
    reached = dict(after)
    for (partition, _, last), path in files:
        # Ranges may overlap: the same positions hold the same entries then.
        if last <= reached.get(partition, 0):
            continue
        for entry in read_archive(path, group_id, partition):
            if entry.position > reached.get(partition, 0):
                reached[partition] = entry.position
                yield entry
