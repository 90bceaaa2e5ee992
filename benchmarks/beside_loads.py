"""GetRecord and PutRecord of a server while rows are loaded, three ways.

A batch load is the server's alone; a client's `ingest` and many connections that put a row each,
as the SageMaker SDK does, take processors of the same machine as well. So does this process, which
asks a thousand times a second at most, over one connection.
"""

import http.client
import json
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq
from rich.console import Console
from rich.table import Table

import tandem
from benchmarks.ingest import create, frame
from benchmarks.server import Server, running

KEYS = 200_000
IDLE_SECONDS = 10.0
PAUSE_SECONDS = 0.001
STATUS_SECONDS = 1.0
GETS_A_PUT = 10
PUTS = 10_000
PUT_CONNECTIONS = 4

BOTH = ["OnlineStore", "OfflineStore"]
HISTORY = ["OfflineStore"]

INGEST = """
import sys, tandem
from benchmarks.ingest import frame
rows = frame(int(sys.argv[2]), 1.69e9, is_shuffled=True)
with tandem.connect(sys.argv[1]) as store:
    print("ready", flush=True)
    sys.stdin.readline()
    store.feature_group("load").ingest(rows)
    print("done", flush=True)
"""
PUT_EACH = """
import sys
from concurrent.futures import ThreadPoolExecutor
from benchmarks import beside_loads
bodies = beside_loads.put_bodies(beside_loads.PUTS)
print("ready", flush=True)
sys.stdin.readline()
parts = [bodies[n :: beside_loads.PUT_CONNECTIONS] for n in range(beside_loads.PUT_CONNECTIONS)]
with ThreadPoolExecutor(len(parts)) as threads:
    list(threads.map(lambda part: beside_loads.put_all(sys.argv[1], part), parts))
print("done", flush=True)
"""


class Answers(NamedTuple):
    """Seconds that each request took, in rising order."""

    gets: list[float]
    puts: list[float]


def run(rows: int) -> None:
    shown = Table(title=f"beside loads, milliseconds; batch loads of {rows:,} rows")
    shown.add_column("beside")
    for heading in ("GetRecord p50", "p99", "p99.9", "PutRecord p50", "p99", "rows/s"):
        shown.add_column(heading, justify="right")
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "rows.parquet"
        _write_rows(source, rows)
        with _serving(Path(folder)) as server, tandem.connect(server.url) as store:
            url = server.url
            _fill(store)
            begun = time.monotonic()
            idle = _ask(url, lambda: time.monotonic() - begun > IDLE_SECONDS)
            shown.add_row("nothing", *_figures(idle), "")
            for name, targets in (("history", HISTORY), ("both stores", BOTH)):
                load = store.batch_load("load", str(source), target_stores=targets)
                found, seconds = _timed(url, _is_over(load))
                assert load.status == "Completed", load.failure_reason
                shown.add_row(
                    f"a batch load into {name}", *_figures(found), f"{rows / seconds:,.0f}"
                )
            for name, script, count in (
                ("a client's ingest of a million rows, both stores", INGEST, 1_000_000),
                (f"a PutRecord a row, {PUT_CONNECTIONS} connections", PUT_EACH, PUTS),
            ):
                with _client(script, url, count) as is_over:
                    found, seconds = _timed(url, is_over)
                shown.add_row(name, *_figures(found), f"{count / seconds:,.0f}")
    Console(width=150).print(shown)


def put_bodies(count: int) -> list[str]:
    """Bodies of PutRecord for so many rows."""
    rows = frame(count, 1.71e9, is_shuffled=True).to_pylist()
    return [_put_body(row) for row in rows]


def put_all(url: str, bodies: list[str]) -> None:
    """Puts one after another over one connection."""
    connection = _connection(url)
    for body in bodies:
        _seconds(connection, "PUT", "/FeatureGroup/load", body)
    connection.close()


def _write_rows(path: Path, rows: int) -> None:
    part = min(rows, 1_000_000)
    first = frame(part, 1.69e9, is_shuffled=True)
    with pq.ParquetWriter(path, first.schema) as writer:
        for start in range(0, rows, part):
            # The same keys again and again, each time later.
            times = pa.array(first["time"].to_numpy() + start)
            later = first.set_column(1, "time", times)
            writer.write_table(later.slice(0, rows - start))


def _serving(folder: Path) -> AbstractContextManager[Server]:
    return running(folder / "data", TANDEM_BATCH_LOAD_FOLDERS=str(folder))


def _fill(store: Any) -> None:
    first = frame(KEYS, 1.70e9, is_shuffled=False)
    group = create(store, "load", first)
    create(store, "other", first)
    group.ingest(first)


def _is_over(load: Any) -> Callable[[], bool]:
    """Whether a batch load has ended, asked once a second."""
    asked = time.monotonic()

    def is_over() -> bool:
        nonlocal asked
        if time.monotonic() - asked < STATUS_SECONDS:
            return False
        asked = time.monotonic()
        load.refresh()
        return bool(load.status.is_over)

    return is_over


@contextmanager
def _client(script: str, url: str, rows: int) -> Iterator[Callable[[], bool]]:
    """A client that begins now; gives the question whether it has ended."""
    command = [sys.executable, "-c", script, url, str(rows)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        is_over = threading.Event()
        waiting = threading.Thread(target=lambda: (process.stdout.readline(), is_over.set()))
        waiting.start()
        process.stdin.write("\n")
        process.stdin.flush()
        yield is_over.is_set
        waiting.join()


def _timed(url: str, is_over: Callable[[], bool]) -> tuple[Answers, float]:
    begun = time.monotonic()
    answers = _ask(url, is_over)
    return answers, time.monotonic() - begun


def _ask(url: str, is_over: Callable[[], bool]) -> Answers:
    connection = _connection(url)
    body = _put_body(frame(1, 1.72e9, is_shuffled=False).to_pylist()[0])
    gets: list[float] = []
    puts: list[float] = []
    while not is_over():
        identifier = f"cust-{len(gets) % KEYS:08}"
        path = f"/FeatureGroup/load?RecordIdentifierValueAsString={identifier}"
        gets.append(_seconds(connection, "GET", path, None))
        if len(gets) % GETS_A_PUT == 0:
            puts.append(_seconds(connection, "PUT", "/FeatureGroup/other", body))
        time.sleep(PAUSE_SECONDS)
    connection.close()
    return Answers(sorted(gets), sorted(puts))


def _put_body(row: dict[str, Any]) -> str:
    values = [{"FeatureName": name, "ValueAsString": str(value)} for name, value in row.items()]
    return json.dumps({"Record": values})


def _connection(url: str) -> http.client.HTTPConnection:
    host, _, port = url.removeprefix("http://").partition(":")
    return http.client.HTTPConnection(host, int(port))


def _seconds(
    connection: http.client.HTTPConnection, method: str, path: str, body: str | None
) -> float:
    begun = time.perf_counter()
    headers = {"content-type": "application/json"} if body else {}
    connection.request(method, path, body=body, headers=headers)
    answer = connection.getresponse()
    answer.read()
    assert answer.status == 200, answer.status
    return time.perf_counter() - begun


def _figures(found: Answers) -> list[str]:
    def at(times: list[float], part: float) -> str:
        return f"{times[int(len(times) * part)] * 1e3:.2f}"

    gets, puts = found
    return [at(gets, 0.5), at(gets, 0.99), at(gets, 0.999), at(puts, 0.5), at(puts, 0.99)]
