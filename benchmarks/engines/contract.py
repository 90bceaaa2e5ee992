"""The shipped contract suite over the stores of this folder. What they leave out must fail.

    .venv/bin/pytest -o python_files=contract.py benchmarks/engines

RocksDB's tests run where `rocksdict` can be imported.
"""

import functools
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from benchmarks.engines.lmdb_log import LmdbLogOnlineStore
from benchmarks.engines.lmdb_writable_map import LmdbWritableMap
from tandem.online.base import OnlineStore
from tandem.testing.online_contract import OnlineStoreContract
from tandem.testing.segment_contract import SegmentContract


def without_segments(suite: type) -> type:
    """The suite, whose tests of segments and marks end in NotImplementedError."""
    for name, test in vars(SegmentContract).items():
        if name.startswith("test_"):
            expected = pytest.mark.xfail(raises=NotImplementedError, strict=True)
            setattr(suite, name, expected(_copy(test)))
    return suite


def _copy(test: Callable[..., None]) -> Callable[..., None]:
    """One of its own, since a mark would be on the suite's for everybody."""

    @functools.wraps(test)
    def copy(*given: object, **named: object) -> None:
        test(*given, **named)

    copy.pytestmark = list(getattr(test, "pytestmark", []))
    return copy


class TestLmdbWritableMap(OnlineStoreContract):
    @pytest.fixture
    def store(self, tmp_path: Path) -> Iterator[OnlineStore]:
        store = LmdbWritableMap(tmp_path / "online", map_size_bytes=1 << 26)
        yield store
        store.close()


@without_segments
class TestLmdbLog(OnlineStoreContract):
    @pytest.fixture
    def store(self, tmp_path: Path) -> Iterator[OnlineStore]:
        store = LmdbLogOnlineStore(tmp_path / "online", map_size_bytes=1 << 26)
        yield store
        store.close()


@without_segments
class TestRocksDb(OnlineStoreContract):
    @pytest.fixture
    def store(self, tmp_path: Path) -> Iterator[OnlineStore]:
        pytest.importorskip("rocksdict")
        from benchmarks.engines.rocksdb import RocksDbOnlineStore

        store = RocksDbOnlineStore(tmp_path / "online")
        yield store
        store.close()
