"""How a stream is doing."""

import threading
import time
from collections import deque
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from tandem.streams.base import Lag

_RATE_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class PartitionStatus:
    """How far a partition is written, and how far that is behind its end."""

    position: str
    lag: Lag


@dataclass(frozen=True, slots=True)
class StreamStatus:
    """A stream at one moment.

    messages            that were read and are done with, since this consumer began
    records             that became records, deletes among them
    passed_over         that the filter left out
    dead_letters        that could not become records
    messages_per_second over the last ten seconds
    last_error          what last went wrong and is tried again; None where nothing has
    """

    stream: str
    topic: str
    messages: int
    records: int
    passed_over: int
    dead_letters: int
    messages_per_second: float
    last_error: str | None
    partitions: Mapping[str, PartitionStatus]

    @property
    def behind(self) -> int | None:
        """Messages behind in all partitions (Kafka); None where that is not known."""
        found = [one.lag.messages for one in self.partitions.values()]
        return None if None in found else sum(count or 0 for count in found)

    @property
    def behind_milliseconds(self) -> int | None:
        """Of the partition that is furthest behind (Kinesis)."""
        found = [one.lag.milliseconds for one in self.partitions.values()]
        return max((count for count in found if count is not None), default=None)

    def as_json(self) -> dict[str, Any]:
        """For programs: plain values, `behind` among them."""
        return {
            **asdict(self),
            "behind": self.behind,
            "behind_milliseconds": self.behind_milliseconds,
        }


@dataclass
class Counters:
    """What a consumer counts. Many threads may add and ask."""

    messages: int = 0
    records: int = 0
    passed_over: int = 0
    dead_letters: int = 0
    last_error: str | None = None
    positions: dict[str, str] = field(default_factory=dict)
    lags: Mapping[str, Lag] = field(default_factory=dict)
    _times: deque[tuple[float, int]] = field(default_factory=deque)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def add(
        self, messages: int, records: int, passed_over: int, positions: Mapping[str, str]
    ) -> None:
        with self._lock:
            self.messages += messages
            self.records += records
            self.passed_over += passed_over
            self.positions.update(positions)
            self._times.append((time.monotonic(), messages))

    def add_dead_letters(self, count: int) -> None:
        with self._lock:
            self.dead_letters += count

    def status(self, stream: str, topic: str) -> StreamStatus:
        with self._lock:
            now = time.monotonic()
            while self._times and self._times[0][0] < now - _RATE_SECONDS:
                self._times.popleft()
            elapsed = max(now - self._times[0][0], 0.1) if self._times else 1.0
            return StreamStatus(
                stream=stream,
                topic=topic,
                messages=self.messages,
                records=self.records,
                passed_over=self.passed_over,
                dead_letters=self.dead_letters,
                messages_per_second=round(sum(count for _, count in self._times) / elapsed, 1),
                last_error=self.last_error,
                partitions={
                    partition: PartitionStatus(self.positions[partition], lag)
                    for partition, lag in self.lags.items()
                    if partition in self.positions
                },
            )
