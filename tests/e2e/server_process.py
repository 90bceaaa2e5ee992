"""A real server in a process of its own, to be stopped or killed by a test."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import boto3
import urllib3
from botocore.config import Config

START_SECONDS_MAX = 60
_reserved: list[socket.socket] = []


def _runs(group: int) -> bool:
    """Whether a process of the group still runs; whoever is killed may do so for a moment. One that
    is gone but for its other threads ("Zl") does: the last of them, in a sync of the disk, say, has
    its files and their locks.
    """
    listed = subprocess.run(
        ["ps", "-A", "-o", "pgid=,stat="], capture_output=True, check=True, text=True
    )
    processes = (line.split() for line in listed.stdout.splitlines())
    return any(
        int(pgid) == group and (state[0] not in "ZX" or "l" in state) for pgid, state in processes
    )


def free_port() -> int:
    """A port that nobody else gets until the tests end: a server takes a while to bind it, and
    comes back to it after a kill, while others ask for ports all the time.
    """
    reserved = socket.socket()
    reserved.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    reserved.bind(("127.0.0.1", 0))
    port: int = reserved.getsockname()[1]
    if sys.platform == "linux":
        _reserved.append(reserved)  # bound and not listening, it leaves the port to who listens
    else:
        reserved.close()
    return port


class ServerProcess:
    """`tandem serve` on a folder. `environment` adds variables, as settings for instance."""

    program: tuple[str, ...] = ("-m", "tandem")

    def __init__(
        self, data: Path, *, port: int | None = None, environment: Mapping[str, str] | None = None
    ) -> None:
        self.data = data
        self.port = port or free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._environment = {**os.environ, **(environment or {})}
        self._start()

    def _start(self) -> None:
        command = [sys.executable, *self.program, "serve"]
        command += ["--data", str(self.data), "--port", str(self.port)]
        self.log = self.data.parent / f"{self.data.name}.log"
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                command, env=self._environment, stdout=log, stderr=log, start_new_session=True
            )
        deadline = time.monotonic() + START_SECONDS_MAX
        while not self._answers():
            if self.process.poll() is not None or time.monotonic() > deadline:
                self.kill()
                raise AssertionError(f"the server did not start:\n{self.log.read_text()}")
            time.sleep(0.05)

    def _answers(self) -> bool:
        # Over a new connection: the worker of a killed server, which had this address, would answer
        # for a moment over one that is kept.
        with urllib3.PoolManager() as pool:
            try:
                answer = pool.request("GET", f"{self.url}/health", retries=False, timeout=1)
            except urllib3.exceptions.HTTPError:
                return False
            return answer.status == 200

    def kill(self) -> None:
        """kill -9, of the background process, too: no handler runs, and nobody writes any more."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        while _runs(self.process.pid):
            time.sleep(0.005)

    def stop(self) -> int:
        """SIGTERM; returns the exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=60)

    def companion(self, module: str) -> int | None:
        """The process beside the server that runs a module of `tandem.server`."""
        listed = subprocess.run(
            ["ps", "-A", "-ww", "-o", "pid=,ppid=,stat=,args="],
            capture_output=True,
            check=True,
            text=True,
        )
        for line in listed.stdout.splitlines():
            pid, parent, state, command = line.split(None, 3)
            is_child = int(parent) == self.process.pid and state[0] != "Z"
            if is_child and command.endswith(f"tandem.server.{module}"):
                return int(pid)
        return None

    def client(self, service: str, **config: Any) -> Any:
        """A boto3 client of this server, without retries unless `config` says otherwise."""
        given = {"retries": {"total_max_attempts": 1}, "max_pool_connections": 50, **config}
        return boto3.client(
            service,
            endpoint_url=self.url,
            region_name="us-east-1",
            aws_access_key_id="test",
            aws_secret_access_key="test",
            config=Config(**given),
        )

    def __enter__(self) -> "ServerProcess":
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.kill()
