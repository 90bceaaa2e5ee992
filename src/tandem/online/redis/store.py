"""The online store in Redis or Valkey.

* Records and log change in one script, decided on what was read before: see `engine`.
* Reads of many keys are one MGET. They wait for nobody, but for the way there and back.
* What LMDB's transactions keep together is kept together by the version: a write that was decided
  on something that has changed meanwhile is decided again.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import cast

from tandem.model.write import RecordKey
from tandem.online import layout
from tandem.online.base import LogSnapshot, OnlineStore, Outcome, Request
from tandem.online.online_record import OnlineRecord
from tandem.online.redis.decided_writes import DecidedWrites, Touched, changed_set
from tandem.online.redis.engine import Decided, Engine, Pipeline, in_parts
from tandem.online.redis.log_snapshot import open_snapshot
from tandem.online.redis.names import Command
from tandem.online.redis.opening import check_server, claim
from tandem.online.redis.removal import trimmed
from tandem.online.redis.staged_rows import StagedInRedis, check_there, loads_until_ms
from tandem.online.write_changes import Place

_PARTITION = 0


class RedisOnlineStore(OnlineStore):
    """One store among those of a Redis, told apart by `prefix`.

    url         redis://host:port/number, rediss:// with TLS, or unix:///path
    owner       whose store this is; another one is refused
    is_trusted  believes that Redis keeps what it has answered, without looking at its settings
    """

    is_remote = True

    def __init__(
        self, url: str, prefix: str = "tandem", *, owner: str = "", is_trusted: bool = False
    ) -> None:
        self._engine = Engine(url, prefix, owner)
        check_server(self._engine, is_trusted=is_trusted)
        claim(self._engine)
        self._names = self._engine.names
        self._staged = StagedInRedis(self._engine)
        self.staging = self._staged
        self._begins_behind = 0

    def write(self, writes: Sequence[Request], clock: Callable[[], int]) -> list[Outcome]:
        touched = Touched(writes)
        return self._engine.change(lambda: self._decided(writes, touched, clock))

    def _decided(
        self, writes: Sequence[Request], touched: Touched, clock: Callable[[], int]
    ) -> Decided[list[Outcome]]:
        names = self._names

        def ask(asked: Pipeline) -> None:
            if touched.keys:
                asked.mget([names.record(key) for key in touched.keys])
            if touched.marks:
                asked.hmget(names.marks, touched.marks)
            if touched.stages:
                asked.hmget(names.loads, touched.stages)

        at, answers = self._engine.read(ask)
        held = _there(touched.keys, answers.pop(0) if touched.keys else ())
        marks = _there(touched.marks, answers.pop(0) if touched.marks else ())
        check_there(answers.pop(0) if touched.stages else ())
        place = Place(_PARTITION, at.position, max(clock(), at.write_time_us + 1))
        decided = DecidedWrites(held, marks, place)
        decided.decide(writes)
        return Decided(at.version, decided.commands(names, loads_until_ms()), decided.outcomes)

    def get(self, keys: Sequence[RecordKey]) -> list[OnlineRecord | None]:
        unpack = layout.unpack_newest
        packed = layout.record_keys(keys)
        return [
            None if raw is None else unpack(key, raw)
            for key, raw in zip(packed, self._raw(packed), strict=True)
        ]

    def _raw(self, keys: Sequence[bytes]) -> Sequence[bytes | None]:
        """The records as they are packed, all from one moment. Raises StoreUnavailable where Redis
        has lost the store: its records are not absent then.
        """
        start = self._names.record_start
        with self._engine.errors_named():
            words = [self._names.owner, *[start + key for key in keys]]
            owner, *found = cast("list[bytes | None]", self._engine.client.mget(words))
        self._engine.check_owner(owner)
        return found

    def scan(self, group_id: str, after: str | None, limit: int) -> list[tuple[str, OnlineRecord]]:
        found: list[tuple[str, OnlineRecord]] = []
        start = b"[" + layout.group_prefix(group_id)
        if after is not None:
            start = b"(" + layout.record_key(RecordKey(group_id, after))
        while len(found) < limit:
            wanted = limit - len(found)
            keys = self._keys(group_id, start, wanted)
            # One that has gone meanwhile is left out, and the next one takes its place.
            found += [
                layout.unpack_record(key, raw) for key, raw in _there(keys, self._raw(keys)).items()
            ]
            if len(keys) < wanted:
                break
            start = b"(" + keys[-1]
        return found

    def _keys(self, group_id: str, start: bytes, limit: int) -> Sequence[bytes]:
        end = b"(" + _behind(layout.group_prefix(group_id))
        with self._engine.errors_named():
            keys = self._engine.client.zrangebylex(self._names.keys, start, end, 0, limit)
        return cast("list[bytes]", keys)

    @contextmanager
    def log(self) -> Iterator[LogSnapshot]:
        read = self._staged.read
        with open_snapshot(self._engine, self._begins_behind, read) as snapshot:
            self._begins_behind = snapshot.begins_behind
            yield snapshot

    def trim(self, partition: int, through: int) -> None:
        assert partition == _PARTITION
        self._engine.change(lambda: trimmed(self._engine, through))

    def sweep(self, now_ms: int, limit: int) -> int:
        return self._engine.change(lambda: self._swept(now_ms, limit))

    def _swept(self, now_ms: int, limit: int) -> Decided[int]:
        names = self._names
        end = b"(" + layout.expiry_key(now_ms + 1, b"")

        def ask(asked: Pipeline) -> None:
            asked.zrangebylex(names.expiries, b"-", end, start=0, num=limit)
            asked.hgetall(names.marks)

        at, (expired, marks) = self._engine.read(ask)
        commands: list[Command] = []
        if expired:
            keys = [layout.split_expiry_key(raw)[1] for raw in expired]
            commands += _without(self._engine, keys, expired)
            write_time_us = max(at.write_time_us, now_ms * 1_000)
            commands.append((b"HSET", names.meta, b"write_time_us", write_time_us))
        over = [name for name, raw in marks.items() if layout.unpack_mark(name, raw)[0] <= now_ms]
        commands += in_parts((b"HDEL", names.marks), over)
        return Decided(at.version, commands, len(expired), makes_room=True)

    def forget(self, group_id: str, limit: int) -> int:
        return self._engine.change(lambda: self._forgotten(group_id, limit))

    def _forgotten(self, group_id: str, limit: int) -> Decided[int]:
        # Listed first: whoever adds a record behind this changes the version that is read below.
        keys = self._keys(group_id, b"[" + layout.group_prefix(group_id), limit)
        if not keys:
            return Decided(0, (), 0)
        names = [self._names.record(key) for key in keys]
        at, (raws,) = self._engine.read(lambda asked: asked.mget(names))
        held = _there(keys, raws)
        expiries = [
            layout.expiry_key(record.expires_at_ms, key)
            for key, raw in held.items()
            if (record := layout.unpack_newest(key, raw)).expires_at_ms is not None
        ]
        commands = _without(self._engine, list(held), expiries)
        return Decided(at.version, commands, len(held), makes_room=True)

    def close(self) -> None:
        self._engine.close()


def _there(keys: Sequence[bytes], values: Sequence[bytes | None]) -> dict[bytes, bytes]:
    found = zip(keys, values, strict=True)
    return {key: value for key, value in found if value is not None}


def _without(engine: Engine, keys: Sequence[bytes], expiries: Sequence[bytes]) -> list[Command]:
    """Removes records."""
    names = engine.names
    return [
        *in_parts((b"UNLINK",), [names.record(key) for key in keys]),
        *changed_set(names.keys, (), keys),
        *changed_set(names.expiries, (), expiries),
    ]


def _behind(prefix: bytes) -> bytes:
    """Behind all keys that begin so: the byte that follows in a record's key is smaller."""
    return prefix + b"\xff"
