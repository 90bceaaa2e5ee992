"""The limit of a process, tried in a process of its own: what is over it fails, and says so."""

import subprocess
import sys

import pytest

from tandem.errors import MemoryExceeded, QueryFailed
from tandem.query.athena import in_athenas_words
from tandem.query.memory_limit import memory_exceeded

PROGRAM = """
import pathlib, tempfile
from tandem.errors import MemoryExceeded
from tandem.query.cancellation import Cancellation
from tandem.query.duckdb import DuckDbEngine
from tandem.query.memory_limit import limit_memory

bound = 64 << 20
with tempfile.TemporaryDirectory() as folder:
    engine = DuckDbEngine(pathlib.Path(folder), pathlib.Path(folder) / "scratch", bound)
    limit_memory(bound)
    for statement in ("SELECT length(repeat('x', 1000000000))", "SELECT 1"):
        try:
            print(engine.sql(statement, {}).num_rows)
        except MemoryExceeded as error:
            print(error)
    try:
        with engine.stream("SELECT 1", {}, Cancellation()) as found:
            next(found.batches)
            bytearray(1 << 30)
    except MemoryExceeded as error:
        print(error)
    try:
        bytearray(1 << 30)
    except MemoryError:
        print("bounded")
    bytearray(bound)
    engine.close()
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux counts all allocations")
def test_what_is_over_the_limit_fails_and_the_process_goes_on() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True)
    said = done.stdout.splitlines()
    assert (done.returncode, len(said)) == (0, 4), (said, done.stderr)
    for error in (said[0], said[2]):
        assert error.startswith("the query needs more memory than query_memory_bytes lets queries")
        assert "which is 67108864" in error
    assert said[1] == "1"
    assert said[3] == "bounded"


def test_athena_has_a_name_for_it() -> None:
    error = memory_exceeded(5, "no more")
    assert isinstance(error, QueryFailed)
    assert isinstance(error, MemoryExceeded)
    shown = str(in_athenas_words(error))
    assert shown.startswith("EXCEEDED_LOCAL_MEMORY_LIMIT: the query needs more memory")
    assert "which is 5 (no more): let it" in shown
