"""Runs the server: opens the core, binds the port, says when it is ready, stops cleanly.

What would take the interpreter from requests goes on in other processes, `server.companion`; with
several workers, so does everything else, `server.workers`.

SIGTERM and SIGINT stop it: no new connections, requests in hand are answered, the core is closed.
"""

import asyncio
import contextlib
import gc
import logging
import signal
import socket
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from types import FrameType
from typing import Any

import uvicorn
import uvloop

from tandem.assembly.access_keys import has_access_keys
from tandem.assembly.core import Core, open_core
from tandem.assembly.settings import Settings
from tandem.errors import StoreUnavailable
from tandem.server.address_file import announced
from tandem.server.application import Application
from tandem.server.background import Background, background_companion
from tandem.server.binding import are_signatures_required, resolved
from tandem.server.companion import can_have_companions
from tandem.server.fast_lane import FastLane
from tandem.server.hand_over import HandedOver
from tandem.server.health import Health, HealthSources
from tandem.server.query_companion import QueryCompanion, query_companion
from tandem.server.s3_requests import S3Requests
from tandem.server.workers import serve_by_workers
from tandem.service.clock import system_clock
from tandem.wire.authentication import Authenticator
from tandem.wire.batch_loads import BatchLoadApi
from tandem.wire.dataset_api import DatasetApi
from tandem.wire.router import Router, let_everybody_pass
from tandem.wire.s3 import S3Authenticator, S3Gateway
from tandem.wire.stream_api import StreamApi
from tandem.wire.tandem_api import TandemApi
from tandem.wire.vector_api import VectorApi

_SHUTDOWN_SECONDS = 15
_GRACE_SECONDS = 2.0
_IDLE_SECONDS = 65
"""Longer than the idle time after which AWS's clients drop a connection of their own."""
_LATE_SECONDS_MAX = 300.0
"""So much longer than the setting says a write waits for its delivery, before health tells it."""
_NEW_OBJECTS = 20_000
"""So many begin a collection of the youngest."""
_SWITCH_SECONDS = 0.0005
BACKLOG = 1_024


def serve(
    settings: Settings,
    host: str,
    port: int,
    *,
    is_insecure: bool = False,
    when_ready: Callable[[str, bool], None],
) -> None:
    """Serves until it is told to stop. `when_ready` is called once the port answers, with the URL
    and whether requests must be signed.

    Raises ValidationError where the address may not be bound, StoreUnavailable where it is taken.
    """
    is_signed = are_signatures_required(
        host,
        settings.signatures,
        is_insecure=is_insecure,
        has_keys=has_access_keys(settings),
    )
    with ExitStack() as opened:
        listener = opened.enter_context(_bind(host, port))
        url = _url(listener)
        if settings.workers > 1:
            serve_by_workers(
                settings,
                listener,
                url,
                lambda: when_ready(url, is_signed),
                is_insecure=is_insecure,
                requires_signatures=is_signed,
            )
            return
        has_background = settings.background_process and can_have_companions(settings)
        core, give_back = open_core(settings, in_background=not has_background)
        opened.callback(give_back)
        # Not in one of several workers: the others would wait for the lock of the store's writers.
        core.commits.give_way()
        authenticator = authenticator_of(core) if is_signed else None
        companions = Companions()
        if has_background:
            process = background_companion(settings)
            opened.callback(process.close)
            process.start()
            companions = replace(companions, background=Background(process))
        if settings.query_process and can_have_companions(settings):
            process = query_companion(settings)
            opened.callback(process.close)
            companions = replace(companions, queries=QueryCompanion(process))
        opened.enter_context(announced(settings.data, url))
        runner = opened.enter_context(asyncio.Runner(loop_factory=uvloop.new_event_loop))
        serving = serve_core(
            core,
            listener,
            lambda: when_ready(url, is_signed),
            is_insecure=is_insecure,
            companions=companions,
            authenticator=authenticator,
        )
        runner.run(serving)


def authenticator_of(core: Core) -> Authenticator:
    """Raises ValidationError where the access keys of the settings cannot be used."""
    return Authenticator(core.open_access_keys(), core.role_sessions, system_clock)


@dataclass(frozen=True, slots=True)
class Companions:
    """Processes beside the one that answers, and what health says of all of them. Loads and queries
    are carried out there, where there are some.
    """

    background: Background | None = None
    queries: QueryCompanion | None = None
    status: Callable[[], Mapping[str, Any]] = dict

    @property
    def problem(self) -> str | None:
        processes = (self.background, self.queries)
        return next((one.problem for one in processes if one and one.problem), None)


_ALONE = Companions()


def application(
    core: Core,
    *,
    is_insecure: bool = False,
    companions: Companions = _ALONE,
    authenticator: Authenticator | None = None,
) -> Application:
    """The ASGI application over a running core.

    Without an authenticator, requests need no signatures: companions, behind sockets that their
    server alone can open, have none.
    """
    key = core.token_key
    background, queries = companions.background, companions.queries
    tables = TandemApi(
        core,
        background.load if background else None,
        requires_signatures=authenticator is not None,
    )
    batch_loads = BatchLoadApi(core, key, background.start_batch_load if background else None)
    router = Router(
        core,
        token_key=key,
        authenticate=authenticator or let_everybody_pass,
        extensions=[tables, DatasetApi(core), batch_loads, StreamApi(core), VectorApi(core)],
        ask=queries.answer if queries else None,
    )
    objects = core.open_objects()
    s3 = None
    if objects is not None:
        s3_authenticator = None if authenticator is None else S3Authenticator(authenticator)
        s3 = S3Requests(S3Gateway(objects, core.groups.account, s3_authenticator))
    overdue_seconds = core.settings.delivery_interval_seconds + _LATE_SECONDS_MAX
    health = Health(
        HealthSources(
            late_groups=core.delivery.late_groups,
            refused_files=core.adoption.refused,
            waiting_files=core.adoption.overdue,
            overdue_since_us=lambda: core.delivery.overdue_since_us(overdue_seconds),
            problem=lambda: companions.problem,
            processes=companions.status,
        )
    )
    return Application(router, health, is_insecure=is_insecure, s3=s3, authenticator=authenticator)


async def serve_core(
    core: Core,
    connections: socket.socket | HandedOver,
    when_ready: Callable[[], None],
    *,
    is_insecure: bool = False,
    companions: Companions = _ALONE,
    authenticator: Authenticator | None = None,
    idle_seconds: int = _IDLE_SECONDS,
) -> None:
    """Answers what comes to a listener, or is handed over, until SIGTERM or SIGINT. A connection
    over which nothing moves for `idle_seconds` is closed.
    """
    config = uvicorn.Config(
        application(
            core, is_insecure=is_insecure, companions=companions, authenticator=authenticator
        ),
        http=FastLane,
        ws="none",
        lifespan="off",
        access_log=False,
        log_level=logging.WARNING,
        server_header=False,
        timeout_keep_alive=idle_seconds,
        timeout_graceful_shutdown=_SHUTDOWN_SECONDS,
    )
    handed = connections if isinstance(connections, HandedOver) else None
    server = _Server(config, core, companions, handed)
    listeners = [connections] if isinstance(connections, socket.socket) else []
    serving = asyncio.create_task(server.serve(sockets=listeners))
    while not server.started and not serving.done():
        await asyncio.sleep(0.01)
    if server.started:
        # What is here now stays: a full collection of it would hold up requests for 0.1 seconds.
        gc.freeze()
        # What writes leave until they are committed is no garbage, however often it is looked at.
        gc.set_threshold(_NEW_OBJECTS)
        # A commit's thread computes for a millisecond: no read waits for the whole of it.
        sys.setswitchinterval(_SWITCH_SECONDS)
        when_ready()
    await serving
    gc.unfreeze()  # else what native modules own is not freed at the end, and they complain


def _bind(host: str, port: int) -> socket.socket:
    family = resolved(host)[0].family
    try:
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
    under way a while after the signal are given up, so that their clients get an answer. And it
    takes connections that are handed over.
    """

    def __init__(
        self,
        config: uvicorn.Config,
        core: Core,
        companions: Companions,
        handed: HandedOver | None,
    ) -> None:
        super().__init__(config)
        self._core = core
        self._companions = companions
        self._handed = handed

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self._handed is not None:
            self._handed.begin(self._protocol)

    async def on_tick(self, counter: int) -> bool:
        self._report()
        return await super().on_tick(counter)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        if self._handed is not None:
            await self._handed.end()
        await super().shutdown(sockets)

    def _report(self) -> None:
        if self._handed is not None:
            self._handed.report(len(self.server_state.connections))

    def _protocol(self) -> FastLane:
        return _HandedLane(
            self._report,
            config=self.config,
            server_state=self.server_state,
            app_state=self.lifespan.state,
        )

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        super().handle_exit(sig, frame)
        if self._companions.background is not None:
            self._companions.background.expect_end()
        if self._companions.queries is not None:
            self._companions.queries.end()
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
            # What is left is short, and must not be cut off by whoever says it again: a companion
            # is told by its server, and by whoever stops both.
            signal.signal(signal.SIGTERM, signal.SIG_IGN)


class _HandedLane(FastLane):
    """A connection that was handed over: its end is said at once, so that the next one comes to
    whoever has the fewest at that moment.
    """

    def __init__(self, when_lost: Callable[[], None], **options: Any) -> None:
        super().__init__(**options)
        self._when_lost = when_lost

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._when_lost()
