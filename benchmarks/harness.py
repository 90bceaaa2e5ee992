"""The shape of the published benchmark of feature stores, with boto3 as its client.

The shape is that of featurestoreorg/featurestore-benchmarks, of 2023: a hundred users wait 0.1 s
between two requests for one record of 500, or for a batch of them, with 21 columns of mixed types,
over the network of a region. Beside it stand p50 and p99 of single reads that were published, of
systems and machines of their own.

Here all is on one machine, whose processors the clients need for themselves: boto3 takes more time
for a request than the server does. So the clients are threads of some processes, a single client is
measured as well, and the same requests at the same rate come once more over bare sockets.
"""

import random
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any, NamedTuple

import boto3
import numpy as np
import pyarrow as pa
from botocore.config import Config
from rich.console import Console
from rich.table import Table

import tandem
from benchmarks.http_requests import Requests
from benchmarks.load import Load, Stream, apply_load
from benchmarks.server import Server, cpu_seconds, running

GROUP = "rides"
ROWS = 500
CLIENTS = 100
PROCESSES = 4
THINK_SECONDS = 0.1
BATCHES = (1, 100)
PUBLISHED_MS = {"SageMaker": (8, 20), "Hopsworks": (2, 3)}
"""p50 and p99 of single reads."""


class Asked(NamedTuple):
    """What the clients of one process did: seconds of each request, and of the processor in all."""

    times: list[float]
    cpu_seconds: float


class Found(NamedTuple):
    times: list[float]
    seconds: float
    client_cpu_seconds: float
    server_cpu_seconds: float
    bare: Load


def run(seconds: float) -> None:
    table = Table(title=f"boto3, {THINK_SECONDS} s between requests, {ROWS} rows of 21 columns")
    table.add_column("request")
    for heading in ("clients", "requests/s", "p50 ms", "p99 ms"):
        table.add_column(heading, justify="right")
    for heading in ("CPU ms, client", "CPU ms, server", "bare sockets p50 ms", "p99 ms"):
        table.add_column(heading, justify="right")
    with tempfile.TemporaryDirectory() as folder:
        fill(Path(folder) / "data")
        with running(Path(folder) / "data") as server:
            for batch in BATCHES:
                for clients in (1, CLIENTS):
                    name = "GetRecord" if batch == 1 else f"BatchGetRecord({batch})"
                    table.add_row(
                        name, str(clients), *_shown(measure(server, batch, clients, seconds))
                    )
    for name, (p50_ms, p99_ms) in PUBLISHED_MS.items():
        given = [str(CLIENTS), "", str(p50_ms), str(p99_ms), "", "", "", ""]
        table.add_row(f"published: one record, {name}", *given)
    Console(width=150).print(table)


def fill(data: Path) -> None:
    chance = np.random.default_rng(7)
    table = pa.table(
        {
            "id": np.arange(ROWS),
            "time": np.full(ROWS, 1_700_000_000.0),
            "ride": [f"ride-{number:032x}" for number in chance.integers(0, 2**62, ROWS)],
            **{f"real_{n}": chance.random(ROWS) * 100 for n in range(11)},
            **{f"whole_{n}": chance.integers(0, 10**6, ROWS) for n in range(7)},
        }
    )
    assert table.num_columns == 21
    with tandem.connect(data) as store:
        group = store.create_feature_group(
            GROUP, features=table, record_identifier="id", event_time="time"
        )
        group.ingest(table)


def measure(server: Server, batch: int, clients: int, seconds: float) -> Found:
    processes = min(PROCESSES, clients)
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
        # Once for nothing: imports, connections and the client's models.
        list(pool.map(ask, *_given(server, batch, clients, 0.5, processes)))
        before = cpu_seconds(*server.answering())
        begun = time.perf_counter()
        asked = list(pool.map(ask, *_given(server, batch, clients, seconds, processes)))
        took = time.perf_counter() - begun
        spent = cpu_seconds(*server.answering()) - before
    times = sorted(one for each in asked for one in each.times)
    stream = Stream(_requests(server, batch), clients, len(times) / took)
    (bare,) = apply_load(server.port, stream, seconds=seconds)
    return Found(times, took, sum(one.cpu_seconds for one in asked), spent, bare)


def _given(
    server: Server, batch: int, clients: int, seconds: float, processes: int
) -> list[list[Any]]:
    each = [server.url, batch, clients // processes, seconds]
    return [[one] * processes for one in each]


def ask(url: str, batch: int, clients: int, seconds: float) -> Asked:
    """What so many clients do in this process, each in a thread."""
    client = boto3.client(
        "sagemaker-featurestore-runtime",
        endpoint_url=url,
        region_name="us-east-1",
        aws_access_key_id="any",
        aws_secret_access_key="any",
        config=Config(max_pool_connections=clients),
    )
    before = time.process_time()
    until = time.perf_counter() + seconds
    with ThreadPoolExecutor(clients) as threads:
        all_times = threads.map(lambda seed: _ask(client, batch, until, seed), range(clients))
        times = [one for each in all_times for one in each]
    return Asked(times, time.process_time() - before)


def _ask(client: Any, batch: int, until: float, seed: int) -> list[float]:
    chance = random.Random(seed)
    times = []
    time.sleep(chance.random() * THINK_SECONDS)
    while (begun := time.perf_counter()) < until or not times:
        identifiers = _identifiers(chance, batch)
        if batch == 1:
            found = client.get_record(
                FeatureGroupName=GROUP, RecordIdentifierValueAsString=identifiers[0]
            )
            assert len(found["Record"]) == 21
        else:
            asked = {"FeatureGroupName": GROUP, "RecordIdentifiersValueAsString": identifiers}
            found = client.batch_get_record(Identifiers=[asked])
            assert len(found["Records"]) == batch
        times.append(time.perf_counter() - begun)
        time.sleep(THINK_SECONDS)
    return times


def _identifiers(chance: random.Random, batch: int) -> list[str]:
    return [str(number) for number in chance.sample(range(ROWS), batch)]


def _requests(server: Server, batch: int) -> list[bytes]:
    to, chance = Requests(server.port), random.Random(7)
    if batch == 1:
        return [to.get(GROUP, str(number)) for number in range(ROWS)]
    return [to.batch_get([(GROUP, _identifiers(chance, batch))]) for _ in range(ROWS)]


def _shown(found: Found) -> list[str]:
    count = len(found.times)
    return [
        f"{count / found.seconds:,.0f}",
        f"{found.times[count // 2] * 1e3:.2f}",
        f"{found.times[count * 99 // 100] * 1e3:.2f}",
        f"{found.client_cpu_seconds / count * 1e3:.2f}",
        f"{found.server_cpu_seconds / count * 1e3:.2f}",
        f"{found.bare.p50_ms:.2f}",
        f"{found.bare.p99_ms:.2f}",
    ]
