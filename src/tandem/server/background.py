"""The background process of a server: delivery, expiry and loads run there, so that requests do not
share an interpreter with them.

    server ── starts ──► background process   ends with the server, however that ends; is started
       │                        │             again where it ends first
       └── loads, over a socket ┘             on the same data folder

Of batch loads, those that are started over HTTP are the background process's; the server finds in
the registry how far they are, and stops them there.
"""

import logging
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import msgspec
import urllib3
from urllib3.connection import HTTPConnection

from tandem.assembly.settings import Settings
from tandem.errors import StoreUnavailable
from tandem.sdk.http import Http
from tandem.server.socket_folder import SocketFolder

_log = logging.getLogger("tandem.background")
_STOP_SECONDS_MAX = 20.0
_PAUSE_SECONDS_MAX = 30.0
_STEADY_SECONDS = 60.0
"""A process that has run so long is started again at once."""
_SECONDS_TO_READY_MAX = 10.0
READY = b"ready\n"
_HOST = "background-process"
"""Names it in errors; no host is looked up, since a socket leads there."""


class Start(msgspec.Struct):
    """What the process is told when it starts, as a line of JSON on its standard input, which then
    stays open: that it ends is how the process learns of the server's end.
    """

    settings: dict[str, Any]
    socket: str

    @classmethod
    def of(cls, settings: Settings, path: Path) -> "Start":
        return cls({**asdict(settings), "data": str(settings.data.resolve())}, str(path))

    def read_settings(self) -> Settings:
        return Settings(**{**self.settings, "data": Path(self.settings["data"])})


def can_have_background(settings: Settings) -> bool:
    """Whether another process can work on the store: not on one in memory."""
    return "memory" not in (settings.online_store, settings.offline_store, settings.registry)


class Background:
    """Keeps a background process running until it is closed."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._folder = SocketFolder(settings.data)
        self._http = Http(f"http://{_HOST}", _UnixPool(self._folder.socket))
        self._is_ready = threading.Event()
        self._is_closing = threading.Event()
        self._replacing = threading.Lock()
        self._process = self._start()
        self._thread = threading.Thread(target=self._watch, name="tandem-background", daemon=True)
        self._thread.start()

    @property
    def problem(self) -> str | None:
        """Why the process does not work at the moment; None while it does, or starts."""
        code = self._process.poll()
        return None if code is None else f"the background process has ended with exit code {code}"

    def load(self, target: str, body: bytes) -> dict[str, Any]:
        """Has a request for a load carried out; returns its answer, or raises the error it is.

        Raises StoreUnavailable, too, where the process ends meanwhile: the load may be in.
        """
        self._wait_until_ready()
        return self._http.send_arrow(target, body)

    def start_batch_load(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """Has a batch load taken on; returns the answer, or raises the error it is."""
        self._wait_until_ready()
        return self._http.send_json("/tandem/batch-loads", request)

    def close(self) -> None:
        """Lets the process end what it has in hand, and stops it."""
        with self._replacing:
            self._is_closing.set()
        self._process.terminate()
        self._process.send_signal(signal.SIGCONT)  # one that somebody has halted could not end
        try:
            self._process.wait(_STOP_SECONDS_MAX)
        except subprocess.TimeoutExpired:
            self._process.kill()
        self._thread.join()
        self._close_pipes()
        self._http.close()
        self._folder.close()

    def _wait_until_ready(self) -> None:
        if not self._is_ready.wait(_SECONDS_TO_READY_MAX):
            raise StoreUnavailable("the process that loads rows has not started yet: try again")

    def _start(self) -> subprocess.Popen[bytes]:
        # -P: modules are not looked for in the folder that the server was started in.
        command = [sys.executable, "-P", "-m", "tandem.server.background_process"]
        # Whoever presses Ctrl-C stops the server, which stops this process when it is done with it.
        # Blocked here, since the process takes a while to begin.
        blocked = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
        try:
            process = subprocess.Popen(  # noqa: S603 - this very program
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE
            )
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, blocked)
        assert process.stdin is not None
        start = Start.of(self._settings, self._folder.socket)
        try:
            process.stdin.write(msgspec.json.encode(start) + b"\n")
            process.stdin.flush()
        except BrokenPipeError:
            _log.error("the background process ended before it began")
        return process

    def _watch(self) -> None:
        pause_seconds = 0.0
        while True:
            begun = time.monotonic()
            assert self._process.stdout is not None
            for line in self._process.stdout:
                if line == READY:
                    self._is_ready.set()
            code = self._process.wait()
            self._is_ready.clear()
            if self._is_closing.is_set():
                return
            _log.error("the background process has ended with exit code %s: starting another", code)
            is_steady = time.monotonic() - begun > _STEADY_SECONDS
            pause_seconds = 0.0 if is_steady else min(2 * pause_seconds + 1, _PAUSE_SECONDS_MAX)
            while not self._is_closing.wait(pause_seconds) and not self._start_again():
                pause_seconds = _PAUSE_SECONDS_MAX

    def _start_again(self) -> bool:
        """Whether there is another process, or none is wanted any more."""
        with self._replacing:
            if self._is_closing.is_set():
                return True
            try:
                process = self._start()
            except OSError as error:  # too many processes, for instance
                _log.error("the background process cannot be started: %s", error)
                return False
            self._close_pipes()
            self._process = process
            return True

    def _close_pipes(self) -> None:
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()


class _UnixPool(urllib3.HTTPConnectionPool):
    """Connections to a socket in the file system."""

    def __init__(self, path: Path) -> None:
        super().__init__(_HOST, maxsize=8, timeout=urllib3.Timeout(connect=10, read=None))
        self._path = path

    def _new_conn(self) -> HTTPConnection:
        return _UnixConnection(self._path)


class _UnixConnection(HTTPConnection):
    def __init__(self, path: Path) -> None:
        super().__init__(_HOST, timeout=None)
        self._path = path

    def _new_conn(self) -> socket.socket:
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            connection.connect(str(self._path))
        except OSError as error:
            connection.close()
            raise urllib3.exceptions.NewConnectionError(self, str(error)) from error
        return connection
