"""A Redis that has lost what it had answered is told, by who goes on with it."""

from collections.abc import Callable
from contextlib import closing

import pytest

from redis_server import RedisServer
from tandem.errors import StoreUnavailable
from tandem.online.redis import RedisOnlineStore
from tandem.testing.writes import a_put

CALLS: list[Callable[[RedisOnlineStore], object]] = [
    lambda store: store.get([a_put("a").key]),
    lambda store: store.scan("group-1", None, 10),
    lambda store: store.write([a_put("b")], lambda: 1),
    lambda store: store.log().__enter__(),
    lambda store: store.trim(0, 1),
    lambda store: store.sweep(1, 10),
    lambda store: store.staging.clean(),
]


@pytest.mark.parametrize("call", CALLS)
def test_a_store_that_is_gone_is_not_begun_anew(
    server: RedisServer, prefix: str, call: Callable[[RedisOnlineStore], object]
) -> None:
    with closing(RedisOnlineStore(server.url, prefix, owner="one")) as store:
        store.write([a_put("a")], lambda: 1)
        server.client.flushdb()
        for _ in range(2):
            with pytest.raises(StoreUnavailable, match=r"has lost the store.*start again"):
                call(store)


def test_a_log_that_has_become_shorter_takes_no_more(server: RedisServer, prefix: str) -> None:
    with closing(RedisOnlineStore(server.url, prefix)) as store:
        store.write([a_put("a"), a_put("b")], lambda: 1)
        older = server.client.dump(f"{{{prefix}}}:meta")
        store.write([a_put("c")], lambda: 1)
        with store.log() as log:
            assert log.end(0) == 3
        server.client.restore(f"{{{prefix}}}:meta", 0, older, replace=True)
        with pytest.raises(StoreUnavailable, match=r"ends at position 2, and ended at 3"):
            store.write([a_put("d")], lambda: 1)
