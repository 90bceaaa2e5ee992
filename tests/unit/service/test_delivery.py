"""Delivery: exactly once, whatever step fails, and never seen twice or not at all."""

import shutil
import threading
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from operator import attrgetter
from pathlib import Path

import pyarrow as pa
import pytest

from tandem.assembly.core import Core
from tandem.assembly.settings import Settings
from tandem.errors import ConflictError, DataCorrupted, StoreUnavailable
from tandem.model.feature_group import FeatureGroup
from tandem.rows.segment import one_by_one
from tandem.service.delivery import Delivery
from tandem.service.delivery_log import DeliveryLimits
from unit.service.scenes import ManualClock, definition, record


def rows(core: Core, group: str = "customers") -> Counter[int]:
    found = core.queries.sql(f'SELECT orders FROM "{group}"')
    return Counter(found.column("orders").to_pylist())


def put(core: Core, count: int, start: int = 0, group: str = "customers") -> None:
    for number in range(start, start + count):
        values = record(f"C{number % 3}", float(number * 1_000), orders=number)
        core.records.put(group, values).result()


def test_writes_are_seen_before_during_and_after(core: Core, customers: FeatureGroup) -> None:
    put(core, 25)
    expected = Counter(range(25))
    assert rows(core) == expected
    assert core.delivery.waiting() == 25
    assert core.delivery.deliver_once() == 10  # delivery_entries_max
    assert rows(core) == expected
    assert core.delivery.deliver_all() == 15
    assert core.delivery.waiting() == 0
    assert rows(core) == expected
    with core.online.log() as log:
        assert list(one_by_one(log.parts(0, 0))) == []


def test_a_write_that_waits_too_long_is_overdue(
    core: Core, customers: FeatureGroup, clock: ManualClock
) -> None:
    assert core.delivery.overdue_since_us(60) is None
    put(core, 11)
    first_us = clock()
    clock.forward(30)
    put(core, 1, 11)
    assert core.delivery.overdue_since_us(60) is None
    clock.forward(31)
    overdue_us = core.delivery.overdue_since_us(60)
    assert overdue_us is not None
    assert overdue_us // 1_000 == first_us // 1_000
    core.delivery.deliver_once()  # not of the last two
    assert core.delivery.overdue_since_us(60) is not None
    core.delivery.deliver_once()
    assert core.delivery.overdue_since_us(0) is None


def test_what_a_late_group_waits_for_is_not_overdue(
    core: Core, customers: FeatureGroup, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise StoreUnavailable("the folder is not there")

    put(core, 1)
    monkeypatch.setattr(core.offline, "append", fail)
    core.delivery.deliver_once()
    clock.forward(3_600)
    assert core.delivery.late_groups()
    assert core.delivery.overdue_since_us(60) is None


STEPS: list[tuple[str, str]] = [
    ("delivery._manifests", "set_delivery"),
    ("offline", "append"),
    ("online", "trim"),
]


@pytest.mark.parametrize("after_the_step", [False, True])
@pytest.mark.parametrize(("part", "step"), STEPS)
def test_a_failure_at_any_step_is_made_good(
    core: Core,
    customers: FeatureGroup,
    monkeypatch: pytest.MonkeyPatch,
    part: str,
    step: str,
    after_the_step: bool,
) -> None:
    core.groups.create(definition("other"))
    target = attrgetter(part)(core)
    real: Callable[..., object] = getattr(target, step)
    failures = 0
    # Each call fails once, so that every delivery is cut short at every call of this step.
    failed: set[str] = set()

    def flaky(*arguments: object, **named: object) -> object:
        nonlocal failures
        call = repr((arguments, named))
        if call in failed:
            return real(*arguments, **named)
        failed.add(call)
        failures += 1
        if after_the_step:
            real(*arguments, **named)
        raise StoreUnavailable("planted")

    monkeypatch.setattr(target, step, flaky)
    for start in range(0, 30, 10):
        put(core, 10, start)
        put(core, 5, start, "other")
        for _ in range(20):
            try:
                core.delivery.deliver_all()
            except StoreUnavailable:
                assert rows(core) == Counter(range(start + 10))
    assert failures >= 3
    assert core.delivery.waiting() == 0
    assert rows(core) == Counter(range(30))
    assert sum(rows(core, "other").values()) == 15
    archived = [entry.position for entry in core.offline.archived(customers)]
    assert len(archived) == len(set(archived)) == 30


def test_what_a_crash_leaves_untrimmed_goes_without_another_write(
    core: Core, customers: FeatureGroup, monkeypatch: pytest.MonkeyPatch
) -> None:
    core.ingestion.ingest("customers", pa.table({"id": ["C1"], "time": [1.7e9]}))
    staged = core.settings.data / "online" / "staged"

    def planted(*_: object) -> None:
        raise StoreUnavailable("planted")

    with monkeypatch.context() as patched:
        patched.setattr(core.online, "trim", planted)
        with pytest.raises(StoreUnavailable):
            core.delivery.deliver_all()
    assert core.delivery.waiting() == 0
    assert [*staged.glob("*.arrow")]
    assert core.delivery.deliver_all() == 0
    with core.online.log() as log:
        assert list(one_by_one(log.parts(0, 0))) == []
    assert not [*staged.glob("*.arrow")]


def test_a_range_is_bounded_by_bytes(core: Core, customers: FeatureGroup) -> None:
    small = Delivery(
        core.online,
        core.offline,
        core.delivery._groups,
        core.delivery._manifests,
        DeliveryLimits(entries_max=1_000, bytes_max=2_000),
        core.records._clock,
    )
    for number in range(4):
        core.records.put("customers", record(f"C{number}", note="x" * 1_500)).result()
    assert small.deliver_once() == 2
    assert small.deliver_all() == 2


def test_a_log_without_its_registry_says_so(
    core: Core, customers: FeatureGroup, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(core, 1)
    monkeypatch.setattr(core.delivery._groups, "get", lambda group_id: None)
    core.delivery.deliver_all()
    assert "restore the registry" in core.delivery.late_groups()[customers.group_id].reason
    monkeypatch.undo()
    assert core.delivery.deliver_all() == 1
    assert rows(core) == Counter([0])
    assert not core.delivery.late_groups()


def test_all_groups_of_a_query_are_read_at_one_moment(core: Core, customers: FeatureGroup) -> None:
    other = core.groups.create(definition("other"))
    put(core, 3)
    put(core, 2, group="other")
    core.delivery.deliver_all()
    put(core, 2, 10)
    first, second = core.queries.history([customers, other])
    assert len(first.snapshot.entries) == 2
    assert second.snapshot.entries == ()
    assert first.snapshot.files
    assert second.snapshot.files


def test_an_online_store_older_than_the_registry_is_refused(
    tmp_path: Path, clock: ManualClock
) -> None:
    settings = Settings(data=tmp_path / "data", online_map_size_bytes=1 << 26)
    core = Core(settings, clock, in_background=False)
    core.groups.create(definition())
    put(core, 3)
    core.delivery.deliver_all()
    core.close()
    shutil.rmtree(tmp_path / "data" / "online")
    for _ in range(2):  # the first refusal leaves nothing open
        with pytest.raises(DataCorrupted, match="Restore both from one backup"):
            Core(settings, clock, in_background=False)


def test_deliveries_that_race_deliver_once(core: Core, customers: FeatureGroup) -> None:
    def deliver() -> None:
        delivery = Delivery(
            core.online,
            core.offline,
            core.delivery._groups,
            core.delivery._manifests,
            DeliveryLimits(entries_max=7),
            core.records._clock,
        )
        while not is_done.is_set() or delivery.waiting():
            with suppress(ConflictError):
                delivery.deliver_once()

    is_done = threading.Event()
    threads = [threading.Thread(target=deliver) for _ in range(3)]
    for thread in threads:
        thread.start()
    put(core, 120)
    is_done.set()
    for thread in threads:
        thread.join()
    core.delivery.deliver_all()  # a group may count as late where it lost race after race
    assert rows(core) == Counter(range(120))
    archived = [entry.position for entry in core.offline.archived(customers)]
    assert archived == list(range(1, 121))
