"""The registry's SQLite database: connections, transactions, and what the driver's errors mean.

* A writing transaction takes the write lock when it begins, so that what it reads is still true
  when it writes. A reading one sees a single moment; thanks to the write-ahead log it neither waits
  for a writer nor holds one up.
* A commit is synced to the disk before it returns.
* A database that was laid out by an older Tandem is brought up to date when it is opened; one that
  was laid out by a newer Tandem is refused.
"""

import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, create_engine, event, insert, inspect, select
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from tandem.errors import DataCorrupted, StoreUnavailable, TandemError
from tandem.registry.sql.migrations import migrate
from tandem.registry.sql.tables import (
    SCHEMA_VERSION,
    definitions_version,
    metadata,
    schema_version,
)

BUSY_TIMEOUT_SECONDS = 10.0
_CONNECTIONS_MAX = 32
_RETRY_SECONDS = 0.02


class Database:
    """The database at `path`, which is made with its tables where it is missing."""

    def __init__(self, path: Path, busy_timeout_seconds: float = BUSY_TIMEOUT_SECONDS) -> None:
        self._path = path
        self._is_closed = False
        self._busy_timeout_seconds = busy_timeout_seconds
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StoreUnavailable(f"the registry's folder cannot be made: {error}") from error
        self._engine = create_engine(
            URL.create("sqlite", database=str(path)),
            # The driver must not open transactions by itself: ours say how they begin.
            connect_args={"isolation_level": None, "timeout": busy_timeout_seconds},
            pool_size=_CONNECTIONS_MAX,
            max_overflow=0,
            pool_timeout=busy_timeout_seconds,
        )
        event.listen(self._engine, "connect", _set_up_connection)
        try:
            self._prepare()
        except BaseException:
            self.close()
            raise

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A transaction that sees the database at one moment. Nothing may be written in it."""
        with self._transaction("BEGIN") as connection:
            yield connection

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """A transaction that is committed at the end, or undone where the block raises.

        IntegrityError passes through: only the caller knows which rule its rows broke.
        """
        with self._transaction("BEGIN IMMEDIATE") as connection:
            yield connection
            connection.commit()

    @contextmanager
    def write_if_free(self) -> Iterator[Connection | None]:
        """A moment in which nobody else writes, without waiting for it: None where somebody does.
        It is for looking; nothing may be written in it.
        """
        with self._connection() as connection:
            if _begins_at_once(connection, int(self._busy_timeout_seconds * 1_000)):
                yield connection
            else:
                yield None

    def close(self) -> None:
        self._is_closed = True
        self._engine.dispose()

    @contextmanager
    def _transaction(self, begin: str) -> Iterator[Connection]:
        with self._connection() as connection:
            connection.exec_driver_sql(begin)
            yield connection

    @contextmanager
    def _connection(self) -> Iterator[Connection]:
        """A connection, with the driver's errors made ours; what it has begun is undone."""
        if self._is_closed:
            raise StoreUnavailable("the registry is closed")
        try:
            with self._engine.connect() as connection:
                yield connection
        except IntegrityError:
            raise
        except DBAPIError as error:
            raise self._meaning(error) from error
        except PoolTimeout as error:
            raise StoreUnavailable(
                f"the registry {self._path} is too busy: all {_CONNECTIONS_MAX} connections are"
                " in use; try again"
            ) from error

    def _prepare(self) -> None:
        is_new = not self._path.exists()
        self._use_write_ahead_log()
        with self.read() as connection:
            version = _stored_version(connection)
        if version is None or version < SCHEMA_VERSION:
            version = self._lay_out()
        if version > SCHEMA_VERSION:
            raise StoreUnavailable(
                f"the registry {self._path} has layout version {version}, and this Tandem knows"
                f" {SCHEMA_VERSION}: open it with the newer Tandem that made it"
            )
        if is_new:
            _sync_folder(self._path.parent)

    def _lay_out(self) -> int:
        """Makes the tables or brings them up to date, unless another process was faster; returns
        the version there is.
        """
        with self.write() as connection:
            version = _stored_version(connection)
            if version is None:
                metadata.create_all(connection)
                connection.execute(insert(definitions_version).values(version=0))
                connection.execute(insert(schema_version).values(version=SCHEMA_VERSION))
            elif version < SCHEMA_VERSION:
                migrate(connection, version)
        return max(version or 0, SCHEMA_VERSION)

    def _use_write_ahead_log(self) -> None:
        """Turns the write-ahead log on; the file remembers it.

        SQLite gives up at once, busy timeout or not, where two processes do this together.
        """
        deadline = time.monotonic() + self._busy_timeout_seconds
        while True:
            try:
                with self._engine.connect() as connection:
                    connection.exec_driver_sql("PRAGMA journal_mode = WAL")
                    return
            except DBAPIError as error:
                if _error_code(error) != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                    raise self._meaning(error) from error
                time.sleep(_RETRY_SECONDS)

    def _meaning(self, error: DBAPIError) -> TandemError:
        code = _error_code(error)
        reason = str(error.orig)
        if code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
            return DataCorrupted(
                f"the registry {self._path} is damaged ({reason}): restore it from a backup"
            )
        if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
            return StoreUnavailable(
                f"the registry {self._path} was locked by another process for more than"
                f" {self._busy_timeout_seconds:g} seconds; try again"
            )
        if code == sqlite3.SQLITE_FULL:
            return StoreUnavailable(
                f"the disk that holds the registry {self._path} is full; free some space"
            )
        return StoreUnavailable(f"the registry {self._path} cannot be used: {reason}")


def _stored_version(connection: Connection) -> int | None:
    if not inspect(connection).has_table(schema_version.name):
        return None
    return connection.scalar(select(schema_version.c.version))


def _set_up_connection(connection: Any, _record: Any) -> None:
    cursor = connection.cursor()
    cursor.execute("PRAGMA synchronous = FULL")
    cursor.execute("PRAGMA fullfsync = ON")  # macOS: a sync reaches the disk itself
    cursor.close()


def _begins_at_once(connection: Connection, busy_timeout_ms: int) -> bool:
    """Whether the write lock was free; then the connection has it."""
    connection.exec_driver_sql("PRAGMA busy_timeout = 0")
    try:
        connection.exec_driver_sql("BEGIN IMMEDIATE")
    except DBAPIError as error:
        if _error_code(error) != sqlite3.SQLITE_BUSY:
            raise
        return False
    finally:
        connection.exec_driver_sql(f"PRAGMA busy_timeout = {busy_timeout_ms}")
    return True


def _error_code(error: DBAPIError) -> int:
    """SQLite's primary code: the low byte of the extended one."""
    return getattr(error.orig, "sqlite_errorcode", 0) & 0xFF


def _sync_folder(folder: Path) -> None:
    """Makes the database's own name in its folder survive a power cut."""
    with suppress(OSError):  # not every file system can sync a folder
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
