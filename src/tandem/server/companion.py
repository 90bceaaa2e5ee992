"""A process beside the server's, kept running: what would take the interpreter from requests for
long goes on there.

    server ── starts ──► companion      ends with the server, however that ends; is started again
       │                     │          where it ends first, at once or after a pause
       └── requests, over a socket ──┘  on the same data folder

The companion is `python -m` a module whose `main` calls `companion_process.run`. What it is told
comes on its standard input, as a line of JSON; that the input ends tells it of the server's end. It
says on its standard output when its socket answers.
"""

import logging
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from typing import Any, Protocol

import msgspec
import urllib3
from urllib3.connection import HTTPConnection

from tandem.assembly.settings import Settings
from tandem.errors import StoreUnavailable
from tandem.server.socket_folder import SocketFolder

_log = logging.getLogger("tandem.companion")
_STOP_SECONDS_MAX = 20.0
_STEADY_SECONDS = 60.0
"""A process that has run so long is started again at once."""
_SECONDS_TO_READY_MAX = 10.0
READY = b"ready\n"
_NOTHING: Mapping[str, Any] = {}


class Start(msgspec.Struct):
    """What the process is told when it starts."""

    settings: dict[str, Any]
    socket: str
    told: dict[str, Any] = {}

    @classmethod
    def of(cls, settings: Settings, path: Path, told: Mapping[str, Any]) -> "Start":
        folder = str(settings.data.resolve())
        return cls({**asdict(settings), "data": folder}, str(path), dict(told))

    def read_settings(self) -> Settings:
        return Settings(**{**self.settings, "data": Path(self.settings["data"])})


def can_have_companions(settings: Settings) -> bool:
    """Whether another process can work on the store: not on one in memory."""
    return "memory" not in (settings.online_store, settings.offline_store, settings.registry)


class Beside(Protocol):
    """A process beside this one, whoever keeps it running; see `Companion`."""

    @property
    def socket(self) -> Path: ...

    @property
    def problem(self) -> str | None: ...

    @property
    def is_ready(self) -> bool: ...

    @property
    def is_ending(self) -> bool: ...

    def start(self) -> None: ...

    def wait_until_ready(self) -> None: ...

    def expect_end(self) -> None: ...

    def end(self) -> None: ...


class Companion:
    """Keeps a process running from `start` until `close`. Safe to use from many threads.

    name                what it is called in messages, as "background process"
    module              what the process runs
    environment         variables that it gets beside those of the server
    told                what it is told beside the settings
    pause_seconds_max   the longest that it stays away where it ends again and again
    """

    def __init__(
        self,
        name: str,
        module: str,
        settings: Settings,
        *,
        environment: Mapping[str, str] = _NOTHING,
        told: Mapping[str, Any] = _NOTHING,
        pause_seconds_max: float = 30.0,
    ) -> None:
        self._name = name
        self._module = module
        self._settings = settings
        self._environment = environment
        self._told = told
        self._pause_seconds_max = pause_seconds_max
        self._folder = SocketFolder(settings.data)
        self._process: subprocess.Popen[bytes] | None = None
        self._thread = threading.Thread(target=self._watch, name=f"tandem-{name}", daemon=True)
        self._is_ready = threading.Event()
        self._is_closing = threading.Event()
        self._replacing = threading.Lock()

    @property
    def socket(self) -> Path:
        """Where the process answers requests, once it is ready."""
        return self._folder.socket

    @property
    def pid(self) -> int | None:
        """The process that runs, or has run last; None where none was started."""
        return None if self._process is None else self._process.pid

    @property
    def problem(self) -> str | None:
        """Why the process does not work at the moment; None while it does, or starts."""
        code = None if self._process is None else self._process.poll()
        return None if code is None else f"the {self._name} has ended with exit code {code}"

    @property
    def is_ready(self) -> bool:
        return self._is_ready.is_set()

    @property
    def is_ending(self) -> bool:
        """Whether its end is expected: there will be no other one."""
        return self._is_closing.is_set()

    def start(self) -> None:
        """Starts the process; once started, nothing. Raises OSError where the system refuses."""
        with self._replacing:
            if self._process is None and not self._is_closing.is_set():
                self._process = self._start()
                self._thread.start()

    def wait_until_ready(self) -> None:
        """Raises StoreUnavailable where that takes too long, or will not come."""
        if self.is_ending and not self.is_ready:
            raise StoreUnavailable("the server is stopping: try again")
        if not self._is_ready.wait(_SECONDS_TO_READY_MAX):
            raise StoreUnavailable(f"the {self._name} has not started yet: try again")

    def kill(self) -> None:
        """Ends the process at once, and for good."""
        self.end()
        if self._process is not None:
            self._process.kill()

    def expect_end(self) -> None:
        """Starts no other process where this one ends. Whoever stops a server may have told all of
        its processes at once, as systemd does.
        """
        with self._replacing:
            self._is_closing.set()

    def end(self) -> None:
        """Tells the process to end what it has in hand and stop; does not wait for that."""
        self.expect_end()
        if self._process is not None:
            self._process.terminate()
            self._process.send_signal(signal.SIGCONT)  # one that somebody has halted could not end

    def close(self) -> None:
        """Lets the process end what it has in hand, and stops it."""
        self.end()
        if self._process is not None:
            try:
                self._process.wait(_STOP_SECONDS_MAX)
            except subprocess.TimeoutExpired:
                self._process.kill()
            self._thread.join()
            _close_pipes(self._process)
        self._folder.close()

    def _start(self) -> subprocess.Popen[bytes]:
        # -P: modules are not looked for in the folder that the server was started in.
        command = [sys.executable, "-P", "-m", self._module]
        # Whoever presses Ctrl-C stops the server, which stops this process when it is done with it.
        # Blocked here, since the process takes a while to begin.
        blocked = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
        try:
            process = subprocess.Popen(  # noqa: S603 - this very program
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                env={**os.environ, **self._environment},
            )
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, blocked)
        assert process.stdin is not None
        start = Start.of(self._settings, self._folder.socket, self._told)
        try:
            process.stdin.write(msgspec.json.encode(start) + b"\n")
            process.stdin.flush()
        except BrokenPipeError:
            _log.error("the %s ended before it began", self._name)
        return process

    def _watch(self) -> None:
        pause_seconds = 0.0
        while True:
            begun = time.monotonic()
            assert self._process is not None
            assert self._process.stdout is not None
            for line in self._process.stdout:
                if line == READY:
                    self._is_ready.set()
            code = self._process.wait()
            self._is_ready.clear()
            if self._is_closing.is_set():
                return
            _log.error("the %s has ended with exit code %s: starting another", self._name, code)
            is_steady = time.monotonic() - begun > _STEADY_SECONDS
            pause_seconds = (
                0.0 if is_steady else min(2 * pause_seconds + 1, self._pause_seconds_max)
            )
            while not self._is_closing.wait(pause_seconds) and not self._start_again():
                pause_seconds = self._pause_seconds_max

    def _start_again(self) -> bool:
        """Whether there is another process, or none is wanted any more."""
        with self._replacing:
            if self._is_closing.is_set():
                return True
            try:
                process = self._start()
            except OSError as error:  # too many processes, for instance
                _log.error("the %s cannot be started: %s", self._name, error)
                return False
            before, self._process = self._process, process
        assert before is not None
        _close_pipes(before)
        return True


class SocketConnection(HTTPConnection):
    """A connection to a socket in the file system. `host` names it; none is looked up."""

    def __init__(self, host: str, path: Path) -> None:
        super().__init__(host, timeout=None)
        self._path = path

    def _new_conn(self) -> socket.socket:
        with ExitStack() as failing:
            connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            failing.callback(connection.close)
            try:
                connection.connect(str(self._path))
            except OSError as error:
                raise urllib3.exceptions.NewConnectionError(self, str(error)) from error
            failing.pop_all()
            return connection


def _close_pipes(process: subprocess.Popen[bytes]) -> None:
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            pipe.close()
