"""Snapshots of the log. Redis has none, so what one needs is kept for it.

* The log only grows at its end, and a snapshot knows the end that it saw.
* What is trimmed is gone for later snapshots at once; it leaves the memory when no open snapshot
  begins before it. A snapshot is entered in Redis before anything may be trimmed.
* A process that dies leaves its snapshots entered. They count for some minutes, and whoever reads
  on from one after that is told that it was open for too long.
"""

import secrets
import struct
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress

import pyarrow as pa

from tandem.errors import StoreUnavailable
from tandem.model.write import LogPart
from tandem.online import layout
from tandem.online.base import LogSnapshot
from tandem.online.log_parts import parts_of
from tandem.online.redis.engine import Engine, Pipeline
from tandem.online.redis.names import STANDING_FIELDS, VALUE, Standing, standing

_PARTITION = 0
_FIRST_PAGE_ENTRIES, _PAGE_ENTRIES_MAX = 16, 1_000
_PAGE_BYTES = 4 << 20
"""About as much is fetched at once: entries may have some hundred bytes, or as many kilobytes."""
_OPEN_SECONDS_MAX = 600
# KEYS: meta, snapshots, marks. ARGV: the name of a snapshot, what is entered of it, and the fields
# of where the store stands.
# It begins with a removal, so that the log can be read, and delivered, where memory is full.
# Without the new version, whoever is about to trim, and has looked for snapshots, would not see it.
_ENTER = """
redis.call('HDEL', KEYS[2], ARGV[1])
redis.call('HSET', KEYS[2], ARGV[1], ARGV[2])
redis.call('HINCRBY', KEYS[1], 'version', 1)
return {redis.call('HMGET', KEYS[1], unpack(ARGV, 3)), redis.call('HGETALL', KEYS[3])}
"""
_ENTERED = struct.Struct(">Qq")
"""What a snapshot begins behind, and until when it may be open (milliseconds since 1970)."""


@contextmanager
def open_snapshot(
    engine: Engine, begins_behind: int, read: Callable[[str, int], pa.Table]
) -> Iterator["RedisLogSnapshot"]:
    """A snapshot of what is there now; `begins_behind` may be less than was trimmed by now."""
    name = secrets.token_hex(8).encode()
    entered = _ENTERED.pack(begins_behind, _now_ms() + _OPEN_SECONDS_MAX * 1_000)
    names = engine.names
    keys = (names.meta, names.snapshots, names.marks)

    def ask(asked: Pipeline) -> None:
        asked.eval(_ENTER, len(keys), *keys, name, entered, *STANDING_FIELDS)

    _, ((values, words),) = engine.read(ask)
    marks = dict(zip(words[::2], words[1::2], strict=True))
    try:
        yield RedisLogSnapshot(engine, name, standing(values), marks, read)
    finally:
        # Where this is lost, it counts as open until its time is over.
        with suppress(StoreUnavailable), engine.errors_named():
            engine.client.hdel(names.snapshots, name)


def needed_behind(trimmed: int, entered: Mapping[bytes, bytes]) -> tuple[int, list[bytes]]:
    """Up to where nobody needs the log any more, of what was trimmed; and the snapshots that have
    been open for too long, which do not count.
    """
    now_ms = _now_ms()
    needed, over = trimmed, []
    for name, raw in entered.items():
        begins_behind, until_ms = _ENTERED.unpack(raw)
        if until_ms < now_ms:
            over.append(name)
        else:
            needed = min(needed, begins_behind)
    return needed, over


class RedisLogSnapshot(LogSnapshot):
    def __init__(
        self,
        engine: Engine,
        name: bytes,
        at: Standing,
        marks: Mapping[bytes, bytes],
        read: Callable[[str, int], pa.Table],
    ) -> None:
        self._engine = engine
        self._name = name
        self._at = at
        self._marks = marks
        self._read = read

    @property
    def begins_behind(self) -> int:
        """What had been trimmed when it was taken."""
        return self._at.trimmed

    def parts(
        self,
        partition: int,
        after: int,
        through: int | None = None,
        *,
        group_id: str | None = None,
    ) -> Iterator[LogPart]:
        assert partition == _PARTITION
        yield from parts_of(partition, self._values(after), after, through, group_id, self._read)

    def written_at_us(self, partition: int, after: int) -> int | None:
        assert partition == _PARTITION
        for key, raw in self._values(after, page_entries=1):
            return layout.write_time_us_of(key, raw)
        return None

    def end(self, partition: int) -> int:
        assert partition == _PARTITION
        return self._at.position

    def mark(self, name: str) -> bytes | None:
        raw = self._marks.get(name.encode())
        return None if raw is None else layout.unpack_mark(name.encode(), raw)[1]

    @property
    def write_time_us(self) -> int:
        return self._at.write_time_us

    def _values(
        self, after: int, page_entries: int = _FIRST_PAGE_ENTRIES
    ) -> Iterator[tuple[bytes, bytes]]:
        """Position, as a key, and value of all that this snapshot has behind `after`."""
        reached = max(after, self._at.trimmed)
        while reached < self._at.position:
            page = self._page(reached, page_entries)
            for identifier, fields in page:
                reached = int(identifier.partition(b"-")[0])
                if reached > self._at.position:
                    return
                yield layout.position_key(reached), fields[VALUE]
            if len(page) < page_entries:
                return
            size = sum(len(fields[VALUE]) for _, fields in page)
            page_entries = max(1, min(_PAGE_BYTES * len(page) // size, _PAGE_ENTRIES_MAX))

    def _page(self, reached: int, count: int) -> list[tuple[bytes, Mapping[bytes, bytes]]]:
        names = self._engine.names
        with self._engine.errors_named():
            pipeline = self._engine.client.pipeline(transaction=False)
            pipeline.xrange(names.log, b"%d-0" % (reached + 1), b"+", count)
            # Behind it: what is still entered then was kept until then.
            pipeline.hexists(names.snapshots, self._name)
            page, is_open = pipeline.execute()
        if not is_open:
            raise StoreUnavailable(
                f"the log was read for more than {_OPEN_SECONDS_MAX} seconds in one go, and parts"
                " of it are gone: try again"
            )
        return list(page)


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
