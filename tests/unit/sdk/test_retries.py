"""What the remote library sends again: counted at a server that fails a few times first."""

import itertools
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from tandem.errors import AnswerLost, StoreUnavailable, TandemError, Throttled
from tandem.sdk import retries
from tandem.sdk.http import Http

OURS = {"x-amzn-RequestId": "1"}
FAILURES = 2
HANGS_UP = 0


def question(http: Http) -> object:
    return http.json("GET", "/FeatureGroup/g")


def batch(http: Http) -> object:
    return http.json("POST", "/BatchGetRecord", {}, is_question=True)


def describe(http: Http) -> object:
    return http.control("DescribeFeatureGroup", {})


def put(http: Http) -> object:
    return http.json("PUT", "/FeatureGroup/g", {})


def create(http: Http) -> object:
    return http.control("CreateFeatureGroup", {})


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retries, "_PAUSES_SECONDS", (0.001,) * 3)


@contextmanager
def failing(status: int, code: str = "", failures: int = FAILURES) -> Iterator[tuple[Http, list]]:
    """A client of a server that answers so a few times and then well, and the times of requests."""
    asked: list[float] = []

    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            self.rfile.read(int(self.headers.get("content-length", 0)))
            asked.append(time.monotonic())
            if len(asked) > failures:
                self.reply(200, OURS)
            elif status == HANGS_UP:
                self.connection.shutdown(socket.SHUT_RDWR)
            else:
                errors = {"x-amzn-ErrorType": code, "x-tandem-error": code}
                self.reply(status, {**errors, **OURS} if code else {})

        do_GET = do_POST = do_PUT = answer  # noqa: N815 - the names are the library's

        def reply(self, status: int, headers: dict[str, str]) -> None:
            self.send_response(status)
            for name, value in {**headers, "content-length": "2", "retry-after": "0"}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(b"{}")

        def log_message(self, *arguments: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        thread = threading.Thread(target=running.serve_forever, args=(0.01,))
        thread.start()
        http = Http(f"http://127.0.0.1:{running.server_port}")
        try:
            yield http, asked
        finally:
            http.close()
            running.shutdown()
            thread.join()


@pytest.mark.parametrize("call", [question, batch, describe, put, create])
@pytest.mark.parametrize(
    ("status", "code"),
    [
        (503, "ServiceUnavailable"),
        (503, ""),
        (429, ""),
        (429, "TooManyRequestsException"),
        (400, "ThrottlingException"),
        (400, "ProvisionedThroughputExceededException"),
    ],
)
def test_what_was_not_done_is_sent_again(
    call: Callable[[Http], object], status: int, code: str
) -> None:
    with failing(status, code) as (http, asked):
        assert call(http) == {}
        assert len(asked) == FAILURES + 1


UNCLEAR = [(HANGS_UP, ""), (500, "x"), (502, ""), (504, ""), (503, "AnswerLost")]
"""The last is a server's that has lost the answer of its background process."""


@pytest.mark.parametrize(("status", "code"), UNCLEAR)
@pytest.mark.parametrize("call", [question, batch, describe])
def test_a_question_is_asked_again(call: Callable[[Http], object], status: int, code: str) -> None:
    with failing(status, code) as (http, asked):
        assert call(http) == {}
        assert len(asked) == FAILURES + 1


@pytest.mark.parametrize(("status", "code"), UNCLEAR)
@pytest.mark.parametrize("call", [put, create])
def test_a_write_that_may_be_done_is_not_sent_again(
    call: Callable[[Http], object], status: int, code: str
) -> None:
    with failing(status, code) as (http, asked):
        with pytest.raises(TandemError) as raised:
            call(http)
        assert len(asked) == 1
        assert not raised.value.retryable
        if status != 500:
            assert type(raised.value) is AnswerLost
            assert code or "may have been carried out" in str(raised.value)


@pytest.mark.parametrize(
    ("status", "code"), [(400, "ValidationError"), (404, "ResourceNotFound"), (404, ""), (501, "")]
)
def test_what_would_fail_again_is_sent_once(status: int, code: str) -> None:
    with failing(status, code) as (http, asked):
        with pytest.raises(TandemError):
            question(http)
        assert len(asked) == 1


def test_it_gives_up_in_the_end_and_says_that_a_later_call_may_succeed() -> None:
    with failing(400, "ThrottlingException", failures=100) as (http, asked):
        with pytest.raises(Throttled) as raised:
            put(http)
        assert len(asked) == 4
        assert raised.value.retryable
        assert isinstance(raised.value, StoreUnavailable)


def test_pauses_grow_and_differ(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    several = [list(retries.pauses()) for _ in range(20)]
    for one in several:
        assert all(later > earlier / 2 for earlier, later in itertools.pairwise(one))
        assert 1.5 < sum(one) < 3.2
    assert len({tuple(one) for one in several}) == 20
