"""GetRecord and PutRecord of a server during loads, with its background process and without.

The load comes from a client in a process of its own, over HTTP; so on two cores three processes
take turns, and the fourth is this one, which asks a thousand times a second at most.
"""

import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path
from typing import NamedTuple

from rich.console import Console
from rich.table import Table

import tandem
from benchmarks.ingest import create, frame

KEYS = 200_000
IDLE_SECONDS = 5.0
PAUSE_SECONDS = 0.001
GETS_A_PUT = 10

LOAD = """
import json, sys, tandem
from benchmarks.ingest import frame
rows = frame(int(sys.argv[2]), 1.69e9, is_shuffled=True)
with tandem.connect(sys.argv[1]) as store:
    group = store.feature_group("load")
    print("ready", flush=True)
    sys.stdin.readline()
    group.ingest(rows, target_stores=json.loads(sys.argv[3]))
    print("done", flush=True)
"""
LOADS = {"both stores": ["OnlineStore", "OfflineStore"], "history": ["OfflineStore"]}


class Answers(NamedTuple):
    """Seconds that each request took, in rising order."""

    gets: list[float]
    puts: list[float]


def run(rows: int) -> None:
    shown = Table(title=f"beside a load of {rows:,} rows, milliseconds")
    shown.add_column("beside")
    for heading in ("GetRecord p50", "p99", "p99.9", "PutRecord p50", "p99", "rows/s"):
        shown.add_column(heading, justify="right")
    for has_background in (True, False):
        where = "a process beside the server's" if has_background else "the server's process"
        with tempfile.TemporaryDirectory() as folder, _server(Path(folder), has_background) as url:
            _fill(url)
            begun = time.monotonic()
            idle = _ask(url, lambda begun=begun: time.monotonic() - begun > IDLE_SECONDS)
            shown.add_row(f"nothing; loads would be in {where}", *_figures(idle), "")
            for name, targets in LOADS.items():
                with _load(url, rows, targets) as is_over:
                    begun = time.monotonic()
                    found = _ask(url, is_over)
                    rate = rows / (time.monotonic() - begun)
                shown.add_row(f"a load of {name}, in {where}", *_figures(found), f"{rate:,.0f}")
    Console(width=150).print(shown)


@contextmanager
def _server(folder: Path, has_background: bool) -> Iterator[str]:
    command = [sys.executable, "-m", "tandem", "serve", "--data", f"{folder}/data", "--port=0"]
    given = {**os.environ, "TANDEM_BACKGROUND_PROCESS": "on" if has_background else "off"}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=given) as server:
        try:
            assert server.stdout is not None
            yield server.stdout.readline().split()[4]
        finally:
            server.terminate()


def _fill(url: str) -> None:
    first = frame(KEYS, 1.70e9, is_shuffled=False)
    with tandem.connect(url) as store:
        group = create(store, "load", first)
        create(store, "other", first)
        group.ingest(first)


@contextmanager
def _load(url: str, rows: int, targets: list[str]) -> Iterator[Callable[[], bool]]:
    """A load that begins now; gives the question whether it is over."""
    command = [sys.executable, "-c", LOAD, url, str(rows), json.dumps(targets)]
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


def _ask(url: str, is_over: Callable[[], bool]) -> Answers:
    host, _, port = url.removeprefix("http://").partition(":")
    connection = HTTPConnection(host, int(port))
    row = frame(1, 1.72e9, is_shuffled=False).to_pylist()[0]
    values = [{"FeatureName": name, "ValueAsString": str(value)} for name, value in row.items()]
    body = json.dumps({"Record": values})
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


def _seconds(connection: HTTPConnection, method: str, path: str, body: str | None) -> float:
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
