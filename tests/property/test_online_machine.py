"""The state machine of `tandem.testing` on every durable online store."""

import secrets
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

import pytest
from hypothesis import settings

from redis_server import MISSING, PROGRAM, RedisServer
from tandem.online.base import OnlineStore
from tandem.online.lmdb import LmdbOnlineStore
from tandem.online.memory import MemoryOnlineStore
from tandem.online.redis import RedisOnlineStore
from tandem.testing.online_machine import OnlineStoreMachine


class _Lmdb(OnlineStoreMachine):
    def open_store(self) -> OnlineStore:
        self.folder = Path(tempfile.mkdtemp())
        return LmdbOnlineStore(self.folder / "online", map_size_bytes=1 << 26)

    def teardown(self) -> None:
        super().teardown()
        shutil.rmtree(self.folder)


class _Redis(OnlineStoreMachine):
    server: ClassVar[RedisServer]

    def open_store(self) -> OnlineStore:
        return RedisOnlineStore(self.server.url, secrets.token_hex(8))


class _Memory(OnlineStoreMachine):
    def open_store(self) -> OnlineStore:
        return MemoryOnlineStore()


TestLmdb = _Lmdb.TestCase
TestLmdb.settings = settings(max_examples=60, stateful_step_count=25, deadline=None)


@pytest.mark.skipif(PROGRAM is None, reason=MISSING)
class TestRedis(_Redis.TestCase):
    settings = settings(max_examples=60, stateful_step_count=25, deadline=None)

    @pytest.fixture(autouse=True)
    def server(self, tmp_path: Path) -> Iterator[None]:
        _Redis.server = RedisServer(tmp_path)
        yield
        _Redis.server.stop()


TestMemory = _Memory.TestCase
TestMemory.settings = settings(max_examples=60, stateful_step_count=25, deadline=None)
