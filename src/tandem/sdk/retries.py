"""What the remote library sends again by itself, and how long it waits before.

    not reached, 429, 503, a throttling code   nothing was done: every request is sent again
    answer lost, 500, 502, 504                 it may have been done: a question is sent again, but
                                               no write, which would then stand in history twice

The pauses double, and each is cut to a random part of itself, so that many clients of a server that
comes back do not all come at one moment.
"""

import random
from collections.abc import Iterator, Mapping

from tandem.errors import AnswerLost, TandemError, Throttled

_PAUSES_SECONDS = (0.1, 0.2, 0.4, 0.8, 1.6)
_RETRY_AFTER_SECONDS_MAX = 30.0
_UNCLEAR = frozenset({500, 502, 504})
_NOTHING_DONE = frozenset({429, 503})


def pauses() -> Iterator[float]:
    """How many seconds to wait before each further attempt."""
    for longest in _PAUSES_SECONDS:
        yield random.uniform(longest / 2, longest)  # noqa: S311 - nobody gains by guessing it


def may_repeat(error: TandemError, status: int | None, *, is_question: bool) -> bool:
    """Whether a request that ended in `error` is sent again; `status` None: there was no answer."""
    if isinstance(error, AnswerLost):  # by the server itself, too, which asked another process
        return is_question
    if status is None:
        return error.retryable
    if status in _NOTHING_DONE or isinstance(error, Throttled):
        return True
    return is_question and status in _UNCLEAR


def asked_to_wait(headers: Mapping[str, str]) -> float:
    """The seconds that an answer asks for, by its headers; 0 where it does not."""
    text = headers.get("retry-after", "")
    return min(float(text), _RETRY_AFTER_SECONDS_MAX) if text.isascii() and text.isdigit() else 0.0
