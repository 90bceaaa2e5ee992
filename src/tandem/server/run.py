"""Runs the server: opens the core, binds the port, says when it is ready, stops cleanly.

What would take the interpreter from requests goes on in other processes, `server.companion`.

SIGTERM and SIGINT stop it: no new connections, requests in hand are answered, the core is closed.
"""

import asyncio
import contextlib
import logging
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from types import FrameType

import uvicorn
import uvloop

from tandem.assembly.core import Core, open_core
from tandem.assembly.settings import Settings
from tandem.errors import StoreUnavailable
from tandem.server.address_file import announced
from tandem.server.application import Application
from tandem.server.background import Background
from tandem.server.binding import check_binding
from tandem.server.companion import can_have_companions
from tandem.server.fast_lane import FastLane
from tandem.server.health import Health, HealthSources
from tandem.server.query_companion import QueryCompanion
from tandem.server.s3_requests import S3Requests
from tandem.wire.batch_loads import BatchLoadApi
from tandem.wire.dataset_api import DatasetApi
from tandem.wire.router import Router
from tandem.wire.s3 import S3Gateway
from tandem.wire.stream_api import StreamApi
from tandem.wire.tandem_api import TandemApi

_SHUTDOWN_SECONDS = 15
_GRACE_SECONDS = 2.0
_KEEP_ALIVE_SECONDS = 65
"""Longer than the idle time after which AWS's clients drop a connection of their own."""
BACKLOG = 1_024


def serve(
    settings: Settings,
    host: str,
    port: int,
    *,
    is_insecure: bool = False,
    when_ready: Callable[[str], None],
) -> None:
    """Serves until it is told to stop. `when_ready` is called with the URL once the port answers.

    Raises ValidationError where the address may not be bound, StoreUnavailable where it is taken.
    """
    check_binding(host, is_insecure=is_insecure)
    with ExitStack() as opened:
        listener = opened.enter_context(_bind(host, port))
        has_background = settings.background_process and can_have_companions(settings)
        core, give_back = open_core(settings, in_background=not has_background)
        opened.callback(give_back)
        background = Background(settings) if has_background else None
        if background is not None:
            opened.callback(background.close)
        has_queries = settings.query_process and can_have_companions(settings)
        queries = QueryCompanion(settings) if has_queries else None
        if queries is not None:
            opened.callback(queries.close)
        url = _url(listener)
        opened.enter_context(announced(settings.data, url))
        runner = opened.enter_context(asyncio.Runner(loop_factory=uvloop.new_event_loop))
        serving = serve_core(
            core,
            listener,
            lambda: when_ready(url),
            is_insecure=is_insecure,
            background=background,
            queries=queries,
        )
        runner.run(serving)


def application(
    core: Core,
    *,
    is_insecure: bool = False,
    background: Background | None = None,
    queries: QueryCompanion | None = None,
) -> Application:
    """The ASGI application over a running core; loads and queries are carried out in processes of
    their own, where there are some.
    """
    key = core.token_key
    tables = TandemApi(core, background.load if background else None)
    batch_loads = BatchLoadApi(core, key, background.start_batch_load if background else None)
    router = Router(
        core,
        token_key=key,
        extensions=[tables, DatasetApi(core), batch_loads, StreamApi(core)],
        ask=queries.answer if queries else None,
    )
    companions = [one for one in (background, queries) if one is not None]
    objects = core.open_objects()
    s3 = None if objects is None else S3Requests(S3Gateway(objects, core.groups.account))
    health = Health(
        HealthSources(
            late_groups=core.delivery.late_groups,
            refused_files=core.adoption.refused,
            waiting_files=core.adoption.overdue,
            problem=lambda: next((one.problem for one in companions if one.problem), None),
        )
    )
    return Application(router, health, is_insecure=is_insecure, s3=s3)


async def serve_core(
    core: Core,
    listener: socket.socket,
    when_ready: Callable[[], None],
    *,
    is_insecure: bool = False,
    background: Background | None = None,
    queries: QueryCompanion | None = None,
) -> None:
    """Answers what comes to `listener` until SIGTERM or SIGINT."""
    config = uvicorn.Config(
        application(core, is_insecure=is_insecure, background=background, queries=queries),
        http=FastLane,
        ws="none",
        lifespan="off",
        access_log=False,
        log_level=logging.WARNING,
        server_header=False,
        timeout_keep_alive=_KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=_SHUTDOWN_SECONDS,
    )
    server = _Server(config, core, queries)
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    while not server.started and not serving.done():
        await asyncio.sleep(0.01)
    if server.started:
        when_ready()
    await serving


def _bind(host: str, port: int) -> socket.socket:
    try:
        family = socket.getaddrinfo(host, port, proto=socket.IPPROTO_TCP)[0][0]
        return socket.create_server((host, port), family=family, backlog=BACKLOG)
    except OSError as error:
        raise StoreUnavailable(
            f"cannot listen on {host}:{port}: {error.strerror or error}: is another server running?"
            " Give another --port"
        ) from error


def _url(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


class _Server(uvicorn.Server):
    """uvicorn with two habits changed, since the core must close after it.

    It does not raise the signal again once it has stopped, and queries and clones that are still
    under way a while after the signal are given up, so that their clients get an answer.
    """

    def __init__(self, config: uvicorn.Config, core: Core, queries: QueryCompanion | None) -> None:
        super().__init__(config)
        self._core = core
        self._queries = queries

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        super().handle_exit(sig, frame)
        if self._queries is not None:
            self._queries.end()
        loop = asyncio.get_running_loop()
        # In a thread, since it waits for them to end.
        loop.call_later(_GRACE_SECONDS, loop.run_in_executor, None, self._core.interrupt)

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.handle_exit, number, None)
        try:
            yield
        finally:
            for number in (signal.SIGTERM, signal.SIGINT):
                loop.remove_signal_handler(number)
