"""The most that a server answers, found by wrk: connections that wait for nothing but answers."""

import json
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path

from benchmarks.load import Load
from benchmarks.server import on_others

SCRIPT = Path(__file__).with_name("requests.lua")
MISSING = "wrk is missing, so this is left out: apt-get install wrk"


def is_there() -> bool:
    return shutil.which("wrk") is not None


def peak(port: int, requests: Sequence[bytes], connections: int, seconds: float) -> Load:
    """Sends `requests` round and round. Raises where one of them failed."""
    with tempfile.NamedTemporaryFile() as file:
        file.write(b"\0".join(requests))
        file.flush()
        command = ["wrk", "--threads=1", f"--connections={connections}", "--timeout=10"]
        # A whole number of seconds is all that wrk takes.
        command += [f"--duration={max(round(seconds), 1)}", "--script", str(SCRIPT)]
        printed = on_others([*command, f"http://127.0.0.1:{port}", "--", file.name])
    found = json.loads(printed.splitlines()[-1])
    assert found["failed"] == 0, printed
    return Load(found["count"] / found["seconds"], found["p50_ms"], found["p99_ms"], found["count"])
