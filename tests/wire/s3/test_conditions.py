"""Ranges, parts and conditional requests."""

from datetime import timedelta
from email.utils import format_datetime

import pytest

from tandem.errors import TandemError
from tandem.offline.objects.details import Details, Identity, ObjectInfo
from tandem.offline.objects.errors import NoSuchKey, PreconditionFailed
from tandem.wire.s3.conditions import Span, WriteCondition, byte_range, check_read, span_of
from tandem.wire.s3.errors import InvalidArgument, InvalidRange, InvalidRequest, NotModified

NOON_NS = 1_750_000_000_123_456_789
INFO = ObjectInfo("k", Identity(10, NOON_NS), "abc", Details(part_sizes=(6, 4)))
BEFORE = format_datetime(INFO.modified - timedelta(seconds=5), usegmt=True)
SAME = format_datetime(INFO.modified, usegmt=True)


@pytest.mark.parametrize(
    ("header", "span"),
    [
        ("bytes=0-0", (0, 1)),
        ("bytes=2-4", (2, 3)),
        ("bytes=2-", (2, 8)),
        ("bytes=-3", (7, 3)),
        ("bytes=-30", (0, 10)),
        ("bytes=8-99999999999999999", (8, 2)),
    ],
)
def test_ranges(header: str, span: tuple[int, int]) -> None:
    assert byte_range(header, 10) == Span(*span, is_part=True)


@pytest.mark.parametrize("header", ["", "bytes=-", "bytes=4-2", "bytes=0-1,3-4", "items=0-1", "x"])
def test_ranges_that_mean_nothing_are_passed_over(header: str) -> None:
    assert span_of({"range": header}, None, INFO) == Span(0, 10, is_part=False)


@pytest.mark.parametrize(("header", "size"), [("bytes=10-", 10), ("bytes=-0", 10), ("bytes=0-", 0)])
def test_ranges_behind_the_end_are_refused(header: str, size: int) -> None:
    with pytest.raises(InvalidRange):
        byte_range(header, size)


def test_parts() -> None:
    assert span_of({}, "2", INFO) == Span(6, 4, is_part=True)
    with pytest.raises(InvalidRange):
        span_of({}, "3", INFO)
    with pytest.raises(InvalidArgument):
        span_of({}, "0", INFO)
    with pytest.raises(InvalidRequest):
        span_of({"range": "bytes=0-1"}, "1", INFO)


def test_a_range_of_another_object_is_passed_over() -> None:
    assert not span_of({"range": "bytes=0-1", "if-range": '"other"'}, None, INFO).is_part
    assert span_of({"range": "bytes=0-1", "if-range": '"abc"'}, None, INFO).is_part


@pytest.mark.parametrize(
    ("headers", "raised"),
    [
        ({"if-match": '"abc"'}, None),
        ({"if-match": '"x", "abc"'}, None),
        ({"if-match": "*"}, None),
        ({"if-match": '"x"'}, PreconditionFailed),
        ({"if-none-match": '"x"'}, None),
        ({"if-none-match": 'W/"abc"'}, NotModified),
        ({"if-none-match": "*"}, NotModified),
        ({"if-modified-since": BEFORE}, None),
        ({"if-modified-since": SAME}, NotModified),
        ({"if-unmodified-since": SAME}, None),
        ({"if-unmodified-since": BEFORE}, PreconditionFailed),
        ({"if-unmodified-since": BEFORE, "if-match": '"abc"'}, None),
        ({"if-modified-since": SAME, "if-none-match": '"x"'}, None),
        ({"if-modified-since": "yesterday"}, None),
    ],
)
def test_conditions_of_reads(headers: dict[str, str], raised: type[TandemError] | None) -> None:
    if raised is None:
        check_read(headers, INFO)
    else:
        with pytest.raises(raised):
            check_read(headers, INFO)


def test_conditions_of_writes() -> None:
    WriteCondition({})(INFO)
    WriteCondition({"if-none-match": "*"})(None)
    WriteCondition({"if-match": '"abc"'})(INFO)
    with pytest.raises(PreconditionFailed):
        WriteCondition({"if-none-match": "*"})(INFO)
    with pytest.raises(PreconditionFailed):
        WriteCondition({"if-match": '"x"'})(INFO)
    with pytest.raises(NoSuchKey):
        WriteCondition({"if-match": '"abc"'})(None)
    with pytest.raises(InvalidRequest):
        WriteCondition({"if-none-match": '"abc"'})
