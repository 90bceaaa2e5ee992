"""The folder of the socket between a server and a process beside it.

* Only this user may enter it.
* It goes with the server. What a killed server left behind goes when the next one starts: a folder
  is locked by its server while that lives, and the system frees the lock, however the server ends.
"""

import fcntl
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tandem.errors import StoreUnavailable

_PREFIX = "tandem-socket-"
_SOCKET = "socket"
_STATUS = "status.json"
_PATH_BYTES_MAX = 100
"""The system takes 103 or 107."""


class SocketFolder:
    def __init__(self, fallback: Path) -> None:
        """In the folder for temporary files, else in `fallback`. Raises StoreUnavailable where
        there is no room in either.
        """
        self._path, self._lock = _made(fallback)

    @property
    def socket(self) -> Path:
        return self._path / _SOCKET

    @property
    def status(self) -> Path:
        """A file beside it, for what the server says of its processes."""
        return self._path / _STATUS

    def close(self) -> None:
        if self._lock >= 0:
            _remove(self._path)
            os.close(self._lock)
            self._lock = -1


def _made(fallback: Path) -> tuple[Path, int]:
    reasons = []
    for parent in _parents(fallback):
        length = len(os.fsencode(parent / f"{_PREFIX}xxxxxxxx" / _SOCKET))
        if length > _PATH_BYTES_MAX:
            reasons.append(f"the name of {parent} is too long for a socket")
            continue
        try:
            _remove_abandoned(parent)
            while True:
                path = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=parent))
                with _locked(path) as lock:
                    if lock is not None and path.exists():
                        return path, os.dup(lock)
                # Another server that starts took it for one that was left behind.
        except OSError as error:
            reasons.append(f"{parent}: {error.strerror}")
    raise StoreUnavailable(
        f"there is no place for a socket ({'; '.join(reasons)}): set TMPDIR to a folder with a"
        " short name that can be written to"
    )


def _parents(fallback: Path) -> Iterator[Path]:
    with suppress(FileNotFoundError):  # none that can be written to
        yield Path(tempfile.gettempdir()).absolute()
    yield Path("/tmp")  # noqa: S108 - for a TMPDIR with a long name; the folder below is private
    yield fallback.resolve()


def _remove_abandoned(parent: Path) -> None:
    for path in parent.glob(f"{_PREFIX}*"):
        with _locked(path) as lock:
            if lock is not None and os.fstat(lock).st_uid == os.getuid():
                _remove(path)


@contextmanager
def _locked(folder: Path) -> Iterator[int | None]:
    """The descriptor of a folder that is locked meanwhile; None where that cannot be had."""
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    except OSError:
        yield None
        return
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield descriptor
    except BlockingIOError:
        yield None
    finally:
        os.close(descriptor)


def _remove(folder: Path) -> None:
    """Takes away what is a server's and the folder, and nothing else that is there."""
    with suppress(OSError):
        for name in (_SOCKET, _STATUS):
            (folder / name).unlink(missing_ok=True)
        folder.rmdir()
