"""Builds the folder that is left after a power cut.

Guarantees:
- Call it when no process writes to the watched folder any more. Neither the folder nor the image
  is changed, so it can be called again with another seed.
- The same seed gives the same folder again.
- A file that was durable under some name, and still exists, is not lost by an unsynced rename.
"""

import os
import random
import shutil
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from .image import ROOT, Entry, Image, Listing, Range

PAGE_BYTES = 4096


def reconstruct(watched: Path, image: Path, target: Path, *, seed: int | None = None) -> None:
    """Build at `target`, which must not exist, what a power cut leaves of `watched`.

    Without a seed, only what was synced. With a seed, also a random part of the names and pages
    that were not synced yet.
    """
    watched = Path(watched).resolve()
    disk = Image.of(watched, Path(image).resolve())
    now = _read_now(disk, watched)
    chance = None if seed is None else random.Random(seed)
    names = disk.listings()
    if chance is not None:
        names = _mixed(names, now.names, chance)
    _keep_renamed(names, now)
    _Writer(disk, now, names, chance).write_folder(ROOT, Path(target), ())


@dataclass
class _Now:
    """The watched folder as it is at the end, with all that was never synced."""

    names: dict[int, Listing] = field(default_factory=dict)
    paths: dict[int, Path] = field(default_factory=dict)
    places: dict[int, tuple[int, str]] = field(default_factory=dict)  # folder, name
    listed: dict[int, int] = field(default_factory=dict)  # the folder that had a durable name


def _read_now(disk: Image, watched: Path) -> _Now:
    now = _Now(paths={ROOT: watched})
    unknown = 0

    def read(number: int, path: Path) -> None:
        nonlocal unknown
        listing = now.names[number] = {}
        for child in sorted(path.iterdir()):
            mode = child.lstat().st_mode
            if stat.S_ISLNK(mode):
                listing[child.name] = Entry("L", 0, str(child.readlink()))
            if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
                continue
            label = disk.label(child)
            # What was opened and never written or synced has no number yet.
            unknown -= 1
            child_number = label.number if label else unknown
            kind = "D" if stat.S_ISDIR(mode) else "F"
            listing[child.name] = Entry(kind, child_number)
            now.paths[child_number] = child
            now.places[child_number] = (number, child.name)
            if label:
                now.listed[child_number] = label.listed
            if kind == "D":
                read(child_number, child)

    read(ROOT, watched)
    return now


def _mixed(
    durable: dict[int, Listing], now: dict[int, Listing], chance: random.Random
) -> dict[int, Listing]:
    """For each name that a sync would have changed, toss whether it has changed already."""
    mixed = {}
    for folder in sorted(durable | now):
        before, after = durable.get(folder, {}), now.get(folder, {})
        share = chance.random()
        mixed[folder] = listing = dict(before)
        for name in sorted(before | after):
            if before.get(name) != after.get(name) and chance.random() < share:
                listing.pop(name, None)
                if name in after:
                    listing[name] = after[name]
    return mixed


def _reachable(names: dict[int, Listing]) -> set[int]:
    found = {ROOT}
    todo = [ROOT]
    while todo:
        for entry in names.get(todo.pop(), {}).values():
            if entry.kind != "L" and entry.number not in found:
                found.add(entry.number)
                todo.append(entry.number)
    return found


def _lost(names: dict[int, Listing], now: _Now) -> list[int]:
    kept = _reachable(names)
    return [
        number for number, folder in now.listed.items() if number not in kept and folder in kept
    ]


def _keep_renamed(names: dict[int, Listing], now: _Now) -> None:
    """A rename is one step: when the old name is gone, the new one is there.

    This matters for a rename between two folders of which only the old one was synced, and for
    names that a seed removed. A name in a folder that is not durable itself was never durable.
    """
    while lost := _lost(names, now):
        number = min(lost)
        while number != ROOT:
            folder, name = now.places[number]
            names.setdefault(folder, {})[name] = now.names[folder][name]
            number = folder


@dataclass
class _Writer:
    disk: Image
    now: _Now
    names: dict[int, Listing]
    chance: random.Random | None
    written: dict[int, Path] = field(default_factory=dict)

    def write_folder(self, number: int, path: Path, above: tuple[int, ...]) -> None:
        path.mkdir()
        above = (*above, number)
        for name, entry in sorted(self.names.get(number, {}).items()):
            child = path / name
            if entry.kind == "L":
                child.symlink_to(entry.target)
            elif entry.kind == "F":
                self._write_file(entry.number, child)
            elif entry.number not in above:
                # Renames of which only some are durable could put a folder into itself.
                self.write_folder(entry.number, child, above)
        self._copy_mode(number, path)

    def _write_file(self, number: int, path: Path) -> None:
        if number in self.written:
            os.link(self.written[number], path)
            return
        self.written[number] = path
        if number < 0:
            path.touch()
        else:
            shutil.copyfile(self.disk.path("content", number), path)
        if self.chance is not None and number in self.now.paths:
            self._write_back(number, path, self.chance)
        self._copy_mode(number, path)

    def _write_back(self, number: int, path: Path, chance: random.Random) -> None:
        """Let a random part of the pending pages, and perhaps the size, reach the disk."""
        share = chance.random()
        ranges: list[Range] = [(0, None)] if number < 0 else self.disk.pending(number)
        source = self.now.paths[number]
        size = source.stat().st_size
        with source.open("rb") as real, path.open("r+b") as durable:
            if chance.random() < share:
                durable.truncate(size)
            for page in sorted(set(_pages(ranges, size))):
                if chance.random() < share:
                    real.seek(page * PAGE_BYTES)
                    durable.seek(page * PAGE_BYTES)
                    durable.write(real.read(PAGE_BYTES))

    def _copy_mode(self, number: int, path: Path) -> None:
        if number in self.now.paths:
            path.chmod(stat.S_IMODE(self.now.paths[number].stat().st_mode))


def _pages(ranges: list[Range], size: int) -> Iterator[int]:
    for start, end in ranges:
        end = size if end is None else min(end, size)
        yield from range(start // PAGE_BYTES, -(-end // PAGE_BYTES))
