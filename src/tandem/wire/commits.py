"""Waiting on the event loop for what other threads commit.

A commit ends the wait of many requests at once. Each wake-up of a loop from another thread costs a
call of the system, so all that are ready are woken by one.
"""

import asyncio
from collections import deque
from concurrent.futures import Future
from typing import TypeVar

_Answer = TypeVar("_Answer")


class CommitWaits:
    """Waits of the event loop that runs; of another one, where another one runs later."""

    def __init__(self) -> None:
        self._of_loop: _LoopWaits | None = None

    async def until(self, commit: Future[_Answer]) -> _Answer:
        """What the future gives, or raises. Whoever gives up waiting does not cancel it."""
        loop = asyncio.get_running_loop()
        waits = self._of_loop
        if waits is None or waits.loop is not loop:
            waits = self._of_loop = _LoopWaits(loop)
        wait = loop.create_future()
        commit.add_done_callback(lambda _: waits.end(wait))
        await wait
        return commit.result()


class _LoopWaits:
    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self._over: deque[asyncio.Future[None]] = deque()
        self._is_waking = False

    def end(self, wait: "asyncio.Future[None]") -> None:
        """Ends a wait soon, from whatever thread. A wait that is added while `_wake` runs is taken
        by it, or finds that another one is to be asked for.
        """
        self._over.append(wait)
        if not self._is_waking:
            self._is_waking = True
            self.loop.call_soon_threadsafe(self._wake)

    def _wake(self) -> None:
        self._is_waking = False
        while self._over:
            wait = self._over.popleft()
            if not wait.done():  # it is, where the client has gone
                wait.set_result(None)
