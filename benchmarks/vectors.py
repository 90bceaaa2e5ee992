"""Records as a matrix: BatchGetRecord's JSON beside its Arrow form, for a client that wants one.

Each client has one connection, of the library's kind but for boto3's, and asks for 100 records at
a time, then for 1,000, as Tandem's own endpoint takes them; they take turns. What the server alone
can do with either form is found by wrk.
"""

import itertools
import json
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import boto3
import numpy as np
import pyarrow as pa

import tandem
from benchmarks import wrk
from benchmarks.http_requests import Requests
from benchmarks.ratios import Ratio
from benchmarks.records import FEATURES, GROUP, batch_gets, fill, hundreds
from benchmarks.server import Server, running
from tandem.sdk.connections import Connections

TURNS = 3
CONNECTIONS = 4
ARROW = "application/vnd.apache.arrow.stream"
NAMES = [f"feature_{index}" for index in range(FEATURES)]

Client = Callable[[list[str]], Any]


def run(seconds: float) -> list[Ratio]:
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "data"
        fill(data)
        with running(data) as server, tandem.connect(server.url) as store:
            server.pinned()
            found = {
                size: _in_turns(_clients(store, server.url, size), size, seconds)
                for size in (100, 1_000)
            }
            ratios = list(_ratios(found))
            if wrk.is_there():
                ratios.append(_served(server, seconds))
            else:
                print(wrk.MISSING)
    return ratios


def _clients(store: tandem.FeatureStore, url: str, size: int) -> dict[str, Client]:
    connections = Connections.to(url)
    path = "/BatchGetRecord" if size <= 100 else "/tandem/batch-get-record"
    runtime = boto3.client(
        "sagemaker-featurestore-runtime",
        endpoint_url=url,
        region_name="us-east-1",
        aws_access_key_id="benchmark",
        aws_secret_access_key="benchmark",
    )

    def ask(page: list[str], headers: Mapping[str, str]) -> bytes:
        asked = {"FeatureGroupName": GROUP, "RecordIdentifiersValueAsString": page}
        body = json.dumps({"Identifiers": [asked]}).encode()
        return connections.exchange("POST", path, headers, body).content

    def from_json(page: list[str]) -> np.ndarray:
        return _matrix(json.loads(ask(page, {}))["Records"])

    def by_boto3(page: list[str]) -> np.ndarray:
        asked = {"FeatureGroupName": GROUP, "RecordIdentifiersValueAsString": page}
        return _matrix(runtime.batch_get_record(Identifiers=[asked])["Records"])

    def from_arrow(page: list[str]) -> np.ndarray:
        with pa.ipc.open_stream(ask(page, {"accept": ARROW})) as reader:
            (batch,) = reader
        return batch.select(NAMES).to_tensor(null_to_nan=True).to_numpy()

    features = [f"{GROUP}:{name}" for name in NAMES]
    group = store.feature_group(GROUP)
    return {
        "JSON": from_json,
        "Arrow": from_arrow,
        "feature_vector": lambda page: store.feature_vector(features, page).to_numpy(),
        "get_many": group.get_many,
        **({"boto3": by_boto3} if size <= 100 else {}),
    }


def _matrix(records: Sequence[Mapping[str, Any]]) -> np.ndarray:
    rows = []
    for one in records:
        values = {value["FeatureName"]: value["ValueAsString"] for value in one["Record"]}
        rows.append([float(values[name]) for name in NAMES])
    return np.array(rows)


def _in_turns(clients: Mapping[str, Client], size: int, seconds: float) -> dict[str, float]:
    """Records a second: the medians of the turns."""
    identifiers = list(itertools.chain.from_iterable(hundreds()))
    pages = itertools.cycle(
        [identifiers[start : start + size] for start in range(0, len(identifiers), size)]
    )
    found: dict[str, list[float]] = {name: [] for name in clients}
    for _ in range(TURNS):
        for name, client in clients.items():
            calls, begun = 0, time.perf_counter()
            while time.perf_counter() - begun < seconds / TURNS:
                assert len(client(next(pages))) == size
                calls += 1
            found[name].append(calls * size / (time.perf_counter() - begun))
    return {name: statistics.median(rates) for name, rates in found.items()}


def _ratios(found: Mapping[int, Mapping[str, float]]) -> Iterator[Ratio]:
    for size, rates in found.items():
        for name, what, at_least, beside in (
            ("Arrow", "as Arrow, into a matrix", 2, "JSON"),
            ("Arrow", "as Arrow, into a matrix", 2, "boto3"),
            ("feature_vector", "by feature_vector, to_numpy", None, "JSON"),
            ("get_many", "by get_many, dicts", None, "JSON"),
        ):
            if beside in rates:
                yield Ratio(
                    f"{size:,} records over HTTP {what}",
                    f"{rates[name]:,.0f} records/s, 1 connection",
                    f"{beside} into a matrix: {rates[beside]:,.0f} records/s",
                    rates[name] / rates[beside],
                    at_least=at_least,
                )


def _served(server: Server, seconds: float) -> Ratio:
    to = Requests(server.port)
    json_form, arrow_form = (
        wrk.peak(server.port, batch_gets(to, accept), CONNECTIONS, seconds)
        for accept in ("application/json", ARROW)
    )
    return Ratio(
        "BatchGetRecord(100) as Arrow, what the server answers",
        f"{arrow_form.per_second * 100:,.0f} records/s, {CONNECTIONS} connections",
        f"as JSON: {json_form.per_second * 100:,.0f} records/s",
        arrow_form.per_second / json_form.per_second,
    )
