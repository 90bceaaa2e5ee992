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
from tandem.server.processors import leave_one_to_requests
from tandem.server.run import BACKLOG, serve_core

_NICENESS = 10
"""Requests come first where there is no processor for both; a tenth of one is left for this."""


def run(
    *, does_background_work: bool, when_open: Callable[[Settings], None] = lambda _: None
) -> None:
    """Serves until it is told to stop, or the server is gone; `when_open` is called before."""
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    os.nice(_NICENESS)
    leave_one_to_requests()
    given = msgspec.json.decode(sys.stdin.buffer.readline(), type=Start)
    threading.Thread(target=_end_with_the_server, daemon=True).start()
    with ExitStack() as opened:
        settings = given.read_settings()
        # A client that has changed a group through the server may mean the changed one here.
        core, give_back = open_core(
            settings, in_background=does_background_work, definitions_fresh_us=0
        )
        opened.callback(give_back)
        when_open(settings)
        listener = opened.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM))
        if os.path.exists(given.socket):  # noqa: PTH110 - of the process before this one
            os.unlink(given.socket)  # noqa: PTH108
        listener.bind(given.socket)
        listener.listen(BACKLOG)
        runner = opened.enter_context(asyncio.Runner(loop_factory=uvloop.new_event_loop))
        runner.run(serve_core(core, listener, _say_ready, is_insecure=True))


def _say_ready() -> None:
    sys.stdout.buffer.write(READY)
    sys.stdout.buffer.flush()


def _end_with_the_server() -> None:
    # Of the system, not of `sys.stdin`, whose lock this thread would hold when the process ends.
    while os.read(sys.stdin.fileno(), 1 << 10):
        pass
    os._exit(1)
