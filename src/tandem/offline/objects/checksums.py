"""The checksums of S3, by S3's names.

The standard library has SHA and CRC32; the other algorithms are AWS's own implementation, which
uses the processor's instructions: in Python, a CRC64 would be slower than a disk by far.
"""

import hashlib
import zlib
from collections.abc import Callable, Iterable, Mapping
from typing import Protocol

from awscrt import checksums

MD5 = "MD5"
SHA256 = "SHA256"


class Digest(Protocol):
    def update(self, data: bytes, /) -> object: ...

    def digest(self) -> bytes: ...


class _Crc:
    """A CRC as a digest: `compute` goes on from the value so far."""

    def __init__(self, compute: Callable[[bytes, int], int], size_bytes: int) -> None:
        self._compute = compute
        self._size_bytes = size_bytes
        self._value = 0

    def update(self, data: bytes) -> None:
        self._value = self._compute(data, self._value)

    def digest(self) -> bytes:
        return self._value.to_bytes(self._size_bytes, "big")


class _XxHash:
    def __init__(self, state: checksums.XXHash) -> None:
        self._state = state

    def update(self, data: bytes) -> None:
        self._state.update(data)

    def digest(self) -> bytes:
        return bytes(self._state.finalize())


_DIGESTS: Mapping[str, Callable[[], Digest]] = {
    MD5: lambda: hashlib.md5(usedforsecurity=False),
    "SHA1": lambda: hashlib.sha1(usedforsecurity=False),
    SHA256: hashlib.sha256,
    "SHA512": hashlib.sha512,
    "CRC32": lambda: _Crc(zlib.crc32, 4),
    "CRC32C": lambda: _Crc(checksums.crc32c, 4),
    "CRC64NVME": lambda: _Crc(checksums.crc64nvme, 8),
    "XXHASH64": lambda: _XxHash(checksums.XXHash.new_xxhash64()),
    "XXHASH3": lambda: _XxHash(checksums.XXHash.new_xxhash3_64()),
    "XXHASH128": lambda: _XxHash(checksums.XXHash.new_xxhash3_128()),
}
_COMBINERS: Mapping[str, Callable[[int, int, int], int]] = {
    "CRC32": checksums.combine_crc32,
    "CRC32C": checksums.combine_crc32c,
    "CRC64NVME": checksums.combine_crc64nvme,
}

ALGORITHMS = tuple(_DIGESTS)
COMBINABLE = tuple(_COMBINERS)
"""Algorithms whose checksum of a whole follows from those of its parts."""


def new_digest(algorithm: str) -> Digest:
    return _DIGESTS[algorithm]()


def digest_of(algorithm: str, data: bytes) -> bytes:
    digest = new_digest(algorithm)
    digest.update(data)
    return digest.digest()


def combined(algorithm: str, parts: Iterable[tuple[bytes, int]]) -> bytes:
    """The checksum of parts that follow one another, from the checksum and size of each."""
    value = 0
    width = len(new_digest(algorithm).digest())
    for part, size in parts:
        value = _COMBINERS[algorithm](value, int.from_bytes(part, "big"), size)
    return value.to_bytes(width, "big")
