"""What is known of an object beside its bytes, and how it is written down."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from hashlib import blake2b

import msgspec

_TAG_BYTES = 16


class Checksum(msgspec.Struct, frozen=True):
    """A checksum as S3 writes it: base64, and "-" with the number of parts where COMPOSITE."""

    algorithm: str
    value: str
    type: str = "FULL_OBJECT"


class Details(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a client said of an object.

    headers         Content-Type, Cache-Control and the like, by lower-case name
    metadata        what stood in x-amz-meta-*, by lower-case name without that prefix
    tags            in the order they were given
    part_sizes      the sizes of the parts of a multipart upload, in bytes
    """

    headers: Mapping[str, str] = {}
    metadata: Mapping[str, str] = {}
    tags: Mapping[str, str] = {}
    checksum: Checksum | None = None
    part_sizes: Sequence[int] = ()


class Identity(msgspec.Struct, frozen=True):
    """Which file it is: what is known of an object is known of a file of this size and time."""

    size: int
    mtime_ns: int


class ObjectInfo(msgspec.Struct, frozen=True):
    """An object without its bytes. `etag` is without quotes."""

    key: str
    identity: Identity
    etag: str
    details: Details = Details()

    @property
    def size(self) -> int:
        return self.identity.size

    @property
    def modified(self) -> datetime:
        return moment(self.identity.mtime_ns)


def moment(nanoseconds: int) -> datetime:
    return datetime.fromtimestamp(nanoseconds // 1_000_000 / 1_000, UTC)


def foreign_etag(identity: Identity) -> str:
    """The ETag of a file that did not come through S3, as a delivered one.

    It changes whenever the file does. Its ending is that of multipart uploads, by which clients
    know that it is not the MD5 of the content.
    """
    said = f"{identity.size} {identity.mtime_ns}".encode()
    return f"{blake2b(said, digest_size=_TAG_BYTES).hexdigest()}-1"
