"""Changes by compare-and-set: read, decide, write; and again where somebody else was faster."""

from collections.abc import Callable
from typing import TypeVar

from tandem.errors import ConflictError

_State = TypeVar("_State")
_New = TypeVar("_New")
_ATTEMPTS_MAX = 20


class Overtaken(ConflictError):
    """Somebody else changed it first: look at it again."""


def until_unopposed(what: str, change: Callable[[], _New]) -> _New:
    """The result of `change`, which is asked again where it raises Overtaken.

    Raises ConflictError that names `what` where others change it again and again.
    """
    for _ in range(_ATTEMPTS_MAX):
        try:
            return change()
        except Overtaken:
            continue
    raise ConflictError(f"{what} is being changed by others: try again")


def compare_and_set(
    what: str,
    read: Callable[[], _State],
    rule: Callable[[_State], _New],
    write: Callable[[_State, _New], None],
) -> _New:
    """What `rule` makes of the state that `read` gives, once `write` has put it in its place.

    `write` raises ConflictError where the state is another one by now. Then all three are asked
    again; what `read` or `rule` raise passes through.
    """

    def change() -> _New:
        state = read()
        new = rule(state)
        try:
            write(state, new)
        except ConflictError as error:
            raise Overtaken(str(error)) from error
        return new

    return until_unopposed(what, change)
