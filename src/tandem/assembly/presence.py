"""Which processes of a data folder live, so that what a dead one had in hand can be ended.

Each process has a file of its own, locked while it lives: the system frees the lock however the
process ends. Whoever can lock the file of another knows that it is gone.
"""

import fcntl
import os
import secrets
from pathlib import Path


class Presence:
    def __init__(self, folder: Path) -> None:
        folder.mkdir(exist_ok=True)
        self._folder = folder
        self.owner = secrets.token_hex(8)
        self._descriptor = os.open(folder / self.owner, os.O_CREAT | os.O_RDWR, 0o600)
        fcntl.flock(self._descriptor, fcntl.LOCK_EX)
        os.write(self._descriptor, b"locked")  # so that an empty file is one about to be locked
        self._remove_abandoned()

    def is_alive(self, owner: str) -> bool:
        """Whether the process with this name lives."""
        if owner == self.owner:
            return True
        try:
            descriptor = os.open(self._folder / owner, os.O_RDWR)
        except FileNotFoundError:
            return False
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        finally:
            os.close(descriptor)
        return False

    def close(self) -> None:
        (self._folder / self.owner).unlink(missing_ok=True)
        self.abandon()

    def abandon(self) -> None:
        """For a child after a fork: lets go of the parent's lock."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def _remove_abandoned(self) -> None:
        for path in self._folder.iterdir():
            if not self.is_alive(path.name) and path.stat().st_size:
                path.unlink(missing_ok=True)
