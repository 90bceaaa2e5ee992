"""What a call of writes makes of records, log, marks and stages: decided from what was read of
them, and as the commands that bring it about.
"""

from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from typing import cast

from tandem.model.write import Write
from tandem.online import layout
from tandem.online.apply import check_mark
from tandem.online.base import Committed, Mark, Outcome, Request, SegmentWrite
from tandem.online.redis.engine import in_parts
from tandem.online.redis.names import VALUE, Command, Names
from tandem.online.segment_changes import PackedRecord
from tandem.online.segment_changes import changes_of as changes_of_segment
from tandem.online.write_changes import Place, record_keys_of
from tandem.online.write_changes import changes_of as changes_of_writes


class Touched:
    """What must be read before writes can be decided."""

    def __init__(self, writes: Sequence[Request]) -> None:
        single = [write.key for write in writes if isinstance(write, Write)]
        segments = [write for write in writes if isinstance(write, SegmentWrite)]
        of_segments = [key for one in segments for key, *_ in _packed(one)]
        self.keys = list(dict.fromkeys([*layout.record_keys(single), *of_segments]))
        self.marks = list(
            dict.fromkeys(write.name.encode() for write in writes if isinstance(write, Mark))
        )
        self.stages = list(dict.fromkeys(one.staged.name.encode() for one in segments))


class DecidedWrites:
    """Requests are decided one after the other; each sees those before it.

    held    the packed records that there are of the keys that are touched
    marks   the packed marks, likewise
    place   where in the log the first accepted write comes behind, and when all are written
    """

    def __init__(
        self, held: Mapping[bytes, bytes], marks: Mapping[bytes, bytes], place: Place
    ) -> None:
        self.outcomes: list[Outcome] = []
        self._before = held
        self._held = dict(held)
        self._touched: dict[bytes, None] = {}
        self._expiries: dict[bytes, bool] = {}
        self._logged: list[tuple[int, bytes]] = []
        self._segments: list[bytes] = []
        self._marks = dict(marks)
        self._stages: dict[bytes, None] = {}
        self._place = place

    def decide(self, writes: Sequence[Request]) -> None:
        """Raises ConflictError where a mark is not the expected one, and DataCorrupted."""
        for kind, some in groupby(writes, type):
            if kind is Write:
                self._decide_writes(cast("list[Write]", [*some]))
                continue
            for one in some:
                if isinstance(one, SegmentWrite):
                    self._decide_segment(one)
                else:
                    self._decide_mark(cast("Mark", one))
                self.outcomes.append(Committed(*self._place))

    def _decide_writes(self, writes: Sequence[Write]) -> None:
        changes = changes_of_writes(writes, record_keys_of(writes), self._held, self._place)
        self._put(changes.replaced)
        self._forget(changes.forgotten)
        self._expiries.update(changes.expiries)
        self._logged += [(layout.split_position_key(key), raw) for key, raw in changes.logged]
        self._move(len(changes.logged))
        self.outcomes += changes.outcomes

    def _decide_segment(self, write: SegmentWrite) -> None:
        self._move(write.count)
        _, position, write_time_us = self._place
        changes = changes_of_segment(_packed(write), self._held, write_time_us // 1_000)
        self._put(changes.replaced)
        self._forget(changes.forgotten)
        self._expiries.update(dict.fromkeys(changes.expiries_gone, False))
        self._expiries.update(dict.fromkeys(changes.expiries_new, True))
        self._logged.append((position, layout.pack_segment(position, write, write_time_us)))
        stage = write.staged.name.encode()
        self._segments.append(layout.position_key(position) + stage)
        self._stages[stage] = None

    def _decide_mark(self, mark: Mark) -> None:
        name = mark.name.encode()
        raw = self._marks.get(name, b"")
        check_mark(mark, layout.unpack_mark(name, raw)[1] if raw else b"")
        self._marks[name] = layout.pack_mark(name, mark) if mark.content else b""

    def _put(self, records: Sequence[tuple[bytes, bytes]]) -> None:
        self._held.update(records)
        self._touched.update(dict.fromkeys(key for key, _ in records))

    def _forget(self, keys: Iterable[bytes]) -> None:
        for key in keys:
            self._held.pop(key, None)
            self._touched[key] = None

    def _move(self, count: int) -> None:
        self._place = self._place._replace(position=self._place.position + count)

    def commands(self, names: Names, loads_until_ms: int) -> list[Command]:
        """What brings it about. Loads may go on until then with the stages they write from."""
        _, position, write_time_us = self._place
        there = [key for key in self._touched if key in self._held]
        gone = [key for key in self._touched if key not in self._held and key in self._before]
        new = [key for key in there if key not in self._before]
        marks = [(name, raw) for name, raw in self._marks.items() if raw]
        return [
            (b"HSET", names.meta, b"position", position, b"write_time_us", write_time_us),
            *in_parts(
                (b"MSET",), [word for key in there for word in (names.record(key), self._held[key])]
            ),
            *changed_set(names.keys, new, gone),
            *in_parts((b"UNLINK",), [names.record(key) for key in gone]),
            *changed_set(
                names.expiries,
                [key for key, is_there in self._expiries.items() if is_there],
                [key for key, is_there in self._expiries.items() if not is_there],
            ),
            *((b"XADD", names.log, b"%d-0" % at, VALUE, raw) for at, raw in self._logged),
            *changed_set(names.segments, self._segments, ()),
            *in_parts((b"HSET", names.marks), [word for mark in marks for word in mark]),
            *in_parts(
                (b"HDEL", names.marks), [name for name, raw in self._marks.items() if not raw]
            ),
            *((b"HSET", names.loads, stage, loads_until_ms) for stage in self._stages),
        ]


def changed_set(name: bytes, new: Iterable[bytes], gone: Iterable[bytes]) -> Iterable[Command]:
    """Commands for a sorted set that is ordered by its members' bytes: all have one score."""
    yield from in_parts((b"ZREM", name), [*gone])
    yield from in_parts((b"ZADD", name), [word for member in new for word in (0, member)])


def _packed(write: SegmentWrite) -> Sequence[PackedRecord]:
    return cast("Sequence[PackedRecord]", write.newest or ())
