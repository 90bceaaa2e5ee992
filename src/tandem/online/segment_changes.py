"""What a segment does to the newest records: packed before its transaction, decided inside it.

A load runs through here once for each of its keys, so objects are made only where they are needed.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from tandem.model.decision import Effect, effect_of_put
from tandem.model.event_time import EventTime
from tandem.model.time_to_live import is_expired
from tandem.online import layout
from tandem.online.base import NewestRows

PackedRecord = tuple[bytes, bytes, tuple[int, int], int | None]
"""A record as it lies in the database if it wins: key and value; and its event time and expiry."""


class Changes(NamedTuple):
    """The keys and values to put, and the keys to delete."""

    replaced: list[tuple[bytes, bytes]]
    forgotten: list[bytes]
    expiries_new: list[bytes]
    expiries_gone: list[bytes]


def packed_records(group_id: str, newest: NewestRows) -> list[PackedRecord]:
    """The newest records of a segment, in the order of their keys."""
    found = []
    for identifier, event_time, expires_at_ms, features_json in zip(*newest, strict=True):
        key = layout.record_key_of(group_id, identifier)
        packed = layout.pack_put(key, identifier, event_time, expires_at_ms, features_json)
        found.append((key, packed, event_time, expires_at_ms))
    # As identifiers are, but for the long ones, whose keys have a hash.
    found.sort()
    return found


def changes_of(
    records: Sequence[PackedRecord], held: Mapping[bytes, bytes], now_ms: int
) -> Changes:
    """What becomes of the records that are held under the same keys. Raises DataCorrupted."""
    changes = Changes([], [], [], [])
    for key, packed, event_time, expires_at_ms in records:
        raw = held.get(key)
        if raw is not None:
            newest = layout.unpack_newest(key, raw).state
            effect = effect_of_put(EventTime(*event_time), expires_at_ms, newest, now_ms)
            if effect is Effect.KEEP:
                continue
            if newest.expires_at_ms is not None:
                changes.expiries_gone.append(layout.expiry_key(newest.expires_at_ms, key))
            if effect is Effect.FORGET:
                changes.forgotten.append(key)
                continue
        elif is_expired(expires_at_ms, now_ms):
            continue
        changes.replaced.append((key, packed))
        if expires_at_ms is not None:
            changes.expiries_new.append(layout.expiry_key(expires_at_ms, key))
    return changes
