"""Reads of the event loop from a store in another process, which it must not wait for.

* The questions that come while a call of the store is under way become the next call: one for all
  of them, in a thread. However many wait, the store is asked by one.
* At low load a question does not wait for company: where no call is under way, one begins in the
  same round of the loop.
* A call is bounded: what is behind the bound is the next one. A larger question goes alone.
* A record that is damaged fails alone. Where the store cannot answer, all questions of the call
  fail.
* A call ends the wait of many requests at once, and wakes the loop once.
"""

import asyncio
import threading
import weakref
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from queue import SimpleQueue
from typing import NamedTuple, TypeAlias

from tandem.errors import StoreUnavailable, TandemError
from tandem.model.write import RecordKey
from tandem.online.base import OnlineStore
from tandem.service.batch_get import Found, read_each

_KEYS_MAX = 512
"""Bounds how long one call takes, and so how long the next one waits; and its memory: a record has
350 KB at most.
"""

Answer: TypeAlias = Sequence[Found]
"""For each key of a question its record, None, or the error that it alone has."""
_Calls: TypeAlias = "SimpleQueue[Callable[[], None] | None]"


class GatheredReads:
    """Reads of the event loop that runs; of another one, where another one runs later."""

    def __init__(self, store: OnlineStore) -> None:
        self._store = store
        self._calls: _Calls = SimpleQueue()
        self._of_loop: _LoopReads | None = None
        # An executor would add half to the time that it takes to a thread and back.
        threading.Thread(
            target=_carry_out, args=(self._calls,), name="tandem-reads", daemon=True
        ).start()
        weakref.finalize(self, self._calls.put, None)  # ends the thread

    def ask(self, keys: Sequence[RecordKey]) -> "asyncio.Future[Answer]":
        """What is there of each key, all read at one moment. The future raises StoreUnavailable;
        whoever cancels it hurts no other.
        """
        loop = asyncio.get_running_loop()
        reads = self._of_loop
        if reads is None or reads.loop is not loop:
            reads = self._of_loop = _LoopReads(loop, self._store, self._calls)
        return reads.ask(keys)


class _Question(NamedTuple):
    keys: Sequence[RecordKey]
    wait: "asyncio.Future[Answer]"


class _LoopReads:
    """All but `_read` runs in the loop, so nothing is locked."""

    def __init__(self, loop: asyncio.AbstractEventLoop, store: OnlineStore, calls: _Calls) -> None:
        self.loop = loop
        self._store = store
        self._calls = calls
        self._waiting: deque[_Question] = deque()
        self._is_busy = False
        """A call is under way, or will begin in this round."""

    def ask(self, keys: Sequence[RecordKey]) -> "asyncio.Future[Answer]":
        wait: asyncio.Future[Answer] = self.loop.create_future()
        if not keys:
            wait.set_result(())
            return wait
        self._waiting.append(_Question(keys, wait))
        if not self._is_busy:
            self._is_busy = True
            # The other requests that this round has read from their sockets come before that.
            self.loop.call_soon(self._begin)
        return wait

    def _begin(self) -> None:
        questions = self._next()
        self._is_busy = bool(questions)
        if questions:
            self._calls.put(partial(self._read, questions))

    def _next(self) -> list[_Question]:
        """The questions of the next call; those are left out that nobody waits for any more."""
        taken: list[_Question] = []
        size = 0
        while self._waiting:
            question = self._waiting[0]
            if not question.wait.done():
                size += len(question.keys)
                if taken and size > _KEYS_MAX:
                    break
                taken.append(question)
            self._waiting.popleft()
        return taken

    def _read(self, questions: Sequence[_Question]) -> None:
        answers: Sequence[Answer] | BaseException
        try:
            answers = _answers(self._store, [question.keys for question in questions])
        except BaseException as error:  # noqa: BLE001 - it belongs to the callers, not to this thread
            answers = error
        with suppress(RuntimeError):  # the loop has been closed: nobody waits any more
            self.loop.call_soon_threadsafe(self._end, questions, answers)

    def _end(
        self, questions: Sequence[_Question], answers: Sequence[Answer] | BaseException
    ) -> None:
        self._begin()  # first: the store works while these answers are written
        if isinstance(answers, BaseException):
            for _, wait in questions:
                if not wait.done():
                    wait.set_exception(answers)
                    wait.exception()  # who waited may be gone; asyncio need not report that
            return
        for (_, wait), answer in zip(questions, answers, strict=True):
            if not wait.done():  # it is, where the client has gone
                wait.set_result(answer)


def _carry_out(calls: _Calls) -> None:
    while (call := calls.get()) is not None:
        call()
        del call  # it holds what it has read


def _answers(store: OnlineStore, asked: Sequence[Sequence[RecordKey]]) -> list[Answer]:
    """What is there of the keys of each question, by one call. Where a record is damaged, by a call
    for each half of the questions, and so on: so its question is found by few, and fails alone.
    Raises StoreUnavailable.
    """
    if len(asked) == 1:
        return [read_each(store, asked[0])]
    try:
        records = store.get([key for keys in asked for key in keys])
    except StoreUnavailable:
        raise
    except TandemError:
        half = len(asked) // 2
        return _answers(store, asked[:half]) + _answers(store, asked[half:])
    answers: list[Answer] = []
    start = 0
    for keys in asked:
        answers.append(records[start : start + len(keys)])
        start += len(keys)
    return answers
