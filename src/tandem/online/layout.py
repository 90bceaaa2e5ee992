"""How keys, records and log entries lie in an engine of keys and values. All numbers are
big-endian.

    records    group (12, hash) | 0 | identifier                          at most 480 bytes
               group (12, hash) | 1 | identifier[:400] | SHA-256 (32)     longer identifiers
        ->     CRC-32 | flags | event time | expiry | identifier length | identifier | features JSON
               (the identifier stands in the value only where the key does not hold all of it)
    expiries   expiry | record key          ->  nothing
    log        position                     ->  CRC-32 | operation | targets | flags | event time
                                                | expiry | invoked at | write time | lengths
                                                | group id | identifier | features JSON
               position of the last entry   ->  CRC-32 | 0 | targets | flags | time to live
               of a segment                     | invoked at | write time | rows | first row
                                                | checksum of the staged file | lengths
                                                | group id | name of the staged file
    staged     name of a staged file        ->  how many segments of it the log has
    marks      name                         ->  CRC-32 | expiry | content

Engines have no checksums of what they hold (LMDB's pages, Redis' memory), so every value carries a
CRC-32 over its key and itself. LMDB's keys end at 511 bytes; the longest here, in `expiries`, has
8 + 12 + 1 + 480.
"""

import hashlib
import struct
from collections.abc import Callable, Iterable
from functools import lru_cache
from zlib import crc32

import pyarrow as pa

from tandem.errors import DataCorrupted
from tandem.model.event_time import EventTime
from tandem.model.targets import TargetStores
from tandem.model.write import LogEntry, Operation, RecordKey, Write
from tandem.online.base import Mark, SegmentWrite
from tandem.online.features_json import decode_features
from tandem.online.online_record import OnlineRecord
from tandem.rows.segment import Segment

_GROUP_BYTES = 12
_WHOLE_IDENTIFIER_MAX = 480
_PREFIX_BYTES = 400
_WHOLE, _HASHED = b"\x00", b"\x01"

_CHECKSUM = struct.Struct(">I")
_RECORD = struct.Struct(">BqIqH")
_unpack_checked_record = struct.Struct(">IBqIqH").unpack_from
_ENTRY = struct.Struct(">BBBqIqqqBH")
_SEGMENT = struct.Struct(">BBBqqqIQIBB")
_NO_OPERATION = 0
_SEGMENT_OPERATION = bytes([_NO_OPERATION])
_MARK = struct.Struct(">q")
_POSITION = struct.Struct(">Q")
_CHECKSUM_BYTES = _CHECKSUM.size
_RECORD_START = _CHECKSUM_BYTES + _RECORD.size
_HAS_EXPIRY, _IS_DELETED = 1, 2
_EXPIRY_OFFSET = 1 << 63  # makes negative milliseconds sort before positive ones


@lru_cache(maxsize=4_096)
def group_prefix(group_id: str) -> bytes:
    """What the keys of a group's records begin with: 96 bits of hash, so that keys stay short."""
    return hashlib.blake2b(group_id.encode(), digest_size=_GROUP_BYTES).digest()


@lru_cache(maxsize=4_096)
def _whole_prefix(group_id: str) -> bytes:
    return group_prefix(group_id) + _WHOLE


def record_key(key: RecordKey) -> bytes:
    return record_key_of(key.group_id, key.identifier)


def record_keys(keys: Iterable[RecordKey]) -> list[bytes]:
    """`record_key` of each, mostly of one group: what begins them is looked up once."""
    found: list[bytes] = []
    held, beginning = None, b""
    for group_id, identifier in keys:
        if group_id is not held:
            held, beginning = group_id, _whole_prefix(group_id)
        encoded = identifier.encode()
        is_whole = len(encoded) <= _WHOLE_IDENTIFIER_MAX
        found.append(beginning + encoded if is_whole else record_key_of(group_id, identifier))
    return found


def record_key_of(group_id: str, identifier: str) -> bytes:
    encoded = identifier.encode()
    if len(encoded) <= _WHOLE_IDENTIFIER_MAX:
        return group_prefix(group_id) + _WHOLE + encoded
    digest = hashlib.sha256(encoded).digest()
    return group_prefix(group_id) + _HASHED + encoded[:_PREFIX_BYTES] + digest


def expiry_key(expires_at_ms: int, key: bytes) -> bytes:
    return _POSITION.pack(expires_at_ms + _EXPIRY_OFFSET) + key


def split_expiry_key(raw: bytes) -> tuple[int, bytes]:
    """The expiry in milliseconds, and the record's key."""
    return _POSITION.unpack_from(raw)[0] - _EXPIRY_OFFSET, raw[_POSITION.size :]


def pack_record(key: bytes, identifier: str, record: OnlineRecord) -> bytes:
    flags = _IS_DELETED if record.is_deleted else 0
    event_time = (record.event_seconds, record.event_nanoseconds)
    expires_at_ms, features_json = record.expires_at_ms, record.features_json
    return pack_put(key, identifier, event_time, expires_at_ms, features_json, flags)


def pack_put(
    key: bytes,
    identifier: str,
    event_time: tuple[int, int],
    expires_at_ms: int | None,
    features_json: bytes,
    flags: int = 0,
) -> bytes:
    """A record that a put leaves behind, without the objects that say so elsewhere."""
    in_value = identifier.encode() if key[_GROUP_BYTES] == _HASHED[0] else b""
    header = _RECORD.pack(
        flags if expires_at_ms is None else flags | _HAS_EXPIRY,
        *event_time,
        expires_at_ms or 0,
        len(in_value),
    )
    checksum = crc32(features_json, crc32(in_value, crc32(header, crc32(key))))
    # Joined last, since the features are long and would be copied twice.
    return _CHECKSUM.pack(checksum) + header + in_value + features_json


def unpack_record(key: bytes, raw: bytes) -> tuple[str, OnlineRecord]:
    """The identifier and the record. Raises DataCorrupted where the checksum does not match."""
    record = unpack_newest(key, raw)
    in_value = raw[_RECORD_START : len(raw) - len(record.features_json)]
    return (in_value or key[_GROUP_BYTES + 1 :]).decode(), record


def unpack_newest(key: bytes, raw: bytes) -> OnlineRecord:
    """What `unpack_record` says of the record, for who knows its identifier. Whatever is read
    comes through here.
    """
    try:
        expected, flags, seconds, nanoseconds, expiry, length = _unpack_checked_record(raw)
    except struct.error:
        raise _damaged(key, "record") from None
    if crc32(key + raw[_CHECKSUM_BYTES:]) != expected:
        raise _damaged(key, "record")
    return OnlineRecord(
        raw[_RECORD_START + length :],
        expiry if flags & _HAS_EXPIRY else None,
        flags & _IS_DELETED != 0,
        seconds,
        nanoseconds,
    )


def position_key(position: int) -> bytes:
    return _POSITION.pack(position)


def split_position_key(raw: bytes) -> int:
    position: int = _POSITION.unpack(raw)[0]
    return position


def pack_entry(key: bytes, write: Write, record: OnlineRecord, write_time_us: int) -> bytes:
    """The entry at a log key: of an accepted write, and the record that it made."""
    group, identifier = write.key.group_id.encode(), write.key.identifier.encode()
    expires_at_ms = record.expires_at_ms
    header = _ENTRY.pack(
        write.operation,
        write.targets,
        0 if expires_at_ms is None else _HAS_EXPIRY,
        record.event_seconds,
        record.event_nanoseconds,
        expires_at_ms or 0,
        write.invoked_at_us,
        write_time_us,
        len(group),
        len(identifier),
    )
    return _with_checksum(key, header + group + identifier + record.features_json)


def is_entry_of(raw: bytes, group: bytes) -> bool:
    """Whether a packed entry belongs to the group whose id is `group`, without unpacking it; also
    where its header is cut off, so that it is unpacked and found damaged.
    """
    if is_segment(raw):
        start = _CHECKSUM_BYTES + _SEGMENT.size
        return len(raw) < start or (raw[start - 2] == len(group) and raw.startswith(group, start))
    start = _CHECKSUM_BYTES + _ENTRY.size
    return len(raw) < start or (raw[start - 3] == len(group) and raw.startswith(group, start))


def is_segment(raw: bytes) -> bool:
    return raw.startswith(_SEGMENT_OPERATION, _CHECKSUM_BYTES)


def write_time_us_of(key: bytes, raw: bytes) -> int:
    """That of the entry or segment at a log key. Raises DataCorrupted where the checksum does not
    match.
    """
    _verify(key, raw, "log entry")
    if is_segment(raw):
        *_, write_time_us, _, _, _, _, _ = _SEGMENT.unpack_from(raw, _CHECKSUM_BYTES)
    else:
        *_, write_time_us, _, _ = _ENTRY.unpack_from(raw, _CHECKSUM_BYTES)
    return int(write_time_us)


def pack_segment(position: int, write: SegmentWrite, write_time_us: int) -> bytes:
    """The segment whose last entry has `position`."""
    group, name = write.group_id.encode(), write.staged.name.encode()
    header = _SEGMENT.pack(
        _NO_OPERATION,
        write.targets,
        _HAS_EXPIRY if write.ttl_seconds is not None else 0,
        write.ttl_seconds or 0,
        write.invoked_at_us,
        write_time_us,
        write.count,
        write.start,
        write.staged.checksum,
        len(group),
        len(name),
    )
    return _with_checksum(position_key(position), header + group + name)


def unpack_segment(
    partition: int, key: bytes, raw: bytes, read: Callable[[str, int], pa.Table]
) -> Segment:
    """The segment at a log key; `read` gives the rows of a staged file by name and checksum."""
    _verify(key, raw, "segment of the log")
    (_, targets, flags, ttl, invoked_at_us, write_time_us, count, row, checksum, length, _) = (
        _SEGMENT.unpack_from(raw, _CHECKSUM_BYTES)
    )
    start = _CHECKSUM_BYTES + _SEGMENT.size
    return Segment(
        partition=partition,
        first=split_position_key(key) - count + 1,
        group_id=raw[start : start + length].decode(),
        targets=TargetStores(targets),
        rows=read(raw[start + length :].decode(), checksum).slice(row, count),
        ttl_seconds=ttl if flags & _HAS_EXPIRY else None,
        invoked_at_us=invoked_at_us,
        write_time_us=write_time_us,
    )


def staged_name(raw: bytes) -> bytes:
    """The name of the staged file that a packed segment's rows are in."""
    return raw[len(raw) - raw[_CHECKSUM_BYTES + _SEGMENT.size - 1] :]


def pack_mark(name: bytes, mark: Mark) -> bytes:
    return _with_checksum(name, _MARK.pack(mark.expires_at_ms) + mark.content)


def unpack_mark(name: bytes, raw: bytes) -> tuple[int, bytes]:
    """When it expires, and its content. Raises DataCorrupted where the checksum does not match."""
    _verify(name, raw, "mark")
    start = _CHECKSUM_BYTES + _MARK.size
    return _MARK.unpack_from(raw, _CHECKSUM_BYTES)[0], raw[start:]


def unpack_entry(partition: int, key: bytes, raw: bytes) -> LogEntry:
    """The entry at a log key. Raises DataCorrupted where the checksum does not match."""
    _verify(key, raw, "log entry")
    (
        operation,
        targets,
        flags,
        seconds,
        nanoseconds,
        expiry,
        invoked_at_us,
        write_time_us,
        group_length,
        identifier_length,
    ) = _ENTRY.unpack_from(raw, _CHECKSUM_BYTES)
    start = _CHECKSUM_BYTES + _ENTRY.size
    middle = start + group_length
    end = middle + identifier_length
    return LogEntry(
        partition=partition,
        position=split_position_key(key),
        operation=Operation(operation),
        key=RecordKey(raw[start:middle].decode(), raw[middle:end].decode()),
        event_time=EventTime(seconds, nanoseconds),
        targets=TargetStores(targets),
        values=decode_features(raw[end:]),
        expires_at_ms=expiry if flags & _HAS_EXPIRY else None,
        invoked_at_us=invoked_at_us,
        write_time_us=write_time_us,
    )


def _with_checksum(key: bytes, body: bytes) -> bytes:
    return _CHECKSUM.pack(crc32(body, crc32(key))) + body


def _verify(key: bytes, raw: bytes, kind: str) -> None:
    body = memoryview(raw)[_CHECKSUM_BYTES:]
    if raw[:_CHECKSUM_BYTES] != _CHECKSUM.pack(crc32(body, crc32(key))):
        raise _damaged(key, kind)


def _damaged(key: bytes, kind: str) -> DataCorrupted:
    return DataCorrupted(
        f"the checksum of a {kind} in the online store does not match (key {key.hex()[:64]}):"
        " the disk changed it; restore the online store from a backup"
    )
