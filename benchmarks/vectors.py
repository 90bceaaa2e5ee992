"""Records as a matrix: BatchGetRecord's JSON beside its Arrow form, for a client that wants one.

Each client has one connection and asks for 100 records at a time; they take turns, in one run. The
load is what the server alone can do, over 4 connections.
"""

import itertools
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa
import urllib3
from rich.console import Console
from rich.table import Table

import tandem
from benchmarks.load import Load, apply_load, http_request

RECORDS = 5_000
FEATURES = 10
SECONDS = 3.0
ROUNDS = 3
GROUP = "benchmark"
ARROW = "application/vnd.apache.arrow.stream"
NAMES = [f"feature_{index}" for index in range(FEATURES)]
IDENTIFIERS = [f"cust-{number:07}" for number in range(RECORDS)]
PAGES = [IDENTIFIERS[start : start + 100] for start in range(0, RECORDS, 100)]


def body(page: list[str]) -> bytes:
    entry = {"FeatureGroupName": GROUP, "RecordIdentifiersValueAsString": page}
    return json.dumps({"Identifiers": [entry]}).encode()


def requests_for_json() -> list[bytes]:
    return [http_request("POST", "/BatchGetRecord", body(page)) for page in PAGES]


def requests_for_arrow() -> list[bytes]:
    accept = f"accept: {ARROW}\r\n"
    return [
        request.replace(b"host:", accept.encode() + b"host:", 1) for request in requests_for_json()
    ]


def run() -> None:
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "tandem", "serve", "--data", f"{folder}/data", "--port=0"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
            try:
                assert server.stdout is not None
                url = server.stdout.readline().split()[4]
                with tandem.connect(url) as store:
                    _fill(store)
                    found = _in_turns(_clients(store, url))
                port = int(url.rpartition(":")[2])
                loads = {
                    "JSON": apply_load(port, requests_for_json, 4, SECONDS),
                    "Arrow": apply_load(port, requests_for_arrow, 4, SECONDS),
                }
            finally:
                server.terminate()
    _print(found, loads)


def _fill(store: tandem.FeatureStore) -> None:
    rows = {
        "id": IDENTIFIERS,
        "time": [time.time()] * RECORDS,
        **{name: [(number % 97) / 7 for number in range(RECORDS)] for name in NAMES},
    }
    group = store.create_feature_group(
        GROUP, features=rows, record_identifier="id", event_time="time"
    )
    group.ingest(rows)


def _clients(store: tandem.FeatureStore, url: str) -> dict[str, Callable[[list[str]], Any]]:
    pool = urllib3.connection_from_url(url, maxsize=1)

    def ask(page: list[str], headers: dict[str, str]) -> bytes:
        return pool.urlopen("POST", "/BatchGetRecord", body(page), headers).data

    def from_json(page: list[str]) -> np.ndarray:
        answer = json.loads(ask(page, {}))
        rows = []
        for one in answer["Records"]:
            values = {value["FeatureName"]: value["ValueAsString"] for value in one["Record"]}
            rows.append([float(values[name]) for name in NAMES])
        return np.array(rows)

    def from_arrow(page: list[str]) -> np.ndarray:
        with pa.ipc.open_stream(ask(page, {"accept": ARROW})) as reader:
            table = reader.read_all()
        return np.stack([table.column(name).to_numpy() for name in NAMES], axis=1)

    features = [f"{GROUP}:{name}" for name in NAMES]
    group = store.feature_group(GROUP)
    return {
        "BatchGetRecord, JSON": from_json,
        "BatchGetRecord, Arrow": from_arrow,
        "feature_vector, to_numpy": lambda page: store.feature_vector(features, page).to_numpy(),
        "get_many, dicts": group.get_many,
    }


def _in_turns(clients: dict[str, Callable[[list[str]], Any]]) -> dict[str, float]:
    """Records a second: the median of the rounds."""
    pages = itertools.cycle(PAGES)
    found: dict[str, list[float]] = {name: [] for name in clients}
    for _ in range(ROUNDS):
        for name, client in clients.items():
            calls, start = 0, time.perf_counter()
            while time.perf_counter() - start < SECONDS / ROUNDS:
                assert len(client(next(pages))) == 100
                calls += 1
            found[name].append(calls * 100 / (time.perf_counter() - start))
    return {name: sorted(rates)[ROUNDS // 2] for name, rates in found.items()}


def _print(found: dict[str, float], loads: dict[str, Load]) -> None:
    table = Table(title=f"100 records of {FEATURES + 2} features at a time, one connection")
    for column in ("client", "records per second", "ratio"):
        table.add_column(column)
    slowest = found["BatchGetRecord, JSON"]
    for name, rate in found.items():
        table.add_row(name, f"{rate:,.0f}", f"{rate / slowest:.2f} x JSON")
    Console(width=120).print(table)
    table = Table(title="The server under load, 4 connections")
    for column in ("answers", "records per second", "p50 ms", "p99 ms"):
        table.add_column(column)
    for name, load in loads.items():
        rate = f"{load.per_second * 100:,.0f}"
        table.add_row(name, rate, f"{load.p50_ms:.2f}", f"{load.p99_ms:.2f}")
    Console(width=120).print(table)
