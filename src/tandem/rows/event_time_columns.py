"""Event times of a whole column, as `tandem.model.event_time` reads them one by one.

A moment is read here only where its text or number has one of the common forms. Any other cell is
doubtful: it has no moment here, and who asks must have `event_time` read or refuse it.
"""

from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tandem.model.event_time import SECONDS_MAX, SECONDS_MIN

_ISO = (
    r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?"
    r"(Z|[+-][0-9]{2}:[0-9]{2})?$"
)
_EPOCH = r"^-?[0-9]{1,12}(\.[0-9]+)?$"
_PLAIN_NUMBER = r"^-?[0-9]{1,17}(\.[0-9]{1,17})?$"
_HEAD_CHARACTERS = 19
"""As many as 2024-05-01T12:30:00 has."""
_BILLION = 1_000_000_000
_DAYS_BEFORE_MONTH = np.array([0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334])
_DAYS_OF_MONTH = np.array([31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31])
_DAYS_FROM_YEAR_0_TO_1970 = 719_528

Numbers = np.ndarray[tuple[int], np.dtype[np.int64]]
Mask = np.ndarray[tuple[int], np.dtype[np.bool_]]


class Moments(NamedTuple):
    """Seconds since 1970 and nanoseconds of each cell, and where a cell has none here."""

    seconds: Numbers
    nanoseconds: Numbers
    is_doubtful: Mask


def moments_of_doubles(column: pa.Array) -> Moments:
    """Those of Fractional event times, given as doubles."""
    is_missing = column.is_null().to_numpy(zero_copy_only=False)
    values = column.fill_null(0.0).to_numpy(zero_copy_only=False)
    # The same steps as `from_double`, on the same doubles.
    is_out = ~((values >= SECONDS_MIN) & (values < SECONDS_MAX + 1))
    values = np.where(is_out, 0.0, values)
    floor = np.floor(values)
    nanoseconds = np.floor((values - floor) * 1e9 + 0.5).astype(np.int64)
    seconds = floor.astype(np.int64)
    carry = nanoseconds >= _BILLION
    seconds, nanoseconds = seconds + carry, np.where(carry, nanoseconds - _BILLION, nanoseconds)
    return Moments(seconds, nanoseconds, is_missing | is_out | (seconds > SECONDS_MAX))


def moments_of_number_texts(column: pa.Array) -> Moments:
    """Those of Fractional event times, given as text."""
    is_plain = pc.match_substring_regex(column, _PLAIN_NUMBER)
    plain = pc.if_else(is_plain.fill_null(False), column, None)
    return moments_of_doubles(plain.cast(pa.float64()))


def moments_of_texts(column: pa.Array) -> Moments:
    """Those of String event times: ISO 8601, or seconds since 1970."""
    count = len(column)
    found = Moments(np.zeros(count, np.int64), np.zeros(count, np.int64), np.ones(count, np.bool_))
    for pattern, read in ((_ISO, _iso), (_EPOCH, _epoch)):
        fits = pc.match_substring_regex(column, pattern).fill_null(False)
        rows = np.flatnonzero(fits.to_numpy(zero_copy_only=False))
        if len(rows):
            texts = column if len(rows) == count else column.filter(fits)
            part = read(texts)
            is_out = (part.seconds < SECONDS_MIN) | (part.seconds > SECONDS_MAX)
            found.seconds[rows] = part.seconds
            found.nanoseconds[rows] = part.nanoseconds
            found.is_doubtful[rows] = part.is_doubtful | is_out
    return found


def _iso(texts: pa.Array) -> Moments:
    # All of one length, so they lie behind one another like the rows of a matrix.
    heads = pc.utf8_slice_codeunits(texts, 0, _HEAD_CHARACTERS)
    signs = np.frombuffer(heads.buffers()[2], np.uint8, len(texts) * _HEAD_CHARACTERS)
    signs = signs.reshape(-1, _HEAD_CHARACTERS)
    digits = signs.astype(np.int32) - ord("0")

    def number(start: int, length: int) -> Numbers:
        value = digits[:, start].astype(np.int64)
        for index in range(start + 1, start + length):
            value = value * 10 + digits[:, index]
        return value

    year, month, day = number(0, 4), number(5, 2), number(8, 2)
    hour, minute, second = number(11, 2), number(14, 2), number(17, 2)
    is_month = (month >= 1) & (month <= 12)
    index = np.where(is_month, month - 1, 0)
    is_leap = (year % 4 == 0) & ((year % 100 != 0) | (year % 400 == 0))
    length = _DAYS_OF_MONTH[index] + (is_leap & (index == 1))
    is_moment = is_month & (day >= 1) & (day <= length)
    is_moment &= (hour <= 23) & (minute <= 59) & (second <= 59)
    # Year 0 is a leap year, so the years before this one had one leap day more than a quarter says.
    before = year - 1
    leap_days = before // 4 - before // 100 + before // 400 + 1
    days = year * 365 + leap_days + _DAYS_BEFORE_MONTH[index] + (is_leap & (index > 1)) + day - 1
    seconds = (days - _DAYS_FROM_YEAR_0_TO_1970) * 86_400 + hour * 3_600 + minute * 60 + second
    nanoseconds, offset, is_offset = _tails(pc.utf8_slice_codeunits(texts, _HEAD_CHARACTERS, 48))
    return Moments(seconds - offset, nanoseconds, ~(is_moment & is_offset))


def _tails(tails: pa.Array) -> tuple[Numbers, Numbers, Mask]:
    """Nanoseconds, seconds east of UTC, and whether the minutes of the offset exist."""
    count = len(tails)
    if pc.all(pc.is_in(tails, pa.array(["", "Z"]))).as_py():
        return np.zeros(count, np.int64), np.zeros(count, np.int64), np.ones(count, np.bool_)
    parts = pc.extract_regex(
        tails, r"^(?:\.(?P<fraction>[0-9]+))?(?:Z|(?P<offset>[+-][0-9]{2}:[0-9]{2}))?$"
    )
    nanoseconds = _padded_to_nine(parts.field("fraction"))
    offsets = parts.field("offset")
    # What is not there counts as +00:00.
    offsets = pc.if_else(pc.equal(offsets, ""), "+00:00", offsets)
    hours = pc.utf8_slice_codeunits(offsets, 1, 3).cast(pa.int64()).to_numpy()
    minutes = pc.utf8_slice_codeunits(offsets, 4, 6).cast(pa.int64()).to_numpy()
    is_west = pc.starts_with(offsets, "-").to_numpy(zero_copy_only=False)
    seconds = (hours * 3_600 + minutes * 60) * np.where(is_west, -1, 1)
    return nanoseconds, seconds, minutes <= 59


def _epoch(texts: pa.Array) -> Moments:
    parts = pc.extract_regex(texts, r"^(?P<sign>-?)(?P<whole>[0-9]+)(?:\.(?P<fraction>[0-9]+))?$")
    seconds = parts.field("whole").cast(pa.int64()).to_numpy()
    fractions = pc.utf8_slice_codeunits(parts.field("fraction"), 0, 9)
    nanoseconds = _padded_to_nine(fractions)
    is_negative = pc.equal(parts.field("sign"), "-").to_numpy(zero_copy_only=False)
    has_fraction = nanoseconds > 0
    seconds = np.where(is_negative, -seconds - has_fraction, seconds)
    nanoseconds = np.where(is_negative & has_fraction, _BILLION - nanoseconds, nanoseconds)
    return Moments(seconds, nanoseconds, np.zeros(len(texts), np.bool_))


def _padded_to_nine(fractions: pa.Array) -> Numbers:
    found: Numbers = pc.utf8_rpad(fractions, 9, "0").cast(pa.int64()).to_numpy()
    return found
