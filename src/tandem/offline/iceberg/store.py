"""An offline store of Iceberg tables on the local disk: one table for each feature group.

* A range becomes visible as a whole, in one commit of its table, which also moves the position
  reached. Data files, archive and the table's metadata are on disk by then.
* The same range has the same file names. One that a crash cut short is simply done again.
* Any Iceberg reader has the rows without Tandem: through the catalog (`catalog`), or from the
  newest file `metadata/*.metadata.json` in the group's folder.
* A table keeps its last 100 to 200 snapshots, which is what others can travel back in time by, and
  the metadata of those alone: each commit adds one, all of them are written anew with each commit,
  and a store that is always written to commits every few seconds. Tandem's own `as_of` goes by
  write times and needs none of them.

A data file that a crash kept out of the table is replaced when the range is delivered. It stays
where its bytes would be others then, since a feature came to the group or another PyArrow wrote it:
no reader of the table looks at it, and a vacuum removes it.
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from pyiceberg.exceptions import CommitFailedException
from pyiceberg.table import Table

from tandem.errors import ConflictError, ValidationError
from tandem.model.feature_group import FeatureGroup
from tandem.model.history import HistorySnapshot
from tandem.model.write import LogEntry, LogPart
from tandem.offline.base import NOTHING_READ, OfflineStore
from tandem.offline.group_folders import GroupFolders, NewFile, settle_lost_race
from tandem.offline.iceberg.catalog import TableCatalog
from tandem.offline.iceberg.commit import (
    DeliveryTransaction,
    PositionMoved,
    delivered_positions,
    expire_old_snapshots,
)
from tandem.offline.iceberg.data_files import EncodedFile, encode
from tandem.offline.iceberg.erasures import erasures
from tandem.offline.iceberg.folder_locks import writing
from tandem.offline.iceberg.group_tables import GroupTables
from tandem.offline.iceberg.shared_tables import IcebergSharedTables
from tandem.offline.iceberg.table_schema import add_missing_columns, divide_by_first_rows
from tandem.offline.iceberg.vacuum import READERS_SECONDS
from tandem.offline.iceberg.versions import IcebergVersions
from tandem.offline.locations import data_uri
from tandem.offline.log_range import LogRange, log_range

_COMMIT_ATTEMPTS = 10
_UNREADABLE_IN_LOCATIONS = frozenset("#?")
"""PyIceberg takes what follows them for a part of a URL that is not the path."""


class IcebergOfflineStore(OfflineStore):
    """Tables below the folder `root`, in which s3://bucket/prefix is `root`/bucket/prefix, and
    their catalog in the SQLite file `catalog`.

    Safe to use from many threads and processes.
    """

    def __init__(
        self,
        root: Path,
        catalog: Path,
        *,
        clock_seconds: Callable[[], float] = time.time,
        readers_seconds: float = READERS_SECONDS,
    ) -> None:
        """For clock and readers see `tandem.offline.iceberg.vacuum`."""
        self._folders = GroupFolders(root)
        self._catalog = TableCatalog(catalog, self._folders.root)
        self._tables = GroupTables(self._folders, self._catalog)
        self._versions = IcebergVersions(
            self._folders, self._catalog, self._tables, clock_seconds, readers_seconds
        )
        self._shared = IcebergSharedTables(self._folders, self._catalog, self._tables)
        self._snapshots: dict[str, tuple[str, HistorySnapshot]] = {}

    def check(self, group: FeatureGroup) -> None:
        self._folders.of(group)
        uri = data_uri(group)
        if strange := sorted(_UNREADABLE_IN_LOCATIONS & set(uri)):
            raise ValidationError(
                f"feature group {group.name!r} with TableFormat 'Iceberg' would be at {uri}, which"
                f" has the characters {strange}: Iceberg readers would not find it there. Choose"
                " another S3Uri"
            )

    def append(
        self, group: FeatureGroup, partition: int, after: int, entries: Sequence[LogPart]
    ) -> None:
        self._folders.of(group)
        if not entries:
            return
        delivery = log_range(group, partition, after, entries)
        written: set[Path] = set()
        folder = self._folders.of(group).path
        self._folders.make_durable(folder / "metadata")
        for _ in range(_COMMIT_ATTEMPTS):
            try:
                # Before the look at the table: a vacuum that comes between would have its archive
                # written again, with what it has just taken out.
                with writing(folder), self._catalog.errors_named():
                    self._append(group, delivery, entries, written)
                    return
            except (CommitFailedException, PositionMoved):
                continue  # others committed first, again and again or this very position: look
        raise ConflictError(
            f"the Iceberg table of {group.group_id!r} moved {_COMMIT_ATTEMPTS} times while a range"
            " was to be added; try again"
        )

    def _append(
        self,
        group: FeatureGroup,
        delivery: LogRange,
        entries: Sequence[LogPart],
        written: set[Path],
    ) -> None:
        """One attempt to have the range in the table, where it is not there already."""
        table = self._tables.load(group) or self._tables.create(group, entries)
        standing = delivered_positions(table.metadata).get(delivery.partition, 0)
        if not written and delivery.is_delivered(group, standing):
            return
        if standing > delivery.after:
            # Of all versions: what the winner wrote may have been replaced since.
            visible = self._tables.files_of_all_versions(group, table)
            settle_lost_race(group, delivery, standing, written, visible)
            return
        self._deliver(group, table, delivery, entries, written)
        expire_old_snapshots(table)

    def snapshot(self, group: FeatureGroup) -> HistorySnapshot:
        self._folders.of(group)
        location = self._catalog.metadata_location(group.group_id)
        known = self._snapshots.get(group.group_id)
        if known is not None and known[0] == location:
            return known[1]
        table = self._tables.load(group)
        if table is None:
            return HistorySnapshot()
        snapshot = HistorySnapshot(
            files=self._tables.files(group, table), delivered=delivered_positions(table.metadata)
        )
        self._snapshots[group.group_id] = (table.metadata_location, snapshot)
        return snapshot

    def archived(
        self, group: FeatureGroup, after: Mapping[int, int] = NOTHING_READ
    ) -> Iterator[LogEntry]:
        self._folders.of(group)
        table = self._tables.load(group)
        if table is None:
            return iter(())
        erased = erasures(group, self._folders.of(group), table.metadata)
        entries = self._folders.archived(group, after, delivered_positions(table.metadata))
        return (entry for entry in entries if not erased.has(entry))

    def is_unused(self, resolved_uri: str) -> bool:
        return self._folders.is_unused(resolved_uri)

    def shared(self, group: FeatureGroup) -> IcebergSharedTables:
        self._folders.of(group)
        return self._shared

    def versions(self, group: FeatureGroup) -> IcebergVersions:
        self._folders.of(group)
        return self._versions

    def arrivals(self, group: FeatureGroup) -> None:
        self._folders.of(group)  # what others add to a table, they commit to it

    def _deliver(
        self,
        group: FeatureGroup,
        table: Table,
        delivery: LogRange,
        entries: Sequence[LogPart],
        written: set[Path],
    ) -> None:
        """One attempt to commit the range on `table`; notes in `written` what it has written."""
        folder = self._folders.of(group)
        transaction = DeliveryTransaction(table, delivery)
        add_missing_columns(transaction, group)
        divide_by_first_rows(transaction, group, entries)
        files = encode(
            group, transaction.table_metadata, folder.path / folder.data_name, delivery, entries
        )
        # The order is the guarantee. Data and archive come first, synced with their names and their
        # folders; then the table's metadata, each file synced; the catalog's row comes last.
        self._folders.publish(group, delivery, entries, [_new_file(file) for file in files])
        paths = {file.path for file in files}
        written |= paths
        transaction.stage_delivery(files)
        transaction.commit_transaction()
        # An attempt before this one may have found the table with other columns.
        for path in written - paths:
            path.unlink(missing_ok=True)


def _new_file(file: EncodedFile) -> NewFile:
    return NewFile(file.path, lambda stream: stream.write(file.content))
