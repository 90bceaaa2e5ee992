"""Event times: when a fact was true in the world, as the caller says.

* An `EventTime` is a moment between 0000-01-01 and 9999-12-31T23:59:59.999999999Z, in UTC, as whole
  seconds since 1970 and nanoseconds. It compares as a pair, never as text: "00Z" sorts after
  "00.5Z" as text. 64 bits of nanoseconds would end in the year 2262.
* A Fractional event time is a double of seconds, read at nanosecond precision. A double of today
  has a step of 238 ns, so no two different values meet; the SQL of the point-in-time join does the
  same arithmetic on the same doubles.
* A String event time is ISO 8601 with up to nine digits of fraction. Without a zone it is UTC.
  Epoch seconds written as text are accepted too, since much published code writes them.
"""

import math
import re
from datetime import UTC, date, datetime
from typing import NamedTuple

from tandem.errors import ValidationError

SECONDS_MIN = -62_167_219_200
"""0000-01-01T00:00:00Z."""
SECONDS_MAX = 253_402_300_799
"""9999-12-31T23:59:59Z."""

_DAYS_OF_400_YEARS = 146_097
_ORDINAL_1970 = date(1970, 1, 1).toordinal()

_ISO = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:\.(\d{1,9}))?(?:Z|([+-])(\d\d):(\d\d))?",
    re.ASCII,
)
_EPOCH = re.compile(r"(-?)(\d{1,12})(?:\.(\d+))?", re.ASCII)
# There is one way to match each text: with `\d+\.?\d*` a long one takes minutes to be refused.
_DOUBLE = re.compile(r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?", re.ASCII)


class EventTime(NamedTuple):
    """A moment: whole seconds since 1970 (floor, may be negative) and nanoseconds within."""

    seconds: int
    nanoseconds: int

    def isoformat(self) -> str:
        """ISO 8601 in UTC, with as many digits of fraction as the moment needs (0, 3, 6 or 9)."""
        day, second = divmod(self.seconds, 86_400)
        year, month, day_of_month = _civil(day)
        clock = f"{second // 3600:02}:{second // 60 % 60:02}:{second % 60:02}"
        text = f"{year:04}-{month:02}-{day_of_month:02}T{clock}"
        fraction = f"{self.nanoseconds:09}"
        while fraction.endswith("000"):
            fraction = fraction[:-3]
        return f"{text}.{fraction}Z" if fraction else f"{text}Z"


def parse_iso_or_epoch(text: str) -> EventTime:
    """The moment that a String event time names.

    Raises ValidationError where the text is neither ISO 8601 nor epoch seconds, or is out of range.
    """
    if found := _ISO.fullmatch(text):
        return _from_iso(found, text)
    if found := _EPOCH.fullmatch(text):
        sign, whole, fraction = found.groups()
        nanoseconds = int(((fraction or "") + "000000000")[:9])
        moment = EventTime(int(whole), nanoseconds)
        return _in_range(_negated(moment) if sign else moment, text)
    raise ValidationError(
        f"event time {text[:64]!r} is not a time: write ISO 8601 such as"
        " '2024-05-01T12:30:00Z' or '2024-05-01T12:30:00.123Z', or seconds since 1970"
    )


def parse_double(text: str) -> EventTime:
    """The moment that a Fractional event time names: seconds since 1970 as a double.

    Raises ValidationError where the text is not a finite number, or is out of range.
    """
    if not _DOUBLE.fullmatch(text):
        raise ValidationError(
            f"event time {text[:64]!r} is not a number of seconds since 1970 (Fractional)"
        )
    return from_double(float(text))


def from_double(value: float) -> EventTime:
    """The moment `value` seconds after 1970, to the nearest nanosecond (a half rounds up)."""
    if not SECONDS_MIN <= value < SECONDS_MAX + 1:
        raise _out_of_range(repr(value))
    seconds = math.floor(value)
    nanoseconds = math.floor((value - seconds) * 1e9 + 0.5)
    if nanoseconds >= 1_000_000_000:
        seconds, nanoseconds = seconds + 1, nanoseconds - 1_000_000_000
    return _in_range(EventTime(seconds, nanoseconds), repr(value))


def from_datetime(value: datetime) -> EventTime:
    """The moment of a datetime; one without a zone is UTC. pandas' own have nanoseconds too."""
    aware = value if value.tzinfo else value.replace(tzinfo=UTC)
    elapsed = aware - datetime(1970, 1, 1, tzinfo=UTC)
    nanoseconds = elapsed.microseconds * 1_000 + getattr(value, "nanosecond", 0)
    return EventTime(elapsed.days * 86_400 + elapsed.seconds, nanoseconds)


def _from_iso(found: re.Match[str], text: str) -> EventTime:
    year, month, day, hour, minute, second = (int(part) for part in found.groups()[:6])
    fraction, sign, offset_hours, offset_minutes = found.groups()[6:]
    if hour > 23 or minute > 59 or second > 59 or int(offset_minutes or 0) > 59:
        raise _no_such_moment(text)
    # Python's dates begin in the year 1; the calendar repeats every 400 years.
    shift = 400 if year == 0 else 0
    try:
        ordinal = date(year + shift, month, day).toordinal()
    except ValueError:
        raise _no_such_moment(text) from None
    days = ordinal - _ORDINAL_1970 - (_DAYS_OF_400_YEARS if shift else 0)
    seconds = days * 86_400 + hour * 3_600 + minute * 60 + second
    if sign:
        offset = int(offset_hours) * 3_600 + int(offset_minutes) * 60
        seconds += offset if sign == "-" else -offset
    return _in_range(EventTime(seconds, int((fraction or "").ljust(9, "0"))), text)


def _civil(days_since_1970: int) -> tuple[int, int, int]:
    ordinal = days_since_1970 + _ORDINAL_1970
    if ordinal < 1:
        shifted = date.fromordinal(ordinal + _DAYS_OF_400_YEARS)
        return shifted.year - 400, shifted.month, shifted.day
    found = date.fromordinal(ordinal)
    return found.year, found.month, found.day


def _negated(moment: EventTime) -> EventTime:
    if moment.nanoseconds == 0:
        return EventTime(-moment.seconds, 0)
    return EventTime(-moment.seconds - 1, 1_000_000_000 - moment.nanoseconds)


def _in_range(moment: EventTime, text: str) -> EventTime:
    if not SECONDS_MIN <= moment.seconds <= SECONDS_MAX:
        raise _out_of_range(text)
    return moment


def _out_of_range(text: str) -> ValidationError:
    return ValidationError(
        f"event time {text[:64]} is out of range: the years 0000 to 9999 can be stored"
        " (seconds since 1970, not milliseconds)"
    )


def _no_such_moment(text: str) -> ValidationError:
    return ValidationError(f"event time {text!r} names a day or an hour that does not exist")
