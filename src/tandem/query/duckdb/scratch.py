"""The folder into which an engine spills what does not fit its memory: its own, and gone after it.

Each engine has a folder of its own, since several processes may query one store at once. It holds a
lock while it lives; a folder that nobody locks was left behind by a crash and is removed by the
next engine that starts.
"""

import fcntl
import os
import shutil
import tempfile
from pathlib import Path

_PREFIX = "query-"
_LOCK = "lock"


class ScratchFolder:
    """A new folder below `parent`, which is made where it does not exist."""

    def __init__(self, parent: Path) -> None:
        parent.mkdir(parents=True, exist_ok=True)
        _remove_abandoned(parent)
        self.path, self._lock = _new_locked(parent)

    def remove(self) -> None:
        shutil.rmtree(self.path, ignore_errors=True)
        os.close(self._lock)


def _new_locked(parent: Path) -> tuple[Path, int]:
    while True:
        path = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=parent)).resolve()
        lock = os.open(path / _LOCK, os.O_CREAT | os.O_RDWR, 0o600)
        fcntl.flock(lock, fcntl.LOCK_EX)
        if path.exists():
            return path, lock
        # Another engine that started at this moment took the folder for abandoned.
        os.close(lock)


def _remove_abandoned(parent: Path) -> None:
    for folder in parent.glob(f"{_PREFIX}*"):
        try:
            lock = os.open(folder / _LOCK, os.O_RDWR)
        except OSError:
            # Another engine may be between making its folder and its lock: leave it.
            continue
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            continue
        else:
            shutil.rmtree(folder, ignore_errors=True)
        finally:
            os.close(lock)
