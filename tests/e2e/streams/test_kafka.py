"""`tandem stream` on a Kafka broker in a process of its own, and what kills leave of it.

The broker is Tansu where its wheel is installed; see `kafka_broker`. TANDEM_KILL_ROUNDS sets the
number of kills.
"""

import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import tandem
from e2e.command_line import COMMAND
from e2e.locations import ON_A_FOLDER, ON_A_SERVER
from e2e.server_process import ServerProcess
from e2e.streams.kafka_broker import KafkaBroker
from e2e.streams.scenes import (
    create,
    definition,
    each_once,
    file_of,
    tokens_in_history,
)
from tandem.errors import ValidationError
from tandem.service.streams import Move, StreamBatch
from tandem.streams import Stream, read_stream_file

ROUNDS = int(os.environ.get("TANDEM_KILL_ROUNDS", "2"))
MUTANT_ROUNDS_MAX = 8
MESSAGES = 12_000
"""More than are read until the last kill: whoever is started must find some."""
PAUSE_SECONDS_MAX = 0.2
CRASH = Path(__file__).parents[1] / "crash"
ALL = [0, 1, 2, 3]


@pytest.fixture(scope="module")
def broker() -> Iterator[KafkaBroker]:
    with KafkaBroker() as running:
        yield running


def messages(count: int, start: int = 0) -> list[Any]:
    return [{"token": f"t{number}", "sum": {"net": number}} for number in range(start, count)]


def kafka(broker: KafkaBroker, name: str, **members: Any) -> dict[str, Any]:
    return {"kafka": {"topic": name, "brokers": broker.address, "partitions": ALL, **members}}


def command(file: Path, location: str, *options: str, **variables: str) -> Any:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), **variables}
    return subprocess.Popen(
        [*COMMAND, "stream", str(file), "--store", location, "--json", "--every", "0.1", *options],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def until_messages(process: Any) -> dict[str, Any]:
    for line in process.stdout:
        found: dict[str, Any] = json.loads(line)
        if found["messages"]:
            return found
    raise AssertionError(process.stderr.read())


def killed_again_and_again(
    file: Path, location: str, store: Any, name: str, rounds: int, **variables: str
) -> Counter[str]:
    """What is in history after so many kills, or as soon as something is there twice."""
    chance = random.Random(name)
    for _ in range(rounds):
        with command(file, location, **variables) as process:
            until_messages(process)
            time.sleep(chance.uniform(0, PAUSE_SECONDS_MAX))
            process.kill()
        found: Counter[str] = tokens_in_history(store, name)
        if max(found.values()) > 1:
            return found
    with command(file, location, "--once", **variables) as process:
        _, complaint = process.communicate(timeout=180)
        assert process.returncode == 0, complaint
    return tokens_in_history(store, name)


def test_kill_9(
    store: tandem.FeatureStore, location: str, broker: KafkaBroker, name: str, tmp_path: Path
) -> None:
    name = f"{name}-{'server' if '://' in location else 'folder'}"
    create(store, name)
    broker.create_topic(name)
    broker.send(name, messages(MESSAGES))
    source = kafka(broker, name)
    file = file_of(tmp_path / "s.yaml", name, source, batch={"messages": 50, "wait_seconds": 0.05})
    found = killed_again_and_again(file, location, store, name, ROUNDS)
    assert found == each_once(MESSAGES)


def test_a_planted_bug_is_found(broker: KafkaBroker, name: str, tmp_path: Path) -> None:
    """Marks that have a commit of their own, after that of the records."""
    location = str(tmp_path / "data")
    broker.create_topic(name)
    broker.send(name, messages(MESSAGES))
    file = file_of(tmp_path / "s.yaml", name, kafka(broker, name), batch={"messages": 50})
    planted = {
        "TANDEM_ONLINE_STORE": "load_mutants:MarksInACommitOfTheirOwn",
        "PYTHONPATH": os.pathsep.join([str(CRASH), *sys.path]),
    }
    with tandem.connect(location) as store:
        create(store, name)
        found = killed_again_and_again(file, location, store, name, MUTANT_ROUNDS_MAX, **planted)
    assert max(found.values()) > 1


def test_sigterm_writes_what_is_in_hand(
    store: tandem.FeatureStore, location: str, broker: KafkaBroker, name: str, tmp_path: Path
) -> None:
    name = f"{name}-{'server' if '://' in location else 'folder'}"
    create(store, name)
    broker.create_topic(name)
    broker.send(name, messages(MESSAGES))
    file = file_of(tmp_path / "s.yaml", name, kafka(broker, name), batch={"messages": 50})
    with command(file, location) as process:
        until_messages(process)
        process.send_signal(signal.SIGTERM if "://" in location else signal.SIGINT)
        told, complaint = process.communicate(timeout=60)
    assert (process.returncode, complaint) == (0, "")
    status = json.loads(told.splitlines()[-1])
    assert sum(tokens_in_history(store, name).values()) == status["records"] > 0
    marks = store.streams.positions(name, name, [str(number) for number in ALL])
    assert sum(int(mark or 0) for mark in marks.values()) == status["messages"]


@ON_A_SERVER  # the consumers share nothing but its marks
def test_partitions_go_from_one_consumer_to_another(
    store: tandem.FeatureStore, location: str, broker: KafkaBroker, name: str
) -> None:
    create(store, name)
    broker.create_topic(name)
    options = {"heartbeat.interval.ms": 200, "session.timeout.ms": 6_000}
    source = {"kafka": {"topic": name, "brokers": broker.address, "options": options}}
    streams = [Stream(store, definition(name, source=source)) for _ in range(2)]
    threads = [threading.Thread(target=stream.run) for stream in streams]
    threads[0].start()
    count = 0
    deadline = time.monotonic() + 120

    def send_until(is_so: Any) -> None:
        nonlocal count
        while not is_so():
            assert time.monotonic() < deadline, [stream.status() for stream in streams]
            broker.send(name, messages(count + 20, count), count)
            count += 20
            time.sleep(0.1)

    send_until(lambda: streams[0].status().messages)
    threads[1].start()
    send_until(lambda: streams[1].status().messages)
    streams[0].stop()
    threads[0].join()
    send_until(lambda: len(streams[1].status().partitions) == 4)
    while sum(tokens_in_history(store, name).values()) < count:
        assert time.monotonic() < deadline, streams[1].status()
        time.sleep(0.1)
    streams[1].stop()
    threads[1].join()
    assert tokens_in_history(store, name) == each_once(count)
    assert sum(broker.group_offsets(name, name)) == count


def test_two_consumers_that_know_nothing_of_each_other(
    store: tandem.FeatureStore, broker: KafkaBroker, name: str, location: str
) -> None:
    """Both are given all partitions, so that the marks alone keep them apart."""
    name = f"{name}-{'server' if '://' in location else 'folder'}"
    create(store, name)
    broker.create_topic(name)
    streams = [Stream(store, definition(name, source=kafka(broker, name))) for _ in range(2)]
    threads = [threading.Thread(target=stream.run) for stream in streams]
    for thread in threads:
        thread.start()
    for start in range(0, 600, 100):
        broker.send(name, messages(start + 100, start), start)
        time.sleep(0.1)
    deadline = time.monotonic() + 120
    while sum(tokens_in_history(store, name).values()) < 600 and time.monotonic() < deadline:
        time.sleep(0.1)
    for stream, thread in zip(streams, threads, strict=True):
        stream.stop()
        thread.join()
    assert tokens_in_history(store, name) == each_once(600)


def test_a_topic_of_dead_letters(
    store: tandem.FeatureStore, broker: KafkaBroker, name: str, location: str
) -> None:
    name = f"{name}-{'server' if '://' in location else 'folder'}"
    create(store, name)
    for topic in (name, f"{name}-dead"):
        broker.create_topic(topic)
    broker.send(name, [*messages(3), b"{"])
    letters = {"topic": f"{name}-dead"}
    stream = Stream(store, definition(name, source=kafka(broker, name), dead_letters=letters))
    status = stream.run(until_caught_up=True)
    assert (status.records, status.dead_letters, status.behind) == (3, 1, 0)
    (letter,) = broker.all_of(f"{name}-dead", 1)
    headers = dict(letter.headers())
    assert (letter.key(), letter.value()) == (b"K3", b"{")
    assert headers["tandem.topic"] == name.encode()
    assert b"JSON" in headers["tandem.reason"]
    assert headers["tandem.offset"].isdigit()


@ON_A_FOLDER
def test_check_reads_nothing(
    store: tandem.FeatureStore, location: str, broker: KafkaBroker, name: str, tmp_path: Path
) -> None:
    create(store, name)
    broker.create_topic(name)
    broker.send(name, messages(3))
    file = file_of(tmp_path / "s.yaml", name, kafka(broker, name))
    status = Stream(store, read_stream_file(file)).check()
    assert len(status.partitions) == 4
    assert not tokens_in_history(store, name)
    wrong = [({"topic": f"{name}-no"}, "Unknown topic"), ({"partitions": [9]}, r"\[9\]")]
    for members, reason in wrong:
        stream = Stream(store, definition(name, source=kafka(broker, name, **members)))
        with pytest.raises(ValidationError, match=reason):
            stream.run(until_caught_up=True)


@ON_A_FOLDER
def test_messages_that_the_broker_has_dropped(
    store: tandem.FeatureStore, location: str, name: str
) -> None:
    """On librdkafka's mock cluster, since Tansu does not say that an offset is out of range."""
    create(store, name)
    # As if the topic had been made anew: the marks are behind its end.
    moves = [Move(str(number), None, "1000") for number in ALL]
    store.streams.commit(StreamBatch(stream=name, topic=name, moves=moves))
    with KafkaBroker(is_mock=True) as mock:
        mock.create_topic(name)
        mock.send(name, messages(6))
        stream = Stream(store, definition(name, source=kafka(mock, name)))
        with pytest.raises(ValidationError, match="on_gap: continue"):
            stream.run(until_caught_up=True)
        source = kafka(mock, name, on_gap="continue")
        Stream(store, definition(name, source=source)).run(until_caught_up=True)
    assert tokens_in_history(store, name) == each_once(6)


@ON_A_FOLDER
def test_a_new_stream_begins_at_the_end(
    store: tandem.FeatureStore, location: str, name: str
) -> None:
    """On the mock cluster, too: Tansu's end is the beginning of the last batch."""
    create(store, name)
    with KafkaBroker(is_mock=True) as mock:
        mock.create_topic(name)
        mock.send(name, messages(6))
        source = kafka(mock, name, start="latest")
        assert Stream(store, definition(name, source=source)).run(until_caught_up=True).behind == 0
        mock.send(name, messages(4))
        Stream(store, definition(name, source=source)).run(until_caught_up=True)
    assert tokens_in_history(store, name) == each_once(4)


def test_a_server_that_is_killed_is_waited_for(broker: KafkaBroker, tmp_path: Path) -> None:
    name = "waited-for"
    broker.create_topic(name)
    server = ServerProcess(tmp_path / "data")
    with tandem.connect(server.url) as store:
        create(store, name)
        stream = Stream(store, definition(name, source=kafka(broker, name), batch={"messages": 20}))
        thread = threading.Thread(target=stream.run)
        thread.start()
        for start in range(0, 2_000, 1_000):
            broker.send(name, messages(start + 1_000, start), start)
            while stream.status().messages <= start:
                time.sleep(0.01)
            server.kill()
            server = ServerProcess(tmp_path / "data", port=server.port)
        deadline = time.monotonic() + 120
        while stream.status().messages < 2_000 and time.monotonic() < deadline:
            time.sleep(0.05)
        stream.stop()
        thread.join()
        assert tokens_in_history(store, name) == each_once(2_000)
    server.kill()
