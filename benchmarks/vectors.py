"""Records as a matrix: BatchGetRecord's JSON beside its Arrow form, for a client that wants one.

Each client has one connection and asks for 100 records at a time; they take turns. What the server
alone can do with either form is found by wrk.
"""

import itertools
import json
import statistics
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import urllib3

import tandem
from benchmarks import wrk
from benchmarks.http_requests import Requests
from benchmarks.ratios import Ratio
from benchmarks.records import FEATURES, GROUP, batch_gets, fill, hundreds
from benchmarks.server import Server, running

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
            found = _in_turns(_clients(store, server.url), seconds)
            ratios = list(_ratios(found))
            if wrk.is_there():
                ratios.append(_served(server, seconds))
            else:
                print(wrk.MISSING)
    return ratios


def _clients(store: tandem.FeatureStore, url: str) -> dict[str, Client]:
    pool = urllib3.connection_from_url(url, maxsize=1)

    def ask(page: list[str], headers: Mapping[str, str]) -> bytes:
        asked = {"FeatureGroupName": GROUP, "RecordIdentifiersValueAsString": page}
        body = json.dumps({"Identifiers": [asked]}).encode()
        return pool.urlopen("POST", "/BatchGetRecord", body, headers).data

    def from_json(page: list[str]) -> np.ndarray:
        rows = []
        for one in json.loads(ask(page, {}))["Records"]:
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
        "JSON": from_json,
        "Arrow": from_arrow,
        "feature_vector": lambda page: store.feature_vector(features, page).to_numpy(),
        "get_many": group.get_many,
    }


def _in_turns(clients: Mapping[str, Client], seconds: float) -> dict[str, float]:
    """Records a second: the medians of the turns."""
    pages = itertools.cycle(hundreds())
    found: dict[str, list[float]] = {name: [] for name in clients}
    for _ in range(TURNS):
        for name, client in clients.items():
            calls, begun = 0, time.perf_counter()
            while time.perf_counter() - begun < seconds / TURNS:
                assert len(client(next(pages))) == 100
                calls += 1
            found[name].append(calls * 100 / (time.perf_counter() - begun))
    return {name: statistics.median(rates) for name, rates in found.items()}


def _ratios(found: Mapping[str, float]) -> list[Ratio]:
    beside = f"JSON into a matrix: {found['JSON']:,.0f} records/s"
    return [
        Ratio(
            what,
            f"{found[name]:,.0f} records/s, 1 connection",
            beside,
            found[name] / found["JSON"],
            at_least=at_least,
        )
        for name, what, at_least in (
            ("Arrow", "BatchGetRecord(100) as Arrow, into a matrix", 2),
            ("feature_vector", "feature_vector of 100 over HTTP, to_numpy", None),
            ("get_many", "get_many(100) over HTTP, dicts", None),
        )
    ]


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
