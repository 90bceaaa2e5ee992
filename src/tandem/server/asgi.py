"""What the server uses of ASGI."""

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]


class ClientGone(Exception):
    """The client left before its request was whole: nothing is done and nobody is answered."""


def path_of(scope: Scope) -> bytes:
    """The path, still percent-encoded, without the query."""
    path: bytes = scope.get("raw_path") or scope["path"].encode()
    return path.partition(b"?")[0]


def headers_of(scope: Scope) -> dict[str, str]:
    """The headers by lower-case name; of those given twice, the last one."""
    return {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
