"""A connection is closed when nothing has come over it for a while, and not before."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from typing import Any, NamedTuple

import pytest
import uvicorn
from uvicorn.server import ServerState

from tandem.server.asgi import Receive, Scope, Send
from tandem.server.fast_lane import HEAD_BYTES_MAX, FastLane
from tandem.wire.http import Response

IDLE_SECONDS = 5
REQUEST = b"GET /%b HTTP/1.1\r\nhost: localhost\r\n\r\n"


LARGE = bytes(64 << 20)
"""More than the system takes of an answer that nobody reads."""


class Answers:
    """Takes what is for the lane whole, and the rest by ASGI; answers nothing either way, unless
    something large is asked for.
    """

    is_large = False

    def takes_whole(
        self,
        path: bytes,
        query: bytes,
        headers: Mapping[str, str],
    ) -> bool:
        self.is_large = query == b"large"
        return path == b"/lane"

    def again(self, *_request: object) -> None:
        return None

    def begin(self, *_request: object) -> Response:
        return Response(200, [], LARGE if self.is_large else b"")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"] == "/long":
            await asyncio.Event().wait()
        while (await receive()).get("more_body"):
            pass
        body = LARGE if self.is_large else b""
        headers = [(b"content-length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})


class Timer:
    def __init__(self, due: float, call: Callable[[], None]) -> None:
        self.due, self.call = due, call

    def cancel(self) -> None:
        self.call = lambda: None


class Clockwork:
    """The running loop, whose clock goes on when it is told to, and not while a machine is busy."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._now = 0.0
        self._timers: list[Timer] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._loop, name)

    def time(self) -> float:
        return self._now

    def call_later(self, seconds: float, call: Callable[[], None]) -> Timer:
        self._timers.append(timer := Timer(self._now + seconds, call))
        return timer

    def forward(self, seconds: float) -> None:
        until = self._now + seconds
        while due := [timer for timer in self._timers if timer.due <= until]:
            first = min(due, key=lambda timer: timer.due)
            self._timers.remove(first)
            self._now = first.due
            first.call()
        self._now = until


class Counting(FastLane):
    received = 0

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self.received += len(data)


class Connection(NamedTuple):
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    clock: Clockwork
    served: Counting


@asynccontextmanager
async def connected() -> AsyncIterator[Connection]:
    config = uvicorn.Config(Answers(), http=FastLane, timeout_keep_alive=IDLE_SECONDS)
    config.load()
    clock: Any = Clockwork()
    served: list[Counting] = []

    def serve() -> Counting:
        state = ServerState()
        served.append(Counting(config=config, server_state=state, app_state={}, _loop=clock))
        return served[-1]

    server = await asyncio.get_running_loop().create_server(serve, "127.0.0.1", 0)
    async with server:
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        while not served:
            await asyncio.sleep(0)
        yield Connection(reader, writer, clock, served[0])
        writer.close()


@pytest.mark.parametrize("path", [b"lane", b"lane?again", b"beside"])
def test_a_connection_lives_while_requests_come_and_no_longer(path: bytes) -> None:
    async def rest() -> bytes:
        async with connected() as (reader, writer, clock, _):
            for _ in range(5):
                clock.forward(IDLE_SECONDS * 0.95)
                writer.write(REQUEST % path)
                assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200")
            clock.forward(IDLE_SECONDS * 1.05)
            return await asyncio.wait_for(reader.read(), 30)

    assert asyncio.run(rest()) == b""


@pytest.mark.parametrize(("share", "is_answered"), [(0.95, True), (1.1, False)])
@pytest.mark.parametrize("requests_before", [0, 1])
def test_a_request_that_comes_slowly_is_waited_for_as_long(
    requests_before: int, share: float, is_answered: bool
) -> None:
    async def answer() -> bytes:
        async with connected() as (reader, writer, clock, served):
            for _ in range(requests_before):
                writer.write(REQUEST % b"lane")
                await reader.readuntil(b"\r\n\r\n")
            clock.forward(0.9 * IDLE_SECONDS)
            for byte in REQUEST % b"lane":
                seen = served.received
                if served.transport.is_closing():
                    return b""
                writer.write(bytes([byte]))
                while served.received == seen:
                    await asyncio.sleep(0)
                clock.forward(share * IDLE_SECONDS / len(REQUEST % b"lane"))
            return await reader.readuntil(b"\r\n")

    assert asyncio.run(answer()) == (b"HTTP/1.1 200 OK\r\n" if is_answered else b"")


@pytest.mark.parametrize("sent", [b"", b"\r\n", b"GET /lane HTTP/1.1\r\nhost: "])
def test_who_sends_no_request_is_not_waited_for(sent: bytes) -> None:
    async def rest() -> bytes:
        async with connected() as (reader, writer, clock, served):
            writer.write(sent)
            while served.received < len(sent):
                await asyncio.sleep(0)
            clock.forward(IDLE_SECONDS * 1.05)
            return await asyncio.wait_for(reader.read(), 30)

    assert asyncio.run(rest()) == b""


@pytest.mark.parametrize("begun", [b"GET /?", b"no http at all"])
def test_behind_a_long_request_no_head_without_an_end_is_read(begun: bytes) -> None:
    async def received() -> int:
        async with connected() as (_, writer, _, served):
            writer.write(REQUEST % b"long" + begun)
            for _ in range(400):
                writer.write(b"x" * 60_000)
                with suppress(TimeoutError):
                    await asyncio.wait_for(writer.drain(), 0.01)
            received = served.received
            served.transport.abort()
            return received

    assert asyncio.run(received()) < 3 * HEAD_BYTES_MAX


async def gone(served: Counting) -> bool:
    """Whether the server has done with a connection, and not only begun to close it."""
    for _ in range(10):
        await asyncio.sleep(0)
    return served not in served.connections


@pytest.mark.parametrize("path", [b"lane", b"beside"])
def test_a_body_is_waited_for_as_long_as_it_moves(path: bytes) -> None:
    async def ends() -> list[bool]:
        async with connected() as (_, writer, clock, served):
            head = b"PUT /%b HTTP/1.1\r\nhost: localhost\r\ncontent-length: 100\r\n\r\n" % path
            ends = []
            for part in [head, b"a", b"b"]:
                seen = served.received
                writer.write(part)
                while served.received == seen:
                    await asyncio.sleep(0)
                clock.forward(IDLE_SECONDS)
                ends.append(await gone(served))
            clock.forward(IDLE_SECONDS)
            return [*ends, await gone(served)]

    assert asyncio.run(ends()) == [False, False, False, True]


@pytest.mark.parametrize("close", [b"", b"connection: close\r\n"])
@pytest.mark.parametrize("path", [b"lane", b"beside"])
def test_an_answer_is_kept_as_long_as_it_is_taken(path: bytes, close: bytes) -> None:
    async def ends() -> list[bool]:
        async with connected() as (reader, writer, clock, served):
            writer.write(b"GET /%b?large HTTP/1.1\r\nhost: localhost\r\n%b\r\n" % (path, close))
            while not served.transport.get_write_buffer_size():
                await asyncio.sleep(0)
            ends = []
            for _ in range(3):
                unsent = served.transport.get_write_buffer_size()
                while served.transport.get_write_buffer_size() == unsent:
                    await reader.read(64 << 10)
                clock.forward(IDLE_SECONDS)
                ends.append(await gone(served))
            for _ in range(3):
                clock.forward(IDLE_SECONDS)
            return [*ends, await gone(served)]

    assert asyncio.run(ends()) == [False, False, False, True]


def test_an_idle_connection_holds_no_body() -> None:
    async def held() -> bytes:
        async with connected() as (reader, writer, _, served):
            writer.write(b"PUT /lane HTTP/1.1\r\nhost: localhost\r\ncontent-length: 4\r\n\r\nbody")
            await reader.readuntil(b"\r\n\r\n")
            return bytes(served.cycle.body)

    assert asyncio.run(held()) == b""
