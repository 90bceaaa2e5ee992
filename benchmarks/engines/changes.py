"""What a call of writes makes of records, expiries and log, decided before any of it is changed.

The stores of this folder share it: each reads what it holds under the keys of the call, asks for
the changes, and hands them to its engine all at once. A write sees those before it in the call.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from tandem.model.decision import Effect, Refusal
from tandem.model.write import Write
from tandem.online.apply import Applied, apply, log_entry
from tandem.online.base import Committed, Outcome
from tandem.online.lmdb import layout
from tandem.online.online_record import OnlineRecord

PARTITION = 0


class End(NamedTuple):
    """The last position and the last write time."""

    position: int
    write_time_us: int


class PackedEntry(NamedTuple):
    """An entry as it lies in the log, and what its write did to the record."""

    position: int
    packed: bytes
    effect: Effect


class Changes(NamedTuple):
    """records    the packed record of each key that is touched, or None where it is gone
    expiries   of each key of theirs, whether it is there
    entries    in log order
    end        the log's, after the call
    """

    outcomes: list[Outcome]
    records: dict[bytes, bytes | None]
    expiries: dict[bytes, bool]
    entries: list[PackedEntry]
    end: End


def keys_of(writes: Sequence[Write]) -> list[bytes]:
    """The keys of their records, each once, in order."""
    return sorted({layout.record_key(write.key) for write in writes})


def changes_of(
    writes: Sequence[Write], held: Mapping[bytes, bytes | None], position: int, write_time_us: int
) -> Changes:
    """What becomes of the records that are held. Raises DataCorrupted."""
    changes = Changes([], {}, {}, [], End(position, write_time_us))
    for write in writes:
        key = layout.record_key(write.key)
        raw = changes.records[key] if key in changes.records else held.get(key)
        newest = None if raw is None else layout.unpack_newest(key, raw)
        applied = apply(write, newest, write_time_us // 1_000)
        if isinstance(applied, Refusal):
            changes.outcomes.append(applied)
            continue
        change_record(changes, key, write.key.identifier, newest, applied)
        position += 1
        entry = log_entry(write, applied, PARTITION, position, write_time_us)
        packed = layout.pack_entry(entry, applied.record.features_json)
        changes.entries.append(PackedEntry(position, packed, applied.effect))
        changes.outcomes.append(Committed(PARTITION, position, write_time_us))
    return changes._replace(end=End(position, write_time_us))


def change_record(
    changes: Changes, key: bytes, identifier: str, newest: OnlineRecord | None, applied: Applied
) -> None:
    """Notes what an accepted write leaves behind under `key`, where `newest` is."""
    if applied.effect is Effect.KEEP:
        return
    if newest is not None and newest.expires_at_ms is not None:
        changes.expiries[layout.expiry_key(newest.expires_at_ms, key)] = False
    if applied.effect is Effect.FORGET:
        changes.records[key] = None
        return
    changes.records[key] = layout.pack_record(key, identifier, applied.record)
    expires_at_ms = applied.record.expires_at_ms
    if expires_at_ms is not None:
        changes.expiries[layout.expiry_key(expires_at_ms, key)] = True
