"""Background work: delivery and expiry, in one process of those that share a data folder.

The process that holds the lock on `workers.lock` does the work; the system frees the lock when the
process ends, however it ends, and another one takes it within a second.
"""

import fcntl
import logging
import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from tandem.errors import TandemError

_log = logging.getLogger("tandem.workers")
_Answer = TypeVar("_Answer")
_POLL_SECONDS = 0.25
_LEASE_POLL_SECONDS = 1.0


class Lease:
    """At most one holder among all processes that use the same file. None means: always held."""

    def __init__(self, path: Path | None) -> None:
        self._descriptor = -1 if path is None else os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        self._is_held = path is None

    def acquire(self) -> bool:
        """Whether this process holds the lease now."""
        if not self._is_held:
            try:
                fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return False
            self._is_held = True
        return True

    def release(self) -> None:
        """Gives the lease back. In a child after a fork: lets go of the parent's."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1
        self._is_held = False


@dataclass(frozen=True, slots=True)
class Task:
    """Work to be done again and again: every `interval_seconds`, or at once when `is_urgent`.

    run     does some of it and returns how much; it is called again until it returns 0
    """

    name: str
    run: Callable[[], int]
    interval_seconds: float
    is_urgent: Callable[[], bool] = lambda: False


class Workers:
    """Runs tasks in one thread each while this process holds the lease."""

    def __init__(self, lease: Lease, tasks: list[Task]) -> None:
        self._lease = lease
        self._lease_lock = threading.Lock()
        self._stop = threading.Event()
        self._threads = [
            threading.Thread(
                target=self._run, args=(task,), name=f"tandem-{task.name}", daemon=True
            )
            for task in tasks
        ]
        for thread in self._threads:
            thread.start()

    def close(self) -> None:
        """Waits for the tasks in hand, then gives the lease back."""
        self._stop.set()
        for thread in self._threads:
            thread.join()
        self._lease.release()

    def abandon(self) -> None:
        """For a child after a fork, which has the parent's descriptors but none of its threads."""
        self._lease.release()

    def _run(self, task: Task) -> None:
        while not self._acquire():
            if self._stop.wait(_LEASE_POLL_SECONDS):
                return
        due = time.monotonic() + task.interval_seconds
        while not self._stop.wait(min(_POLL_SECONDS, task.interval_seconds)):
            if time.monotonic() < due and not _is_urgent(task):
                continue
            while _run_once(task) and not self._stop.is_set():
                pass
            due = time.monotonic() + task.interval_seconds

    def _acquire(self) -> bool:
        with self._lease_lock:
            return _guarded("the lease", self._lease.acquire, False)


def _is_urgent(task: Task) -> bool:
    return _guarded(task.name, task.is_urgent, False)


def _run_once(task: Task) -> int:
    return _guarded(task.name, task.run, 0)


def _guarded(name: str, call: Callable[[], _Answer], otherwise: _Answer) -> _Answer:
    """A failure is logged and the call made again later: the log loses nothing by waiting."""
    try:
        return call()
    except TandemError as error:
        _log.error("%s failed, will be tried again: %s", name, error)
    except Exception:  # noqa: BLE001 - a bug in one pass must not end all later ones
        _log.exception("%s failed, will be tried again", name)
    return otherwise
