"""What the server uses of ASGI."""

from collections.abc import Awaitable, Callable, MutableMapping, Sequence
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
    """The headers by lower-case name."""
    return joined_headers(scope["headers"])


def joined_headers(given: Sequence[tuple[bytes, bytes]]) -> dict[str, str]:
    """Headers by name. One that is given several times is one, with commas between its values: so
    HTTP says, and so it is signed.
    """
    headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in given}
    if len(headers) < len(given):
        several: dict[str, list[str]] = {}
        for name, value in given:
            several.setdefault(name.decode("latin-1"), []).append(value.decode("latin-1").strip())
        headers = {name: ",".join(values) for name, values in several.items()}
    return headers
