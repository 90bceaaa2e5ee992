"""The object store: objects are read, put, copied and deleted.

* An object appears whole, and what was there before stays until it does. When `publish` returns,
  its bytes, its name and what is known of it survive `kill -9` and a power cut.
* Conditions are judged in the same moment in which the object changes, among all processes.
* No key reaches a file outside its bucket's folder. Links and what is no plain file are not there.
* A key cannot be the beginning of another one at a "/": "a" is a file or a folder, not both.
"""

import errno
import io
import os
import stat
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, suppress
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple, cast

from tandem.model.feature_group import FeatureGroup
from tandem.offline.durable_files import DurableFolders, make_root, sync
from tandem.offline.objects.buckets import Buckets
from tandem.offline.objects.checksums import MD5
from tandem.offline.objects.details import Details, Identity, ObjectInfo, foreign_etag
from tandem.offline.objects.errors import InvalidKey, KeyConflict, NoSuchKey, PreconditionFailed
from tandem.offline.objects.history import HistoryGuard
from tandem.offline.objects.index import Index
from tandem.offline.objects.keys import check_key, has_link, is_folder, path_of
from tandem.offline.objects.listing import Found, LakeFile, Question, Walk, identity_of
from tandem.offline.objects.locks import NamedLocks
from tandem.offline.objects.restored import RestoredObjects
from tandem.offline.objects.staging import StagedFile, Staging

Condition = Callable[[ObjectInfo | None], None]
"""Looks at the object that is there, and raises where the request must not go on."""

_LOCKS = 64
_BUFFER_BYTES = 1 << 20
_ATTEMPTS = 5
_NO_FILE = {errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.EISDIR, errno.ENXIO}


def no_condition(current: ObjectInfo | None) -> None:
    """What is there does not matter."""


class OpenObject:
    """An object and its bytes, which stay what they were however the object changes meanwhile."""

    def __init__(self, info: ObjectInfo, descriptor: int | None) -> None:
        self.info = info
        self.descriptor = descriptor

    def read(self, offset: int, size: int) -> bytes:
        return b"" if self.descriptor is None else os.pread(self.descriptor, size, offset)

    def close(self) -> None:
        if self.descriptor is not None:
            os.close(self.descriptor)
            self.descriptor = None

    def __enter__(self) -> "OpenObject":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class Page(NamedTuple):
    """Objects and common beginnings of keys, and where to go on, or None at the end."""

    objects: Sequence[ObjectInfo]
    prefixes: Sequence[str]
    after: str | None


class ObjectStore:
    """The objects below `root`. `database` is a file beside it, and so are locks. Safe to use from
    many threads and processes.
    """

    def __init__(
        self,
        root: Path,
        database: Path,
        live: Callable[[], Sequence[FeatureGroup]],
        deleted: Callable[[], Sequence[FeatureGroup]] = lambda: (),
    ) -> None:
        make_root(root)
        self._root = root.resolve()
        self.index = Index(database)
        self._restored = RestoredObjects(self.index)
        self.staging = Staging(self._root)
        self._guard = HistoryGuard(live, deleted)
        self.buckets = Buckets(self._root, self.index, self._guard)
        self._folders = DurableFolders(self._root)
        self.locks = database.with_suffix(".locks")
        self._locks = NamedLocks(self.locks / "objects", _LOCKS)
        self._tree_lock = NamedLocks(self.locks / "tree", 1)

    def close(self) -> None:
        self.index.close()

    def open(self, bucket: str, key: str) -> OpenObject:
        """Raises NoSuchBucket, NoSuchKey, InvalidKey."""
        path = self._path(bucket, key)
        if is_folder(key):
            return OpenObject(self._marker(bucket, key, path), None)
        try:
            # Neither a link nor a pipe that would wait for a writer is followed.
            flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
            descriptor = -1 if has_link(self._root, path) else os.open(path, flags)
        except OSError as error:
            if error.errno not in _NO_FILE:
                raise
            descriptor = -1
        if descriptor < 0:
            raise _no_such_key(bucket, key)
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode):
            os.close(descriptor)
            raise _no_such_key(bucket, key)
        identity = Identity(found.st_size, found.st_mtime_ns)
        try:
            info = self.index.about(bucket, key, identity) or self._restored.find(
                bucket, key, identity, descriptor
            )
        except BaseException:
            os.close(descriptor)
            raise
        return OpenObject(info or ObjectInfo(key, identity, foreign_etag(identity)), descriptor)

    def info(self, bucket: str, key: str) -> ObjectInfo:
        """Raises NoSuchBucket, NoSuchKey, InvalidKey."""
        with self.open(bucket, key) as found:
            return found.info

    def check_writable(self, bucket: str, key: str) -> None:
        """Raises what `publish` would, so that no bytes need be sent in vain."""
        path = self._path(bucket, key)
        if has_link(self._root, path):
            raise InvalidKey(
                f"the key {key[:256]!r} leads over a link, which is not written through"
            )
        is_there = identity_of(path) is not None
        self._guard.check(bucket, key, exists=is_there)
        if not is_folder(key) and path.is_dir() and self._is_used(bucket, key):
            raise _is_a_folder(key)
        for step in _folders_of(key):
            above = path_of(self._root / bucket, step)
            if not above.is_dir() and above.exists():
                raise KeyConflict(
                    f"{key[:256]!r} cannot be, since {step[:256]!r} is an object: a file cannot be"
                    " a folder too; name one of them otherwise"
                )

    def put(self, bucket: str, key: str, write: Callable[[BinaryIO], object]) -> ObjectInfo:
        """Makes what `write` writes to a file the object."""
        self.check_writable(bucket, key)
        staged = self.staging.new_file()
        try:
            with io.BufferedWriter(_StagedOutput(staged), _BUFFER_BYTES) as output:
                write(cast("BinaryIO", output))
            etag = staged.finish()[MD5].hex()
            return self.publish(bucket, key, staged, etag, Details())
        finally:
            staged.close()

    def publish(
        self,
        bucket: str,
        key: str,
        staged: StagedFile,
        etag: str,
        details: Details,
        condition: Condition = no_condition,
        *,
        only_new: bool = False,
    ) -> ObjectInfo:
        """Makes a staged file the object. Raises what `condition` does, and PreconditionFailed."""
        identity = staged.seal()
        info = ObjectInfo(key, identity, etag, details)
        with self._locked(bucket, key):
            current = self._current(bucket, key)
            condition(current)
            self.check_writable(bucket, key)
            if is_folder(key):
                return self._publish_marker(bucket, info, only_new=only_new and current is not None)
            self.index.remember(bucket, info, current.identity if current else None)
            self._give_name(staged.path, path_of(self._root / bucket, key), only_new=only_new)
        return info

    def change_details(self, bucket: str, key: str, details: Details) -> None:
        """Notes something else of an object that stays what it is."""
        with self._locked(bucket, key):
            current = self.info(bucket, key)
            self._guard.check(bucket, key, exists=True)
            changed = ObjectInfo(key, current.identity, current.etag, details)
            self.index.remember(bucket, changed, current.identity)

    def delete(self, bucket: str, key: str, condition: Condition = no_condition) -> None:
        """Deletes an object for good; one that is not there is deleted already."""
        path = self._path(bucket, key)
        with self._locked(bucket, key):
            current = self._current(bucket, key)
            condition(current)
            self._guard.check(bucket, key, exists=current is not None)
            if current is None:
                return
            with self._tree():
                if not is_folder(key):
                    path.unlink(missing_ok=True)
                self.index.forget(bucket, [key])
                lowest = self._prune(bucket, path)
            with suppress(FileNotFoundError):
                sync(lowest)

    def page(self, bucket: str, question: Question, size: int) -> Page:
        """At most `size` objects and common prefixes. Raises NoSuchBucket."""
        found = list(islice(self._walk(bucket, question), size + 1)) if size else []
        shown, rest = found[:size], found[size:]
        identities = {
            one.key: identity
            for one in shown
            if one.path is not None and (identity := self._listed(bucket, one.key, one.path))
        }
        etags = self.index.etags(bucket, identities)
        return Page(
            [ObjectInfo(key, identity, etags[key]) for key, identity in identities.items()],
            [one.key for one in shown if one.path is None],
            shown[-1].key if rest else None,
        )

    def files(self, bucket: str, prefix: str) -> list[LakeFile]:
        """The files of the objects whose keys begin with `prefix`, by key. Raises NoSuchBucket."""
        return [
            LakeFile(one.key, one.path, identity.size)
            for one in self._walk(bucket, Question(prefix))
            if one.path is not None
            and not is_folder(one.key)
            and (identity := identity_of(one.path)) is not None
        ]

    def is_history(self, bucket: str, key: str) -> bool:
        """Whether a key is in the folder of a feature group's history."""
        return self._guard.has(bucket, key)

    def delete_bucket(self, bucket: str) -> None:
        with self._tree():
            has_objects = any(True for _ in self._walk(bucket, Question()))
            self._folders = DurableFolders(self._root)
            self.buckets.delete(bucket, has_objects=has_objects)

    def _walk(self, bucket: str, question: Question) -> Iterator[Found]:
        folder = self.buckets.folder(bucket)
        return iter(Walk(folder, self.index.folder_markers(bucket), question))

    def _listed(self, bucket: str, key: str, path: Path) -> Identity | None:
        """Which file a key of a listing stands for; None where it went away meanwhile."""
        if not is_folder(key):
            return identity_of(path)
        with suppress(NoSuchKey):
            return self._marker(bucket, key, path).identity
        return None

    def _path(self, bucket: str, key: str) -> Path:
        folder = self.buckets.folder(bucket)
        check_key(key)
        return path_of(folder, key)

    def _current(self, bucket: str, key: str) -> ObjectInfo | None:
        try:
            return self.info(bucket, key)
        except NoSuchKey:
            return None

    def _marker(self, bucket: str, key: str, path: Path) -> ObjectInfo:
        markers = self.index.rows(
            "SELECT size, mtime_ns FROM objects WHERE bucket = ? AND key = ?", (bucket, key)
        )
        if not markers or not path.is_dir() or has_link(self._root, path):
            raise _no_such_key(bucket, key)
        info = self.index.about(bucket, key, Identity(*markers[0]))
        if info is None:
            raise _no_such_key(bucket, key)
        return info

    def _is_used(self, bucket: str, key: str) -> bool:
        """Whether a folder holds an object, or is one."""
        return any(True for _ in self._walk(bucket, Question(prefix=f"{key}/")))

    def _publish_marker(self, bucket: str, info: ObjectInfo, *, only_new: bool) -> ObjectInfo:
        if only_new:
            raise PreconditionFailed(f"{info.key[:256]!r} exists already")
        with self._tree():
            self._folders.make_durable(path_of(self._root / bucket, info.key))
            self.index.remember(bucket, info, None)
        return info

    def _give_name(self, staged: Path, path: Path, *, only_new: bool) -> None:
        for attempt in range(_ATTEMPTS):
            try:
                with self._tree():
                    folders = self._folders
                    unsynced = folders.make(path.parent)
                    if path.is_dir():
                        _remove_empty(path)
                    _rename(staged, path, only_new=only_new)
                break
            except (FileNotFoundError, NotADirectoryError, FileExistsError):
                # Another program has removed a folder, or put something in the way.
                if attempt + 1 == _ATTEMPTS or not staged.exists():
                    raise
        for folder in sorted({*unsynced, path.parent}):
            # What is not there any more was deleted after the object had its name.
            with suppress(FileNotFoundError):
                sync(folder)
        folders.are_durable({path.parent})

    def _prune(self, bucket: str, path: Path) -> Path:
        """Removes the folders above a deleted file that hold nothing any more, up to the bucket.

        Returns the lowest folder that is left.
        """
        markers = set(self.index.folder_markers(bucket))
        top = self._root / bucket
        folder = path if path.is_dir() else path.parent
        removed = False
        while folder != top:
            key = folder.relative_to(top).as_posix()
            if f"{key}/" in markers or self._guard.keeps(bucket, key):
                break
            try:
                folder.rmdir()
            except OSError:
                break
            removed = True
            folder = folder.parent
        if removed:
            self._folders = DurableFolders(self._root)
        return folder

    def _locked(self, bucket: str, key: str) -> AbstractContextManager[None]:
        return self._locks.held(f"{bucket}/{key}")

    def _tree(self) -> AbstractContextManager[None]:
        """Held where folders come and go: none is removed under a file on its way into it."""
        return self._tree_lock.held("")


class _StagedOutput(io.RawIOBase):
    """A staged file as Python's files are."""

    def __init__(self, staged: StagedFile) -> None:
        self._staged = staged

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self._staged.write(bytes(data))
        return len(data)


def _rename(staged: Path, path: Path, *, only_new: bool) -> None:
    if not only_new:
        staged.replace(path)
        return
    try:
        os.link(staged, path)  # unlike a rename, it fails where something is
    except FileExistsError:
        raise PreconditionFailed(f"{path.name[:256]!r} exists already") from None
    staged.unlink()


def _remove_empty(folder: Path) -> None:
    """Removes a folder that holds nothing but folders. Raises KeyConflict where it holds more."""
    for path, _, _ in os.walk(folder, topdown=False):
        try:
            Path(path).rmdir()
        except OSError:
            raise _is_a_folder(folder.name) from None


def _folders_of(key: str) -> list[str]:
    segments = key.removesuffix("/").split("/")
    return ["/".join(segments[:count]) for count in range(1, len(segments))]


def _is_a_folder(key: str) -> KeyConflict:
    return KeyConflict(
        f"{key[:256]!r} cannot be an object, since there are objects whose keys begin with"
        f" {key[:256] + '/'!r}: a folder cannot be a file too; name one of them otherwise"
    )


def _no_such_key(bucket: str, key: str) -> NoSuchKey:
    return NoSuchKey(f"the bucket {bucket!r} has no object {key[:256]!r}")
