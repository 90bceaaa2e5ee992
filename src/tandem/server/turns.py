"""Reads pass writes: requests that are not GETs are begun a few at a time.

The answers of a commit go out together, so the next writes of its clients come together, too. To
check and submit all of them takes milliseconds. They are begun in slices of time, and between two
slices the loop reads what has arrived: a GetRecord waits for one slice, not for all writes. A write
waits for its commit anyway, which takes whatever comes while the loop brings more.

A slice that many reads have passed is longer: until as many writes are begun, up to a bound. So a
flood of reads does not starve writes.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from time import perf_counter
from typing import Any

_SLICE_SECONDS, _SLICE_SECONDS_MAX = 0.00015, 0.001
"""Two or three writes, and some fifteen."""
_Begin = Callable[[Any], None]


class Turns:
    """The slices of one event loop; of another one, where another one runs later.

    reads_passed    how many reads were answered since the last slice; whoever answers one counts
                    it, whether a write waits or not
    """

    def __init__(self) -> None:
        self.reads_passed = 0
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
            self.reads_passed = 0  # which passed no write
            self._begin_slice(loop, perf_counter())
        if self._waiting or perf_counter() > self._slice_ends:
            self._waiting.append((begin, request))
        else:
            begin(request)

    def _begin_slice(self, loop: asyncio.AbstractEventLoop, now: float) -> None:
        self._slice_ends = now + _SLICE_SECONDS
        self._is_next_coming = True
        loop.call_soon(self._next_round, loop)

    def _next_round(self, loop: asyncio.AbstractEventLoop) -> None:
        self._is_next_coming = False
        owed, self.reads_passed = self.reads_passed, 0
        if not self._waiting:
            return
        now = perf_counter()
        self._begin_slice(loop, now)
        ends_at_last = now + _SLICE_SECONDS_MAX
        while self._waiting:
            begin, request = self._waiting.popleft()
            begin(request)
            owed -= 1
            now = perf_counter()
            if now > ends_at_last or (now > self._slice_ends and owed <= 0):
                return
