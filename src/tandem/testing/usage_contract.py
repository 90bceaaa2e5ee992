"""The contract of `UsageRegistry`, to be subclassed with a fixture `usage`.

`reopen` opens the same store again, as a new process would; a store in memory returns itself.
"""

from functools import partial

from tandem.model.usage import Peaks, Period, UsageCounts, UsageRow
from tandem.registry.base import UsageRegistry
from tandem.testing.race import race

HOUR_S = 1_700_000_400 - 1_700_000_400 % 3_600
DAY_S = 86_400
FOR_EVER = (0, 1 << 40)


def read(group_id: str, start_s: int, units: int) -> UsageRow:
    return UsageRow(
        group_id, start_s, UsageCounts(records_read=1, consumed_read_requests_units=units)
    )


def written(group_id: str, start_s: int, units: int) -> UsageRow:
    return UsageRow(
        group_id, start_s, UsageCounts(records_written=1, consumed_write_capacity_units=units)
    )


class UsageRegistryContract:
    def reopen(self, usage: UsageRegistry) -> UsageRegistry:
        return usage

    def test_nothing_is_counted_at_first(self, usage: UsageRegistry) -> None:
        for period in Period:
            assert list(usage.usage(period, *FOR_EVER)) == []

    def test_what_is_added_adds_up_in_minutes_and_hours(self, usage: UsageRegistry) -> None:
        usage.add_usage([read("a", HOUR_S, 3), written("a", HOUR_S, 2)])
        usage.add_usage([read("a", HOUR_S, 4), read("a", HOUR_S + 60, 5)])
        again = self.reopen(usage)
        first = UsageCounts(
            records_read=2,
            consumed_read_requests_units=7,
            records_written=1,
            consumed_write_capacity_units=2,
        )
        second = UsageCounts(records_read=1, consumed_read_requests_units=5)
        assert list(again.usage(Period.MINUTE, *FOR_EVER)) == [
            UsageRow("a", HOUR_S, first, Peaks(7, 2)),
            UsageRow("a", HOUR_S + 60, second, Peaks(5, 0)),
        ]
        assert list(again.usage(Period.HOUR, *FOR_EVER)) == [
            UsageRow("a", HOUR_S, first.plus(second), Peaks(7, 2))
        ]

    def test_every_count_is_kept(self, usage: UsageRegistry) -> None:
        counts = UsageCounts(*range(1, len(UsageCounts._fields) + 1))
        usage.add_usage([UsageRow("a", HOUR_S, counts)])
        (row,) = self.reopen(usage).usage(Period.MINUTE, *FOR_EVER)
        assert row.counts == counts

    def test_groups_are_apart(self, usage: UsageRegistry) -> None:
        usage.add_usage([read("b", HOUR_S, 1), read("a", HOUR_S, 2), read("a", HOUR_S + 60, 3)])
        assert [row.start_s for row in usage.usage(Period.MINUTE, *FOR_EVER, "a")] == [
            HOUR_S,
            HOUR_S + 60,
        ]
        assert [row.group_id for row in usage.usage(Period.MINUTE, *FOR_EVER)] == ["a", "b", "a"]
        assert list(usage.usage(Period.MINUTE, *FOR_EVER, "c")) == []

    def test_a_span_takes_its_beginning_and_not_its_end(self, usage: UsageRegistry) -> None:
        usage.add_usage([read("a", HOUR_S + 60 * minute, 1) for minute in range(4)])
        found = usage.usage(Period.MINUTE, HOUR_S + 60, HOUR_S + 180)
        assert [row.start_s for row in found] == [HOUR_S + 60, HOUR_S + 120]

    def test_old_periods_are_forgotten(self, usage: UsageRegistry) -> None:
        usage.add_usage([read("a", HOUR_S, 1), read("a", HOUR_S + DAY_S, 1)])
        usage.trim_usage(Period.MINUTE, HOUR_S + 1)
        again = self.reopen(usage)
        minutes = [row.start_s for row in again.usage(Period.MINUTE, *FOR_EVER)]
        assert minutes == [HOUR_S + DAY_S]
        assert len(again.usage(Period.HOUR, *FOR_EVER)) == 2

    def test_what_many_add_at_once_is_all_there(self, usage: UsageRegistry) -> None:
        outcomes = race([partial(usage.add_usage, [read("a", HOUR_S, 1)])] * 8)
        assert outcomes == [None] * 8
        (row,) = usage.usage(Period.HOUR, *FOR_EVER)
        assert row.counts.consumed_read_requests_units == 8
        assert row.peaks == Peaks(8, 0)
