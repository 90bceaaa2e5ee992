"""Commits give way to the loop that answers, where nobody else waits for their lock."""

import subprocess
import sys
from pathlib import Path

import pytest

from e2e.server_process import ServerProcess

pytestmark = pytest.mark.skipif(
    sys.platform != "linux", reason="only Linux knows priorities of threads"
)


@pytest.mark.parametrize(("workers", "how_many"), [("1", 1), ("2", 0)])
def test_commits_of_a_server_alone_give_way(tmp_path: Path, workers: str, how_many: int) -> None:
    with ServerProcess(tmp_path / "data", environment={"TANDEM_WORKERS": workers}) as server:
        listed = subprocess.run(
            ["ps", "-A", "-L", "-o", "pid=,ppid=,ni="], capture_output=True, check=True, text=True
        )
    threads = (line.split() for line in listed.stdout.splitlines())
    own = str(server.process.pid)
    assert [nice for *family, nice in threads if own in family].count("5") == how_many
