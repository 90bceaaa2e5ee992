"""Background work: one holder of the lease, and failures that end nothing."""

import logging
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from tandem.assembly.workers import Lease, Task, Workers
from tandem.errors import StoreUnavailable

HOLDER = """
import sys, time
from pathlib import Path
from tandem.assembly.workers import Lease
lease = Lease(Path(sys.argv[1]))
print(lease.acquire(), flush=True)
time.sleep(60)
"""


def test_one_process_holds_the_lease_and_its_death_frees_it(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    command = [sys.executable, "-c", HOLDER, str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "True\n"
        lease = Lease(path)
        assert not lease.acquire()
        holder.kill()
        holder.wait()
    assert lease.acquire()
    assert lease.acquire()
    lease.release()


def test_without_a_file_the_lease_is_always_held() -> None:
    assert Lease(None).acquire()


def test_tasks_run_again_after_failures(caplog: pytest.LogCaptureFixture) -> None:
    runs = 0
    enough = threading.Event()

    def task() -> int:
        nonlocal runs
        runs += 1
        if runs == 1:
            raise StoreUnavailable("planted: the disk is full")
        if runs == 2:
            raise RuntimeError("planted: a bug")
        enough.set()
        return 0

    with caplog.at_level(logging.ERROR):
        workers = Workers(Lease(None), [Task("test", task, interval_seconds=0.01)])
        assert enough.wait(60)
        workers.close()
    assert "the disk is full" in caplog.text
    assert "planted: a bug" in caplog.text


def test_urgent_work_does_not_wait(tmp_path: Path) -> None:
    done = threading.Event()
    workers = Workers(
        Lease(tmp_path / "lock"), [Task("test", lambda: done.set() or 0, 1e6, lambda: True)]
    )
    assert done.wait(60)
    workers.close()
