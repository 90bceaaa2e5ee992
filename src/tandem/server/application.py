"""The life of an HTTP request, as one flat list.

    ASGI scope ─► S3?      ─► server.s3_requests, which streams bodies both ways
               ─► health?  ─► server.health
               ─► browser? ─► refused: pages of other sites must not reach a store without a lock;
                              where requests must be signed, that is the lock
               ─► body     read whole, refused above the limit
               ─► Request  ─► wire.Router (AWS protocols and Tandem's own endpoints) ─► Response

Requests for records come without a scope, from `server.fast_lane`. Nothing here knows an operation;
nothing in `wire` knows ASGI.
"""

import asyncio
import ipaddress
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import suppress
from functools import lru_cache

from tandem.errors import AccessForbidden, NotAuthenticated
from tandem.server.asgi import ClientGone, Receive, Scope, Send, headers_of, path_of
from tandem.server.health import Health
from tandem.server.s3_requests import S3Requests
from tandem.server.turns import Turns
from tandem.wire.authentication import Authenticator
from tandem.wire.http import Request, Response, new_request_id
from tandem.wire.router import Again, Begun, Router
from tandem.wire.s3 import may_be_signed, says_s3

BODY_BYTES_MAX = 16 << 20
"""25 records of 350 KB make 9 MB; JSON may write a character in several bytes."""
BULK_BODY_BYTES_MAX = 1 << 30
"""Bodies of Tandem's own endpoints carry whole tables."""
_BULK_PREFIX = b"/tandem/"
_RECORD_PATHS = (b"/FeatureGroup/", b"/BatchGetRecord", b"/BatchWriteRecord")
_VECTOR_PATHS = frozenset({b"/tandem/feature-vectors", b"/tandem/batch-get-record"})
_HEALTH_PATH = b"/health"
_HOSTS_MAX = 256
_SIGNING_NAME = "sagemaker"
"""What the library signs for, whatever it asks."""


def browser_reason(headers: Mapping[str, str]) -> str | None:
    """Why a request may come from a page of another site in a browser on this machine; else None.

    Such a page reaches loopback addresses, and by a host name of its own may even read the answers.
    """
    if "origin" in headers:
        return "requests with an Origin header come from web pages, which are not answered"
    if headers.get("sec-fetch-site") in {"cross-site", "same-site"}:
        return "requests that a page of another site makes are not answered"
    return _host_reason(headers.get("host", ""))


@lru_cache(_HOSTS_MAX)
def _host_reason(given: str) -> str | None:
    host = given.rpartition("@")[2].lower()
    name = host[1:].partition("]")[0] if host.startswith("[") else host.partition(":")[0]
    name = name.removesuffix(".")  # as a resolver takes it
    if name in ("", "localhost") or name.endswith(".localhost"):
        return None
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return f"the host {name[:64]!r} is not answered: use localhost or an IP address"
    return None


class Application:
    """An ASGI application around a router.

    health          answers whoever asks how the server is
    is_insecure     answers requests under any host name, as behind a proxy
    s3              answers those of S3; None where the gateway is off
    turns           in which the requests of the fast lane are begun
    authenticator   looks at signatures; None where requests need none. It has its place in the
                    router and the gateway, and here where it decides about a body or health
    """

    def __init__(
        self,
        router: Router,
        health: Health,
        *,
        is_insecure: bool = False,
        s3: S3Requests | None = None,
        authenticator: Authenticator | None = None,
    ) -> None:
        self._router = router
        self._health = health
        self._s3 = s3
        self._authenticator = authenticator
        self.turns = Turns()
        self._answers_pages = is_insecure or authenticator is not None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            with suppress(ClientGone):
                if self._s3 is not None and self._s3.claims(scope):
                    reason = None if self._answers_pages else browser_reason(headers_of(scope))
                    await self._s3.answer(scope, receive, send, reason)
                else:
                    await _send(send, await self._answer(scope, receive))
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1000})

    def takes_whole(self, path: bytes, query: bytes, headers: Mapping[str, str]) -> bool:
        """Whether a request needs nothing of ASGI: one for records, of bounded size, whose answer
        is whole as well. `begin` is all there is to be done for it.
        """
        if not path.startswith(_RECORD_PATHS) and not (
            # Those may be larger than the lane takes, so they must say that they are not.
            path in _VECTOR_PATHS and "content-length" in headers
        ):
            return False
        if _announced_bytes(headers) > BODY_BYTES_MAX:
            return False
        return self._s3 is None or not says_s3(query, headers)  # no bucket has such a name

    def again(self, path: bytes, query: bytes, headers: Mapping[str, str]) -> Again | None:
        """What answers GETs for a path that differ in their query alone: what their path and their
        headers decide is looked at once. Such headers were taken before, and no body is behind
        them. None where a request has to be looked at whole; so does what is given answer then.
        """
        if not path.startswith(_RECORD_PATHS) or (
            not self._answers_pages and browser_reason(headers) is not None
        ):
            return None
        if self._may_be_s3(query):
            return None  # that may be why these headers were taken
        head = Request("GET", path, b"", headers, b"", new_request_id())
        return self._router.again(head, self._may_be_s3)

    def _may_be_s3(self, query: bytes) -> bool:
        return self._s3 is not None and may_be_signed(query)

    def begin(
        self,
        method: str,
        path: bytes,
        query: bytes,
        headers: Mapping[str, str],
        body: bytes | None,
    ) -> Begun:
        """The answer to a request that was read whole, or a coroutine that gives it; `body` None:
        it is over the limit.
        """
        request = Request(method, path, query, headers, body or b"", new_request_id())
        if not self._answers_pages and (reason := browser_reason(headers)) is not None:
            return self._router.refuse(request, AccessForbidden(reason))
        if body is None:
            return self._router.refuse_body(request, _limit(path))
        return self._router.begin(request)

    async def _answer(self, scope: Scope, receive: Receive) -> Response:
        path = path_of(scope)
        headers = headers_of(scope)
        head = Request(
            method=scope["method"],
            raw_path=path,
            query=scope["query_string"],
            headers=headers,
            body=b"",
            request_id=new_request_id(),
        )
        if path == _HEALTH_PATH:
            return await self._health.answer(is_detailed=self._may_see_details(head))
        if self._authenticator is not None and _may_be_large(path, headers):
            try:
                self._authenticator.check_head(head, _SIGNING_NAME)
            except NotAuthenticated as error:
                return self._router.refuse(head, error)
        body = await _read_body(headers, receive, _limit(path))
        begun = self.begin(scope["method"], path, scope["query_string"], headers, body)
        return begun if isinstance(begun, Response) else await begun

    def _may_see_details(self, request: Request) -> bool:
        if self._authenticator is None:
            return self._answers_pages or browser_reason(request.headers) is None
        try:
            self._authenticator.check_whole(request, _SIGNING_NAME)
        except NotAuthenticated:
            return False
        return True


def _may_be_large(path: bytes, headers: Mapping[str, str]) -> bool:
    """Whether a body may come that is larger than strangers may have held in memory."""
    is_announced = "transfer-encoding" not in headers
    return path.startswith(_BULK_PREFIX) and not (
        is_announced and _announced_bytes(headers) <= BODY_BYTES_MAX
    )


def _limit(path: bytes) -> int:
    return BULK_BODY_BYTES_MAX if path.startswith(_BULK_PREFIX) else BODY_BYTES_MAX


def _announced_bytes(headers: Mapping[str, str]) -> int:
    text = headers.get("content-length", "")
    return int(text) if text.isdigit() else 0


async def _read_body(headers: Mapping[str, str], receive: Receive, limit: int) -> bytes | None:
    """The whole body, or None where it is larger than `limit`; the rest is read and dropped.

    A body that is announced as too large is not waited for.
    """
    if _announced_bytes(headers) > limit:
        return None
    parts: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientGone
        part: bytes = message.get("body", b"")
        size += len(part)
        if size <= limit:
            parts.append(part)
        else:
            parts.clear()
        if not message.get("more_body", False):
            return b"".join(parts) if size <= limit else None


async def _send(send: Send, response: Response) -> None:
    headers = [
        (name.encode("latin-1"), value.encode("latin-1")) for name, value in response.headers
    ]
    body = response.body
    if isinstance(body, bytes):
        headers.append((b"content-length", str(len(body)).encode()))
    await send({"type": "http.response.start", "status": response.status, "headers": headers})
    if isinstance(body, bytes):
        await send({"type": "http.response.body", "body": body})
        return
    pieces = body if isinstance(body, AsyncIterator) else _from_thread(body)
    async for piece in pieces:
        await send({"type": "http.response.body", "body": piece, "more_body": True})
    await send({"type": "http.response.body", "body": b""})


async def _from_thread(pieces: Iterator[bytes]) -> AsyncIterator[bytes]:
    while piece := await asyncio.to_thread(next, pieces, b""):
        yield piece
