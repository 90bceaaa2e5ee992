"""Objects whose files were copied, as from a backup, and so have another time of change.

What was known of an object is found again by its content: the ETag is computed anew from the bytes,
by the sizes of the parts where there were parts. That costs a reading of the file, once.
"""

import os
from hashlib import md5

from tandem.offline.objects.details import Identity, ObjectInfo
from tandem.offline.objects.index import Index

_BLOCK_BYTES = 1 << 20
_REMEMBERED_MAX = 10_000


class RestoredObjects:
    def __init__(self, index: Index) -> None:
        self._index = index
        # Files that are none of those known. Forgetting costs a reading, and nothing else.
        self._others: set[tuple[str, str, Identity]] = set()

    def find(self, bucket: str, key: str, identity: Identity, descriptor: int) -> ObjectInfo | None:
        """What is known of a file by its content; None where it is another one."""
        place = (bucket, key, identity)
        if place in self._others:
            return None
        for known in self._index.of_size(bucket, key, identity.size):
            if _etag(known, descriptor) == known.etag:
                found = ObjectInfo(key, identity, known.etag, known.details)
                self._index.add(bucket, found)
                return found
        if len(self._others) >= _REMEMBERED_MAX:
            self._others.clear()
        self._others.add(place)
        return None


def _etag(known: ObjectInfo, descriptor: int) -> str:
    """The ETag that the bytes of an open file make, in parts as those of `known` were."""
    sizes = known.details.part_sizes
    digests = []
    offset = 0
    for size in sizes or (known.size,):
        digests.append(_md5(descriptor, offset, size))
        offset += size
    if not sizes:
        return digests[0].hex()
    return f"{md5(b''.join(digests), usedforsecurity=False).hexdigest()}-{len(sizes)}"


def _md5(descriptor: int, start: int, size: int) -> bytes:
    digest = md5(usedforsecurity=False)
    for offset in range(start, start + size, _BLOCK_BYTES):
        count = min(_BLOCK_BYTES, start + size - offset)
        digest.update(os.pread(descriptor, count, offset))
    return digest.digest()
