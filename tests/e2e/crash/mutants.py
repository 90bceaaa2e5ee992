"""Two online stores with a bug each, planted to prove that the crash tests would find it."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import lmdb

from tandem.model.write import Write
from tandem.online.lmdb import LmdbOnlineStore
from tandem.online.write_changes import Changes, Place, changes_of, record_keys_of


class AnswersBeforeSync(LmdbOnlineStore):
    """Commits without waiting for the disk."""

    def _open(self, path: Path, map_size_bytes: int) -> lmdb.Environment:
        return lmdb.open(str(path), map_size=map_size_bytes, max_dbs=8, sync=False)


class DecidesOutsideTheTransaction(LmdbOnlineStore):
    """Decides each write by the record that was read when its key came first, long before."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._read: dict[bytes, bytes] = {}
        self._keys: set[bytes] = set()

    def _decide(self, transaction: Any, writes: Sequence[Write], place: Place) -> Changes:
        keys = record_keys_of(writes)
        new = sorted(set(keys) - self._keys)
        self._keys.update(new)
        with transaction.cursor(self._records) as cursor:
            self._read.update(cursor.getmulti(new))
        changes = Changes({}, {}, [], [])
        for key, write in zip(keys, writes, strict=True):
            behind = place._replace(position=place.position + len(changes.logged))
            one = changes_of([write], [key], self._read, behind)
            changes.records.update(one.records)
            changes.expiries.update(one.expiries)
            changes.logged.extend(one.logged)
            changes.outcomes.extend(one.outcomes)
        return changes
