"""Folders of this machine as a place for batch loads: those that a setting names, and no others.

* A name is resolved before it is judged, so neither `..` nor a link leads out. Below a folder,
  links to folders are not followed, and links to files elsewhere are passed over.
* A file is opened from the allowed folder downwards, and no step may be a link: what is put in the
  way after a name was judged is not followed either.
"""

import os
import stat
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from tandem.errors import AccessForbidden
from tandem.model.batch_load import ListedFile
from tandem.offline.durable_files import DurableFiles, DurableFolders
from tandem.service.batch_loads.place import Place, check_unchanged, is_gone

_NOT_FOLLOWED = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC


class ServerFolders(Place):
    def __init__(self, folders: Sequence[Path]) -> None:
        self._folders = folders

    def covers(self, uri: str) -> bool:
        return self._root_of(_resolved(uri)) is not None

    def find(self, uri: str) -> ListedFile | None:
        real = _resolved(uri)
        return None if self._root_of(real) is None else self._listed(real)

    def below(self, folder: str) -> list[ListedFile]:
        found = (
            self.find(os.path.join(path, name))  # noqa: PTH118 - tells no link from what it is
            for path, _, names in os.walk(_resolved(folder))
            for name in names
        )
        return [file for file in found if file is not None]

    @contextmanager
    def open(self, file: ListedFile) -> Iterator[Any]:
        path = Path(file.uri)
        root = self._root_of(path)
        if root is None:
            raise AccessForbidden(f"the setting batch_load_folders does not allow {file.uri}")
        try:
            descriptor = _open_below(root, path)
        except OSError:
            raise is_gone(file) from None
        with os.fdopen(descriptor, "rb", buffering=0) as opened:
            check_unchanged(file, *_state(os.fstat(descriptor)))
            yield opened
            check_unchanged(file, *_state(os.fstat(descriptor)))

    def write(self, uri: str, write: Callable[[BinaryIO], object]) -> None:
        path = _resolved(uri)
        root = self._root_of(path)
        if root is None:
            raise AccessForbidden(f"the setting batch_load_folders does not allow {uri}")
        with DurableFiles(DurableFolders(root)) as files:
            files.stage(path, write)
            files.publish()

    def _listed(self, real: Path) -> ListedFile | None:
        try:
            found = real.lstat()
        except OSError:
            return None
        if not stat.S_ISREG(found.st_mode):
            return None
        return ListedFile(str(real), *_state(found))

    def _root_of(self, real: Path) -> Path | None:
        """The allowed folder that a resolved path is in."""
        roots = (_resolved(str(folder)) for folder in self._folders)
        return next((root for root in roots if real.is_relative_to(root)), None)


def _resolved(uri: str) -> Path:
    return Path(os.path.realpath(uri))


def _state(found: os.stat_result) -> tuple[int, str]:
    return found.st_size, str(found.st_mtime_ns)


def _open_below(root: Path, path: Path) -> int:
    """Raises OSError where a step is missing or a link."""
    descriptor = os.open(root, _NOT_FOLLOWED)
    for step in path.relative_to(root).parts:
        above = descriptor
        try:
            # A pipe must not make the load wait for its writer.
            descriptor = os.open(step, _NOT_FOLLOWED | os.O_NONBLOCK, dir_fd=above)
        finally:
            os.close(above)
    return descriptor
