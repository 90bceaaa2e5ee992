"""Buckets: folders below one root, and what is set on them.

A folder with a bucket's name is a bucket, whoever made it. So is what a feature group names as the
place of its history, from the moment it does: it is an empty bucket until the first delivery.
"""

import os
import stat
import time
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from tandem.offline.durable_files import DurableFolders, sync
from tandem.offline.objects.errors import (
    BucketExists,
    BucketNotEmpty,
    NoSuchBucket,
    NoSuchSetting,
)
from tandem.offline.objects.history import HistoryGuard
from tandem.offline.objects.index import Index
from tandem.offline.objects.keys import check_new_bucket_name, is_bucket_name


class Bucket(NamedTuple):
    name: str
    created_ns: int


class Buckets:
    def __init__(self, root: Path, index: Index, guard: HistoryGuard) -> None:
        self._root = root
        self._index = index
        self._guard = guard

    def all(self) -> list[Bucket]:
        """All buckets by name."""
        with os.scandir(self._root) as found:
            names = {
                entry.name
                for entry in found
                if is_bucket_name(entry.name) and entry.is_dir(follow_symlinks=False)
            }
        names |= {name for name in self._guard.buckets() if is_bucket_name(name)}
        created = dict(self._index.rows("SELECT bucket, created_ns FROM buckets"))
        return [Bucket(name, created.get(name) or self._since(name)) for name in sorted(names)]

    def exists(self, name: str) -> bool:
        return is_bucket_name(name) and (self._is_folder(name) or name in self._guard.buckets())

    def folder(self, name: str) -> Path:
        """The bucket's folder, which may not exist yet. Raises NoSuchBucket."""
        if not self.exists(name):
            raise NoSuchBucket(
                f"the bucket {name[:64]!r} does not exist: create it, or look at the name"
            )
        return self._root / name

    def create(self, name: str) -> None:
        """Makes a bucket that survives a power cut. Raises InvalidBucketName, BucketExists."""
        check_new_bucket_name(name)
        if self.exists(name):
            raise BucketExists(f"the bucket {name!r} exists already, and you own it")
        with self._index.changing() as connection:
            connection.execute(
                "INSERT OR REPLACE INTO buckets VALUES (?, ?)", (name, time.time_ns())
            )
        DurableFolders(self._root).make_durable(self._root / name)

    def delete(self, name: str, *, has_objects: bool) -> None:
        """Removes a bucket that is empty. Raises NoSuchBucket, BucketNotEmpty."""
        folder = self.folder(name)
        if name in self._guard.buckets():
            raise BucketNotEmpty(
                f"the bucket {name!r} holds the history of a feature group: delete the group first"
            )
        uploads = self._index.rows("SELECT 1 FROM uploads WHERE bucket = ? LIMIT 1", (name,))
        if has_objects or uploads or _has_files(folder):
            what = "multipart uploads that are not completed" if uploads else "objects"
            raise BucketNotEmpty(f"the bucket {name!r} still holds {what}: delete them first")
        # Only folders are left. A file that comes meanwhile is found by rmdir, and stays.
        _remove_empty_folders(folder)
        if folder.exists():
            raise BucketNotEmpty(f"somebody writes into the bucket {name!r} at this moment")
        with self._index.changing() as connection:
            for table in ("buckets", "settings", "objects"):
                connection.execute(f"DELETE FROM {table} WHERE bucket = ?", (name,))  # noqa: S608
        sync(self._root)

    def setting(self, bucket: str, name: str) -> bytes:
        """What was set on a bucket. Raises NoSuchBucket, NoSuchSetting."""
        self.folder(bucket)
        found = self._index.rows(
            "SELECT body FROM settings WHERE bucket = ? AND name = ?", (bucket, name)
        )
        if not found:
            raise NoSuchSetting(f"the bucket {bucket!r} has no {name} set")
        return bytes(found[0][0])

    def set(self, bucket: str, name: str, body: bytes | None) -> None:
        """Sets something on a bucket, or takes it away. Raises NoSuchBucket."""
        self.folder(bucket)
        with self._index.changing() as connection:
            connection.execute("DELETE FROM settings WHERE bucket = ? AND name = ?", (bucket, name))
            if body is not None:
                connection.execute("INSERT INTO settings VALUES (?, ?, ?)", (bucket, name, body))

    def _is_folder(self, name: str) -> bool:
        try:
            return stat.S_ISDIR((self._root / name).lstat().st_mode)
        except FileNotFoundError:
            return False

    def _since(self, name: str) -> int:
        try:
            return (self._root / name).lstat().st_ctime_ns
        except FileNotFoundError:
            return time.time_ns()


def _has_files(folder: Path) -> bool:
    return any(files for _, _, files in os.walk(folder))


def _remove_empty_folders(folder: Path) -> None:
    for path, _, _ in os.walk(folder, topdown=False):
        with suppress(OSError):
            Path(path).rmdir()
