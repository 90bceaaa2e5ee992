"""The seams of streams: where messages come from, and where those go that cannot be written."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from tandem.errors import TandemError


class SourceUnavailable(TandemError):
    """The source does not answer now. It is asked again."""

    retryable = True


class Message(NamedTuple):
    """One message.

    offset      its place in the partition, as the source writes it
    value       None where it is a tombstone
    headers     by name; of several with one name, the last
    """

    partition: str
    offset: str
    key: bytes | None
    value: bytes | None
    timestamp_ms: int | None = None
    headers: Mapping[str, bytes | None] = {}


class Pulled(NamedTuple):
    """Messages of one partition in their order, and its position once they are written."""

    partition: str
    messages: Sequence[Message]
    after: str


@dataclass(frozen=True, slots=True)
class Lag:
    """How far behind its end a partition is read: messages (Kafka), or milliseconds (Kinesis).
    None: it is not known yet.
    """

    messages: int | None = None
    milliseconds: int | None = None


class Standing(NamedTuple):
    """The lag of each partition that is read, and whether all that was there has been pulled."""

    lags: Mapping[str, Lag]
    is_at_end: bool


class Starts(ABC):
    """How far the store has come. What a source asks when it is given partitions."""

    @abstractmethod
    def begin(
        self,
        partitions: Sequence[str],
        first: Callable[[Sequence[str]], Mapping[str, str]],
        later: Callable[[Sequence[str]], Mapping[str, str]],
    ) -> Mapping[str, str]:
        """The position of each of all partitions, by the store's marks.

        Where none has a mark, the stream begins: all get what `first` says. Partitions that came
        later get what `later` says. Either is in the store before this returns, however long the
        store or the source lets that wait.
        """

    @abstractmethod
    def reads_from(self, positions: Mapping[str, str]) -> None:
        """Is told where the source begins to read partitions, which it did not read before."""

    @abstractmethod
    def release(self) -> None:
        """Waits until what is in hand is written: partitions are about to go to somebody else."""


class Source(ABC):
    """Messages of one topic, in partitions. Called by one thread.

    topic   what the marks call it

    Raises SourceUnavailable where it is to be asked again, and ValidationError where the
    definition is wrong.
    """

    topic: str

    @abstractmethod
    def partitions(self) -> Sequence[str]:
        """All there are, whoever reads them."""

    @abstractmethod
    def open(self, starts: Starts) -> None:
        """Begins to read, each partition from where the store has come."""

    @abstractmethod
    def poll(self, messages_max: int, wait_seconds: float) -> Sequence[Pulled]:
        """What has come, a partition at most once; waits for the first message at most so long."""

    @abstractmethod
    def seek(self, partition: str, position: str | None) -> None:
        """Goes on with a partition from there, or with None does not read it for now. One that is
        not this consumer's any more is passed over.
        """

    @abstractmethod
    def written(self, positions: Mapping[str, str]) -> None:
        """Is told what the store has, so that others can see it where the source keeps such."""

    @abstractmethod
    def keep_alive(self) -> None:
        """Is called while the store is slow: the source is not to take the consumer for dead."""

    @abstractmethod
    def standing(self) -> Standing:
        """How far the partitions that this consumer reads are read."""

    @abstractmethod
    def close(self) -> None: ...


class DeadLetter(NamedTuple):
    """A message that could not become a record, and why."""

    stream: str
    topic: str
    message: Message
    reason: str


class DeadLetters(ABC):
    """Where they are kept. One may be there twice after a crash: its partition and offset tell."""

    @abstractmethod
    def write(self, letters: Sequence[DeadLetter]) -> None:
        """Durable at return. Raises SourceUnavailable where that is to be tried again."""

    @abstractmethod
    def close(self) -> None: ...
