"""Streams into a folder and into a server: the same tests for both, on a topic in memory."""

import json
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

import tandem
from e2e.streams.memory_topic import MemorySource, MemoryTopic
from e2e.streams.scenes import create, definition, each_once, tokens_in_history
from tandem.errors import ConflictError, ResourceNotFound, StoreUnavailable, ValidationError
from tandem.sdk.stream_control import StreamControl
from tandem.service.streams import BadRecord, Move, StreamBatch
from tandem.streams import Stream


@pytest.fixture
def topic() -> MemoryTopic:
    return MemoryTopic()


def fill(topic: MemoryTopic, count: int, start: int = 0) -> None:
    for number in range(start, start + count):
        value = {"token": f"t{number}", "sum": {"net": number if number % 2 else number + 0.5}}
        topic.add(value, f"K{number % 5}", str(number % 5 % 2))


def run(store: tandem.FeatureStore, topic: MemoryTopic, name: str, **members: Any) -> Any:
    stream = Stream(store, definition(name, **members), source=MemorySource(topic))
    return stream.run(until_caught_up=True)


def test_messages_become_records(store: tandem.FeatureStore, topic: MemoryTopic, name: str) -> None:
    create(store, name)
    fill(topic, 30)
    status = run(store, topic, name)
    assert (status.messages, status.records, status.behind) == (30, 30, 0)
    assert tokens_in_history(store, name) == each_once(30)
    expected = {"id": "K4", "time": "2023-11-14T22:13:20Z", "token": "t29", "amount": 29.0}
    assert store.feature_group(name).get("K4") == expected
    fill(topic, 12, 30)
    assert run(store, topic, name).messages == 12
    assert tokens_in_history(store, name) == each_once(42)


def test_large_batches_are_the_same(
    store: tandem.FeatureStore, topic: MemoryTopic, name: str
) -> None:
    create(store, name)
    fill(topic, 500)
    run(store, topic, name, batch={"messages": 1_000})
    assert tokens_in_history(store, name) == each_once(500)
    assert store.feature_group(name).get("K3")["token"] == "t498"  # the later of a tie wins
    assert store.feature_group(name).get("K4")["amount"] == 499.0


def test_partitions_that_come_later_are_read(
    store: tandem.FeatureStore, topic: MemoryTopic, name: str
) -> None:
    create(store, name)
    fill(topic, 4)
    run(store, topic, name)
    topic.partitions["2"] = []
    topic.add({"token": "t4"}, "K9", "2")
    run(store, topic, name)
    assert tokens_in_history(store, name) == each_once(5)


def test_a_consumer_that_stands_still_in_an_old_place_does_no_harm(
    store: tandem.FeatureStore, topic: MemoryTopic, name: str
) -> None:
    """Two consumers under one name, which take turns at the same partitions."""
    create(store, name)
    streams = [
        Stream(store, definition(name, batch={"messages": 3}), source=MemorySource(topic))
        for _ in range(2)
    ]
    threads = [threading.Thread(target=stream.run) for stream in streams]
    for thread in threads:
        thread.start()
    for start in range(0, 300, 20):
        fill(topic, 20, start)
        threading.Event().wait(0.02)
    deadline = threading.Event()
    for _ in range(2_000):
        if sum(tokens_in_history(store, name).values()) >= 300:
            break
        deadline.wait(0.05)
    for stream in streams:
        stream.stop()
    for thread in threads:
        thread.join()
    assert tokens_in_history(store, name) == each_once(300)
    assert sum(stream.status().messages for stream in streams) >= 300


def test_tombstones_delete(store: tandem.FeatureStore, topic: MemoryTopic, name: str) -> None:
    create(store, name)
    topic.add({"token": "t0"}, "K1")
    topic.add({"token": "t1"}, "K2")
    topic.add(None, "K1", timestamp_ms=1_700_000_001_000)
    topic.add({"token": "t2"}, "K3")
    run(store, topic, name)
    group = store.feature_group(name)
    assert group.get("K1") is None
    assert group.get("K3") == {"id": "K3", "time": "2023-11-14T22:13:20Z", "token": "t2"}
    topic.add(None, "K2", timestamp_ms=1_700_000_001_000)
    assert run(store, topic, name, tombstones="skip").passed_over == 1
    assert group.get("K2") is not None


def test_groups_by_a_field_and_a_filter(
    store: tandem.FeatureStore, topic: MemoryTopic, name: str, tmp_path: Path
) -> None:
    names = [f"{name}-a", f"{name}-b"]
    for one in names:
        create(store, one)
    features = {"id": "who", "time": "$timestamp", "token": {"constant": "t0"}}
    letters = tmp_path / "letters.jsonl"
    members = {
        "group_field": "kind",
        "groups": {
            names[0]: {"features": features, "target_stores": ["OfflineStore"]},
            "b.made": {"group": names[1], "features": features},
        },
        "filter": {"live": True},
        "dead_letters": {"file": str(letters)},
    }
    topic.add({"kind": names[0], "who": "A", "live": True})
    topic.add({"kind": "b.made", "who": "B", "live": True})
    topic.add({"kind": "b.made", "who": "C", "live": 1})
    topic.add({"kind": "other", "who": "D", "live": True})
    status = run(store, topic, name, **members)
    assert (status.records, status.passed_over, status.dead_letters) == (2, 1, 1)
    assert store.feature_group(names[0]).get("A") is None
    assert tokens_in_history(store, names[0]) == each_once(1)
    assert store.feature_group(names[1]).get("B")["token"] == "t0"
    assert "no group: kind is 'other'" in json.loads(letters.read_text())["reason"]


@pytest.mark.parametrize("count", [10, 300])
def test_dead_letters(
    store: tandem.FeatureStore, topic: MemoryTopic, name: str, tmp_path: Path, count: int
) -> None:
    """Written one by one, or as columns: the same letters."""
    group = f"{name}-{count}"
    create(store, group)
    fill(topic, count)
    topic.add(b"{", "K1")
    topic.add({"token": "t1", "sum": {"net": "a lot"}}, "K2")
    topic.add({"token": {"no": "text"}}, "K3")
    topic.add({"token": "\ud800"}, "K3")
    topic.add({"token": "x"}, b"\xff")
    topic.add({"token": "x"}, None)
    fill(topic, 6, count)
    first = count * 3 // 5
    letters = tmp_path / "letters.jsonl"
    letters.write_bytes(b'{"torn')
    where = {"dead_letters": {"file": str(letters)}, "batch": {"messages": 1_000}}
    status = run(store, topic, group, **where)
    assert status.dead_letters == 6
    assert tokens_in_history(store, group) == each_once(count + 6)
    found = [json.loads(line) for line in letters.read_text().splitlines()[1:]]
    assert {one["offset"] for one in found} == {str(first + one) for one in range(6)}
    by_offset = {int(one["offset"]) - first: one for one in found}
    assert by_offset[0] | {"reason": ""} == {
        "stream": group,
        "topic": "topic",
        "partition": "0",
        "offset": str(first),
        "timestamp_ms": 1_700_000_000_000,
        "reason": "",
        "key": "K1",
        "value": "{",
    }
    for offset, reason in enumerate(["JSON", "a lot", "token", "", "'id'", "'id'"]):
        assert reason in by_offset[offset]["reason"], by_offset[offset]
    assert by_offset[4]["key_base64"] == "/w=="


def test_without_dead_letters_a_bad_message_ends_the_stream(
    store: tandem.FeatureStore, topic: MemoryTopic, name: str
) -> None:
    create(store, name)
    topic.add({"token": "t0"})
    topic.add({"token": "t1", "sum": {"net": "x"}})
    with pytest.raises(ValidationError, match=r"offset 1 of partition 0 .*'x'.*dead_letters"):
        run(store, topic, name)


def test_dead_letters_come_before_the_mark(
    store: tandem.FeatureStore, topic: MemoryTopic, name: str, tmp_path: Path
) -> None:
    create(store, name)
    topic.add(b"{")
    letters = tmp_path / "gone" / "letters.jsonl"
    stream = Stream(
        store,
        definition(name, dead_letters={"file": str(letters)}),
        source=MemorySource(topic),
    )
    thread = threading.Thread(target=stream.run, kwargs={"until_caught_up": True})
    thread.start()
    while stream.status().last_error is None:
        threading.Event().wait(0.01)
    assert store.streams.positions(name, "topic", ["0"]) == {"0": "0"}
    letters.parent.mkdir()
    thread.join(60)
    assert stream.status().last_error is None
    assert store.streams.positions(name, "topic", ["0"]) == {"0": "1"}
    assert len(letters.read_text().splitlines()) == 1


def test_what_does_not_fit_is_said_before_anything_is_read(
    store: tandem.FeatureStore, topic: MemoryTopic, name: str
) -> None:
    with pytest.raises(ResourceNotFound):
        run(store, topic, name)
    create(store, name)
    wrong: list[tuple[dict[str, Any], str]] = [
        ({"id": "$key", "time": "$timestamp", "colour": "x"}, "colour"),
        ({"id": "$key", "token": "x"}, "'time' is missing"),
    ]
    for features, reason in wrong:
        with pytest.raises(ValidationError, match=reason):
            run(store, topic, name, groups={name: {"features": features}})


def test_a_lost_answer_doubles_nothing(
    store: tandem.FeatureStore, topic: MemoryTopic, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    create(store, name)
    fill(topic, 40)
    control = _Flaky(store.streams)
    monkeypatch.setattr(type(store), "streams", property(lambda _: control))
    assert run(store, topic, name).messages == 40
    assert control.lost >= 2
    assert tokens_in_history(store, name) == each_once(40)


class _Flaky(StreamControl):
    """Every second batch is written, and its answer lost; every third is not written at first."""

    def __init__(self, control: StreamControl) -> None:
        self._control = control
        self._calls = 0
        self.lost = 0

    def positions(self, stream: str, topic: str, partitions: Sequence[str]) -> Any:
        return self._control.positions(stream, topic, partitions)

    def commit(self, batch: StreamBatch) -> list[BadRecord]:
        self._calls += 1
        if self._calls % 3 == 0:
            raise StoreUnavailable("away")
        done = self._control.commit(batch)
        if self._calls % 2 == 0:
            self.lost += 1
            raise StoreUnavailable("the answer was lost")
        return done


def test_a_stop_writes_what_is_in_hand(
    store: tandem.FeatureStore, topic: MemoryTopic, name: str
) -> None:
    create(store, name)
    fill(topic, 200)
    source = MemorySource(topic)
    stream = Stream(store, definition(name), source=source)
    thread = threading.Thread(target=stream.run)
    thread.start()
    while not stream.status().messages:
        threading.Event().wait(0.001)
    stream.stop()
    thread.join(60)
    assert source.is_closed
    status = stream.status()
    assert sum(tokens_in_history(store, name).values()) == status.messages
    marks = store.streams.positions(name, "topic", ["0", "1"])
    assert sum(int(mark or 0) for mark in marks.values()) == status.messages
    assert source.told == marks


def test_a_mark_moves_from_where_it_stands_only(store: tandem.FeatureStore, name: str) -> None:
    def move(before: str | None, after: str) -> StreamBatch:
        return StreamBatch(stream=name, topic="topic", moves=[Move("0", before, after)])

    assert store.streams.positions(name, "topic", ["0"]) == {"0": None}
    assert store.streams.commit(move(None, "5")) == []
    with pytest.raises(ConflictError):
        store.streams.commit(move(None, "6"))
    with pytest.raises(ConflictError):
        store.streams.commit(move("4", "6"))
    assert store.streams.positions(name, "topic", ["0"]) == {"0": "5"}
    for wrong in ("", "a/b", "ü"):
        with pytest.raises(ValidationError):
            store.streams.positions(name, wrong, ["0"])
