"""The meaning of the point-in-time join in a few lines, on log entries rather than rows.

It shares no code with the engines: neither history's rows, nor their arithmetic of nanoseconds.
"""

from collections.abc import Sequence

from tandem.model.event_time import EventTime
from tandem.model.targets import TargetStores
from tandem.model.write import LogEntry


def entry_as_of(
    entries: Sequence[LogEntry],
    identifier: str | None,
    moment: EventTime | None,
    *,
    as_of_us: int | None = None,
    max_age_seconds: int | None = None,
) -> LogEntry | None:
    """The entry whose values a label of this record and moment gets, or None.

    `entries` are in the order in which they were committed; `identifier` is canonical.
    """
    if identifier is None or moment is None:
        return None
    winner: LogEntry | None = None
    for entry in entries:
        if entry.key.identifier != identifier or TargetStores.OFFLINE not in entry.targets:
            continue
        if entry.event_time > moment or (as_of_us is not None and entry.write_time_us > as_of_us):
            continue
        if winner is None or entry.event_time >= winner.event_time:
            winner = entry
    if winner is None or winner.operation.is_delete:
        return None
    if max_age_seconds is not None:
        seconds, nanoseconds = winner.event_time
        if EventTime(seconds + max_age_seconds, nanoseconds) < moment:
            return None
    return winner
