"""How a call of the query engine is ended from another thread."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from tandem.errors import QueryCancelled


class Cancellation:
    """Ends one call, once: with a reason, which that call raises as QueryCancelled.

    `cancel` may be called again, with no other effect than interrupting once more what runs: an
    interruption that falls between two statements of an engine is lost.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._reason: str | None = None
        self._interrupts: list[Callable[[], None]] = []

    @property
    def reason(self) -> str | None:
        """Why the call was cancelled; None where it was not."""
        return self._reason

    def cancel(self, reason: str) -> None:
        with self._lock:
            if self._reason is None:
                self._reason = reason
            for interrupt in self._interrupts:
                interrupt()

    def check(self) -> None:
        """Raises QueryCancelled where the call was cancelled."""
        if self._reason is not None:
            raise QueryCancelled(self._reason)

    @contextmanager
    def interrupting(self, interrupt: Callable[[], None]) -> Iterator[None]:
        """While this lasts, `cancel` calls `interrupt`, from its own thread.

        Whatever fails meanwhile after a cancellation raises QueryCancelled instead.
        """
        with self._lock:
            self._interrupts.append(interrupt)
        try:
            self.check()
            yield
        except Exception:
            self.check()
            raise
        finally:
            with self._lock:
                self._interrupts.remove(interrupt)
