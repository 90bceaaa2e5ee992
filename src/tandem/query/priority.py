"""Threads that give way, so that what takes long does not hold up short requests."""

import os
import sys
import threading
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from typing import TypeVar

_Result = TypeVar("_Result")
_NICENESS = 10
"""Leaves a tenth of a processor where others want all of it."""


def give_way(thread: threading.Thread | None = None, niceness: int = _NICENESS) -> None:
    """Lowers the priority of a thread that runs for good, and of threads that it starts later;
    without `thread`, of the one that calls. One that is as low already stays as it is.

    Only Linux knows priorities of threads; elsewhere it does nothing.
    """
    if sys.platform == "linux":
        native = threading.get_native_id() if thread is None else thread.native_id
        assert native is not None  # it runs
        with suppress(OSError):
            before = os.getpriority(os.PRIO_PROCESS, native)
            os.setpriority(os.PRIO_PROCESS, native, max(before, niceness))


def giving_way(work: Callable[[], _Result]) -> _Result:
    """The result of `work`, done in a thread that gives way, as do the threads that it starts."""
    done: Future[_Result] = Future()

    def run() -> None:
        give_way()
        try:
            done.set_result(work())
        except BaseException as error:  # noqa: BLE001 - it is raised where the result is wanted
            done.set_exception(error)

    thread = threading.Thread(target=run, name="tandem-start")
    thread.start()
    thread.join()
    return done.result()
