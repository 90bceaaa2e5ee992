"""What a segment does to the newest records: packed before its transaction, decided inside it."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from tandem.model.decision import Effect, NewestState, effect_of_put
from tandem.online.base import SegmentWrite
from tandem.online.lmdb import layout


class PackedRecord(NamedTuple):
    """A record as it lies in the database if it wins."""

    key: bytes
    packed: bytes
    state: NewestState


class Changes(NamedTuple):
    """The keys and values to put, and the keys to delete."""

    replaced: list[tuple[bytes, bytes]]
    forgotten: list[bytes]
    expiries_new: list[bytes]
    expiries_gone: list[bytes]


def packed_records(write: SegmentWrite) -> list[PackedRecord]:
    """The newest records of a segment, in the order of their keys."""
    found = []
    for identifier, record in write.newest:
        key = layout.record_key_of(write.group_id, identifier)
        found.append(PackedRecord(key, layout.pack_record(key, identifier, record), record.state))
    return sorted(found)


def changes_of(
    records: Sequence[PackedRecord], held: Mapping[bytes, bytes], now_ms: int
) -> Changes:
    """What becomes of the records that are held under the same keys. Raises DataCorrupted."""
    changes = Changes([], [], [], [])
    for key, packed, state in records:
        raw = held.get(key)
        newest = None if raw is None else layout.unpack_state(key, raw)
        effect = effect_of_put(state.event_time, state.expires_at_ms, newest, now_ms)
        if effect is Effect.KEEP:
            continue
        if newest is not None and newest.expires_at_ms is not None:
            changes.expiries_gone.append(layout.expiry_key(newest.expires_at_ms, key))
        if effect is Effect.REPLACE:
            changes.replaced.append((key, packed))
            if state.expires_at_ms is not None:
                changes.expiries_new.append(layout.expiry_key(state.expires_at_ms, key))
        elif raw is not None:
            changes.forgotten.append(key)
    return changes
