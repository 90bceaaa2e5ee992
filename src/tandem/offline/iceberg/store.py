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
no reader of the table looks at it.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from pyiceberg.exceptions import CommitFailedException
from pyiceberg.table import Table

from tandem.errors import ConflictError, DataCorrupted, StoreUnavailable, ValidationError
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
from tandem.offline.iceberg.file_io import location_of, path_of
from tandem.offline.iceberg.file_lists import FileLists
from tandem.offline.iceberg.table_schema import (
    PROPERTIES,
    add_missing_columns,
    partition_spec,
    table_schema,
)
from tandem.offline.log_range import LogRange, log_range

_COMMIT_ATTEMPTS = 10
_UNREADABLE_IN_LOCATIONS = frozenset("#?")
"""PyIceberg takes what follows them for a part of a URL that is not the path."""


class IcebergOfflineStore(OfflineStore):
    """Tables below the folder `root`, in which s3://bucket/prefix is `root`/bucket/prefix, and
    their catalog in the SQLite file `catalog`.

    Safe to use from many threads and processes.
    """

    def __init__(self, root: Path, catalog: Path) -> None:
        self._folders = GroupFolders(root)
        self._catalog = TableCatalog(catalog)
        self._file_lists = FileLists()
        self._snapshots: dict[str, tuple[str, HistorySnapshot]] = {}
        self._seen: set[str] = set()

    def check(self, group: FeatureGroup) -> None:
        folder = self._folders.of(group).path
        if strange := sorted(_UNREADABLE_IN_LOCATIONS & set(str(folder))):
            raise ValidationError(
                f"feature group {group.name!r} with TableFormat 'Iceberg' would be in the folder"
                f" {folder}, which has the characters {strange}: Iceberg readers would not find it"
                " there. Choose another S3Uri, or another data folder"
            )

    def append(
        self, group: FeatureGroup, partition: int, after: int, entries: Sequence[LogPart]
    ) -> None:
        self._folders.of(group)
        if not entries:
            return
        delivery = log_range(group, partition, after, entries)
        written: set[Path] = set()
        for _ in range(_COMMIT_ATTEMPTS):
            table = self._load(group) or self._create(group, entries)
            standing = delivered_positions(table.metadata).get(partition, 0)
            if not written and delivery.is_delivered(group, standing):
                return
            if standing > after:
                visible = {Path(path) for path in self._files(group, table)}
                settle_lost_race(group, delivery, standing, written, visible)
                return
            try:
                self._deliver(group, table, delivery, entries, written)
            except (CommitFailedException, PositionMoved):
                continue  # others committed first, again and again or this very position: look
            with self._catalog.errors_named():
                expire_old_snapshots(table)
            return
        raise ConflictError(
            f"the Iceberg table of {group.group_id!r} moved {_COMMIT_ATTEMPTS} times while a range"
            " was to be added; try again"
        )

    def snapshot(self, group: FeatureGroup) -> HistorySnapshot:
        self._folders.of(group)
        location = self._catalog.metadata_location(group.group_id)
        known = self._snapshots.get(group.group_id)
        if known is not None and known[0] == location:
            return known[1]
        table = self._load(group)
        if table is None:
            return HistorySnapshot()
        snapshot = HistorySnapshot(
            files=self._files(group, table), delivered=delivered_positions(table.metadata)
        )
        self._snapshots[group.group_id] = (table.metadata_location, snapshot)
        return snapshot

    def archived(
        self, group: FeatureGroup, after: Mapping[int, int] = NOTHING_READ
    ) -> Iterator[LogEntry]:
        self._folders.of(group)
        table = self._load(group)
        delivered = {} if table is None else delivered_positions(table.metadata)
        return self._folders.archived(group, after, delivered)

    def is_unused(self, resolved_uri: str) -> bool:
        return self._folders.is_unused(resolved_uri)

    def _load(self, group: FeatureGroup) -> Table | None:
        """The group's table; None where there is none yet.

        Raises StoreUnavailable where its metadata is not in the group's folder. In a copy of a data
        folder, the catalog still names the files of the original, which must not be touched.
        """
        location = self._catalog.metadata_location(group.group_id)
        if location is None or group.group_id not in self._seen:
            self._refuse_older_catalog(group, location)
        if location is None:
            return None
        self._seen.add(group.group_id)
        folder, found = self._folders.of(group).path, path_of(location).parent.parent
        if found != folder and found.resolve() != folder.resolve():
            raise StoreUnavailable(
                f"the Iceberg table of feature group {group.name!r} is in {found}, but this data"
                f" folder has it in {folder}: Iceberg knows files by their full paths. Move the"
                " data folder back to where it was, or make a link there that leads here"
            )
        return self._catalog.load(group.group_id)

    def _files(self, group: FeatureGroup, table: Table) -> tuple[str, ...]:
        """The table's data files, in the group's folder even where the table names it by a link."""
        files = self._file_lists.files(group.group_id, table)
        folder, named = str(self._folders.of(group).path), str(path_of(table.location()))
        if named == folder:
            return files
        return tuple(
            folder + path.removeprefix(named) if path.startswith(f"{named}/") else path
            for path in files
        )

    def _create(self, group: FeatureGroup, entries: Sequence[LogPart]) -> Table:
        folder = self._folders.of(group).path
        # The catalog may name the table's first version once it is there, so its folder is first.
        self._folders.make_durable(folder / "metadata")
        schema = table_schema(group)
        return self._catalog.create(
            group.group_id,
            schema,
            location_of(folder),
            partition_spec(group, schema, entries),
            {**PROPERTIES, "tandem.feature-group": group.name},
        )

    def _refuse_older_catalog(self, group: FeatureGroup, location: str | None) -> None:
        """Raises DataCorrupted where the catalog is older than the table: a copy from before.

        Its version, or a new table, would be without rows that the log has no more. A crash leaves
        one version at most that the catalog does not know.
        """
        known = -1 if location is None else _version(path_of(location))
        folder = self._folders.of(group).path / "metadata"
        newest = max(folder.glob("*.metadata.json"), key=_version, default=None)
        if newest is None or _version(newest) <= known + 1:
            return
        # Others may have committed since the catalog was asked.
        if self._catalog.metadata_location(group.group_id) == location:
            raise DataCorrupted(
                f"the Iceberg catalog is older than the table of feature group {group.name!r},"
                f" which has come to {newest}: restore both from one backup"
            )

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
        files = encode(
            group, transaction.table_metadata, folder.path / folder.data_name, delivery, entries
        )
        # The order is the guarantee. Data and archive come first, synced with their names and their
        # folders; then the table's metadata, each file synced; the catalog's row comes last.
        self._folders.publish(group, delivery, entries, [_new_file(file) for file in files])
        paths = {file.path for file in files}
        written |= paths
        transaction.stage_delivery(files)
        with self._catalog.errors_named():
            transaction.commit_transaction()
        # An attempt before this one may have found the table with other columns.
        for path in written - paths:
            path.unlink(missing_ok=True)


def _new_file(file: EncodedFile) -> NewFile:
    return NewFile(file.path, lambda stream: stream.write(file.content))


def _version(metadata: Path) -> int:
    """The number of a table's version, with which the name of its file begins."""
    digits = metadata.name.partition("-")[0]
    return int(digits) if digits.isdecimal() else -1
