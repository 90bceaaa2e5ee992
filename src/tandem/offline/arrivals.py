"""Files that other programs put below a group's data folder, until their rows are history.

    {group}/data/**/x.parquet                  found: it is none of Tandem's own
    {group}/_adopting/{batch}.open/**          taken
    {group}/_adopting/{batch}/**               sealed: these files, all of them, become rows
    {group}/_adopting/{batch}.done/**          all rows are in; on the way out
    {group}/_refused/{batch}/**                no row was taken

* A file is in one of these places at a time: each step is a rename. What a step rests on is on disk
  before it: a sealed batch has its files with all their bytes, whatever their writers have synced.
* Names that begin with "_" or ".", of files or folders, are those of writers who are not done, and
  are passed over. Tandem's own files are named so until they are whole; then they are in the
  manifest, or their delivery is under way or was cut short.
* A file that has no footer is not whole, or no Parquet file; it stays where it is.
"""

import fcntl
import os
import re
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from tandem.errors import ConflictError, StoreUnavailable
from tandem.offline.base import Arrival, Arrivals, Batch, refused_place
from tandem.offline.durable_files import sync
from tandem.offline.locations import GroupFolder

ADOPTING = "_adopting"
_REFUSED = "_refused"
_OPEN, _DONE = ".open", ".done"
_PASSING = ("_", ".")
_ENDING = ".parquet"
_MAGIC = b"PAR1"
_MAGIC_OF_ENCRYPTED = b"PARE"
_FOOTER_BYTES = 8
_POLL_SECONDS = 0.05
_DELIVERED = re.compile(r"\d{8}T\d{6}Z_[0-9A-Za-z]{16}\.parquet", re.ASCII)
"""What Tandem calls its files. AWS's are called so too."""


class ArrivalFolder(Arrivals):
    """`own_files` gives the paths of the files in the manifest, relative to the group's folder."""

    def __init__(self, folder: GroupFolder, own_files: Callable[[], set[str]]) -> None:
        self._folder = folder
        self._data = folder.path / folder.data_name
        self._adopting = folder.path / ADOPTING
        self._own_files = own_files
        self._listing_without_any: int | None = None

    @contextmanager
    def alone(self, wait_seconds: float) -> Iterator[Sequence[Batch]]:
        self._make(self._adopting)
        # A lock on a folder: there is no file to look after, and the system frees it.
        descriptor = os.open(self._adopting, os.O_RDONLY)
        try:
            deadline = time.monotonic() + wait_seconds
            while not _try_lock(descriptor):
                if time.monotonic() >= deadline:
                    raise ConflictError(
                        f"files below {self._data} are being adopted by another call: try again"
                    )
                time.sleep(_POLL_SECONDS)
            yield [self._batch(path) for path in sorted(self._adopting.iterdir())]
        finally:
            os.close(descriptor)

    def has_batches(self) -> bool:
        return self._adopting.is_dir() and any(self._adopting.iterdir())

    def found(self, is_delivering: Callable[[], bool]) -> Sequence[Arrival]:
        listed = list(_files_below(self._data))
        listing = hash(tuple(path for path, _ in listed))
        if listing == self._listing_without_any:
            return []
        # In this order. Of a file that was listed, delivery had begun; if it is over by now, the
        # manifest has the file.
        may_be_own = is_delivering()
        own = self._own_files()
        found = []
        for path, entry in listed:
            if f"{self._folder.data_name}/{path}" not in own:
                is_delivered_now = may_be_own and _DELIVERED.fullmatch(entry.name) is not None
                with suppress(FileNotFoundError):
                    found.append(_arrival(path, entry, is_delivered_now))
        self._listing_without_any = None if found else listing
        return found

    def take(self, batch: str, paths: Sequence[str]) -> Batch:
        place = self._adopting / (batch + _OPEN)
        self._make(place)
        for path in paths:
            source, target = self._data / path, place / path
            self._make(target.parent)
            with suppress(FileNotFoundError):
                source.rename(target)
                # Hadoop's checksum of a local file lies beside it.
                source.with_name(f".{source.name}.crc").unlink(missing_ok=True)
                sync(source.parent)
                sync(target)
                sync(target.parent)
        return self._batch(place)

    def refuse(self, batch: str, path: str) -> None:
        target = self._folder.path / refused_place(batch, path)
        self._make(target.parent)
        (self._adopting / (batch + _OPEN) / path).rename(target)
        sync(target.parent)

    def seal(self, batch: str, without: Sequence[str]) -> Batch:
        sealed, place = self._adopting / batch, self._adopting / (batch + _OPEN)
        for path in without:
            (place / path).unlink()
            sync((place / path).parent)
        place.rename(sealed)
        sync(self._adopting)
        return self._batch(sealed)

    def finish(self, batch: str, forget: Callable[[], None]) -> None:
        done = self._adopting / (batch + _DONE)
        with suppress(FileNotFoundError):
            (self._adopting / batch).rename(done)
            sync(self._adopting)
        forget()
        shutil.rmtree(done)

    def refused(self) -> set[str]:
        return {f"{_REFUSED}/{path}" for path, _ in _files_below(self._folder.path / _REFUSED)}

    def _batch(self, place: Path) -> Batch:
        ending = place.suffix
        return Batch(
            name=place.name.removesuffix(_OPEN).removesuffix(_DONE),
            files={path: place / path for path, _ in _files_below(place)},
            is_sealed=ending != _OPEN,
            is_done=ending == _DONE,
        )

    def _make(self, folder: Path) -> None:
        """Makes a folder in the group's own, so that it survives a power cut."""
        if folder.is_dir():
            return
        self._make(folder.parent)
        try:
            folder.mkdir(exist_ok=True)
            sync(folder.parent)
        except OSError as error:
            reason = error.strerror or str(error)
            raise StoreUnavailable(f"{folder} cannot be made: {reason}") from error


def _try_lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _files_below(folder: Path, prefix: str = "") -> Iterator[tuple[str, "os.DirEntry[str]"]]:
    """The files in a folder and its folders, by their paths in it, in the order of the paths."""
    try:
        with os.scandir(folder) as entries:
            listed = sorted(entries, key=lambda entry: entry.name)
    except FileNotFoundError:
        return
    for entry in listed:
        if entry.name.startswith(_PASSING):
            continue
        path = prefix + entry.name
        if entry.is_dir(follow_symlinks=False):
            yield from _files_below(Path(entry.path), path + "/")
        else:
            yield path, entry


def _arrival(path: str, entry: "os.DirEntry[str]", is_delivered_now: bool) -> Arrival:
    if not entry.is_file(follow_symlinks=False):
        return Arrival(path, 0.0, "it is no plain file, or a link: put the file itself there")
    # The time of the last change of any kind, which nobody can set: a copy may carry the time at
    # which its original was written.
    still_seconds = max(time.time() - entry.stat(follow_symlinks=False).st_ctime, 0.0)
    if is_delivered_now:
        return Arrival(path, 0.0)
    return Arrival(path, still_seconds, _hindrance(entry))


def _hindrance(entry: "os.DirEntry[str]") -> str | None:
    if not entry.name.endswith(_ENDING):
        return f"its name does not end in {_ENDING}: rename it, or put it elsewhere"
    try:
        with Path(entry.path).open("rb") as file:
            start = file.read(len(_MAGIC))
            size = file.seek(0, os.SEEK_END)
            file.seek(max(size - _FOOTER_BYTES, 0))
            footer = file.read(_FOOTER_BYTES)
    except FileNotFoundError:
        raise
    except OSError as error:
        return f"it cannot be read: {error.strerror}"
    if _MAGIC_OF_ENCRYPTED in (start, footer[-4:]):
        return "it is encrypted: write it without a key"
    length = int.from_bytes(footer[:4], "little")
    is_whole = footer[4:] == _MAGIC and length + len(_MAGIC) + _FOOTER_BYTES <= size
    if start != _MAGIC or not is_whole:
        return "it has no footer: it is not written to its end, or is no Parquet file"
    return None
