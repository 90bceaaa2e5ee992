"""Every built-in query engine against the shipped contract suite."""

import pytest

from tandem.query.duckdb import DuckDbEngine
from tandem.query.memory import MemoryQueryEngine
from tandem.testing.query_contract import QueryEngineContract


class TestDuckDb(QueryEngineContract):
    @pytest.fixture
    def engine(self, folder, tmp_path):
        engine = DuckDbEngine(folder, tmp_path / "scratch", memory_bytes=512 * 1024 * 1024)
        yield engine
        engine.close()


class TestMemory(QueryEngineContract):
    @pytest.fixture
    def engine(self, folder):
        engine = MemoryQueryEngine()
        yield engine
        engine.close()
