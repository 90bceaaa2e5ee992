"""What a feature group was used for: records, units and throttled requests, by minute or hour."""

from collections.abc import Iterable
from enum import StrEnum
from typing import NamedTuple


class Period(StrEnum):
    MINUTE = "minute"
    HOUR = "hour"

    @property
    def seconds(self) -> int:
        return 60 if self is Period.MINUTE else 3_600

    @property
    def kept_seconds(self) -> int:
        """How long its rows are kept: a day of minutes, 93 days of hours."""
        return 86_400 if self is Period.MINUTE else 93 * 86_400

    def start(self, moment_s: int) -> int:
        """The beginning of the period that holds a moment, both in seconds since 1970."""
        return moment_s - moment_s % self.seconds


class UsageCounts(NamedTuple):
    """Numbers that add up; those that AWS has as metrics are called as there.

    consumed_…_requests_units  units while the group was in mode OnDemand
    consumed_…_capacity_units  units while it was in mode Provisioned
    throttled_requests         records that were refused for want of units
    rows_loaded, load_units    what came in tables, and the write units that its rows would have
                               cost one by one
    """

    records_read: int = 0
    records_written: int = 0
    consumed_read_requests_units: int = 0
    consumed_write_requests_units: int = 0
    consumed_read_capacity_units: int = 0
    consumed_write_capacity_units: int = 0
    throttled_requests: int = 0
    rows_loaded: int = 0
    load_units: int = 0

    @property
    def read_units(self) -> int:
        return self.consumed_read_requests_units + self.consumed_read_capacity_units

    @property
    def write_units(self) -> int:
        """Those of writes one by one."""
        return self.consumed_write_requests_units + self.consumed_write_capacity_units

    def plus(self, other: Iterable[int]) -> "UsageCounts":
        return UsageCounts(*(one + two for one, two in zip(self, other, strict=True)))


class Peaks(NamedTuple):
    """The most units of one minute, of the minutes in a period. Loads do not count."""

    read_units: int = 0
    write_units: int = 0

    def with_minute(self, minute: UsageCounts) -> "Peaks":
        return Peaks(
            max(self.read_units, minute.read_units), max(self.write_units, minute.write_units)
        )


class UsageRow(NamedTuple):
    """What was counted in the period of a group that begins at `start_s` (seconds since 1970)."""

    group_id: str
    start_s: int
    counts: UsageCounts
    peaks: Peaks = Peaks()


class GroupUsage(NamedTuple):
    """A period of a group, and the group's name."""

    group_name: str
    row: UsageRow
