"""A stream at work: messages are pulled by one thread and written by another.

    pull ─► at most two batches in hand ─► map ─► dead letters ─► records and marks ─► source told
    (the caller's thread)                  (the writer's thread, one batch at a time)

* A message is in history exactly once: its record commits with the mark, and reading begins at the
  mark. Dead letters may be there twice.
* Memory is bounded: while two batches wait to be written, none is pulled.
* Where somebody else has moved a mark, this consumer steps back to it. As long as the other goes
  on, it stands by.
"""

import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import wait as wait_for
from contextlib import ExitStack, closing
from typing import TypeVar

from tandem.errors import ConflictError
from tandem.model.feature_group import FeatureGroup
from tandem.sdk.store import FeatureStore
from tandem.streams.base import Lag, Source
from tandem.streams.decoding import decoder
from tandem.streams.definition import StreamDefinition
from tandem.streams.mapping import Mapping
from tandem.streams.marks import Marks
from tandem.streams.retry import GRACE_SECONDS, Stop, pause_seconds, until_done
from tandem.streams.sources import dead_letters_of, source_of
from tandem.streams.status import Counters, StreamStatus
from tandem.streams.writer import Taken, Writer, taken

_Result = TypeVar("_Result")
_IN_HAND_MAX = 2
_KEEP_ALIVE_SECONDS = 5.0
_GROUP_SECONDS = 5.0
"""A feature that was added is seen so soon."""
_LAG_SECONDS = 1.0


class _StandingBy:
    """A partition that somebody else writes: where it stood, and when it is looked at again."""

    def __init__(self, mark: str | None, losses: int) -> None:
        self.mark = mark
        self.losses = losses
        self.until = time.monotonic() + (0.0 if losses == 1 else pause_seconds(losses + 2))


class Stream:
    """One consumer. `run` may be called once.

    source   in the place of the one that the definition names
    """

    def __init__(
        self, store: FeatureStore, definition: StreamDefinition, *, source: Source | None = None
    ) -> None:
        self._store = store
        self._definition = definition
        self._stop = Stop()
        self._counters = Counters()
        self._source = source or source_of(definition, self._tell_error)
        self._groups: dict[str, tuple[float, FeatureGroup]] = {}
        self._mapping = Mapping(
            definition, self._source.topic, decoder(definition), self._find_group
        )
        self._marks = Marks(
            store.streams,
            definition.stream,
            self._source.topic,
            settle=self._settle_for_others,
            patiently=self._patiently,
        )
        self._pending: deque[tuple[Future[None], Taken]] = deque()
        self._losses: dict[str, int] = {}
        self._standing_by: dict[str, _StandingBy] = {}
        self._lag_at = 0.0

    def check(self) -> StreamStatus:
        """Raises what would keep the stream from running; reads no message and writes nothing.

        The partitions of what it returns have the positions that the store has of them.
        """
        self._mapping.check()
        with closing(self._source):
            marks = self._marks.read(self._source.partitions())
        self._counters.positions = {name: mark or "" for name, mark in marks.items()}
        self._counters.lags = dict.fromkeys(marks, Lag())
        return self.status()

    def run(self, *, until_caught_up: bool = False) -> StreamStatus:
        """Reads and writes until `stop` is called; with `until_caught_up` until the end is met.

        What is in hand is written before it returns. A store or a source that is away is waited
        for. Raises ValidationError where a message does not fit and the definition has no place for
        it, or where the definition does not fit the store or the source.
        """
        self._mapping.check()
        letters = dead_letters_of(self._definition)
        writer = Writer(
            self._store.streams,
            self._definition.stream,
            self._source.topic,
            self._mapping,
            letters,
            self._counters,
            self._stop,
            self._tell_error,
        )
        with ExitStack() as ending:
            if letters is not None:
                ending.callback(letters.close)
            ending.callback(self._source.close)
            writing = ending.enter_context(ThreadPoolExecutor(1, "tandem-stream-writer"))
            ending.callback(self._stop.set)
            self._patiently(lambda: self._source.open(self._marks))
            self._loop(lambda batch: writing.submit(writer.write, batch), until_caught_up)
            self._settle(0)
            self._look_at_lag(at_once=True)
        return self.status()

    def stop(self) -> None:
        """Lets `run` return soon; safe in a signal handler."""
        self._stop.set()

    def status(self) -> StreamStatus:
        return self._counters.status(self._definition.stream, self._source.topic)

    def _loop(self, submit: Callable[[Taken], Future[None]], until_caught_up: bool) -> None:
        batch = self._definition.batch
        while not self._stop.is_set:
            self._settle(_IN_HAND_MAX - 1)
            self._patiently(self._look_at_others)
            pulled = self._patiently(lambda: self._source.poll(batch.messages, batch.wait_seconds))
            if pulled:
                # A partition that was lost meanwhile has no place any more.
                known = [one for one in pulled if one.partition in self._marks.taken]
                work = taken(known, self._marks.taken)
                self._marks.taken.update({one.partition: one.after for one in known})
                self._pending.append((submit(work), work))
            elif until_caught_up and not self._standing_by and self._source.standing().is_at_end:
                self._settle(0)
                # What was in hand may have been somebody else's, and is read again.
                if not self._standing_by and self._source.standing().is_at_end:
                    return
            self._look_at_lag()

    def _settle(self, in_hand_max: int) -> None:
        """Waits until at most so many batches are in hand; steps back where one was lost. What is
        done already is settled in any case.
        """
        while self._pending and (len(self._pending) > in_hand_max or self._pending[0][0].done()):
            future, work = self._pending[0]
            if not wait_for([future], _KEEP_ALIVE_SECONDS).done:
                self._patiently(self._source.keep_alive)
                continue
            if self._pending and self._pending[0][0] is future:
                self._pending.popleft()
                self._settled(future, work)

    def _settle_for_others(self) -> None:
        """Partitions go to somebody else, who does not wait for ever; the marks keep both apart."""
        wait_for([future for future, _ in self._pending], GRACE_SECONDS)
        while self._pending and self._pending[0][0].done():
            self._settled(*self._pending.popleft())

    def _settled(self, future: Future[None], work: Taken) -> None:
        try:
            future.result()
        except ConflictError as error:
            self._tell_error(str(error))
            self._step_back(work)
            return
        for move in work.moves:
            self._losses.pop(move.partition, None)
        self._source.written({move.partition: move.after for move in work.moves})

    def _step_back(self, work: Taken) -> None:
        """A batch was refused, and so will be those behind it, which expect its marks."""
        lost = [work]
        while self._pending:
            future, following = self._pending.popleft()
            if isinstance(future.exception(), ConflictError):
                lost.append(following)
            else:
                self._settled(future, following)
        befores: dict[str, str | None] = {}
        for one in lost:
            for move in one.moves:
                befores.setdefault(move.partition, move.before)
        marks = self._patiently(lambda: self._marks.read(list(befores)))
        for partition, before in befores.items():
            mark = marks[partition]
            if mark == before:
                self._go_on_at(partition, mark)
                continue
            self._losses[partition] = self._losses.get(partition, 0) + 1
            self._source.seek(partition, None)
            self._standing_by[partition] = _StandingBy(mark, self._losses[partition])

    def _look_at_others(self) -> None:
        """Takes partitions up again whose mark has stood still for a while."""
        now = time.monotonic()
        due = [name for name, one in self._standing_by.items() if one.until <= now]
        marks = self._marks.read(due) if due else {}
        for partition in due:
            one = self._standing_by.pop(partition)
            if one.losses > 1 and marks[partition] != one.mark:
                self._losses[partition] = one.losses + 1
                self._standing_by[partition] = _StandingBy(marks[partition], one.losses + 1)
            else:
                self._go_on_at(partition, marks[partition])

    def _go_on_at(self, partition: str, mark: str | None) -> None:
        assert mark is not None  # a stream's marks are never taken away
        self._marks.taken[partition] = mark
        self._source.seek(partition, mark)

    def _look_at_lag(self, *, at_once: bool = False) -> None:
        now = time.monotonic()
        if at_once or now - self._lag_at > _LAG_SECONDS:
            self._lag_at = now
            self._counters.lags = self._source.standing().lags
            for partition in self._counters.lags:
                self._counters.positions.setdefault(partition, self._marks.taken.get(partition, ""))

    def _find_group(self, name: str) -> FeatureGroup:
        looked_at, group = self._groups.get(name, (0.0, None))
        if group is None or time.monotonic() - looked_at > _GROUP_SECONDS:
            group = self._store.feature_group(name).definition
            self._groups[name] = (time.monotonic(), group)
        return group

    def _patiently(self, work: Callable[[], _Result]) -> _Result:
        return until_done(work, self._stop, self._tell_error)

    def _tell_error(self, text: str | None) -> None:
        self._counters.last_error = text
