"""Several processes on one environment, some of which are killed in the middle of what they do."""

import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tandem.online.lmdb import LmdbOnlineStore
from tandem.rows.segment import one_by_one

KILLS = int(os.environ.get("TANDEM_KILL_ROUNDS", "6"))

_HOLDS = """
import sys, time
from pathlib import Path
from tandem.online.lmdb import LmdbOnlineStore
store = LmdbOnlineStore(Path(sys.argv[1]), 1 << 30)
with store._begin(write=sys.argv[2] == "write") as transaction:
    if sys.argv[2] == "write":
        transaction.put(b"half", b"x" * 100_000, db=store._meta)
    print("held", flush=True)
    time.sleep(60)
"""
_WRITES = """
import sys, time
from pathlib import Path
from tandem.online.lmdb import LmdbOnlineStore
from tandem.testing.writes import a_put
store = LmdbOnlineStore(Path(sys.argv[1]), 1 << 30)
name, ahead_us = sys.argv[2], int(sys.argv[3])
for number in range(1_000_000):
    writes = [a_put(f"{name}-{number}-{part}", 1) for part in range(3)]
    outcomes = store.write(writes, lambda: time.time_ns() // 1_000 + ahead_us)
    print(*(one.position for one in outcomes), flush=True)
"""


def started(program: str, *arguments: object) -> "subprocess.Popen[str]":
    command = [sys.executable, "-c", program, *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def wait_for_a_line(process: "subprocess.Popen[str]") -> str:
    assert process.stdout is not None
    return process.stdout.readline()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "online"


@pytest.fixture
def store(path: Path) -> Iterator[LmdbOnlineStore]:
    opened = LmdbOnlineStore(path, 1 << 30)
    yield opened
    opened.close()


def test_the_lock_of_a_killed_writer_is_free_at_once(path: Path, store: LmdbOnlineStore) -> None:
    for _ in range(2):
        with started(_HOLDS, path, "write") as holder:
            assert wait_for_a_line(holder) == "held\n"
            is_done = threading.Event()

            def write(is_done: threading.Event = is_done) -> None:
                store.write([], lambda: 1)
                is_done.set()

            writing = threading.Thread(target=write)
            writing.start()
            assert not is_done.wait(0.2)
            os.kill(holder.pid, signal.SIGKILL)
            assert is_done.wait(30)  # and not when the holder would have ended
            writing.join()
        with store._begin() as transaction:
            assert transaction.get(b"half", db=store._meta) is None


def test_what_a_killed_reader_saw_is_let_go(path: Path, store: LmdbOnlineStore) -> None:
    with started(_HOLDS, path, "read") as reader:
        assert wait_for_a_line(reader) == "held\n"
        os.kill(reader.pid, signal.SIGKILL)
    assert str(reader.pid) in store._environment.readers()
    store.sweep(now_ms=0, limit=1)
    assert str(reader.pid) not in store._environment.readers()


def test_of_killed_writers_nothing_acknowledged_is_lost_and_time_goes_on(
    path: Path, store: LmdbOnlineStore
) -> None:
    """One of the two has a clock that is an hour ahead."""
    acknowledged: list[int] = []

    def read(process: "subprocess.Popen[str]") -> None:
        assert process.stdout is not None
        for line in process.stdout:
            if line.endswith("\n"):
                acknowledged.extend(map(int, line.split()))

    def begun(number: int) -> "tuple[subprocess.Popen[str], threading.Thread]":
        process = started(_WRITES, path, number, 3_600_000_000 * (number % 2))
        reading = threading.Thread(target=read, args=(process,))
        reading.start()
        return process, reading

    def end(process: "subprocess.Popen[str]", reading: threading.Thread) -> None:
        process.kill()
        reading.join()  # to the end of what it had printed
        process.wait()
        assert process.stdout is not None
        process.stdout.close()

    running = [begun(number) for number in range(2)]
    for number in range(2, 2 + KILLS):
        seen = len(acknowledged)
        deadline = time.monotonic() + 60
        while len(acknowledged) < seen + 30:
            assert time.monotonic() < deadline  # whoever is left goes on
            time.sleep(0.01)
        time.sleep(random.uniform(0, 0.05))
        process, reading = running.pop(0)
        end(process, reading)
        running.append(begun(number))
    for process, reading in running:
        end(process, reading)
    with store.log() as log:
        entries = list(one_by_one(log.parts(0, 0)))
    assert [entry.position for entry in entries] == list(range(1, len(entries) + 1))
    assert len(acknowledged) == len(set(acknowledged))
    assert set(acknowledged) <= {entry.position for entry in entries}
    moments = [entry.write_time_us for entry in entries]
    assert moments == sorted(moments)
    commits: dict[str, list[int]] = {}
    for entry in entries:
        name = entry.key.identifier.rpartition("-")[0]
        commits.setdefault(name, []).append(entry.write_time_us)
    assert all(len(times) == 3 and len(set(times)) == 1 for times in commits.values())
    assert len({times[0] for times in commits.values()}) == len(commits)
