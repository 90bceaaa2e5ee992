"""A server of several workers: they answer, and this process listens and keeps them running.

    clients ──► listens ── connections ──► worker 1 ─┐
                   │                  └──► worker 2 ─┼─► the data folder
                   └── keeps running ──► background ─┤
                                     └──► queries    ─┘

* Each worker is a whole server on its own core, so that a request has no other way than with one.
* Who is killed, worker or background process, is started again. All of them end with this process,
  however it ends.
* SIGTERM and SIGINT: nothing more is accepted, and each worker ends what it has in hand. A second
  SIGINT ends the workers at once.
"""

import asyncio
import signal
import socket
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack

import uvloop

from tandem.assembly.core import open_core
from tandem.assembly.settings import Settings
from tandem.errors import StoreUnavailable, ValidationError
from tandem.server import background, query_companion
from tandem.server.address_file import announced
from tandem.server.companion import Companion, can_have_companions
from tandem.server.hand_over import Distribution
from tandem.server.process_status import StatusFile
from tandem.server.socket_folder import SocketFolder

_MODULE = "tandem.server.worker_process"
_LOOK_SECONDS = 0.05
_PAUSE_SECONDS_MAX = 4.0
"""A worker that ends again and again is missed; its start costs a second of a processor."""


def serve_by_workers(
    settings: Settings,
    listener: socket.socket,
    url: str,
    when_ready: Callable[[], None],
    *,
    is_insecure: bool,
    requires_signatures: bool,
) -> None:
    """Serves `url` until it is told to stop; `when_ready` is called once all workers answer.

    Raises ValidationError where a store belongs to one process, what opening the store and its
    access keys raises, and StoreUnavailable where a worker ends before it has begun.
    """
    if not can_have_companions(settings):
        raise ValidationError(
            f"workers {settings.workers} is not valid: a store in memory belongs to one process;"
            " leave workers at 1"
        )
    # What is wrong with the store is better said once, here, than by each of the workers.
    core, give_back = open_core(settings, in_background=False)
    try:
        if requires_signatures:
            core.open_access_keys()
    finally:
        give_back()
    with ExitStack() as opened:
        opened.enter_context(announced(settings.data, url))
        folder = SocketFolder(settings.data)
        opened.callback(folder.close)
        others: dict[str, Companion] = {}
        if settings.background_process:
            others[background.NAME] = background.background_companion(settings)
        if settings.query_process:
            others[query_companion.NAME] = query_companion.query_companion(settings)
        told = {
            "is_insecure": is_insecure,
            "requires_signatures": requires_signatures,
            "status": str(folder.status),
            "others": {name: str(companion.socket) for name, companion in others.items()},
        }
        workers = [
            Companion(
                f"worker {number}",
                _MODULE,
                settings,
                told=told,
                pause_seconds_max=_PAUSE_SECONDS_MAX,
            )
            for number in range(1, settings.workers + 1)
        ]
        status = StatusFile(folder.status, workers, others)
        # Closed in the opposite order: the workers may have loads in hand, in the background.
        for companion in (*others.values(), *workers):
            opened.callback(companion.close)
            companion.start()
        # To be told twice must not cut off what is left to be closed behind the loop.
        opened.callback(signal.signal, signal.SIGTERM, signal.SIG_IGN)
        runner = opened.enter_context(asyncio.Runner(loop_factory=uvloop.new_event_loop))
        runner.run(_serve(listener, workers, others, status, when_ready))


async def _serve(
    listener: socket.socket,
    workers: Sequence[Companion],
    others: Mapping[str, Companion],
    status: StatusFile,
    when_ready: Callable[[], None],
) -> None:
    told_to_stop = _told_to_stop(workers)
    distribution = Distribution(listener, [worker.socket for worker in workers])
    going_on = [asyncio.create_task(distribution.run()), asyncio.create_task(status.keep())]
    starting = asyncio.create_task(_started(distribution, workers))
    try:
        await asyncio.wait([starting, told_to_stop, *going_on], return_when=asyncio.FIRST_COMPLETED)
        if starting.done():
            starting.result()
            when_ready()
            await asyncio.wait([told_to_stop, *going_on], return_when=asyncio.FIRST_COMPLETED)
        for task in going_on:
            if task.done():
                task.result()
    finally:
        for companion in (*workers, *others.values()):
            companion.expect_end()
        for task in (starting, *going_on):
            task.cancel()
        await asyncio.gather(starting, *going_on, return_exceptions=True)
        listener.close()
        queries = others.get(query_companion.NAME)
        for ending in (*workers, *([queries] if queries else [])):
            ending.end()
        await asyncio.gather(*(asyncio.to_thread(worker.close) for worker in workers))


async def _started(distribution: Distribution, workers: Sequence[Companion]) -> None:
    """Waits until all workers answer. Raises StoreUnavailable where one ends instead."""
    reached = asyncio.create_task(distribution.reached())
    try:
        while not reached.done():
            for worker in workers:
                if worker.problem is not None:
                    raise StoreUnavailable(f"{worker.problem} when it was started")
            await asyncio.wait([reached], timeout=_LOOK_SECONDS)
    finally:
        reached.cancel()


def _told_to_stop(workers: Sequence[Companion]) -> "asyncio.Future[None]":
    loop = asyncio.get_running_loop()
    told: asyncio.Future[None] = loop.create_future()

    def stop(number: int) -> None:
        if not told.done():
            told.set_result(None)
        elif number == signal.SIGINT:
            for worker in workers:
                worker.kill()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop, number)
    return told
