"""A topic in memory, read by any number of consumers that know nothing of each other."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from tandem.streams.base import Lag, Message, Pulled, Source, Standing, Starts


class MemoryTopic:
    def __init__(self, partitions: int = 2) -> None:
        self.partitions: dict[str, list[Message]] = {str(one): [] for one in range(partitions)}

    def add(
        self, value: Any, key: str | bytes | None = "K1", partition: str = "0", **more: Any
    ) -> None:
        """`value` as JSON; None is a tombstone, and bytes are what they are."""
        content = value if value is None or isinstance(value, bytes) else json.dumps(value).encode()
        held = self.partitions[partition]
        name = key.encode() if isinstance(key, str) else key
        message = Message(partition, str(len(held)), name, content, 1_700_000_000_000)
        held.append(message._replace(**more))


class MemorySource(Source):
    """Reads all partitions. `written` and what else it is told is kept for tests to look at."""

    topic = "topic"

    def __init__(self, topic: MemoryTopic) -> None:
        self._topic = topic
        self._next: dict[str, int | None] = {}
        self._starts: Starts | None = None
        self.told: dict[str, str] = {}
        self.is_closed = False

    def partitions(self) -> Sequence[str]:
        return list(self._topic.partitions)

    def open(self, starts: Starts) -> None:
        self._starts = starts
        self._look()

    def _look(self) -> None:
        assert self._starts is not None
        found = self._starts.begin(self.partitions(), _zero, _zero)
        new = {name: found[name] for name in found if name not in self._next}
        self._starts.reads_from(new)
        self._next.update({name: int(position) for name, position in new.items()})

    def poll(self, messages_max: int, wait_seconds: float) -> Sequence[Pulled]:
        if len(self._next) < len(self._topic.partitions):
            self._look()
        found = []
        for name, start in self._next.items():
            messages = [] if start is None else self._topic.partitions[name][start:][:messages_max]
            if start is not None and messages:
                self._next[name] = start + len(messages)
                found.append(Pulled(name, messages, str(start + len(messages))))
        return found

    def seek(self, partition: str, position: str | None) -> None:
        self._next[partition] = None if position is None else int(position)

    def written(self, positions: Mapping[str, str]) -> None:
        self.told.update(positions)

    def keep_alive(self) -> None: ...

    def standing(self) -> Standing:
        ends = {name: len(held) for name, held in self._topic.partitions.items()}
        lags = {
            name: Lag(messages=ends[name] - start)
            for name, start in self._next.items()
            if start is not None
        }
        return Standing(lags, all(lag.messages == 0 for lag in lags.values()))

    def close(self) -> None:
        self.is_closed = True


def _zero(partitions: Sequence[str]) -> Mapping[str, str]:
    return dict.fromkeys(partitions, "0")
