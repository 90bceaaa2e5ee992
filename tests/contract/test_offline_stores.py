"""Every offline store passes the contract suites."""

import time
from pathlib import Path

import pytest

from tandem.model.feature_group import FeatureGroup, TableFormat
from tandem.offline.iceberg import IcebergOfflineStore
from tandem.offline.memory import MemoryOfflineStore
from tandem.offline.parquet import ParquetOfflineStore
from tandem.registry.memory import MemoryRegistry
from tandem.registry.sql import SqlRegistry
from tandem.testing.manifested_store_contract import ManifestedStoreContract
from tandem.testing.offline_contract import OfflineStoreContract
from tandem.testing.purchases import purchases_group
from tandem.testing.versions_contract import VersionedHistoryContract


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


class TestIceberg(OfflineStoreContract):
    """Each reopening is anew, over the same catalog file."""

    @pytest.fixture(autouse=True)
    def folder(self, tmp_path: Path):
        self.path = tmp_path

    @pytest.fixture
    def store(self):
        return self.reopen(None)

    def reopen(self, _store) -> IcebergOfflineStore:
        return IcebergOfflineStore(self.path / "offline", self.path / "iceberg.sqlite")

    def make_group(self, name: str = "purchases", *, epoch: int = 1_700_000_000) -> FeatureGroup:
        return purchases_group(name, epoch=epoch, table_format=TableFormat.ICEBERG)


class TestIcebergVersions(VersionedHistoryContract):
    """Each reopening is anew, over the same catalog file, by the same clock."""

    @pytest.fixture(autouse=True)
    def folder(self, tmp_path: Path):
        self.path = tmp_path
        self.ahead_seconds = 0.0

    @pytest.fixture
    def store(self):
        return self.reopen(None)

    def reopen(self, _store) -> IcebergOfflineStore:
        return IcebergOfflineStore(
            self.path / "offline",
            self.path / "iceberg.sqlite",
            clock_seconds=lambda: time.time() + self.ahead_seconds,
        )

    def pass_time(self, seconds: float) -> None:
        self.ahead_seconds += seconds
