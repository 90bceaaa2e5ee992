"""What leaves Redis: the log that is delivered, and rows of loads that nothing names any more.

Nothing goes that an open snapshot of the log may still read.
"""

import time
from typing import Any

from tandem.online import layout
from tandem.online.redis.engine import Decided, Engine, Pipeline, in_parts
from tandem.online.redis.log_snapshot import needed_behind
from tandem.online.redis.names import Command, Names

_POSITION_BYTES = len(layout.position_key(0))


def trimmed(engine: Engine, through: int) -> Decided[None]:
    """Moves the begin of the log to behind `through`, and removes what may go by that."""
    names = engine.names
    at, (snapshots,) = engine.read(lambda asked: asked.hgetall(names.snapshots))
    begin = max(at.trimmed, min(through, at.position))
    if begin == at.trimmed:
        return Decided(at.version, (), None)
    needed, over = needed_behind(begin, snapshots)
    commands = [(b"HSET", names.meta, b"trimmed", begin), *_log_through(names, needed, over)]
    return Decided(at.version, commands, None, makes_room=True)


def cleaned(engine: Engine) -> Decided[int]:
    """Removes what was trimmed while snapshots were open that needed it, and stages from which
    nobody loads, and of which the log has no segment.
    """
    names = engine.names

    def ask(asked: Pipeline) -> None:
        asked.hkeys(names.stages)
        asked.hgetall(names.loads)
        asked.hgetall(names.snapshots)
        asked.zrange(names.segments, 0, -1)
        asked.xrange(names.log, count=1)

    at, answers = engine.read(ask)
    stages, loads, snapshots, segments, oldest = answers
    needed, over = needed_behind(at.trimmed, snapshots)
    kept = {raw[_POSITION_BYTES:] for raw in segments if _position(raw) > needed}
    now_ms = time.time_ns() // 1_000_000
    kept |= {name for name, until_ms in loads.items() if int(until_ms) > now_ms}
    gone = [name for name in stages if name not in kept]
    commands: list[Command] = []
    if over or any(int(identifier.partition(b"-")[0]) <= needed for identifier, _ in oldest):
        commands += _log_through(names, needed, over)
    commands += in_parts((b"HDEL", names.stages), gone)
    commands += in_parts((b"HDEL", names.loads), gone)
    return Decided(at.version, commands, len(gone), makes_room=True)


def _log_through(names: Names, through: int, snapshots: list[Any]) -> list[Command]:
    """Removes the log up to there, and what is noted of these snapshots."""
    behind = b"(" + layout.position_key(through + 1)
    return [
        (b"XTRIM", names.log, b"MINID", b"%d-0" % (through + 1)),
        (b"ZREMRANGEBYLEX", names.segments, b"-", behind),
        *in_parts((b"HDEL", names.snapshots), snapshots),
    ]


def _position(segment: bytes) -> int:
    return layout.split_position_key(segment[:_POSITION_BYTES])
