"""LMDB that never syncs, beside a log file of its own that is synced once a commit.

    log     frame, frame, ...       one a call of writes
    frame   CRC-32 | length | last position | write time | entries | (length | entry)...
    LMDB    records and expiries; of each frame with entries, its last position -> where it is

* A frame is on disk before LMDB has its records, so nobody reads what a power cut could take back.
  The log is the change log as well: LMDB does not hold the entries.
* After `kill -9` the system still has what LMDB wrote. At opening, the frames behind LMDB's end are
  decided and applied again.
* After a power cut LMDB's file may be anything. Without syncs pages reach the disk in any order; so
  its root may name pages that never came, and pages of its last synced tree may be overwritten.
  Nothing in it tells. So where the system was started anew since the store was opened, and the
  store was not closed, the file is deleted and made again of the whole log.

Left out: segments and marks (NotImplementedError); other processes on the same folder; to give back
space of the log, for which records would have to be copied and synced first.
"""

import os
import struct
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple
from zlib import crc32

import lmdb

from benchmarks.engines.left_out import LogOfEntries, NoStaging, only_writes
from benchmarks.engines.log_end import PARTITION, End
from tandem.errors import DataCorrupted, StoreUnavailable
from tandem.model.write import LogEntry
from tandem.online import layout
from tandem.online.base import LogSnapshot, Outcome, Request
from tandem.online.lmdb import LmdbOnlineStore
from tandem.online.lmdb.store import (
    _DATABASES,
    _END,
    _LOG_END,
    _READERS_MAX,
    _Database,
    _sync_folder,
    _Transaction,
)
from tandem.online.write_changes import Changes, Place
from tandem.testing.replay import as_write

_HEAD = struct.Struct(">IIQqI")
_CHECKED = struct.Struct(">IQqI")
_CRC = struct.Struct(">I")
_LENGTH = struct.Struct(">I")
_PLACE = struct.Struct(">QI")
_POSITION = struct.Struct(">Q")
_PLACE_OF_END, _TRIMMED = b"place of end", b"trimmed"
_BOOT = Path("/proc/sys/kernel/random/boot_id")


class _Frame(NamedTuple):
    """entries    positions are those up to the end's"""

    end: End
    entries: list[bytes]
    length: int


class LmdbLogOnlineStore(LmdbOnlineStore):
    """The log and an LMDB environment in the folder `path`."""

    def __init__(self, path: Path, map_size_bytes: int = 1 << 36) -> None:
        path.mkdir(parents=True, exist_ok=True)
        self._opened = path / "opened"
        boot = _BOOT.read_bytes()
        if self._opened.exists() and self._opened.read_bytes() != boot:
            for name in ("data.mdb", "lock.mdb"):
                (path / name).unlink(missing_ok=True)
        _write_synced(self._opened, boot)
        super().__init__(path, map_size_bytes)
        self.staging = NoStaging()  # type: ignore[assignment]
        self._writing = threading.Lock()
        self._file = os.open(path / "log", os.O_RDWR | os.O_CREAT, 0o644)
        _sync_folder(path)
        self._place = self._catch_up()

    def _open(self, path: Path, map_size_bytes: int) -> lmdb.Environment:
        return lmdb.open(
            os.fspath(path),
            map_size=map_size_bytes,
            max_dbs=_DATABASES,
            max_readers=_READERS_MAX,
            max_spare_txns=16,
            sync=False,
        )

    def _catch_up(self) -> int:
        """Applies what the log has beyond LMDB; returns where the log ends."""
        with self._begin() as transaction:
            end = End(*self._read_end(transaction))
            raw = transaction.get(_PLACE_OF_END, db=self._meta)
        place = 0 if raw is None else _POSITION.unpack(raw)[0]
        while (frame := _read_frame(self._file, place)) is not None:
            if frame.end.position - len(frame.entries) != end.position:
                break
            end = frame.end
            with self._begin(write=True) as transaction:
                changes = self._again(transaction, frame)
                self._change(transaction, changes, end, place, frame.length)
            place += frame.length
        os.ftruncate(self._file, place)  # a frame that was cut short
        return place

    def _again(self, transaction: _Transaction, frame: _Frame) -> Changes:
        """The changes that a frame made: the same, since its moment is the clock."""
        before = frame.end.position - len(frame.entries)
        writes = [
            as_write(layout.unpack_entry(PARTITION, layout.position_key(position), packed))
            for position, packed in enumerate(frame.entries, before + 1)
        ]
        return self._decide(transaction, writes, Place(PARTITION, before, frame.end.write_time_us))

    def write(self, writes: Sequence[Request], clock: Callable[[], int]) -> list[Outcome]:
        plain = only_writes(writes)
        with self._writing:
            try:
                with self._begin(write=True) as transaction:
                    position, last_write_time_us = self._read_end(transaction)
                    write_time_us = max(clock(), last_write_time_us + 1)
                    place = Place(PARTITION, position, write_time_us)
                    changes = self._decide(transaction, plain, place)
                    end = End(position + len(changes.logged), write_time_us)
                    frame = _pack_frame(changes, end)
                    self._sync(frame)
                    self._change(transaction, changes, end, self._place, len(frame))
            except BaseException:
                if not self._is_closed:
                    os.ftruncate(self._file, self._place)
                raise
            self._place += len(frame)
        return changes.outcomes

    def _sync(self, frame: bytes) -> None:
        try:
            written = os.pwrite(self._file, frame, self._place)
            assert written == len(frame), "the disk is full"
            os.fdatasync(self._file)
        except OSError as error:
            raise StoreUnavailable(f"the log cannot be written: {error}") from error

    def _change(
        self, transaction: _Transaction, changes: Changes, end: End, place: int, length: int
    ) -> None:
        self._change_records(transaction, changes)
        position = end.position
        if position > self._read_end(transaction)[0]:
            key = layout.position_key(position)
            transaction.put(key, _PLACE.pack(place, length), db=self._log, append=True)
        transaction.put(_LOG_END, _END.pack(*end), db=self._meta)
        transaction.put(_PLACE_OF_END, _POSITION.pack(place + length), db=self._meta)

    @contextmanager
    def log(self) -> Iterator[LogSnapshot]:
        with self._begin() as transaction:
            end = End(*self._read_end(transaction))
            raw = transaction.get(_TRIMMED, db=self._meta)
            trimmed = 0 if raw is None else _POSITION.unpack(raw)[0]
            yield _FileLogSnapshot(transaction, self._log, self._file, trimmed, end)

    def trim(self, partition: int, through: int) -> None:
        assert partition == PARTITION
        with self._begin(write=True) as transaction:
            transaction.put(_TRIMMED, _POSITION.pack(through), db=self._meta)

    def sweep(self, now_ms: int, limit: int) -> int:
        swept = super().sweep(now_ms, limit)
        if swept:
            self.write([], lambda: now_ms * 1_000)  # the clock that has moved must be in the log
        return swept

    def close(self) -> None:
        if not self._is_closed:
            self._environment.sync(force=True)
            self._opened.unlink()
            os.close(self._file)
        super().close()


class _FileLogSnapshot(LogOfEntries):
    def __init__(
        self, transaction: _Transaction, places: _Database, file: int, trimmed: int, end: End
    ) -> None:
        super().__init__(end)
        self._transaction = transaction
        self._places = places
        self._file = file
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
        first = max(after, self._trimmed) + 1
        last = self._end.position if through is None else through
        with self._transaction.cursor(self._places) as cursor:
            if not cursor.set_range(layout.position_key(first)):
                return
            for raw in cursor.iternext(keys=False):
                frame = _read_frame(self._file, _PLACE.unpack(raw)[0])
                if frame is None:
                    raise DataCorrupted("the checksum of a frame of the log does not match")
                begin = frame.end.position - len(frame.entries) + 1
                for position, packed in enumerate(frame.entries, begin):
                    if position > last:
                        return
                    if position >= first and (group is None or layout.is_entry_of(packed, group)):
                        yield layout.unpack_entry(PARTITION, layout.position_key(position), packed)


def _pack_frame(changes: Changes, end: End) -> bytes:
    pieces = [b""]
    for _, packed in changes.logged:
        pieces += (_LENGTH.pack(len(packed)), packed)
    body = b"".join(pieces)
    checked = _CHECKED.pack(len(body), *end, len(changes.logged)) + body
    return _CRC.pack(crc32(checked)) + checked


def _read_frame(file: int, place: int) -> _Frame | None:
    """The frame at a place; None where there is none that is whole."""
    head = os.pread(file, _HEAD.size, place)
    if len(head) < _HEAD.size:
        return None
    expected, length, position, write_time_us, count = _HEAD.unpack(head)
    body = os.pread(file, length, place + _HEAD.size)
    if crc32(body, crc32(head[_CRC.size :])) != expected:
        return None
    entries, start = [], 0
    for _ in range(count):
        (size,) = _LENGTH.unpack_from(body, start)
        start += _LENGTH.size + size
        entries.append(body[start - size : start])
    return _Frame(End(position, write_time_us), entries, _HEAD.size + length)


def _write_synced(path: Path, content: bytes) -> None:
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
