"""The state machine of `tandem.testing` on every durable online store."""

import shutil
import tempfile
from pathlib import Path

from hypothesis import settings

from tandem.online.base import OnlineStore
from tandem.online.lmdb import LmdbOnlineStore
from tandem.online.memory import MemoryOnlineStore
from tandem.testing.online_machine import OnlineStoreMachine


class _Lmdb(OnlineStoreMachine):
    def open_store(self) -> OnlineStore:
        self.folder = Path(tempfile.mkdtemp())
        return LmdbOnlineStore(self.folder / "online", map_size_bytes=1 << 26)

    def teardown(self) -> None:
        super().teardown()
        shutil.rmtree(self.folder)


class _Memory(OnlineStoreMachine):
    def open_store(self) -> OnlineStore:
        return MemoryOnlineStore()


TestLmdb = _Lmdb.TestCase
TestLmdb.settings = settings(max_examples=60, stateful_step_count=25, deadline=None)
TestMemory = _Memory.TestCase
TestMemory.settings = settings(max_examples=60, stateful_step_count=25, deadline=None)
