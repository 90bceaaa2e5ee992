"""Every online store passes the contract."""

import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest

from redis_server import MISSING, PROGRAM, RedisServer
from tandem.online.base import OnlineStore
from tandem.online.lmdb import LmdbOnlineStore
from tandem.online.memory import MemoryOnlineStore
from tandem.online.redis import RedisOnlineStore
from tandem.testing.online_contract import OnlineStoreContract


class TestMemory(OnlineStoreContract):
    @pytest.fixture
    def store(self) -> OnlineStore:
        return MemoryOnlineStore()


@pytest.fixture(scope="module")
def redis_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    server = RedisServer(tmp_path_factory.mktemp("redis"))
    yield server.url
    server.stop()


@pytest.mark.skipif(PROGRAM is None, reason=MISSING)
class TestRedis(OnlineStoreContract):
    @pytest.fixture
    def store(self, redis_url: str) -> Iterator[OnlineStore]:
        store = RedisOnlineStore(redis_url, secrets.token_hex(4))
        yield store
        store.close()


class TestLmdb(OnlineStoreContract):
    @pytest.fixture
    def store(self, tmp_path: Path) -> Iterator[OnlineStore]:
        store = LmdbOnlineStore(tmp_path / "online", map_size_bytes=1 << 26)
        yield store
        store.close()
