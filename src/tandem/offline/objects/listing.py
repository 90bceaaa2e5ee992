"""Listing: the keys of a bucket in the order of their bytes, a page at a time.

The folders are the index: only those are read that the prefix leads into and that a page needs. A
folder sorts as its name with "/", which is where its keys belong. Folders without files are not
keys, unless somebody has put them as objects.
"""

import os
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from stat import S_ISDIR
from typing import NamedTuple

from tandem.offline.objects.details import Identity
from tandem.offline.objects.keys import KEY_BYTES_MAX, is_visible, may_be_segment

SEPARATOR = "/"


class Question(NamedTuple):
    """What is listed: keys with `prefix` that come after `after`, rolled up at `delimiter`."""

    prefix: str = ""
    delimiter: str = ""
    after: str = ""


class Found(NamedTuple):
    """A key with its file, or the beginning that several keys have in common (no file)."""

    key: str
    path: Path | None


class LakeFile(NamedTuple):
    """An object as a file on disk, for engines that read files."""

    key: str
    path: Path
    size_bytes: int


class Walk:
    """`markers` are the keys of folders that are objects themselves, in order."""

    def __init__(self, folder: Path, markers: Sequence[str], question: Question) -> None:
        self._folder = folder
        self._markers = markers
        self._question = question

    def __iter__(self) -> Iterator[Found]:
        prefix, delimiter, after = self._question
        base = prefix[: prefix.rfind(SEPARATOR) + 1]
        folder = self._folder.joinpath(*base.split(SEPARATOR)[:-1])
        found = self._below(folder, base) if _may_be_read(self._folder, base) else iter(())
        if not delimiter:
            yield from found
            return
        last = None
        for key, path in found:
            end = key.find(delimiter, len(prefix))
            if end < 0:
                yield Found(key, path)
                continue
            common = key[: end + len(delimiter)]
            # Who goes on after a common beginning has had it, with all its keys.
            if common not in (last, after):
                yield Found(common, None)
            last = common

    def _below(self, folder: Path, base: str) -> Iterator[Found]:
        """The keys below a folder, whose keys begin with `base`."""
        if base and self._is_marker(base) and self._is_asked(base):
            yield Found(base, folder)
        for name in self._names(folder, base):
            key = base + name
            path = folder / name
            if not name.endswith(SEPARATOR):
                yield Found(key, path)
            elif self._is_rolled_up(key):
                # All that counts is whether there is anything, unless there is not.
                yield from islice(self._below(path, key), 1)
            else:
                yield from self._below(path, key)

    def _names(self, folder: Path, base: str) -> list[str]:
        """What is in a folder and may have keys that are asked for; folders with a "/" behind."""
        names = []
        try:
            with os.scandir(folder) as entries:
                for entry in entries:
                    if entry.is_dir(follow_symlinks=False):
                        name = entry.name + SEPARATOR
                        is_wanted = self._leads_on(base + name)
                    else:
                        name = entry.name
                        is_wanted = self._is_asked(base + name) and entry.is_file(
                            follow_symlinks=False
                        )
                    if is_wanted and is_visible(entry.name) and _fits(base + name):
                        names.append(name)
        except (FileNotFoundError, NotADirectoryError):
            return []  # it went away meanwhile
        names.sort()
        return names

    def _is_asked(self, key: str) -> bool:
        return key > self._question.after and key.startswith(self._question.prefix)

    def _leads_on(self, folder: str) -> bool:
        prefix, _, after = self._question
        return (folder.startswith(prefix) or prefix.startswith(folder)) and (
            folder > after or after.startswith(folder)
        )

    def _is_rolled_up(self, folder: str) -> bool:
        prefix, delimiter, _ = self._question
        return delimiter == SEPARATOR and len(folder) > len(prefix)

    def _is_marker(self, key: str) -> bool:
        index = bisect_left(self._markers, key)
        return index < len(self._markers) and self._markers[index] == key


def _fits(key: str) -> bool:
    # Also what bounds the depth of the walk.
    return len(key.encode()) <= KEY_BYTES_MAX


def identity_of(path: Path) -> Identity | None:
    """Which file is there now; None where it went away. A folder has no bytes."""
    try:
        found = path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    return Identity(0 if S_ISDIR(found.st_mode) else found.st_size, found.st_mtime_ns)


def _may_be_read(bucket: Path, base: str) -> bool:
    """Whether a prefix leads into a folder of the bucket, and over no link."""
    segments = base.split(SEPARATOR)[:-1]
    if not all(may_be_segment(segment) for segment in segments):
        return False
    folder = bucket
    for step in segments:
        folder = folder / step
        if folder.is_symlink():
            return False
    return True
