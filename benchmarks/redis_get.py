"""Redis' GET: its own load generator and a server without persistence, on the same processors."""

import csv
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.load import Load
from benchmarks.server import on_others, pin

MISSING = "Redis is missing, so its figures are left out: apt-get install redis-server redis-tools"
_TRIAL_REQUESTS = 20_000
_START_SECONDS_MAX = 10.0


def is_there() -> bool:
    return all(shutil.which(name) for name in ("redis-server", "redis-benchmark"))


@contextmanager
def running(folder: Path, keys: int, value_bytes: int) -> Iterator[int]:
    """A pinned server with so many values; gives its port."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    command = ["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--save", ""]
    command += ["--appendonly", "no", "--dir", str(folder)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
        try:
            wait_for(port)
            pin(process.pid)
            # Of ten times as many random keys, few are missed.
            _benchmark(port, "set", keys, value_bytes, 50, 10 * keys)
            yield port
        finally:
            process.terminate()


def peak(port: int, keys: int, value_bytes: int, connections: int, seconds: float) -> Load:
    """GETs of random keys for about so many seconds."""
    trial = _benchmark(port, "get", keys, value_bytes, connections, _TRIAL_REQUESTS)
    count = int(trial.per_second * seconds)
    return _benchmark(port, "get", keys, value_bytes, connections, count)


def _benchmark(
    port: int, test: str, keys: int, value_bytes: int, connections: int, count: int
) -> Load:
    command = ["redis-benchmark", "-p", str(port), "-t", test, "-c", str(connections)]
    command += ["-n", str(count), "-r", str(keys), "-d", str(value_bytes), "--csv"]
    (row,) = csv.DictReader(on_others(command).splitlines())
    p50_ms, p99_ms = float(row["p50_latency_ms"]), float(row["p99_latency_ms"])
    return Load(float(row["rps"]), p50_ms, p99_ms, count)


def wait_for(port: int) -> None:
    deadline = time.monotonic() + _START_SECONDS_MAX
    while True:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
        except ConnectionRefusedError:
            assert time.monotonic() < deadline, "Redis does not start"
            time.sleep(0.05)
        else:
            return
