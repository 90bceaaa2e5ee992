"""A request of S3 and its answer, whose bodies are streams, free of any web framework."""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field

from tandem.wire.s3.address import Address
from tandem.wire.s3.chunk_signatures import ChunkSignatures


@dataclass(slots=True, kw_only=True)
class S3Request:
    """One HTTP request, whose body is still to come.

    raw_path    the path still percent-encoded, without the query
    query       what stands behind the "?", still encoded
    headers     by lower-case name
    body        the bytes as they arrive; can be gone through once

    What a signature says of the body, where there is one that counts:

    content_hash      as x-amz-content-sha256 has it
    chunk_signatures  checks the body's chunks, where each is signed
    """

    method: str
    raw_path: bytes
    query: bytes
    headers: Mapping[str, str]
    body: AsyncIterator[bytes]
    request_id: str
    content_hash: str | None = None
    chunk_signatures: ChunkSignatures | None = None


@dataclass(slots=True)
class S3Response:
    """One HTTP answer.

    length    the size of the body in bytes; None where it is not known before the end
    """

    status: int
    headers: Sequence[tuple[str, str]] = ()
    body: bytes | AsyncIterator[bytes] = b""
    length: int | None = None

    def __post_init__(self) -> None:
        if isinstance(self.body, bytes) and self.length is None:
            self.length = len(self.body)


@dataclass(slots=True)
class Call:
    """A request and what it is about. `query` has each parameter's first value."""

    request: S3Request
    address: Address
    query: Mapping[str, str] = field(default_factory=dict)

    @property
    def bucket(self) -> str:
        return self.address.bucket

    @property
    def key(self) -> str:
        return self.address.key

    def header(self, name: str) -> str:
        """A header's value; empty where it is not there."""
        return self.request.headers.get(name, "")
