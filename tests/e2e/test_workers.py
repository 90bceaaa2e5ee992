"""Several workers are one server: whichever of them a request reaches, and whichever is killed."""

import os
import signal
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import urllib3
from botocore.exceptions import ClientError

import tandem
from e2e.server_process import ServerProcess
from e2e.workers import (
    are_ready,
    eventually,
    health,
    holder,
    one_client_a_worker,
    pid_of,
    runs,
    workers,
)

ROUNDS = int(os.environ.get("TANDEM_WORKER_ROUNDS", "15"))
KILLS = int(os.environ.get("TANDEM_WORKER_KILLS", "2"))
NOON = "2025-06-15T12:00:00Z"
TWO = {"TANDEM_WORKERS": "2", "TANDEM_DELIVERY_INTERVAL_SECONDS": "0.2"}
FEW = {**TWO, "TANDEM_BACKGROUND_PROCESS": "off", "TANDEM_QUERY_PROCESS": "off"}
"""The workers deliver and query themselves."""
RUNTIME = "sagemaker-featurestore-runtime"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    data = tmp_path_factory.mktemp("workers") / "data"
    with ServerProcess(data, environment=TWO) as running:
        assert eventually(lambda: are_ready(running))
        yield running


@pytest.fixture(scope="module")
def shared_few(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    with ServerProcess(tmp_path_factory.mktemp("few") / "data", environment=FEW) as running:
        yield running


@pytest.fixture
def few(shared_few: ServerProcess) -> ServerProcess:
    """It runs, even if the test before has ended it."""
    if shared_few.process.poll() is not None:
        shared_few._start()
    assert eventually(lambda: are_ready(shared_few))
    return shared_few


def create(sagemaker: Any, name: str, **more: Any) -> None:
    sagemaker.create_feature_group(
        FeatureGroupName=name,
        RecordIdentifierFeatureName="id",
        EventTimeFeatureName="time",
        FeatureDefinitions=[
            {"FeatureName": feature, "FeatureType": "String"} for feature in ("id", "time", "of")
        ],
        OnlineStoreConfig={"EnableOnlineStore": True},
        **more,
    )


def put(runtime: Any, group: str, identifier: str, **features: str) -> None:
    values = {"id": identifier, "time": NOON, **features}
    runtime.put_record(
        FeatureGroupName=group,
        Record=[{"FeatureName": name, "ValueAsString": text} for name, text in values.items()],
    )


def get(runtime: Any, group: str, identifier: str) -> dict[str, str]:
    found = runtime.get_record(FeatureGroupName=group, RecordIdentifierValueAsString=identifier)
    return {one["FeatureName"]: one["ValueAsString"] for one in found.get("Record", [])}


def is_unknown(call: Any, *arguments: Any) -> bool:
    with pytest.raises(ClientError) as raised:
        call(*arguments)
    return "there is no feature group" in str(raised.value)


def test_few_connections_are_shared_out_evenly(server: ServerProcess) -> None:
    known = {one.pid for one in workers(server)}
    # Those that the first worker had while the second began do not count any more.
    time.sleep(2.5)
    # Also right after many have ended. Once a second the listener goes by the ends it knows of;
    # where one worker has told of its own and the other has not yet, the next ones lean to it.
    even = 0
    for _ in range(6):
        pools = [urllib3.HTTPConnectionPool("127.0.0.1", server.port, maxsize=1) for _ in range(10)]
        counted = Counter(pool.request("GET", "/health").json()["pid"] for pool in pools)
        assert counted.keys() == known
        even += min(counted.values()) >= 4
        for pool in pools:
            pool.close()
    assert even >= 4


def test_definitions_changed_through_one_are_seen_by_the_next_request_to_the_other(
    server: ServerProcess,
) -> None:
    control = one_client_a_worker(server, "sagemaker")
    data = one_client_a_worker(server, RUNTIME)
    for number in range(ROUNDS):
        here, there = number % 2, 1 - number % 2
        create(control[here].boto, "round")
        put(data[there].boto, "round", "1", of=str(number))
        assert get(data[here].boto, "round", "1")["of"] == str(number)
        control[here].boto.update_feature_group(
            FeatureGroupName="round",
            FeatureAdditions=[{"FeatureName": "added", "FeatureType": "String"}],
        )
        put(data[there].boto, "round", "1", added=str(number))
        put(data[here].boto, "round", "2")
        control[there].boto.delete_feature_group(FeatureGroupName="round")
        assert is_unknown(put, data[here].boto, "round", "1")
        create(control[there].boto, "round")
        assert get(data[here].boto, "round", "1") == {}  # what the first one had is not the next's
        control[here].boto.delete_feature_group(FeatureGroupName="round")
        assert is_unknown(get, data[there].boto, "round", "1")
    for client in (*control, *data):  # they have reached who they were meant to reach
        assert pid_of(client.boto) == client.pid


def test_what_a_library_on_the_same_folder_changes_is_seen_by_all(server: ServerProcess) -> None:
    data = one_client_a_worker(server, RUNTIME)
    with tandem.connect(server.data) as store:
        rows = {"id": ["1"], "time": [1.7e9]}
        for _ in range(5):
            group = store.create_feature_group(
                "of-the-library", features=rows, record_identifier="id", event_time="time"
            )
            group.put({"id": "1", "time": 1.7e9})
            assert [get(one.boto, "of-the-library", "1")["id"] for one in data] == ["1", "1"]
            store.delete_feature_group("of-the-library")
            assert all(is_unknown(get, one.boto, "of-the-library", "1") for one in data)


def test_an_alias_is_switched_for_all_at_once(server: ServerProcess) -> None:
    control = one_client_a_worker(server, "sagemaker")
    data = one_client_a_worker(server, RUNTIME)
    for version in ("v1", "v2"):
        create(control[0].boto, version)
        put(data[1].boto, version, "1", of=version)
    for number in range(20):
        target = f"v{1 + number % 2}"
        path = f"{server.url}/tandem/aliases/current"
        assert urllib3.request("PUT", path, json={"FeatureGroupName": target}).status == 200
        assert [get(one.boto, "current", "1")["of"] for one in data] == [target, target]


def test_pages_and_parts_may_reach_several_workers(server: ServerProcess) -> None:
    control = [one.boto for one in one_client_a_worker(server, "sagemaker")]
    for number in range(4):
        create(control[number % 2], f"paged-{number}")
    names, token = [], {}
    for turn in range(4):
        page = control[turn % 2].list_feature_groups(
            NameContains="paged-", SortBy="Name", SortOrder="Ascending", MaxResults=1, **token
        )
        names += [one["FeatureGroupName"] for one in page["FeatureGroupSummaries"]]
        token = {"NextToken": page.get("NextToken", "")}
    assert names == [f"paged-{number}" for number in range(4)]
    s3 = [one.boto for one in one_client_a_worker(server, "s3")]
    s3[0].create_bucket(Bucket="box")
    upload = s3[0].create_multipart_upload(Bucket="box", Key="whole")["UploadId"]
    named = {"Bucket": "box", "Key": "whole", "UploadId": upload}
    parts = [
        {
            "PartNumber": number,
            "ETag": s3[number % 2].upload_part(
                **named, PartNumber=number, Body=bytes([number]) * (5 << 20)
            )["ETag"],
        }
        for number in (1, 2, 3)
    ]
    s3[1].complete_multipart_upload(**named, MultipartUpload={"Parts": parts})
    assert s3[0].head_object(Bucket="box", Key="whole")["ContentLength"] == 15 << 20


def test_a_statement_is_watched_and_stopped_through_any_worker(server: ServerProcess) -> None:
    server.client("s3").create_bucket(Bucket="results")
    athena = [one.boto for one in one_client_a_worker(server, "athena")]
    statement = {
        "QueryString": "SELECT 42 AS answer",
        "ResultConfiguration": {"OutputLocation": "s3://results/"},
        "ClientRequestToken": "the-same-token-for-two-requests-of-one-client",
    }
    started = {one.start_query_execution(**statement)["QueryExecutionId"] for one in athena}
    assert len(started) == 1
    (query,) = started

    def state(client: Any, query: str) -> str:
        execution = client.get_query_execution(QueryExecutionId=query)["QueryExecution"]
        found: str = execution["Status"]["State"]
        return found

    assert eventually(lambda: state(athena[1], query) == "SUCCEEDED")
    rows = athena[0].get_query_results(QueryExecutionId=query)["ResultSet"]["Rows"]
    assert rows[1]["Data"] == [{"VarCharValue": "42"}]
    numbers = "UNNEST(sequence(1, 10000))"
    long = f"SELECT count(*) FROM {numbers} a CROSS JOIN {numbers} b CROSS JOIN {numbers} c"
    statement |= {"QueryString": long, "ClientRequestToken": "another-token-for-the-long-statement"}
    query = athena[0].start_query_execution(**statement)["QueryExecutionId"]
    athena[1].stop_query_execution(QueryExecutionId=query)
    assert eventually(lambda: state(athena[1], query) == "CANCELLED")


def test_loads_and_sql_reach_the_processes_that_the_workers_share(server: ServerProcess) -> None:
    store = tandem.connect(server.url)
    rows = {"id": ["a", "b"], "time": [1.7e9, 1.7e9], "value": [1, 2]}
    group = store.create_feature_group(
        "loaded", features=rows, record_identifier="id", event_time="time"
    )
    assert [group.ingest(rows, ingestion_id="one") for _ in range(4)] == [2, 0, 0, 0]
    counted = store.sql("SELECT count(*) AS n FROM loaded").to_arrow()
    assert counted["n"].to_pylist() == [2]


def kept(runtime: Any, group: str, identifiers: list[str]) -> int:
    """How many of the records are there."""
    count = 0
    for start in range(0, len(identifiers), 100):
        wanted = {
            "FeatureGroupName": group,
            "RecordIdentifiersValueAsString": identifiers[start : start + 100],
            "FeatureNames": ["id"],
        }
        count += len(runtime.batch_get_record(Identifiers=[wanted])["Records"])
    return count


class Writer(threading.Thread):
    """Puts records as fast as it can with boto3, which tries again; notes what is acknowledged."""

    def __init__(self, server: ServerProcess, number: int) -> None:
        super().__init__()
        self._runtime = server.client(
            RUNTIME, retries={"total_max_attempts": 5, "mode": "standard"}
        )
        self._number = number
        self.stop = threading.Event()
        self.acknowledged: list[tuple[str, float]] = []
        self.errors: list[str] = []

    def run(self) -> None:
        for count in range(1_000_000):
            if self.stop.is_set():
                return
            identifier = f"{self._number}-{count}"
            try:
                put(self._runtime, "hammered", identifier)
            except Exception as error:  # noqa: BLE001 - whatever it is, the test says so
                self.errors.append(str(error))
            else:
                self.acknowledged.append((identifier, time.monotonic()))


def test_workers_that_are_killed_lose_nothing_and_hold_nobody_up(server: ServerProcess) -> None:
    create(server.client("sagemaker"), "hammered")
    starts = sum(one.starts for one in workers(server))
    writers = [Writer(server, number) for number in range(6)]
    for writer in writers:
        writer.start()
    killed = []
    for number in range(KILLS):
        time.sleep(0.3)
        pid = workers(server)[number % 2].pid
        os.kill(pid, signal.SIGTERM if number % 2 else signal.SIGKILL)
        killed.append(time.monotonic())
        assert eventually(lambda pid=pid: pid not in [one.pid for one in workers(server)])
        assert eventually(lambda: are_ready(server))
    for writer in writers:
        writer.stop.set()
        writer.join()
    assert [writer.errors for writer in writers] == [[]] * len(writers)
    acknowledged = dict(one for writer in writers for one in writer.acknowledged)
    moments = sorted(acknowledged.values())
    gaps = [later - earlier for earlier, later in pairwise(moments)]
    assert max(gaps) < 20  # on a busy machine; the lock of a killed writer is free in 10 ms
    assert kept(server.client(RUNTIME), "hammered", list(acknowledged)) == len(acknowledged)
    assert sum(one.starts for one in workers(server)) == starts + len(killed)
    assert health(server)["status"] == "ok"


def test_a_worker_that_stays_away_is_told_of(server: ServerProcess) -> None:
    # Killed again and again, it is started again after a pause.
    told = "worker 1 has ended with exit code -9"

    def kill_first() -> bool:
        with suppress(ProcessLookupError):  # it has not been started again yet
            os.kill(workers(server)[0].pid, signal.SIGKILL)
        return eventually(lambda: told in health(server).get("reason", ""), 2)

    assert eventually(kill_first)
    assert eventually(lambda: are_ready(server))
    assert eventually(lambda: health(server)["status"] == "ok")


@pytest.mark.skipif(not Path("/proc/locks").exists(), reason="only Linux says who holds a lock")
def test_another_worker_delivers_when_the_one_that_does_is_killed(few: ServerProcess) -> None:
    data = few.data
    offline = {
        "OfflineStoreConfig": {"S3StorageConfig": {"S3Uri": "s3://bucket/history"}},
        "RoleArn": "arn:aws:iam::000000000000:role/tandem",
    }
    create(few.client("sagemaker"), "delivered", **offline)
    pids = [one.pid for one in workers(few)]
    assert eventually(lambda: holder(data / "workers.lock") in pids)
    first = holder(data / "workers.lock")
    assert first is not None
    os.kill(first, signal.SIGKILL)
    put(few.client(RUNTIME, retries={"total_max_attempts": 5}), "delivered", "1")
    assert eventually(lambda: any(data.glob("s3/**/data/**/*.parquet")), 60)
    assert holder(data / "workers.lock") != first


def test_none_outlives_the_process_that_listens(few: ServerProcess) -> None:
    create(few.client("sagemaker"), "kept")
    put(few.client(RUNTIME), "kept", "1")
    pids = [one.pid for one in workers(few)]
    few.process.kill()
    few.process.wait()
    # The next one may take the port and the folder at once.
    with ServerProcess(few.data, port=few.port, environment=FEW) as later:
        assert get(later.client(RUNTIME), "kept", "1") != {}
        assert eventually(lambda: not any(runs(pid) for pid in pids))
        begun = time.monotonic()
        assert later.stop() == 0
        assert time.monotonic() - begun < 15
