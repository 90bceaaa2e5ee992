"""Records as a matrix: BatchGetRecord's JSON beside its Arrow form, for a client that wants one.

Each client has one connection and asks for 100 records at a time, or for 1,000 where Tandem's own
endpoint takes them; they take turns, in one run. The load is what the server alone can do.
"""

import itertools
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from typing import Any

import boto3
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
                    found = {
                        size: _in_turns(_clients(store, url, size), size) for size in (100, 1_000)
                    }
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


def _clients(
    store: tandem.FeatureStore, url: str, size: int
) -> dict[str, Callable[[list[str]], Any]]:
    pool = urllib3.connection_from_url(url, maxsize=1)
    path = "/BatchGetRecord" if size <= 100 else "/tandem/batch-get-record"

    def ask(page: list[str], headers: dict[str, str]) -> bytes:
        return pool.urlopen("POST", path, body(page), headers).data

    client = boto3.client(
        "sagemaker-featurestore-runtime",
        endpoint_url=url,
        region_name="us-east-1",
        aws_access_key_id="benchmark",
        aws_secret_access_key="benchmark",
    )

    def by_boto3(page: list[str]) -> np.ndarray:
        entry = {"FeatureGroupName": GROUP, "RecordIdentifiersValueAsString": page}
        rows = []
        for one in client.batch_get_record(Identifiers=[entry])["Records"]:
            values = {value["FeatureName"]: value["ValueAsString"] for value in one["Record"]}
            rows.append([float(values[name]) for name in NAMES])
        return np.array(rows)

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
        **({"JSON, by boto3": by_boto3} if size <= 100 else {}),
        "JSON": from_json,
        "Arrow": from_arrow,
        "feature_vector, to_numpy": lambda page: store.feature_vector(features, page).to_numpy(),
        "get_many, dicts": group.get_many,
    }


def _in_turns(clients: dict[str, Callable[[list[str]], Any]], size: int) -> dict[str, float]:
    """Records a second: the median of the rounds."""
    pages = itertools.cycle(
        [IDENTIFIERS[start : start + size] for start in range(0, RECORDS, size)]
    )
    found: dict[str, list[float]] = {name: [] for name in clients}
    for _ in range(ROUNDS):
        for name, client in clients.items():
            calls, start = 0, time.perf_counter()
            while time.perf_counter() - start < SECONDS / ROUNDS:
                assert len(client(next(pages))) == size
                calls += 1
            found[name].append(calls * size / (time.perf_counter() - start))
    return {name: sorted(rates)[ROUNDS // 2] for name, rates in found.items()}


def _print(found: dict[int, dict[str, float]], loads: dict[str, Load]) -> None:
    table = Table(title=f"Records of {FEATURES + 2} features to a matrix, one connection")
    for column in ("records at a time", "client", "records per second", "ratio"):
        table.add_column(column)
    for size, rates in found.items():
        for name, rate in rates.items():
            ratio = rate / rates["JSON"]
            table.add_row(f"{size:,}", name, f"{rate:,.0f}", f"{ratio:.2f} x JSON")
    Console(width=120).print(table)
    table = Table(title="BatchGetRecord(100) under load, 4 connections")
    for column in ("answers", "records per second", "p50 ms", "p99 ms"):
        table.add_column(column)
    for name, load in loads.items():
        rate_of_load = f"{load.per_second * 100:,.0f}"
        table.add_row(name, rate_of_load, f"{load.p50_ms:.2f}", f"{load.p99_ms:.2f}")
    Console(width=120).print(table)
