"""What the online store must hold, computed from the log alone."""

from collections.abc import Iterable

from tandem.model.decision import Effect, NewestState, Refusal, decide
from tandem.model.record import FeatureValue
from tandem.model.targets import TargetStores
from tandem.model.write import LogEntry, Operation, RecordKey, Write

Replayed = dict[RecordKey, tuple[NewestState, tuple[FeatureValue, ...]]]


def replay(entries: Iterable[LogEntry]) -> Replayed:
    """The newest records after `entries`, in log order.

    Each entry is decided again with its own write time as the clock. An update's entry holds the
    whole record, so it replays as a put.
    """
    newest: Replayed = {}
    for entry in entries:
        if TargetStores.ONLINE not in entry.targets:
            continue
        held = newest.get(entry.key)
        decision = decide(as_write(entry), held and held[0], entry.write_time_us // 1_000)
        if isinstance(decision, Refusal):
            raise AssertionError(f"the log holds an entry that must be refused: {entry}")
        if decision.effect is Effect.REPLACE:
            state = NewestState(entry.event_time, entry.expires_at_ms, entry.operation.is_delete)
            newest[entry.key] = (state, entry.values)
        elif decision.effect is Effect.FORGET:
            newest.pop(entry.key, None)
    return newest


def as_write(entry: LogEntry) -> Write:
    """The write that leads to the entry again, where it is decided with its time as the clock."""
    is_update = entry.operation is Operation.UPDATE
    return Write(
        operation=Operation.PUT if is_update else entry.operation,
        key=entry.key,
        event_time=entry.event_time,
        targets=entry.targets,
        values=entry.values,
        invoked_at_us=entry.invoked_at_us,
        expires_at_ms=entry.expires_at_ms,
    )
