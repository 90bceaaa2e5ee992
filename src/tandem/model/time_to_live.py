"""Time to live: a record expires at its event time plus a duration.

Expiry is kept in whole milliseconds since 1970, rounded down. An expired record counts as absent,
whether it has been swept or not; its history stays.
"""

from dataclasses import dataclass
from enum import StrEnum

from tandem.errors import ValidationError
from tandem.model.event_time import SECONDS_MAX, EventTime
from tandem.model.limits import TTL_SECONDS_MAX


class TtlUnit(StrEnum):
    SECONDS = "Seconds"
    MINUTES = "Minutes"
    HOURS = "Hours"
    DAYS = "Days"
    WEEKS = "Weeks"


_UNIT_SECONDS = {
    TtlUnit.SECONDS: 1,
    TtlUnit.MINUTES: 60,
    TtlUnit.HOURS: 3_600,
    TtlUnit.DAYS: 86_400,
    TtlUnit.WEEKS: 604_800,
}
EXPIRY_MS_MAX = SECONDS_MAX * 1_000


@dataclass(frozen=True, slots=True)
class TtlDuration:
    """AWS's TtlDuration: a unit and a whole number of it, at least 1."""

    unit: TtlUnit
    value: int

    def __post_init__(self) -> None:
        if self.value < 1 or self.seconds > TTL_SECONDS_MAX:
            raise ValidationError(
                f"TtlDuration of {self.value} {self.unit} is not valid:"
                f" Value must be at least 1 and at most {TTL_SECONDS_MAX} seconds in all"
            )

    @property
    def seconds(self) -> int:
        return self.value * _UNIT_SECONDS[self.unit]

    def expires_at_ms(self, event_time: EventTime) -> int:
        """When a record of this event time expires: milliseconds since 1970."""
        whole = (event_time.seconds + self.seconds) * 1_000
        return min(whole + event_time.nanoseconds // 1_000_000, EXPIRY_MS_MAX)


def is_expired(expires_at_ms: int | None, now_ms: int) -> bool:
    """Whether a record that expires then is gone by now. A record without an expiry never is."""
    return expires_at_ms is not None and expires_at_ms <= now_ms


def format_expiry(expires_at_ms: int) -> str:
    """ISO 8601 text of an expiry, as ExpiresAt carries it."""
    seconds, milliseconds = divmod(expires_at_ms, 1_000)
    return EventTime(seconds, milliseconds * 1_000_000).isoformat()
