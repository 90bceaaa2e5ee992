"""The process of queries of a server: Athena's statements, SQL and training sets are carried out
there, so that neither their memory nor the interpreter that they take is the server's.

It runs from the first of them on. Requests come to it as they are, once the server has found that
they may be answered.
"""

import asyncio
import time

from tandem.assembly.settings import Settings
from tandem.errors import AnswerLost, StoreUnavailable
from tandem.server.companion import Beside, Companion
from tandem.server.passing_on import passed_on
from tandem.wire.http import Request, Response
from tandem.wire.operation import Place

_SECONDS_TO_READY_MAX = 50.0
"""Clients of AWS wait a minute for an answer."""
_LOOK_SECONDS = 0.02
NAME = "process of queries"
_ENVIRONMENT = {
    # What is given back goes to the system at once: memory that an allocator keeps for later would
    # count against the limit, as would what Arrow's own reserves when it starts.
    "ARROW_DEFAULT_MEMORY_POOL": "system",
    "DUCKDB_JE_MALLOC_CONF": "retain:false,dirty_decay_ms:0,muzzy_decay_ms:0",
}


def query_companion(settings: Settings) -> Companion:
    """The process, to be kept running from `start` until `close`."""
    return Companion(NAME, "tandem.server.query_process", settings, environment=_ENVIRONMENT)


class QueryCompanion:
    """What a server has its process of queries do. It is started for the first request."""

    def __init__(self, companion: Beside) -> None:
        self._companion = companion

    @property
    def problem(self) -> str | None:
        """Why the process does not work at the moment; None while it does, or is not needed yet."""
        return self._companion.problem

    async def answer(self, request: Request, place: Place) -> Response:
        """What the process answers.

        Raises StoreUnavailable where it cannot be asked, and AnswerLost where it ends meanwhile.
        """
        if place is not Place.QUERIES and not self._companion.is_ready:
            raise StoreUnavailable(f"the {NAME} does not run at the moment")
        deadline = time.monotonic() + _SECONDS_TO_READY_MAX
        while True:
            if place is Place.QUERIES:
                await self._started(deadline)
            try:
                return await passed_on(self._companion.socket, request)
            except AnswerLost:
                raise
            except StoreUnavailable:  # it has ended a moment ago: nobody was asked
                if place is not Place.QUERIES or time.monotonic() > deadline:
                    raise
                await asyncio.sleep(_LOOK_SECONDS)

    def end(self) -> None:
        """Tells the process to give up what it has in hand; does not wait for that."""
        self._companion.end()

    async def _started(self, deadline: float) -> None:
        """Starts the process where it does not run, and waits until it is ready."""
        if self._companion.is_ready:
            return
        try:
            await asyncio.to_thread(self._companion.start)
        except OSError as error:  # too many processes, for instance
            raise StoreUnavailable(
                f"the {NAME} cannot be started ({error.strerror or error}): try again"
            ) from error
        while not self._companion.is_ready:
            if self._companion.is_ending:
                raise StoreUnavailable("the server is stopping: try again")
            if time.monotonic() > deadline:
                raise StoreUnavailable(
                    f"{self.problem or f'the {NAME} has not started yet'}: try again"
                )
            await asyncio.sleep(_LOOK_SECONDS)
