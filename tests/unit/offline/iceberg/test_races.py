"""Commits that another one comes before: each entry is a row once, whoever wins."""

import subprocess
import sys
import time
from functools import partial

import pytest

from tandem.errors import ConflictError
from tandem.model.targets import TargetStores
from tandem.offline.iceberg import store as store_module
from tandem.offline.iceberg.catalog import TableCatalog
from tandem.testing.purchases import purchase
from tandem.testing.race import race, winners
from unit.offline.iceberg.scenes import (
    ENTRIES,
    FOLDER,
    GROUP,
    GROWN,
    LOCATION,
    open_store,
    rows,
    table_of,
    with_value,
)

FIRST = ENTRIES[:1]


@pytest.fixture
def store(tmp_path):
    return open_store(tmp_path)


@pytest.fixture
def before_commit(monkeypatch):
    """Runs calls, one before each of the next commits, at the moment when nothing can turn back:
    all files are written, and the catalog is about to look which version is current.
    """
    calls = []
    real = TableCatalog.commit_table

    def commit_table(catalog, table, requirements, updates):
        if calls:
            calls.pop(0)()
        return real(catalog, table, requirements, updates)

    monkeypatch.setattr(TableCatalog, "commit_table", commit_table)
    return calls


def customers(tmp_path) -> list[str]:
    return [row["customer"] for row in rows(table_of(tmp_path))]


def check_no_file_is_left_over(tmp_path) -> None:
    """Every data file and every manifest is one that the table knows."""
    table = table_of(tmp_path)
    known = {file["file_path"] for file in table.inspect.files().to_pylist()}
    files = (tmp_path / FOLDER / "data").rglob("*.*")
    assert {f"s3://{path.relative_to(tmp_path / 'offline')}" for path in files} == known
    manifests = set()
    for snapshot in table.snapshots():
        manifests.add(snapshot.manifest_list)
        manifests |= {manifest.manifest_path for manifest in snapshot.manifests(table.io)}
    assert {
        f"{LOCATION}/metadata/{path.name}"
        for path in (tmp_path / FOLDER / "metadata").glob("*.avro")
    } == manifests


@pytest.mark.parametrize("cut", [1, 3, 5], ids=["shorter", "a little shorter", "longer"])
def test_a_range_that_lost_against_another_cut_is_withdrawn(tmp_path, store, before_commit, cut):
    winner = open_store(tmp_path)
    before_commit.append(partial(winner.append, GROUP, 0, 0, ENTRIES[:cut]))
    with pytest.raises(ConflictError, match=f"up to position {cut}"):
        store.append(GROUP, 0, 0, ENTRIES[:4])
    check_no_file_is_left_over(tmp_path)
    assert list(store.archived(GROUP)) == ENTRIES[:cut]
    store.append(GROUP, 0, cut, ENTRIES[cut:])
    assert customers(tmp_path) == ["c-1", "c-2", "c-3", "c-4", "c-5", "c-6"]
    assert list(store.archived(GROUP)) == ENTRIES


def test_a_range_that_lost_against_itself_is_done(tmp_path, store, before_commit):
    before_commit.append(partial(open_store(tmp_path).append, GROUP, 0, 0, ENTRIES))
    store.append(GROUP, 0, 0, ENTRIES)
    assert len(customers(tmp_path)) == 6
    check_no_file_is_left_over(tmp_path)


def test_a_position_alone_moves_against_a_stale_range_too(tmp_path, store, before_commit):
    """The winner adds no snapshot, so nothing but the position tells that it was there."""
    online = [purchase(GROUP, number, targets=TargetStores.ONLINE) for number in range(1, 4)]
    before_commit.append(partial(open_store(tmp_path).append, GROUP, 0, 0, online))
    with pytest.raises(ConflictError, match="up to position 3"):
        store.append(GROUP, 0, 0, ENTRIES[:2])
    assert customers(tmp_path) == []
    assert store.snapshot(GROUP).delivered == {0: 3}


@pytest.mark.parametrize("times", [1, 3])
def test_another_log_partition_may_come_between(tmp_path, store, before_commit, times):
    other = open_store(tmp_path)
    for number in range(1, times + 1):
        entry = purchase(GROUP, number, partition=1, customer=f"d-{number}")
        before_commit.append(partial(other.append, GROUP, 1, number - 1, [entry]))
        before_commit.append(lambda: None)  # the other's own commit
    store.append(GROUP, 0, 0, FIRST)
    assert customers(tmp_path) == ["c-1", *(f"d-{number}" for number in range(1, times + 1))]
    assert store.snapshot(GROUP).delivered == {0: 1, 1: times}
    check_no_file_is_left_over(tmp_path)


def test_a_column_may_come_between(tmp_path, store, before_commit):
    """Both want to add the column; the second finds it there and writes its files with its id."""
    store.append(GROUP, 0, 0, FIRST)
    theirs = with_value(purchase(GROWN, 1, partition=1, customer="d-1"), "shop", "north")
    ours = with_value(purchase(GROWN, 2, customer="c-2"), "shop", "south")
    before_commit.append(partial(open_store(tmp_path).append, GROWN, 1, 0, [theirs]))
    store.append(GROWN, 0, 1, [ours])
    found = {row["customer"]: row["shop"] for row in rows(table_of(tmp_path))}
    assert found == {"c-1": None, "c-2": "south", "d-1": "north"}
    assert len(table_of(tmp_path).schemas()) == 2
    check_no_file_is_left_over(tmp_path)


def test_a_table_that_never_holds_still_is_given_up(tmp_path, store, before_commit, monkeypatch):
    monkeypatch.setattr(store_module, "_COMMIT_ATTEMPTS", 2)
    store.append(GROUP, 0, 0, FIRST)

    def move():
        table = table_of(tmp_path)
        table.transaction().set_properties({"moved": str(time.time_ns())}).commit_transaction()

    real = TableCatalog.load_table

    def load_table(catalog, identifier):
        loaded = real(catalog, identifier)
        if isinstance(catalog, TableCatalog):
            move()
        return loaded

    monkeypatch.setattr(TableCatalog, "load_table", load_table)
    with pytest.raises(ConflictError, match="moved 2 times"):
        store.append(GROUP, 0, 1, [purchase(GROUP, 2, targets=TargetStores.ONLINE)])


def test_many_stores_make_the_catalog_and_the_table_together(tmp_path):
    outcomes = race(
        [
            lambda number=number: open_store(tmp_path).append(
                GROUP, number, 0, [purchase(GROUP, 1, partition=number, customer=f"c-{number}")]
            )
            for number in range(6)
        ]
    )
    assert winners(outcomes) == 6, outcomes
    assert len(customers(tmp_path)) == 6
    assert open_store(tmp_path).snapshot(GROUP).delivered == dict.fromkeys(range(6), 1)


def test_readers_see_whole_ranges_while_a_deliverer_is_at_work(tmp_path):
    ranges = [
        [purchase(GROUP, start + number, customer=f"c-{start + number}") for number in (1, 2, 3)]
        for start in range(0, 60, 3)
    ]
    writer = open_store(tmp_path)

    def deliver():
        for entries in ranges:
            writer.append(GROUP, 0, entries[0].position - 1, entries)

    def read():
        reader = open_store(tmp_path)
        seen = 0
        while seen < 60:
            snapshot = reader.snapshot(GROUP)
            delivered = snapshot.delivered.get(0, 0)
            assert len(snapshot.files) * 3 == delivered >= seen
            seen = delivered

    assert winners(race([deliver, read, read])) == 3


_DELIVERER = """
import sys
from pathlib import Path
from tandem.testing.purchases import NOON, purchase
from tandem.model.event_time import EventTime
sys.path.insert(0, sys.argv[2])
from unit.offline.iceberg.scenes import GROUP, open_store

store = open_store(Path(sys.argv[1]))
while True:
    after = store.snapshot(GROUP).delivered.get(0, 0)
    entries = [
        purchase(GROUP, position, customer=f"c-{position}",
                 event_time=EventTime(NOON.seconds + position * 40_000, 0))
        for position in range(after + 1, after + 4)
    ]
    store.append(GROUP, 0, after, entries)
    print(entries[-1].position, flush=True)
"""


def test_a_deliverer_that_is_killed_again_and_again_delivers_once(tmp_path, request):
    """The process gets kill -9 wherever it stands; what it had reported delivered is delivered."""
    reported = 0
    tests = request.config.rootpath / "tests"
    for pause_seconds in (0.02, 0.07, 0.11):
        with subprocess.Popen(
            [sys.executable, "-c", _DELIVERER, str(tmp_path), str(tests)],
            stdout=subprocess.PIPE,
            text=True,
        ) as process:
            assert process.stdout is not None
            lines = [process.stdout.readline()]
            time.sleep(pause_seconds)
            process.kill()
            lines += process.stdout.read().split()
        reported = max(reported, *(int(line) for line in lines))
    store = open_store(tmp_path)
    delivered = store.snapshot(GROUP).delivered[0]
    assert delivered >= reported > 0
    positions = [entry.position for entry in store.archived(GROUP)]
    assert positions == list(range(1, delivered + 1))
    assert customers(tmp_path) == sorted(f"c-{position}" for position in positions)
