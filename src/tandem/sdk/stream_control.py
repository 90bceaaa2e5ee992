"""What the library needs of a store for streams, wherever it runs."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence

from tandem.service.streams import BadRecord, StreamBatch


class StreamControl(ABC):
    """As `tandem.service.streams.Streams`. Raises `tandem.errors`.

    Where an answer is lost on its way, `commit` raises StoreUnavailable although the batch may be
    in: the positions tell.
    """

    @abstractmethod
    def positions(
        self, stream: str, topic: str, partitions: Sequence[str]
    ) -> Mapping[str, str | None]:
        """How far each partition is read; None where it has not been begun."""

    @abstractmethod
    def commit(self, batch: StreamBatch) -> list[BadRecord]:
        """Writes a batch, or nothing of it and says which records do not fit."""
