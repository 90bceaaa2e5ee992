"""What an online store gives of a key: flat, and made in a moment, since every read makes one."""

import msgspec

from tandem.model.decision import NewestState
from tandem.model.event_time import EventTime
from tandem.model.time_to_live import is_expired


class OnlineRecord(msgspec.Struct, frozen=True, gc=False):
    """The newest record of a key, or the tombstone of a soft delete.

    features_json is the JSON array that GetRecord answers with; `tandem.online.features_json` reads
    it. A tombstone's holds the record identifier and the event time alone.
    """

    features_json: bytes
    expires_at_ms: int | None
    is_deleted: bool
    event_seconds: int
    event_nanoseconds: int

    @property
    def event_time(self) -> EventTime:
        return EventTime(self.event_seconds, self.event_nanoseconds)

    @property
    def state(self) -> NewestState:
        return NewestState(self.event_time, self.expires_at_ms, self.is_deleted)

    def is_gone(self, now_ms: int) -> bool:
        """Whether readers are told that there is no such record."""
        # Most have no expiry, and need no call to say so.
        return self.is_deleted or (
            self.expires_at_ms is not None and is_expired(self.expires_at_ms, now_ms)
        )
