"""What writes of single records make of records, expiries and log.

They are decided together, before anything is changed: so the store needs few calls of the binding
for many writes. A write sees those before it.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from tandem.model.decision import Effect, Refusal
from tandem.model.write import Write
from tandem.online.apply import Applied, apply
from tandem.online.base import Committed, Outcome
from tandem.online.lmdb import layout
from tandem.online.online_record import OnlineRecord

_KEEP, _FORGET = Effect.KEEP, Effect.FORGET


class Place(NamedTuple):
    """Where in the log the first accepted write comes behind, and when all of them were written."""

    partition: int
    position: int
    write_time_us: int


class LoggedWrite(NamedTuple):
    """An accepted write: its entry as it lies in the log, and what it did to the record."""

    key: bytes
    packed: bytes
    effect: Effect


class Changes(NamedTuple):
    """records     the packed record of each key that is touched, or None where it is gone
    expiries    of each key of theirs, whether it is there
    logged      in the order of the log
    outcomes    of all writes, in their order
    """

    records: dict[bytes, bytes | None]
    expiries: dict[bytes, bool]
    logged: list[LoggedWrite]
    outcomes: list[Outcome]

    @classmethod
    def none(cls) -> "Changes":
        return cls({}, {}, [], [])

    @property
    def replaced(self) -> list[tuple[bytes, bytes]]:
        """The records to put, in the order of their keys."""
        return [(key, raw) for key, raw in sorted(self.records.items()) if raw is not None]

    @property
    def forgotten(self) -> Iterable[bytes]:
        return [key for key, raw in self.records.items() if raw is None]


def record_keys_of(writes: Sequence[Write]) -> list[bytes]:
    """The keys of the records that writes are about, each once, in order."""
    return sorted(set(layout.record_keys([write.key for write in writes])))


def changes_of(writes: Sequence[Write], held: Mapping[bytes, bytes], place: Place) -> Changes:
    """What becomes of the records that are held under these keys. Raises DataCorrupted."""
    changes = Changes.none()
    partition, position, write_time_us = place
    now_ms = write_time_us // 1_000
    for key, write in zip(layout.record_keys([write.key for write in writes]), writes, strict=True):
        raw = changes.records[key] if key in changes.records else held.get(key)
        newest = None if raw is None else layout.unpack_newest(key, raw)
        applied = apply(write, newest, now_ms)
        if isinstance(applied, Refusal):
            changes.outcomes.append(applied)
            continue
        change_record(changes, key, write.key.identifier, newest, applied)
        position += 1
        entry_key = layout.position_key(position)
        packed = layout.pack_entry(entry_key, write, applied.record, write_time_us)
        changes.logged.append(LoggedWrite(entry_key, packed, applied.effect))
        changes.outcomes.append(Committed(partition, position, write_time_us))
    return changes


def change_record(
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
