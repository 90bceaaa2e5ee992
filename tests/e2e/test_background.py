"""The background process of a server: it delivers and loads, comes again when it is killed, and
never outlives its server.
"""

import os
import signal
import subprocess
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import urllib3

import tandem
from e2e.server_process import ServerProcess

FAST = {"TANDEM_DELIVERY_INTERVAL_SECONDS": "0.05"}
ROWS = {"id": ["a", "b", "a"], "time": [1.7e9, 1.7e9, 1.8e9], "value": [1, 2, 3]}


def children(server: ServerProcess) -> list[int]:
    listed = subprocess.run(
        ["ps", "-A", "-o", "pid=,ppid=,stat="], capture_output=True, check=True, text=True
    )
    processes = (line.split() for line in listed.stdout.splitlines())
    return [
        int(pid)
        for pid, parent, state in processes
        if int(parent) == server.process.pid and state[0] != "Z"
    ]


def eventually(is_so: Callable[[], bool], seconds: float = 60) -> bool:
    deadline = time.monotonic() + seconds
    while not is_so():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def health(server: ServerProcess) -> str:
    answer = urllib3.request("GET", f"{server.url}/health").json()
    return str(answer.get("reason", answer["status"]))


def create(server: ServerProcess) -> tandem.FeatureGroupHandle:
    store = tandem.connect(server.url)
    return store.create_feature_group(
        "customers", features=ROWS, record_identifier="id", event_time="time"
    )


def delivered(data: Path) -> int:
    return len(list(data.glob("s3/**/data/**/*.parquet")))


@pytest.mark.parametrize("workers", ["1", "2"])
def test_all_processes_may_be_told_to_stop_at_once(tmp_path: Path, workers: str) -> None:
    # As systemd does: none is missed then, and none cut off by being told twice.
    with ServerProcess(tmp_path / "data", environment={"TANDEM_WORKERS": workers}) as server:
        create(server)
        assert tandem.connect(server.url).sql("SELECT 1 AS one").to_arrow().num_rows == 1
        os.killpg(server.process.pid, signal.SIGTERM)
        assert server.process.wait(timeout=60) == 0
        said = server.log.read_text()
    assert "ERROR" not in said, said


def test_a_killed_one_is_replaced_and_nothing_is_lost(tmp_path: Path) -> None:
    with ServerProcess(tmp_path / "data", environment=FAST) as server:
        group = create(server)
        assert group.ingest(ROWS, ingestion_id="one") == 3
        assert eventually(lambda: delivered(server.data) > 0)
        (first,) = children(server)
        os.kill(first, signal.SIGKILL)
        # The library sends again what nobody answers, until there is another one.
        later = {name: [*values[:2], values[2]] for name, values in ROWS.items()}
        assert group.ingest({**later, "time": [1.9e9, 1.9e9, 2e9]}, ingestion_id="two") == 3
        (second,) = children(server)
        assert second != first
        assert group.get("a") == {"id": "a", "time": 2e9, "value": 3}
        # Health is looked at once a second.
        assert eventually(lambda: health(server) == "ok")
        assert server.stop() == 0
        assert "the background process has ended with exit code -9" in server.log.read_text()
    with tandem.connect(tmp_path / "data") as store:
        counted = store.sql("SELECT count(*) AS n FROM customers").to_arrow()
        assert counted["n"].to_pylist() == [6]


def test_one_that_cannot_be_started_is_told_of(tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    (broken / "uvloop").mkdir(parents=True)
    (broken / "uvloop" / "__init__.py").write_text(
        "import sys\n"
        "if sys.argv[0].endswith('background_process.py'):\n"
        "    raise SystemExit(7)\n"
        f"sys.path.remove({str(broken)!r})\n"
        "del sys.modules['uvloop']\n"
        "import uvloop\n"
    )
    given = {"PYTHONPATH": os.pathsep.join([str(broken), os.environ.get("PYTHONPATH", "")])}
    with ServerProcess(tmp_path / "data", environment=given) as server:
        assert eventually(lambda: "exit code 7" in health(server))
        group = create(server)
        group.put({"id": "a", "time": 1.7e9, "value": 1})
        assert group.get("a") is not None


def test_requests_do_not_wait_for_one_that_does_not_answer(tmp_path: Path) -> None:
    given = {"TANDEM_BATCH_LOAD_FOLDERS": str(tmp_path)}
    with ServerProcess(tmp_path / "data", environment=given) as server:
        group = create(server)
        store = tandem.connect(server.url)
        assert group.ingest(ROWS) == 3
        (child,) = children(server)
        store.sql("SELECT 1").to_arrow()  # the process of queries takes a while to start
        os.kill(child, signal.SIGSTOP)
        (file := tmp_path / "rows.csv").write_text("id,time\nb,1700000000\n")
        calls = [lambda: group.ingest(ROWS), lambda: store.batch_load("customers", str(file))]
        with ThreadPoolExecutor(12) as callers:
            waiting = [callers.submit(call) for call in calls for _ in range(6)]
            try:
                time.sleep(0.5)
                begun = time.monotonic()
                counted = store.sql("SELECT count(*) AS n FROM customers").to_arrow()
                assert counted["n"].to_pylist() == [3]
                assert len(list(store.batch_loads())) == 0
                assert time.monotonic() - begun < 30
                assert not any(call.done() for call in waiting)
            finally:
                os.kill(child, signal.SIGCONT)
            assert [call.result() for call in waiting[:6]] == [3] * 6
            for call in waiting[6:]:
                assert call.result().wait().status == "Completed"


@pytest.mark.parametrize("how", ["kill", "stop"])
def test_it_never_outlives_its_server(tmp_path: Path, how: str) -> None:
    with ServerProcess(tmp_path / "data") as server:
        create(server).ingest(ROWS)
        (child,) = children(server)
        if how == "kill":
            server.process.kill()
            server.process.wait()
        else:
            assert server.stop() == 0
        assert eventually(lambda: not _runs(child))


def test_without_it_the_server_does_the_work_itself(tmp_path: Path) -> None:
    given = {**FAST, "TANDEM_BACKGROUND_PROCESS": "off"}
    with ServerProcess(tmp_path / "data", environment=given) as server:
        assert create(server).ingest(ROWS) == 3
        assert eventually(lambda: delivered(server.data) > 0)
        assert children(server) == []


def _runs(process: int) -> bool:
    shown = subprocess.run(
        ["ps", "-o", "stat=", "-p", str(process)], capture_output=True, check=False, text=True
    )
    return bool(shown.stdout.strip()) and shown.stdout.strip()[0] != "Z"
