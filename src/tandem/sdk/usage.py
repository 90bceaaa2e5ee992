"""What a feature group was used for, as a table: a row for each minute or hour with any usage."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from tandem.errors import ValidationError
from tandem.model.usage import GroupUsage, Period, UsageCounts
from tandem.sdk.arguments import checked, microseconds
from tandem.sdk.shown_items import Listing
from tandem.sdk.tables import Table

_SPANS = {Period.MINUTE: timedelta(hours=1), Period.HOUR: timedelta(days=1)}


class UsageList(Listing[GroupUsage]):
    """Minutes or hours, the oldest first. The columns are AWS's metrics, where it has them."""

    columns = (
        *("feature_group", "start", *UsageCounts._fields),
        *("peak_read_units", "peak_write_units"),
    )

    def __init__(self, usage: Sequence[GroupUsage]) -> None:
        super().__init__(usage, [_shown(one) for one in usage])

    @property
    def table(self) -> Table:
        """Columns of nothing but zeros are left out, so that the others fit a screen."""
        shown = [name for name in self.columns if any(row[name] for row in self.rows)]
        columns = [name.replace("_", " ") for name in shown]
        return Table(columns, [[row[name] for name in shown] for row in self.rows])

    @property
    def total(self) -> UsageCounts:
        total = UsageCounts()
        for one in self:
            total = total.plus(one.row.counts)
        return total


def _shown(one: GroupUsage) -> dict[str, Any]:
    return {
        "feature_group": one.group_name,
        "start": datetime.fromtimestamp(one.row.start_s, UTC).isoformat(),
        **one.row.counts._asdict(),
        "peak_read_units": one.row.peaks.read_units,
        "peak_write_units": one.row.peaks.write_units,
    }


def span_us(period: Period, since: datetime | None, until: datetime | None) -> tuple[int, int]:
    """The moments that are meant, in microseconds since 1970: without a beginning the last hour of
    minutes, or the last day of hours; without an end until now.
    """
    end_us = (
        microseconds(datetime.now(UTC))
        if until is None
        else microseconds(checked(datetime, until, "until"))
    )
    if since is None:
        return max(0, end_us - _SPANS[period] // timedelta(microseconds=1)), end_us
    start_us = microseconds(checked(datetime, since, "since"))
    if not 0 <= start_us <= end_us:
        raise ValidationError(f"since {since.isoformat()} is not valid: it is before 1970, or late")
    return start_us, end_us
