"""What writes of single records make of records, expiries and log.

They are decided together, before anything is changed: so the store needs few calls of the binding
for many writes. A write sees those before it.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from tandem.model.decision import Effect, Refusal
from tandem.model.write import Write
from tandem.online import layout
from tandem.online.apply import Applied, apply
from tandem.online.base import Committed, Outcome
from tandem.online.online_record import OnlineRecord

_KEEP, _FORGET = Effect.KEEP, Effect.FORGET


class Place(NamedTuple):
    """Where in the log the first accepted write comes behind, and when all of them were written."""

    partition: int
    position: int
    write_time_us: int


class Changes(NamedTuple):
    """records     the packed record of each key that is touched, or None where it is gone
    expiries    of each key of theirs, whether it is there
    logged      key and value of each accepted write's entry, in the order of the log
    outcomes    of all writes, in their order
    """

    records: dict[bytes, bytes | None]
    expiries: dict[bytes, bool]
    logged: list[tuple[bytes, bytes]]
    outcomes: list[Outcome]

    @property
    def replaced(self) -> list[tuple[bytes, bytes]]:
        """The records to put, in the order of their keys."""
        return [(key, raw) for key, raw in sorted(self.records.items()) if raw is not None]

    @property
    def forgotten(self) -> Iterable[bytes]:
        return [key for key, raw in self.records.items() if raw is None]


def record_keys_of(writes: Sequence[Write]) -> list[bytes]:
    """The key of each write's record."""
    return layout.record_keys([write.key for write in writes])


def changes_of(
    writes: Sequence[Write], keys: Sequence[bytes], held: Mapping[bytes, bytes], place: Place
) -> Changes:
    """What becomes of the records that are held under the keys of the writes. Raises
    DataCorrupted.
    """
    changes = Changes({}, {}, [], [])
    partition, position, write_time_us = place
    now_ms = write_time_us // 1_000
    for key, write in zip(keys, writes, strict=True):
        raw = changes.records[key] if key in changes.records else held.get(key)
        newest = None if raw is None else layout.unpack_newest(key, raw)
        applied = apply(write, newest, now_ms)
        if isinstance(applied, Refusal):
            changes.outcomes.append(applied)
            continue
        _change_record(changes, key, write.key.identifier, newest, applied)
        position += 1
        entry_key = layout.position_key(position)
        packed = layout.pack_entry(entry_key, write, applied.record, write_time_us)
        changes.logged.append((entry_key, packed))
        changes.outcomes.append(Committed(partition, position, write_time_us))
    return changes


def _change_record(
    changes: Changes, key: bytes, identifier: str, newest: OnlineRecord | None, applied: Applied
) -> None:
    """Notes what an accepted write leaves behind under `key`, where `newest` is."""
    effect, record, _ = applied
    if effect is _KEEP:
        return
    if newest is not None and newest.expires_at_ms is not None:
        changes.expiries[layout.expiry_key(newest.expires_at_ms, key)] = False
    if effect is _FORGET:
        changes.records[key] = None
        return
    changes.records[key] = layout.pack_record(key, identifier, record)
    if record.expires_at_ms is not None:
        changes.expiries[layout.expiry_key(record.expires_at_ms, key)] = True
