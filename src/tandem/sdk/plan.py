"""A plan in a program's hands: the steps that make a store as it is declared, and doing them."""

from collections.abc import Callable, Sequence
from typing import overload

from tandem.errors import TandemError
from tandem.sdk.backend import Backend
from tandem.sdk.steps import Step, perform


class Plan(Sequence[Step]):
    """The steps that make a store as it is declared; none where it is so already."""

    def __init__(self, backend: Backend, steps: Sequence[Step]) -> None:
        self._backend = backend
        self._steps = tuple(steps)

    @overload
    def __getitem__(self, index: int) -> Step: ...

    @overload
    def __getitem__(self, index: slice) -> Sequence[Step]: ...

    def __getitem__(self, index: int | slice) -> Step | Sequence[Step]:
        return self._steps[index]

    def __len__(self) -> int:
        return len(self._steps)

    def __repr__(self) -> str:
        return "\n".join(map(str, self._steps)) or "(nothing to do)"

    def apply(self, when_done: Callable[[Step], object] | None = None) -> None:
        """Does the steps, and tells of each once it is done.

        A step fails only where somebody else changes the store meanwhile, or it goes away; the
        error then says how many steps were done. Plan and apply again to do the rest.
        """
        for count, step in enumerate(self._steps):
            try:
                perform(self._backend, step.action)
            except TandemError as error:
                raise type(error)(
                    f"{step.target}: {step.what}: {error} ({count} of {len(self)} changes were"
                    " made; apply again to make the rest)"
                ) from error
            if when_done is not None:
                when_done(step)
