import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from dataclasses import replace
from functools import partial
from threading import Timer

import pytest
from sqlalchemy import create_engine, inspect, text

from tandem.errors import ConflictError, DataCorrupted, StoreUnavailable
from tandem.registry.base import Changes, DeliveryState
from tandem.registry.sql import SqlRegistry
from tandem.registry.sql.database import Database
from tandem.registry.sql.migrations import _STEPS
from tandem.registry.sql.tables import SCHEMA_VERSION
from tandem.testing.purchases import purchases_group
from tandem.testing.race import race
from tandem.testing.registry_contract import elaborate_group


@pytest.fixture
def path(tmp_path):
    return tmp_path / "registry.db"


@pytest.fixture
def registry(path):
    opened = SqlRegistry(path, busy_timeout_seconds=0.1)
    yield opened
    opened.close()


def test_commits_are_synced_and_logged_ahead(path, registry):
    with registry._database.read() as connection:
        for setting, expected in (("journal_mode", "wal"), ("synchronous", 2), ("fullfsync", 1)):
            assert connection.exec_driver_sql(f"PRAGMA {setting}").scalar() == expected


def test_folders_above_are_made(tmp_path):
    SqlRegistry(tmp_path / "a" / "b" / "registry.db").close()
    assert (tmp_path / "a" / "b" / "registry.db").exists()


def test_a_newer_layout_is_refused(path, registry):
    registry.close()
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE schema_version SET version = ?", (SCHEMA_VERSION + 1,))
    with pytest.raises(StoreUnavailable, match=f"has layout version {SCHEMA_VERSION + 1}"):
        SqlRegistry(path)


def test_an_older_layout_is_brought_up_to_date(path, registry):
    group = elaborate_group()
    registry.add(group)
    registry.set_delivery(0, DeliveryState(), DeliveryState(7, 9))
    registry.close()
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.executescript(
            "DROP INDEX feature_groups_catalog_table;"
            "ALTER TABLE feature_groups DROP COLUMN catalog_table;"
            "ALTER TABLE deliveries DROP COLUMN late;"
            "DROP INDEX feature_groups_changed_at;"
            "ALTER TABLE feature_groups DROP COLUMN changed_at;"
            "DROP TABLE aliases; DROP TABLE definitions_version; DROP TABLE documents;"
            "DROP TABLE usage;"
            "UPDATE schema_version SET version = 1;"
        )
    opened = race([partial(SqlRegistry, path) for _ in range(4)])
    for later in opened:
        assert later.changes(0) == Changes(1, (group,), {})
        later.close()
    later = SqlRegistry(path)
    assert later.delivery(0) == DeliveryState(7, 9)
    with pytest.raises(ConflictError, match="catalog table"):
        later.add(replace(group, name="other", group_id="other-1"), is_table_new=True)
    later.set_alias("current", group.name)
    later.put_document("role", "reader", "{}", 0)
    assert later.changes(1) == Changes(2, (), {"current": group.name})
    later.close()
    SqlRegistry(path.with_name("new.db")).close()
    assert layout(path) == layout(path.with_name("new.db"))
    assert max(_STEPS) == SCHEMA_VERSION


def layout(path):
    """The columns and indexes of each table."""
    engine = create_engine(f"sqlite:///{path}")
    found = inspect(engine)
    described = {
        name: (
            [
                (c["name"], str(c["type"]), c["nullable"], c["default"])
                for c in found.get_columns(name)
            ],
            found.get_pk_constraint(name)["constrained_columns"],
            sorted((index["name"], index["unique"]) for index in found.get_indexes(name)),
        )
        for name in found.get_table_names()
    }
    engine.dispose()
    return described


def test_many_may_open_a_new_database_at_once(path):
    opened = race([partial(SqlRegistry, path) for _ in range(8)])
    assert all(isinstance(registry, SqlRegistry) for registry in opened)
    opened[0].add(purchases_group())
    assert opened[1].find("purchases") == purchases_group()
    for registry in opened:
        registry.close()


def test_opening_waits_where_another_process_makes_the_database(path):
    """Turning the write-ahead log on fails at once while another writes, whatever the timeout."""
    with closing(sqlite3.connect(path, isolation_level=None, check_same_thread=False)) as other:
        other.execute("BEGIN IMMEDIATE")
        other.execute("CREATE TABLE elsewhere (number INTEGER)")
        release = Timer(0.1, other.execute, ["COMMIT"])
        release.start()
        registry = SqlRegistry(path)
        release.join()
    assert registry.find("purchases") is None
    registry.close()


def test_opening_does_not_wait_for_ever(path):
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        other.execute("CREATE TABLE elsewhere (number INTEGER)")
        with pytest.raises(StoreUnavailable, match=r"locked .* more than 0\.1 seconds"):
            SqlRegistry(path, busy_timeout_seconds=0.1)


def test_a_file_that_is_no_database_is_refused(path):
    path.write_bytes(b"this is not a database" * 500)
    with pytest.raises(DataCorrupted, match="restore it from a backup"):
        SqlRegistry(path)


def test_a_damaged_page_is_reported(path, registry):
    registry.add(purchases_group())
    registry.close()
    with closing(sqlite3.connect(path)) as connection:
        (page_bytes,) = connection.execute("PRAGMA page_size").fetchone()
        (page,) = connection.execute(
            "SELECT rootpage FROM sqlite_master WHERE name = 'feature_groups'"
        ).fetchone()
    content = bytearray(path.read_bytes())
    content[(page - 1) * page_bytes : page * page_bytes] = b"\xff" * page_bytes
    path.write_bytes(content)
    damaged = SqlRegistry(path)
    with pytest.raises(DataCorrupted, match="damaged"):
        damaged.groups()
    damaged.close()


def test_a_path_that_cannot_be_opened_is_named(tmp_path):
    with pytest.raises(StoreUnavailable, match=str(tmp_path)):
        SqlRegistry(tmp_path)
    (tmp_path / "file").touch()
    with pytest.raises(StoreUnavailable, match="folder cannot be made"):
        SqlRegistry(tmp_path / "file" / "registry.db")


def test_a_write_waits_for_another_process_and_then_gives_up(path, registry):
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreUnavailable, match=r"locked .* more than 0\.1 seconds"):
            registry.add(purchases_group())
        assert registry.find("purchases") is None  # readers do not wait
        SqlRegistry(path, busy_timeout_seconds=0.1).close()  # nor does opening
        other.execute("ROLLBACK")
    registry.add(purchases_group())
    assert registry.find("purchases") == purchases_group()


def test_a_full_disk_is_named_and_nothing_is_written(path, registry):
    """SQLite answers a write past max_page_count exactly as it answers a full disk."""
    with registry._database.read() as connection:
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar()
        connection.exec_driver_sql(f"PRAGMA max_page_count = {pages}")
    large = purchases_group("x" * 64)
    large = type(large)(**{**vars(large), "description": "x" * 100_000})
    with pytest.raises(StoreUnavailable, match=r"disk that holds the registry .* is full"):
        registry.add(large)
    assert registry.find(large.name) is None
    registry.add(purchases_group())


def test_an_error_in_the_block_undoes_it(path):
    def fail(database):
        with database.write() as connection:
            connection.execute(text("DELETE FROM schema_version"))
            raise ZeroDivisionError

    with closing(Database(path)) as database:
        with pytest.raises(ZeroDivisionError):
            fail(database)
        with database.read() as connection:
            assert connection.execute(text("SELECT version FROM schema_version")).scalar() == (
                SCHEMA_VERSION
            )


def test_reading_sees_one_moment(path, registry):
    other = SqlRegistry(path)
    with registry._database.read() as connection:
        count = text("SELECT count(*) FROM feature_groups")
        assert connection.execute(count).scalar() == 0
        other.add(purchases_group())
        assert connection.execute(count).scalar() == 0
    with registry._database.read() as connection:
        assert connection.execute(count).scalar() == 1
    other.close()


def test_all_connections_in_use_is_an_answer(path, registry, monkeypatch):
    monkeypatch.setattr("tandem.registry.sql.database._CONNECTIONS_MAX", 1)
    small = SqlRegistry(path, busy_timeout_seconds=0.1)
    with (
        small._database.read(),
        pytest.raises(StoreUnavailable, match="all 1 connections are in use"),
    ):
        small.find("purchases")
    small.close()


def test_calls_on_a_closed_registry_are_refused(registry):
    registry.close()
    for call in (
        lambda: registry.manifest("g-1"),
        lambda: registry.advance("g-1", [], {0: 0}, {0: 1}),
        lambda: registry.delivery(0),
        lambda: registry.set_delivery(0, DeliveryState(), DeliveryState(0, 1)),
    ):
        with pytest.raises(StoreUnavailable, match="closed"):
            call()


_RACER = """
import sys
from pathlib import Path
from tandem.errors import ConflictError
from tandem.model.history import DataFile
from tandem.registry.base import Changes, DeliveryState
from tandem.registry.sql import SqlRegistry

registry = SqlRegistry(Path(sys.argv[1]))
advances, moves, conflicts = [], [], 0
print("ready", flush=True)
sys.stdin.readline()
while len(advances) < 40:
    stood = registry.manifest("g-1").delivered_through(0)
    file = DataFile(path=f"{sys.argv[2]}-{stood}", sequence=stood + 1, rows=1, size_bytes=1,
                    event_seconds_min=0, event_seconds_max=0)
    try:
        registry.advance("g-1", [file], {0: stood}, {0: stood + 1})
        advances.append(stood)
    except ConflictError:
        conflicts += 1
while len(moves) < 40:
    state = registry.delivery(0)
    try:
        registry.set_delivery(0, state, DeliveryState(state.delivered + 1, None))
        moves.append(state.delivered)
    except ConflictError:
        conflicts += 1
print(conflicts, *advances, "|", *moves)
"""


def test_of_racing_processes_each_position_has_one_winner(path):
    start, go = os.pipe()
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", _RACER, str(path), str(number)],
            stdin=start,
            stdout=subprocess.PIPE,
            text=True,
        )
        for number in range(3)
    ]
    for process in processes:
        assert process.stdout.readline() == "ready\n"
    answers = []
    os.close(go)  # for all of them at once
    os.close(start)
    for process in processes:
        answers.append(process.communicate(timeout=60)[0])
        assert process.returncode == 0
    advances, moves, conflicts = [], [], 0
    for answer in answers:
        first, _, second = answer.partition("|")
        lost, *won = (int(word) for word in first.split())
        conflicts += lost
        advances += won
        moves += [int(word) for word in second.split()]
    assert sorted(advances) == list(range(120))
    assert sorted(moves) == list(range(120))
    assert conflicts > 0  # they did meet
    registry = SqlRegistry(path)
    assert registry.manifest("g-1").delivered == {0: 120}
    assert [file.sequence for file in registry.manifest("g-1").files] == list(range(1, 121))
    assert registry.delivery(0) == DeliveryState(120, None)
    registry.close()


_KILLED = """
import sys
from pathlib import Path
from tandem.registry.sql import SqlRegistry
from tandem.testing.purchases import purchases_group

registry = SqlRegistry(Path(sys.argv[1]))
number = len(registry.groups())
while True:
    registry.add(purchases_group(f"g-{number}"))
    print(number, flush=True)
    number += 1
"""


def test_what_was_answered_survives_kill_9(path):
    answered = -1
    for lines in (3, 8):
        with subprocess.Popen(
            [sys.executable, "-c", _KILLED, str(path)], stdout=subprocess.PIPE, text=True
        ) as process:
            for _ in range(lines):
                answered = int(process.stdout.readline())
            process.kill()
            for line in process.stdout.read().split():
                answered = max(answered, int(line))
    registry = SqlRegistry(path)
    names = {group.name for group in registry.groups()}
    assert {f"g-{number}" for number in range(answered + 1)} <= names
    registry.close()
