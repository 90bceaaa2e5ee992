"""Trying again, for as long as it takes, in pauses that grow and differ."""

import random
import threading
import time
from collections.abc import Callable
from typing import TypeVar

from tandem.errors import StoreUnavailable
from tandem.streams.base import SourceUnavailable

_Result = TypeVar("_Result")
_FIRST_SECONDS = 0.2
_SECONDS_MAX = 10.0
GRACE_SECONDS = 10.0
"""After a stop, what is in hand is tried no longer than that."""


class Stop:
    """Told once that it is time to end, by any thread or a signal."""

    def __init__(self) -> None:
        self._event = threading.Event()
        self._at = float("inf")

    def set(self) -> None:
        self._at = min(self._at, time.monotonic())
        self._event.set()

    @property
    def is_set(self) -> bool:
        return self._event.is_set()

    @property
    def is_overdue(self) -> bool:
        return time.monotonic() > self._at + GRACE_SECONDS

    def wait(self, seconds: float) -> bool:
        """Until it is set, at most so long; returns whether it is."""
        return self._event.wait(seconds)


def pause_seconds(attempt: int) -> float:
    """Before attempt 1, 2, …"""
    # What many consumers do at one moment is not to happen again at one moment.
    return min(_FIRST_SECONDS * 2.0 ** min(attempt - 1, 10), _SECONDS_MAX) * random.uniform(0.5, 1)  # noqa: S311


def until_done(
    work: Callable[[], _Result], stop: Stop, tell_error: Callable[[str | None], None]
) -> _Result:
    """What `work` returns, once the store and the source let it. Raises what else it raises, and
    the last failure where the stop is overdue.
    """
    attempt = 0
    while True:
        try:
            result = work()
        except (StoreUnavailable, SourceUnavailable) as error:
            attempt += 1
            tell_error(str(error))
            if stop.is_overdue:
                raise
            _sleep(pause_seconds(attempt), stop)
        else:
            if attempt:
                tell_error(None)
            return result


def _sleep(seconds: float, stop: Stop) -> None:
    if stop.is_set:
        time.sleep(min(seconds, 0.5))
    else:
        stop.wait(seconds)
