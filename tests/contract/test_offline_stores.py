"""Every offline store passes the contract suites."""

from pathlib import Path

import pytest

from tandem.offline.memory import MemoryOfflineStore
from tandem.offline.parquet import ParquetOfflineStore
from tandem.registry.memory import MemoryRegistry
from tandem.registry.sql import SqlRegistry
from tandem.testing.manifested_store_contract import ManifestedStoreContract
from tandem.testing.offline_contract import OfflineStoreContract


class TestMemory(OfflineStoreContract):
    @pytest.fixture
    def store(self):
        return MemoryOfflineStore()


class TestParquet(OfflineStoreContract, ManifestedStoreContract):
    @pytest.fixture(autouse=True)
    def root(self, tmp_path: Path):
        self.path = tmp_path / "offline"
        self.manifests = MemoryRegistry()

    @pytest.fixture
    def store(self):
        return self.open(self.manifests)

    def open(self, manifests) -> ParquetOfflineStore:
        return ParquetOfflineStore(self.path, manifests)

    def reopen(self, _store) -> ParquetOfflineStore:
        return self.open(self.manifests)


class TestParquetWithSql(OfflineStoreContract):
    """The pair that runs by default: the manifest is in SQLite, and each reopening is anew."""

    @pytest.fixture(autouse=True)
    def database(self, tmp_path: Path):
        self.path = tmp_path
        self.registries: list[SqlRegistry] = []
        yield
        for registry in self.registries:
            registry.close()

    @pytest.fixture
    def store(self):
        return self.reopen(None)

    def reopen(self, _store) -> ParquetOfflineStore:
        self.registries.append(SqlRegistry(self.path / "registry.db"))
        return ParquetOfflineStore(self.path / "offline", self.registries[-1])
