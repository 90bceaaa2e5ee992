"""Many write, trim, sweep and read at once, each over a store of its own, and nothing is lost."""

import threading
from collections.abc import Callable
from contextlib import ExitStack, closing

from redis_server import RedisServer
from tandem.model.write import LogEntry, RecordKey
from tandem.online.base import OnlineStore
from tandem.online.features_json import decode_features
from tandem.online.redis import RedisOnlineStore
from tandem.rows.segment import one_by_one
from tandem.testing.replay import replay
from tandem.testing.segment_contract import rows_to_load, segment_write
from tandem.testing.writes import a_put

WRITERS, WRITES = 4, 60
NOW_US = 1_700_000_000_000_000


def write(store: OnlineStore, name: int) -> None:
    for number in range(WRITES):
        moment = (number * 7 + name * 3) % 20
        store.write(
            [a_put("hot", moment, a=f"{name}-{number}"), a_put(f"{name}-{number}")], lambda: NOW_US
        )
        if number % 20 == 0:
            rows = rows_to_load([("hot", moment), (f"loaded-{name}-{number}", 1)])
            with segment_write(store, rows) as load:
                store.write([load], lambda: NOW_US)


def test_writers_readers_and_a_trimmer(server: RedisServer, prefix: str) -> None:
    done = threading.Event()
    delivered: list[LogEntry] = []

    def deliver(store: OnlineStore) -> None:
        """Takes the log as delivery does, while others write it."""
        while not done.is_set() or _is_more(store, delivered):
            with store.log() as log:
                after = delivered[-1].position if delivered else 0
                delivered.extend(one_by_one(log.parts(0, after)))
            store.trim(0, delivered[-1].position if delivered else 0)
            store.staging.clean()
            store.sweep(0, 10)

    with ExitStack() as opened:

        def store() -> OnlineStore:
            return opened.enter_context(closing(RedisOnlineStore(server.url, prefix)))

        failed: list[BaseException] = []
        writers = [_thread(failed, write, store(), name) for name in range(WRITERS)]
        deliverer = _thread(failed, deliver, store())
        for writer in writers:
            writer.join()
        done.set()
        deliverer.join()
        assert failed == []
        each = WRITES * 2 + WRITES // 20 * 2
        assert [entry.position for entry in delivered] == list(range(1, WRITERS * each + 1))
        times = [entry.write_time_us for entry in delivered]
        assert times == sorted(times)
        held = store().get([RecordKey("group-1", "hot")])[0]
        assert held is not None
        expected = replay(delivered)[RecordKey("group-1", "hot")]
        assert (held.state, decode_features(held.features_json)) == expected
        assert len(store().scan("group-1", None, 1_000)) == 1 + WRITERS * (WRITES + WRITES // 20)


def _is_more(store: OnlineStore, delivered: list[LogEntry]) -> bool:
    with store.log() as log:
        return log.end(0) > (delivered[-1].position if delivered else 0)


def _thread(
    failed: list[BaseException], work: Callable[..., None], *given: object
) -> threading.Thread:
    def run() -> None:
        try:
            work(*given)
        except BaseException as error:  # noqa: BLE001 - the test tells of it
            failed.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    return thread
