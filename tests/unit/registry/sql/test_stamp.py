"""The stamp misses no change, however a process ends, and is put right where it says too much."""

import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from time import thread_time
from timeit import timeit

import pytest
from sqlalchemy import Connection

from tandem.errors import StoreUnavailable
from tandem.registry.sql import SqlRegistry
from tandem.service.definitions import Definitions
from tandem.testing.purchases import purchases_group

_KILLED = """
import os, signal, sys
from pathlib import Path
from sqlalchemy import Connection
from tandem.registry.sql import SqlRegistry
from tandem.testing.purchases import purchases_group

commit = Connection.commit
registry = SqlRegistry(Path(sys.argv[1]))

def killed(connection):
    if sys.argv[2] == "after":
        commit(connection)
    os.kill(os.getpid(), signal.SIGKILL)

Connection.commit = killed
registry.add(purchases_group("by-another"))
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "registry.db"


@pytest.fixture
def registry(path: Path) -> Iterator[SqlRegistry]:
    opened = SqlRegistry(path, busy_timeout_seconds=0.1)
    opened.add(purchases_group())
    yield opened
    opened.close()


def is_right(registry: SqlRegistry) -> bool:
    return registry.stamp.read() == registry.changes(0).version


@pytest.mark.parametrize("moment", ["before", "after"])
def test_who_is_killed_around_the_commit_is_noticed(
    path: Path, registry: SqlRegistry, moment: str
) -> None:
    definitions = Definitions(registry)
    assert definitions.find("purchases") is not None
    program = [sys.executable, "-c", _KILLED, str(path), moment]
    assert subprocess.run(program, check=False).returncode == -signal.SIGKILL
    assert (definitions.find("by-another") is not None) == (moment == "after")
    assert definitions.find("purchases") is not None
    assert registry.stamp.read() == definitions._state.version  # nobody looks in vain any more


def test_a_commit_that_fails_is_put_right(
    registry: SqlRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: Connection) -> None:
        raise ZeroDivisionError

    with monkeypatch.context() as patch:
        patch.setattr(Connection, "commit", fail)
        with pytest.raises(ZeroDivisionError):
            registry.add(purchases_group("other"))
    assert registry.stamp.read() == 2
    assert registry.changes(0).version == 1
    assert registry.stamp.read() == 1


def test_while_somebody_writes_the_stamp_stays(path: Path, registry: SqlRegistry) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        other.execute("UPDATE definitions_version SET version = 2")
        registry._file_stamp.write(2)
        assert not is_right(registry)
        assert registry.stamp.read() == 2
        other.execute("COMMIT")
    assert is_right(registry)
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreUnavailable, match="locked"):  # still waits as long as it was told
            registry.add(purchases_group("other"))


def test_one_that_is_lost_with_the_power_is_made_again(path: Path, registry: SqlRegistry) -> None:
    registry.close()
    path.with_suffix(".stamp").unlink()
    later = SqlRegistry(path)
    assert later.stamp.read() == 0
    assert Definitions(later).find("purchases") is not None
    assert later.stamp.read() == 1
    later.close()


def test_a_place_without_room_for_it_is_named(path: Path) -> None:
    path.with_suffix(".stamp").mkdir()
    with pytest.raises(StoreUnavailable, match=r"registry\.stamp"):
        SqlRegistry(path)


def test_reading_costs_less_than_a_microsecond(registry: SqlRegistry) -> None:
    read = registry.stamp.read
    seconds = min(timeit(read, timer=thread_time, number=10_000) for _ in range(20))
    assert seconds / 10_000 < 1e-6


def test_a_forked_child_reads_what_the_parent_changes(registry: SqlRegistry) -> None:
    ready, go = os.pipe(), os.pipe()
    if (child := os.fork()) == 0:
        os.write(ready[1], b".")
        os.read(go[0], 1)
        os._exit(registry.stamp.read())
    os.read(ready[0], 1)
    registry.add(purchases_group("other"))
    os.write(go[1], b".")
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 2
    for descriptor in (*ready, *go):
        os.close(descriptor)
