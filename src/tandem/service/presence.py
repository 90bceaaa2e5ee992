"""Which processes live: what a dead one had in hand can be ended."""

from typing import Protocol


class Presence(Protocol):
    @property
    def owner(self) -> str:
        """The name of this process, which no other has had."""

    def is_alive(self, owner: str) -> bool:
        """Whether the process of that name lives."""
