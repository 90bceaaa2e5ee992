"""What a store's own use would cost."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import tandem
from tandem.errors import ValidationError
from tandem.model.usage import GroupUsage, Peaks, Period, UsageCounts, UsageRow
from tandem.sdk.cost import cost_of_use
from tandem.service.usage import Stored

NOW_S = int(datetime.now(UTC).timestamp())


def backend(*rows: UsageRow) -> Any:
    """A store with the groups a and b, which was used so."""

    def of(name: str | None, period: Period, since_us: int, _until_us: int) -> Sequence[GroupUsage]:
        assert period is Period.HOUR
        shown = [row for row in rows if row.start_s * 1_000_000 >= since_us]
        return [GroupUsage(row.group_id, row) for row in shown if name in (None, row.group_id)]

    groups = [SimpleNamespace(name=name) for name in ("a", "b")]
    return SimpleNamespace(
        groups=SimpleNamespace(search=lambda _expression: groups),
        usage=SimpleNamespace(of=of, stored=lambda _name: Stored(1, 1 << 30, 1 << 29)),
    )


def row(group: str, hours_ago: int, **counts: int) -> UsageRow:
    peaks = Peaks(counts.pop("peak_reads", 0), counts.pop("peak_writes", 0))
    return UsageRow(group, NOW_S - hours_ago * 3_600, UsageCounts(**counts), peaks)


USED = (
    row("a", 10, consumed_read_requests_units=36_000, peak_reads=6_000),
    row("a", 5, consumed_read_capacity_units=36_000, peak_reads=3_000),
    row("b", 5, consumed_write_requests_units=18_000, load_units=18_000, peak_writes=600),
    row("b", 3, peak_reads=1_200, consumed_read_requests_units=1),
    row("a", 30, consumed_read_requests_units=10**9),
)


def test_the_average_is_of_the_time_used_and_peaks_are_each_group_s_own() -> None:
    workload = cost_of_use(backend(*USED), None).comparison.workload
    assert workload.read_units == pytest.approx(72_001 / 36_000, rel=1e-2)
    assert workload.write_units == pytest.approx(1.0, rel=1e-2)
    assert workload.peak_read_units == pytest.approx((6_000 + 1_200) / 60)
    assert workload.peak_write_units == pytest.approx(10)
    assert (workload.online_gb, workload.offline_gb) == (2.0, 1.0)


def test_some_groups_and_another_time() -> None:
    workload = cost_of_use(backend(*USED), ["b"], last=timedelta(hours=4)).comparison.workload
    assert workload.write_units == 0
    assert workload.peak_read_units == pytest.approx(20)
    assert workload.online_gb == 1.0


def test_an_unused_store_costs_its_storage() -> None:
    found = cost_of_use(backend(), None, machines=2).comparison
    assert found.on_demand.total == pytest.approx(2 * 0.45 + 0.023)
    assert found.plan.machines == 2


@pytest.mark.parametrize(
    ("how", "named"),
    [
        ({"last": timedelta(minutes=1)}, "last"),
        ({"last": 24}, "last 24"),
        ({"hours": -1}, "hours"),
        ({"prices": "nowhere.yaml"}, "nowhere.yaml"),
        ({"prices": None}, "prices None"),
    ],
)
def test_impossible_arguments_are_named(how: Any, named: str) -> None:
    with pytest.raises(ValidationError, match=named):
        cost_of_use(backend(*USED), None, **how)


def test_one_text_is_not_several_groups(tmp_path: Path) -> None:
    said = "groups 'clicks' is not valid: give a sequence"
    with tandem.connect(tmp_path / "data") as store, pytest.raises(ValidationError, match=said):
        store.cost("clicks")


def test_it_is_shown_as_a_table() -> None:
    found = tandem.cost(reads=1_000, record_bytes=15 * 1_024, records=50_000_000)
    assert "2,949.87" in repr(found)
    assert "2,949.87" in found._repr_html_()
    assert found.to_dict()["costs"]["provisioned"]["total"] == pytest.approx(864.22, abs=0.01)
    with pytest.raises(ValidationError, match="record_bytes 'big'"):
        tandem.cost(record_bytes="big")  # type: ignore[arg-type]
