"""The background process of a server: delivery, expiry and loads run there.

Of batch loads, those that are started over HTTP are the background process's; the server finds in
the registry how far they are, and stops them there.
"""

from collections.abc import Mapping
from typing import Any

from tandem.assembly.settings import Settings
from tandem.sdk.http import Http
from tandem.server.companion import Companion, SocketPool

_HOST = "background-process"


class Background:
    """Keeps a background process running until it is closed."""

    def __init__(self, settings: Settings) -> None:
        self._companion = Companion(
            "background process", "tandem.server.background_process", settings
        )
        self._http = Http(f"http://{_HOST}", SocketPool(_HOST, self._companion.socket))
        self._companion.start()

    @property
    def problem(self) -> str | None:
        """Why the process does not work at the moment; None while it does, or starts."""
        return self._companion.problem

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

    def close(self) -> None:
        """Lets the process end what it has in hand, and stops it."""
        self._companion.close()
        self._http.close()
