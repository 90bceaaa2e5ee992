"""How far the store has come, and how far this consumer has taken messages."""

from collections.abc import Callable, Mapping, Sequence

from tandem.errors import ConflictError
from tandem.sdk.stream_control import StreamControl
from tandem.service.streams import Move, StreamBatch
from tandem.streams.base import Starts

Patiently = Callable[[Callable[[], Mapping[str, str]]], Mapping[str, str]]
"""Waits for whatever is away."""
FindStarts = Callable[[Sequence[str]], Mapping[str, str]]


class Marks(Starts):
    """`taken` is where each partition stands once all that is in hand is written."""

    def __init__(
        self,
        control: StreamControl,
        stream: str,
        topic: str,
        *,
        settle: Callable[[], None],
        patiently: Patiently,
    ) -> None:
        self._control = control
        self._stream = stream
        self._topic = topic
        self._settle = settle
        self._patiently = patiently
        self.taken: dict[str, str] = {}

    def begin(
        self, partitions: Sequence[str], first: FindStarts, later: FindStarts
    ) -> Mapping[str, str]:
        return self._patiently(lambda: self._begin(partitions, first, later))

    def _begin(
        self, partitions: Sequence[str], first: FindStarts, later: FindStarts
    ) -> Mapping[str, str]:
        while True:
            marks = self.read(partitions)
            missing = [name for name in partitions if marks.get(name) is None]
            if missing:
                # All in one transaction: whoever sees none of them begins, with all.
                starts = (first if len(missing) == len(partitions) else later)(missing)
                moves = [Move(name, None, starts[name]) for name in missing]
                try:
                    self._control.commit(
                        StreamBatch(stream=self._stream, topic=self._topic, moves=moves)
                    )
                except ConflictError:
                    continue  # somebody else has begun
                marks = {**marks, **starts}
            return {name: mark for name, mark in marks.items() if mark is not None}

    def reads_from(self, positions: Mapping[str, str]) -> None:
        # Of these alone: others may be read further than the marks are.
        self.taken.update(positions)

    def read(self, partitions: Sequence[str]) -> Mapping[str, str | None]:
        """The marks as they are now."""
        return self._control.positions(self._stream, self._topic, partitions)

    def release(self) -> None:
        self._settle()
