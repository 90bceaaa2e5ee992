"""The online store in Redis beside the one in LMDB: what a way there and back costs, and how many
reads share it. Redis syncs each write; it runs beside the load, as the server's processor is full.

The two take turns; the medians are shown. How many reads were one call is told by Redis' own count
of MGETs.
"""

import re
import socket
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path

from benchmarks import redis_get, wrk
from benchmarks.http_requests import Requests
from benchmarks.load import Load
from benchmarks.ratios import Ratio, shown
from benchmarks.records import fill, gets, puts
from benchmarks.server import Server, on_others, other_processors, pin, running
from benchmarks.turns import in_turns

CONNECTIONS = (1, 16, 64)
PUT_CONNECTIONS = 64


def run(seconds: float) -> list[Ratio]:
    for is_there, missing in ((wrk.is_there, wrk.MISSING), (redis_get.is_there, redis_get.MISSING)):
        if not is_there():
            print(missing)
            return []
    with ExitStack() as opened:
        folder = Path(opened.enter_context(tempfile.TemporaryDirectory()))
        port = opened.enter_context(_synced_redis(folder))
        in_redis = {"online_store": "redis", "redis_url": f"redis://127.0.0.1:{port}/0"}
        servers = {
            name: opened.enter_context(_served(folder / name, settings))
            for name, settings in {"LMDB": {}, "Redis": in_redis}.items()
        }
        return [*_reads(servers, port, seconds), _writes(servers, seconds)]


def _reads(servers: Mapping[str, Server], port: int, seconds: float) -> Iterator[Ratio]:
    for connections in CONNECTIONS:
        before = _calls(port)
        requests = {name: gets(Requests(server.port)) for name, server in servers.items()}
        loads = _peaks(servers, requests, connections, seconds)
        each = loads["Redis"].count / (_calls(port) - before)
        yield _beside(
            f"GetRecord, {connections} connections, from Redis ({each:.1f} of them a call)", loads
        )


def _writes(servers: Mapping[str, Server], seconds: float) -> Ratio:
    requests = {name: puts(Requests(server.port)) for name, server in servers.items()}
    loads = _peaks(servers, requests, PUT_CONNECTIONS, seconds)
    return _beside(f"PutRecord, {PUT_CONNECTIONS} connections, into Redis", loads)


def _peaks(
    servers: Mapping[str, Server],
    requests: Mapping[str, Sequence[bytes]],
    connections: int,
    seconds: float,
) -> dict[str, Load]:
    return in_turns(
        {
            name: partial(wrk.peak, server.port, requests[name], connections, seconds)
            for name, server in servers.items()
        }
    )


def _beside(what: str, loads: Mapping[str, Load]) -> Ratio:
    redis, lmdb = loads["Redis"], loads["LMDB"]
    return Ratio(what, shown(redis), f"LMDB: {shown(lmdb)}", redis.per_second / lmdb.per_second)


@contextmanager
def _served(data: Path, settings: Mapping[str, str]) -> Iterator[Server]:
    fill(data, **settings)
    variables = {f"TANDEM_{name.upper()}": value for name, value in settings.items()}
    with running(data, **variables) as server:
        yield server.pinned()


@contextmanager
def _synced_redis(folder: Path) -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    command = ["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--save", ""]
    command += ["--appendonly", "yes", "--appendfsync", "always", "--dir", str(folder)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
        try:
            redis_get.wait_for(port)
            pin(process.pid, other_processors())
            yield port
        finally:
            process.terminate()


def _calls(port: int) -> int:
    told = on_others(["redis-cli", "-p", str(port), "info", "commandstats"])
    found = re.search(r"cmdstat_mget:calls=(\d+)", told)
    return int(found[1]) if found else 0
