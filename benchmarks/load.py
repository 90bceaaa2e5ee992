"""A load at a rate that is given, which wrk has not; or as fast as answers come.

At a rate, requests fall due at random moments, as those of many clients that know nothing of each
other. A request's time counts from the moment it was due, so one that had to wait for a free
connection is not told faster than its client would have found it.
"""

import itertools
import random
import re
import select
import socket
import time
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from benchmarks.server import in_a_process, other_processors

_LENGTH = re.compile(rb"\r\ncontent-length: (\d+)\r\n", re.IGNORECASE)
_READ_BYTES = 1 << 18
_PAUSE_SECONDS_MAX = 0.05


@dataclass(frozen=True)
class Load:
    """What came back: requests a second, the time of an answer in milliseconds, and how many."""

    per_second: float
    p50_ms: float
    p99_ms: float
    count: int


class Stream(NamedTuple):
    """Requests that are sent round and round, over so many connections; `per_second` None: as
    fast as answers come.
    """

    requests: Sequence[bytes]
    connections: int
    per_second: float | None = None


def apply_load(port: int, *streams: Stream, seconds: float) -> list[Load]:
    """All streams at once, from one process beside the server's processor. Raises where an answer
    is not 200.
    """
    all_times = in_a_process(_drive, port, streams, seconds, processors=other_processors())
    return [_load(sorted(times), seconds) for times in all_times]


def _load(times: Sequence[float], seconds: float) -> Load:
    assert times, f"no answer came within {seconds} seconds"
    return Load(
        per_second=len(times) / seconds,
        p50_ms=times[len(times) // 2] * 1e3,
        p99_ms=times[len(times) * 99 // 100] * 1e3,
        count=len(times),
    )


class _Connection:
    """One request after another over a socket."""

    def __init__(self, port: int, stream: "_Running") -> None:
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.stream = stream
        self._begun = 0.0
        self._read = b""

    def send(self, request: bytes, due: float) -> None:
        self._begun, self._read = due, b""
        self.socket.sendall(request)

    def receive(self) -> float | None:
        """The seconds of a request whose answer is whole now."""
        self._read += self.socket.recv(_READ_BYTES)
        assert self._read.startswith(b"HTTP/1.1 200 "), self._read[:2_000] or "connection closed"
        head = self._read.find(b"\r\n\r\n") + 4
        if head < 4 or len(self._read) < head + int(_LENGTH.search(self._read)[1]):
            return None
        return time.perf_counter() - self._begun


class _Running:
    """A stream on its way."""

    def __init__(self, port: int, stream: Stream) -> None:
        self.times: list[float] = []
        self.free = deque(_Connection(port, self) for _ in range(stream.connections))
        self.sockets = {one.socket.fileno(): one for one in self.free}
        self._requests = itertools.cycle(stream.requests)
        self._per_second = stream.per_second

    def begin(self, now: float) -> None:
        self._moments = _moments(now, self._per_second)
        self._due = next(self._moments)

    def send_what_is_due(self, now: float) -> float:
        """The moment at which there is something to send again, unless an answer comes first."""
        while self.free and self._due <= now:
            due = self._due if self._due > 0 else time.perf_counter()
            self.free.popleft().send(next(self._requests), due)
            self._due = next(self._moments)
        return self._due if self.free else now + _PAUSE_SECONDS_MAX


def _moments(begin: float, per_second: float | None) -> Iterator[float]:
    """When requests are due; always, where no rate is given."""
    if per_second is None:
        yield from itertools.repeat(0.0)
    else:
        chance = random.Random(7)
        while True:
            begin += chance.expovariate(per_second)
            yield begin


def _drive(port: int, streams: Sequence[Stream], seconds: float) -> list[list[float]]:
    running = [_Running(port, stream) for stream in streams]
    sockets = {number: one for stream in running for number, one in stream.sockets.items()}
    with select.epoll() as poll:
        for number in sockets:
            poll.register(number, select.EPOLLIN)
        # Now that all are connected, which takes a server a while that has little time.
        begin = time.perf_counter()
        for stream in running:
            stream.begin(begin)
        while (now := time.perf_counter()) < begin + seconds:
            due = min(stream.send_what_is_due(now) for stream in running)
            # poll() alone waits for whole milliseconds.
            pause = min(max(due - time.perf_counter(), 0.0), _PAUSE_SECONDS_MAX)
            select.select([poll], [], [], pause)
            for number, _ in poll.poll(0):
                connection = sockets[number]
                if (took := connection.receive()) is not None:
                    connection.stream.times.append(took)
                    connection.stream.free.append(connection)
    for connection in sockets.values():
        connection.socket.close()
    return [stream.times for stream in running]
