"""The catalog of Iceberg tables: one SQLite file, which says which version of a table is current.

* It is PyIceberg's own `SqlCatalog`, so anybody opens it with PyIceberg and no Tandem.
* A table has the group's id for its name, in one namespace. The table that a group has in the data
  catalog would not do: callers may give several groups the same one. An id is never used twice.
* A commit is on disk when it returns. SQLite's rollback journal needs EXTRA for that: with FULL, a
  power cut right after a commit can bring back the journal, and with it the state from before.
* The moments of a table's versions never step back.
* One file and no write-ahead log beside it: it can be copied, and read from where nothing can be
  written.
"""

import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from pydantic import ValidationError as InvalidDocument
from pyiceberg.catalog.sql import IcebergTables, SqlCatalog
from pyiceberg.exceptions import (
    NamespaceAlreadyExistsError,
    NoSuchTableError,
    TableAlreadyExistsError,
    ValidationError,
)
from pyiceberg.io import PY_IO_IMPL, FileIO
from pyiceberg.partitioning import PartitionSpec
from pyiceberg.schema import Schema
from pyiceberg.serializers import FromInputFile
from pyiceberg.table import StagedTable, Table
from pyiceberg.table.metadata import TableMetadata
from pyiceberg.table.update import AddSnapshotUpdate, TableRequirement, TableUpdate
from pyiceberg.typedef import EMPTY_DICT, Identifier, Properties
from sqlalchemy import URL, NullPool, create_engine, event, select, update
from sqlalchemy.exc import DBAPIError, IntegrityError

from tandem.errors import ConflictError, DataCorrupted, StoreUnavailable, TandemError
from tandem.offline.durable_files import sync
from tandem.offline.iceberg.file_io import S3_FOLDER, DurableFileIO, location_of

CATALOG = "tandem"
NAMESPACE = "sagemaker_featurestore"

BUSY_TIMEOUT_SECONDS = 10.0
_RETRY_SECONDS = 0.02


class TableCatalog(SqlCatalog):
    """The catalog in the file `path`, which is made where it is missing, of tables whose files are
    below `folder`.

    Safe to use from many threads and processes. It holds no connection between calls, so there is
    nothing to close.
    """

    def __init__(
        self, path: Path, folder: Path, busy_timeout_seconds: float = BUSY_TIMEOUT_SECONDS
    ) -> None:
        # The class makes its engine itself and lets nobody set it up: it gets one in memory, which
        # is then replaced by ours.
        implementation = f"{DurableFileIO.__module__}.{DurableFileIO.__name__}"
        files = {PY_IO_IMPL: implementation, S3_FOLDER: str(folder)}
        super().__init__(CATALOG, uri="sqlite://", **files)
        self._io = DurableFileIO(files)
        self.engine.dispose()
        self._path = path
        self._busy_timeout_seconds = busy_timeout_seconds
        self.engine = create_engine(
            URL.create("sqlite", database=str(path)),
            poolclass=NullPool,
            connect_args={"timeout": busy_timeout_seconds},
        )
        event.listen(self.engine, "connect", _set_up_connection)
        is_new = not path.exists()
        with self.errors_named():
            self._make_tables()
        if is_new:
            sync(path.parent)

    def metadata_location(self, name: str) -> str | None:
        """Where the current version of a table is; None where there is no table."""
        query = select(IcebergTables.metadata_location).where(
            IcebergTables.catalog_name == CATALOG,
            IcebergTables.table_namespace == NAMESPACE,
            IcebergTables.table_name == name,
        )
        with self.errors_named(), self.engine.connect() as connection:
            return connection.scalar(query)

    def location_of(self, path: Path) -> str:
        """The location of a file or a folder below the folder of the files."""
        return location_of(self._io, path)

    def load(self, name: str) -> Table | None:
        """A table in its current version; None where there is none."""
        with self.errors_named():
            try:
                return self.load_table((NAMESPACE, name))
            except NoSuchTableError:
                return None
            except (ValidationError, InvalidDocument, ValueError) as error:
                raise DataCorrupted(
                    f"the Iceberg metadata file {self.metadata_location(name)} cannot be read"
                    f" ({error}): restore it from a backup"
                ) from error

    def read(self, location: str) -> TableMetadata | None:
        """What a metadata file says; None where it is none, as another program may have left it."""
        try:
            return FromInputFile.table_metadata(self._io.new_input(location))
        except (DataCorrupted, ValidationError, InvalidDocument, ValueError, EOFError, OSError):
            return None

    def create(
        self,
        name: str,
        schema: Schema,
        location: str,
        spec: PartitionSpec,
        properties: dict[str, str],
    ) -> Table:
        """The table, made now unless another process was faster."""
        with self.errors_named():
            # Of two that make the namespace at once, one finds it after its look or in its write.
            with suppress(NamespaceAlreadyExistsError, IntegrityError):
                self.create_namespace(NAMESPACE)
            try:
                return self.create_table(
                    (NAMESPACE, name), schema, location, spec, properties=properties
                )
            except TableAlreadyExistsError:
                return self.load_table((NAMESPACE, name))

    def exchange(self, name: str, expected: str, new: str) -> None:
        """Makes `new` the current version. Raises ConflictError where it is not `expected`."""
        statement = (
            update(IcebergTables)
            .where(
                IcebergTables.catalog_name == CATALOG,
                IcebergTables.table_namespace == NAMESPACE,
                IcebergTables.table_name == name,
                IcebergTables.metadata_location == expected,
            )
            .values(metadata_location=new, previous_metadata_location=expected)
        )
        with self.errors_named(), self.engine.begin() as connection:
            if not connection.execute(statement).rowcount:
                raise ConflictError(
                    f"the Iceberg table {name!r} has come past {expected}: read it again"
                )

    def _load_file_io(
        self,
        properties: Properties = EMPTY_DICT,  # noqa: ARG002
        location: str | None = None,  # noqa: ARG002
    ) -> FileIO:
        """Ours for every table, whatever class its properties name, which any program may set."""
        return self._io

    def _update_and_stage_table(
        self,
        current_table: Table | None,
        table_identifier: Identifier,
        requirements: tuple[TableRequirement, ...],
        updates: tuple[TableUpdate, ...],
    ) -> StagedTable:
        """The next version, whose moments do not come before those of the version it follows.

        The system clock may be set back, and Java's readers refuse a table whose versions or
        snapshots are a minute or more out of order. Snapshots have a millisecond each, so that old
        ones can be told from new.
        """
        latest_ms = -1 if current_table is None else current_table.metadata.last_updated_ms
        staged = super()._update_and_stage_table(
            current_table,
            table_identifier,
            requirements,
            tuple(_after(latest_ms, update) for update in updates),
        )
        if staged.metadata.last_updated_ms < latest_ms:
            staged.metadata = staged.metadata.model_copy(update={"last_updated_ms": latest_ms})
        return staged

    @contextmanager
    def errors_named(self) -> Iterator[None]:
        """Turns the driver's errors into ours, which name the file."""
        try:
            yield
        except DBAPIError as error:
            raise self._meaning(error) from error

    def _make_tables(self) -> None:
        """Makes the catalog's tables where they are missing. Two processes may do so together."""
        deadline = time.monotonic() + self._busy_timeout_seconds
        while True:
            try:
                self.create_tables()
            except DBAPIError as error:
                was_faster = "already exists" in str(error.orig)
                if not was_faster or time.monotonic() > deadline:
                    raise
                time.sleep(_RETRY_SECONDS)
            else:
                return

    def _meaning(self, error: DBAPIError) -> TandemError:
        # The primary code is the low byte of the extended one.
        code = getattr(error.orig, "sqlite_errorcode", 0) & 0xFF
        reason = str(error.orig)
        if code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
            return DataCorrupted(
                f"the Iceberg catalog {self._path} is damaged ({reason}): restore it from a backup"
            )
        if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
            return StoreUnavailable(
                f"the Iceberg catalog {self._path} was locked by another process for more than"
                f" {self._busy_timeout_seconds:g} seconds; try again"
            )
        if code == sqlite3.SQLITE_FULL:
            return StoreUnavailable(
                f"the disk that holds the Iceberg catalog {self._path} is full; free some space"
            )
        return StoreUnavailable(f"the Iceberg catalog {self._path} cannot be used: {reason}")


def _after(latest_ms: int, update: TableUpdate) -> TableUpdate:
    if not isinstance(update, AddSnapshotUpdate) or update.snapshot.timestamp_ms > latest_ms:
        return update
    snapshot = update.snapshot.model_copy(update={"timestamp_ms": latest_ms + 1})
    return update.model_copy(update={"snapshot": snapshot})


def _set_up_connection(connection: Any, _record: Any) -> None:
    cursor = connection.cursor()
    cursor.execute("PRAGMA synchronous = EXTRA")
    cursor.execute("PRAGMA fullfsync = ON")  # macOS: a sync reaches the disk itself
    cursor.close()
