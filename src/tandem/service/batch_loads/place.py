"""What batch loads need of a place that has files: the store's own buckets, S3, a server's folders.

A file is named by a URI, `s3://bucket/key` or the path of a folder of this machine. It is read as
it was listed, or not at all.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any, BinaryIO

from tandem.errors import ConflictError
from tandem.model.batch_load import ListedFile


class Place(ABC):
    """Raises `tandem.errors`: AccessForbidden where a name leads out of what is allowed."""

    @abstractmethod
    def covers(self, uri: str) -> bool:
        """Whether what has this name, file or folder, is here and may be used."""

    @abstractmethod
    def find(self, uri: str) -> ListedFile | None:
        """The file of this name; None where there is none, or it is a folder."""

    @abstractmethod
    def below(self, folder: str) -> list[ListedFile]:
        """All files below a folder, whose name ends in "/"; none where it is not there."""

    @abstractmethod
    def open(self, file: ListedFile) -> AbstractContextManager[Any]:
        """A file object that reads from any position. Raises ConflictError where the file is gone
        or changed: when it is opened, or at the end of the block.
        """

    @abstractmethod
    def write(self, uri: str, write: Callable[[BinaryIO], object]) -> None:
        """Makes a file of what `write` writes; whole, and durable at return, or not at all."""


def is_gone(file: ListedFile) -> ConflictError:
    return ConflictError(f"{file.uri} was there when the load was asked for, and is gone")


def check_unchanged(file: ListedFile, size_bytes: int, version: str) -> None:
    if (size_bytes, version) != (file.size_bytes, file.version):
        raise ConflictError(
            f"{file.uri} has changed since the load was asked for: let files be whole before they"
            " are loaded"
        )
