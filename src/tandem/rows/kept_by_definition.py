"""What is made of a group's definition and needed for each request, kept while that is the same."""

from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

_Made = TypeVar("_Made")
_KEPT_MAX = 128


class KeptByDefinition(Generic[_Made]):
    """Safe to use from many threads: two may make the same at once, and either is right.

    A definition is found as an object, which is kept: a look at each of its features takes too
    long. One that changes is another object.
    """

    def __init__(self) -> None:
        self._kept: dict[Hashable, tuple[object, _Made]] = {}

    def get(self, definition: object, key: Hashable, make: Callable[[], _Made]) -> _Made:
        """What `make` makes of the definition, for this key."""
        whole_key = id(definition), key
        kept = self._kept.get(whole_key)
        if kept is not None:
            return kept[1]
        made = make()
        if len(self._kept) >= _KEPT_MAX:
            self._kept.clear()  # another thread may do so at any moment
        self._kept[whole_key] = definition, made
        return made
