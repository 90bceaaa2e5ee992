"""What the server does before the router where requests must be signed."""

import asyncio
from collections.abc import Mapping
from hashlib import sha256
from typing import Any, cast

import pytest

from tandem.errors import TandemError
from tandem.server.application import BODY_BYTES_MAX, Application
from tandem.server.asgi import joined_headers
from tandem.wire.http import Request, Response
from wire.signed_requests import Gate, signed


class Router:
    """Says what reached it."""

    def begin(self, request: Request) -> Response:
        return Response(200, [], request.body[:10])

    def refuse(self, request: Request, error: TandemError) -> Response:
        return Response(403, [], type(error).__name__.encode())


class Health:
    async def answer(self, *, is_detailed: bool) -> Response:
        return Response(200, [], b"detailed" if is_detailed else b"short")


def answer(request: Request, *, requires_signatures: bool = True) -> tuple[int, bytes, bool]:
    """Status and body, and whether the request's body was read."""
    authenticator = Gate().authenticator if requires_signatures else None
    application = Application(
        cast("Any", Router()), cast("Any", Health()), authenticator=authenticator
    )
    scope = {
        "type": "http",
        "method": request.method,
        "path": request.raw_path.decode(),
        "raw_path": request.raw_path,
        "query_string": request.query,
        "headers": [(name.encode(), text.encode()) for name, text in request.headers.items()],
    }
    sent: list[Mapping[str, Any]] = []
    reads = 0

    async def receive() -> dict[str, Any]:
        nonlocal reads
        reads += 1
        return {"type": "http.request", "body": request.body, "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    asyncio.run(application(scope, receive, send))
    return sent[0]["status"], sent[1]["body"], reads > 0


def changed(request: Request, **headers: str) -> Request:
    request.headers = {
        **request.headers,
        **{name.replace("_", "-"): text for name, text in headers.items()},
    }
    return request


def unsigned(target: str, **headers: str) -> Request:
    return Request("GET", target.encode(), b"", {"host": "localhost", **headers}, b"", "id")


def test_health_says_why_to_those_who_sign() -> None:
    assert answer(unsigned("/health"))[:2] == (200, b"short")
    assert answer(signed(target="/health"))[:2] == (200, b"detailed")
    assert answer(signed(target="/health", key=("AKIANOBODY", "s", None)))[1] == b"short"
    assert answer(unsigned("/health"), requires_signatures=False)[1] == b"detailed"


def test_other_hosts_and_pages_may_ask_where_they_sign() -> None:
    request = changed(signed(target="/tandem/server"), origin="https://example.org")
    assert answer(request)[0] == 200
    assert answer(request, requires_signatures=False)[:2] == (403, b"AccessForbidden")


NOBODY = ("AKIANOBODY", "s", None)
LARGE = str(BODY_BYTES_MAX + 1)


@pytest.mark.parametrize("said", [{"content-length": LARGE}, {"transfer-encoding": "chunked"}])
def test_a_large_body_of_a_stranger_is_not_read(said: dict[str, str]) -> None:
    target = "/tandem/ingest/g"
    hash_ = {"x-amz-content-sha256": sha256(b"rows").hexdigest()}
    strangers = [
        (unsigned(target), b"MissingAuthenticationToken"),
        (signed(target=target, body=b"rows"), b"IncompleteSignature"),
        (signed(target=target, headers=hash_, key=NOBODY), b"UnrecognizedClient"),
        (changed(signed(target=target, headers=hash_), host="other"), b"InvalidSignature"),
    ]  # fmt: skip
    for request, error in strangers:
        assert answer(changed(request, **said)) == (403, error, False)
    known = signed(target=target, headers=hash_, body=b"rows")
    assert answer(changed(known, **said)) == (200, b"rows", True)
    assert answer(changed(unsigned(target), **said), requires_signatures=False)[0] in {200, 413}


def test_a_small_body_is_judged_with_its_request() -> None:
    assert answer(changed(unsigned("/tandem/ingest/g"), content_length="4"))[2]


def test_a_header_that_is_given_twice_is_one() -> None:
    once = joined_headers([(b"host", b"a"), (b"x", b" b ")])
    assert once == {"host": "a", "x": " b "}
    twice = joined_headers([(b"host", b"a"), (b"x", b"b "), (b"host", b"c"), (b"x", b"d")])
    assert twice == {"host": "a,c", "x": "b,d"}
