"""A clone that is cut short is never taken for one that is whole, and its name can be had again.

TANDEM_KILL_ROUNDS sets the number of kills.
"""

import os
import random
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import urllib3

import tandem
from e2e.server_process import ServerProcess
from tandem.errors import QueryFailed, ResourceInUse, TandemError, ValidationError

ROUNDS = int(os.environ.get("TANDEM_KILL_ROUNDS", "3"))
RECORDS = 12_000
CLONE_SECONDS = 0.5
"""About half of what a clone takes."""
SETTINGS = {
    "TANDEM_DELIVERY_INTERVAL_SECONDS": "0.05",
    "TANDEM_DELIVERY_ENTRIES_MAX": "500",
    "TANDEM_EXPIRY_INTERVAL_SECONDS": "0.2",
}
SECONDS_MAX = 60

CLONE_IN_A_PROCESS = """
import sys, tandem
with tandem.connect(sys.argv[1]) as store:
    store.clone_feature_group("v1", "v2", types={"orders": "String"})
"""


def frame() -> pd.DataFrame:
    numbers = range(RECORDS)
    return pd.DataFrame(
        {
            "id": [f"C{number % 1_000}" for number in numbers],
            "time": [float(number) for number in numbers],
            "orders": list(numbers),
        }
    )


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A folder with v1, whose records C0 to C999 were written twelve times each."""
    folder = tmp_path / "data"
    with tandem.connect(folder) as store:
        group = store.create_feature_group(
            "v1", features=frame(), record_identifier="id", event_time="time"
        )
        assert group.ingest(frame()) == RECORDS
    return folder


def begin(url: str) -> threading.Thread:
    """Asks for a clone; the server may be gone before it answers."""

    def clone() -> None:
        with suppress(TandemError), tandem.connect(url) as store:
            store.clone_feature_group("v1", "v2", types={"orders": "String"})

    thread = threading.Thread(target=clone)
    thread.start()
    return thread


def status_of_v2(client: Any) -> str | None:
    """None where there is no such group."""
    found = client.list_feature_groups(NameContains="v2")["FeatureGroupSummaries"]
    status: str | None = found[0]["FeatureGroupStatus"] if found else None
    return status


def wait_for_end(client: Any) -> str | None:
    deadline = time.monotonic() + SECONDS_MAX
    while (status := status_of_v2(client)) == "Creating":
        assert time.monotonic() < deadline, "the clone stays in status Creating"
        time.sleep(0.02)
    return status


def wait_for(client: Any, *wanted: str) -> None:
    deadline = time.monotonic() + SECONDS_MAX
    while status_of_v2(client) not in wanted:
        assert time.monotonic() < deadline, f"the clone does not come to status {wanted}"
        time.sleep(0.002)


def check_source(store: tandem.FeatureStore) -> None:
    (count,) = store.sql('SELECT count(*) AS n FROM "v1"').to_pandas()["n"]
    assert count == RECORDS
    assert store.feature_group("v1").get("C7") == {"id": "C7", "time": 11007.0, "orders": 11007}


def check_failed(store: tandem.FeatureStore, client: Any) -> None:
    described = client.describe_feature_group(FeatureGroupName="v2")
    assert "delete the feature group, and clone again" in described["FailureReason"]
    group = store.feature_group("v2")
    assert "clone again" in group.describe().as_dict()["failure_reason"]
    for use in (
        lambda: group.get("C7"),
        lambda: group.put({"id": "C7", "time": 9e9}),
        lambda: store.training_set(
            pd.DataFrame({"id": ["C7"], "event_time": [9e9]}), ["v2:orders"]
        ),
    ):
        with pytest.raises(ValidationError, match="CreateFailed"):
            use()
    with pytest.raises(QueryFailed, match="CreateFailed"):
        store.sql('SELECT * FROM "v2"')
    with pytest.raises(ResourceInUse, match="'v2'"):
        store.clone_feature_group("v1", "v2")


def check_whole(store: tandem.FeatureStore) -> None:
    both = store.sql(
        'SELECT count(*) AS n FROM "v1" a JOIN "v2" b ON a.id = b.id AND a.time = b.time'
        " AND a.orders = b.orders::BIGINT AND a.api_invocation_time = b.api_invocation_time"
    ).to_pandas()["n"]
    (count,) = store.sql('SELECT count(*) AS n FROM "v2"').to_pandas()["n"]
    assert (both[0], count) == (RECORDS, RECORDS)
    identifiers = [f"C{number}" for number in range(1_000)]
    expected = [
        {"id": f"C{number}", "time": 11_000.0 + number, "orders": str(11_000 + number)}
        for number in range(1_000)
    ]
    assert store.feature_group("v2").get_many(identifiers) == expected


def test_kill_9_in_the_middle_of_a_clone(data: Path) -> None:
    chance = random.Random(ROUNDS)
    ends: list[str | None] = []
    for _ in range(ROUNDS):
        with ServerProcess(data, environment=SETTINGS) as server:
            client = server.client("sagemaker")
            thread = begin(server.url)
            wait_for(client, "Creating", "Created")
            time.sleep(chance.uniform(0, CLONE_SECONDS))
            ends.append(status_of_v2(client))
            server.kill()
            thread.join()
        with ServerProcess(data, environment=SETTINGS) as server:
            check_end(server)
    assert "Creating" in ends, "no kill fell into a clone"


def check_end(server: ServerProcess) -> None:
    """The clone failed or is whole; then its name is free again, and a clone of it is whole."""
    client = server.client("sagemaker")
    with tandem.connect(server.url) as store:
        status = wait_for_end(client)
        if status == "CreateFailed":
            check_failed(store, client)
        else:
            assert status == "Created"
            check_whole(store)
        check_source(store)
        client.delete_feature_group(FeatureGroupName="v2")
        store.clone_feature_group("v1", "v2", types={"orders": "String"})
        check_whole(store)
        store.delete_feature_group("v2")


def test_a_server_that_is_stopped_gives_a_clone_up(data: Path) -> None:
    with ServerProcess(data, environment=SETTINGS) as server, ThreadPoolExecutor(1) as thread:
        wanted = {"TargetFeatureGroupName": "v2", "FeatureTypes": {"orders": "String"}}
        path = f"{server.url}/tandem/feature-groups/v1/clone"
        # Not by the library, which would ask again and find no server.
        asked = thread.submit(urllib3.request, "POST", path, json=wanted, retries=False)
        wait_for(server.client("sagemaker"), "Creating", "Created")
        start = time.monotonic()
        assert server.stop() == 0
        assert time.monotonic() - start < 20
        answer = asked.result()
        assert "Traceback" not in server.log.read_text()
    # Its client has an answer: the clone is there, or it is given up and the client is told why.
    assert answer.status == 200 or "the store is closed" in answer.json()["message"]
    assert answer.status in (200, 503)
    with ServerProcess(data, environment=SETTINGS) as server:
        client = server.client("sagemaker")
        with tandem.connect(server.url) as store:
            assert status_of_v2(client) == ("Created" if answer.status == 200 else None)
            if answer.status == 503:
                store.clone_feature_group("v1", "v2", types={"orders": "String"})
            # Where the clone was done before it had to be given up, it is whole.
            check_whole(store)


def test_a_server_notices_that_another_process_was_killed(data: Path) -> None:
    """Both have the folder open. As long as the other one lives, its clone is left alone."""
    with ServerProcess(data, environment=SETTINGS) as server:
        client = server.client("sagemaker")
        command = [sys.executable, "-c", CLONE_IN_A_PROCESS, str(data)]
        with subprocess.Popen(command, env={**os.environ, **SETTINGS}) as process:
            wait_for(client, "Creating")
            process.send_signal(signal.SIGSTOP)
            time.sleep(1)  # five times as long as the server waits between two looks
            assert status_of_v2(client) == "Creating"
            process.kill()
        check_end(server)


def test_a_clone_made_by_another_process_is_whole(data: Path) -> None:
    with ServerProcess(data, environment=SETTINGS) as server:
        command = [sys.executable, "-c", CLONE_IN_A_PROCESS, str(data)]
        subprocess.run(command, env={**os.environ, **SETTINGS}, check=True, timeout=120)
        with tandem.connect(server.url) as store:
            check_whole(store)
            check_source(store)


def test_a_process_that_lives_for_a_moment_finds_the_clone_ended(data: Path) -> None:
    """The interval of the task is ten seconds here; opening the folder is enough."""
    with ServerProcess(data, environment=SETTINGS) as server:
        client = server.client("sagemaker")
        begun = begin(server.url)
        wait_for(client, "Creating")
        server.kill()
        begun.join()
    with tandem.connect(data) as store:
        assert store.feature_group("v2").definition.status == "CreateFailed"
        check_source(store)
