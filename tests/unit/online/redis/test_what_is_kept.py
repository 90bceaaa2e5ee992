"""What snapshots and loads need is kept for them, and for nobody for ever."""

from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest

from redis_server import RedisServer
from tandem.errors import DataCorrupted, StoreUnavailable
from tandem.model.write import RecordKey
from tandem.online.redis import RedisOnlineStore, log_snapshot, staged_rows
from tandem.online.redis.log_snapshot import RedisLogSnapshot
from tandem.rows.segment import one_by_one
from tandem.testing.segment_contract import rows_to_load, segment_write
from tandem.testing.writes import a_put

ROWS = [("a", 1), ("b", 2)]


@pytest.fixture
def store(server: RedisServer, prefix: str) -> Iterator[RedisOnlineStore]:
    with closing(RedisOnlineStore(server.url, prefix)) as store:
        yield store


@pytest.fixture
def over_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_snapshot, "_OPEN_SECONDS_MAX", -1)
    monkeypatch.setattr(staged_rows, "_LOAD_SECONDS_MAX", -1)


def length(server: RedisServer, prefix: str, name: str) -> int:
    key = f"{{{prefix}}}:{name}"
    return server.client.xlen(key) if name == "log" else server.client.hlen(key)


def test_what_is_trimmed_leaves_the_memory_with_the_last_snapshot_that_needs_it(
    store: RedisOnlineStore, server: RedisServer, prefix: str
) -> None:
    store.write([a_put("a"), a_put("b")], lambda: 1)
    with store.log() as first:
        store.trim(0, 1)
        with store.log() as second:
            store.trim(0, 2)
            assert [one.position for one in one_by_one(first.parts(0, 0))] == [1, 2]
            assert [one.position for one in one_by_one(second.parts(0, 0))] == [2]
        store.staging.clean()
        assert length(server, prefix, "log") == 2
    store.staging.clean()
    assert length(server, prefix, "log") == length(server, prefix, "snapshots") == 0


def test_large_entries_are_read_some_at_a_time(
    store: RedisOnlineStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes: list[int] = []
    fetch = RedisLogSnapshot._page

    def noted(log: RedisLogSnapshot, reached: int, count: int) -> Any:
        page = fetch(log, reached, count)
        sizes.append(sum(len(fields[b"v"]) for _, fields in page))
        return page

    monkeypatch.setattr(RedisLogSnapshot, "_page", noted)
    store.write([a_put(f"large-{name}", a="x" * 300_000) for name in range(60)], lambda: 1)
    store.write([a_put(f"small-{name}") for name in range(3_000)], lambda: 1)
    with store.log() as log:
        read = [entry.position for entry in one_by_one(log.parts(0, 0))]
    assert read == list(range(1, 3_061))
    assert max(sizes) < 8 << 20
    assert len(sizes) < 15


@pytest.mark.usefixtures("over_at_once")
def test_a_snapshot_that_was_open_too_long_keeps_nothing_and_says_so(
    store: RedisOnlineStore, server: RedisServer, prefix: str
) -> None:
    store.write([a_put("a"), a_put("b")], lambda: 1)
    with store.log() as log:
        store.trim(0, 1)
        assert length(server, prefix, "log") == 1
        with pytest.raises(StoreUnavailable, match=r"read for more than.*try again"):
            list(log.parts(0, 0))


def test_what_went_wrong_with_a_snapshot_is_told_and_not_that_it_could_not_be_closed(
    store: RedisOnlineStore,
) -> None:
    def read() -> None:
        with store.log():
            store.close()
            raise DataCorrupted("a page")

    with pytest.raises(DataCorrupted, match="a page"):
        read()


def test_rows_of_a_load_go_with_its_last_segment(
    store: RedisOnlineStore, server: RedisServer, prefix: str
) -> None:
    with segment_write(store, rows_to_load(ROWS)) as write:
        assert store.staging.clean() == 0
        store.write([write], lambda: 1)
    assert store.staging.clean() == 0
    store.trim(0, 2)
    assert store.staging.clean() == 1
    assert length(server, prefix, "stages") == length(server, prefix, "loads") == 0


@pytest.mark.usefixtures("over_at_once")
def test_a_load_that_was_given_up_is_told(store: RedisOnlineStore) -> None:
    with segment_write(store, rows_to_load(ROWS)) as write:
        assert store.staging.clean() == 1
        with pytest.raises(StoreUnavailable, match="its rows are gone: load again"):
            store.write([a_put("x"), write], lambda: 1)
    assert store.get([RecordKey("group-1", "x")]) == [None]


def test_rows_that_have_changed_are_told(
    store: RedisOnlineStore, server: RedisServer, prefix: str
) -> None:
    with segment_write(store, rows_to_load(ROWS)) as write:
        store.write([write], lambda: 1)
    key = f"{{{prefix}}}:stages"
    ((name, content),) = server.client.hgetall(key).items()
    server.client.hset(key, name, content[:-1] + b"?")
    with store.log() as log, pytest.raises(DataCorrupted, match="staged rows"):
        list(one_by_one(log.parts(0, 0)))


def test_a_record_that_has_changed_is_told(
    store: RedisOnlineStore, server: RedisServer, prefix: str
) -> None:
    store.write([a_put("a")], lambda: 1)
    (key,) = server.client.keys(f"{{{prefix}}}:r:*")
    server.client.append(key, "?")
    with pytest.raises(DataCorrupted, match="checksum of a record"):
        store.get([RecordKey("group-1", "a")])
