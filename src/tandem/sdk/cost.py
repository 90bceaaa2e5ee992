"""What a workload costs, from given figures or from a store's own use, shown as a table.

tandem.cost(reads=1_000, record_bytes=15 * 1024, online_gb=715)
store.cost()
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypedDict, Unpack

from tandem.errors import ValidationError
from tandem.model.cost import (
    MONTH_HOURS,
    Comparison,
    Costs,
    Plan,
    Rates,
    Workload,
    compare,
)
from tandem.model.feature_group import ThroughputMode
from tandem.model.figures import check_number
from tandem.model.prices import AWS_US_EAST_1, Prices
from tandem.model.usage import Peaks, Period, UsageCounts
from tandem.sdk.arguments import checked, microseconds
from tandem.sdk.backend import Backend
from tandem.sdk.tables import Table, html, plain
from tandem.sdk.yaml_documents import documents

_GB = 1 << 30
_MINUTE_SECONDS = 60


class CostComparison:
    """What each way costs. `comparison` has the figures, `table` shows them."""

    def __init__(self, comparison: Comparison) -> None:
        self.comparison = comparison

    @property
    def cheaper_mode(self) -> str:
        """The cheaper one of AWS's modes: "OnDemand" or "Provisioned"."""
        return self.comparison.cheaper_mode.value

    @property
    def table(self) -> Table:
        found, currency = self.comparison, self.comparison.prices.currency
        ways = (found.on_demand, found.provisioned, found.self_hosted)
        names = [name.replace("_", " ") for name in Costs._fields]
        rows = [
            [name, *(_money(cost) for cost in costs)]
            for name, *costs in zip(names, *ways, strict=True)
        ]
        rows.append(["total", *(_money(way.total) for way in ways)])
        title = f"{currency} for {found.workload.hours:g} hours, {found.prices.region}"
        return Table([currency, "on demand", "provisioned", "self-hosted"], rows, title)

    @property
    def lines(self) -> list[str]:
        """What the table leaves to be said."""
        found, even = self.comparison, self.comparison.break_even
        load, prices = found.workload, found.prices
        cheaper = "provisioned" if found.cheaper_mode is ThroughputMode.PROVISIONED else "on demand"
        average = f"{load.read_units:,.6g} read and {load.write_units:,.6g} written on average"
        peak = f"{load.peak_read_units:,.6g} and {load.peak_write_units:,.6g} at the peak"
        units = f"{found.read_capacity_units:,} read and {found.write_capacity_units:,} write units"
        used = f"{found.read_utilization:.1%} and {found.write_utilization:.1%} in use on average"
        evens = f"{even.read_utilization:.1%} (reads) and {even.write_utilization:.1%} (writes)"
        return [
            f"units a second: {average}, {peak}",
            f"provisioned: {units}, of which {used}",
            f"stored: {load.online_gb:,.6g} GB online, {load.offline_gb:,.6g} GB of history",
            f"on AWS, {cheaper} is cheaper; the break-even is an average use of {evens}",
            _self_hosted_line(found),
            f"prices of {prices.date} in {prices.region}: {prices.source}",
        ]

    def to_dict(self) -> dict[str, Any]:
        """All figures, as JSON has them; infinite ones are None."""
        found = self.comparison
        ways = {
            "on_demand": found.on_demand,
            "provisioned": found.provisioned,
            "self_hosted": found.self_hosted,
        }
        return {
            "workload": asdict(found.workload),
            "plan": asdict(found.plan),
            "prices": asdict(found.prices),
            "costs": {name: {**way._asdict(), "total": way.total} for name, way in ways.items()},
            "provisioned_units": {
                "read_capacity_units": found.read_capacity_units,
                "write_capacity_units": found.write_capacity_units,
                "read_utilization": found.read_utilization,
                "write_utilization": found.write_utilization,
            },
            "cheaper_mode": self.cheaper_mode,
            "break_even": {
                name: value if math.isfinite(value) else None
                for name, value in found.break_even._asdict().items()
            },
        }

    def __repr__(self) -> str:
        return "\n".join([plain(self.table), *self.lines])

    def _repr_html_(self) -> str:
        return html(self.table)


def cost(
    *,
    reads: float = 0.0,
    writes: float = 0.0,
    record_bytes: int,
    peak_reads: float | None = None,
    peak_writes: float | None = None,
    records: int = 0,
    online_gb: float | None = None,
    offline_gb: float = 0.0,
    hours: float = MONTH_HOURS,
    utilization: float = 0.7,
    machines: int = 1,
    prices: Prices | str | Path = AWS_US_EAST_1,
) -> CostComparison:
    """What a workload costs: on AWS on demand and provisioned, and on machines of one's own.

    reads, writes  records a second, on average; `peak_reads`, `peak_writes` in the busiest second,
                   which is the average where they are left out
    record_bytes   names and values of a record
    records        how many are stored online; or the GB (2**30 bytes) that they take, `online_gb`

    The rest is as in `CostArguments`. Raises ValidationError.
    """
    rates = Rates(
        reads=reads,
        writes=writes,
        peak_reads=peak_reads,
        peak_writes=peak_writes,
        record_bytes=record_bytes,
    )
    check_number(records, "records")
    if online_gb is None:
        online_gb = records * record_bytes / _GB
    workload = rates.workload(online_gb=online_gb, offline_gb=offline_gb, hours=hours)
    plan = Plan(utilization=utilization, machines=machines)
    return CostComparison(compare(workload, prices_of(prices), plan))


class CostArguments(TypedDict, total=False):
    """How the use of a store is priced; each may be left out.

    last         the time whose use counts, a day: its average and its busiest minute are taken for
                 all of `hours`. A store that is younger counts from its first hour on
    hours        that are charged; a month has 730
    utilization  the share of provisioned units that shall be in use in the busiest minute; 0.7
    machines     machines of one's own; 1
    prices       or a YAML file with some, instead of AWS's in us-east-1

    Rows that were loaded count as writes. What is stored is counted record by record.
    """

    last: timedelta
    hours: float
    utilization: float
    machines: int
    prices: Prices | str | Path


def cost_of_use(
    backend: Backend, groups: Sequence[str] | None, **how: Unpack[CostArguments]
) -> CostComparison:
    last = checked(timedelta, how.get("last", timedelta(days=1)), "last")
    workload = _workload(backend, groups, last, how.get("hours", MONTH_HOURS))
    plan = Plan(utilization=how.get("utilization", 0.7), machines=how.get("machines", 1))
    return CostComparison(compare(workload, prices_of(how.get("prices", AWS_US_EAST_1)), plan))


def _workload(
    backend: Backend, groups: Sequence[str] | None, last: timedelta, hours: float
) -> Workload:
    """What a store was asked for lately, as if that went on for `hours`."""
    if last < timedelta(hours=1):
        raise ValidationError(f"last {last} is not valid: give an hour at least")
    until_us = microseconds(datetime.now(UTC))
    since_us = until_us - last // timedelta(microseconds=1)
    names = [group.name for group in backend.groups.search({})] if groups is None else groups
    used = [
        one
        for name in (names if groups is not None else [None])
        for one in backend.usage.of(name, Period.HOUR, since_us, until_us)
    ]
    total = UsageCounts()
    peaks: dict[str, Peaks] = {}
    for one in used:
        total = total.plus(one.row.counts)
        before = peaks.get(one.row.group_id, Peaks())
        peaks[one.row.group_id] = Peaks(*map(max, before, one.row.peaks))
    # Units are provisioned by group: each needs those of its own busiest minute.
    peak_reads = sum(peak.read_units for peak in peaks.values()) / _MINUTE_SECONDS
    peak_writes = sum(peak.write_units for peak in peaks.values()) / _MINUTE_SECONDS
    begun_s = min((one.row.start_s for one in used), default=since_us // 1_000_000)
    seconds = max(1.0, until_us / 1e6 - begun_s)
    stored = [backend.usage.stored(name) for name in names]
    read_units = total.read_units / seconds
    write_units = (total.write_units + total.load_units) / seconds
    return Workload(
        read_units=read_units,
        write_units=write_units,
        peak_read_units=max(read_units, peak_reads),
        peak_write_units=max(write_units, peak_writes),
        online_gb=sum(one.online_bytes for one in stored) / _GB,
        offline_gb=sum(one.offline_bytes for one in stored) / _GB,
        hours=hours,
    )


def prices_of(prices: Prices | str | Path) -> Prices:
    """Prices, or those of a YAML file: members of `tandem.model.prices.Prices` that take the place
    of AWS's in us-east-1.
    """
    if isinstance(prices, Prices):
        return prices
    if not isinstance(prices, str | Path):
        raise ValidationError(f"prices {prices!r:.80} is not valid: give Prices, or a YAML file")
    path = Path(prices)
    found = [document.content for document in documents(path)]
    if len(found) != 1 or not isinstance(found[0], Mapping):
        raise ValidationError(f"{path} holds no prices: write one member a line, such as date: …")
    given = dict(found[0])
    known = [field.name for field in fields(Prices)]
    for name in given:
        if name not in known:
            raise ValidationError(f"{path}: there is no price {name!r}; there are {known}")
    if "source" not in given:
        given["source"] = f"{path.name}, and where it says nothing {AWS_US_EAST_1.source}"
    try:
        return replace(AWS_US_EAST_1, **given)
    except ValidationError as error:
        raise ValidationError(f"{path}: {error}") from None


def _money(amount: float) -> str:
    return f"{amount:,.2f}"


def _self_hosted_line(found: Comparison) -> str:
    machines = found.plan.machines
    ours = f"{machines} machine{'s' if machines != 1 else ''} of one's own"
    multiple = found.break_even.self_hosted
    if multiple == 0:
        return f"{ours} cost less than AWS's storage alone"
    if not math.isfinite(multiple):
        return f"{ours} are never cheaper: nothing is read or written"
    return f"{ours} cost less from {multiple:,.3g} times these reads and writes on"
