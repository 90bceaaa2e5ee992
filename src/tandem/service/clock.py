"""Where services read the time. Tests pass a clock that they move by hand."""

import time
from collections.abc import Callable

Clock = Callable[[], int]
"""Microseconds since 1970."""


def system_clock() -> int:
    return time.time_ns() // 1_000
