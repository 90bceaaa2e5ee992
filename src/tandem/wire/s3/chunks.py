"""aws-chunked: a body in chunks, each with its size and maybe a signature in front.

    1000;chunk-signature=…\\r\\n  4,096 bytes  \\r\\n
    0;chunk-signature=…\\r\\n
    x-amz-checksum-crc32:…\\r\\n                      trailers, where the request names any
    \\r\\n

Signatures are checked where those of requests are (`chunk_signatures`), and passed over elsewhere.
A chunk's bytes are given out before its signature is looked at: they count for nothing before the
end of the body.
"""

import re
from collections.abc import AsyncIterator

from tandem.wire.s3.chunk_signatures import ChunkSignatures
from tandem.wire.s3.errors import IncompleteBody, InvalidRequest

_LINE_BYTES_MAX = 8_192
_TRAILERS_MAX = 32
_SIZE = re.compile(rb"[0-9a-fA-F]{1,16}")


class ChunkedBody:
    """The bytes without their wrapping. `trailers` are there once all bytes have come."""

    def __init__(
        self, body: AsyncIterator[bytes], signatures: ChunkSignatures | None = None
    ) -> None:
        self._body = body
        self._signatures = signatures
        self._buffer = bytearray()
        self.trailers: dict[str, str] = {}

    async def __aiter__(self) -> AsyncIterator[bytes]:
        signatures = self._signatures
        while True:
            line = await self._line()
            size = _size(line)
            is_last = not size
            if signatures is not None:
                signatures.begin(line)
            while size:
                if not self._buffer:
                    await self._more()
                some = bytes(self._buffer[:size])
                del self._buffer[: len(some)]
                size -= len(some)
                if signatures is not None:
                    signatures.add(some)
                yield some
            if signatures is not None:
                signatures.end()
            if is_last:
                break
            if await self._line():
                raise InvalidRequest("a chunk is longer than its size says")
        await self._read_trailers()
        if signatures is not None:
            signatures.check_trailers(self.trailers)

    async def _read_trailers(self) -> None:
        for _ in range(_TRAILERS_MAX):
            try:
                line = await self._line()
            except IncompleteBody:
                return  # some clients leave the last empty line out
            if not line:
                return
            name, colon, value = line.partition(b":")
            if not colon:
                raise InvalidRequest(f"the trailer {line[:64]!r} has no colon")
            self.trailers[name.decode("latin-1").strip().lower()] = value.decode("latin-1").strip()
        raise InvalidRequest(f"the body has more than {_TRAILERS_MAX} trailers")

    async def _line(self) -> bytes:
        while (end := self._buffer.find(b"\r\n")) < 0:
            if len(self._buffer) > _LINE_BYTES_MAX:
                raise InvalidRequest("a line between the chunks is too long")
            await self._more()
        line = bytes(self._buffer[:end])
        del self._buffer[: end + 2]
        return line

    async def _more(self) -> None:
        data = await anext(self._body, None)
        if data is None:
            raise IncompleteBody("the body ends in the middle of a chunk")
        self._buffer += data


def _size(line: bytes) -> int:
    digits = line.partition(b";")[0].strip()
    if not _SIZE.fullmatch(digits):
        raise InvalidRequest(f"{line[:64]!r} is not the size of a chunk")
    return int(digits, 16)
