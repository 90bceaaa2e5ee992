"""Rows of loads, in Redis beside the log whose segments name them.

* Rows are on disk before a segment names them, as everything that Redis has answered.
* A load may go on with its stage for an hour from its last segment. Behind that, rows are kept as
  long as the log, as an open snapshot may see it, has segments of them.
* The checksum of rows is part of each segment, and is compared when they are fetched.
"""

import secrets
import threading
import time
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import cast
from zlib import crc32

import pyarrow as pa

from tandem.errors import DataCorrupted, StoreUnavailable
from tandem.online.base import NewestRows, Prepared, StagedRows, Staging
from tandem.online.redis.engine import Engine
from tandem.online.redis.removal import cleaned
from tandem.online.segment_changes import packed_records

_LOAD_SECONDS_MAX = 3_600
_FETCHED_MAX = 2


class StagedInRedis(Staging):
    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._fetched: OrderedDict[str, pa.Table] = OrderedDict()
        self._fetching = threading.Lock()

    @contextmanager
    def stage(self, rows: pa.Table) -> Iterator[StagedRows]:
        name = secrets.token_hex(8)
        content = _packed(rows)
        names = self._engine.names
        with self._engine.errors_named():
            pipeline = self._engine.client.pipeline(transaction=True)
            pipeline.hset(names.stages, name, content)
            pipeline.hset(names.loads, name, loads_until_ms())
            pipeline.execute()
        try:
            yield StagedRows(name, crc32(content), rows)
        finally:
            # Where this is lost, the load counts as under way for an hour more.
            with suppress(StoreUnavailable), self._engine.errors_named():
                self._engine.client.hdel(names.loads, name)

    def read(self, name: str, checksum: int) -> pa.Table:
        """The rows of a stage. Raises DataCorrupted."""
        with self._fetching:
            if name not in self._fetched:
                self._fetched[name] = self._fetch(name, checksum)
                if len(self._fetched) > _FETCHED_MAX:
                    self._fetched.popitem(last=False)
            return self._fetched[name]

    def _fetch(self, name: str, checksum: int) -> pa.Table:
        with self._engine.errors_named():
            found = self._engine.client.hget(self._engine.names.stages, name)
        content = cast("bytes | None", found)
        if content is None or crc32(content) != checksum:
            raise DataCorrupted(
                f"the staged rows {name} of the log are not in Redis at {self._engine.place} as"
                " they were written: restore the online store from a backup"
            )
        with pa.ipc.open_file(pa.py_buffer(content)) as reader:
            return reader.read_all()

    def prepared(self, group_id: str, newest: NewestRows) -> Prepared:
        return Prepared(packed_records(group_id, newest))

    def clean(self) -> int:
        gone = self._engine.change(lambda: cleaned(self._engine))
        if gone:
            with self._fetching:
                self._fetched.clear()  # they may be of those, and have a hundred megabytes each
        return gone


def check_there(loads: Sequence[bytes | None]) -> None:
    """Raises StoreUnavailable where a load was given up whose rows are about to be named."""
    if None in loads:
        raise StoreUnavailable(
            f"nothing came of a load for more than {_LOAD_SECONDS_MAX} seconds, and its rows are"
            " gone: load again"
        )


def loads_until_ms() -> int:
    """Until when a load that begins or goes on now may go on."""
    return time.time_ns() // 1_000_000 + _LOAD_SECONDS_MAX * 1_000


def _packed(rows: pa.Table) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_file(sink, rows.schema) as writer:
        writer.write_table(rows)
    content: bytes = sink.getvalue().to_pybytes()
    return content
