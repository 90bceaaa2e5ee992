"""Kills in the middle of OPTIMIZE, DELETE and VACUUM, while another process delivers.

TANDEM_KILL_ROUNDS sets the number of kills.
"""

import os
import random
import subprocess
import sys
import time
from collections import Counter
from contextlib import contextmanager
from pathlib import Path

import pyarrow.parquet as pq

from e2e.crash.test_kill import SETTINGS, verify
from e2e.crash.workload import Account, Writers, create_groups
from e2e.server_process import ServerProcess
from unit.offline.iceberg.scenes import GROUP, open_store, rows, table_of

ROUNDS = int(os.environ.get("TANDEM_KILL_ROUNDS", "3"))
TESTS = Path(__file__).parents[2]
SECONDS_MAX = 30

# By a clock that is far ahead, a vacuum removes at once whatever no version has.
_BEGINNING = """
import sys, time
from contextlib import suppress
from pathlib import Path
from tandem.errors import ConflictError
from tandem.offline.iceberg import IcebergOfflineStore
folder = Path(sys.argv[1])

def open_store(root, catalog):
    return IcebergOfflineStore(root, catalog, clock_seconds=lambda: time.time() + 1e7)
"""
COMPACT_AND_VACUUM = (
    _BEGINNING
    + """
from tandem.assembly.core import Core
from tandem.assembly.settings import Settings

core = Core(Settings(data=folder), in_background=False)
group = core.groups.describe("crash-test-iceberg")
versions = open_store(folder / "s3", folder / "iceberg.sqlite").versions(group)
while not versions.properties(group):
    time.sleep(0.01)
versions.change_properties(group, {"optimize_rewrite_data_file_threshold": "2"})
while True:
    print(versions.compact(group), versions.vacuum(group), flush=True)
"""
)
DELIVER = (
    _BEGINNING
    + """
sys.path.insert(0, sys.argv[2])
from unit.offline.iceberg.scenes import GROUP
from tandem.model.event_time import EventTime
from tandem.testing.purchases import NOON, purchase

store = open_store(folder / "offline", folder / "iceberg.sqlite")
while True:
    after = store.snapshot(GROUP).delivered.get(0, 0)
    entries = [
        purchase(GROUP, position, customer=f"c-{position % 3}", amount=f"{position}.0",
                 event_time=EventTime(NOON.seconds + position % 2 * 86_400, 0))
        for position in range(after + 1, after + 5)
    ]
    with suppress(ConflictError):
        store.append(GROUP, 0, after, entries)
    print(after, flush=True)
"""
)
REWRITE = (
    _BEGINNING
    + """
import random
sys.path.insert(0, sys.argv[2])
import pyarrow.parquet as pq
from unit.offline.iceberg.scenes import GROUP

versions = open_store(folder / "offline", folder / "iceberg.sqlite").versions(GROUP)
while not versions.properties(GROUP):
    time.sleep(0.01)
versions.change_properties(GROUP, {"optimize_rewrite_data_file_threshold": "2"})

def sevenths(snapshot):
    found = {}
    for path in snapshot.files:
        with pq.ParquetFile(path) as file:
            amounts = file.read(["amount"]).column(0).to_pylist()
        found[path] = [number for number, amount in enumerate(amounts) if amount % 7 == 0]
    return found

while True:
    for call in random.sample(
        [lambda: versions.delete(GROUP, sevenths), lambda: versions.compact(GROUP),
         lambda: versions.vacuum(GROUP)], 3
    ):
        with suppress(ConflictError):
            print(call(), flush=True)
"""
)


@contextmanager
def running(code: str, folder: Path):
    """A process of that code. It is killed at the end, in the middle of whatever it does."""
    with subprocess.Popen(
        [sys.executable, "-c", code, folder, TESTS],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            assert process.stdout is not None
            first = process.stdout.readline()
            assert first, process.stderr.read()
            yield process
        finally:
            process.kill()
            _, complaint = process.communicate()
        assert complaint == "", complaint


def test_nothing_is_lost_or_doubled_while_a_table_is_compacted_and_vacuumed(tmp_path):
    chance = random.Random(tmp_path.name)
    account = Account()
    data = tmp_path / "data"
    for number in range(ROUNDS):
        server = ServerProcess(data, environment=SETTINGS)
        if number == 0:
            create_groups(server)
        writers = Writers(server, f"round-{number}", account)
        writers.begin()
        with running(COMPACT_AND_VACUUM, data) as process:
            while "files_after=0" in (line := process.stdout.readline()):
                pass
            assert "files_after=" in line, process.stderr.read()
            time.sleep(chance.uniform(0, 1))
            server.kill()
        writers.join()
        assert verify(tmp_path, data, account) == []
    assert len(account.acknowledged) > 10 * ROUNDS, "the writers hardly wrote anything"


def test_kill_9_of_those_who_deliver_and_of_those_who_rewrite(tmp_path):
    chance = random.Random(tmp_path.name)
    for _ in range(ROUNDS):
        with running(DELIVER, tmp_path) as deliverer, running(REWRITE, tmp_path) as rewriter:
            # As many as a busy machine takes its time for; then the kill falls anywhere.
            for process, least in ((deliverer, 5), (rewriter, 3)):
                for _ in range(least):
                    assert process.stdout.readline(), process.stderr.read()
            time.sleep(chance.uniform(0, 1))
        check(tmp_path)
    assert open_store(tmp_path).snapshot(GROUP).delivered[0] >= 20 * ROUNDS


def check(folder: Path) -> None:
    store = open_store(folder)
    snapshot = store.snapshot(GROUP)
    last = snapshot.delivered[0]
    found = []
    for path in snapshot.files:
        with pq.ParquetFile(path) as file:
            found += file.read().to_pylist()
    numbers = [int(row["amount"]) for row in found]
    assert max(Counter(numbers).values()) == 1
    missing = set(range(1, last + 1)) - set(numbers)
    assert [number for number in missing if number % 7] == []
    assert set(numbers) <= set(range(1, last + 1))
    # Rows of one key and one event time are in the order in which they were written.
    by_moment: dict[tuple[str, str], list[int]] = {}
    for row in found:
        by_moment.setdefault((row["customer"], row["bought_at"]), []).append(int(row["amount"]))
    assert all(order == sorted(order) for order in by_moment.values())
    assert [entry.position for entry in store.archived(GROUP)] == sorted(numbers)
    assert sorted(int(row["amount"]) for row in rows(table_of(folder))) == sorted(numbers)
