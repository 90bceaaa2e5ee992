"""What a write makes of the newest record: the decision, and for an update the merge.

Every backend calls `apply` inside its write transaction with the record it has just read there.
"""

from typing import NamedTuple

from tandem.errors import ConflictError
from tandem.model.decision import Effect, Refusal, decide
from tandem.model.limits import RECORD_BYTES_MAX
from tandem.model.record import FeatureValue, merge_values, record_size
from tandem.model.write import LogEntry, Operation, Write
from tandem.online.base import Mark
from tandem.online.features_json import decode_features, encode_features
from tandem.online.online_record import OnlineRecord

_UPDATE = Operation.UPDATE


class Applied(NamedTuple):
    """An accepted write: what becomes of the newest record, and the entry's content.

    `record` is the record to store where `effect` is REPLACE.
    """

    effect: Effect
    record: OnlineRecord
    values: tuple[FeatureValue, ...]


def apply(write: Write, newest: OnlineRecord | None, now_ms: int) -> Applied | Refusal:
    """Decides `write` and builds the record it leaves behind."""
    decision = decide(write, None if newest is None else newest.state, now_ms)
    if isinstance(decision, Refusal):
        return decision
    values = write.values
    if write.operation is _UPDATE:
        assert newest is not None  # an update without a record was refused
        values = merge_values(
            write.feature_order, decode_features(newest.features_json), write.values
        )
        if record_size(values) > RECORD_BYTES_MAX:
            return Refusal.RECORD_TOO_LARGE
    record = OnlineRecord(
        encode_features(values),
        decision.expires_at_ms,
        write.operation.is_delete,
        *decision.event_time,
    )
    return Applied(decision.effect, record, values)


def log_entry(
    write: Write, applied: Applied, partition: int, position: int, write_time_us: int
) -> LogEntry:
    """The entry of an accepted write."""
    return LogEntry(
        partition=partition,
        position=position,
        operation=write.operation,
        key=write.key,
        event_time=applied.record.event_time,
        targets=write.targets,
        values=applied.values,
        expires_at_ms=applied.record.expires_at_ms,
        invoked_at_us=write.invoked_at_us,
        write_time_us=write_time_us,
    )


def check_mark(mark: Mark, current: bytes) -> None:
    """Raises ConflictError where `current`, the mark's content now, is not the expected one."""
    if mark.expected != current:
        raise ConflictError(
            f"the mark {mark.name!r} was moved meanwhile: somebody else does the same work; read"
            " where it stands and go on there"
        )
