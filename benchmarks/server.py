"""A server of its own for a benchmark, and which processor it and its load run on.

The process that answers gets the first processor, once it is `pinned`; load generators the others.
The server's background process stays where it puts itself, which is beside the load.
"""

import multiprocessing
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import urllib3

_READY_SECONDS_MAX = 30.0


class Server(NamedTuple):
    """data    the folder that it serves"""

    url: str
    pid: int
    data: Path

    @property
    def port(self) -> int:
        return int(self.url.rpartition(":")[2])

    def pinned(self) -> "Server":
        """The same, all of whose threads run on the first processor from now on."""
        pin(self.pid)
        return self

    def answering(self) -> list[int]:
        """The processes that answer: the workers, once all are ready, or the only one."""
        deadline = time.monotonic() + _READY_SECONDS_MAX
        while time.monotonic() < deadline:
            workers = urllib3.request("GET", f"{self.url}/health").json().get("workers", [])
            if all(one["is_ready"] for one in workers):
                return [one["pid"] for one in workers] or [self.pid]
            time.sleep(0.2)
        raise AssertionError("the workers are not ready")


@contextmanager
def running(data: Path, *arguments: str, **settings: str) -> Iterator[Server]:
    """`tandem serve` on a folder; settings by their names in the environment."""
    command = [sys.executable, "-m", "tandem", "serve", "--data", str(data), "--port=0"]
    with subprocess.Popen(
        [*command, *arguments],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, **settings},
    ) as process:
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            assert "ready at" in line, f"the server did not start: {line!r}"
            yield Server(line.split()[4], process.pid, data)
        finally:
            process.terminate()


def pin(pid: int, processors: set[int] | None = None) -> None:
    """All threads of a process to the first processor, or to others."""
    for task in Path(f"/proc/{pid}/task").iterdir():
        os.sched_setaffinity(int(task.name), processors or first_processor())


def first_processor() -> set[int]:
    return {min(os.sched_getaffinity(0))}


def other_processors() -> set[int]:
    """All but the first; the first, where there is no other."""
    allowed = os.sched_getaffinity(0)
    return allowed - {min(allowed)} or allowed


def on_others(command: Sequence[str]) -> str:
    """What a program prints that runs beside the server's processor. Raises where it fails."""
    processors = other_processors()
    return subprocess.run(
        command,
        check=True,
        stdout=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: os.sched_setaffinity(0, processors),
    ).stdout


def in_a_process(work: Callable[..., Any], *given: object, processors: set[int]) -> Any:
    """What `work` returns, in a process that began for it alone, on these processors."""
    with multiprocessing.get_context("spawn").Pool(
        1, initializer=os.sched_setaffinity, initargs=(0, processors)
    ) as pool:
        return pool.apply(work, given)


def cpu_seconds(*pids: int) -> float:
    """Of the processor, in user and in kernel mode, since the processes began."""
    ticks = 0
    for pid in pids:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def memory_bytes(pid: int) -> tuple[int, int]:
    """What a process has to itself, and what it has mapped of files, LMDB's among them."""
    status = Path(f"/proc/{pid}/status").read_text()
    own, mapped = (
        int(re.search(rf"{name}:\s+(\d+)", status)[1]) for name in ("RssAnon", "RssFile")
    )
    return own * 1024, mapped * 1024
