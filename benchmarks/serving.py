"""The server under load: GetRecord, PutRecord and BatchGetRecord over HTTP.

Beside GetRecord stands the same server answering a constant (/health), which is what its HTTP layer
can do at all; beside PutRecord stands LMDB's bare synced commit of as many values at once.
"""

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import lmdb
import urllib3
from rich.console import Console
from rich.table import Table

from benchmarks.load import Load, apply_load, http_request

RECORDS = 2_000
FEATURES = 10
SECONDS = 5.0
GROUP = "benchmark"


def record(number: int, event_time: int) -> list[dict[str, str]]:
    values = {"id": f"cust-{number:07}", "time": str(event_time)}
    values |= {f"feature_{index}": f"{number % 97}.{index}5" for index in range(FEATURES)}
    return [{"FeatureName": name, "ValueAsString": text} for name, text in values.items()]


def puts() -> list[bytes]:
    now = int(time.time())
    bodies = [json.dumps({"Record": record(n, now)}).encode() for n in range(RECORDS)]
    return [http_request("PUT", f"/FeatureGroup/{GROUP}", body) for body in bodies]


def gets() -> list[bytes]:
    query = f"/FeatureGroup/{GROUP}?RecordIdentifierValueAsString=cust-"
    return [http_request("GET", f"{query}{number:07}") for number in range(RECORDS)]


def batch_gets() -> list[bytes]:
    requests = []
    for start in range(0, RECORDS, 100):
        identifiers = [f"cust-{number:07}" for number in range(start, start + 100)]
        entry = {"FeatureGroupName": GROUP, "RecordIdentifiersValueAsString": identifiers}
        body = json.dumps({"Identifiers": [entry]}).encode()
        requests.append(http_request("POST", "/BatchGetRecord", body))
    return requests


def constants() -> list[bytes]:
    return [http_request("GET", "/health")]


def run() -> None:
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "tandem", "serve", "--data", f"{folder}/data", "--port=0"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
            try:
                assert server.stdout is not None
                url = server.stdout.readline().split()[4]
                _create_group(url)
                port = int(url.rpartition(":")[2])
                rows = _measure(port)
            finally:
                server.terminate()
        bare = _bare_commits_per_second(Path(folder), 64)
    _print(rows, bare)


def _measure(port: int) -> dict[str, Load]:
    apply_load(port, puts, 64, 1.0)  # every record is there, and the server is warm
    return {
        "constant": apply_load(port, constants, 16, SECONDS),
        "GetRecord": apply_load(port, gets, 16, SECONDS),
        "PutRecord": apply_load(port, puts, 64, SECONDS),
        "BatchGetRecord": apply_load(port, batch_gets, 4, SECONDS),
    }


def _create_group(url: str) -> None:
    names = ["id", "time", *[f"feature_{index}" for index in range(FEATURES)]]
    kinds = ["String", "Fractional", *["Fractional"] * FEATURES]
    request = {
        "FeatureGroupName": GROUP,
        "RecordIdentifierFeatureName": "id",
        "EventTimeFeatureName": "time",
        "FeatureDefinitions": [
            {"FeatureName": name, "FeatureType": kind}
            for name, kind in zip(names, kinds, strict=True)
        ],
        "OnlineStoreConfig": {"EnableOnlineStore": True},
        "OfflineStoreConfig": {"S3StorageConfig": {"S3Uri": "s3://benchmark"}},
        "RoleArn": "arn:aws:iam::123456789012:role/benchmark",
    }
    headers = {
        "content-type": "application/x-amz-json-1.1",
        "x-amz-target": "SageMaker.CreateFeatureGroup",
    }
    answer = urllib3.request("POST", url, body=json.dumps(request), headers=headers)
    assert answer.status == 200, answer.data


def _bare_commits_per_second(folder: Path, batch: int) -> float:
    """Records a second that LMDB takes in synced transactions of `batch`, two values a record."""
    values = [json.dumps(record(number, 1)).encode() for number in range(batch)]
    with lmdb.open(str(folder / "bare"), map_size=1 << 30) as environment:
        commits, start = 0, time.perf_counter()
        while time.perf_counter() - start < SECONDS:
            with environment.begin(write=True) as transaction:
                for number, value in enumerate(values):
                    transaction.put(f"record-{number:07}".encode(), value)
                    transaction.put(f"log-{commits:07}-{number:03}".encode(), value)
            commits += 1
        return commits * batch / (time.perf_counter() - start)


def _print(rows: dict[str, Load], bare: float) -> None:
    constant, put = rows["constant"], rows["PutRecord"]
    records = rows["BatchGetRecord"].per_second * 100
    table = Table(title=f"HTTP, {RECORDS} records of {FEATURES + 2} features")
    for column in ("operation", "connections", "per second", "p50 ms", "p99 ms", "ratio"):
        table.add_column(column)
    lines: Sequence[tuple[str, int, Load, str]] = [
        ("constant answer", 16, constant, ""),
        (
            "GetRecord",
            16,
            rows["GetRecord"],
            f"{rows['GetRecord'].per_second / constant.per_second:.2f} x constant answer",
        ),
        (
            "PutRecord, synced",
            64,
            put,
            f"{put.per_second / bare:.2f} x bare LMDB ({bare:,.0f} records/s, 64 a commit)",
        ),
        ("BatchGetRecord(100)", 4, rows["BatchGetRecord"], f"{records:,.0f} records/s"),
    ]
    for name, connections, load, ratio in lines:
        table.add_row(
            name,
            str(connections),
            f"{load.per_second:,.0f}",
            f"{load.p50_ms:.2f}",
            f"{load.p99_ms:.2f}",
            ratio,
        )
    Console(width=120).print(table)
