"""Requests of S3: ASGI to the gateway and back, bodies streamed both ways.

* A body is read as the gateway takes it, so that an object may be larger than memory. What is left
  of a body when the answer is there is read and dropped; a client that waits for leave to send it
  (Expect: 100-continue) is answered at once, and its connection closed.
* When the client leaves, what was being sent to it is not read any further.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import cast

from tandem.errors import AccessForbidden
from tandem.server.asgi import ClientGone, Receive, Scope, Send, headers_of, path_of
from tandem.wire.http import new_request_id
from tandem.wire.s3 import S3Gateway, S3Request, S3Response, is_s3


class S3Requests:
    def __init__(self, gateway: S3Gateway) -> None:
        self._gateway = gateway

    def claims(self, scope: Scope) -> bool:
        return is_s3(scope["method"], path_of(scope), scope["query_string"], headers_of(scope))

    async def answer(
        self, scope: Scope, receive: Receive, send: Send, refusal: str | None = None
    ) -> None:
        """`refusal` is why the request is not looked at, where it is not."""
        headers = headers_of(scope)
        body = _Body(receive)
        request = S3Request(
            method=scope["method"],
            raw_path=path_of(scope),
            query=scope["query_string"],
            headers=headers,
            body=body,
            request_id=new_request_id(),
        )
        if refusal is not None:
            response = self._gateway.refuse(request, AccessForbidden(refusal))
        else:
            response = await self._gateway.answer(request)
        is_waiting = headers.get("expect", "").lower() == "100-continue" and not body.has_begun
        if is_waiting:
            response.headers = [*response.headers, ("connection", "close")]
        elif "content-length" in headers or "transfer-encoding" in headers:
            await body.drop_rest()
        await _send(response, receive, send, is_head=request.method == "HEAD")


class _Body:
    """The body as it arrives. Raises ClientGone where it ends too early."""

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._is_over = False
        self.has_begun = False

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        if self._is_over:
            raise StopAsyncIteration
        self.has_begun = True
        message = await self._receive()
        if message["type"] == "http.disconnect":
            raise ClientGone
        self._is_over = not message.get("more_body", False)
        return cast("bytes", message.get("body", b""))

    async def drop_rest(self) -> None:
        async for _ in self:
            pass


async def _send(response: S3Response, receive: Receive, send: Send, *, is_head: bool) -> None:
    headers = [
        (name.encode("latin-1"), value.encode("latin-1")) for name, value in response.headers
    ]
    if response.length is not None and response.status not in {204, 304}:
        headers.append((b"content-length", str(response.length).encode()))
    await send({"type": "http.response.start", "status": response.status, "headers": headers})
    if isinstance(response.body, bytes) or is_head:
        body = b"" if is_head else response.body
        await send({"type": "http.response.body", "body": body})
        return
    gone = asyncio.ensure_future(_until_gone(receive))
    try:
        async with aclosing(response.body) as blocks:  # type: ignore[type-var]
            async for block in blocks:
                if gone.done():
                    raise ClientGone
                await send({"type": "http.response.body", "body": block, "more_body": True})
        await send({"type": "http.response.body", "body": b""})
    finally:
        gone.cancel()


async def _until_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
