"""A batch load survives its server: killed again and again, it goes on by itself.

Each row has a token of its own; in the end each is in history once, and each row that does not fit
is in the file of failed rows once, wherever the kills fell. TANDEM_KILL_ROUNDS sets the number of
kills.
"""

import os
import random
import sys
import time
from pathlib import Path

import pyarrow.parquet as pq

import tandem
from e2e.crash.test_kill import ROUNDS
from e2e.crash.test_load import ENVIRONMENT, HERE, MUTANT_ROUNDS_MAX, ROWS, create, rows, verify
from e2e.server_process import ServerProcess, free_port
from tandem.sdk.batch_load import BatchLoad

PART_ROWS = 250
"""So many files that a load lasts for some seconds, however quick the machine is."""
BAD_ROWS = 10
SECONDS_MAX = 60


def write_files(folder: Path) -> None:
    """Parquet files with all rows, and between them CSV whose rows do not fit."""
    folder.mkdir()
    everything = rows()
    for number, start in enumerate(range(0, ROWS, PART_ROWS)):
        pq.write_table(everything.slice(start, PART_ROWS), folder / f"{number}.parquet")
        bad = "".join(f"K{row},not a time,bad\n" for row in range(BAD_ROWS))
        (folder / f"{number}-bad.csv").write_text(f"key,time,token\n{bad}")


def rounds(folder: Path, count: int, *, verifies_each: bool, **variables: str) -> list[str]:
    """Kills the server up to `count` times during one load; returns what is wrong then, or after
    the first kill that left something wrong.
    """
    chance, data, port = random.Random(folder.name), folder / "data", free_port()
    write_files(folder / "incoming")
    environment = {
        **ENVIRONMENT,
        "TANDEM_BATCH_LOAD_FOLDERS": str(folder / "incoming"),
        **variables,
    }
    load_id, kills = "", 0
    while True:
        with ServerProcess(data, port=port, environment=environment) as server:
            if not load_id:
                create(server.url)
            with tandem.connect(server.url) as store:
                if not load_id:
                    load_id = store.batch_load("load", f"{folder}/incoming", on_error="skip").id
                load = store.find_batch_load(load_id)
                if kills < count:
                    wait_for_progress(load)
                    time.sleep(chance.uniform(0.0, 0.3))
                else:
                    load.wait(timeout_seconds=SECONDS_MAX)
                told = load.refresh()
        if told.status.is_over:
            break
        kills += 1
        if verifies_each and (wrong := verify(data, 0)):
            return wrong
    assert kills >= min(count, 2), "the load was over before it could be killed"
    failed = pq.read_table(data / "s3" / told.failed_rows.removeprefix("s3://"))
    places = {(row["_file"], row["_row"]) for row in failed.to_pylist()}
    counts = (failed.num_rows, len(places), told.progress.rows_written)
    wanted = (BAD_ROWS * ROWS // PART_ROWS, BAD_ROWS * ROWS // PART_ROWS, ROWS)
    wrong = verify(data, ROWS)
    if told.status != "Completed" or counts != wanted:
        wrong.append(f"the load is {told.status} ({told.failure_reason}) with {counts}")
    return wrong


def wait_for_progress(load: BatchLoad) -> None:
    """So that it is killed while it works, however long it takes to be taken over."""
    begun, deadline = load.progress.rows_done, time.monotonic() + SECONDS_MAX
    while load.progress.rows_done == begun and not load.status.is_over:
        assert time.monotonic() < deadline, "nobody goes on with the load"
        time.sleep(0.01)


def test_kill_9_during_a_batch_load(tmp_path: Path) -> None:
    assert rounds(tmp_path, ROUNDS, verifies_each=False) == []


def test_a_planted_bug_is_found(tmp_path: Path) -> None:
    planted = {
        "TANDEM_ONLINE_STORE": "load_mutants:MarksInACommitOfTheirOwn",
        "PYTHONPATH": os.pathsep.join([str(HERE), *sys.path]),
    }
    wrong = rounds(tmp_path, MUTANT_ROUNDS_MAX, verifies_each=True, **planted)
    assert any("more than once" in fault for fault in wrong), wrong
