"""The online store on LMDB.

* Records, log and expiries change in one write transaction, synced to disk before `write` returns
  (LMDB syncs the data pages, then writes the meta page through a descriptor opened for synced
  writes). A crash leaves the last committed transaction, whole.
* The decision reads the newest record inside the write transaction. LMDB has one writer at a time
  across threads and processes, so nobody can come between.
* Readers never wait for the writer: each read has a snapshot. Any number of processes may read.
"""

import os
import struct
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import groupby
from pathlib import Path
from typing import TypeAlias, cast

import lmdb
import pyarrow as pa

from tandem.errors import DataCorrupted, StoreUnavailable, TandemError
from tandem.model.write import LogPart, RecordKey, Write
from tandem.online import layout
from tandem.online.apply import check_mark
from tandem.online.base import (
    Committed,
    LogSnapshot,
    Mark,
    OnlineStore,
    Outcome,
    Request,
    SegmentWrite,
)
from tandem.online.lmdb.staged_files import StagedFiles
from tandem.online.log_parts import parts_of
from tandem.online.online_record import OnlineRecord
from tandem.online.segment_changes import PackedRecord, changes_of
from tandem.online.write_changes import Changes, Place, record_keys_of
from tandem.online.write_changes import changes_of as changes_of_writes

_Transaction: TypeAlias = "lmdb.Transaction[bytes]"
_Database: TypeAlias = "lmdb._Database"  # noqa: SLF001 - the type has no public name

_PARTITION = 0
_DATABASES = 6
_READERS_MAX = 1_024
_LOG_END = b"log end"
_FORMAT = b"format"
_FORMAT_VERSION = 2
_READABLE_FORMATS = (1, 2)
"""Format 1 had no segments and no marks; else it is the same."""
_COUNT = struct.Struct(">Q")
_END = struct.Struct(">Qq")
"""The last position and the last write time. The log may be trimmed to nothing; this stays."""


# Which process this is. The system is asked after a fork alone: `get` looks at it each time.
_own_process = os.getpid()


def _note_fork() -> None:
    global _own_process
    _own_process = os.getpid()


os.register_at_fork(after_in_child=_note_fork)


class LmdbOnlineStore(OnlineStore):
    """One LMDB environment in the folder `path`, which is made where it is missing.

    map_size_bytes bounds the size of the data file. It reserves address space, not disk.
    """

    def __init__(self, path: Path, map_size_bytes: int = 1 << 36) -> None:
        path.mkdir(parents=True, exist_ok=True)
        self._path = path
        self._environment = self._open(path, map_size_bytes)
        self._is_closed = False
        self._process = _own_process
        # Not inside a transaction of ours: `open_db` makes its own, and LMDB has one writer.
        self._records = self._environment.open_db(b"records")
        self._log = self._environment.open_db(b"log")
        self._expiries = self._environment.open_db(b"expiries")
        self._meta = self._environment.open_db(b"meta")
        self._staged = self._environment.open_db(b"staged")
        self._marks = self._environment.open_db(b"marks")
        self._files = StagedFiles(path / "staged", self._names_in_use)
        self.staging = self._files
        self._check_format()
        # The data file's own name must survive a power cut as well.
        for folder in (path, path.parent):
            _sync_folder(folder)

    def _open(self, path: Path, map_size_bytes: int) -> lmdb.Environment:
        try:
            environment = lmdb.open(
                os.fspath(path),
                map_size=map_size_bytes,
                max_dbs=_DATABASES,
                max_readers=_READERS_MAX,
                max_spare_txns=16,
            )
        except lmdb.Error as error:
            raise StoreUnavailable(
                f"the online store in {path} cannot be opened: {error}"
            ) from error
        environment.reader_check()  # frees the slots of processes that were killed
        return environment

    def _check_format(self) -> None:
        with self._begin(write=True) as transaction:
            found = transaction.get(_FORMAT, db=self._meta)
            if found is not None and found[0] not in _READABLE_FORMATS:
                raise StoreUnavailable(
                    f"the online store in {self._path} has format {found[0]}; this version of"
                    f" Tandem reads format {_FORMAT_VERSION}: use the version that wrote it"
                )
            if found is None or found[0] != _FORMAT_VERSION:
                transaction.put(_FORMAT, bytes([_FORMAT_VERSION]), db=self._meta)

    def write(self, writes: Sequence[Request], clock: Callable[[], int]) -> list[Outcome]:
        with self._begin(write=True) as transaction:
            position, last_write_time_us = self._read_end(transaction)
            write_time_us = max(clock(), last_write_time_us + 1)
            outcomes: list[Outcome] = []
            for kind, some in groupby(writes, type):
                if kind is Write:
                    place = Place(_PARTITION, position, write_time_us)
                    changes = self._decide(transaction, cast("list[Write]", [*some]), place)
                    self._change_records(transaction, changes)
                    self._append(transaction, changes)
                    position += len(changes.logged)
                    outcomes += changes.outcomes
                    continue
                for one in some:
                    if isinstance(one, SegmentWrite):
                        position += one.count
                        self._write_segment(transaction, one, position, write_time_us)
                    else:
                        self._write_mark(transaction, cast("Mark", one))
                    outcomes.append(Committed(_PARTITION, position, write_time_us))
            transaction.put(_LOG_END, _END.pack(position, write_time_us), db=self._meta)
        return outcomes

    def _decide(self, transaction: _Transaction, writes: Sequence[Write], place: Place) -> Changes:
        keys = record_keys_of(writes)
        with transaction.cursor(self._records) as cursor:
            held = dict(cursor.getmulti(sorted(set(keys))))
        return changes_of_writes(writes, keys, held, place)

    def _change_records(self, transaction: _Transaction, changes: Changes) -> None:
        with transaction.cursor(self._records) as cursor:
            cursor.putmulti(changes.replaced)
        for key in changes.forgotten:
            transaction.delete(key, db=self._records)
        for key, is_there in changes.expiries.items():
            if is_there:
                transaction.put(key, b"", db=self._expiries)
            else:
                transaction.delete(key, db=self._expiries)

    def _append(self, transaction: _Transaction, changes: Changes) -> None:
        with transaction.cursor(self._log) as cursor:
            _, added = cursor.putmulti(changes.logged, append=True)
        if added < len(changes.logged):
            raise DataCorrupted("the log has entries behind its end: restore the online store")

    def _write_segment(
        self,
        transaction: _Transaction,
        write: SegmentWrite,
        position: int,
        write_time_us: int,
    ) -> None:
        records = cast("Sequence[PackedRecord]", write.newest or ())
        with transaction.cursor(self._records) as cursor:
            # Sorted keys: neighbours are on one page, which is then changed and written once.
            held = dict(cursor.getmulti([key for key, *_ in records]))
            changes = changes_of(records, held, write_time_us // 1_000)
            for key in changes.forgotten:
                transaction.delete(key, db=self._records)
            for key in changes.expiries_gone:
                transaction.delete(key, db=self._expiries)
            cursor.putmulti(changes.replaced)
        for key in changes.expiries_new:
            transaction.put(key, b"", db=self._expiries)
        packed = layout.pack_segment(position, write, write_time_us)
        transaction.put(layout.position_key(position), packed, db=self._log, append=True)
        self._count_staged(transaction, write.staged.name.encode(), 1)

    def _write_mark(self, transaction: _Transaction, mark: Mark) -> None:
        name = mark.name.encode()
        raw = transaction.get(name, db=self._marks)
        check_mark(mark, b"" if raw is None else layout.unpack_mark(name, raw)[1])
        if mark.content:
            transaction.put(name, layout.pack_mark(name, mark), db=self._marks)
        else:
            transaction.delete(name, db=self._marks)

    def _count_staged(self, transaction: _Transaction, name: bytes, change: int) -> None:
        raw = transaction.get(name, db=self._staged)
        count = change if raw is None else _COUNT.unpack(raw)[0] + change
        if count:
            transaction.put(name, _COUNT.pack(count), db=self._staged)
        else:
            transaction.delete(name, db=self._staged)

    def _names_in_use(self) -> set[str] | None:
        """The staged files that the log names. None where a snapshot is open that is older than
        that, and may name others.
        """
        self._environment.reader_check()
        with self._begin() as transaction, transaction.cursor(self._staged) as cursor:
            names = {key.decode() for key in cursor.iternext(values=False)}
            moment = transaction.id()
            readers = [line.split() for line in self._environment.readers().splitlines()[1:]]
        oldest = min((int(number) for *_, number in readers if number.isdigit()), default=moment)
        return names if oldest >= moment else None

    def _drop_expiry(
        self, transaction: _Transaction, key: bytes, record: OnlineRecord | None
    ) -> None:
        if record is not None and record.expires_at_ms is not None:
            stale = layout.expiry_key(record.expires_at_ms, key)
            transaction.delete(stale, db=self._expiries)

    def get(self, keys: Sequence[RecordKey]) -> list[OnlineRecord | None]:
        # `_begin` by hand: this is what a GetRecord waits for, and a context manager costs as much.
        if self._is_closed or self._process != _own_process:
            self._check_usable()
        unpack = layout.unpack_newest
        found: list[OnlineRecord | None] = []
        try:
            transaction = self._environment.begin(self._records)
            try:
                get = transaction.get
                for key in layout.record_keys(keys):
                    raw = get(key)
                    found.append(None if raw is None else unpack(key, raw))
            finally:
                transaction.abort()
            return found
        except lmdb.Error as error:
            raise self._failure(error) from error

    def scan(self, group_id: str, after: str | None, limit: int) -> list[tuple[str, OnlineRecord]]:
        prefix = layout.group_prefix(group_id)
        start = prefix if after is None else layout.record_key(RecordKey(group_id, after)) + b"\0"
        found: list[tuple[str, OnlineRecord]] = []
        with self._begin() as transaction, transaction.cursor(self._records) as cursor:
            if not cursor.set_range(start):
                return found
            for key, raw in cursor.iternext():
                if len(found) == limit or not key.startswith(prefix):
                    break
                found.append(layout.unpack_record(key, raw))
        return found

    @contextmanager
    def log(self) -> Iterator[LogSnapshot]:
        with self._begin() as transaction:
            end = self._read_end(transaction)
            yield _LmdbLogSnapshot(transaction, self._log, self._marks, self._files.read, end)

    def trim(self, partition: int, through: int) -> None:
        assert partition == _PARTITION
        with self._begin(write=True) as transaction, transaction.cursor(self._log) as cursor:
            cursor.first()
            while (key := cursor.key()) and layout.split_position_key(key) <= through:
                if layout.is_segment(raw := cursor.value()):
                    self._count_staged(transaction, layout.staged_name(raw), -1)
                cursor.delete()  # moves on to the next entry; behind the last the key is empty

    def sweep(self, now_ms: int, limit: int) -> int:
        # What a process read when it was killed would keep the space of later deletes in use.
        self._environment.reader_check()
        swept = 0
        with self._begin(write=True) as transaction, transaction.cursor(self._expiries) as cursor:
            cursor.first()
            while (raw := cursor.key()) and swept < limit:
                expires_at_ms, key = layout.split_expiry_key(raw)
                if expires_at_ms > now_ms:
                    break
                transaction.delete(key, db=self._records)
                cursor.delete()
                swept += 1
            self._sweep_marks(transaction, now_ms)
            if swept:
                position, last_write_time_us = self._read_end(transaction)
                end = _END.pack(position, max(last_write_time_us, now_ms * 1_000))
                transaction.put(_LOG_END, end, db=self._meta)
        return swept

    def _sweep_marks(self, transaction: _Transaction, now_ms: int) -> None:
        with transaction.cursor(self._marks) as cursor:
            expired = [
                name
                for name, raw in cursor.iternext()
                if layout.unpack_mark(name, raw)[0] <= now_ms
            ]
        for name in expired:
            transaction.delete(name, db=self._marks)

    def forget(self, group_id: str, limit: int) -> int:
        prefix = layout.group_prefix(group_id)
        forgotten = 0
        with self._begin(write=True) as transaction, transaction.cursor(self._records) as cursor:
            cursor.set_range(prefix)
            while (key := cursor.key()).startswith(prefix) and forgotten < limit:
                self._drop_expiry(transaction, key, layout.unpack_record(key, cursor.value())[1])
                cursor.delete()
                forgotten += 1
        return forgotten

    def close(self) -> None:
        if not self._is_closed and self._process == _own_process:
            self._is_closed = True
            self._environment.close()

    def _read_end(self, transaction: _Transaction) -> tuple[int, int]:
        raw = transaction.get(_LOG_END, db=self._meta)
        return (0, 0) if raw is None else _END.unpack(raw)

    @contextmanager
    def _begin(self, *, write: bool = False) -> Iterator[_Transaction]:
        """A transaction, committed at the end of the block, with LMDB's errors made ours."""
        self._check_usable()
        try:
            with self._environment.begin(write=write) as transaction:
                yield transaction
        except lmdb.Error as error:
            raise self._failure(error) from error

    def _check_usable(self) -> None:
        if self._is_closed:
            raise StoreUnavailable("the online store is closed: connect again")
        if self._process != _own_process:
            raise StoreUnavailable(
                "this process was forked from one that has the online store open, and LMDB cannot"
                " be shared that way: connect again in this process"
            )

    def _failure(self, error: lmdb.Error) -> TandemError:
        if isinstance(error, lmdb.MapFullError):
            return StoreUnavailable(
                "the online store is full: raise online_map_size_bytes and start again"
            )
        if isinstance(error, lmdb.CorruptedError | lmdb.PageNotFoundError):
            return DataCorrupted(
                f"the online store in {self._path} is damaged ({error}): restore it from a backup"
            )
        return StoreUnavailable(f"the online store in {self._path} failed: {error}")


class _LmdbLogSnapshot(LogSnapshot):
    """The log as a read transaction sees it."""

    def __init__(
        self,
        transaction: _Transaction,
        log: _Database,
        marks: _Database,
        read: Callable[[str, int], pa.Table],
        end: tuple[int, int],
    ) -> None:
        self._transaction = transaction
        self._log = log
        self._marks = marks
        self._read = read
        self._end, self._write_time_us = end

    def parts(
        self,
        partition: int,
        after: int,
        through: int | None = None,
        *,
        group_id: str | None = None,
    ) -> Iterator[LogPart]:
        assert partition == _PARTITION
        with self._transaction.cursor(self._log) as cursor:
            if cursor.set_range(layout.position_key(after + 1)):
                values = cursor.iternext()
                yield from parts_of(partition, values, after, through, group_id, self._read)

    def written_at_us(self, partition: int, after: int) -> int | None:
        assert partition == _PARTITION
        with self._transaction.cursor(self._log) as cursor:
            if not cursor.set_range(layout.position_key(after + 1)):
                return None
            return layout.write_time_us_of(*cursor.item())

    def end(self, partition: int) -> int:
        assert partition == _PARTITION
        return self._end

    def mark(self, name: str) -> bytes | None:
        raw = self._transaction.get(name.encode(), db=self._marks)
        return None if raw is None else layout.unpack_mark(name.encode(), raw)[1]

    @property
    def write_time_us(self) -> int:
        return self._write_time_us


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
