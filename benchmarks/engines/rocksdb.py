"""An online store on RocksDB, by the binding `rocksdict`: as far as a server needs it for puts.

* A call of writes is one WriteBatch, whose log is synced before `write` returns. After `kill -9` or
  a power cut RocksDB applies what its log has beyond its tables.
* A lock of this process keeps writers apart. RocksDB locks the folder: no other process can open
  it, so there are no workers, no background process and no library beside a server.
* The binding keeps the interpreter while it writes and syncs: nothing else of the process runs
  meanwhile.

Left out: segments and marks (NotImplementedError), and the engine's errors in Tandem's words.
"""

import os
import struct
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from rocksdict import (
    BlockBasedOptions,
    Cache,
    Options,
    Rdict,
    Snapshot,
    WriteBatch,
    WriteOptions,
)

from benchmarks.engines.left_out import LogOfEntries, NoStaging, only_writes
from benchmarks.engines.log_end import PARTITION, End
from tandem.errors import StoreUnavailable
from tandem.model.write import LogEntry, RecordKey
from tandem.online import layout
from tandem.online.base import LogSnapshot, OnlineStore, Outcome, Request
from tandem.online.online_record import OnlineRecord
from tandem.online.write_changes import Place, changes_of, record_keys_of

_RECORDS, _LOG, _EXPIRIES = _FAMILIES = ("records", "log", "expiries")
_CACHE_BYTES = 256 << 20
_BLOOM_BITS = 10
_END_KEY = layout.position_key(0)
"""Before the first position."""
_END = struct.Struct(">QqQ")
"""The last position, the last write time, and up to which position the log is trimmed."""


class RocksDbOnlineStore(OnlineStore):
    """One database in the folder `path`."""

    def __init__(self, path: Path, **_of_others: int) -> None:
        path.mkdir(parents=True, exist_ok=True)
        self.staging = NoStaging()
        self._lock = threading.Lock()
        self._is_closed = False
        options = _options()
        self._database = Rdict(os.fspath(path), options, dict.fromkeys(_FAMILIES, options))
        synced = WriteOptions()
        synced.sync = True
        self._database.set_write_options(synced)
        self._records, self._log, self._expiries = (
            self._database.get_column_family(name) for name in _FAMILIES
        )
        self._handles = {name: self._database.get_column_family_handle(name) for name in _FAMILIES}
        self._end, self._trimmed = End(0, 0), 0
        if (raw := self._log.get(_END_KEY)) is not None:
            *end, self._trimmed = _END.unpack(raw)
            self._end = End(*end)

    def write(self, writes: Sequence[Request], clock: Callable[[], int]) -> list[Outcome]:
        plain = only_writes(writes)
        keys = record_keys_of(plain)
        with self._open():
            write_time_us = max(clock(), self._end.write_time_us + 1)
            held = dict(zip(keys, self._records.get(keys), strict=True))
            position = self._end.position
            changes = changes_of(plain, keys, held, Place(PARTITION, position, write_time_us))
            batch = WriteBatch(raw_mode=True)
            for key, record in changes.records.items():
                if record is None:
                    batch.delete(key, self._handles[_RECORDS])
                else:
                    batch.put(key, record, self._handles[_RECORDS])
            for key, is_there in changes.expiries.items():
                if is_there:
                    batch.put(key, b"", self._handles[_EXPIRIES])
                else:
                    batch.delete(key, self._handles[_EXPIRIES])
            for key, packed in changes.logged:
                batch.put(key, packed, self._handles[_LOG])
            self._commit(batch, End(position + len(changes.logged), write_time_us))
        return changes.outcomes

    def _commit(self, batch: WriteBatch, end: End) -> None:
        batch.put(_END_KEY, _END.pack(*end, self._trimmed), self._handles[_LOG])
        self._database.write(batch)
        self._end = end

    def get(self, keys: Sequence[RecordKey]) -> list[OnlineRecord | None]:
        if self._is_closed:
            raise StoreUnavailable("the online store is closed: connect again")
        packed = layout.record_keys(keys)
        # A list even for one key would make RocksDB look for many.
        held = self._records.get(packed) if len(packed) > 1 else map(self._records.get, packed)
        return [
            None if raw is None else layout.unpack_newest(key, raw)
            for key, raw in zip(packed, held, strict=True)
        ]

    def scan(self, group_id: str, after: str | None, limit: int) -> list[tuple[str, OnlineRecord]]:
        prefix = layout.group_prefix(group_id)
        start = prefix if after is None else layout.record_key(RecordKey(group_id, after)) + b"\0"
        found: list[tuple[str, OnlineRecord]] = []
        for key, raw in self._records.items(from_key=start):
            if len(found) == limit or not key.startswith(prefix):
                break
            found.append(layout.unpack_record(key, raw))
        return found

    @contextmanager
    def log(self) -> Iterator[LogSnapshot]:
        with self._open():
            view = _RocksDbLog(self._log.snapshot(), self._end, self._trimmed)
        yield view

    def trim(self, partition: int, through: int) -> None:
        assert partition == PARTITION
        with self._open():
            self._trimmed = max(self._trimmed, min(through, self._end.position))
            self._commit(WriteBatch(raw_mode=True), self._end)
            self._log.delete_range(layout.position_key(1), layout.position_key(self._trimmed + 1))

    def sweep(self, now_ms: int, limit: int) -> int:
        with self._open():
            batch = WriteBatch(raw_mode=True)
            swept = 0
            expiries = self._expiries.keys()
            for raw in expiries:
                expires_at_ms, key = layout.split_expiry_key(raw)
                if expires_at_ms > now_ms or swept == limit:
                    break
                batch.delete(raw, self._handles[_EXPIRIES])
                batch.delete(key, self._handles[_RECORDS])
                swept += 1
            if swept:
                last = max(self._end.write_time_us, now_ms * 1_000)
                self._commit(batch, self._end._replace(write_time_us=last))
        return swept

    def forget(self, group_id: str, limit: int) -> int:
        prefix = layout.group_prefix(group_id)
        with self._open():
            batch = WriteBatch(raw_mode=True)
            forgotten = 0
            for key, raw in self._records.items(from_key=prefix):
                if forgotten == limit or not key.startswith(prefix):
                    break
                expires_at_ms = layout.unpack_newest(key, raw).expires_at_ms
                if expires_at_ms is not None:
                    batch.delete(layout.expiry_key(expires_at_ms, key), self._handles[_EXPIRIES])
                batch.delete(key, self._handles[_RECORDS])
                forgotten += 1
            self._commit(batch, self._end)
        return forgotten

    def close(self) -> None:
        with self._lock:
            if not self._is_closed:
                self._is_closed = True
                self._handles.clear()
                for one in (self._records, self._log, self._expiries, self._database):
                    one.close()

    @contextmanager
    def _open(self) -> Iterator[None]:
        with self._lock:
            if self._is_closed:
                raise StoreUnavailable("the online store is closed: connect again")
            yield


class _RocksDbLog(LogOfEntries):
    """Reads position by position: in rocksdict 0.3.29 the iterators of a snapshot see what is
    written and deleted after it, and only its single reads do not.
    """

    def __init__(self, snapshot: Snapshot, end: End, trimmed: int) -> None:
        super().__init__(end)
        self._snapshot = snapshot
        self._trimmed = trimmed

    def entries(
        self,
        partition: int,
        after: int,
        through: int | None = None,
        *,
        group_id: str | None = None,
    ) -> Iterator[LogEntry]:
        assert partition == PARTITION
        group = None if group_id is None else group_id.encode()
        last = self._end.position if through is None else min(through, self._end.position)
        for position in range(max(after, self._trimmed) + 1, last + 1):
            key = layout.position_key(position)
            raw = self._snapshot[key]
            if group is None or layout.is_entry_of(raw, group):
                yield layout.unpack_entry(PARTITION, key, raw)


def _options() -> Options:
    """RocksDB's own, with what it advises for reads of single keys."""
    tables = BlockBasedOptions()
    tables.set_bloom_filter(_BLOOM_BITS, block_based=False)
    tables.set_block_cache(Cache(_CACHE_BYTES))
    options = Options(raw_mode=True)
    options.create_if_missing(True)
    options.create_missing_column_families(True)
    options.set_block_based_table_factory(tables)
    return options
