"""A server of several workers, and clients that are known to reach one of them each."""

import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import urllib3

from e2e.server_process import ServerProcess


class WorkerHealth(NamedTuple):
    pid: int
    is_ready: bool
    starts: int


class Client(NamedTuple):
    """A boto3 client with one connection, and the worker that has it."""

    boto: Any
    pid: int


def health(server: ServerProcess) -> Any:
    """What a worker answers, over a connection of its own."""
    with urllib3.PoolManager() as pool:
        return pool.request("GET", f"{server.url}/health", retries=5).json()


def workers(server: ServerProcess) -> list[WorkerHealth]:
    return [WorkerHealth(**one) for one in health(server)["workers"]]


def eventually(is_so: Callable[[], bool], seconds: float = 60) -> bool:
    deadline = time.monotonic() + seconds
    while not is_so():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def are_ready(server: ServerProcess) -> bool:
    return all(one.is_ready for one in workers(server))


def pid_of(client: Any) -> int:
    """The worker that a boto3 client talks to, asked over its own connection."""
    manager = client._endpoint.http_session._manager
    pool = manager.connection_from_url(client.meta.endpoint_url)
    return int(pool.request("GET", "/health").json()["pid"])


def one_client_a_worker(server: ServerProcess, service: str, **config: Any) -> list[Client]:
    """Clients of a service, each of another worker, in the order of the workers."""
    found: dict[int, Client] = {}
    expected = [one.pid for one in workers(server)]
    for _ in range(20):
        boto = server.client(service, max_pool_connections=1, **config)
        client = Client(boto, pid_of(boto))
        found.setdefault(client.pid, client)
        if found.keys() == set(expected):
            return [found[pid] for pid in expected]
    raise AssertionError(f"of the workers {expected}, only {list(found)} answer")


def runs(pid: int) -> bool:
    shown = subprocess.run(
        ["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, check=False, text=True
    )
    return bool(shown.stdout.strip()) and shown.stdout.strip()[0] not in "ZX"


def holder(lock: Path) -> int | None:
    """The process that holds a file's lock, as Linux tells it."""
    inode = str(lock.stat().st_ino)
    for line in Path("/proc/locks").read_text().splitlines():
        fields = line.split()
        if "FLOCK" in fields and fields[-3].rpartition(":")[2] == inode:
            return int(fields[-4])
    return None
