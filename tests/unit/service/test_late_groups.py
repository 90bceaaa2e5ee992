"""Late groups: one history that cannot be written holds up no other, and loses nothing itself."""

import logging
import random
import shutil
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from tandem.assembly.core import Core
from tandem.assembly.settings import Settings
from tandem.errors import ConflictError, StoreUnavailable
from tandem.model.feature_group import FeatureGroup, OfflineStoreConfig, TableFormat
from tandem.rows.segment import one_by_one
from tandem.service import late_groups
from tandem.service.cloning import CloneRequest
from tandem.service.delivery import Delivery
from tandem.service.delivery_log import DeliveryLimits
from tandem.service.group_creation import NewFeatureGroup
from unit.service.scenes import ManualClock, definition, record

Append = Callable[..., None]


@pytest.fixture
def orders(core: Core) -> FeatureGroup:
    return core.groups.create(definition("orders"))


@contextmanager
def failing(core: Core, fails: Callable[[FeatureGroup], Exception | None]) -> Iterator[None]:
    """Lets the history of some groups be one that cannot be written."""
    with pytest.MonkeyPatch.context() as patch:
        real: Append = core.offline.append

        def append(group: FeatureGroup, *arguments: object) -> None:
            if (error := fails(group)) is not None:
                raise error
            real(group, *arguments)

        patch.setattr(core.offline, "append", append)
        yield


def customers_fail(group: FeatureGroup) -> Exception | None:
    return StoreUnavailable("the folder is full") if group.name == "customers" else None


def put(core: Core, group: str, *numbers: int) -> None:
    for number in numbers:
        values = record(f"C{number % 3}", float(number), orders=number)
        core.records.put(group, values).result()


def rows(core: Core, group: str) -> Counter[int]:
    return Counter(core.queries.sql(f"SELECT orders FROM {group}").column("orders").to_pylist())


def archived(core: Core, group: FeatureGroup) -> list[int]:
    return [int(str(dict(entry.values)["orders"])) for entry in core.offline.archived(group)]


def logged(core: Core) -> int:
    with core.online.log() as log:
        return len(list(one_by_one(log.parts(0, 0))))


def test_later_ranges_of_other_groups_are_delivered(
    core: Core, customers: FeatureGroup, orders: FeatureGroup
) -> None:
    with failing(core, customers_fail):
        for start in range(0, 40, 4):  # 80 entries, eight ranges
            put(core, "customers", *range(start, start + 4))
            put(core, "orders", *range(start, start + 4))
        core.delivery.deliver_all()
        assert archived(core, orders) == list(range(40))
        assert archived(core, customers) == []
        assert core.delivery.waiting() == 0
        # What was acknowledged is seen all the same, and the log keeps what is still needed of it.
        assert rows(core, "customers") == rows(core, "orders") == Counter(range(40))
        assert logged(core) == 80
    core.delivery.deliver_all()
    assert archived(core, customers) == archived(core, orders) == list(range(40))
    assert rows(core, "customers") == Counter(range(40))
    assert core.delivery.late_groups() == {}
    assert logged(core) == 0


def test_the_log_is_trimmed_as_far_as_the_latest_group_allows(
    core: Core, customers: FeatureGroup, orders: FeatureGroup
) -> None:
    put(core, "orders", *range(10))
    core.delivery.deliver_all()
    with failing(core, customers_fail):
        put(core, "customers", *range(25))
        core.delivery.deliver_all()
        assert logged(core) == 25
        with failing(core, lambda group: StoreUnavailable("all is full")):
            put(core, "orders", *range(10, 15))
            core.delivery.deliver_all()
    # The pauses are over once somebody asks for everything; ranges come one by one.
    core.delivery._late.try_now()
    core.delivery.deliver_once()
    assert archived(core, customers) == list(range(10))
    assert logged(core) == 20
    core.delivery.deliver_all()
    assert archived(core, orders) == list(range(15))
    assert logged(core) == 0


def test_a_failing_group_is_told_once_and_pauses(
    core: Core, customers: FeatureGroup, orders: FeatureGroup, caplog: pytest.LogCaptureFixture
) -> None:
    attempts = 0

    def fail(group: FeatureGroup) -> Exception | None:
        nonlocal attempts
        attempts += group.name == "customers"
        return customers_fail(group)

    with caplog.at_level(logging.INFO, "tandem"), failing(core, fail):
        for number in range(20):
            put(core, "customers", number)
            put(core, "orders", number)
            core.delivery.deliver_once()
        late = core.delivery.late_groups()[customers.group_id]
        assert (late.after, late.reason) == (0, "the folder is full")
        assert attempts < 5
        assert len(caplog.messages) == 1
        assert "'customers-1700000000' cannot be written" in caplog.messages[0]
    with caplog.at_level(logging.INFO, "tandem"):
        core.delivery.deliver_all()
    assert caplog.messages[1:] == ["the history of 'customers-1700000000' has caught up"]


@pytest.mark.parametrize("is_bug", [False, True])
def test_whatever_is_wrong_is_the_trouble_of_one_group(
    core: Core,
    customers: FeatureGroup,
    orders: FeatureGroup,
    caplog: pytest.LogCaptureFixture,
    is_bug: bool,
) -> None:
    error = KeyError("schema") if is_bug else ConflictError("the table was replaced")
    put(core, "customers", 1)
    put(core, "orders", 1)
    with failing(core, lambda group: error if group.name == "customers" else None):
        for _ in range(late_groups._CONFLICTS_MAX):
            # A conflict may be that of a race at first.
            with suppress(ConflictError):
                core.delivery.deliver_once()
    assert archived(core, orders) == [1]
    reason = core.delivery.late_groups()[customers.group_id].reason
    assert reason == ("KeyError: 'schema'" if is_bug else "the table was replaced")
    assert ("Traceback" in caplog.text) == is_bug
    core.delivery.deliver_all()
    assert archived(core, customers) == [1]


@pytest.mark.parametrize("seed", range(4))
def test_nothing_is_lost_or_twice_whatever_fails(
    core: Core, customers: FeatureGroup, orders: FeatureGroup, seed: int
) -> None:
    """Any step fails, before it or after it; now and then the process is another."""
    chance = random.Random(seed)
    written: dict[str, list[int]] = {"customers": [], "orders": []}
    with pytest.MonkeyPatch.context() as patch:
        for target, name in (
            (core.offline, "append"),
            (core.delivery._manifests, "set_delivery"),
            (core.online, "trim"),
        ):
            patch.setattr(target, name, _flaky(getattr(target, name), chance))
        for _ in range(60):
            group = chance.choice(list(written))
            numbers = range(len(written[group]), len(written[group]) + chance.randrange(12))
            put(core, group, *numbers)
            written[group] += numbers
            if chance.random() < 0.2:
                core.delivery = a_delivery(core)
            with suppress(StoreUnavailable):
                core.delivery.deliver_all()
            for name, numbers_of in written.items():
                assert rows(core, name) == Counter(numbers_of)
    core.delivery.deliver_all()
    for group in (customers, orders):
        assert archived(core, group) == written[group.name]
        assert rows(core, group.name) == Counter(written[group.name])
        assert seen_by_others(core, group) == Counter(written[group.name])
    assert core.delivery.late_groups() == {}
    assert core.delivery.waiting() == logged(core) == 0


def _flaky(real: Callable[..., object], chance: random.Random) -> Callable[..., object]:
    def call(*arguments: object, **named: object) -> object:
        fate = chance.random()
        if fate < 0.2:
            raise StoreUnavailable("planted before")
        answer = real(*arguments, **named)
        if fate > 0.8:
            raise StoreUnavailable("planted after")
        return answer

    return call


def seen_by_others(core: Core, group: FeatureGroup) -> Counter[int]:
    """The rows that a reader finds who lists the folder and knows of no manifest."""
    assert group.offline is not None
    folder = core.settings.data / "s3" / group.offline.resolved_uri.removeprefix("s3://")
    return Counter(pq.read_table(folder).column("orders").to_pylist())


def a_delivery(core: Core, entries_max: int = 10) -> Delivery:
    parts = core.delivery
    return Delivery(
        core.online,
        core.offline,
        parts._groups,
        parts._manifests,
        DeliveryLimits(entries_max),
        parts._clock,
    )


def test_deliveries_that_race_keep_late_groups(
    core: Core, customers: FeatureGroup, orders: FeatureGroup
) -> None:
    is_done = threading.Event()
    chance = random.Random(1)

    def fail(group: FeatureGroup) -> Exception | None:
        is_late = group.name == "customers" and chance.random() < 0.5
        return StoreUnavailable("planted") if is_late else None

    def deliver() -> None:
        delivery = a_delivery(core, 7)
        while not is_done.is_set():
            with suppress(ConflictError):
                delivery.deliver_all()

    threads = [threading.Thread(target=deliver) for _ in range(3)]
    with failing(core, fail):
        for thread in threads:
            thread.start()
        for number in range(80):
            put(core, "customers", number)
            put(core, "orders", number)
        is_done.set()
        for thread in threads:
            thread.join()
    core.delivery.deliver_all()
    for group in (customers, orders):
        assert archived(core, group) == list(range(80))
        assert rows(core, group.name) == seen_by_others(core, group) == Counter(range(80))
    assert logged(core) == 0


@pytest.mark.parametrize("table_format", [TableFormat.GLUE, TableFormat.ICEBERG])
def test_a_broken_history_on_the_disk(
    tmp_path: Path, clock: ManualClock, table_format: TableFormat
) -> None:
    """A file where the group's folder should be, and a table whose metadata is gone."""
    settings = Settings(data=tmp_path, online_map_size_bytes=1 << 26, delivery_entries_max=10)
    core = Core(settings, clock, in_background=False)
    offline = OfflineStoreConfig("s3://bucket/prefix/", table_format=table_format)
    broken = core.groups.create(_with_offline("customers", offline))
    whole = core.groups.create(_with_offline("orders", offline))
    put(core, "customers", 0, 1)
    core.delivery.deliver_all()
    assert broken.offline is not None
    folder = tmp_path / "s3" / broken.offline.resolved_uri.removeprefix("s3://")
    broken_part = folder.parent / "metadata" if table_format is TableFormat.ICEBERG else folder
    aside = broken_part.with_name("aside")
    broken_part.rename(aside)
    broken_part.write_bytes(b"in the way")
    core.close()
    core = Core(settings, clock, in_background=False)
    for start in range(2, 30, 4):
        put(core, "customers", *range(start, start + 4))
        put(core, "orders", *range(start, start + 4))
        core.delivery.deliver_all()
    assert archived(core, whole) == list(range(2, 30))
    assert list(core.delivery.late_groups()) == [broken.group_id]
    core.close()
    broken_part.unlink()
    shutil.move(aside, broken_part)
    core = Core(settings, clock, in_background=False)
    core.delivery.deliver_all()
    assert archived(core, broken) == list(range(30))
    assert rows(core, "customers") == Counter(range(30))
    assert core.delivery.late_groups() == {}
    core.close()


def _with_offline(name: str, offline: OfflineStoreConfig) -> NewFeatureGroup:
    return replace(definition(name), offline=offline)


def test_a_late_group_can_be_cloned_and_deleted(
    core: Core, customers: FeatureGroup, orders: FeatureGroup
) -> None:
    put(core, "customers", *range(15))
    core.delivery.deliver_all()
    with failing(core, customers_fail):
        put(core, "customers", *range(15, 40))
        put(core, "orders", *range(5))
        core.delivery.deliver_all()
        # Its log is in two places, and both are read.
        core.cloning.clone(CloneRequest(source="customers", target="copy"))
        assert rows(core, "copy") == rows(core, "customers") == Counter(range(40))
        core.groups.delete("customers")
        put(core, "orders", 5)
        core.delivery.deliver_all()
        assert archived(core, orders) == list(range(6))
        assert list(core.delivery.late_groups()) == [customers.group_id]
    core.delivery.deliver_all()
    assert archived(core, customers) == list(range(40))  # the history of a deleted group stays
    assert rows(core, "copy") == Counter(range(40))
    assert logged(core) == 0
