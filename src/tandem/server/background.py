"""The background process of a server: delivery, expiry and loads run there.

Of batch loads, those that are started over HTTP are the background process's; the server finds in
the registry how far they are, and stops them there.
"""

from collections.abc import Mapping
from functools import partial
from typing import Any

from tandem.assembly.settings import Settings
from tandem.sdk.connections import Connections
from tandem.sdk.http import Http
from tandem.server.companion import Beside, Companion, SocketConnection

NAME = "background process"
_HOST = "background-process"


def background_companion(settings: Settings) -> Companion:
    """The process, to be kept running from `start` until `close`."""
    return Companion(NAME, "tandem.server.background_process", settings)


class Background:
    """What a server has its background process do."""

    def __init__(self, companion: Beside) -> None:
        self._companion = companion
        new = partial(SocketConnection, _HOST, companion.socket)
        self._http = Http(f"http://{_HOST}", Connections(_HOST, new))

    @property
    def problem(self) -> str | None:
        """Why the process does not work at the moment; None while it does, or starts."""
        return self._companion.problem

    def expect_end(self) -> None:
        """Starts no other process where this one ends: the server ends, too."""
        self._companion.expect_end()

    def load(self, target: str, body: bytes) -> dict[str, Any]:
        """Has a request for a load carried out; returns its answer, or raises the error it is.

        Raises StoreUnavailable, too, where the process ends meanwhile: the load may be in.
        """
        self._companion.wait_until_ready()
        return self._http.send_arrow(target, body)

    def start_batch_load(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """Has a batch load taken on; returns the answer, or raises the error it is."""
        self._companion.wait_until_ready()
        return self._http.send_json("/tandem/batch-loads", request)
