"""Streams of a store in this process."""

from collections.abc import Mapping, Sequence

from tandem.assembly.core import Core
from tandem.sdk.stream_control import StreamControl
from tandem.service.streams import BadRecord, StreamBatch


class EmbeddedStreams(StreamControl):
    def __init__(self, core: Core) -> None:
        self._streams = core.streams

    def positions(
        self, stream: str, topic: str, partitions: Sequence[str]
    ) -> Mapping[str, str | None]:
        return self._streams.positions(stream, topic, partitions)

    def commit(self, batch: StreamBatch) -> list[BadRecord]:
        return self._streams.commit(batch)
