"""Calls that start at the same moment, each in a thread of its own."""

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from tandem.errors import TandemError

Answer = TypeVar("Answer")


def race(calls: Sequence[Callable[[], Answer]]) -> list[Answer | TandemError]:
    """What each call returned, or the Tandem error it raised. Any other error is raised here."""
    start = threading.Barrier(len(calls))

    def run(call: Callable[[], Answer]) -> Answer | TandemError:
        start.wait()
        try:
            return call()
        except TandemError as error:
            return error

    with ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(run, calls))


def winners(outcomes: Sequence[object]) -> int:
    """How many calls of a race did not raise."""
    return sum(not isinstance(outcome, TandemError) for outcome in outcomes)
