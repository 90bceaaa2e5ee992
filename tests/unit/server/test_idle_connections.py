"""A connection is closed when nothing has come over it for a while, and not before."""

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

import pytest
import uvicorn
from uvicorn.server import ServerState

from tandem.server.asgi import Receive, Scope, Send
from tandem.server.fast_lane import FastLane
from tandem.wire.http import Response

IDLE_SECONDS = 1
REQUEST = b"GET /%b HTTP/1.1\r\nhost: localhost\r\n\r\n"


class Answers:
    """Takes what is for the lane whole, and the rest by ASGI; answers nothing either way."""

    def takes_whole(
        self,
        path: bytes,
        query: bytes,
        headers: Mapping[str, str],
    ) -> bool:
        return path == b"/lane"

    def takes_again(self, path: bytes, query: bytes) -> bool:
        return path == b"/lane"

    def begin(self, *_request: object) -> Response:
        return Response(200, [], b"")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = [(b"content-length", b"0")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b""})


@asynccontextmanager
async def connected() -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    config = uvicorn.Config(Answers(), http=FastLane, timeout_keep_alive=IDLE_SECONDS)
    config.load()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(
        lambda: FastLane(config=config, server_state=ServerState(), app_state={}, _loop=loop),
        "127.0.0.1",
        0,
    )
    async with server:
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        yield reader, writer
        writer.close()


@pytest.mark.parametrize("path", [b"lane", b"lane?again", b"beside"])
def test_a_connection_lives_while_requests_come_and_no_longer(path: bytes) -> None:
    async def idle_seconds() -> float:
        async with connected() as (reader, writer):
            for _ in range(5):
                writer.write(REQUEST % path)
                assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200")
                await asyncio.sleep(IDLE_SECONDS * 0.45)
            begun = time.monotonic()
            assert await asyncio.wait_for(reader.read(), 5 * IDLE_SECONDS) == b""
            return time.monotonic() - begun

    assert 0.3 * IDLE_SECONDS < asyncio.run(idle_seconds()) < 3 * IDLE_SECONDS


def test_a_request_that_comes_slowly_is_waited_for() -> None:
    async def status() -> bytes:
        async with connected() as (reader, writer):
            writer.write(REQUEST % b"lane")
            await reader.readuntil(b"\r\n\r\n")
            for byte in REQUEST % b"lane":
                writer.write(bytes([byte]))
                await asyncio.sleep(2.5 * IDLE_SECONDS / len(REQUEST))
            return await reader.readuntil(b"\r\n")

    assert asyncio.run(status()) == b"HTTP/1.1 200 OK\r\n"
