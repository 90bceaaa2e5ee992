"""Group commit: the writes that wait while a commit is under way become the next commit.

* A future is resolved only after the store has synced its write: an answer is a promise.
* Writes commit in the order in which they were submitted, and so do the segments of loads. Where
  both wait, they take turns: a put waits for one segment at most, however many are on their way.
* At low load a write does not wait for company: the first one starts a commit at once. Whoever sees
  more of them come may hold commits until they are here.
* One bad record in a batch (bytes that fail their checksum, say) fails alone.
"""

import logging
import os
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Any, NamedTuple, TypeVar

from tandem.errors import StoreUnavailable
from tandem.online.base import Committed, OnlineStore, Outcome, Request, SegmentWrite
from tandem.query import priority
from tandem.service.clock import Clock

_log = logging.getLogger("tandem.commits")
_BATCH_WRITES_MAX = 1_000
"""Bounds how long one transaction holds the write lock: about 50 ms for records of common size."""
_NICENESS = 5
"""Leaves a quarter of a processor where others want all of it."""
_CLOCK_BEHIND_US_MAX = 60_000_000
_WARNING_US = 60_000_000


_Answer = TypeVar("_Answer")


class _Submission(NamedTuple):
    """answer    makes what the future gives of the outcomes, or raises what it raises"""

    writes: Sequence[Request]
    future: Future[Any]
    answer: Callable[[list[Outcome]], Any]

    @property
    def is_of_load(self) -> bool:
        return any(isinstance(write, SegmentWrite) for write in self.writes)

    def succeed(self, outcomes: list[Outcome]) -> None:
        try:
            answer = self.answer(outcomes)
        except Exception as error:  # noqa: BLE001 - a refusal, for whoever asked
            self.future.set_exception(error)
        else:
            self.future.set_result(answer)


class GroupCommit:
    """Gathers the writes of all threads into one `OnlineStore.write` after another."""

    def __init__(self, store: OnlineStore, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._waiting: list[_Submission] = []
        self._is_turn_of_load = False
        self._held_until = 0.0
        self._holder = 0
        self._is_due = False
        self._changed = threading.Condition()
        self._is_closed = False
        self._process = os.getpid()
        self._warned_at_us = 0
        self._thread = threading.Thread(target=self._run, name="tandem-commit", daemon=True)
        self._thread.start()

    def submit(self, writes: Sequence[Request]) -> Future[list[Outcome]]:
        """Commits `writes` soon, in one transaction; the outcomes come in the same order.

        Raises StoreUnavailable after `close`. The future may raise what the store raises.
        """
        return self.submit_for(writes, _themselves)

    def submit_for(
        self, writes: Sequence[Request], answer: Callable[[list[Outcome]], _Answer]
    ) -> Future[_Answer]:
        """As `submit`; the future gives what `answer` makes of the outcomes."""
        future: Future[_Answer] = Future()
        # A caller that gives up must not undo a write that others are batched with.
        future.set_running_or_notify_cancel()
        if self._process != os.getpid():
            raise StoreUnavailable("this process was forked: connect again in it")
        with self._changed:
            if self._is_closed:
                raise StoreUnavailable("the store is closed: connect again")
            self._waiting.append(_Submission(writes, future, answer))
            # Whoever holds them releases them; others cannot know that somebody will.
            if not self._is_held or self._holder != threading.get_ident():
                self._changed.notify()
        return future

    def hold(self, seconds: float) -> None:
        """Begins no commit until `release`, or for so long if that never comes. For one thread,
        which releases what it submits itself.
        """
        self._holder = threading.get_ident()
        self._held_until = time.monotonic() + seconds

    def release(self) -> None:
        """Begins a commit of what waits, even if the next hold comes before the thread has woken:
        one hold after another would otherwise put it off for as long as writes come.
        """
        with self._changed:
            self._held_until = 0.0
            if self._waiting:
                self._is_due = True
                self._changed.notify()

    def give_way(self) -> None:
        """Lets the other threads go first, for good, where they share a processor with commits."""
        priority.give_way(self._thread, _NICENESS)

    @property
    def _is_held(self) -> bool:
        return self._held_until > 0 and self._held_until > time.monotonic()

    def _may_begin(self) -> bool:
        return self._is_closed or bool(self._waiting and (self._is_due or not self._is_held))

    def close(self) -> None:
        """Commits what is waiting, then stops."""
        with self._changed:
            self._is_closed = True
            self._changed.notify()
        self._thread.join()

    def _run(self) -> None:
        while batch := self._next_batch():
            self._commit(batch)

    def _next_batch(self) -> list[_Submission]:
        with self._changed:
            while not self._may_begin():
                left = self._held_until - time.monotonic()
                self._changed.wait(max(left, 0.0) if self._waiting else None)
            loads = [one for one in self._waiting if one.is_of_load]
            others = [one for one in self._waiting if not one.is_of_load]
            self._is_turn_of_load = bool(loads) and (self._is_turn_of_load or not others)
            batch = loads[:1] if self._is_turn_of_load else _first(others)
            self._is_turn_of_load = not self._is_turn_of_load
            taken = {id(one) for one in batch}
            self._waiting = [one for one in self._waiting if id(one) not in taken]
            self._is_due = False
            return batch

    def _commit(self, batch: Sequence[_Submission]) -> None:
        writes = [write for submission in batch for write in submission.writes]
        try:
            outcomes = self._store.write(writes, self._clock)
        except StoreUnavailable as error:
            for submission in batch:
                submission.future.set_exception(error)
        except BaseException as error:  # noqa: BLE001 - it belongs to the callers, not to this thread
            if len(batch) == 1:
                batch[0].future.set_exception(error)
                return
            for submission in batch:
                self._commit([submission])
        else:
            self._check_clock(outcomes)
            start = 0
            for submission in batch:
                end = start + len(submission.writes)
                submission.succeed(outcomes[start:end])
                start = end

    def _check_clock(self, outcomes: Sequence[Outcome]) -> None:
        """Write times never step back. A clock that does is reported, since expiry follows it."""
        now_us = self._clock()
        ahead_us = max(
            (one.write_time_us - now_us for one in outcomes if isinstance(one, Committed)),
            default=0,
        )
        if ahead_us > _CLOCK_BEHIND_US_MAX and abs(now_us - self._warned_at_us) > _WARNING_US:
            self._warned_at_us = now_us
            _log.error(
                "the system clock is %d seconds behind the store's last write: write times go on"
                " from there, and records expire by them; set the clock right",
                ahead_us // 1_000_000,
            )


def _themselves(outcomes: list[Outcome]) -> list[Outcome]:
    return outcomes


def _first(submissions: Sequence[_Submission]) -> list[_Submission]:
    """As many as may be in one transaction; at least one, where there is one."""
    size = count = 0
    for submission in submissions:
        size += len(submission.writes)
        if count and size > _BATCH_WRITES_MAX:
            break
        count += 1
    return list(submissions[:count])
