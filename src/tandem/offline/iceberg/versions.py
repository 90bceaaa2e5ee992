"""The versions of Iceberg tables: read as of one, told about, rewritten, and forgotten.

Each change is one commit of the table. See `replacement` for what keeps its rows in order and
deliveries apart from it, and `vacuum` for which files may go.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress

import pyarrow as pa
from pyiceberg.exceptions import CommitFailedException
from pyiceberg.table import Table
from pyiceberg.table.snapshots import Snapshot

from tandem.errors import ConflictError, DataCorrupted, QueryFailed, ValidationError
from tandem.model.event_time import SECONDS_MAX, SECONDS_MIN, EventTime
from tandem.model.feature_group import FeatureGroup
from tandem.model.history import (
    AsOf,
    Compaction,
    HistorySnapshot,
    HistoryVersion,
    MetadataTable,
    Vacuumed,
)
from tandem.offline.base import RowNumbers, VersionedHistory
from tandem.offline.group_folders import GroupFolders
from tandem.offline.iceberg.catalog import TableCatalog
from tandem.offline.iceberg.folder_locks import alone
from tandem.offline.iceberg.group_tables import GroupTables
from tandem.offline.iceberg.metadata_tables import metadata_table
from tandem.offline.iceberg.rewriting import Rewriter
from tandem.offline.iceberg.table_properties import checked_changes
from tandem.offline.iceberg.table_schema import partition_spec, table_schema
from tandem.offline.iceberg.vacuum import Vacuum

_COMMIT_ATTEMPTS = 10


class IcebergVersions(VersionedHistory):
    """Of tables in the folders of their groups. Safe to use from many threads and processes."""

    def __init__(
        self,
        folders: GroupFolders,
        catalog: TableCatalog,
        tables: GroupTables,
        clock_seconds: Callable[[], float],
        readers_seconds: float,
    ) -> None:
        self._folders = folders
        self._catalog = catalog
        self._tables = tables
        self._rewriter = Rewriter(folders, catalog, tables)
        self._vacuum = Vacuum(folders, catalog, tables, clock_seconds, readers_seconds)

    def as_of(self, group: FeatureGroup, wanted: AsOf) -> HistoryVersion:
        table = self._tables.load(group)
        if table is None:
            raise QueryFailed(
                f"the Iceberg table of feature group {group.name!r} has no snapshot yet: the first"
                " comes with the first delivery"
            )
        snapshot = _snapshot(group, table, wanted)
        # As Trino does: columns that were added later are absent, not null.
        schema_id = snapshot.schema_id
        schema = table.schema() if schema_id is None else table.schemas()[schema_id]
        try:
            files = self._tables.files_of_snapshot(group, table, snapshot)
        except DataCorrupted:
            newer = self._tables.load(group)
            if newer is None or newer.snapshot_by_id(snapshot.snapshot_id) is not None:
                raise
            raise _unknown(group, str(snapshot.snapshot_id)) from None  # it was just forgotten
        return HistoryVersion(
            snapshot=HistorySnapshot(files=files), columns=tuple(schema.column_names)
        )

    def metadata(self, group: FeatureGroup, name: MetadataTable) -> pa.Table:
        table = self._tables.load(group)
        if table is None:
            schema = table_schema(group)
            return metadata_table(name, None, schema, partition_spec(group, schema, []))
        return metadata_table(name, table, table.schema(), table.spec())

    def properties(self, group: FeatureGroup) -> Mapping[str, str]:
        table = self._tables.load(group)
        return {} if table is None else dict(table.properties)

    def change_properties(
        self, group: FeatureGroup, changes: Mapping[str, str], removals: Sequence[str] = ()
    ) -> None:
        wanted = checked_changes(changes, removals)
        if self._tables.load(group) is None:
            raise ValidationError(
                f"feature group {group.name!r} has no Iceberg table yet, whose properties could be"
                " changed: it is made with the first delivery"
            )
        with alone(self._folders.of(group).path):
            for _ in range(_COMMIT_ATTEMPTS):
                table = self._tables.load(group)
                assert table is not None
                transaction = table.transaction()
                transaction.set_properties(wanted)
                transaction.remove_properties(*removals)
                with self._catalog.errors_named(), suppress(CommitFailedException):
                    transaction.commit_transaction()
                    return
        raise ConflictError(
            f"the Iceberg table of {group.group_id!r} moved {_COMMIT_ATTEMPTS} times while its"
            " properties were to be changed; try again"
        )

    def delete(self, group: FeatureGroup, rows: Callable[[HistorySnapshot], RowNumbers]) -> int:
        return self._rewriter.delete(group, rows)

    def compact(
        self,
        group: FeatureGroup,
        files: Callable[[HistorySnapshot], Sequence[str]] | None = None,
    ) -> Compaction:
        return self._rewriter.compact(group, files)

    def vacuum(self, group: FeatureGroup) -> Vacuumed:
        return self._vacuum.vacuum(group)


def _snapshot(group: FeatureGroup, table: Table, wanted: AsOf) -> Snapshot:
    """Raises QueryFailed where there is none."""
    if wanted.version is not None:
        found = _named_snapshot(table, wanted.version)
        if found is None:
            raise _unknown(group, wanted.version)
        return found
    assert wanted.moment_us is not None
    found = table.snapshot_as_of_timestamp(wanted.moment_us // 1_000)
    if found is None:
        oldest = min((entry.timestamp_ms for entry in table.history()), default=None)
        raise QueryFailed(
            f"the Iceberg table of feature group {group.name!r} has no version from before"
            f" {_shown(wanted.moment_us // 1_000)}; its oldest is of"
            f" {'no time at all' if oldest is None else _shown(oldest)}"
        )
    return found


def _unknown(group: FeatureGroup, version: str) -> QueryFailed:
    return QueryFailed(
        f"the Iceberg table of feature group {group.name!r} has no snapshot, tag or branch"
        f' {version[:64]!r} (any more): those it has are in "{group.name}$snapshots" and'
        f' "{group.name}$refs"'
    )


def _named_snapshot(table: Table, version: str) -> Snapshot | None:
    """The snapshot of that number, or else the one that a tag or branch of that name stands for."""
    if version.isascii() and version.isdecimal():
        found = table.snapshot_by_id(int(version))
        if found is not None:
            return found
    return table.snapshot_by_name(version)


def _shown(moment_ms: int) -> str:
    seconds, milliseconds = divmod(moment_ms, 1_000)
    if not SECONDS_MIN <= seconds <= SECONDS_MAX:
        return f"{moment_ms} ms since 1970"
    return EventTime(seconds, milliseconds * 1_000_000).isoformat()
