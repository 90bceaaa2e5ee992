"""A request passed on over a socket, and its answer: small ones whole, others piece by piece.

One connection for each request; between processes of one machine it costs next to nothing.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

import httptools

from tandem.errors import AnswerLost, StoreUnavailable
from tandem.wire.http import Request, Response

_PIECE_BYTES = 1 << 20
_WHOLE_BYTES_MAX = 1 << 20
_OF_A_CONNECTION = frozenset(
    {"connection", "content-length", "date", "expect", "keep-alive", "transfer-encoding", "upgrade"}
)
"""Headers that each of the two connections has for itself."""


async def passed_on(path: Path, request: Request) -> Response:
    """What the process behind the socket at `path` answers.

    Raises StoreUnavailable where it cannot be asked, AnswerLost where it ends before it answers.
    """
    try:
        reader, writer = await asyncio.open_unix_connection(path, limit=_PIECE_BYTES)
    except OSError as error:
        raise StoreUnavailable(
            f"the process of queries does not answer ({error.strerror or error}): try again"
        ) from error
    answer = _Answer(reader, writer)
    try:
        with suppress(ConnectionError):  # then there is no answer to read
            await _send(writer, request)
        return await answer.response()
    except BaseException:
        answer.close()
        raise


async def _send(writer: asyncio.StreamWriter, request: Request) -> None:
    target = request.raw_path + (b"?" + request.query if request.query else b"")
    lines = [
        f"{name}: {value}"
        for name, value in request.headers.items()
        if name not in _OF_A_CONNECTION
    ]
    lines += ["connection: close", f"content-length: {len(request.body)}", "", ""]
    head = "\r\n".join(lines).encode("latin-1")
    writer.write(b"%s %s HTTP/1.1\r\n%s" % (request.method.encode("ascii"), target, head))
    body = memoryview(request.body)
    for start in range(0, len(body), _PIECE_BYTES):
        writer.write(body[start : start + _PIECE_BYTES])
        await writer.drain()


class _Answer:
    """The methods without an underscore, but `response` and `close`, are called by the parser."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._parser = httptools.HttpResponseParser(self)
        self._headers: list[tuple[str, str]] = []
        self._body: list[bytes] = []
        self._has_headers = False
        self._is_whole = False

    async def response(self) -> Response:
        while not self._has_headers:
            await self._read()
        given = {name.lower(): value for name, value in self._headers}
        headers = [one for one in self._headers if one[0].lower() not in _OF_A_CONNECTION]
        status = self._parser.get_status_code()
        if int(given.get("content-length", _WHOLE_BYTES_MAX + 1)) > _WHOLE_BYTES_MAX:
            return Response(status, headers, self._pieces())
        while not self._is_whole:
            await self._read()
        self.close()
        return Response(status, headers, b"".join(self._body))

    def close(self) -> None:
        self._writer.close()

    async def _pieces(self) -> AsyncIterator[bytes]:
        try:
            while True:
                body, self._body = self._body, []
                for piece in body:
                    yield piece
                if self._is_whole:
                    return
                await self._read()
        finally:
            self.close()

    async def _read(self) -> None:
        data = b""
        with suppress(ConnectionError):
            data = await self._reader.read(_PIECE_BYTES)
        if not data:
            raise AnswerLost(
                "the process of queries ended before it had answered: the call may have been"
                " carried out"
            )
        self._parser.feed_data(data)

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers.append((name.decode("latin-1"), value.decode("latin-1")))

    def on_headers_complete(self) -> None:
        self._has_headers = True

    def on_body(self, body: bytes) -> None:
        self._body.append(body)

    def on_message_complete(self) -> None:
        self._is_whole = True
