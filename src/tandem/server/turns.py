"""Reads pass writes: requests that are not GETs are begun a few at a time.

The answers of a commit go out together, so the next writes of its clients come together, too. To
check and submit all of them takes milliseconds. They are begun in slices of time, and between two
slices the loop reads what has arrived: a GetRecord waits for one slice, not for all writes. A write
waits for its commit anyway, which takes whatever comes while the loop brings more.

Where reads take longer, a slice is as long as they were since the last one, up to a bound: a flood
of them leaves writes half of the loop.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from time import perf_counter
from typing import Any

_SLICE_SECONDS_MIN, _SLICE_SECONDS_MAX = 0.00015, 0.001
"""Two or three writes, and some fifteen."""
_Begin = Callable[[Any], None]


class Turns:
    """The slices of one event loop; of another one, where another one runs later."""

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._waiting: deque[tuple[_Begin, Any]] = deque()
        self._slice_ends = 0.0
        self._is_next_coming = False

    def take(self, loop: asyncio.AbstractEventLoop, begin: _Begin, request: Any) -> None:
        """Begins a request: at once where this round's slice has time left, else in its turn."""
        if self._loop is not loop:
            self._loop, self._is_next_coming = loop, False
            self._waiting.clear()
        if not self._is_next_coming:
            self._begin_slice(loop, perf_counter(), _SLICE_SECONDS_MIN)
        if self._waiting or perf_counter() > self._slice_ends:
            self._waiting.append((begin, request))
        else:
            begin(request)

    def _begin_slice(self, loop: asyncio.AbstractEventLoop, now: float, seconds: float) -> None:
        self._slice_ends = now + seconds
        self._is_next_coming = True
        loop.call_soon(self._next_round, loop)

    def _next_round(self, loop: asyncio.AbstractEventLoop) -> None:
        self._is_next_coming = False
        if not self._waiting:
            return
        now = perf_counter()
        of_others = now - self._slice_ends
        self._begin_slice(loop, now, min(max(of_others, _SLICE_SECONDS_MIN), _SLICE_SECONDS_MAX))
        while self._waiting:
            begin, request = self._waiting.popleft()
            begin(request)
            if perf_counter() > self._slice_ends:
                return
