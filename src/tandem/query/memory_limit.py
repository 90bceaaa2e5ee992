"""How much memory queries may take, and what is said of one that needs more.

    what the process has at its start, │ query_memory_bytes: the │ as much again: texts, results,
    and what its threads take          │ engine's; it spills     │ what the engine does not count

The engine holds itself to its part. Where a process has queries alone, the system holds it to all
three: an allocation beyond them fails, and with it the query that wanted it. Only Linux counts
allocations so; elsewhere the engine's part alone is bounded.
"""

import resource
import sys
from contextlib import suppress
from pathlib import Path

from tandem.errors import MemoryExceeded

_THREADS_BYTES = 256 << 20
_STATUS = Path("/proc/self/status")
_OUT_OF_MEMORY_SCORE = Path("/proc/self/oom_score_adj")
_FIRST = "1000"


def limit_memory(query_memory_bytes: int) -> None:
    """Holds this process to what it has now, and what queries may take.

    Where the machine itself has no memory left, the system ends this process before others.
    """
    if sys.platform != "linux":
        return
    wanted = _data_bytes() + _THREADS_BYTES + 2 * query_memory_bytes
    _, most = resource.getrlimit(resource.RLIMIT_DATA)
    if most != resource.RLIM_INFINITY:
        wanted = min(wanted, most)
    resource.setrlimit(resource.RLIMIT_DATA, (wanted, most))
    with suppress(OSError):  # in a container that does not let it
        _OUT_OF_MEMORY_SCORE.write_text(_FIRST)


def memory_exceeded(query_memory_bytes: int, why: str = "") -> MemoryExceeded:
    """What is said of a query that needs more memory than there is for it."""
    found = f" ({why})" if why else ""
    return MemoryExceeded(
        "the query needs more memory than query_memory_bytes lets queries have, which is"
        f" {query_memory_bytes}{found}: let it read or make less at a time, or raise the setting"
    )


def _data_bytes() -> int:
    """The memory that the system counts against the limit."""
    for line in _STATUS.read_text().splitlines():
        name, _, value = line.partition(":")
        if name == "VmData":
            return int(value.split()[0]) << 10
    raise AssertionError("Linux tells the size of a process's data")
