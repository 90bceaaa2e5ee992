"""One limit for all processes, whatever becomes of one of them."""

import fcntl
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from tandem.assembly.buckets import BucketFiles, BucketsInMemory
from tandem.errors import StoreUnavailable
from tandem.model.throughput import Direction
from tandem.service.clock import system_clock
from tandem.service.throughput import Buckets

START_US = 1_700_000_000_000_000
RATE = 50


@pytest.fixture
def clock() -> SimpleNamespace:
    return SimpleNamespace(us=START_US)


@pytest.fixture(params=["files", "memory"])
def buckets(request: pytest.FixtureRequest, tmp_path: Path, clock: SimpleNamespace) -> Buckets:
    if request.param == "files":
        return BucketFiles(tmp_path / "throughput", lambda: clock.us)
    return BucketsInMemory(lambda: clock.us)


def test_each_group_and_direction_has_its_own(buckets: Buckets, clock: SimpleNamespace) -> None:
    for group in ("a", "b"):
        for direction in Direction:
            assert buckets.take(group, direction, 2, 2, 2) == 2
            assert buckets.take(group, direction, 2, 1, 1) == 0
    clock.us += 500_000
    assert buckets.take("a", Direction.WRITE, 2, 1, 1) == 1
    assert buckets.take("a", Direction.READ, 0, 1, 1) == 0


def test_a_bucket_that_cannot_be_opened_is_named(tmp_path: Path) -> None:
    buckets = BucketFiles(tmp_path / "throughput", system_clock)
    (tmp_path / "throughput" / "a").mkdir()
    with pytest.raises(StoreUnavailable, match=r"throughput/a' \(Is a directory\): try again"):
        buckets.take("a", Direction.READ, 1, 1, 1)


def test_those_of_other_groups_are_forgotten(buckets: Buckets) -> None:
    for group in ("kept", "gone"):
        assert buckets.take(group, Direction.READ, 1, 1, 1) == 1
    buckets.keep_only(lambda: frozenset(["kept"]))
    assert buckets.take("kept", Direction.READ, 1, 1, 1) == 0
    assert buckets.take("gone", Direction.READ, 1, 1, 1) == 1


def test_a_damaged_file_is_a_new_bucket(tmp_path: Path, clock: SimpleNamespace) -> None:
    buckets = BucketFiles(tmp_path, lambda: clock.us)
    (tmp_path / "a").write_bytes(b"x")
    assert buckets.take("a", Direction.READ, 3, 1, 1) == 1
    (tmp_path / "a").write_bytes(b"\xff" * 32)
    assert buckets.take("a", Direction.READ, 3, 1, 1) == 1


TAKE = """
import sys, time
from pathlib import Path
from tandem.assembly.buckets import BucketFiles
from tandem.model.throughput import Direction
from tandem.service.clock import system_clock
buckets = BucketFiles(Path(sys.argv[1]), system_clock)
sys.stdin.readline()
end, count = time.monotonic() + 1, 0
while time.monotonic() < end:
    count += buckets.take("shared", Direction.READ, int(sys.argv[2]), 1, 1)
print(count)
"""


def test_processes_share_one_limit(tmp_path: Path) -> None:
    command = [sys.executable, "-c", TAKE, str(tmp_path), str(RATE)]
    processes = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for _ in range(3)
    ]
    start = time.monotonic()
    BucketFiles(tmp_path, system_clock).take("shared", Direction.READ, RATE, RATE, RATE)
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    counts = [int(process.communicate(timeout=60)[0]) for process in processes]
    seconds = time.monotonic() - start
    # On a busy machine who has the lock may be stopped, and a few units are given out twice. With a
    # limit for each process it would be three times the rate.
    assert RATE / 2 <= sum(counts) <= RATE * seconds * 1.5
    assert min(counts) > 0


HOLD = """
import fcntl, os, sys, time
descriptor = os.open(sys.argv[1], os.O_RDWR | os.O_CREAT)
fcntl.flock(descriptor, fcntl.LOCK_EX)
print("locked", flush=True)
time.sleep(600)
"""


def test_a_stopped_process_holds_up_nobody_and_a_killed_one_leaves_no_lock(tmp_path: Path) -> None:
    file = tmp_path / "a"
    buckets = BucketFiles(tmp_path, system_clock)
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(file)], stdout=subprocess.PIPE
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"locked\n"
        holder.send_signal(signal.SIGSTOP)
        start = time.monotonic()
        assert buckets.take("a", Direction.READ, 1_000, 1, 1) == 1
        assert time.monotonic() - start < 60  # and not when the holder has slept
        holder.kill()
    descriptor = os.open(file, os.O_RDWR)
    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)  # raises where somebody has it
    os.close(descriptor)
