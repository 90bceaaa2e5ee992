"""The decision: what a write does to the newest record of its key.

This one pure function is the meaning of "newest". Every online store calls it inside its write
transaction, and the replay of the log calls it again, so both must come to the same records.

* The write whose event time is not older wins. On a tie the later write wins, online and in
  point-in-time joins alike, so that serving and training agree.
* A soft delete leaves a tombstone, which has an event time like any record.
* A hard delete must be strictly newer than what is there. It forgets the key: an older put may
  follow.
* An expired record counts as absent. A put that has expired before it arrives leaves the key absent
  if it wins.
* Of many puts with one time to live, only the newest of each key (of one event time, the last) need
  be decided: it leaves the record that all of them, one after the other, would leave. The ones
  before it expire no later than it does.
* A write that is not meant for the online store changes nothing there and is never refused.
"""

from enum import Enum
from typing import NamedTuple

from tandem.model.event_time import EventTime
from tandem.model.targets import TargetStores
from tandem.model.time_to_live import is_expired
from tandem.model.write import Operation, Write

# Looked up for each write: a member of an enum takes ten times as long as a name.
_UPDATE, _HARD_DELETE, _ONLINE = Operation.UPDATE, Operation.HARD_DELETE, TargetStores.ONLINE


class NewestState(NamedTuple):
    """What a store knows of a key's newest record without decoding its values."""

    event_time: EventTime
    expires_at_ms: int | None
    is_deleted: bool


class Refusal(Enum):
    """Why a write is not accepted. Nothing was written."""

    HARD_DELETE_NOT_NEWER = "hard delete not newer"
    RECORD_NOT_FOUND = "record not found"
    UPDATE_IS_OLDER = "update is older"
    RECORD_TOO_LARGE = "record too large"


class Effect(Enum):
    """What happens to the newest record of the key."""

    KEEP = "keep"
    REPLACE = "replace"
    FORGET = "forget"


class Decision(NamedTuple):
    """The effect of an accepted write, with the event time and expiry that its entry carries."""

    effect: Effect
    event_time: EventTime
    expires_at_ms: int | None


def decide(write: Write, newest: NewestState | None, now_ms: int) -> Decision | Refusal:
    """Decides `write` against the newest record of its key (None where there is none).

    `now_ms` is the commit's own time, so that a replay decides as the commit did.
    """
    if newest is not None and is_expired(newest.expires_at_ms, now_ms):
        newest = None
    if write.operation is _UPDATE:
        return _decide_update(write, newest, now_ms)
    assert write.event_time is not None  # only an update may leave it out
    if _ONLINE not in write.targets:
        return Decision(Effect.KEEP, write.event_time, write.expires_at_ms)
    if write.operation is _HARD_DELETE:
        if newest is not None and write.event_time <= newest.event_time:
            return Refusal.HARD_DELETE_NOT_NEWER
        return Decision(Effect.FORGET, write.event_time, None)
    effect = effect_of_put(write.event_time, write.expires_at_ms, newest, now_ms)
    return Decision(effect, write.event_time, write.expires_at_ms)


def effect_of_put(
    event_time: EventTime, expires_at_ms: int | None, newest: NewestState | None, now_ms: int
) -> Effect:
    """What a put (or soft delete) for the online store does to the newest record."""
    if (
        newest is not None
        and event_time < newest.event_time
        and not is_expired(newest.expires_at_ms, now_ms)
    ):
        return Effect.KEEP
    return Effect.FORGET if is_expired(expires_at_ms, now_ms) else Effect.REPLACE


def _decide_update(write: Write, newest: NewestState | None, now_ms: int) -> Decision | Refusal:
    if newest is None or newest.is_deleted:
        return Refusal.RECORD_NOT_FOUND
    event_time = newest.event_time if write.event_time is None else write.event_time
    if event_time < newest.event_time:
        return Refusal.UPDATE_IS_OLDER
    kept = newest.expires_at_ms if write.expires_at_ms is None else write.expires_at_ms
    return _replace(event_time, kept, now_ms)


def _replace(event_time: EventTime, expires_at_ms: int | None, now_ms: int) -> Decision:
    gone = is_expired(expires_at_ms, now_ms)
    return Decision(Effect.FORGET if gone else Effect.REPLACE, event_time, expires_at_ms)
