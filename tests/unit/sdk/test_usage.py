"""Usage as the library shows it."""

from datetime import UTC, datetime, timedelta

import pytest

from tandem.errors import ValidationError
from tandem.model.usage import GroupUsage, Peaks, Period, UsageCounts, UsageRow
from tandem.sdk.usage import UsageList, span_us

HOUR_S = 1_700_002_800
NOON = datetime(2024, 1, 1, 12, tzinfo=UTC)


def test_a_table_leaves_out_what_is_nought_and_rows_have_all() -> None:
    counts = UsageCounts(records_read=3, consumed_read_requests_units=5)
    used = UsageList([GroupUsage("g", UsageRow("g-1", HOUR_S, counts, Peaks(5, 0)))] * 2)
    assert list(used.table.columns) == [
        *("feature group", "start", "records read", "consumed read requests units"),
        "peak read units",
    ]
    assert used.rows[0]["throttled_requests"] == 0
    assert used.rows[0]["start"] == "2023-11-14T23:00:00+00:00"
    assert used.total == counts.plus(counts)
    assert "2023-11-14T23:00:00" in repr(used)
    assert len(used.to_pandas()) == 2
    assert repr(UsageList([])) == "(none)"


@pytest.mark.parametrize(
    ("period", "span"),
    [(Period.MINUTE, timedelta(hours=1)), (Period.HOUR, timedelta(days=1))],
)
def test_a_span_without_a_beginning(period: Period, span: timedelta) -> None:
    start_us, end_us = span_us(period, None, NOON)
    assert end_us == NOON.timestamp() * 1e6
    assert end_us - start_us == span / timedelta(microseconds=1)


def test_a_span_that_ends_before_it_begins_is_refused() -> None:
    with pytest.raises(ValidationError, match="since 2024-01-01T12:00:00"):
        span_us(Period.HOUR, NOON, NOON - timedelta(hours=1))
    with pytest.raises(ValidationError, match="until 'noon'"):
        span_us(Period.HOUR, None, "noon")  # type: ignore[arg-type]
