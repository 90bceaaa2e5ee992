"""Streams of Kinesis, on moto's server: shards that split, two consumers, a kill."""

import json
import os
import subprocess
import sys
import threading
import time
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest

import tandem
from e2e.command_line import COMMAND
from e2e.locations import ON_A_FOLDER
from e2e.streams.scenes import (
    create,
    definition,
    each_once,
    file_of,
    tokens_in_history,
)
from tandem.errors import ValidationError
from tandem.streams import Stream

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # its own packages' deprecations
    from moto.server import ThreadedMotoServer


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    _, port = server.get_host_and_port()
    yield f"http://127.0.0.1:{port}"
    server.stop()


@pytest.fixture(autouse=True)
def credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")


@pytest.fixture
def kinesis(endpoint: str) -> Iterator[Any]:
    client = boto3.client("kinesis", endpoint_url=endpoint, region_name="eu-west-1")
    yield client
    client.close()


def source(endpoint: str, stream: str, **members: Any) -> dict[str, Any]:
    return {"kinesis": {"stream": stream, "endpoint": endpoint, "region": "eu-west-1", **members}}


def make(kinesis: Any, name: str, shards: int = 2) -> None:
    kinesis.create_stream(StreamName=name, ShardCount=shards)


def send(kinesis: Any, name: str, count: int, start: int = 0) -> None:
    records = [
        {
            "Data": json.dumps({"token": f"t{number}", "sum": {"net": number}}).encode(),
            "PartitionKey": f"K{number % 7}",
        }
        for number in range(start, start + count)
    ]
    for first in range(0, count, 500):
        kinesis.put_records(StreamName=name, Records=records[first : first + 500])


def test_records_are_read(
    store: tandem.FeatureStore, location: str, kinesis: Any, endpoint: str, name: str
) -> None:
    name = f"{name}-{'server' if '://' in location else 'folder'}"
    create(store, name)
    make(kinesis, name, 3)
    send(kinesis, name, 40)
    given = definition(name, source=source(endpoint, name))
    status = Stream(store, given).run(until_caught_up=True)
    assert (status.messages, status.behind_milliseconds) == (40, 0)
    send(kinesis, name, 30, 40)
    assert Stream(store, given).run(until_caught_up=True).messages == 30
    assert tokens_in_history(store, name) == each_once(70)
    # The order within a key is the order in which they came.
    record = store.feature_group(name).get("K6")
    assert record is not None
    assert record["token"] == "t69"


class _Resharded:
    """Kinesis as AWS answers for a shard that was split: moto gives its reader no end. Iterators
    are the shard's name and how many records are read.
    """

    def __init__(self) -> None:
        self.asked: list[str] = []
        self._shards: dict[str, list[bytes]] = {
            "child-1": [b'{"token": "t4"}'],
            "child-2": [b'{"token": "t5"}', b'{"token": "t6"}'],
            "parent": [f'{{"token": "t{number}"}}'.encode() for number in range(4)],
        }

    def list_shards(self, **request: Any) -> dict[str, Any]:
        # In two pages, the children first.
        children = [{"ShardId": f"child-{one}", "ParentShardId": "parent"} for one in (1, 2)]
        if "NextToken" in request:
            return {"Shards": [{"ShardId": "parent", "ParentShardId": "expired"}]}
        return {"Shards": children, "NextToken": "more"}

    def get_shard_iterator(self, **request: Any) -> dict[str, Any]:
        read = int(request.get("StartingSequenceNumber", "-1")) + 1
        return {"ShardIterator": f"{request['ShardId']}/{read}"}

    def get_records(self, **request: Any) -> dict[str, Any]:
        shard, _, start = request["ShardIterator"].partition("/")
        self.asked.append(shard)
        held, first = self._shards[shard], int(start)
        found = held[first : first + min(2, request["Limit"])]
        last = first + len(found)
        is_over = shard == "parent" and last == len(held)
        return {
            "Records": [
                {"SequenceNumber": str(number), "PartitionKey": f"K{number}", "Data": data}
                for number, data in enumerate(found, first)
            ],
            "NextShardIterator": None if is_over else f"{shard}/{last}",
            "MillisBehindLatest": 0 if last == len(held) else 500,
        }

    def close(self) -> None: ...


def test_children_of_a_shard_come_after_it(
    store: tandem.FeatureStore, location: str, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = f"{name}-{'server' if '://' in location else 'folder'}"
    create(store, name)
    service = _Resharded()
    monkeypatch.setattr(boto3, "client", lambda *_, **__: service)
    features = {"id": "$key", "time": {"constant": "2024-01-01T00:00:00Z"}, "token": "token"}
    given = definition(
        name, source=source("http://nowhere", name), groups={name: {"features": features}}
    )
    status = Stream(store, given).run(until_caught_up=True)
    assert (status.messages, set(status.partitions)) == (7, {"child-1", "child-2"})
    assert tokens_in_history(store, name) == each_once(7)
    assert "child" not in "".join(service.asked[: service.asked.count("parent")])
    marks = store.streams.positions(name, name, ["parent", "child-1", "child-2"])
    assert marks == {"parent": "SHARD_END", "child-1": "0", "child-2": "1"}
    assert Stream(store, given).run(until_caught_up=True).messages == 0


def test_one_of_two_consumers_writes_and_the_other_takes_over(
    store: tandem.FeatureStore, location: str, kinesis: Any, endpoint: str, name: str
) -> None:
    name = f"{name}-{'server' if '://' in location else 'folder'}"
    create(store, name)
    make(kinesis, name)
    given = definition(name, source=source(endpoint, name))
    streams = [Stream(store, given) for _ in range(2)]
    threads = [threading.Thread(target=stream.run) for stream in streams]
    for thread in threads:
        thread.start()
    for start in range(0, 60, 20):
        send(kinesis, name, 20, start)
        time.sleep(0.2)
    streams[0].stop()
    threads[0].join()
    send(kinesis, name, 20, 60)
    deadline = time.monotonic() + 120
    while sum(tokens_in_history(store, name).values()) < 80 and time.monotonic() < deadline:
        time.sleep(0.1)
    streams[1].stop()
    threads[1].join()
    assert tokens_in_history(store, name) == each_once(80)


@ON_A_FOLDER
def test_a_new_stream_begins_at_the_end(
    store: tandem.FeatureStore, location: str, kinesis: Any, endpoint: str, name: str
) -> None:
    create(store, name)
    make(kinesis, name)
    send(kinesis, name, 5, 100)
    time.sleep(0.05)
    given = definition(name, source=source(endpoint, name, start="latest"))
    assert Stream(store, given).run(until_caught_up=True).messages == 0
    send(kinesis, name, 5)
    Stream(store, given).run(until_caught_up=True)
    assert tokens_in_history(store, name) == each_once(5)


def test_kill_9(kinesis: Any, endpoint: str, name: str, tmp_path: Path) -> None:
    location = str(tmp_path / "data")
    make(kinesis, name)
    send(kinesis, name, 600)
    batch = {"messages": 20}
    file = file_of(tmp_path / "s.yaml", name, source(endpoint, name), batch=batch)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    start = [*COMMAND, "stream", str(file), "--store", location, "--json"]
    with tandem.connect(location) as store:
        create(store, name)
        for seconds in (0.1,):
            with subprocess.Popen(
                [*start, "--every", "0.1"], env=environment, stdout=subprocess.PIPE, text=True
            ) as process:
                assert process.stdout is not None
                while not json.loads(process.stdout.readline())["messages"]:
                    pass
                time.sleep(seconds)
                process.kill()
        file_of(tmp_path / "s.yaml", name, source(endpoint, name), batch={"messages": 2_000})
        subprocess.run([*start, "--once"], env=environment, check=True, capture_output=True)
        assert tokens_in_history(store, name) == each_once(600)


@ON_A_FOLDER
def test_a_stream_that_is_not_there(
    store: tandem.FeatureStore, location: str, endpoint: str, name: str
) -> None:
    create(store, name)
    with pytest.raises(ValidationError, match="ResourceNotFound"):
        Stream(store, definition(name, source=source(endpoint, name))).check()
