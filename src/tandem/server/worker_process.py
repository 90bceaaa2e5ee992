"""What a worker runs: a server on its own core, for the connections that it is handed.

It ends with the process that listens, however that ends.
"""

import asyncio
import os
from contextlib import ExitStack
from pathlib import Path

import msgspec
import uvloop

from tandem.assembly.core import open_core
from tandem.errors import StoreUnavailable
from tandem.server import background, query_companion
from tandem.server.background import Background
from tandem.server.companion_process import begun, listening, say_ready
from tandem.server.hand_over import HandedOver
from tandem.server.process_status import Sibling, read_status
from tandem.server.query_companion import QueryCompanion
from tandem.server.run import Companions, authenticator_of, serve_core


class Told(msgspec.Struct):
    """What a worker is told: see `server.workers`."""

    is_insecure: bool
    requires_signatures: bool
    status: str
    others: dict[str, str]


def main() -> None:
    given = begun()
    told = msgspec.convert(given.told, Told)
    status = Path(told.status)
    with ExitStack() as opened:
        has_background = background.NAME in told.others
        core, give_back = open_core(given.read_settings(), in_background=not has_background)
        opened.callback(give_back)
        siblings = {
            name: Sibling(name, Path(socket), status) for name, socket in told.others.items()
        }
        loads, queries = siblings.get(background.NAME), siblings.get(query_companion.NAME)
        companions = Companions(
            background=Background(loads) if loads else None,
            queries=QueryCompanion(queries) if queries else None,
            status=lambda: _processes(status),
        )
        connections = HandedOver(listening(given.socket))
        runner = opened.enter_context(asyncio.Runner(loop_factory=uvloop.new_event_loop))
        serving = serve_core(
            core,
            connections,
            say_ready,
            is_insecure=told.is_insecure,
            companions=companions,
            authenticator=authenticator_of(core) if told.requires_signatures else None,
        )
        runner.run(serving)


def _processes(path: Path) -> dict[str, object]:
    """What health says of the processes, whichever worker is asked."""
    try:
        status = read_status(path)
    except StoreUnavailable as error:
        return {"status": "degraded", "pid": os.getpid(), "reason": str(error)}
    shown: dict[str, object] = {
        "pid": os.getpid(),
        "workers": [
            {"pid": one.pid, "is_ready": one.is_ready, "starts": one.starts}
            for one in status.workers
        ],
    }
    problems = [one.problem for one in (*status.others.values(), *status.workers) if one.problem]
    if problems:
        shown |= {"status": "degraded", "reason": "; ".join(problems)}
    return shown


if __name__ == "__main__":
    main()
