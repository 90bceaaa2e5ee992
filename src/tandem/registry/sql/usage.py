"""Usage in SQL. What is added is read and written in one transaction, which holds the write lock:
nobody's additions are lost, and none is made twice.
"""

from collections.abc import Sequence

from sqlalchemy import ColumnElement, Connection, and_, delete, insert, select, update

from tandem.model.usage import Peaks, Period, UsageCounts, UsageRow
from tandem.registry.base import UsageRegistry
from tandem.registry.sql.database import Database
from tandem.registry.sql.tables import USAGE_COUNTS, USAGE_PEAKS, usage

_columns = usage.c
_NUMBERS = [_columns[name] for name in (*USAGE_COUNTS, *USAGE_PEAKS)]


class SqlUsageRegistry(UsageRegistry):
    """The part of the registry that keeps what groups were used for."""

    _database: Database

    def add_usage(self, minutes: Sequence[UsageRow]) -> None:
        with self._database.write() as connection:
            for added in minutes:
                minute = _add(connection, Period.MINUTE, added, None)
                _add(connection, Period.HOUR, added, minute)

    def usage(
        self, period: Period, since_s: int, until_s: int, group_id: str | None = None
    ) -> Sequence[UsageRow]:
        wanted = and_(
            _columns.period_seconds == period.seconds,
            _columns.start_s >= since_s,
            _columns.start_s < until_s,
        )
        if group_id is not None:
            wanted = and_(wanted, _columns.group_id == group_id)
        with self._database.read() as connection:
            found = connection.execute(
                select(_columns.group_id, _columns.start_s, *_NUMBERS).where(wanted)
            ).all()
        rows = [_row(group_id, start_s, numbers) for group_id, start_s, *numbers in found]
        # Sorted here and not by the database, whose collation may differ from one to the next.
        return sorted(rows, key=lambda row: (row.start_s, row.group_id))

    def trim_usage(self, period: Period, before_s: int) -> None:
        with self._database.write() as connection:
            connection.execute(
                delete(usage).where(
                    _columns.period_seconds == period.seconds, _columns.start_s < before_s
                )
            )


def _add(
    connection: Connection, period: Period, added: UsageRow, minute: UsageCounts | None
) -> UsageCounts:
    """Adds to one period, whose peaks may now be `minute`, or else itself; returns its counts."""
    start_s = period.start(added.start_s)
    place = _is(added.group_id, period, start_s)
    found = connection.execute(select(*_NUMBERS).where(place)).one_or_none()
    before = _row(added.group_id, start_s, [0] * len(_NUMBERS) if found is None else [*found])
    counts = before.counts.plus(added.counts)
    peaks = before.peaks.with_minute(counts if minute is None else minute)
    values = dict(zip((*USAGE_COUNTS, *USAGE_PEAKS), (*counts, *peaks), strict=True))
    if found is None:
        key = {"group_id": added.group_id, "period_seconds": period.seconds, "start_s": start_s}
        connection.execute(insert(usage).values(**key, **values))
    else:
        connection.execute(update(usage).where(place).values(values))
    return counts


def _row(group_id: str, start_s: int, numbers: Sequence[int]) -> UsageRow:
    count = len(USAGE_COUNTS)
    return UsageRow(group_id, start_s, UsageCounts(*numbers[:count]), Peaks(*numbers[count:]))


def _is(group_id: str, period: Period, start_s: int) -> ColumnElement[bool]:
    return and_(
        _columns.group_id == group_id,
        _columns.period_seconds == period.seconds,
        _columns.start_s == start_s,
    )
