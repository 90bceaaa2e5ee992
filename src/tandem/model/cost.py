"""What a workload costs: on demand, with provisioned units, or on machines of one's own.

* A month has 730 hours. Storage is charged for the hours that are looked at.
* Provisioned units are those of the busiest second, divided by the share of them that shall be in
  use at most; AWS charges them whether they are used or not.
* Where the average use of provisioned units lies above the break-even, they are cheaper than units
  on demand. It is a quotient of two prices, and so the same for every workload.
"""

import math
from dataclasses import dataclass
from typing import NamedTuple

from tandem.errors import ValidationError
from tandem.model.feature_group import ThroughputMode
from tandem.model.figures import check_number, check_whole, shown
from tandem.model.prices import Prices
from tandem.model.throughput import read_units, write_units

MONTH_HOURS = 730
_MILLION = 1_000_000
_HOUR_SECONDS = 3_600
_UTILIZATION_MIN = 1e-6


@dataclass(frozen=True, slots=True, kw_only=True)
class Workload:
    """What is asked of a store, in units a second: on average, and in the busiest second."""

    read_units: float
    write_units: float
    peak_read_units: float
    peak_write_units: float
    online_gb: float = 0.0
    offline_gb: float = 0.0
    hours: float = MONTH_HOURS

    def __post_init__(self) -> None:
        for name in self.__slots__:
            check_number(getattr(self, name), name)
        for name in ("read_units", "write_units"):
            average, peak = getattr(self, name), getattr(self, f"peak_{name}")
            if peak < average:
                raise ValidationError(
                    f"the peak of {peak:g} {name.replace('_', ' ')} a second is below their"
                    f" average of {average:g}: give a higher peak, or none"
                )


@dataclass(frozen=True, slots=True, kw_only=True)
class Rates:
    """Records a second, and the bytes of one: what most people know of their workload."""

    reads: float
    writes: float
    peak_reads: float | None
    peak_writes: float | None
    record_bytes: int

    def __post_init__(self) -> None:
        for name in ("reads", "writes", "peak_reads", "peak_writes"):
            if (value := getattr(self, name)) is not None:
                check_number(value, name)
        check_whole(self.record_bytes, "record_bytes")

    def workload(self, *, online_gb: float, offline_gb: float, hours: float) -> Workload:
        each_read = read_units(self.record_bytes)
        each_write = write_units(self.record_bytes)
        peak_reads = self.reads if self.peak_reads is None else self.peak_reads
        peak_writes = self.writes if self.peak_writes is None else self.peak_writes
        return Workload(
            read_units=self.reads * each_read,
            write_units=self.writes * each_write,
            peak_read_units=peak_reads * each_read,
            peak_write_units=peak_writes * each_write,
            online_gb=online_gb,
            offline_gb=offline_gb,
            hours=hours,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How it would be run.

    utilization   the share of provisioned units that is in use in the busiest second
    machines      machines of one's own
    """

    utilization: float = 0.7
    machines: int = 1

    def __post_init__(self) -> None:
        check_number(self.utilization, "utilization")
        if not _UTILIZATION_MIN <= self.utilization <= 1:
            raise ValidationError(
                f"utilization {shown(self.utilization)} is not valid: give a share from"
                f" {_UTILIZATION_MIN:g} to 1"
            )
        check_whole(self.machines, "machines")


class Costs(NamedTuple):
    """What one way costs, by what it is for."""

    reads: float
    writes: float
    storage: float
    machines: float = 0.0

    @property
    def total(self) -> float:
        return sum(self)


class BreakEven(NamedTuple):
    """Where two ways cost the same.

    read_utilization, write_utilization   the average share of provisioned units in use, above which
                                          they are cheaper than units on demand; infinite where
                                          those cost nothing
    self_hosted   the multiple of the workload, storage apart, from which machines of one's own are
                  cheaper than the cheaper mode of AWS: 0 where they always are, infinite where
                  they never are
    """

    read_utilization: float
    write_utilization: float
    self_hosted: float


class Comparison(NamedTuple):
    """A workload, what each way costs, and the cheaper one of AWS's two modes.

    read_utilization, write_utilization   the average share of the provisioned units in use
    """

    workload: Workload
    plan: Plan
    prices: Prices
    read_capacity_units: int
    write_capacity_units: int
    read_utilization: float
    write_utilization: float
    on_demand: Costs
    provisioned: Costs
    self_hosted: Costs
    cheaper_mode: ThroughputMode
    break_even: BreakEven


def compare(workload: Workload, prices: Prices, plan: Plan) -> Comparison:
    hours = workload.hours
    months = hours / MONTH_HOURS
    stored = workload.online_gb * prices.online_gb_month
    stored += workload.offline_gb * prices.offline_gb_month
    seconds = hours * _HOUR_SECONDS
    on_demand = Costs(
        reads=workload.read_units * seconds / _MILLION * prices.read_request_units_million,
        writes=workload.write_units * seconds / _MILLION * prices.write_request_units_million,
        storage=stored * months,
    )
    read_capacity = _capacity(workload.peak_read_units, plan.utilization)
    write_capacity = _capacity(workload.peak_write_units, plan.utilization)
    provisioned = Costs(
        reads=read_capacity * hours * prices.read_capacity_unit_hour,
        writes=write_capacity * hours * prices.write_capacity_unit_hour,
        storage=stored * months,
    )
    disk_gb = workload.online_gb + workload.offline_gb
    self_hosted = Costs(
        reads=0.0,
        writes=0.0,
        storage=disk_gb * prices.disk_gb_month * months * plan.machines,
        machines=plan.machines * hours * prices.machine_hour,
    )
    is_cheaper = provisioned.total < on_demand.total
    cheaper = provisioned if is_cheaper else on_demand
    return Comparison(
        workload=workload,
        plan=plan,
        prices=prices,
        read_capacity_units=read_capacity,
        write_capacity_units=write_capacity,
        read_utilization=_quotient(workload.read_units, read_capacity, otherwise=0.0),
        write_utilization=_quotient(workload.write_units, write_capacity, otherwise=0.0),
        on_demand=on_demand,
        provisioned=provisioned,
        self_hosted=self_hosted,
        cheaper_mode=ThroughputMode.PROVISIONED if is_cheaper else ThroughputMode.ON_DEMAND,
        break_even=BreakEven(
            _even(prices.read_capacity_unit_hour, prices.read_request_units_million),
            _even(prices.write_capacity_unit_hour, prices.write_request_units_million),
            0.0
            if self_hosted.total <= cheaper.storage
            else _quotient(self_hosted.total - cheaper.storage, cheaper.reads + cheaper.writes),
        ),
    )


def _capacity(peak_units: float, utilization: float) -> int:
    # A billionth less, so that 7 / 0.7 is 10 and not a little more.
    return math.ceil(peak_units / utilization * (1 - 1e-9))


def _even(capacity_unit_hour: float, request_units_million: float) -> float:
    return _quotient(capacity_unit_hour, _HOUR_SECONDS * request_units_million / _MILLION)


def _quotient(one: float, two: float, otherwise: float = math.inf) -> float:
    return one / two if two else otherwise
