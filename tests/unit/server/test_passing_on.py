"""A request passed on to another process, and what comes of its answer."""

import asyncio
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path

import pytest

from tandem.errors import AnswerLost, StoreUnavailable
from tandem.server.passing_on import passed_on
from tandem.wire.http import Request, Response

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
LARGE = b"x" * (3 << 20)


@pytest.fixture
def path() -> Iterator[Path]:
    # The path that pytest gives is too long for a socket.
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        yield Path(folder) / "socket"


def request(body: bytes = b"{}") -> Request:
    headers = {"host": "localhost", "x-amz-target": "A.B", "connection": "keep-alive"}
    return Request("POST", b"/a%2Fb", b"c=d", headers, body, "id")


async def ask(path: Path, serve: Serve, given: Request) -> tuple[Response, bytes]:
    """The answer of a server, and its body."""
    async with await asyncio.start_unix_server(serve, path):
        response = await passed_on(path, given)
        body = response.body
        if isinstance(body, bytes):
            return response, body
        assert isinstance(body, AsyncIterator)
        return response, b"".join([piece async for piece in body])


def answering(answer: bytes, received: list[bytes]) -> Serve:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(head.partition(b"content-length: ")[2].partition(b"\r\n")[0])
        received.extend([head, await reader.readexactly(length)])
        writer.write(answer)
        writer.close()

    return serve


def test_a_request_arrives_as_it_came_and_its_answer_comes_back(path: Path) -> None:
    received: list[bytes] = []
    answer = (
        b"HTTP/1.1 404 Not Found\r\ndate: today\r\nX-Tandem-Error: ResourceNotFound\r\n"
        b"content-length: 4\r\n\r\nnone"
    )
    response, body = asyncio.run(ask(path, answering(answer, received), request(LARGE)))
    assert (response.status, body) == (404, b"none")
    assert response.headers == [("X-Tandem-Error", "ResourceNotFound")]
    head, sent = received
    assert head.startswith(b"POST /a%2Fb?c=d HTTP/1.1\r\nhost: localhost\r\nx-amz-target: A.B\r\n")
    assert b"keep-alive" not in head
    assert sent == LARGE


@pytest.mark.parametrize(
    "answer",
    [
        b"content-length: %d\r\n\r\n%s" % (len(LARGE), LARGE),
        b"transfer-encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n" % (len(LARGE), LARGE),
    ],
)
def test_a_large_answer_comes_in_pieces(path: Path, answer: bytes) -> None:
    serve = answering(b"HTTP/1.1 200 OK\r\n" + answer, [])
    response, body = asyncio.run(ask(path, serve, request()))
    assert not isinstance(response.body, bytes)
    assert body == LARGE


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"HTTP/1.1 200 OK\r\ncontent-le",
        b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\nhalf\r\n",
    ],
)
def test_an_answer_that_ends_early_is_lost(path: Path, answer: bytes) -> None:
    with pytest.raises(AnswerLost, match="may have been carried out"):
        asyncio.run(ask(path, answering(answer, []), request()))


def test_an_end_while_the_body_is_on_its_way_is_a_lost_answer(path: Path) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.close()

    with pytest.raises(AnswerLost):
        asyncio.run(ask(path, serve, request(LARGE)))


def test_nobody_behind_the_socket_was_not_asked(path: Path) -> None:
    with pytest.raises(StoreUnavailable, match="does not answer") as caught:
        asyncio.run(passed_on(path, request()))
    assert not isinstance(caught.value, AnswerLost)
