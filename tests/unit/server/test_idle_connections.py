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
from tandem.server.turns import Turns
from tandem.wire.http import Response

IDLE_SECONDS = 5
REQUEST = b"GET /%b HTTP/1.1\r\nhost: localhost\r\n\r\n"
WITH_BODY = b"PUT /%b HTTP/1.1\r\nhost: localhost\r\ncontent-length: %d\r\n\r\n"
PAUSING_BYTES = 1 << 20
"""So much of a body is not read while nobody takes it."""


LARGE = bytes(64 << 20)
"""More than the system takes of an answer that nobody reads."""


class Answers:
    """Takes what is for the lane whole, and the rest by ASGI; answers nothing either way, unless
    something large is asked for.
    """

    def __init__(self) -> None:
        self.turns = Turns()
        self.may_go_on = asyncio.Event()
        self.is_large = False

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
        if scope["path"] == "/later":
            await self.may_go_on.wait()
        if scope["path"] in ("/reads", "/later"):
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
    answers: Answers

    async def send(self, data: bytes) -> None:
        """Sends, and waits until it is received."""
        until = self.served.received + len(data)
        self.writer.write(data)
        while self.served.received < until and not self.served.transport.is_closing():
            await asyncio.sleep(0)

    async def answer(self) -> bytes:
        return await asyncio.wait_for(self.reader.readuntil(b"\r\n\r\n"), 30)

    async def rest(self) -> bytes:
        return await asyncio.wait_for(self.reader.read(), 30)


@asynccontextmanager
async def connected() -> AsyncIterator[Connection]:
    answers = Answers()
    config = uvicorn.Config(answers, http=FastLane, timeout_keep_alive=IDLE_SECONDS)
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
        yield Connection(reader, writer, clock, served[0], answers)
        writer.close()


@pytest.mark.parametrize("path", [b"lane", b"lane?again", b"beside"])
def test_a_connection_lives_while_requests_come_and_no_longer(path: bytes) -> None:
    async def rest() -> bytes:
        async with connected() as (reader, writer, clock, *_):
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
        async with connected() as (reader, writer, clock, served, _):
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
        async with connected() as (reader, writer, clock, served, _):
            writer.write(sent)
            while served.received < len(sent):
                await asyncio.sleep(0)
            clock.forward(IDLE_SECONDS * 1.05)
            return await asyncio.wait_for(reader.read(), 30)

    assert asyncio.run(rest()) == b""


@pytest.mark.parametrize("path", [b"lane", b"reads"])
@pytest.mark.parametrize("share", [0.95, 1.05])
def test_a_body_is_waited_for_while_something_of_it_comes(path: bytes, share: float) -> None:
    async def answered() -> bytes:
        async with connected() as client:
            await client.send(WITH_BODY % (path, 4))
            for byte in b"body":
                client.clock.forward(share * IDLE_SECONDS)
                if client.served.transport.is_closing():
                    return await client.rest()
                await client.send(bytes([byte]))
            return await client.answer()

    assert asyncio.run(answered())[:12] == (b"HTTP/1.1 200" if share < 1 else b"")


def test_what_comes_of_a_body_behind_its_answer_keeps_the_connection_for_as_long() -> None:
    async def rest() -> bytes:
        async with connected() as client:
            await client.send(WITH_BODY % (b"beside", 4))
            await client.answer()
            for byte in b"body":
                client.clock.forward(0.95 * IDLE_SECONDS)
                await client.send(bytes([byte]))
            client.clock.forward(0.95 * IDLE_SECONDS)
            await client.send(REQUEST % b"lane")
            await client.answer()
            await client.send(WITH_BODY % (b"beside", 4) + b"body")
            await client.answer()
            client.clock.forward(1.05 * IDLE_SECONDS)
            return await client.rest()

    assert asyncio.run(rest()) == b""


def test_a_body_that_the_server_does_not_take_is_not_waited_for_in_vain() -> None:
    async def answered() -> bytes:
        async with connected() as client:
            client.writer.write(WITH_BODY % (b"later", PAUSING_BYTES) + bytes(PAUSING_BYTES))
            while not client.served.flow.read_paused:
                await asyncio.sleep(0)
            client.clock.forward(3 * IDLE_SECONDS)
            client.answers.may_go_on.set()
            return await client.answer()

    assert asyncio.run(answered()).startswith(b"HTTP/1.1 200")


@pytest.mark.parametrize("path", [b"lane", b"reads"])
def test_a_body_behind_a_request_in_hand_has_its_time_from_when_it_can_come(path: bytes) -> None:
    async def rest() -> bytes:
        async with connected() as client:
            await client.send(REQUEST % b"later" + WITH_BODY % (path, 4) + b"bo")
            client.clock.forward(3 * IDLE_SECONDS)
            client.answers.may_go_on.set()
            await client.answer()
            client.clock.forward(0.95 * IDLE_SECONDS)
            await client.send(b"d")
            client.clock.forward(1.05 * IDLE_SECONDS)
            return await client.rest()

    assert asyncio.run(rest()) == b""


@pytest.mark.parametrize("close", [b"", b"connection: close\r\n"])
@pytest.mark.parametrize("path", [b"lane", b"beside"])
def test_an_answer_is_kept_while_something_of_it_is_taken(path: bytes, close: bytes) -> None:
    async def ends() -> list[bool]:
        async with connected() as (reader, writer, clock, served, _):
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
            for _ in range(2):
                clock.forward(IDLE_SECONDS)
            return [*ends, await gone(served)]

    assert asyncio.run(ends()) == [False, False, False, True]


def test_an_answer_has_its_time_whenever_the_clock_is_looked_at() -> None:
    async def ends() -> list[bool]:
        async with connected() as (_, writer, clock, served, _):
            clock.forward(0.1 * IDLE_SECONDS)
            writer.write(REQUEST % b"beside?large")
            while not served.transport.get_write_buffer_size():
                await asyncio.sleep(0)
            ends = []
            for share in (0.95, 0.9, 1.2):
                clock.forward(share * IDLE_SECONDS)
                ends.append(await gone(served))
            return ends

    assert asyncio.run(ends()) == [False, False, True]


def test_what_the_system_has_in_hand_counts_as_well() -> None:
    # It takes more of an answer when much of that is gone, which a slow client takes minutes for.
    async def counts() -> tuple[int, int]:
        async with connected() as (_, writer, _, served, _):
            writer.write(REQUEST % b"lane?large")
            while not served.transport.get_write_buffer_size():
                await asyncio.sleep(0)
            return served._count_untaken_bytes(), served.transport.get_write_buffer_size()

    untaken, waiting = asyncio.run(counts())
    assert untaken > waiting > 0


def test_a_request_in_line_is_answered_though_the_next_one_stalls() -> None:
    async def answered() -> bytes:
        async with connected() as client:
            first, second = REQUEST % b"lane", REQUEST % b"later"
            await client.send(first + second + b"GET /lane HTTP/1.1\r\n")
            await client.answer()
            client.clock.forward(3 * IDLE_SECONDS)
            client.answers.may_go_on.set()
            return await client.answer()

    assert asyncio.run(answered()).startswith(b"HTTP/1.1 200")


async def gone(served: Counting) -> bool:
    """Whether the server has done with a connection, and not only begun to close it."""
    for _ in range(10):
        await asyncio.sleep(0)
    return served not in served.connections


@pytest.mark.parametrize("begun", [b"GET /?", b"no http at all"])
def test_behind_a_long_request_no_head_without_an_end_is_read(begun: bytes) -> None:
    async def received() -> int:
        async with connected() as (_, writer, _, served, _):
            writer.write(REQUEST % b"long" + begun)
            for _ in range(400):
                writer.write(b"x" * 60_000)
                with suppress(TimeoutError):
                    await asyncio.wait_for(writer.drain(), 0.01)
            received = served.received
            served.transport.abort()
            return received

    assert asyncio.run(received()) < 3 * HEAD_BYTES_MAX


def test_an_idle_connection_holds_no_body() -> None:
    async def held() -> bytes:
        async with connected() as (reader, writer, _, served, _):
            writer.write(b"PUT /lane HTTP/1.1\r\nhost: localhost\r\ncontent-length: 4\r\n\r\nbody")
            await reader.readuntil(b"\r\n\r\n")
            return bytes(served.cycle.body)

    assert asyncio.run(held()) == b""
