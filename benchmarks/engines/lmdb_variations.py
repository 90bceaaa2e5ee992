"""The product's LMDB store with one thing changed each."""

import os
from collections.abc import Callable, Sequence
from pathlib import Path

import lmdb

from benchmarks.engines.changes import Changes, changes_of, keys_of
from tandem.model.write import Write
from tandem.online.base import Outcome, Request
from tandem.online.lmdb import LmdbOnlineStore, layout
from tandem.online.lmdb.store import _DATABASES, _END, _LOG_END, _READERS_MAX, _Transaction


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


class LmdbFewerCalls(LmdbOnlineStore):
    """A call of writes reads its records with one call of the binding, and writes records and log
    with one each. The binding hands the interpreter over at every record all the same.
    """

    def write(self, writes: Sequence[Request], clock: Callable[[], int]) -> list[Outcome]:
        plain = [one for one in writes if isinstance(one, Write)]
        if len(plain) < len(writes):
            return super().write(writes, clock)
        with self._begin(write=True) as transaction:
            changes = self._decide(transaction, plain, clock)
            self._change_records(transaction, changes)
            entries = [(layout.position_key(one.position), one.packed) for one in changes.entries]
            with transaction.cursor(self._log) as cursor:
                cursor.putmulti(entries, append=True)
            transaction.put(_LOG_END, _END.pack(*changes.end), db=self._meta)
        return changes.outcomes

    def _decide(
        self, transaction: _Transaction, writes: Sequence[Write], clock: Callable[[], int]
    ) -> Changes:
        position, last_write_time_us = self._read_end(transaction)
        with transaction.cursor(self._records) as cursor:
            held = dict(cursor.getmulti(keys_of(writes)))
        return changes_of(writes, held, position, max(clock(), last_write_time_us + 1))

    def _change_records(self, transaction: _Transaction, changes: Changes) -> None:
        replaced = [(key, one) for key, one in sorted(changes.records.items()) if one is not None]
        with transaction.cursor(self._records) as cursor:
            cursor.putmulti(replaced)
        for key, record in changes.records.items():
            if record is None:
                transaction.delete(key, db=self._records)
        for key, is_there in changes.expiries.items():
            if is_there:
                transaction.put(key, b"", db=self._expiries)
            else:
                transaction.delete(key, db=self._expiries)
