"""A real Redis, or Valkey, for tests; they are skipped where there is none."""

import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import redis

PROGRAM = shutil.which("valkey-server") or shutil.which("redis-server")
MISSING = "there is no redis-server or valkey-server on the PATH"
_START_SECONDS = 20


class RedisServer:
    """One that syncs what it answers; `settings` come behind that, as words of its command line."""

    def __init__(self, folder: Path, *settings: str) -> None:
        self.folder = folder
        self.settings = settings
        with socket.socket() as one:
            one.bind(("127.0.0.1", 0))
            self.port = one.getsockname()[1]
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self.start()

    def start(self) -> None:
        assert PROGRAM is not None, MISSING
        words = {"port": self.port, "dir": self.folder, "save": "", "appendfsync": "always"}
        given = [word for name, value in words.items() for word in (f"--{name}", str(value))]
        self._process = subprocess.Popen(
            [PROGRAM, "--appendonly", "yes", *given, *self.settings],
            stdout=subprocess.DEVNULL,
        )
        until = time.monotonic() + _START_SECONDS
        while not self._answers():
            assert time.monotonic() < until, "Redis does not start"
            time.sleep(0.02)

    def _answers(self) -> bool:
        try:
            return bool(self.client.ping())
        except redis.ConnectionError:
            return False

    @property
    def client(self) -> "redis.Redis":
        return redis.Redis.from_url(self.url, retry=None, socket_timeout=5)

    @contextmanager
    def stopped(self) -> Iterator[None]:
        """It lives and takes connections meanwhile, and answers nobody."""
        self._process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self._process.send_signal(signal.SIGCONT)

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()

    def stop(self) -> None:
        self._process.terminate()
        self._process.wait()
