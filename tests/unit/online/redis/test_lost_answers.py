"""A write whose answer is lost on the way is written once."""

import re
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress

import pytest

from redis_server import RedisServer
from tandem.errors import AnswerLost, StoreUnavailable
from tandem.online.base import Committed, OnlineStore
from tandem.online.redis import RedisOnlineStore, engine
from tandem.rows.segment import one_by_one
from tandem.testing.writes import a_put


class Proxy:
    """Passes everything on, but for the answers of changes: so many of them are lost, each with its
    connection, or stay away for good.
    """

    def __init__(self, port: int) -> None:
        self._port = port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.to_lose = 0
        self.to_hold = 0
        self.url = f"redis://127.0.0.1:{self._listener.getsockname()[1]}/0"
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                server = socket.create_connection(("127.0.0.1", self._port))
                threading.Thread(target=self._serve, args=(client, server), daemon=True).start()

    def _serve(self, client: socket.socket, server: socket.socket) -> None:
        with client, server:
            while asked := client.recv(1 << 20):
                server.sendall(asked)
                answer = server.recv(1 << 20)
                if re.search(rb"EVALSHA", asked) and self.to_lose and b"NOSCRIPT" not in answer:
                    self.to_lose -= 1
                    return
                if re.search(rb"EVALSHA", asked) and self.to_hold and b"NOSCRIPT" not in answer:
                    self.to_hold -= 1
                    client.recv(1)
                    return
                client.sendall(answer)

    def close(self) -> None:
        self._listener.close()


@pytest.fixture
def proxy(server: RedisServer) -> Iterator[Proxy]:
    with closing(Proxy(server.port)) as proxy:
        yield proxy


def logged(store: OnlineStore) -> list[str]:
    with store.log() as log:
        return [entry.key.identifier for entry in one_by_one(log.parts(0, 0))]


def test_a_write_is_asked_for_again_and_written_once(proxy: Proxy, prefix: str) -> None:
    with closing(RedisOnlineStore(proxy.url, prefix)) as store:
        store.write([a_put("before")], lambda: 1)
        for lost in (1, 3):
            proxy.to_lose = lost
            (outcome,) = store.write([a_put(f"lost {lost} times")], lambda: 1)
            assert isinstance(outcome, Committed)
            assert proxy.to_lose == 0
        assert logged(store) == ["before", "lost 1 times", "lost 3 times"]


def test_who_comes_between_a_lost_answer_and_its_repetition_changes_nothing(
    proxy: Proxy, server: RedisServer, prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = RedisOnlineStore(server.url, prefix)
    with closing(other), closing(RedisOnlineStore(proxy.url, prefix)) as store:
        store.write([a_put("before")], lambda: 1)
        proxy.to_lose = 1
        sleep = engine.ExponentialBackoff.compute

        def write_meanwhile(backoff: engine.ExponentialBackoff, failures: int) -> float:
            other.write([a_put("between")], lambda: 1)
            return sleep(backoff, failures)

        monkeypatch.setattr(engine.ExponentialBackoff, "compute", write_meanwhile)
        store.write([a_put("lost")], lambda: 1)
        assert logged(store) == ["before", "lost", "between"]


def test_what_stays_lost_is_told(proxy: Proxy, prefix: str) -> None:
    with closing(RedisOnlineStore(proxy.url, prefix)) as store:
        store.write([a_put("before")], lambda: 1)
        proxy.to_lose = 1_000
        with pytest.raises(AnswerLost, match="does not answer"):
            store.write([a_put("lost")], lambda: 1)
        proxy.to_lose = 0
        store.write([a_put("behind")], lambda: 1)
        assert logged(store) == ["before", "lost", "behind"]


def test_a_write_that_is_slow_is_waited_for_and_written_once(
    proxy: Proxy, prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "_TIMEOUT_SECONDS", 0.2)
    with closing(RedisOnlineStore(proxy.url, prefix)) as store:
        store.write([a_put("before")], lambda: 1)
        proxy.to_hold = 2
        store.write([a_put("slow")], lambda: 1)
        assert proxy.to_hold == 0
        assert logged(store) == ["before", "slow"]


def test_a_redis_that_hangs_is_waited_for_once(
    server: RedisServer, prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "_TIMEOUT_SECONDS", 0.5)
    with closing(RedisOnlineStore(server.url, prefix)) as store, server.stopped():
        for call in (lambda: store.get([a_put("a").key]), lambda: store.write([], lambda: 1)):
            begin = time.monotonic()
            with pytest.raises(StoreUnavailable, match="Timeout"):
                call()
            assert time.monotonic() - begin < 1.5


def test_many_threads_may_wait_at_once(server: RedisServer, prefix: str) -> None:
    with closing(RedisOnlineStore(server.url, prefix)) as store, ThreadPoolExecutor(150) as readers:
        with server.stopped():
            asked = [readers.submit(store.get, [a_put("a").key]) for _ in range(150)]
            time.sleep(0.5)
        assert [one.result() for one in asked] == [[None]] * 150
