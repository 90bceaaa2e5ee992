"""A request whose head is that of the one before it on its connection, but for the target.

Many clients send the same headers with each read, and then the bytes behind the target tell all
that a parser would tell again. Heads are never read here: what has not been through the parser,
byte for byte, goes there.
"""

import re
from collections.abc import Mapping

_METHOD = b"GET "
_TARGET_START = len(_METHOD)
_END = b"\r\n\r\n"
_BYTES_MAX = 4_096
_NEVER_REPEATED = frozenset(
    {
        "amz-sdk-invocation-id",
        "authorization",
        # What stands behind such a head is its body.
        "content-length",
        "transfer-encoding",
    }
)
# A path and a query in characters that stand for themselves: without spaces and line ends, so that
# the head cannot end in between, and without what the parser would refuse or cut off.
_TARGET = re.compile(rb"(/[!-\"$->@-~]*)\?([!-\"$-~]*)")


class RepeatedHead:
    """headers     of the request that was parsed, by lower-case name"""

    __slots__ = ("_behind_target", "_length", "headers")

    def __init__(self, behind_target: bytes, headers: Mapping[str, str]) -> None:
        self._behind_target = behind_target
        self._length = len(behind_target)
        self.headers = headers

    def target_of(self, received: bytes) -> tuple[bytes, bytes] | None:
        """The path and the query of a request that is all that was received; None where the head
        is another one.
        """
        if not (received.startswith(_METHOD) and received.endswith(self._behind_target)):
            return None
        found = _TARGET.fullmatch(received, _TARGET_START, len(received) - self._length)
        return None if found is None else (found[1], found[2])


def repeated_head(
    received: bytes, target: bytes, headers: Mapping[str, str]
) -> RepeatedHead | None:
    """What may come again of a request that the parser has read, if it is one without a body and
    all that was received at once.
    """
    start = _METHOD + target + b" HTTP/1.1\r\n"
    if (
        not received.startswith(start)
        or not received.endswith(_END)
        or len(received) > _BYTES_MAX
        or not _NEVER_REPEATED.isdisjoint(headers)
    ):
        return None
    return RepeatedHead(received[_TARGET_START + len(target) :], headers)
