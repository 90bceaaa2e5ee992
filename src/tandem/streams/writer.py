"""What is pulled becomes a batch of the store, and whatever cannot be written a dead letter.

In this order: dead letters, durable; then records and marks, in one transaction.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from tandem.errors import ConflictError, ValidationError
from tandem.sdk.stream_control import StreamControl
from tandem.service.streams import Move, StreamBatch
from tandem.streams.base import DeadLetter, DeadLetters, Message, Pulled
from tandem.streams.mapping import Mapped, Refused
from tandem.streams.mapping import Mapping as MessageMapping
from tandem.streams.retry import Stop, until_done
from tandem.streams.status import Counters


@dataclass(frozen=True, slots=True)
class Taken:
    """Messages in hand, and the moves that writing them makes."""

    messages: Sequence[Message]
    moves: Sequence[Move]


def taken(pulled: Sequence[Pulled], positions: Mapping[str, str]) -> Taken:
    """`positions` is where each partition stands before."""
    return Taken(
        [message for one in pulled for message in one.messages],
        [Move(one.partition, positions[one.partition], one.after) for one in pulled],
    )


class Writer:
    def __init__(
        self,
        control: StreamControl,
        stream: str,
        topic: str,
        mapping: MessageMapping,
        dead_letters: DeadLetters | None,
        counters: Counters,
        stop: Stop,
        tell_error: Callable[[str | None], None],
    ) -> None:
        self._control = control
        self._stream = stream
        self._topic = topic
        self._mapping = mapping
        self._dead_letters = dead_letters
        self._counters = counters
        self._stop = stop
        self._tell_error = tell_error

    def write(self, batch: Taken) -> None:
        """Returns when all of it is in the store, by whomever.

        Raises ConflictError where somebody else has written some of it, ValidationError where a
        message does not fit and there is no place for dead letters, and StoreUnavailable where the
        stream is to stop and the store is away.
        """
        messages = batch.messages
        while True:
            mapped = until_done(lambda left=messages: self._mapping.map(left), *self._patience)  # type: ignore[misc]
            self._put_aside(mapped.refused)
            bad = until_done(lambda found=mapped: self._commit(batch, found), *self._patience)  # type: ignore[misc]
            if not bad:
                records = sum(map(len, mapped.messages))
                positions = {move.partition: move.after for move in batch.moves}
                self._counters.add(len(batch.messages), records, mapped.passed_over, positions)
                return
            self._put_aside(bad)
            # Those that were put aside are known by their place, which no two share.
            aside = {_place(one.message) for one in (*mapped.refused, *bad)}
            messages = [one for one in messages if _place(one) not in aside]

    @property
    def _patience(self) -> tuple[Stop, Callable[[str | None], None]]:
        return self._stop, self._tell_error

    def _commit(self, batch: Taken, mapped: Mapped) -> list[Refused]:
        """The messages that do not fit; then nothing was written."""
        try:
            bad = self._control.commit(
                StreamBatch(
                    stream=self._stream, topic=self._topic, moves=batch.moves, runs=mapped.runs
                )
            )
        except ConflictError:
            # The answer of the attempt before may have been lost.
            marks = self._control.positions(
                self._stream, self._topic, [move.partition for move in batch.moves]
            )
            if any(marks[move.partition] != move.after for move in batch.moves):
                raise
            return []
        return [Refused(mapped.messages[run][row], reason) for run, row, reason in bad]

    def _put_aside(self, refused: Sequence[Refused]) -> None:
        if not refused:
            return
        if self._dead_letters is None:
            message, reason = refused[0]
            raise ValidationError(
                f"the message at offset {message.offset} of partition {message.partition} does not"
                f" fit: {reason}. Name dead_letters in the stream's file to put such messages"
                " aside and go on"
            )
        keeper = self._dead_letters
        letters = [DeadLetter(self._stream, self._topic, *one) for one in refused]
        until_done(lambda: keeper.write(letters), *self._patience)
        self._counters.add_dead_letters(len(letters))


def _place(message: Message) -> tuple[str, str]:
    return message.partition, message.offset
