"""The disk image as files: begins one, and reads what the library made of it.

`image.h` draws the format. Guarantees:
- All that is in the watched folder when the image begins is durable in it.
- `run` is written last, so an image that has it is whole.
"""

import os
import shutil
import stat
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Self

LABEL_NAME = "user.tandem_power_loss"
LABEL = struct.Struct("=QQQQ")  # run, number, inode, listed
HEADER = struct.Struct("=QQQQ")  # done, unseen, two spare
RANGE = struct.Struct("=QQIIQ")  # offset, length, process, open, spare
RUN = struct.Struct("=Q")
KIND_LETTERS = 1
KIND_AND_NUMBER_LETTERS = 17
ROOT = 1


class Unavailable(Exception):
    """Power loss cannot be simulated here. The text says what is missing."""


@dataclass(frozen=True)
class Entry:
    """Where a name leads: to a number, or for a symbolic link to a target."""

    kind: str  # F, D or L
    number: int
    target: str = ""


Listing = dict[str, Entry]
Range = tuple[int, int | None]  # start and end, None is the end of the file


@dataclass(frozen=True)
class Label:
    number: int
    listed: int  # the folder whose durable entries led here last, 0 for none


@dataclass(frozen=True)
class Image:
    folder: Path
    run: int

    @staticmethod
    def exists(folder: Path) -> bool:
        return (folder / "run").exists()

    @classmethod
    def of(cls, watched: Path, folder: Path) -> Self:
        image = cls(folder, RUN.unpack((folder / "run").read_bytes())[0])
        if image.label(watched) is None:
            raise ValueError(f"{folder} is the image of another folder than {watched}")
        return image

    @classmethod
    def begin(cls, watched: Path, folder: Path) -> Self:
        for kind in ("content", "pending", "names"):
            (folder / kind).mkdir(parents=True)
        image = cls(folder, int.from_bytes(os.urandom(8)))
        _Beginning(image).add_folder(watched)
        (folder / "run").write_bytes(RUN.pack(image.run))
        return image

    def path(self, kind: str, number: int) -> Path:
        return self.folder / kind / f"{number:016x}"

    def label(self, path: Path) -> Label | None:
        """The label of a file or folder that this image has met, else None."""
        try:
            value = os.getxattr(path, LABEL_NAME, follow_symlinks=False)
        except OSError:
            return None
        run, number, inode, listed = LABEL.unpack(value)
        if run != self.run or inode != path.lstat().st_ino:
            return None
        return Label(number, listed)

    def listings(self) -> dict[int, Listing]:
        """The durable entries of every folder that has ever been met, by its number."""
        paths = sorted((self.folder / "names").iterdir())
        return {int(path.name, 16): _read_listing(path) for path in paths if path.name != "next"}

    def pending(self, number: int) -> list[Range]:
        """The ranges that changed since the last sync of the file."""
        data = self.path("pending", number).read_bytes()
        done, unseen, _, _ = HEADER.unpack_from(data)
        if unseen:
            return [(0, None)]
        ranges: list[Range] = []
        for offset, length, _, _, _ in RANGE.iter_unpack(data[done:]):
            end = offset + length
            ranges.append((offset, None if end >= 1 << 63 else end))
        return ranges


class _Beginning:
    """Gives a number to each file and folder, the root first, and copies the bytes."""

    def __init__(self, image: Image) -> None:
        self.image = image
        self.last_number = ROOT - 1
        self.numbers: dict[int, int] = {}  # by inode number, for hard links

    def add_folder(self, path: Path, parent: int = 0) -> int:
        number = self._label(path, parent)
        lines = []
        for child in sorted(path.iterdir()):
            mode = child.lstat().st_mode
            if stat.S_ISLNK(mode):
                lines.append(f"L{0:016x}{child.name}\0{child.readlink()}\0")
            elif stat.S_ISDIR(mode):
                lines.append(f"D{self.add_folder(child, number):016x}{child.name}\0")
            elif stat.S_ISREG(mode):
                lines.append(f"F{self._add_file(child, number):016x}{child.name}\0")
        self.image.path("names", number).write_bytes(os.fsencode("".join(lines)))
        return number

    def _add_file(self, path: Path, parent: int) -> int:
        inode = path.lstat().st_ino
        if inode not in self.numbers:
            self.numbers[inode] = number = self._label(path, parent)
            shutil.copyfile(path, self.image.path("content", number))
            self.image.path("pending", number).write_bytes(HEADER.pack(HEADER.size, 0, 0, 0))
        return self.numbers[inode]

    def _label(self, path: Path, parent: int) -> int:
        self.last_number += 1
        value = LABEL.pack(self.image.run, self.last_number, path.lstat().st_ino, parent)
        try:
            os.setxattr(path, LABEL_NAME, value)
        except OSError as error:
            raise Unavailable(f"{path} takes no user extended attribute: {error}") from error
        return self.last_number


def _read_listing(path: Path) -> Listing:
    parts = iter(os.fsdecode(path.read_bytes()).split("\0")[:-1])
    listing = {}
    for part in parts:
        kind = part[:KIND_LETTERS]
        number = int(part[KIND_LETTERS:KIND_AND_NUMBER_LETTERS], 16)
        target = next(parts) if kind == "L" else ""
        listing[part[KIND_AND_NUMBER_LETTERS:]] = Entry(kind, number, target)
    return listing
