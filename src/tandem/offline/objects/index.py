"""What S3 knows and files do not hold, in one SQLite database: `s3.sqlite` in the data folder.

* What is known of an object belongs to one file, by its size and time of change. It is on disk
  before the file has its name, so that a crash leaves the old object with what was known of it, or
  the new one with what is. A row whose file is not there means nothing.
* A file without a row is an object all the same: one that delivery or somebody else has written.
* Every call is one transaction, on disk when it returns. Many threads and processes may use it.
"""

import sqlite3
import threading
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec

from tandem.errors import StoreUnavailable
from tandem.offline.objects.details import Details, Identity, ObjectInfo, foreign_etag

_BUSY_SECONDS = 30
_KEYS_IN_A_STATEMENT = 500
_TABLES = """
CREATE TABLE IF NOT EXISTS objects (
    bucket TEXT, key TEXT, size INTEGER, mtime_ns INTEGER,
    etag TEXT NOT NULL, details BLOB NOT NULL,
    PRIMARY KEY (bucket, key, size, mtime_ns)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS buckets (bucket TEXT PRIMARY KEY, created_ns INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS settings (
    bucket TEXT, name TEXT, body BLOB NOT NULL, PRIMARY KEY (bucket, name)
);
CREATE TABLE IF NOT EXISTS uploads (
    upload_id TEXT PRIMARY KEY, bucket TEXT NOT NULL, key TEXT NOT NULL, begun_ns INTEGER NOT NULL,
    details BLOB NOT NULL, algorithm TEXT NOT NULL, checksum_type TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS uploads_by_key ON uploads (bucket, key, upload_id);
CREATE TABLE IF NOT EXISTS parts (
    upload_id TEXT, number INTEGER, size INTEGER NOT NULL, etag TEXT NOT NULL,
    checksum BLOB NOT NULL, modified_ns INTEGER NOT NULL, file TEXT NOT NULL,
    PRIMARY KEY (upload_id, number)
);
"""
_INSERT_OBJECT = "INSERT OR REPLACE INTO objects VALUES (?, ?, ?, ?, ?, ?)"
_decode_details = msgspec.json.Decoder(Details).decode
encode_details = msgspec.json.Encoder().encode


class Index:
    def __init__(self, path: Path) -> None:
        self._lock = threading.Lock()
        # One connection for all threads, which the lock lets in one at a time.
        self._connection = sqlite3.connect(
            path, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False
        )
        with self._named():
            self._connection.execute("PRAGMA journal_mode=WAL")
            self._connection.execute("PRAGMA synchronous=FULL")
            self._connection.executescript(_TABLES)

    def close(self) -> None:
        with self._lock:
            self._connection.close()

    @contextmanager
    def changing(self) -> Iterator[sqlite3.Connection]:
        """A transaction; on disk when the block is left, undone where it raises."""
        with self._lock, self._named():
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
            except BaseException:
                self._connection.execute("ROLLBACK")
                raise
            self._connection.execute("COMMIT")

    def rows(self, statement: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        with self._lock, self._named():
            return self._connection.execute(statement, values).fetchall()

    def remember(self, bucket: str, info: ObjectInfo, current: Identity | None) -> None:
        """Notes what is known of a file that is about to get its name.

        What is known of the file `current`, which has the name until then, stays.
        """
        kept = current or info.identity
        with self.changing() as connection:
            connection.execute(
                "DELETE FROM objects WHERE bucket = ? AND key = ?"
                " AND NOT (size = ? AND mtime_ns = ?)",
                (bucket, info.key, kept.size, kept.mtime_ns),
            )
            connection.execute(_INSERT_OBJECT, _object_row(bucket, info))

    def add(self, bucket: str, info: ObjectInfo) -> None:
        """Notes what is known of a file, beside all that is known already."""
        with self.changing() as connection:
            connection.execute(_INSERT_OBJECT, _object_row(bucket, info))

    def forget(self, bucket: str, keys: Collection[str]) -> None:
        """Forgets objects that are gone."""
        with self.changing() as connection:
            connection.executemany(
                "DELETE FROM objects WHERE bucket = ? AND key = ?", [(bucket, key) for key in keys]
            )

    def about(self, bucket: str, key: str, identity: Identity) -> ObjectInfo | None:
        """What is known of a file; None where that is nothing."""
        found = self.rows(
            "SELECT etag, details FROM objects"
            " WHERE bucket = ? AND key = ? AND size = ? AND mtime_ns = ?",
            (bucket, key, identity.size, identity.mtime_ns),
        )
        if not found:
            return None
        etag, details = found[0]
        return ObjectInfo(key, identity, etag, _decode_details(details))

    def of_size(self, bucket: str, key: str, size: int) -> list[ObjectInfo]:
        """What is known of files with this key and size, whatever their time of change."""
        found = self.rows(
            "SELECT mtime_ns, etag, details FROM objects WHERE bucket = ? AND key = ? AND size = ?",
            (bucket, key, size),
        )
        return [
            ObjectInfo(key, Identity(size, mtime_ns), etag, _decode_details(details))
            for mtime_ns, etag, details in found
        ]

    def etags(self, bucket: str, identities: Mapping[str, Identity]) -> dict[str, str]:
        """The ETags of many files, by key."""
        etags = {key: foreign_etag(identity) for key, identity in identities.items()}
        keys = list(identities)
        for start in range(0, len(keys), _KEYS_IN_A_STATEMENT):
            some = keys[start : start + _KEYS_IN_A_STATEMENT]
            marks = ", ".join("?" * len(some))
            found = self.rows(
                "SELECT key, size, mtime_ns, etag FROM objects"  # noqa: S608 - question marks only
                f" WHERE bucket = ? AND key IN ({marks})",
                [bucket, *some],
            )
            etags.update(
                (key, etag)
                for key, size, mtime_ns, etag in found
                if identities[key] == Identity(size, mtime_ns)
            )
        return etags

    def folder_markers(self, bucket: str) -> list[str]:
        """Keys that end in "/", in order: folders that somebody has put as objects."""
        rows = self.rows(
            "SELECT DISTINCT key FROM objects WHERE bucket = ? AND substr(key, -1) = '/'", (bucket,)
        )
        return sorted(key for (key,) in rows)

    @contextmanager
    def _named(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise StoreUnavailable(f"what S3 knows cannot be kept: {error}; try again") from error


def _object_row(bucket: str, info: ObjectInfo) -> tuple[Any, ...]:
    identity = info.identity
    details = encode_details(info.details)
    return (bucket, info.key, identity.size, identity.mtime_ns, info.etag, details)
