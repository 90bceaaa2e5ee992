"""What a workload costs, checked by hand."""

import math
from dataclasses import fields, replace

import pytest

from tandem.errors import ValidationError
from tandem.model.cost import Plan, Rates, Workload, compare
from tandem.model.feature_group import ThroughputMode
from tandem.model.prices import AWS_US_EAST_1, Prices

USERS = 50_000_000
RECORD_BYTES = 15 * 1_024
STORED_GB = USERS * RECORD_BYTES / 2**30


def fifty_million_users(reads: float = 1_000.0, **given: float) -> Workload:
    rates = Rates(
        reads=reads, writes=0.0, peak_reads=1_000.0, peak_writes=None, record_bytes=RECORD_BYTES
    )
    return rates.workload(**{"online_gb": STORED_GB, "offline_gb": 0.0, "hours": 730.0, **given})


def test_a_thousand_reads_a_second_of_15_kb() -> None:
    found = compare(fifty_million_users(), AWS_US_EAST_1, Plan())
    # 15 KB are 4 units. 4,000 a second are 10,512 million in 730 hours, at 0.25 a million.
    assert found.on_demand.reads == pytest.approx(2_628.00)
    # 4,000 / 0.7 = 5,714.3, so 5,715 units for 730 hours at 0.00013.
    assert found.read_capacity_units == 5_715
    assert found.provisioned.reads == pytest.approx(542.3535)
    # 50 million times 15 KB are 715.26 GB, at 0.45 on AWS and 0.08 on a disk.
    assert found.on_demand.storage == found.provisioned.storage == pytest.approx(321.865, abs=1e-3)
    assert found.self_hosted.storage == pytest.approx(57.22, abs=1e-2)
    assert found.self_hosted.machines == pytest.approx(140.16)
    assert found.on_demand.total == pytest.approx(2_949.865, abs=1e-3)
    assert found.cheaper_mode is ThroughputMode.PROVISIONED
    assert found.break_even.self_hosted == 0  # cheaper than AWS's storage alone


def test_provisioned_at_its_limit() -> None:
    found = compare(fifty_million_users(), AWS_US_EAST_1, Plan(utilization=1.0))
    assert found.read_capacity_units == 4_000
    assert found.provisioned.reads == pytest.approx(379.60)


def test_the_break_even_of_the_modes() -> None:
    """An hour at 0.00013 is 3,600 units, which cost 0.0009 on demand: 14.4% of them are even."""
    at = compare(fifty_million_users(), AWS_US_EAST_1, Plan(utilization=1.0)).break_even
    assert at.read_utilization == pytest.approx(0.144444, abs=1e-6)
    assert at.write_utilization == pytest.approx(0.144444, abs=1e-6)
    for share, cheaper in ((0.144, "OnDemand"), (0.145, "Provisioned")):
        workload = fifty_million_users(reads=1_000 * share)
        found = compare(workload, AWS_US_EAST_1, Plan(utilization=1.0))
        assert found.cheaper_mode == cheaper
        assert found.read_utilization == pytest.approx(share)


def test_the_break_even_with_machines_of_one_s_own() -> None:
    workload = fifty_million_users(online_gb=10.0)
    plan = Plan(machines=3)
    found = compare(workload, AWS_US_EAST_1, plan)
    # (3 machines at 140.16 and their disks) less AWS's 4.50 of storage, by what the reads cost.
    assert found.self_hosted.total == pytest.approx(3 * 140.16 + 3 * 0.80)
    multiple = found.break_even.self_hosted
    assert multiple == pytest.approx((422.88 - 4.50) / 542.3535)
    scaled = fifty_million_users(online_gb=10.0)
    cost = found.provisioned.reads * multiple + found.provisioned.storage
    assert cost == pytest.approx(compare(scaled, AWS_US_EAST_1, plan).self_hosted.total)


def test_writes_cost_a_unit_a_kb() -> None:
    rates = Rates(reads=0, writes=10, peak_reads=None, peak_writes=20, record_bytes=1_025)
    workload = rates.workload(online_gb=0, offline_gb=100, hours=1)
    found = compare(workload, AWS_US_EAST_1, Plan(utilization=1.0))
    assert found.on_demand.writes == pytest.approx(20 * 3_600 / 1e6 * 1.25)
    assert found.provisioned.writes == pytest.approx(40 * 0.00065)
    assert found.on_demand.storage == pytest.approx(100 * 0.023 / 730)


def test_nothing_asked_costs_nothing_but_storage() -> None:
    nothing = Workload(
        read_units=0, write_units=0, peak_read_units=0, peak_write_units=0, online_gb=1
    )
    found = compare(nothing, AWS_US_EAST_1, Plan())
    assert found.on_demand.total == found.provisioned.total == pytest.approx(0.45)
    assert found.cheaper_mode is ThroughputMode.ON_DEMAND
    assert math.isinf(found.break_even.self_hosted)
    assert found.read_utilization == 0


def test_a_whole_quotient_needs_no_further_unit() -> None:
    rates = Rates(reads=7, writes=0, peak_reads=None, peak_writes=None, record_bytes=1)
    workload = rates.workload(online_gb=0, offline_gb=0, hours=1)
    assert compare(workload, AWS_US_EAST_1, Plan(utilization=0.7)).read_capacity_units == 10


@pytest.mark.parametrize(
    ("make", "named"),
    [
        (lambda: fifty_million_users(reads=2_000), "peak"),
        (lambda: fifty_million_users(hours=-1), "hours"),
        (lambda: fifty_million_users(online_gb=math.nan), "online_gb"),
        (lambda: Plan(utilization=0.0), "utilization"),
        (lambda: Plan(utilization="much"), "utilization 'much'"),
        (lambda: Plan(machines=0), "machines"),
        (lambda: Plan(machines=1.5), "machines"),
        (lambda: fifty_million_users(reads="many"), "reads 'many'"),
        (lambda: fifty_million_users(reads=10**400), "reads of more than 30 digits"),
        (lambda: fifty_million_users(hours=10**5_000), "hours of more than 30 digits"),
        (lambda: fifty_million_users(hours=1e300), "hours 1e\\+300"),
        (lambda: Plan(utilization=5e-324), "utilization 5e-324"),
        (lambda: Plan(machines=10**400), "machines of more than 30 digits"),
        (lambda: replace(AWS_US_EAST_1, machine_hour=10**400), "machine_hour of more than 30"),
        (lambda: replace(AWS_US_EAST_1, disk_gb_month=1e308), "disk_gb_month 1e\\+308"),
    ],
)
def test_impossible_figures_are_named(make, named: str) -> None:
    with pytest.raises(ValidationError, match=named):
        make()


def test_the_largest_figures_cost_a_finite_amount() -> None:
    most = Workload(
        read_units=1e30,
        write_units=1e30,
        peak_read_units=1e30,
        peak_write_units=1e30,
        online_gb=1e30,
        offline_gb=1e30,
        hours=1e30,
    )
    dearest = {one.name: 1e30 for one in fields(Prices) if one.type is float}
    prices = replace(AWS_US_EAST_1, **dearest)
    found = compare(most, prices, Plan(utilization=1e-6, machines=10**30))
    for way in (found.on_demand, found.provisioned, found.self_hosted):
        assert math.isfinite(way.total)


def test_prices_are_numbers_from_0_on() -> None:
    given = {name: getattr(AWS_US_EAST_1, name) for name in Prices.__slots__}
    for bad in (-0.1, math.inf, "0.1", True):
        with pytest.raises(ValidationError, match="online_gb_month"):
            Prices(**{**given, "online_gb_month": bad})
