"""What a connection has sent before is answered as if it had been parsed again."""

import asyncio
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import pytest
import uvicorn
from hypothesis import given
from hypothesis import strategies as st
from uvicorn.server import ServerState

from tandem.server.asgi import Receive, Scope, Send, headers_of, path_of
from tandem.server.fast_lane import FastLane
from tandem.server.turns import Turns
from tandem.wire.http import Response
from tandem.wire.router import Again

HEAD = b"GET %b HTTP/1.1\r\nHost: localhost\r\nAccept: */*\r\n\r\n"
ONE, OTHER = b"/FeatureGroup/a?x=1", b"/FeatureGroup/b?x=%20y+z"


class AtOnce(Turns):
    """Nobody waits for a slice of time: where what follows is no HTTP, whoever waits is the last
    that is answered.
    """

    def take(self, loop: Any, begin: Any, request: Any) -> None:
        del loop
        begin(request)


class Echo:
    """Answers with what it was asked."""

    def __init__(self) -> None:
        self.turns = AtOnce()

    def takes_whole(self, path: bytes, query: bytes, headers: Mapping[str, str]) -> bool:
        del query, headers
        return path.startswith(b"/FeatureGroup/")

    def again(self, path: bytes, query: bytes, headers: Mapping[str, str]) -> Again | None:
        if b"signed" in query or not self.takes_whole(path, query, headers):
            return None

        def answer(query: bytes) -> Any:
            if b"signed" in query:
                return None
            begun = self.begin("GET", path, query, headers, b"")
            if b"plain" not in query:
                return begun
            return b"content-length: %d\r\n\r\n%b" % (len(begun.body), begun.body)

        return answer

    def begin(self, *request: Any) -> Any:
        if b"later" in request[2]:
            return self._later(request)
        return _echo("lane", *request)

    async def _later(self, request: Any) -> Response:
        await asyncio.sleep(0)
        return _echo("lane", *request)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        body = b""
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                return
            body += message.get("body", b"")
            if not message.get("more_body"):
                break
        path, query = path_of(scope), scope["query_string"]
        answer = _echo("ASGI", scope["method"], path, query, headers_of(scope), body).body
        assert isinstance(answer, bytes)
        headers = [(b"content-length", str(len(answer)).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": answer})


def _echo(*request: Any) -> Response:
    return Response(200, [], repr(request).encode())


class Wire(asyncio.Transport):
    """Keeps what is sent. Behind an answer with "slow" in it, nothing is taken for a while."""

    def __init__(self) -> None:
        super().__init__()
        self.sent = bytearray()
        self._is_closed = False

    def belongs_to(self, lane: FastLane) -> None:
        self._lane = lane

    def write(self, data: Any) -> None:
        assert not self._is_closed
        self.sent += data
        if b"slow" in data:
            self._lane.pause_writing()
            asyncio.get_running_loop().call_soon(self._lane.resume_writing)

    def is_closing(self) -> bool:
        return self._is_closed

    def close(self) -> None:
        self._is_closed = True

    def pause_reading(self) -> None: ...

    def resume_reading(self) -> None: ...


class Parsed(FastLane):
    """Has every request parsed."""

    def data_received(self, data: bytes) -> None:
        self._repeated = None
        super().data_received(data)


class Counted(FastLane):
    """Counts the requests that were not."""

    count = 0
    has_parsed = False

    def data_received(self, data: bytes) -> None:
        self.has_parsed = False
        super().data_received(data)
        Counted.count += not self.has_parsed

    def _feed(self, data: bytes) -> None:
        self.has_parsed = True
        super()._feed(data)


async def _rounds() -> None:
    for _ in range(12):
        await asyncio.sleep(0)


def sent(kind: type[FastLane], pieces: Sequence[bytes]) -> bytes:
    async def run() -> bytes:
        config = uvicorn.Config(Echo(), http=FastLane)
        config.load()
        loop, wire = asyncio.get_running_loop(), Wire()
        lane = kind(config=config, server_state=ServerState(), app_state={}, _loop=loop)
        wire.belongs_to(lane)
        lane.connection_made(wire)
        for piece in pieces:
            if not wire.is_closing():
                lane.data_received(piece)
            if b"wait" in piece:
                await _rounds()
        await _rounds()
        lane.connection_lost(None)
        return bytes(wire.sent)

    return asyncio.run(run())


def count(*pieces: bytes) -> int:
    """How many of these requests were answered without the parser."""
    Counted.count = 0
    assert sent(Counted, pieces) == sent(Parsed, pieces)
    return Counted.count


def test_a_head_that_comes_again_is_not_parsed() -> None:
    assert count(HEAD % ONE) == 0
    assert count(HEAD % ONE, HEAD % OTHER, HEAD % ONE) == 2


@pytest.mark.parametrize(
    "other",
    [
        HEAD.replace(b"GET", b"HEAD") % ONE,
        HEAD.replace(b"localhost", b"127.0.0.1") % ONE,
        HEAD.replace(b"1.1", b"1.0") % ONE,
        HEAD % b"/FeatureGroup/a",
        HEAD % b"/FeatureGroup/a?x=1#y",
        HEAD % b"/FeatureGroup/a?x= ",
        HEAD % b"/FeatureGroup/a?x=\xe9",
        HEAD % b"/FeatureGroup/a?x=\x01",
        HEAD % b"http://localhost/FeatureGroup/a?x=1",
        HEAD % b"/other?x=1",
        HEAD % ONE + HEAD % OTHER,
        HEAD % ONE + b"GET",
        HEAD % (ONE + b" HTTP/1.1\r\nX: " + OTHER),
        HEAD % (ONE + b" HTTP/1.1\r\n\r\nGET " + OTHER),
    ],
)
def test_any_other_head_is_parsed(other: bytes) -> None:
    assert count(HEAD % ONE, other) == 0


@pytest.mark.parametrize(
    "first",
    [
        HEAD.replace(b"Host", b"Content-Length: 0\r\nHost") % ONE,
        HEAD.replace(b"Host", b"Transfer-Encoding: chunked\r\nHost") % ONE + b"0\r\n\r\n",
        HEAD.replace(b"Host", b"Connection: close\r\nHost") % ONE,
        HEAD.replace(b"Host", b"Expect: 100-continue\r\nHost") % ONE,
        HEAD.replace(b"Host", b"Authorization: AWS4-HMAC-SHA256 x\r\nHost") % ONE,
        HEAD.replace(b"Host", b"X: %b\r\nHost" % (b"y" * 8_192)) % ONE,
        HEAD.replace(b"1.1", b"1.0") % ONE,
        HEAD % b"/FeatureGroup/a?signed",
    ],
)
def test_what_says_more_than_its_head_is_not_kept(first: bytes) -> None:
    assert count(first, first) == 0


def test_a_head_that_began_before_is_not_kept() -> None:
    """Else what ends one message could begin another."""
    start = b"GET %b HTTP/1.1\r\nX: " % ONE
    assert count(start, HEAD % ONE, HEAD % OTHER) == 0
    assert count(start, HEAD % ONE, HEAD % OTHER, HEAD % ONE) == 1


PUT = b"PUT /FeatureGroup/a HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n%b"


@pytest.mark.parametrize("between", [b"", PUT % (2, b"{}"), HEAD % OTHER])
def test_requests_that_come_together_are_not_taken_for_one(between: bytes) -> None:
    """The first may have the target of the last, and another one the next time."""
    assert count(*[HEAD % target + between + HEAD % ONE for target in (ONE, OTHER, ONE)]) == 0


@pytest.mark.parametrize("end", [b"GET %b HTTP/1.1\r\nX: ", HEAD])
def test_the_end_of_a_body_is_not_taken_for_a_head(end: bytes) -> None:
    first = PUT % (len(end % ONE), b"")
    assert count(first, end % ONE + HEAD % ONE, end % OTHER + HEAD % ONE) == 0


LATER = HEAD % b"/FeatureGroup/a?later"


def test_what_comes_while_an_answer_is_waited_for_is_answered_behind_it() -> None:
    assert count(LATER, HEAD % ONE) == 0
    assert count(HEAD % ONE, LATER, HEAD % OTHER) == 1


def test_an_answer_that_ends_within_the_next_message_keeps_nothing() -> None:
    beginning = b"GET %b HTTP/1.1\r\nX: wait" % OTHER
    assert count(LATER, beginning, HEAD % ONE) == 0
    assert count(HEAD % ONE, LATER, beginning, HEAD % ONE) == 1


def test_a_client_that_takes_no_answers_is_waited_for() -> None:
    slow = HEAD % b"/FeatureGroup/a?slow"
    assert count(slow, HEAD % ONE, HEAD % OTHER) == 0
    assert count(HEAD % ONE, slow, HEAD % ONE, b"wait", HEAD % OTHER) == 1


def test_answers_that_are_whole_bytes_are_sent_as_others() -> None:
    plain, slow = HEAD % b"/FeatureGroup/a?plain", HEAD % b"/FeatureGroup/a?plain-slow"
    assert count(plain, plain, HEAD % OTHER, plain) == 3
    assert count(plain, slow, HEAD % ONE, b"wait", plain) == 1
    assert count(HEAD % ONE, slow, LATER, plain) == 1


FRAGMENTS = [
    HEAD % b"/FeatureGroup/a?plain",
    HEAD % b"/FeatureGroup/a?plain-slow",
    HEAD % ONE,
    HEAD % OTHER,
    LATER,
    HEAD % b"/FeatureGroup/a?slow",
    HEAD % b"/FeatureGroup/a?wait",
    HEAD % b"/other?x",
    HEAD.replace(b"localhost", b"other") % ONE,
    HEAD.replace(b"GET", b"POST").replace(b"Host", b"Content-Length: %d\r\nHost")
    % (ONE, len(HEAD % ONE))
    + HEAD % ONE,
    HEAD.replace(b"Host", b"Connection: close\r\nHost") % ONE,
    b"GET %b HTTP/1.1\r\nX: " % ONE,
    HEAD % ONE + HEAD % ONE,
    HEAD % OTHER + HEAD % ONE,
    PUT % (len(HEAD % ONE), b""),
    b"\r\n",
    b"GET",
]


@given(st.lists(st.sampled_from(FRAGMENTS), min_size=2, max_size=8), st.data())
def test_answers_do_not_depend_on_what_came_before(
    fragments: list[bytes], data: st.DataObject
) -> None:
    """However the bytes are cut."""
    pieces = list(fragments)
    if data.draw(st.booleans()):
        joined = b"".join(fragments)
        cuts = sorted(data.draw(st.sets(st.integers(1, len(joined) - 1), max_size=6)))
        edges = pairwise([0, *cuts, len(joined)])
        pieces = [joined[start:end] for start, end in edges]
    assert sent(FastLane, pieces) == sent(Parsed, pieces)
