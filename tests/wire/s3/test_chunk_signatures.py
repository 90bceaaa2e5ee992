"""Signed chunks: the example that S3's documentation gives, and what must not pass."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from tandem.model.signature import signing_key
from tandem.wire.authentication_errors import InvalidSignature
from tandem.wire.s3.chunk_signatures import ChunkSignatures
from tandem.wire.s3.chunks import ChunkedBody
from tandem.wire.s3.errors import IncompleteBody, InvalidRequest

TIMESTAMP, SCOPE = "20130524T000000Z", "20130524/us-east-1/s3/aws4_request"
KEY = signing_key("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "20130524", "us-east-1", "s3")
SEED = "4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9"
FIRST, SECOND = b"a" * 65_536, b"a" * 1_024
SIGNATURES = (
    b"ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648",
    b"0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497",
    b"b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9",
)
TRAILER = b"x-amz-checksum-crc32c:sOO8/Q=="


def chunk(data: bytes, signature: bytes) -> bytes:
    return b"%x;chunk-signature=%s\r\n%s\r\n" % (len(data), signature, data)


LAST = b"0;chunk-signature=" + SIGNATURES[2] + b"\r\n"
BODY = chunk(FIRST, SIGNATURES[0]) + chunk(SECOND, SIGNATURES[1]) + LAST + b"\r\n"


def read(
    content: bytes, *, has_trailers: bool = False, key: bytes = KEY, seed: str = SEED
) -> bytes:
    async def pieces() -> AsyncIterator[bytes]:
        for start in range(0, len(content), 10_000):
            yield content[start : start + 10_000]

    async def gather() -> bytes:
        signatures = ChunkSignatures(key, TIMESTAMP, SCOPE, seed, has_trailers=has_trailers)
        return b"".join([data async for data in ChunkedBody(pieces(), signatures)])

    return asyncio.run(gather())


def test_the_example_of_s3s_documentation() -> None:
    assert read(BODY) == FIRST + SECOND


@pytest.mark.parametrize(
    "content",
    [
        BODY.replace(b"a" * 1_024 + b"\r\n", b"a" * 1_023 + b"b\r\n"),
        chunk(SECOND, SIGNATURES[1]) + chunk(FIRST, SIGNATURES[0]) + LAST,
        chunk(FIRST, SIGNATURES[0]) + LAST,
        chunk(FIRST, SIGNATURES[0]) * 2 + LAST,
        chunk(FIRST, SIGNATURES[0]) + b"0\r\n\r\n",
        chunk(FIRST, SIGNATURES[0]) + b"0;chunk-signature=" + b"0" * 64 + b"\r\n\r\n",
        b"10000\r\n" + FIRST + b"\r\n" + LAST,
        BODY[:-2] + TRAILER + b"\r\n\r\n",
    ],
    ids=["byte", "order", "gap", "twice", "unsigned end", "forged end", "unsigned", "trailer"],
)
def test_what_was_changed_is_refused(content: bytes) -> None:
    with pytest.raises(InvalidSignature):
        read(content)


@pytest.mark.parametrize(
    "content", [chunk(FIRST, SIGNATURES[0]) + chunk(SECOND, SIGNATURES[1]), BODY[:66_000]]
)
def test_a_body_that_is_cut_off_is_refused(content: bytes) -> None:
    with pytest.raises((IncompleteBody, InvalidRequest)):
        read(content)


def test_another_key_is_refused() -> None:
    with pytest.raises(InvalidSignature):
        read(BODY, key=b"k" * 32)


WITH_TRAILER = (
    chunk(FIRST, b"b474d8862b1487a5145d686f57f013e54db672cee1c953b3010fb58501ef5aa2")
    + chunk(SECOND, b"1c1344b170168f8e65b41376b44b20fe354e373826ccbbe2c1d40a8cae51e5c7")
    + b"0;chunk-signature=2ca2aba2005185cf7159c6277faf83795951dd77a3a99e6e65d5c9f85863f992\r\n"
    + TRAILER
    + b"\r\nx-amz-trailer-signature:"
    + b"d81f82fc3505edab99d459891051a732e8730629a2e4a59689829ca17fe2e435\r\n\r\n"
)
SEED_WITH_TRAILER = "106e2a8a18243abcf37539882f36619c00e2dfc72633413f02d3b74544bfeb8e"


def test_trailers_are_signed() -> None:
    whole = read(WITH_TRAILER, has_trailers=True, seed=SEED_WITH_TRAILER)
    assert whole == FIRST + SECOND
    for changed in (
        WITH_TRAILER.replace(b"sOO8", b"sOO9"),
        WITH_TRAILER.replace(b"d81f", b"d81e"),
        WITH_TRAILER.replace(TRAILER, TRAILER + b"\r\nx-amz-meta-a:b"),
        WITH_TRAILER.replace(TRAILER + b"\r\n", b""),
        WITH_TRAILER[: WITH_TRAILER.index(TRAILER)] + b"\r\n",
    ):
        with pytest.raises(InvalidSignature, match="trailer"):
            read(changed, has_trailers=True, seed=SEED_WITH_TRAILER)
