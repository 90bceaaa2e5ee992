"""Every online store passes the contract."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tandem.online.base import OnlineStore
from tandem.online.lmdb import LmdbOnlineStore
from tandem.online.memory import MemoryOnlineStore
from tandem.testing.online_contract import OnlineStoreContract


class TestMemory(OnlineStoreContract):
    @pytest.fixture
    def store(self) -> OnlineStore:
        return MemoryOnlineStore()


class TestLmdb(OnlineStoreContract):
    @pytest.fixture
    def store(self, tmp_path: Path) -> Iterator[OnlineStore]:
        store = LmdbOnlineStore(tmp_path / "online", map_size_bytes=1 << 26)
        yield store
        store.close()
