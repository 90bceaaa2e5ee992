"""Writes of the event loop, and its waiting for their commits.

* A commit takes all writes that have come: it is held as long as each round of the loop brings more
  of them, and for about 4 ms at most. The first answers of a commit are on their way while the
  last ones are written, so clients that wait would otherwise fall apart into many small commits.
* A commit ends the wait of many requests at once. Each wake-up of a loop from another thread costs
  a call of the system, so all that are ready are woken by one.
"""

import asyncio
from collections import deque
from concurrent.futures import Future
from contextlib import suppress
from typing import TypeVar

from tandem.service.group_commit import GroupCommit

_GATHER_SECONDS_MAX = 0.004
_HOLD_SECONDS_MAX = 0.05
"""For a loop that has stopped. One that runs releases what it holds after a round, however long
it was: a commit that begins within a round takes the interpreter from it again and again.
"""

_WAKES_AT_ONCE = 8
"""Between so many answers the loop reads what has arrived: no GetRecord waits for all of them."""

_Answer = TypeVar("_Answer")


class CommitWaits:
    """Waits of the event loop that runs; of another one, where another one runs later."""

    def __init__(self, commits: GroupCommit) -> None:
        self._commits = commits
        self._of_loop: _LoopWaits | None = None

    def gather(self) -> None:
        """Is called before a write is submitted."""
        self._waits().gather()

    async def until(self, commit: Future[_Answer]) -> _Answer:
        """What the future gives, or raises. Whoever gives up waiting does not cancel it."""
        waits = self._waits()
        wait = waits.loop.create_future()
        commit.add_done_callback(lambda _: waits.end(wait))
        try:
            await wait
        except asyncio.CancelledError:
            self._commits.release()  # the loop may end, and have no other round
            raise
        return commit.result()

    def _waits(self) -> "_LoopWaits":
        loop = asyncio.get_running_loop()
        waits = self._of_loop
        if waits is None or waits.loop is not loop:
            waits = self._of_loop = _LoopWaits(loop, self._commits)
        return waits


class _LoopWaits:
    def __init__(self, loop: asyncio.AbstractEventLoop, commits: GroupCommit) -> None:
        self.loop = loop
        self._commits = commits
        self._is_gathering = False
        self._have_come = False
        self._gather_until = 0.0
        self._over: deque[asyncio.Future[None]] = deque()
        self._is_waking = False

    def gather(self) -> None:
        self._have_come = True
        if not self._is_gathering:
            self._is_gathering = True
            self._gather_until = self.loop.time() + _GATHER_SECONDS_MAX
            self._commits.hold(_HOLD_SECONDS_MAX)
            self.loop.call_soon(self._look)

    def _look(self) -> None:
        """Comes once a round: between two of them the loop reads what has arrived."""
        if self._have_come and self.loop.time() < self._gather_until:
            self._have_come = False
            self.loop.call_soon(self._look)
        else:
            self._is_gathering = False
            self._commits.release()

    def end(self, wait: "asyncio.Future[None]") -> None:
        """Ends a wait soon, from whatever thread. A wait that is added while `_wake` runs is taken
        by it, or finds that another one is to be asked for.
        """
        self._over.append(wait)
        if not self._is_waking:
            self._is_waking = True
            with suppress(RuntimeError):  # the loop has been closed: nobody waits any more
                self.loop.call_soon_threadsafe(self._wake)

    def _wake(self) -> None:
        self._is_waking = False
        for _ in range(_WAKES_AT_ONCE):
            if not self._over:
                return
            wait = self._over.popleft()
            if not wait.done():  # it is, where the client has gone
                wait.set_result(None)
        if self._over and not self._is_waking:
            self._is_waking = True
            self.loop.call_soon(self._wake)
