"""Where a value is in a message.

    user.id          a member of a member of the decoded value; a whole number counts in a list
    $key             the key as text; $key.user.id a member of it, where it is JSON
    $header.NAME     a header as text
    $timestamp       the message's own time
    $topic, $partition, $offset

A value that is not there is None.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, TypeAlias

import msgspec
import pyarrow as pa

from tandem.errors import ValidationError
from tandem.streams.base import Message


class Decoded(NamedTuple):
    """A message and its value as Python has it."""

    message: Message
    value: Any


Cells: TypeAlias = Any
"""A list or an Arrow array, with one for each message. Moments come as an array: they are counted,
not read.
"""

_PLAIN: dict[str, Callable[[Message], Any]] = {
    "$partition": lambda message: message.partition,
    "$offset": lambda message: message.offset,
}
_MOMENT = pa.timestamp("ms", tz="UTC")


def check_path(path: str) -> None:
    """Raises ValidationError where no message could have a value there."""
    parts = path.split(".")
    if not all(parts):
        raise ValidationError(f"{path[:64]!r} has an empty part: write names with a dot between")
    if path.startswith("$"):
        is_known = (
            path in (*_PLAIN, "$timestamp", "$topic")
            or parts[0] == "$key"
            or (parts[0] == "$header" and len(parts) > 1)
        )
        if not is_known:
            raise ValidationError(
                f"{path[:64]!r} is not known: use $key, $header.NAME, $timestamp, $topic,"
                " $partition or $offset, or a field without the $"
            )


def is_of_value(path: str) -> bool:
    """Whether a tombstone lacks it."""
    return not path.startswith("$")


def cells(path: str, topic: str, messages: Sequence[Decoded]) -> Cells:
    """The value at `path` of each message."""
    if path == "$timestamp":
        return pa.array([one.message.timestamp_ms for one in messages], pa.int64()).cast(_MOMENT)
    if path == "$topic":
        return [topic] * len(messages)
    if path in _PLAIN:
        read = _PLAIN[path]
        return [read(one.message) for one in messages]
    head, *rest = path.split(".")
    if head == "$header":
        name = path.partition(".")[2]
        return [_text((one.message.headers or {}).get(name)) for one in messages]
    if head == "$key":
        if not rest:
            return [_text(one.message.key) for one in messages]
        return [_inside(_json(one.message.key), rest) for one in messages]
    if not rest:
        return [
            one.value.get(path) if isinstance(one.value, dict) else _inside(one.value, [path])
            for one in messages
        ]
    steps = [head, *rest]
    return [_inside(one.value, steps) for one in messages]


def cell(path: str, topic: str, message: Decoded) -> Any:
    """The value at `path` of one message."""
    (found,) = cells(path, topic, [message])
    return found.as_py() if isinstance(found, pa.Scalar) else found


def _inside(value: Any, steps: Sequence[str]) -> Any:
    for step in steps:
        if isinstance(value, dict):
            value = value.get(step)
        elif isinstance(value, list) and step.isascii() and step.isdigit():
            value = value[int(step)] if int(step) < len(value) else None
        else:
            return None
    return value


def _text(content: bytes | None) -> Any:
    """Bytes that are no text stay bytes, which fit no feature."""
    if content is None:
        return None
    try:
        return content.decode()
    except UnicodeDecodeError:
        return content


def _json(content: bytes | None) -> Any:
    try:
        return None if content is None else msgspec.json.decode(content)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
