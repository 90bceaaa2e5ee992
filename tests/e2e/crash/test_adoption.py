"""Files that others put into a history survive the server that adopts them, and come in once.

Each row has a token of its own. TANDEM_KILL_ROUNDS sets the number of kills.
"""

import os
import random
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pyarrow.parquet as pq

import tandem
from e2e.crash.load_mutants import GAP
from e2e.crash.test_kill import ROUNDS
from e2e.crash.test_load import (
    ENVIRONMENT,
    HERE,
    MUTANT_ROUNDS_MAX,
    await_gap,
    create,
    rows,
    verify,
)
from e2e.server_process import ServerProcess
from tandem.service.adoption import TARGETS_TAG

ROWS = 12_000
FILES_AT_ONCE = 4
QUICK = {"TANDEM_ADOPTION_INTERVAL_SECONDS": "0.02", "TANDEM_ADOPTION_STILL_SECONDS": "0.02"}

ADOPTING_PROCESS = """
import sys, tandem
with tandem.connect(sys.argv[1], adoption_interval_seconds=1e6) as store:
    print(store.feature_group("load").adopt_files().rows)
"""


def prepare(place: str) -> None:
    create(place)
    with tandem.connect(place) as store:
        store.feature_group("load").add_tags({TARGETS_TAG: "OnlineStore"})


def put_files(data: Path, first: int, count: int) -> None:
    """Some of the rows, in files that appear whole, as Spark's do."""
    place = Path((data.parent / "place").read_text())
    hour = place / "year=2023" / "month=11" / "day=14" / "hour=22"
    hour.mkdir(parents=True, exist_ok=True)
    some, step = rows(), -(-count // FILES_AT_ONCE)
    for start in range(first, first + count, step):
        path = hour / f"part-{start:06d}.parquet"
        written = path.with_name(f"_{path.name}")
        pq.write_table(some.slice(start, min(step, first + count - start)), written)
        written.rename(path)


def note_place(data: Path, url: str) -> None:
    with tandem.connect(url) as store:
        offline = store.feature_group("load").definition.offline
    assert offline is not None
    place = data / "s3" / offline.resolved_uri.removeprefix("s3://")
    (data.parent / "place").write_text(str(place))


def rounds(folder: Path, count: int, **variables: str) -> list[str]:
    """Ends the server `count` times while files come; returns the first fault that is found."""
    chance, data = random.Random(folder.name), folder / "data"
    share = ROWS // (count + 1)
    for number in range(count + 1):
        with ServerProcess(data, environment={**ENVIRONMENT, **QUICK, **variables}) as server:
            if number == 0:
                prepare(server.url)
                note_place(data, server.url)
            is_last = number == count
            put_files(data, number * share, ROWS - number * share if is_last else share)
            if is_last:
                with tandem.connect(server.url) as store:
                    left = store.feature_group("load").adopt_files()
                if left.refused or left.waiting:
                    return [f"files are left: {left}"]
            else:
                wait_for_adoption(data)
                if GAP in variables:
                    await_gap(Path(variables[GAP]))
                else:
                    time.sleep(chance.uniform(0.0, 0.5))
            server.kill()
        if wrong := verify(data, ROWS if is_last else 0):
            return wrong
    return []


def wait_for_adoption(data: Path) -> None:
    """So that the server is killed while it adopts, however long its background takes to start."""
    place, deadline = Path((data.parent / "place").read_text()), time.monotonic() + 60
    while not any(place.parent.glob("_adopting/*")) and any(place.rglob("part-*.parquet")):
        assert time.monotonic() < deadline, "nobody adopts the files"
        time.sleep(0.005)


def test_kill_9_during_adoption(tmp_path: Path) -> None:
    assert rounds(tmp_path, max(ROUNDS - 1, 1)) == []


def test_a_planted_bug_is_found(tmp_path: Path) -> None:
    paths = os.pathsep.join([str(HERE), *sys.path])
    planted = {
        "TANDEM_ONLINE_STORE": "load_mutants:MarksInACommitOfTheirOwn",
        "PYTHONPATH": paths,
        GAP: str(tmp_path / "gap"),
    }
    wrong = rounds(tmp_path, MUTANT_ROUNDS_MAX, **planted)
    assert any("more than once" in fault for fault in wrong), wrong


def test_two_servers_and_a_program_adopt_at_once(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with (
        ServerProcess(data, environment={**ENVIRONMENT, **QUICK}) as first,
        ServerProcess(data, environment={**ENVIRONMENT, **QUICK}) as second,
    ):
        prepare(first.url)
        note_place(data, first.url)
        writer = threading.Thread(target=put_files, args=(data, 0, ROWS))
        writer.start()
        with ThreadPoolExecutor() as pool:
            calls = [pool.submit(adopt_often, server.url) for server in (first, second)]
            program = subprocess.run(
                [sys.executable, "-c", ADOPTING_PROCESS, str(data)],
                capture_output=True,
                check=True,
                text=True,
            )
            writer.join()
            told = sum(call.result() for call in calls) + int(program.stdout)
        with tandem.connect(second.url) as store:
            told += store.feature_group("load").adopt_files().rows
            assert len(store.sql('SELECT token FROM "load"')) == ROWS
    # The background tells nobody what it has adopted.
    assert told <= ROWS
    assert verify(data, ROWS) == []


def adopt_often(url: str) -> int:
    with tandem.connect(url) as store:
        group = store.feature_group("load")
        return sum(group.adopt_files().rows for _ in range(3))
