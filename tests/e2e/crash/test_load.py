"""A load survives its server, and a load's own process is survived by what it has written.

Each row has a token of its own; in the end each is in history once, wherever the kills fell.
TANDEM_KILL_ROUNDS sets the number of kills.
"""

import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import urllib3

import tandem
from e2e.crash.load_mutants import GAP
from e2e.crash.test_kill import ROUNDS, SETTINGS, Cut, kill_alone, power_cut
from e2e.server_process import ServerProcess, free_port
from tandem.errors import TandemError
from tandem.sdk import remote_ingestion
from tandem.service import ingestion_chunks

ROWS = 40_000
HERE = Path(__file__).parent
MUTANT_ROUNDS_MAX = 30
ENVIRONMENT = {**SETTINGS, "PYTHONPATH": os.pathsep.join(sys.path)}

LOAD_IN_A_PROCESS = """
import sys, tandem
with tandem.connect(sys.argv[1]) as store:
    group = store.feature_group("load")
    print("begun", flush=True)
    group.ingest(sys.argv[2], ingestion_id="one")
"""


def rows(seed: int = 1) -> pa.Table:
    """Rows of 3,000 keys, whose event times meet."""
    chance = np.random.default_rng(seed)
    return pa.table(
        {
            "key": [f"K{number}" for number in chance.integers(0, 3_000, ROWS)],
            "time": chance.integers(0, 100, ROWS).astype(float) + 1.7e9,
            "token": [f"t{number}" for number in range(ROWS)],
        }
    )


def create(place: str | Path, table_format: str = "Glue") -> None:
    with tandem.connect(place) as store:
        store.create_feature_group(
            "load",
            features=rows(),
            record_identifier="key",
            event_time="time",
            table_format=table_format,
        )


def verify(data: Path, rows_at_least: int) -> list[str]:
    found = subprocess.run(
        [sys.executable, HERE / "verify_load.py", data, str(rows_at_least), str(ROWS)],
        capture_output=True,
        check=False,
        text=True,
        timeout=300,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    if found.returncode != 0:
        return [f"the store cannot be read: {found.stderr[-2000:]}"]
    wrong: list[str] = json.loads(found.stdout)
    return wrong


@pytest.fixture(autouse=True)
def patient_library(monkeypatch: pytest.MonkeyPatch) -> None:
    """It sends 5,000 rows at a time, so that there are many answers, and waits while a busy machine
    starts servers and checks what they have left; but so short a time that it is there again before
    the next kill.
    """
    monkeypatch.setattr(ingestion_chunks, "CHUNK_ROWS", 5_000)
    monkeypatch.setattr(remote_ingestion, "_PAUSES_SECONDS", (0.05,) * 3_000)


class Load:
    """A load in a thread, which does not give up as long as the server comes back."""

    def __init__(self, url: str) -> None:
        self._url = url
        self.told = [0]
        self.error: TandemError | None = None
        self.begun = threading.Event()
        # Left behind by a test that has found a fault, it ends with the tests.
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        reader = pa.RecordBatchReader.from_batches(rows().schema, self._batches())
        try:
            with tandem.connect(self._url) as store:
                store.feature_group("load").ingest(
                    reader, ingestion_id="one", progress=lambda done, _: self.told.append(done)
                )
        except TandemError as error:
            self.error = error

    def _batches(self) -> Iterator[pa.RecordBatch]:
        for batch in rows().to_batches(max_chunksize=3_000):
            self.begun.set()
            yield batch

    def join(self) -> None:
        self._thread.join()


def rounds(folder: Path, prepare: Cut, count: int, **variables: str) -> list[str]:
    """Ends the server `count` times during one load; returns the first fault that is found.

    At any moment, or where the variables name a GAP when it is there.
    """
    chance, data, port = random.Random(folder.name), folder / "data", free_port()
    data.mkdir()
    load: Load | None = None
    for number in range(count + 1):
        added, survivor = prepare(number, data)
        server = ServerProcess(data, port=port, environment={**ENVIRONMENT, **variables, **added})
        if load is None:
            create(server.url)
            load = Load(server.url)
            assert load.begun.wait(60)
        if number == count:
            load.join()
        elif GAP in variables:
            await_gap(Path(variables[GAP]))
        else:
            await_loader(server)
            time.sleep(chance.uniform(0.05, 0.4))
        told = load.told[-1]
        server.kill()
        data = survivor()
        if wrong := verify(data, told):
            return wrong
    assert load is not None
    return [f"the load failed: {load.error}"] if load.error else verify(data, ROWS)


def await_loader(server: ServerProcess) -> None:
    """What is no table is refused by the process that loads, once it has started."""
    url, deadline = f"{server.url}/tandem/ingest/load", time.monotonic() + 60
    status = 0
    while status != 400:
        # urllib3 would wait for three seconds alone, and the server waits for ten.
        refused = urllib3.request("POST", url, body=b"no table", timeout=60)
        status = refused.status
        assert status in (400, 503), refused.data
        assert time.monotonic() < deadline, refused.data


def await_gap(path: Path) -> None:
    deadline = time.monotonic() + 60
    while not path.exists():
        assert time.monotonic() < deadline, "no rows are committed"
        time.sleep(0.005)
    path.unlink()


def test_kill_9_during_a_load(tmp_path: Path) -> None:
    assert rounds(tmp_path, kill_alone, ROUNDS) == []


def test_a_power_cut_during_a_load(tmp_path: Path) -> None:
    assert rounds(tmp_path, power_cut(tmp_path, None), ROUNDS) == []


@pytest.mark.parametrize(
    ("mutant", "needs_power_cut", "symptom"),
    [
        ("StagesWithoutSync", True, "staged file"),
        ("MarksInACommitOfTheirOwn", False, "more than once"),
    ],
)
def test_planted_bugs_are_found(
    tmp_path: Path, mutant: str, needs_power_cut: bool, symptom: str
) -> None:
    prepare = power_cut(tmp_path, None) if needs_power_cut else kill_alone
    paths = os.pathsep.join([str(HERE), *sys.path])
    planted = {"TANDEM_ONLINE_STORE": f"load_mutants:{mutant}", "PYTHONPATH": paths}
    planted[GAP] = str(tmp_path / "gap")
    if needs_power_cut:  # what is delivered needs its staged file no more
        planted["TANDEM_DELIVERY_INTERVAL_SECONDS"] = "3600"
    wrong = rounds(tmp_path, prepare, MUTANT_ROUNDS_MAX, **planted)
    assert any(symptom in fault for fault in wrong), wrong


@pytest.mark.parametrize("table_format", ["Glue", "Iceberg"])
def test_a_load_whose_process_is_killed_is_made_again(tmp_path: Path, table_format: str) -> None:
    data, path = tmp_path / "data", tmp_path / "rows.parquet"
    pq.write_table(rows(), path, row_group_size=7_000)
    create(data, table_format)
    chance, kills = random.Random(table_format), 0
    while True:
        command = [sys.executable, "-c", LOAD_IN_A_PROCESS, str(data), str(path)]
        environment = {**os.environ, **ENVIRONMENT}
        with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == b"begun\n"
            if kills < ROUNDS:
                time.sleep(chance.uniform(0.0, 0.7))
                process.send_signal(signal.SIGKILL)
        if process.returncode == 0:
            break
        assert process.returncode == -signal.SIGKILL
        kills += 1
        assert verify(data, 0) == []
    assert verify(data, ROWS) == []
