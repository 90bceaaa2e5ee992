"""Copies: what is taken over and in which form, whatever is written to the source meanwhile."""

import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from typing import Any

import pyarrow as pa
import pytest

from tandem.assembly.core import Core
from tandem.errors import ConflictError, ValidationError
from tandem.model.changes import GroupUpdate
from tandem.model.feature_group import (
    CollectionType,
    FeatureDefinition,
    FeatureGroup,
    FeatureType,
    StorageType,
    TableFormat,
)
from tandem.model.record import FeatureValue
from tandem.model.targets import TargetStores
from tandem.model.time_to_live import TtlDuration, TtlUnit
from tandem.service.dataset_request import TrainingSetRequest
from tandem.service.records import DeletionMode
from unit.service.cloning_scenes import (
    before_each_call,
    clone,
    delete,
    history,
    nothing,
    put,
    served,
)
from unit.service.scenes import START_US, ManualClock, definition, record, training_rows

START = START_US // 1_000_000
STRING, INTEGRAL, FRACTIONAL = FeatureType.STRING, FeatureType.INTEGRAL, FeatureType.FRACTIONAL
LABELS = pa.table({"id": ["C1", "C2"], "event_time": [datetime(2030, 1, 1, tzinfo=UTC)] * 2})


@pytest.fixture
def source(core: Core) -> FeatureGroup:
    return core.groups.create(definition("v1", storage_type=StorageType.STANDARD_V2))


def orders_at_the_end(core: Core, group: str) -> Any:
    request = TrainingSetRequest(features=(f"{group}:orders",))
    return training_rows(core, LABELS, request).column("orders").to_pylist()


@pytest.mark.parametrize("is_delivered", [False, True])
def test_history_is_taken_over_in_its_order(
    core: Core, source: FeatureGroup, clock: ManualClock, is_delivered: bool
) -> None:
    put(core, "C1", 5.0, orders=1)
    clock.forward(1)
    put(core, "C1", 5.0, orders="+02", note="the later one wins")
    clock.forward(1)
    put(core, "C1", 4.0, orders=3, note="late")
    put(core, "C2", 1.0, orders=9)
    clock.forward(1)
    core.records.update("v1", "C1", [FeatureValue("orders", "4")]).result()
    if is_delivered:
        core.delivery.deliver_all()
    clock.forward(1)
    delete(core, "C2", 2.0, DeletionMode.SOFT)
    clock.forward(1)
    core.records.put("v1", record("C3", 1.0), TargetStores.ONLINE).result()
    core.records.put("v1", record("C4", 1.0), TargetStores.OFFLINE).result()
    clock.forward(60)
    made = clone(core, types={"orders": FRACTIONAL})
    assert (made.rows, made.records) == (7, 3)
    rows = history(core, "v2")
    assert rows == [
        ("C1", 5.0, 1.0, None, False),
        ("C1", 5.0, 2.0, "the later one wins", False),
        ("C1", 4.0, 3.0, "late", False),
        ("C2", 1.0, 9.0, None, False),
        ("C1", 5.0, 4.0, "the later one wins", False),
        ("C2", 2.0, None, None, True),
        ("C4", 1.0, None, None, False),
    ]
    assert history(core, "v2", "api_invocation_time") == history(core, "v1", "api_invocation_time")
    latest = max(row[0] for row in history(core, "v1", "write_time"))
    assert min(row[0] for row in history(core, "v2", "write_time")) > latest
    assert orders_at_the_end(core, "v2") == orders_at_the_end(core, "v1") == [4, None]
    core.delivery.deliver_all()
    assert history(core, "v2") == rows


def test_records_are_taken_over_as_they_are(
    core: Core, source: FeatureGroup, clock: ManualClock
) -> None:
    an_hour = TtlDuration(TtlUnit.HOURS, 1)
    put(core, "plain", 5.0, orders="+07", note="é")
    core.records.put("v1", record("brief", START), ttl=an_hour).result()
    core.records.put("v1", record("gone", START - 3_599), ttl=an_hour).result()
    put(core, "dead", 5.0)
    delete(core, "dead", 6.0, DeletionMode.SOFT)
    put(core, "forgotten", 5.0)
    delete(core, "forgotten", 6.0, DeletionMode.HARD)
    clock.forward(2)
    assert clone(core, types={"time": STRING}).records == 3
    plain, brief, gone, forgotten = core.records.get_many(
        "v2", ["plain", "brief", "gone", "forgotten"]
    )
    assert plain is not None
    assert plain.values() == (
        FeatureValue("id", "plain"),
        FeatureValue("time", "1970-01-01T00:00:05Z"),
        FeatureValue("orders", "+07"),
        FeatureValue("note", "é"),
    )
    assert brief is not None
    assert brief.expires_at_ms == (START + 3_600) * 1_000
    assert gone is None
    assert forgotten is None
    listed = core.records.list("v2", include_soft_deleted=True).identifiers
    assert sorted(listed) == ["brief", "dead", "plain"]
    clock.forward(3_600)
    assert served(core, "v2", "brief") == [None]


def test_a_tombstone_keeps_older_puts_out_and_a_forgotten_key_does_not(
    core: Core, source: FeatureGroup
) -> None:
    for identifier, mode in (("dead", DeletionMode.SOFT), ("forgotten", DeletionMode.HARD)):
        put(core, identifier, 5.0)
        delete(core, identifier, 6.0, mode)
    clone(core)
    for group in ("v1", "v2"):
        put(core, "dead", 5.5, group=group)
        put(core, "forgotten", 5.5, group=group)
        assert served(core, group, "dead", "forgotten") == [
            None,
            {"id": "forgotten", "time": "5.5"},
        ]


def test_values_of_retired_features_are_left_out(core: Core, source: FeatureGroup) -> None:
    put(core, "C1", 1.0, orders=1, note="old")
    core.updates.retire_feature("v1", "note")
    put(core, "C2", 1.0, orders=2)
    clone(core)
    assert served(core, "v2", "C1") == [{"id": "C1", "time": "1.0", "orders": "1"}]
    assert core.queries.sql('SELECT * FROM "v2"').column_names[:4] == [
        "id",
        "time",
        "orders",
        "write_time",
    ]
    core.updates.update("v2", GroupUpdate(additions=(FeatureDefinition("note", INTEGRAL),)))
    put(core, "C2", 2.0, group="v2", note=5)
    assert [row[3] for row in history(core, "v2")] == [None, None, 5]


def test_a_clone_can_be_cloned_and_goes_its_own_way(core: Core, source: FeatureGroup) -> None:
    put(core, "C1", 1.0, orders=1)
    clone(core, types={"orders": STRING})
    clone(core, "v3", "v2", types={"orders": INTEGRAL})
    put(core, "C1", 2.0, group="v2", orders="two")
    put(core, "C1", 2.0, orders=3)
    assert [served(core, name, "C1")[0]["orders"] for name in ("v1", "v2", "v3")] == [  # type: ignore[index]
        "3",
        "two",
        "1",
    ]
    core.groups.delete("v1")
    assert history(core, "v3") == [("C1", 1.0, 1, None, False)]


def test_one_record_stays_one(core: Core) -> None:
    """The texts 7 and 007 are one Integral identifier."""
    features = (FeatureDefinition("id", INTEGRAL), *definition().features[1:])
    core.groups.create(replace(definition("v1"), features=features))
    put(core, "7", 1.0, orders=1)
    put(core, "007", 2.0, orders=2)
    clone(core, types={"id": STRING})
    assert served(core, "v2", "7", "007") == [{"id": "7", "time": "2.0", "orders": "2"}, None]
    assert [row[0] for row in history(core, "v2")] == ["7", "7"]


@pytest.mark.parametrize("identifiers", [("7", "007"), ("007", "7"), ("7", "+7")])
def test_records_that_would_become_one_are_refused(
    core: Core, source: FeatureGroup, identifiers: tuple[str, str]
) -> None:
    for number, identifier in enumerate(identifiers):
        put(core, identifier, float(number))
    expected = f"{identifiers[0]!r} and {identifiers[1]!r} would become one in the clone, '7'"
    with pytest.raises(ValidationError) as refused:
        clone(core, types={"id": INTEGRAL})
    assert expected in str(refused.value)


def test_an_online_only_group(core: Core) -> None:
    core.groups.create(definition("v1", offline=False))
    put(core, "C1", 1.0, orders=1)
    core.delivery.deliver_all()
    put(core, "C2", 1.0, orders=2)
    made = clone(core, types={"orders": STRING}, storage_type=StorageType.STANDARD_V2)
    assert (made.rows, made.records) == (0, 2)
    assert made.group.offline is None
    core.records.update("v2", "C1", [FeatureValue("orders", "many")]).result()
    assert served(core, "v2", "C1", "C2") == [
        {"id": "C1", "time": "1.0", "orders": "many"},
        {"id": "C2", "time": "1.0", "orders": "2"},
    ]


def test_a_group_with_history_alone(core: Core) -> None:
    core.groups.create(definition("v1", online=False))
    put(core, "C1", 1.0, orders=1)
    core.delivery.deliver_all()
    made = clone(core, types={"orders": STRING})
    assert (made.rows, made.records) == (1, 0)
    assert history(core, "v2") == [("C1", 1.0, "1", None, False)]


def test_collections(core: Core) -> None:
    features = (
        *definition().features,
        FeatureDefinition("sizes", FRACTIONAL, CollectionType.LIST),
        FeatureDefinition("place", FRACTIONAL, CollectionType.VECTOR, 2),
    )
    new = definition("v1", offline=False, storage_type=StorageType.IN_MEMORY)
    core.groups.create(replace(new, features=features))
    values = [*record(), FeatureValue("sizes", ("1.0", "2")), FeatureValue("place", ("1", "2.5"))]
    core.records.put("v1", values).result()
    clone(core, types={"sizes": INTEGRAL})
    assert served(core, "v2", "C1") == [
        {"id": "C1", "time": "1.0", "sizes": ("1", "2"), "place": ("1", "2.5")}
    ]
    with pytest.raises(ValidationError, match="Vector 'place' must be Fractional, not String"):
        clone(core, "v3", types={"place": STRING})
    with pytest.raises(ValidationError, match="collections need StorageType InMemory"):
        clone(core, "v3", storage_type=StorageType.STANDARD)


def test_another_table_format(core: Core, source: FeatureGroup) -> None:
    pytest.importorskip("pyiceberg")
    put(core, "C1", 1.0, orders=1)
    core.delivery.deliver_all()
    put(core, "C2", 2.0, orders=2)
    made = clone(core, table_format=TableFormat.ICEBERG).group
    assert made.offline is not None
    assert made.offline.table_format is TableFormat.ICEBERG
    core.delivery.deliver_all()
    assert history(core, "v2") == history(core, "v1")
    back = clone(core, "v3", "v2", table_format=TableFormat.GLUE).group
    assert back.offline is not None
    assert back.offline.table_format is TableFormat.GLUE
    assert history(core, "v3") == history(core, "v1")


# What is written meanwhile


def test_what_is_written_while_cloning_is_in_it_once(
    core: Core, source: FeatureGroup, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(3):
        put(core, f"C{number}", 1.0, orders=number)
    before_each_call(
        monkeypatch,
        core.online,
        "scan",
        partial(put, core, "C1", 2.0, orders=11),
        partial(put, core, "C9", 1.0, orders=19),
    )
    before_each_call(monkeypatch, core.offline, "archived", nothing, core.delivery.deliver_all)
    made = clone(core)
    expected = [("C1", 1.0, 1, None, False), ("C1", 2.0, 11, None, False)]
    assert [row for row in history(core, "v2") if row[0] == "C1"] == expected
    assert made.rows == len(history(core, "v2")) == len(history(core, "v1")) == 5
    assert made.records == 4
    names = ("C0", "C1", "C2", "C9")
    assert served(core, "v2", *names) == served(core, "v1", *names)


def test_a_put_that_lost_does_not_win_when_the_winner_expires_meanwhile(
    core: Core, source: FeatureGroup, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Replayed onto the clone after the winner has expired, it would."""
    five_seconds = TtlDuration(TtlUnit.SECONDS, 5)
    core.records.put("v1", record("C1", START, orders=1), ttl=five_seconds).result()

    def lose_and_wait() -> None:
        put(core, "C1", START - 1, orders=2)
        clock.forward(10)

    before_each_call(monkeypatch, core.online, "scan", nothing, lose_and_wait)
    clone(core)
    assert served(core, "v1", "C1") == [None]
    assert served(core, "v2", "C1") == [None]
    assert [row[2] for row in history(core, "v2")] == [1, 2]


def test_a_put_that_had_expired_before_it_came_leaves_nothing(
    core: Core, source: FeatureGroup, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(core, "C1", 1.0, orders=1)
    a_second = TtlDuration(TtlUnit.SECONDS, 1)
    late = record("C1", 2.0, orders=2)
    expired = lambda: core.records.put("v1", late, ttl=a_second).result()  # noqa: E731
    before_each_call(monkeypatch, core.online, "scan", nothing, expired)
    clone(core)
    assert served(core, "v1", "C1") == served(core, "v2", "C1") == [None]


def test_an_older_put_follows_a_hard_delete_meanwhile(
    core: Core, source: FeatureGroup, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(core, "C1", 5.0, orders=1)
    put(core, "C2", 5.0, orders=1)

    def delete_and_put() -> None:
        for identifier in ("C1", "C2"):
            delete(core, identifier, 6.0, DeletionMode.HARD)
        put(core, "C1", 4.0, orders=2)

    before_each_call(monkeypatch, core.online, "scan", nothing, delete_and_put)
    assert clone(core).records == 1
    for group in ("v1", "v2"):
        assert served(core, group, "C1", "C2") == [{"id": "C1", "time": "4.0", "orders": "2"}, None]
    assert [row[4] for row in history(core, "v2") if row[0] == "C1"] == [False, True, False]


def test_a_record_is_never_ahead_of_the_history(
    core: Core, source: FeatureGroup, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is written to after each look at the log, and before it is read."""
    put(core, "C1", 0.0, orders=0)
    puts = [partial(put, core, "C1", float(number), orders=number) for number in range(1, 8)]
    before_each_call(monkeypatch, core.online, "scan", nothing, puts[0])
    before_each_call(monkeypatch, core.online, "get", *puts[1:])
    clone(core)
    (newest,) = served(core, "v2", "C1")
    assert newest is not None
    assert orders_at_the_end(core, "v2")[0] == int(newest["orders"])
    assert [row[2] for row in history(core, "v2")] == list(range(int(newest["orders"]) + 1))


def test_much_is_caught_up_on_after_a_long_copy(
    core: Core, source: FeatureGroup, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tandem.service.copying._ROUND_ENTRIES", 2)

    def put_many(start: int) -> None:
        for number in range(start, start + 120):
            put(core, f"C{number}", 1.0, orders=number)

    put_many(0)
    before_each_call(monkeypatch, core.online, "scan", nothing, partial(put_many, 120))
    made = clone(core)
    assert (made.rows, made.records) == (240, 240)
    assert sorted(row[2] for row in history(core, "v2")) == list(range(240))


def test_a_source_that_is_too_busy_is_not_copied_for_ever(
    core: Core, source: FeatureGroup, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its only record is written to each time before it is read."""
    put(core, "C1", 0.0, orders=0)
    again = partial(put, core, "C1", 1.0, orders=1)
    with monkeypatch.context() as patch:
        before_each_call(patch, core.online, "scan", nothing, again)
        before_each_call(patch, core.online, "get", *[again] * 200)
        with pytest.raises(ConflictError, match="'v1' is written to faster than it can be copied"):
            clone(core)
    assert clone(core).records == 1


@pytest.mark.parametrize("keys", [1, 50])
def test_writers_that_go_on_do_not_keep_a_clone_from_its_end(
    core: Core, source: FeatureGroup, keys: int
) -> None:
    is_done = threading.Event()
    written = 0

    def write() -> None:
        nonlocal written
        while not is_done.is_set():
            put(core, f"C{written % keys}", float(written), orders=written)
            written += 1

    threads = [threading.Thread(target=write), threading.Thread(target=_deliver(core, is_done))]
    for thread in threads:
        thread.start()
    try:
        while written < 50:
            is_done.wait(0.01)
        known = written - 1
        made = clone(core)
    finally:
        is_done.set()
        for thread in threads:
            thread.join()
    found = [row[2] for row in history(core, "v2")]
    assert made.rows == len(found) > known
    assert sorted(found) == list(range(len(found)))
    newest = served(core, "v2", *(f"C{key}" for key in range(keys)))
    assert max(int(one["orders"]) for one in newest if one) == len(found) - 1


def _deliver(core: Core, is_done: threading.Event) -> Callable[[], None]:
    def deliver() -> None:
        while not is_done.wait(0.001):
            core.delivery.deliver_once()

    return deliver
