"""A child after a fork is told to connect again, and the parent goes on."""

import os
import subprocess
import sys
from pathlib import Path

PROGRAM = """
import os, sys
import tandem
from tandem.errors import StoreUnavailable

store = tandem.connect(sys.argv[1])
features = {"id": "String", "time": "Fractional"}
group = store.create_feature_group(
    "forked", features=features, record_identifier="id", event_time="time"
)
group.put({"id": "parent", "time": 1.0})
child = os.fork()
if child == 0:
    told = 0
    for call in (lambda: group.get("parent"), lambda: group.put({"id": "child", "time": 1.0})):
        try:
            call()
        except StoreUnavailable as error:
            told += "connect again" in str(error)
    os._exit(told)
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 2
group.put({"id": "after", "time": 1.0})
assert group.get("after") is not None
store.close()
"""


def test_a_forked_child_is_told_to_connect_again(tmp_path: Path) -> None:
    assert hasattr(os, "fork")
    run = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(tmp_path / "data")],
        capture_output=True,
        check=False,
        text=True,
        timeout=60,
    )
    assert run.returncode == 0, run.stderr
