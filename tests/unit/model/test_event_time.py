"""Event times: which texts are moments, which moments they are, and how they are written."""

import time
from datetime import UTC, datetime

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tandem.errors import ValidationError
from tandem.model.event_time import (
    SECONDS_MAX,
    SECONDS_MIN,
    EventTime,
    from_datetime,
    from_double,
    parse_double,
    parse_iso_or_epoch,
)

moments = st.builds(EventTime, st.integers(SECONDS_MIN, SECONDS_MAX), st.integers(0, 999_999_999))


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("1970-01-01T00:00:00Z", (0, 0)),
        ("2024-02-29T23:59:59.5Z", (1_709_251_199, 500_000_000)),
        ("2024-02-29T23:59:59.000000001Z", (1_709_251_199, 1)),
        ("2024-01-01T00:00:00", (1_704_067_200, 0)),
        ("2024-01-01T02:00:00+02:00", (1_704_067_200, 0)),
        ("2023-12-31T18:30:00-05:30", (1_704_067_200, 0)),
        ("0000-01-01T00:00:00Z", (SECONDS_MIN, 0)),
        ("0000-12-31T00:00:00Z", (SECONDS_MIN + 365 * 86_400, 0)),
        ("9999-12-31T23:59:59.999999999Z", (SECONDS_MAX, 999_999_999)),
        ("1700000000", (1_700_000_000, 0)),
        ("1700000000.123", (1_700_000_000, 123_000_000)),
        ("-0.25", (-1, 750_000_000)),
        ("-7", (-7, 0)),
    ],
)
def test_text_is_read(text: str, moment: tuple[int, int]) -> None:
    assert parse_iso_or_epoch(text) == moment


@pytest.mark.parametrize(
    "text",
    [
        "",
        "yesterday",
        "2024-01-01",
        "2024-01-01 00:00:00",
        "2024-02-30T00:00:00Z",
        "2024-01-01T24:00:00Z",
        "2024-01-01T00:00:60Z",
        "2024-01-01T00:00:00.0000000001Z",
        "2024-01-01T00:00:00+0200",
        "24-01-01T00:00:00Z",
        "0000-01-01T00:00:00+01:00",
        "9999-12-31T23:59:59-01:00",
        "1700000000000",
        "1e9",
        "NaN",
        "\N{ARABIC-INDIC DIGIT TWO}024-01-01T00:00:00Z",
        "2024-01-01T00:00:00Z\n",
    ],
)
def test_text_that_is_no_moment_is_refused_and_quoted(text: str) -> None:
    with pytest.raises(ValidationError, match="event time"):
        parse_iso_or_epoch(text)


@given(moments)
@example(EventTime(SECONDS_MIN, 0))
def test_what_is_written_is_read_back(moment: EventTime) -> None:
    assert parse_iso_or_epoch(moment.isoformat()) == moment


@given(st.datetimes(timezones=st.just(UTC)))
def test_datetimes_agree_with_python(moment: datetime) -> None:
    found = from_datetime(moment)
    assert parse_iso_or_epoch(moment.isoformat()) == found
    assert from_datetime(moment.replace(tzinfo=None)) == found


@given(moments, moments)
def test_moments_order_as_time_does_and_text_need_not(one: EventTime, other: EventTime) -> None:
    exact = [moment.seconds * 10**9 + moment.nanoseconds for moment in (one, other)]
    assert (one < other) == (exact[0] < exact[1])


def test_text_order_is_not_time_order() -> None:
    whole, half = "2024-01-01T00:00:00Z", "2024-01-01T00:00:00.5Z"
    assert whole > half
    assert parse_iso_or_epoch(whole) < parse_iso_or_epoch(half)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("1700000000", (1_700_000_000, 0)),
        ("1.7e9", (1_700_000_000, 0)),
        ("0.5", (0, 500_000_000)),
        ("-0.25", (-1, 750_000_000)),
        (".5", (0, 500_000_000)),
        ("0.9999999999", (1, 0)),
        ("-62167219200", (SECONDS_MIN, 0)),
    ],
)
def test_doubles_are_read(text: str, moment: tuple[int, int]) -> None:
    assert parse_double(text) == moment


@pytest.mark.parametrize(
    "text", ["", "abc", "NaN", "inf", "-Infinity", "1_000", " 1", "1f", "3e11"]
)
def test_what_is_no_double_of_seconds_is_refused(text: str) -> None:
    with pytest.raises(ValidationError, match="event time"):
        parse_double(text)


@given(
    st.floats(2**23, SECONDS_MAX, exclude_max=True), st.floats(2**23, SECONDS_MAX, exclude_max=True)
)
def test_different_doubles_of_our_days_are_different_moments(one: float, other: float) -> None:
    assert (one < other) == (from_double(one) < from_double(other))


def test_a_long_text_that_is_no_number_is_refused_at_once() -> None:
    start = time.thread_time()
    with pytest.raises(ValidationError, match="event time"):
        parse_double("1" * 350_000 + "x")
    assert time.thread_time() - start < 1
