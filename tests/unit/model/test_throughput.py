"""Units, and the bucket they come out of, against plain references."""

from fractions import Fraction
from math import ceil

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tandem.model.throughput import BURST_SECONDS, Bucket, read_units, take, write_units

SECOND_NS = 10**9
NOW_NS = 1_700_000_000 * SECOND_NS


@pytest.mark.parametrize(
    ("size_bytes", "read", "written"),
    [(0, 0, 1), (1, 1, 1), (1_024, 1, 1), (1_025, 1, 2), (4_096, 1, 4), (4_097, 2, 5)],
)
def test_units_are_whole_and_rounded_up(size_bytes: int, read: int, written: int) -> None:
    assert read_units(size_bytes) == read
    assert write_units(size_bytes) == written


@given(st.integers(0, 400 * 1_024))
def test_units_are_those_of_the_definition(size_bytes: int) -> None:
    assert read_units(size_bytes) == ceil(Fraction(size_bytes, 4 * 1_024))
    assert write_units(size_bytes) == max(1, ceil(Fraction(size_bytes, 1_024)))


def one_by_one(bucket: Bucket, rate: int, count: int, now_ns: int) -> tuple[Bucket, int]:
    """How many of `count` units can be taken, each by itself."""
    taken = 0
    for _ in range(count):
        bucket, got = take(bucket, rate, 1, 1, now_ns)
        taken += got
    return bucket, taken


def test_a_bucket_begins_with_one_second() -> None:
    bucket, taken = one_by_one(Bucket(), 5, 100, NOW_NS)
    assert taken == 5
    assert one_by_one(bucket, 5, 100, NOW_NS + SECOND_NS)[1] == 5


@pytest.mark.parametrize("rate", [1, 3, 7, 999, 40_000])
def test_a_second_has_all_its_units(rate: int) -> None:
    assert one_by_one(Bucket(), rate, rate + 1, NOW_NS)[1] == rate


def test_unused_units_are_saved_up_for_five_minutes() -> None:
    bucket, _ = one_by_one(Bucket(), 2, 100, NOW_NS)
    hour_later = NOW_NS + 3_600 * SECOND_NS
    assert one_by_one(bucket, 2, 10_000, hour_later)[1] == 2 * BURST_SECONDS


def test_nothing_comes_out_of_a_bucket_without_a_rate() -> None:
    assert take(Bucket(), 0, 1, 1, NOW_NS)[1] == 0


def test_a_record_larger_than_the_rate_passes_and_those_behind_it_wait() -> None:
    bucket, taken = take(Bucket(), 1, 350, 350, NOW_NS)
    assert taken == 350
    assert take(bucket, 1, 1, 1, NOW_NS + 349 * SECOND_NS)[1] == 0
    assert take(bucket, 1, 1, 1, NOW_NS + 350 * SECOND_NS)[1] == 1


def test_many_records_at_once_need_all_their_units() -> None:
    bucket, taken = take(Bucket(), 10, 1_000, 1_000, NOW_NS)
    assert taken == 0
    assert take(bucket, 10, 1_000, 1_000, NOW_NS + 99 * SECOND_NS)[1] == 1_000


def test_more_is_taken_ahead_only_where_it_is_there() -> None:
    assert take(Bucket(), 100, 1, 6, NOW_NS)[1] == 6
    assert take(Bucket(100, NOW_NS - SECOND_NS // 50), 100, 1, 6, NOW_NS)[1] == 2


def test_another_rate_begins_anew() -> None:
    empty, _ = one_by_one(Bucket(), 5, 100, NOW_NS)
    assert one_by_one(empty, 50, 100, NOW_NS)[1] == 50


def test_a_clock_that_was_set_back_stops_nobody_for_long() -> None:
    bucket, _ = take(Bucket(), 10, 10, 10, NOW_NS)
    earlier = NOW_NS - 3_600 * SECOND_NS
    bucket, taken = take(bucket, 10, 1, 1, earlier)
    assert taken == 0
    assert take(bucket, 10, 1, 1, earlier + SECOND_NS)[1] == 1


@given(
    rate=st.integers(1, 1_000),
    calls=st.lists(
        st.tuples(st.integers(0, 3 * SECOND_NS), st.integers(1, 350), st.integers(0, 50)),
        max_size=60,
    ),
)
def test_it_is_a_token_bucket(rate: int, calls: list[tuple[int, int, int]]) -> None:
    """Against a bucket of exact fractions, which may lag by a nanosecond a taking."""
    bucket, now_ns, level = Bucket(), NOW_NS, Fraction(rate)
    for index, (later_ns, needed, ahead) in enumerate(calls):
        now_ns += later_ns
        if index:
            level += Fraction(rate * later_ns, SECOND_NS)
        level = min(level, Fraction(rate * BURST_SECONDS))
        lag = Fraction(rate * (index + 1), SECOND_NS)
        bucket, taken = take(bucket, rate, needed, needed + ahead, now_ns)
        if taken:
            assert needed <= taken <= max(needed, level + lag)
            assert level + lag >= min(needed, rate)
        else:
            assert level < min(needed, rate)
        level -= taken
