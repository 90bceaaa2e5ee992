"""Two online stores with a bug each, planted to prove that the crash tests would find it."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

import lmdb

from tandem.model.write import Write
from tandem.online.base import Outcome
from tandem.online.lmdb import LmdbOnlineStore, layout
from tandem.online.online_record import OnlineRecord


class AnswersBeforeSync(LmdbOnlineStore):
    """Commits without waiting for the disk."""

    def _open(self, path: Path, map_size_bytes: int) -> lmdb.Environment:
        return lmdb.open(str(path), map_size=map_size_bytes, max_dbs=8, sync=False)


class DecidesOutsideTheTransaction(LmdbOnlineStore):
    """Reads the newest records before the transaction that replaces them."""

    _stale: Mapping[bytes, OnlineRecord | None] = MappingProxyType({})

    def write(self, writes: Sequence[Write], clock: Callable[[], int]) -> list[Outcome]:
        keys = list({write.key for write in writes})
        self._stale = {
            layout.record_key(key): record for key, record in zip(keys, self.get(keys), strict=True)
        }
        outcomes = super().write(writes, clock)
        self._stale = {}
        return outcomes

    def _newest(self, transaction: object, key: bytes) -> OnlineRecord | None:
        return self._stale[key] if key in self._stale else super()._newest(transaction, key)
