"""A request whose head is that of the one before it on its connection, but for the target.

Many clients send the same headers with each read, and then the bytes behind the target tell all
that a parser would tell again. Heads are never read here: what has not been through the parser,
byte for byte, goes there.
"""

from collections.abc import Callable, Mapping
from typing import TypeAlias

from tandem.wire.router import Again, Begun

LooksAt: TypeAlias = Callable[[bytes, bytes, Mapping[str, str]], Again | None]
_METHOD = b"GET "
_START = _METHOD + b"/"
_TARGET_START = len(_METHOD)
_END = b"\r\n\r\n"
_BYTES_MAX = 4_096
_PATHS_MAX = 64
_NEVER_REPEATED = frozenset(
    {
        "amz-sdk-invocation-id",
        "authorization",
        # What stands behind such a head is its body.
        "content-length",
        "transfer-encoding",
    }
)
# What a target may consist of: no spaces and line ends, so that the head cannot end in between, and
# nothing that the parser would refuse or cut off.
_TARGET_CHARACTERS = bytes(range(ord("!"), ord("~") + 1)).replace(b"#", b"")


class RepeatedHead:
    """headers     of the request that was parsed, by lower-case name
    again       gives what answers requests for a path with these headers: `Application.again`
    """

    __slots__ = ("_again", "_answers", "_behind_target", "_headers", "_length")

    def __init__(self, behind_target: bytes, headers: Mapping[str, str], again: LooksAt) -> None:
        self._behind_target = behind_target
        self._length = len(behind_target)
        self._headers = headers
        self._again = again
        self._answers: dict[bytes, Again] = {}

    def begin(self, received: bytes) -> Begun | bytes | None:
        """The answer to the request that is all that was received, as `Again` gives it; None where
        it has another head, or has to be looked at whole.
        """
        if not (received.startswith(_START) and received.endswith(self._behind_target)):
            return None
        target = received[_TARGET_START : -self._length]
        path, has_query, query = target.partition(b"?")
        if not has_query or target.translate(None, _TARGET_CHARACTERS):
            return None
        answer = self._answers.get(path) or self.look_at(path, query)
        return None if answer is None else answer(query)

    def look_at(self, path: bytes, query: bytes) -> Again | None:
        answer = self._again(path, query, self._headers)
        if answer is not None and len(self._answers) < _PATHS_MAX:
            self._answers[path] = answer
        return answer


def repeated_head(
    received: bytes, target: bytes, headers: Mapping[str, str], again: LooksAt
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
    return RepeatedHead(received[_TARGET_START + len(target) :], headers, again)
