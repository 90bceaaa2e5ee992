"""The log of a group: each entry once and in order, wherever it is and wherever it moves to."""

import pytest

from tandem.assembly.core import Core
from tandem.model.feature_group import FeatureGroup
from tandem.service.group_log import GroupLog
from unit.service.cloning_scenes import before_each_call, nothing
from unit.service.scenes import definition, record


def put(core: Core, *numbers: int, group: str = "customers") -> None:
    for number in numbers:
        core.records.put(group, record(f"C{number}", orders=number)).result()


def read(log: GroupLog, count_max: int = 100) -> list[int]:
    """The numbers of the puts that are read."""
    return [int(str(dict(entry.values)["orders"])) for entry in log.read(count_max)]


@pytest.fixture
def log(core: Core, customers: FeatureGroup) -> GroupLog:
    return GroupLog(core.online, core.offline, customers)


def test_entries_of_archive_and_log_follow_each_other(core: Core, log: GroupLog) -> None:
    core.groups.create(definition("other"))
    put(core, 1, 2)
    put(core, 100, 101, group="other")
    core.delivery.deliver_all()
    put(core, 3)
    put(core, 102, group="other")
    core.delivery.deliver_all()
    put(core, 4, 5)
    assert read(log) == [1, 2, 3, 4, 5]
    assert read(log) == []
    put(core, 103, group="other")
    put(core, 6)
    assert read(log) == [6]


def test_a_limit_cuts_anywhere(core: Core, log: GroupLog) -> None:
    for start in (0, 5, 10):
        put(core, *range(start, start + 5))
        if start < 10:
            core.delivery.deliver_all()
    parts = []
    while part := read(log, 4):
        parts.append(part)
    assert [len(part) for part in parts] == [4, 4, 4, 3]
    assert [number for part in parts for number in part] == list(range(15))
    assert read(log, 0) == []


def test_delivery_between_two_reads(core: Core, log: GroupLog) -> None:
    put(core, 1, 2)
    assert read(log) == [1, 2]
    put(core, 3)
    core.delivery.deliver_all()
    put(core, 4)
    assert read(log) == [3, 4]
    core.delivery.deliver_all()
    assert read(log) == []


@pytest.mark.parametrize("step", range(4))
@pytest.mark.parametrize("place", ["log", "archived"])
def test_delivery_during_a_read(
    core: Core, log: GroupLog, monkeypatch: pytest.MonkeyPatch, step: int, place: str
) -> None:
    put(core, *range(12))
    core.delivery.deliver_once()  # ten of them
    total = 12

    def deliver_and_put() -> None:
        nonlocal total
        put(core, 12)
        core.delivery.deliver_all()
        put(core, 13)
        total = 14

    target = core.online if place == "log" else core.offline
    before_each_call(monkeypatch, target, place, *[nothing] * step, deliver_and_put)
    found: list[int] = []
    for _ in range(12):
        found += read(log, 3)
    monkeypatch.undo()
    assert found + read(log) == list(range(total))


def test_nothing_is_read_of_an_archive_that_is_not_needed(
    core: Core, log: GroupLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(core, 1)
    core.delivery.deliver_all()
    put(core, 2)
    assert read(log) == [1, 2]

    def fail() -> None:
        raise AssertionError("the archive was read")

    put(core, 3)
    before_each_call(monkeypatch, core.offline, "archived", fail)
    assert read(log) == [3]
    put(core, 4, group="customers")
    assert read(log) == [4]
    assert read(log) == []
