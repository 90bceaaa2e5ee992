"""A training set that is recorded while its process is killed is there whole, or not at all."""

import random
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pyarrow as pa

import tandem

KILLS = 6
SECONDS_MAX = 60
LABELS = 40_000

# Prints the id of each set once it is recorded: then it must be there.
PROGRAM = """
import sys, tandem
import pyarrow as pa
with tandem.connect(sys.argv[1]) as store:
    count = int(sys.argv[2])
    labels = pa.table({"id": [str(n % 7) for n in range(count)], "event_time": range(count)})
    print("ready", flush=True)
    while True:
        print(store.training_set(labels, ["numbers:number"]).id, flush=True)
"""


def test_a_recorded_set_is_there_whole_or_not_at_all(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with tandem.connect(data) as store:
        group = store.create_feature_group(
            "numbers",
            features={"id": "String", "time": "Fractional", "number": "Integral"},
            record_identifier="id",
            event_time="time",
        )
        group.ingest(pd.DataFrame({"id": ["1", "2"], "time": [1.0, 2.0], "number": [1, 2]}))
    random_delay = random.Random(7)
    acknowledged: set[str] = set()
    for _ in range(KILLS):
        acknowledged |= recorded_until_killed(data, random_delay.uniform(0.05, 1.0))
        with tandem.connect(data) as store:
            found = store.datasets()
            assert acknowledged <= {one.id for one in found}
            for one in found[:3]:
                assert len(one.rebuild()) == LABELS
    assert acknowledged
    with tandem.connect(data) as store:
        labels = pa.table({"id": ["1"], "event_time": [5]})
        store.training_set(labels, ["numbers:number"])
        folders = {path.name for path in (data / "datasets").iterdir()}
        assert folders == {one.id for one in store.datasets()}  # what a crash left is gone


def recorded_until_killed(data: Path, delay: float) -> set[str]:
    command = [sys.executable, "-c", PROGRAM, str(data), str(LABELS)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        time.sleep(delay)
        process.kill()
        lines = process.stdout.read().splitlines()
    return {line for line in lines if len(line) == len("20240501T120000Z-00000000")}
