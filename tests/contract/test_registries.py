"""Every registry passes the contract suites."""

from pathlib import Path

import pytest

from tandem.registry.memory import MemoryRegistry
from tandem.registry.sql import SqlRegistry
from tandem.testing.document_contract import DocumentRegistryContract
from tandem.testing.manifest_contract import ManifestRegistryContract
from tandem.testing.registry_contract import GroupRegistryContract
from tandem.testing.usage_contract import UsageRegistryContract


class TestMemoryGroups(GroupRegistryContract):
    @pytest.fixture
    def registry(self):
        return MemoryRegistry()


class TestMemoryManifests(ManifestRegistryContract):
    @pytest.fixture
    def manifests(self):
        return MemoryRegistry()


class TestMemoryDocuments(DocumentRegistryContract):
    @pytest.fixture
    def documents(self):
        return MemoryRegistry()


class TestMemoryUsage(UsageRegistryContract):
    @pytest.fixture
    def usage(self):
        return MemoryRegistry()


class SqlReopened:
    """Opens the database again and again, as new processes would, and closes all in the end."""

    @pytest.fixture(autouse=True)
    def database(self, tmp_path: Path):
        self.path = tmp_path / "registry.db"
        self.opened: list[SqlRegistry] = []
        yield
        for registry in self.opened:
            registry.close()

    def open(self) -> SqlRegistry:
        self.opened.append(SqlRegistry(self.path))
        return self.opened[-1]

    def reopen(self, _registry) -> SqlRegistry:
        return self.open()


class TestSqlGroups(SqlReopened, GroupRegistryContract):
    @pytest.fixture
    def registry(self):
        return self.open()


class TestSqlManifests(SqlReopened, ManifestRegistryContract):
    @pytest.fixture
    def manifests(self):
        return self.open()


class TestSqlUsage(SqlReopened, UsageRegistryContract):
    @pytest.fixture
    def usage(self):
        return self.open()
