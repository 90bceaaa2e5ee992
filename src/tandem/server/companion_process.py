"""What a process beside the server runs: a core, and a socket that answers requests with it.

It ends when its standard input does, at once: the server is gone then, and its folder may be opened
by the next one. Nothing is lost by that, as by no other end.
"""

import asyncio
import logging
import os
import socket
import sys
import threading
from collections.abc import Callable
from contextlib import ExitStack

import msgspec
import uvloop

from tandem.assembly.core import open_core
from tandem.assembly.settings import Settings
from tandem.server.companion import READY, Start
from tandem.server.processors import leave_some_to_requests
from tandem.server.run import BACKLOG, serve_core
from tandem.server.without_pandas import keep_out_pandas

_IDLE_SECONDS = 86_400
"""The server is no stranger, and takes an answer as slowly as the client for whom it asked."""
_NICENESS = 10
"""Of what has a low priority: a tenth of a processor is left for it where others want all of it."""


def run(
    *, does_background_work: bool, when_open: Callable[[Settings], None] = lambda _: None
) -> None:
    """Serves until it is told to stop, or the server is gone; `when_open` is called before."""

    def step_back(settings: Settings) -> None:
        has_left_some = leave_some_to_requests(settings.workers)
        # Whoever delivers or loads holds the lock of the store's writers at times. With a low
        # priority it would hold it for long, on a processor that others keep busy; so it has one
        # only where requests have no processor of their own.
        if not (has_left_some and does_background_work):
            os.nice(_NICENESS)

    given = begun(step_back)
    with ExitStack() as opened:
        settings = given.read_settings()
        core, give_back = open_core(settings, in_background=does_background_work)
        opened.callback(give_back)
        when_open(settings)
        listener = opened.enter_context(listening(given.socket))
        runner = opened.enter_context(asyncio.Runner(loop_factory=uvloop.new_event_loop))
        serving = serve_core(
            core, listener, say_ready, is_insecure=True, idle_seconds=_IDLE_SECONDS
        )
        runner.run(serving)


def begun(before_threads: Callable[[Settings], None] = lambda _: None) -> Start:
    """What the process is told. From now on it ends with the server."""
    keep_out_pandas()
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    given = msgspec.json.decode(sys.stdin.buffer.readline(), type=Start)
    before_threads(given.read_settings())
    threading.Thread(target=_end_with_the_server, daemon=True).start()
    return given


def listening(path: str) -> socket.socket:
    """The socket at `path`, instead of that of the process before."""
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    if os.path.exists(path):  # noqa: PTH110
        os.unlink(path)  # noqa: PTH108
    listener.bind(path)
    listener.listen(BACKLOG)
    return listener


def say_ready() -> None:
    sys.stdout.buffer.write(READY)
    sys.stdout.buffer.flush()


def _end_with_the_server() -> None:
    # Of the system, not of `sys.stdin`, whose lock this thread would hold when the process ends.
    while os.read(sys.stdin.fileno(), 1 << 10):
        pass
    os._exit(1)
