"""The product's LMDB store with one thing changed."""

import os
from pathlib import Path

import lmdb

from tandem.online.lmdb import LmdbOnlineStore
from tandem.online.lmdb.store import _DATABASES, _READERS_MAX


class LmdbWritableMap(LmdbOnlineStore):
    """Pages are changed in the map itself, and synced by `msync` instead of being written.

    The same promise as the product's while only LMDB writes to that memory: a stray pointer of any
    C extension in the process could damage the file now, and no checksum of a page would tell. The
    file has the size of the map from the first moment, of which most is a hole.
    """

    def _open(self, path: Path, map_size_bytes: int) -> lmdb.Environment:
        return lmdb.open(
            os.fspath(path),
            map_size=map_size_bytes,
            max_dbs=_DATABASES,
            max_readers=_READERS_MAX,
            max_spare_txns=16,
            writemap=True,
        )
