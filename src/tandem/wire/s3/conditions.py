"""Conditional requests, ranges and parts: what of an object is asked for, and whether at all.

If-Match goes before If-Unmodified-Since, and If-None-Match before If-Modified-Since. A range that
cannot be read is passed over, as are several ranges at once; the whole object is the answer then.
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import format_datetime, parsedate_to_datetime
from typing import NamedTuple

from tandem.offline.objects.details import ObjectInfo
from tandem.offline.objects.errors import NoSuchKey, PreconditionFailed
from tandem.wire.s3.errors import InvalidArgument, InvalidRange, InvalidRequest, NotModified
from tandem.wire.s3.xml import quoted

COPY_PREFIX = "x-amz-copy-source-"
_RANGE = re.compile(r"bytes=(\d{0,19})-(\d{0,19})", re.ASCII)


class Span(NamedTuple):
    """The bytes from `start`, `size` of them. `is_part` where they are not the whole object."""

    start: int
    size: int
    is_part: bool


def check_read(headers: Mapping[str, str], info: ObjectInfo, prefix: str = "") -> None:
    """Raises PreconditionFailed, or NotModified where the client has the object already."""
    changed = info.modified.replace(microsecond=0)
    if (match := headers.get(f"{prefix}if-match")) is not None:
        if not names_etag(match, info.etag):
            raise _failed("If-Match", match, info)
    elif (since := _moment(headers.get(f"{prefix}if-unmodified-since"))) and changed > since:
        raise _failed("If-Unmodified-Since", format_datetime(since), info)
    if (none_match := headers.get(f"{prefix}if-none-match")) is not None:
        if names_etag(none_match, info.etag):
            raise _unchanged(info, is_copy=bool(prefix))
    elif (since := _moment(headers.get(f"{prefix}if-modified-since"))) and changed <= since:
        raise _unchanged(info, is_copy=bool(prefix))


class WriteCondition:
    """What must be so for a write to go on. Called with the object that is there."""

    def __init__(self, headers: Mapping[str, str]) -> None:
        self._match = headers.get("if-match")
        none_match = headers.get("if-none-match")
        self.only_new = none_match is not None
        if none_match not in {None, "*"}:
            raise InvalidRequest("a write takes no If-None-Match but *, which is: only if new")

    def __call__(self, current: ObjectInfo | None) -> None:
        if self.only_new and current is not None:
            raise _failed("If-None-Match", "*", current)
        if self._match is not None:
            if current is None:
                raise NoSuchKey("If-Match asks for an object that is there, and none is")
            if not names_etag(self._match, current.etag):
                raise _failed("If-Match", self._match, current)


def names_etag(header: str, etag: str) -> bool:
    """Whether a header that lists ETags, or says "*", means this one."""
    named = [one.strip().removeprefix("W/").strip('"') for one in header.split(",")]
    return "*" in named or etag in named


def span_of(headers: Mapping[str, str], part: str | None, info: ObjectInfo) -> Span:
    """The bytes that are asked for. Raises InvalidRange where there are none of them."""
    header = headers.get("range", "")
    if part is not None:
        if header:
            raise InvalidRequest("give a range or a part number, not both")
        return _part(part, info)
    if (validator := headers.get("if-range")) and not names_etag(validator, info.etag):
        return Span(0, info.size, is_part=False)
    return byte_range(header, info.size) or Span(0, info.size, is_part=False)


def byte_range(header: str, size: int) -> Span | None:
    """The bytes that a Range header means; None where it means none that can be understood."""
    found = _RANGE.fullmatch(header.strip())
    if found is None or found.groups() == ("", ""):
        return None
    first, last = found.groups()
    if first and last and int(last) < int(first):
        return None
    start = int(first) if first else max(0, size - int(last))
    end = min(int(last), size - 1) if first and last else size - 1
    if start >= size or end < start:
        raise InvalidRange(f"{header[:64]!r} begins behind the end, at {size} bytes", size)
    return Span(start, end - start + 1, is_part=True)


def whole_number(name: str, given: str, lowest: int, highest: int) -> int:
    """Raises InvalidArgument."""
    if not (given.isascii() and given.isdigit()) or len(given) > 18:
        raise InvalidArgument(f"{name} {given[:64]!r} is not a whole number")
    if not lowest <= int(given) <= highest:
        raise InvalidArgument(f"{name} {given} is not between {lowest} and {highest}")
    return int(given)


def _part(given: str, info: ObjectInfo) -> Span:
    sizes = info.details.part_sizes or (info.size,)
    number = whole_number("partNumber", given, 1, 10_000)
    if number > len(sizes):
        raise InvalidRange(f"there is no part {number}: the object has {len(sizes)}", info.size)
    return Span(sum(sizes[: number - 1]), sizes[number - 1], is_part=True)


def _moment(header: str | None) -> datetime | None:
    if header is None:
        return None
    try:
        moment = parsedate_to_datetime(header)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _failed(name: str, value: str, info: ObjectInfo) -> PreconditionFailed:
    return PreconditionFailed(
        f"{name} {value[:128]!r} does not hold: the object has ETag {quoted(info.etag)} and was"
        f" last changed {format_datetime(info.modified, usegmt=True)}"
    )


def _unchanged(info: ObjectInfo, *, is_copy: bool) -> Exception:
    if is_copy:  # there is no "not modified" of a copy
        return _failed("the condition on the source", info.etag, info)
    return NotModified(
        [
            ("etag", quoted(info.etag)),
            ("last-modified", format_datetime(info.modified, usegmt=True)),
        ]
    )
