"""New files that are there whole and for good, or not at all.

    stage     write under a temporary name, which readers of the folder pass over
    publish   sync every file ─► rename each to its name ─► sync every folder with a new entry

* A file is never seen in part: it has all its bytes, on disk, before it has its name.
* When `publish` returns, files and folders survive a power cut. A folder's entry is on disk only
  when its parent was synced, so every folder on the way from the root is.
* A temporary name belongs to one attempt alone, so that two processes at the same file cannot write
  into each other's. The attempt that succeeds removes what others left behind.
"""

import errno
import fcntl
import os
import secrets
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import BinaryIO

from tandem.errors import ConflictError, StoreUnavailable

# Hive, Spark, Athena and pyarrow pass over names that begin with "_"; DuckDB's "*.parquet" does not
# match the ending.
_TEMPORARY_PREFIX = "_"
_TEMPORARY_SUFFIX = ".partial"
_FULL = {errno.ENOSPC, errno.EDQUOT}
_BUFFER_BYTES = 1 << 20
_REMEMBERED_FOLDERS_MAX = 10_000
# On macOS a plain sync stops in the disk's own cache; this one does not.
_FULL_SYNC: int | None = getattr(fcntl, "F_FULLFSYNC", None)


def make_root(root: Path) -> None:
    """Makes the folder that a store lives in, so that it survives a power cut."""
    with _named(root):
        missing = [step for step in (root, *root.parents) if not step.exists()]
        root.mkdir(parents=True, exist_ok=True)
        for folder in {root.parent, *(step.parent for step in missing)}:
            # A folder above may be closed to us; whoever made it has synced it.
            with suppress(PermissionError):
                sync(folder)


def write_durably(path: Path, content: bytes) -> None:
    """Writes a file into a folder that is durable, for readers who do not come by listing.

    It has its name before it has its bytes; when this returns, it has both for good.
    """
    with _named(path.parent):
        path.write_bytes(content)
        sync(path)
        sync(path.parent)


class DurableFolders:
    """Folders below `root`, and which of them are known to survive a power cut.

    What another process has made, or this one before it crashed, is not known to; it is synced when
    it is met for the first time.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._durable: set[Path] = set()

    def make(self, folder: Path) -> set[Path]:
        """Makes `folder` where it is missing; returns the folders that must be synced for it."""
        unsynced = set()
        steps = [folder, *folder.parents]
        for step in reversed(steps[: steps.index(self._root)]):
            if step in self._durable and step.is_dir():
                continue
            step.mkdir(exist_ok=True)
            unsynced.add(step.parent)
        return unsynced

    def make_durable(self, folder: Path) -> None:
        """Makes `folder` so that it survives a power cut."""
        with _named(folder):
            for parent in sorted(self.make(folder)):
                sync(parent)
        self.are_durable({folder})

    def are_durable(self, folders: set[Path]) -> None:
        """Takes note that these folders, and all above them, have been synced in their parents."""
        # Forgetting costs a sync and never safety, so the set may simply be emptied.
        if len(self._durable) > _REMEMBERED_FOLDERS_MAX:
            self._durable.clear()
        for folder in folders:
            self._durable.update(
                step for step in (folder, *folder.parents) if step.is_relative_to(self._root)
            )


class DurableFiles:
    """Files that are staged one by one and published together.

    Leaving the `with` block before `publish` has returned removes the temporary files. Every call
    raises StoreUnavailable, with the folder, where the disk is full or refuses.
    """

    def __init__(self, folders: DurableFolders) -> None:
        self._folders = folders
        self._staged: list[tuple[Path, Path]] = []
        self._unsynced: set[Path] = set()

    def __enter__(self) -> "DurableFiles":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for temporary, _ in self._staged:
            with suppress(OSError):
                temporary.unlink(missing_ok=True)

    def stage(self, path: Path, write: Callable[[BinaryIO], object]) -> int:
        """Writes the file that is to become `path`; returns its size in bytes."""
        with _named(path.parent):
            self._unsynced |= self._folders.make(path.parent)
            temporary = _temporary_name(path)
            self._staged.append((temporary, path))
            with temporary.open("xb", buffering=_BUFFER_BYTES) as file:
                write(file)
                return file.tell()

    def publish(self) -> None:
        """Gives all staged files their names, replacing what an earlier attempt left there.

        Raises ConflictError where another attempt at the same files has cleared this one away.
        """
        # First all files, then all names, then all folders: the disk can work on many at a time.
        for temporary, path in self._staged:
            with _named(path.parent), _cleared_away(path):
                sync(temporary)
        for temporary, path in self._staged:
            with _named(path.parent), _cleared_away(path):
                temporary.replace(path)
        parents = {path.parent for _, path in self._staged}
        for folder in sorted(self._unsynced | parents):
            with _named(folder):
                sync(folder)
        self._folders.are_durable(parents)
        # Only now: the first attempt that comes here has all its names, so whom it clears away is
        # not needed. Two that cleared each other away before would both fail.
        _remove_leftovers(path for _, path in self._staged)
        self._staged.clear()


@contextmanager
def _named(folder: Path) -> Iterator[None]:
    """Turns the system's errors into ours, which name the folder."""
    try:
        yield
    except OSError as error:
        if error.errno in _FULL:
            raise StoreUnavailable(
                f"the disk that holds {folder} is full: free some space and try again"
            ) from error
        reason = error.strerror or str(error)
        raise StoreUnavailable(f"{folder} cannot be written: {reason}") from error


@contextmanager
def _cleared_away(path: Path) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError as error:
        raise ConflictError(
            f"another process is writing {path} too: read where delivery stands and try again"
        ) from error


def _temporary_name(path: Path) -> Path:
    attempt = secrets.token_hex(4)
    return path.with_name(f"{_TEMPORARY_PREFIX}{path.name}.{attempt}{_TEMPORARY_SUFFIX}")


def _remove_leftovers(paths: Iterable[Path]) -> None:
    """Removes what other attempts at the same files have under temporary names."""
    names_by_folder: dict[Path, set[str]] = {}
    for path in paths:
        names_by_folder.setdefault(path.parent, set()).add(path.name)
    for folder, names in names_by_folder.items():
        with _named(folder), os.scandir(folder) as found:
            for entry in found:
                if _final_name(entry.name) in names:
                    Path(entry.path).unlink(missing_ok=True)


def is_temporary(name: str) -> bool:
    """Whether files of this name are not whole yet, or never will be."""
    return _final_name(name) is not None


def _final_name(name: str) -> str | None:
    """The name that a temporary file is to have; None where it is not a temporary file."""
    if name.startswith(_TEMPORARY_PREFIX) and name.endswith(_TEMPORARY_SUFFIX):
        stem = name.removeprefix(_TEMPORARY_PREFIX).removesuffix(_TEMPORARY_SUFFIX)
        return stem.rpartition(".")[0]
    return None


def sync(path: Path) -> None:
    """Waits until a file's bytes, or a folder's entries, are on disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        if _FULL_SYNC is not None:
            fcntl.fcntl(descriptor, _FULL_SYNC)
        else:
            os.fsync(descriptor)
    finally:
        os.close(descriptor)
