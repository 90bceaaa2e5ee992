"""One worker and two: what a request costs the processor, and how evenly the work is shared out.

Counted is the time that the processes which listen and answer have had of the processor, so the
figure says what several workers cost, whatever else the machine does.
"""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

import urllib3
from rich.console import Console
from rich.table import Table

import tandem
from benchmarks.load import apply_load
from benchmarks.serving import FEATURES, GROUP, gets, puts, record

SECONDS = 5.0
CONNECTIONS = 10
"""As many as a boto3 client keeps."""


class Cost(NamedTuple):
    """Requests a second, microseconds of the processor for each, and the smallest share of the
    work that one of the workers had.
    """

    per_second: float
    cpu_us: float
    share_min: float


def run() -> None:
    table = Table(title=f"{CONNECTIONS} connections, CPU of the processes that listen and answer")
    for column in ("", "requests/s", "CPU µs a request", "against one worker", "smallest share"):
        table.add_column(column, justify="right")
    alone: dict[str, Cost] = {}
    for workers in (1, 2):
        for name, cost in _measured(workers).items():
            first = alone.setdefault(name, cost)
            table.add_row(
                f"{name}, {workers} worker{'s' * (workers > 1)}",
                f"{cost.per_second:,.0f}",
                f"{cost.cpu_us:.1f}",
                f"{cost.cpu_us / first.cpu_us:.2f}",
                f"{cost.share_min:.0%}",
            )
    Console().print(table)


def _measured(workers: int) -> dict[str, Cost]:
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "tandem", "serve", "--data", f"{folder}/data", "--port=0"]
        command.append(f"--workers={workers}")
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
            try:
                assert server.stdout is not None
                url = server.stdout.readline().split()[4]
                _create_group(url)
                port = int(url.rpartition(":")[2])
                apply_load(port, puts, 64, 1.0)  # every record is there, and the server is warm
                answering = _answering(server.pid, url)
                return {
                    name: _cost(port, requests, server.pid, answering)
                    for name, requests in (("GetRecord", gets), ("PutRecord", puts))
                }
            finally:
                server.terminate()


def _cost(port: int, requests: object, parent: int, answering: list[int]) -> Cost:
    processes = {parent, *answering}
    before = {pid: _cpu_seconds(pid) for pid in processes}
    load = apply_load(port, requests, CONNECTIONS, SECONDS)  # type: ignore[arg-type]
    spent = {pid: _cpu_seconds(pid) - before[pid] for pid in processes}
    work = sum(spent[pid] for pid in answering)
    return Cost(
        per_second=load.per_second,
        cpu_us=sum(spent.values()) / (load.per_second * SECONDS) * 1e6,
        share_min=min(spent[pid] for pid in answering) / work,
    )


def _answering(parent: int, url: str) -> list[int]:
    """The processes that answer: the workers, or the only one."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        workers = urllib3.request("GET", f"{url}/health").json().get("workers", [])
        if all(one["is_ready"] for one in workers):
            return [one["pid"] for one in workers] or [parent]
        time.sleep(0.2)
    raise AssertionError("the workers are not ready")


def _create_group(url: str) -> None:
    with tandem.connect(url) as store:
        rows = {one["FeatureName"]: [one["ValueAsString"]] for one in record(0, 1)}
        assert len(rows) == FEATURES + 2
        store.create_feature_group(GROUP, features=rows, record_identifier="id", event_time="time")


def _cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
