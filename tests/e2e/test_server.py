"""The server as a process: how it starts, what it refuses, how it stops."""

import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
import urllib3

import tandem
from e2e.server_process import ServerProcess, free_port


def run_serve(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "tandem", "serve", *arguments],
        capture_output=True,
        check=False,
        text=True,
        timeout=60,
    )


def test_it_says_when_it_is_ready_and_answers_health(server: ServerProcess) -> None:
    deadline = time.monotonic() + 60
    while f"Tandem is ready at {server.url}" not in server.log.read_text():
        assert time.monotonic() < deadline
        time.sleep(0.05)
    answer = urllib3.request("GET", f"{server.url}/health")
    assert (answer.status, answer.json()) == (200, {"status": "ok"})


def test_it_stops_cleanly_on_sigterm_and_keeps_what_was_written(tmp_path: Path) -> None:
    with ServerProcess(tmp_path / "data") as server:
        server.client("sagemaker").create_feature_group(
            FeatureGroupName="g",
            RecordIdentifierFeatureName="id",
            EventTimeFeatureName="t",
            FeatureDefinitions=[
                {"FeatureName": "id", "FeatureType": "String"},
                {"FeatureName": "t", "FeatureType": "String"},
            ],
            OnlineStoreConfig={"EnableOnlineStore": True},
        )
        assert server.stop() == 0
        assert server.log.read_text().splitlines()[1:] == []
    with ServerProcess(tmp_path / "data") as server:
        listed = server.client("sagemaker").list_feature_groups()["FeatureGroupSummaries"]
        assert [group["FeatureGroupName"] for group in listed] == ["g"]


@pytest.mark.parametrize(("host", "is_there"), [("0.0.0.0", False), ("::", True)])
def test_it_refuses_addresses_that_others_can_reach(
    tmp_path: Path, host: str, is_there: bool
) -> None:
    data = tmp_path / "data"
    if is_there:
        data.mkdir()
    refused = run_serve("--data", str(data), "--host", host, "--port", "0")
    assert refused.returncode == 1
    assert "tandem access-keys create" in refused.stderr
    assert "--insecure" in refused.stderr
    assert data.exists() == is_there
    assert not is_there or not list(data.iterdir())


def test_insecure_binds_any_address(tmp_path: Path) -> None:
    port = free_port()
    command = [sys.executable, "-m", "tandem", "serve", "--data", str(tmp_path / "data")]
    command += ["--host", "0.0.0.0", "--port", str(port), "--insecure"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            assert "ready" in process.stdout.readline()
            assert urllib3.request("GET", f"http://127.0.0.1:{port}/health").status == 200
        finally:
            process.kill()


def test_a_port_that_is_taken_is_one_line(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        refused = run_serve("--data", str(tmp_path / "data"), "--port", port)
    assert refused.returncode == 1
    assert len(refused.stderr.strip().splitlines()) == 1
    assert "Give another --port" in refused.stderr


def test_a_wrong_setting_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TANDEM_DELIVERY_INTERVAL_SECONDS", "soon")
    refused = run_serve("--data", str(tmp_path / "data"), "--port", "0")
    assert refused.returncode == 1
    assert "TANDEM_DELIVERY_INTERVAL_SECONDS='soon'" in refused.stderr


def test_a_body_over_the_limit_is_refused(server: ServerProcess) -> None:
    url = f"{server.url}/FeatureGroup/g"
    announced = urllib3.request(
        "PUT",
        url,
        body=b"x" * (17 << 20),
        headers={"content-type": "application/json"},
        retries=False,
    )
    assert announced.status == 413
    assert "larger than" in announced.json()["message"]
    chunks = (b"x" * (1 << 20) for _ in range(17))
    unannounced = urllib3.PoolManager().urlopen("PUT", url, body=chunks, chunked=True)
    assert unannounced.status == 413


def test_a_client_that_leaves_in_the_middle_hurts_nobody(server: ServerProcess) -> None:
    for sent in (
        b"PUT /FeatureGroup/g HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\n{",
        b"GET",
    ):
        with socket.create_connection(("127.0.0.1", server.port)) as connection:
            connection.sendall(sent)
            time.sleep(0.05)
    assert urllib3.request("GET", f"{server.url}/health").status == 200
    assert "Traceback" not in server.log.read_text()


def test_two_processes_share_a_folder(server: ServerProcess) -> None:
    """The command line may look into a folder that a server has open."""
    command = [sys.executable, "-m", "tandem", "groups", "--store", str(server.data), "--json"]
    listed = subprocess.run(command, capture_output=True, check=False, text=True, timeout=60)
    assert listed.returncode == 0, listed.stderr


@pytest.mark.parametrize(
    "headers",
    [{"origin": "https://elsewhere.example"}, {"host": "elsewhere.example"}, {"origin": "null"}],
)
def test_web_pages_are_refused(server: ServerProcess, headers: dict[str, str]) -> None:
    answer = urllib3.request("POST", f"{server.url}/BatchWriteRecord", body=b"{}", headers=headers)
    assert answer.status == 403
    assert answer.headers["x-amzn-ErrorType"] == "AccessForbidden"


@pytest.mark.parametrize("host", ["localhost:1", "127.0.0.1", "[::1]:8790", "bucket.localhost"])
def test_names_of_this_machine_are_answered(server: ServerProcess, host: str) -> None:
    answer = urllib3.request("GET", f"{server.url}/no-such-path", headers={"host": host})
    assert answer.status == 404


def test_a_long_query_does_not_keep_the_server_from_stopping(tmp_path: Path) -> None:
    with ServerProcess(tmp_path / "data") as server:
        failures: list[str] = []

        def ask() -> None:
            try:
                with tandem.connect(server.url) as store:
                    store.sql("SELECT count(*) FROM range(1000000000000) AS a(x) WHERE x % 7 = 3")
            except tandem.TandemError as error:
                failures.append(str(error))

        asking = threading.Thread(target=ask)
        asking.start()
        deadline = time.monotonic() + 60
        while server.companion("query_process") is None and time.monotonic() < deadline:
            time.sleep(0.05)
        time.sleep(1)
        assert asking.is_alive()
        # Reads go on meanwhile.
        assert server.client("sagemaker").list_feature_groups()["FeatureGroupSummaries"] == []
        assert server.stop() == 0
        asking.join(timeout=60)
        assert failures


def test_tandem_paths_are_whole(server: ServerProcess) -> None:
    for path in ("/tandem/ingest/a/b", "/tandem/ingest", "/tandem/nothing", "/tandem/query/x"):
        assert urllib3.request("POST", f"{server.url}{path}", body=b"", timeout=60).status == 404
