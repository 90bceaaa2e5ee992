"""A load generator on bare sockets: requests made beforehand, answers counted and timed.

It runs in a process of its own, so that the server has a core to itself.
"""

import asyncio
import itertools
import multiprocessing
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import uvloop


@dataclass(frozen=True)
class Load:
    """What came back: requests a second, and the time of an answer in milliseconds."""

    per_second: float
    p50_ms: float
    p99_ms: float


def http_request(method: str, path: str, body: bytes = b"") -> bytes:
    head = f"{method} {path} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n"
    return f"{head}content-length: {len(body)}\r\n\r\n".encode() + body


def apply_load(
    port: int, requests: Callable[[], Sequence[bytes]], connections: int, seconds: float
) -> Load:
    """Sends `requests()` round and round over `connections`, each waiting for its answer."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        times = pool.apply(_run, (port, requests, connections, seconds))
    times.sort()
    return Load(
        per_second=len(times) / seconds,
        p50_ms=times[len(times) // 2] * 1e3,
        p99_ms=times[len(times) * 99 // 100] * 1e3,
    )


def _run(
    port: int, requests: Callable[[], Sequence[bytes]], connections: int, seconds: float
) -> list[float]:
    return uvloop.run(_drive(port, requests(), connections, seconds))


async def _drive(
    port: int, requests: Sequence[bytes], connections: int, seconds: float
) -> list[float]:
    source = itertools.cycle(requests)
    times: list[float] = []
    deadline = time.perf_counter() + seconds

    async def one() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        while (start := time.perf_counter()) < deadline:
            writer.write(next(source))
            await _read_answer(reader)
            times.append(time.perf_counter() - start)
        writer.close()

    await asyncio.gather(*[one() for _ in range(connections)])
    return times


async def _read_answer(reader: asyncio.StreamReader) -> None:
    head = await reader.readuntil(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200"), head
    length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
    await reader.readexactly(length)
