"""The body of an upload: unwrapped, counted, and checked against all that the request says of it.

size        Content-Length, or x-amz-decoded-content-length where it is aws-chunked
hash        x-amz-content-sha256, where it is one
digest      Content-MD5
checksum    x-amz-checksum-*, as a header or a trailer
"""

import binascii
from base64 import b64decode, b64encode
from collections.abc import AsyncIterator, Mapping

from tandem.offline.objects.checksums import ALGORITHMS, MD5, SHA256
from tandem.offline.objects.details import Checksum
from tandem.wire.error_table import RequestTooLarge
from tandem.wire.s3.chunks import ChunkedBody
from tandem.wire.s3.errors import (
    BadDigest,
    IncompleteBody,
    InvalidArgument,
    InvalidDigest,
    InvalidRequest,
    PayloadHashMismatch,
)
from tandem.wire.s3.http import S3Request

OBJECT_BYTES_MAX = 5 << 30
"""The most in one upload, and in one part."""
_PREFIX = "x-amz-checksum-"
_STREAMING = "STREAMING-"
_SHA256_DIGITS = 64
_MD5_BYTES = 16


class Payload:
    """Raises InvalidRequest and its like where the headers make no sense."""

    def __init__(self, request: S3Request) -> None:
        headers = request.headers
        self._body = request.body
        self._chunked: ChunkedBody | None = None
        content_hash = request.content_hash or headers.get("x-amz-content-sha256", "")
        encodings = content_encodings(headers)
        if content_hash.startswith(_STREAMING) or "aws-chunked" in encodings:
            self._chunked = ChunkedBody(self._body, request.chunk_signatures)
        name = "content-length" if self._chunked is None else "x-amz-decoded-content-length"
        self.size = _announced(headers, name)
        self._sha256 = content_hash.lower() if len(content_hash) == _SHA256_DIGITS else ""
        self._md5 = _content_md5(headers)
        self.algorithm, self._checksum = _checksum(headers, has_trailers=self._chunked is not None)
        self._trailer = self.algorithm and not self._checksum

    @property
    def algorithms(self) -> set[str]:
        """What must be computed over the bytes, for `check`."""
        named = {self.algorithm, SHA256 if self._sha256 else "", MD5 if self._md5 else ""}
        return named - {""}

    async def __aiter__(self) -> AsyncIterator[bytes]:
        size = 0
        async for data in self._chunked or self._body:
            size += len(data)
            if size > OBJECT_BYTES_MAX:
                raise _too_large()
            yield data
        if self.size is not None and size != self.size:
            raise IncompleteBody(f"{self.size} bytes were announced, and {size} came")

    async def read(self, size_max: int) -> bytes:
        """A small body, whole, for operations that take a document."""
        if self.size is not None and self.size > size_max:
            raise RequestTooLarge(f"the body is larger than {size_max} bytes: send less at a time")
        parts: list[bytes] = []
        size = 0
        async for data in self:
            size += len(data)
            if size > size_max:
                raise RequestTooLarge(f"the body is larger than {size_max} bytes")
            parts.append(data)
        return b"".join(parts)

    def check(self, digests: Mapping[str, bytes]) -> Checksum | None:
        """Compares once all bytes have come; returns the checksum that the client gave."""
        if self._sha256 and digests[SHA256].hex() != self._sha256:
            raise PayloadHashMismatch(
                f"x-amz-content-sha256 is {self._sha256}, but the body's is {digests[SHA256].hex()}"
            )
        if self._md5 and digests[MD5] != self._md5:
            raise BadDigest(f"Content-MD5 is not the body's, which is {digests[MD5].hex()}")
        if not self.algorithm:
            return None
        expected = self._checksum
        if self._trailer and self._chunked is not None:
            expected = self._chunked.trailers.get(_PREFIX + self.algorithm.lower(), "")
            if not expected:
                raise InvalidRequest(
                    f"the trailer {_PREFIX}{self.algorithm.lower()} was announced and did not come"
                )
        found = b64encode(digests[self.algorithm]).decode()
        if found != expected:
            raise BadDigest(
                f"the {self.algorithm} is {expected[:128]!r}, but the body's is {found}"
            )
        return Checksum(self.algorithm, found)


def content_encodings(headers: Mapping[str, str]) -> list[str]:
    """What Content-Encoding says, aws-chunked included, which is no encoding of the object."""
    given = headers.get("content-encoding", "").split(",")
    return [encoding.strip() for encoding in given if encoding.strip()]


def algorithm_named(name: str) -> str:
    """The algorithm as a header names it. Raises InvalidRequest."""
    if name.upper() not in ALGORITHMS:
        raise InvalidRequest(f"the checksum {name[:32]!r} is not known: use one of {ALGORITHMS}")
    return name.upper()


def check_digest(algorithm: str, value: str) -> None:
    """Raises InvalidRequest where this cannot be a checksum of the algorithm."""
    try:
        b64decode(value, validate=True)
    except (binascii.Error, ValueError):
        raise InvalidRequest(f"{value[:128]!r} is not a {algorithm} in base64") from None


def _too_large() -> RequestTooLarge:
    return RequestTooLarge(
        f"one upload has at most {OBJECT_BYTES_MAX} bytes: use a multipart upload beyond that"
    )


def _announced(headers: Mapping[str, str], name: str) -> int | None:
    given = headers.get(name)
    if given is None:
        return None
    if not (given.isascii() and given.isdigit()) or len(given) > 20:
        raise InvalidArgument(f"{name} {given[:64]!r} is not a number of bytes")
    size = int(given)
    if size > OBJECT_BYTES_MAX:
        raise _too_large()
    return size


def _content_md5(headers: Mapping[str, str]) -> bytes:
    given = headers.get("content-md5")
    if given is None:
        return b""
    try:
        digest = b64decode(given, validate=True)
    except (binascii.Error, ValueError):
        digest = b""
    if len(digest) != _MD5_BYTES:
        raise InvalidDigest(f"Content-MD5 {given[:64]!r} is not an MD5 in base64")
    return digest


def _checksum(headers: Mapping[str, str], *, has_trailers: bool) -> tuple[str, str]:
    """The algorithm, and the checksum where it stands in a header already."""
    given = {
        name.upper(): headers[_PREFIX + name.lower()]
        for name in ALGORITHMS
        if _PREFIX + name.lower() in headers
    }
    if len(given) > 1:
        raise InvalidRequest(f"give one checksum, not {sorted(given)}")
    for name, value in given.items():
        check_digest(name, value)
        return name, value
    for trailer in headers.get("x-amz-trailer", "").split(","):
        if has_trailers and trailer.strip().lower().startswith(_PREFIX):
            return algorithm_named(trailer.strip()[len(_PREFIX) :]), ""
    return "", ""
