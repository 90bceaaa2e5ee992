"""Throughput modes with real clients: throttled requests that botocore repeats, one limit for a
server and a library, usage that outlives them, and what it would cost.
"""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

import tandem
from e2e.command_line import CommandLine
from e2e.server_process import ServerProcess
from tandem.errors import Throttled

RUNTIME = "sagemaker-featurestore-runtime"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    with ServerProcess(tmp_path_factory.mktemp("throughput") / "data") as running:
        yield running


def create(server: ServerProcess, name: str, read_units: int, write_units: int) -> None:
    server.client("sagemaker").create_feature_group(
        FeatureGroupName=name,
        RecordIdentifierFeatureName="id",
        EventTimeFeatureName="time",
        FeatureDefinitions=[
            {"FeatureName": feature, "FeatureType": "String"} for feature in ("id", "time")
        ],
        OnlineStoreConfig={"EnableOnlineStore": True},
        ThroughputConfig={
            "ThroughputMode": "Provisioned",
            "ProvisionedReadCapacityUnits": read_units,
            "ProvisionedWriteCapacityUnits": write_units,
        },
    )


def put(client: Any, name: str, identifier: str = "1") -> None:
    record = {"id": identifier, "time": "2025-06-15T12:00:00Z"}
    client.put_record(
        FeatureGroupName=name,
        Record=[{"FeatureName": key, "ValueAsString": text} for key, text in record.items()],
    )


def get(client: Any, name: str) -> Any:
    return client.get_record(FeatureGroupName=name, RecordIdentifierValueAsString="1")


def throttled(client: Any, name: str) -> bool:
    try:
        get(client, name)
    except ClientError as error:
        if error.response["Error"]["Code"] != "ThrottlingException":
            raise
        return True
    return False


MODES = ("standard", "legacy", "adaptive")


def test_botocore_repeats_what_is_throttled(server: ServerProcess) -> None:
    """In each of its modes, at once, since they wait most of the time."""
    with ThreadPoolExecutor(len(MODES)) as clients:
        for done in [clients.submit(repeats_what_is_throttled, server, mode) for mode in MODES]:
            done.result()


def repeats_what_is_throttled(server: ServerProcess, mode: str) -> None:
    create(server, mode, read_units=1, write_units=1)
    plain = server.client(RUNTIME)
    put(plain, mode)
    deadline = time.monotonic() + 60
    while not throttled(
        plain, mode
    ):  # where a busy machine takes a second for each, there is a unit
        assert time.monotonic() < deadline
    patient = server.client(RUNTIME, retries={"mode": mode, "total_max_attempts": 10})
    start = time.monotonic()
    answers = [get(patient, mode)]
    while not any(answer["ResponseMetadata"]["RetryAttempts"] for answer in answers):
        assert time.monotonic() < deadline, mode
        answers.append(get(patient, mode))
    answers.append(get(patient, mode))
    assert all(answer["Record"] for answer in answers), mode
    # A unit a second, of which one may have been there.
    assert time.monotonic() - start > 0.8 * (len(answers) - 1), mode


def test_the_remote_library_waits_and_a_batch_of_reads_comes_whole(server: ServerProcess) -> None:
    create(server, "patient", read_units=3, write_units=10)
    with tandem.connect(server.url) as store:
        group = store.feature_group("patient")
        for identifier in ("1", "2", "3", "4", "5"):
            group.put({"id": identifier, "time": "2025-06-15T12:00:00Z"})
        start = time.monotonic()
        found = group.get_many(["1", "2", "missing", "3", "4", "5"])
        assert [one and one["id"] for one in found] == ["1", "2", None, "3", "4", "5"]
        assert time.monotonic() - start > 0.5


def test_a_server_and_a_library_share_one_limit(server: ServerProcess) -> None:
    rate = 20
    create(server, "shared", read_units=rate, write_units=1)
    client = server.client(RUNTIME)
    put(client, "shared")
    with tandem.connect(server.data) as store:
        group = store.feature_group("shared")
        counts = {"server": 0, "library": 0}
        start = time.monotonic()
        refused = 0
        # Two seconds; more where a busy machine does not come to the limit in them.
        while (seconds := time.monotonic() - start) < 2 or (
            seconds < 60 and (not refused or sum(counts.values()) <= rate)
        ):
            counts["server"] += not throttled(client, "shared")
            try:
                assert group.get("1") is not None
                counts["library"] += 1
            except Throttled:
                refused += 1
        seconds = time.monotonic() - start
        total = sum(counts.values())
        # A second's units to begin with, and each process may have one at hand.
        assert rate < total <= rate * (seconds + 1) + 2
        assert min(counts.values()) > 0
        assert refused > 0
        # Both are counted: the library's at once, the server's within 5 seconds.
        deadline = time.monotonic() + 60
        while group.usage().total.consumed_read_capacity_units < total:
            assert time.monotonic() < deadline
            time.sleep(0.2)
        counted = group.usage().total
        assert counted.consumed_read_capacity_units == total
        assert counted.throttled_requests > 0


def test_usage_outlives_the_server_and_is_never_doubled(server: ServerProcess) -> None:
    create(server, "lasting", read_units=100, write_units=100)
    client = server.client(RUNTIME)
    for number in range(3):
        put(client, "lasting", str(number))
    with tandem.connect(server.url) as store:
        assert store.feature_group("lasting").usage().total.records_written == 3
    put(client, "lasting")  # may be lost, as the last seconds of a process that is killed
    server.kill()
    server._start()
    with tandem.connect(server.url) as store:
        group = store.feature_group("lasting")
        assert group.usage("minute").total.records_written in (3, 4)
        assert group.stored().online_records == 3


def test_the_command_line_shows_usage_and_costs(server: ServerProcess, tmp_path: Path) -> None:
    create(server, "shown", read_units=5, write_units=5)
    client = server.client(RUNTIME)
    put(client, "shown")
    get(client, "shown")
    command = CommandLine(server.url, tmp_path)
    shown = command.json("usage", "shown", "--by", "minute")
    assert sum(row["consumed_read_capacity_units"] for row in shown["usage"]) == 1
    assert shown["stored"]["online_records"] == 1
    assert "consumed write capacity units" in command("usage", "shown", "--no-stored")
    of_store = command.json("cost", "shown")
    assert of_store["workload"]["read_units"] > 0
    assert of_store["costs"]["on_demand"]["total"] > 0
