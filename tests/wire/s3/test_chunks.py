"""aws-chunked bodies are unwrapped the same however they are cut on the way."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tandem.errors import TandemError
from tandem.wire.s3.chunks import ChunkedBody

SIGNATURE = b";chunk-signature=" + b"0" * 64


async def pieces(body: bytes, size: int) -> AsyncIterator[bytes]:
    for start in range(0, len(body), size):
        yield body[start : start + size]


def unwrapped(body: bytes, size: int = 7) -> tuple[bytes, dict[str, str]]:
    async def run() -> tuple[bytes, dict[str, str]]:
        chunked = ChunkedBody(pieces(body, size))
        content = b"".join([data async for data in chunked])
        return content, chunked.trailers

    return asyncio.run(run())


@given(
    chunks=st.lists(st.binary(min_size=1, max_size=40), max_size=5),
    size=st.integers(1, 50),
    is_signed=st.booleans(),
)
def test_the_bytes_come_out(chunks: list[bytes], size: int, is_signed: bool) -> None:
    extension = SIGNATURE if is_signed else b""
    body = b"".join(b"%x%s\r\n%s\r\n" % (len(data), extension, data) for data in chunks)
    body += b"0%s\r\nX-Amz-Checksum-Crc32: AAAAAA==\r\n\r\n" % extension
    assert unwrapped(body, size) == (b"".join(chunks), {"x-amz-checksum-crc32": "AAAAAA=="})


def test_the_last_empty_line_may_be_missing() -> None:
    assert unwrapped(b"2\r\nhi\r\n0\r\n") == (b"hi", {})


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"5\r\nhi",
        b"2\r\nhi",
        b"2\r\nhi there\r\n0\r\n\r\n",
        b"-2\r\nhi\r\n0\r\n\r\n",
        b"0x2\r\nhi\r\n0\r\n\r\n",
        b"zz\r\n",
        b"f" * 20 + b"\r\n",
        b"1" * 20_000,
        b"0\r\nno colon\r\n\r\n",
        b"0\r\n" + b"a:b\r\n" * 50 + b"\r\n",
    ],
)
def test_what_is_not_chunked_is_refused(body: bytes) -> None:
    with pytest.raises(TandemError):
        unwrapped(body)


@given(body=st.binary(max_size=60))
def test_any_bytes_are_read_or_refused(body: bytes) -> None:
    try:
        content, _ = unwrapped(body)
    except TandemError:
        return
    assert len(content) < len(body)
