"""Feast 0.67 with its SQLite online store: its feature server beside GetRecord, and its read of a
hundred entities in the process beside `get_many`.

Feast is installed into an environment of its own, below a temporary folder, from PyPI; where that
fails, it is said and nothing is compared. Both have the same records of 8 numbers, both servers the
same processor and the same load: wrk, one entity a request, all its features.
"""

import json
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import urllib3

import tandem
from benchmarks import wrk
from benchmarks.feast import installed
from benchmarks.http_requests import Requests
from benchmarks.ratios import Ratio, shown
from benchmarks.records import GROUP, gets, hundreds, rows
from benchmarks.server import first_processor, in_a_process, running
from benchmarks.turns import in_turns

FEATURES = 8
BATCH = 100
CONNECTIONS = 16
START_SECONDS_MAX = 120
NAMES = [f"{GROUP}:feature_{index}" for index in range(FEATURES)]
SETTINGS = """project: bench
registry: registry.db
provider: local
online_store:
    type: sqlite
    path: online.db
entity_key_serialization_version: 3
"""
DEFINITIONS = f"""
from datetime import timedelta
from feast import Entity, FeatureView, Field, FileSource
from feast.types import Float64
from feast.value_type import ValueType

customer = Entity(name="id", join_keys=["id"], value_type=ValueType.STRING)
view = FeatureView(
    name="{GROUP}",
    entities=[customer],
    ttl=timedelta(days=36500),
    schema=[Field(name=f"feature_{{n}}", dtype=Float64) for n in range({FEATURES})],
    source=FileSource(path="history.parquet", timestamp_field="time"),
)
"""
# Run in Feast's environment and folder. The first writes the records online, the second prints the
# entities a second that are read in the process, after one round to warm up.
WRITE = f"""
import pandas as pd
from definitions import customer, view
from feast import FeatureStore
store = FeatureStore(repo_path=".")
store.apply([customer, view])
store.write_to_online_store("{GROUP}", pd.read_parquet("history.parquet"))
"""
READ = """
import json, sys, time
from feast import FeatureStore

store = FeatureStore(repo_path=".")
names, hundreds, seconds = json.load(sys.stdin)

def read(number):
    asked = [{"id": one} for one in hundreds[number % len(hundreds)]]
    found = store.get_online_features(features=names, entity_rows=asked).to_dict()
    assert None not in found["feature_0"], found

for number in range(len(hundreds)):
    read(number)
calls, begun = 0, time.perf_counter()
while time.perf_counter() - begun < seconds:
    read(calls)
    calls += 1
print(calls * len(hundreds[0]) / (time.perf_counter() - begun))
"""


def run(seconds: float) -> list[Ratio]:
    if not wrk.is_there():
        print(wrk.MISSING)
        return []
    with tempfile.TemporaryDirectory(prefix="feast-") as name:
        folder = Path(name)
        python = installed(folder / "environment")
        if isinstance(python, str):
            print(f"Feast cannot be installed here: {python}")
            return []
        return compare(folder, python, seconds)


def compare(folder: Path, python: Path, seconds: float) -> list[Ratio]:
    data = folder / "data"
    fill(data)
    fill_feast(folder, python)
    with running(data) as server, feast_server(folder, python) as port:
        server.pinned()
        to_us, to_them = gets(Requests(server.port)), feast_gets(port)
        peaks = in_turns(
            {
                "Tandem": lambda: wrk.peak(server.port, to_us, CONNECTIONS, seconds),
                "Feast": lambda: wrk.peak(port, to_them, CONNECTIONS, seconds),
            }
        )
    ours, theirs = peaks["Tandem"], peaks["Feast"]
    many = in_a_process(get_many_per_second, data, seconds, processors=first_processor())
    feast_many = feast_per_second(folder, python, seconds)
    return [
        Ratio(
            "GetRecord beside Feast's feature server",
            f"{shown(ours)}, {CONNECTIONS} connections",
            shown(theirs),
            ours.per_second / theirs.per_second,
            at_least=60,
        ),
        Ratio(
            f"get_many({BATCH}), {FEATURES} features, beside Feast in the process",
            f"{BATCH / many * 1e3:.2f} ms",
            f"{BATCH / feast_many * 1e3:.2f} ms",
            many / feast_many,
            at_least=50,
        ),
    ]


def fill(data: Path) -> None:
    table = rows(features=FEATURES)
    with tandem.connect(data) as store:
        # Without a history, as Feast has none here: it would be written beside the reads.
        group = store.create_feature_group(
            GROUP, features=table, record_identifier="id", event_time="time", offline=False
        )
        group.ingest(table)


def get_many_per_second(data: Path, seconds: float) -> float:
    asked = hundreds()
    with tandem.connect(data) as store:
        group = store.feature_group(GROUP)
        calls, begun = 0, time.perf_counter()
        while time.perf_counter() - begun < seconds:
            assert None not in group.get_many(asked[calls % len(asked)])
            calls += 1
        return calls * BATCH / (time.perf_counter() - begun)


def fill_feast(folder: Path, python: Path) -> None:
    (folder / "feature_store.yaml").write_text(SETTINGS)
    (folder / "definitions.py").write_text(DEFINITIONS)
    table = rows(features=FEATURES)
    moments = pc.multiply(table["time"], 1e6).cast(pa.int64()).cast(pa.timestamp("us", "UTC"))
    pq.write_table(table.set_column(1, "time", moments), folder / "history.parquet")
    subprocess.run([python, "-c", WRITE], check=True, cwd=folder, stdout=subprocess.DEVNULL)


def feast_per_second(folder: Path, python: Path, seconds: float) -> float:
    processor = str(min(first_processor()))
    done = subprocess.run(
        ["taskset", "-c", processor, python, "-c", READ],
        input=json.dumps([NAMES, hundreds(), seconds]),
        check=True,
        cwd=folder,
        stdout=subprocess.PIPE,
        text=True,
    )
    return float(done.stdout.splitlines()[-1])


@contextmanager
def feast_server(folder: Path, python: Path) -> Iterator[int]:
    """Feast's feature server with one worker, on the processor that Tandem's had; its port."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    command = [python.with_name("feast"), "serve", "--port", str(port), "--no-access-log"]
    # By itself it would begin a new worker, and drop connections, every 1,000 requests.
    command += ["--max-requests", "1000000000"]
    with subprocess.Popen(
        ["taskset", "-c", str(min(first_processor())), *command],
        cwd=folder,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as process:
        try:
            _wait_for(port)
            yield port
        finally:
            process.terminate()


def feast_gets(port: int) -> list[bytes]:
    to = Requests(port)
    return [
        to.request("POST", "/get-online-features", {"features": NAMES, "entities": {"id": [one]}})
        for hundred in hundreds()
        for one in hundred
    ]


def _wait_for(port: int) -> None:
    deadline = time.monotonic() + START_SECONDS_MAX
    while time.monotonic() < deadline:
        try:
            if (
                urllib3.request("GET", f"http://127.0.0.1:{port}/health", retries=False).status
                == 200
            ):
                return
        except urllib3.exceptions.HTTPError:
            time.sleep(0.2)
    raise AssertionError("Feast's server does not start")
