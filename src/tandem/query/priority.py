"""Threads that give way, so that long queries do not hold up short requests on a busy machine."""

import os
import sys
import threading
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from typing import TypeVar

_Result = TypeVar("_Result")
_NICE = 10


def give_way() -> None:
    """Lowers the priority of the calling thread for good, and of threads that it starts later.

    Only Linux knows priorities of threads; elsewhere it does nothing.
    """
    if sys.platform == "linux":
        with suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICE)


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
