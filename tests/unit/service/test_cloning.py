"""Cloning: the definition of a clone, what is refused, and what is left where one is not made."""

import threading
from dataclasses import replace
from functools import partial
from typing import Any

import pyarrow as pa
import pytest

from tandem.assembly.core import Core
from tandem.assembly.settings import Settings
from tandem.errors import (
    ConflictError,
    QueryFailed,
    ResourceInUse,
    ResourceNotFound,
    StoreUnavailable,
    TandemError,
    ValidationError,
)
from tandem.model.changes import GroupUpdate, MetadataUpdate
from tandem.model.feature_group import (
    FeatureDefinition,
    FeatureGroup,
    FeatureGroupStatus,
    FeatureType,
    StorageType,
    TableFormat,
)
from tandem.model.time_to_live import TtlDuration, TtlUnit
from tandem.rows.rows import TableRows
from tandem.service.dataset_request import TrainingSetRequest
from tandem.testing.race import race
from unit.service.cloning_scenes import before_each_call, clone, history, nothing, put, served
from unit.service.scenes import START_US, ManualClock, definition

STRING, INTEGRAL, FRACTIONAL = FeatureType.STRING, FeatureType.INTEGRAL, FeatureType.FRACTIONAL


@pytest.fixture
def source(core: Core) -> FeatureGroup:
    return core.groups.create(definition("v1"))


def test_a_clone_has_the_definition_of_its_source(core: Core, clock: ManualClock) -> None:
    core.groups.create(
        replace(
            definition("v1", ttl=TtlDuration(TtlUnit.DAYS, 3)),
            description="Customers",
            tags={"team": "growth"},
        )
    )
    core.updates.update("v1", GroupUpdate(additions=(FeatureDefinition("added", STRING),)))
    core.updates.update_feature("v1", "orders", MetadataUpdate(description="Orders so far"))
    core.updates.update_feature("v1", "note", MetadataUpdate(description="Free text"))
    core.updates.retire_feature("v1", "note")
    clock.forward(60)
    made = clone(core, types={"orders": STRING}).group
    source = core.groups.describe("v1")
    assert core.groups.describe("v2") == made
    assert made.status is FeatureGroupStatus.CREATED
    assert made.features == (
        FeatureDefinition("id", STRING),
        FeatureDefinition("time", FRACTIONAL),
        FeatureDefinition("orders", STRING),
        FeatureDefinition("added", STRING),
    )
    assert made.metadata == {"orders": source.metadata["orders"]}
    same = ("record_identifier_name", "event_time_name", "online", "role_arn", "description")
    for name in (*same, "tags", "throughput"):
        assert getattr(made, name) == getattr(source, name), name
    assert source.offline is not None
    assert made.offline is not None
    assert made.created_at_us == START_US + 60_000_000
    assert not made.was_updated
    assert made.offline.resolved_uri == source.offline.resolved_uri.replace(
        source.group_id, made.group_id
    )
    assert made.offline.data_catalog != source.offline.data_catalog


# What cannot be cloned


def given_groups(core: Core) -> None:
    core.groups.create(definition("online", offline=False))
    core.groups.create(definition("history", online=False))
    core.aliases.set("current", "v1")
    core.updates.retire_feature("v1", "note")
    core.groups.create(definition("making"), FeatureGroupStatus.CREATING)


REFUSED: dict[str, tuple[dict[str, Any], type[TandemError], str]] = {
    "itself": ({"target": "v1"}, ResourceInUse, "'v1' already exists"),
    "a name that is taken": ({"target": "history"}, ResourceInUse, "'history' already exists"),
    "a clone in the making": ({"target": "making"}, ResourceInUse, "'making' already exists"),
    "an alias": ({"target": "current"}, ResourceInUse, "'current' is an alias"),
    "no name": ({"target": "a b"}, ValidationError, "FeatureGroupName 'a b'"),
    "of nothing": ({"source": "nowhere"}, ResourceNotFound, "'nowhere'"),
    "of one in the making": (
        {"source": "making"}, ValidationError, "'making' is in status Creating"),
    "an unknown feature": (
        {"types": {"colour": STRING}}, ValidationError, "'colour', which is not a feature of 'v1'"),
    "a retired feature": (
        {"types": {"note": STRING}}, ValidationError, "'note', which is not a feature of 'v1'"),
    "an Integral event time": (
        {"types": {"time": INTEGRAL}}, ValidationError, "'time' is Integral"),
    "a table format for nothing": (
        {"source": "online", "table_format": TableFormat.GLUE},
        ValidationError, "'online' has no offline store"),
    "a storage type for nothing": (
        {"source": "history", "storage_type": StorageType.STANDARD_V2},
        ValidationError, "'history' has no online store"),
    "InMemory with history": (
        {"storage_type": StorageType.IN_MEMORY}, ValidationError, "InMemory has no offline store"),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_refused_leaves_nothing(core: Core, source: FeatureGroup, case: str) -> None:
    given_groups(core)
    known = core.groups._registry.changes(0)
    request, error, message = REFUSED[case]
    with pytest.raises(error) as refused:
        clone(core, **request)
    assert message in str(refused.value)
    assert core.groups._registry.changes(0) == known


def test_a_clone_of_an_alias_is_one_of_its_group(core: Core, source: FeatureGroup) -> None:
    put(core, "C1", 1.0, orders=1)
    core.aliases.set("current", "v1")
    clone(core, "v2", "current")
    core.aliases.set("current", "v2")
    core.groups.delete("v1")
    assert served(core, "current", "C1") == [{"id": "C1", "time": "1.0", "orders": "1"}]


# Where one cannot be completed


def check_nothing_is_left(core: Core, reason: str) -> None:
    """The name is free, the source is as it was, and no query finds the part that was made."""
    with pytest.raises(ResourceNotFound, match="'v2'"):
        core.groups.describe("v2")
    assert [group.name for group in core.groups._registry.groups()] == ["v1"]
    assert len(history(core, "v1")) == 3
    (failed,) = core.groups._registry.groups(deleted=True)
    assert reason in str(failed.failure_reason)
    assert failed.offline is not None
    assert failed.offline.data_catalog is not None
    core.delivery.deliver_all()
    for table in ("v2", failed.offline.data_catalog.table):
        with pytest.raises(QueryFailed, match=r"no table 'v2'|not whole"):
            history(core, table)
    core.expiry.expire_once()
    assert core.online.scan(failed.group_id, None, 10) == []
    assert clone(core).rows == 3
    assert [row[0] for row in history(core, "v2", "id")] == ["C1", "C2", "C3"]


@pytest.fixture
def three(core: Core, source: FeatureGroup) -> FeatureGroup:
    """The source with three records, of which the third has a note that is no number."""
    for number in (1, 2, 3):
        put(core, f"C{number}", 1.0, orders=number, note="abc" if number == 3 else number)
    return source


def test_a_value_without_a_form_in_its_new_type(
    core: Core, three: FeatureGroup, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tandem.service.copying._BATCH_WRITES", 1)
    with pytest.raises(ValidationError) as refused:
        clone(core, types={"note": INTEGRAL})
    message = "record 'C3': the value 'abc' of feature 'note' is not a whole number"
    assert str(refused.value).startswith(message)
    check_nothing_is_left(core, message)


def test_a_value_that_comes_while_cloning_and_has_no_form(
    core: Core, source: FeatureGroup, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in (1, 2):
        put(core, f"C{number}", 1.0, note=number)
    before_each_call(
        monkeypatch, core.online, "scan", nothing, partial(put, core, "C3", 1.0, note="abc")
    )
    with pytest.raises(ValidationError, match="record 'C3': the value 'abc' of feature 'note'"):
        clone(core, types={"note": INTEGRAL})
    check_nothing_is_left(core, "'abc'")


def fail(error: BaseException) -> None:
    raise error


@pytest.mark.parametrize("commits", [0, 1, 3, 5])
@pytest.mark.parametrize(
    "error", [StoreUnavailable("the disk is full"), KeyboardInterrupt("stopped"), OSError("broken")]
)
def test_a_store_that_fails_in_the_middle(
    core: Core,
    three: FeatureGroup,
    monkeypatch: pytest.MonkeyPatch,
    commits: int,
    error: BaseException,
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr("tandem.service.copying._BATCH_WRITES", 1)
        before_each_call(patch, core.records, "commit", *[nothing] * commits, partial(fail, error))
        with pytest.raises(type(error), match=str(error)):
            clone(core)
    check_nothing_is_left(core, str(error))


def test_where_even_the_registry_fails_the_clone_is_failed_later(
    core: Core, three: FeatureGroup, monkeypatch: pytest.MonkeyPatch
) -> None:
    full = StoreUnavailable("the disk is full")
    with monkeypatch.context() as patch:
        before_each_call(patch, core.records, "commit", partial(fail, full))
        before_each_call(patch, core.groups, "change", partial(fail, StoreUnavailable("too")))
        with pytest.raises(StoreUnavailable, match="the disk is full"):
            clone(core)
    assert core.groups.describe("v2").status is FeatureGroupStatus.CREATING
    assert core.fail_interrupted_clones() == 1
    assert core.fail_interrupted_clones() == 0
    failed = core.groups.describe("v2")
    assert failed.status is FeatureGroupStatus.CREATE_FAILED
    assert "delete the feature group, and clone again" in str(failed.failure_reason)
    with pytest.raises(ResourceInUse, match="'v2' already exists"):
        clone(core)
    core.groups.delete("v2")
    check_nothing_is_left(core, "ended before it was complete")


def test_a_clone_that_is_being_made_is_not_taken_for_interrupted(
    core: Core, three: FeatureGroup, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[int] = []
    before_each_call(
        monkeypatch, core.online, "scan", lambda: seen.append(core.fail_interrupted_clones())
    )
    assert clone(core).group.status is FeatureGroupStatus.CREATED
    assert seen == [0]


# What a clone in the making is to others


def uses(core: Core, name: str) -> list[tuple[Any, str]]:
    """Each use of a feature group that must wait until it is made, with what is said."""
    labels = pa.table({"id": ["C1"], "event_time": [1.0]})
    status = f"'{name}' is in status Creat"
    request = TrainingSetRequest(features=(f"{name}:orders",))
    return [
        (partial(core.records.get, name, "C1"), status),
        (partial(core.records.list, name), status),
        (partial(put, core, group=name), status),
        (partial(core.records.delete, name, "C1", "2.0"), status),
        (partial(core.ingestion.ingest, name, labels), status),
        (partial(history, core, name), status),
        (partial(core.datasets.training_set, TableRows(labels), request), status),
        (partial(core.updates.retire_feature, name, "note"), status),
        (partial(core.aliases.set, "current", name), status),
        (partial(clone, core, "v9", name), status),
        (partial(clone, core, name), f"'{name}' already exists"),
    ]


def test_nobody_uses_a_clone_that_is_not_complete(
    core: Core, three: FeatureGroup, monkeypatch: pytest.MonkeyPatch
) -> None:
    refused: list[str] = []

    def look() -> None:
        assert core.groups.describe("v2").status is FeatureGroupStatus.CREATING
        for use, said in uses(core, "v2"):
            with pytest.raises(TandemError) as error:
                use()
            assert said in str(error.value)
            refused.append(str(error.value))
        core.updates.tag("v2", {"team": "growth"})

    before_each_call(monkeypatch, core.online, "scan", look)
    made = clone(core).group
    assert len(refused) == 11
    assert made.tags == {"team": "growth"}
    assert made.revision == 3


def test_nobody_uses_a_clone_that_failed(core: Core, three: FeatureGroup) -> None:
    core.groups.create(definition("v2"), FeatureGroupStatus.CREATING)
    assert core.fail_interrupted_clones() == 1
    for use, said in uses(core, "v2"):
        with pytest.raises(TandemError) as error:
            use()
        assert said in str(error.value)


# What others change meanwhile


def meanwhile(core: Core, monkeypatch: pytest.MonkeyPatch, action: Any) -> None:
    before_each_call(monkeypatch, core.online, "scan", action)


def test_a_source_that_is_deleted_meanwhile(
    core: Core, three: FeatureGroup, monkeypatch: pytest.MonkeyPatch
) -> None:
    def delete_and_create_again() -> None:
        core.groups.delete("v1")
        core.expiry.expire_once()
        core.groups.create(definition("v1"))

    meanwhile(core, monkeypatch, delete_and_create_again)
    with pytest.raises(ConflictError, match="'v1' was deleted while it was cloned"):
        clone(core)
    with pytest.raises(ResourceNotFound):
        core.groups.describe("v2")


def test_a_source_that_gets_a_feature_meanwhile(
    core: Core, three: FeatureGroup, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its values would be left out of what was written meanwhile."""
    addition = GroupUpdate(additions=(FeatureDefinition("added", STRING),))

    def add_and_put() -> None:
        core.updates.update("v1", addition)
        put(core, "C1", 2.0, added="x")

    meanwhile(core, monkeypatch, add_and_put)
    with pytest.raises(ConflictError, match=r"'v1' got the features \['added'\]"):
        clone(core)
    assert clone(core).rows == 4
    assert served(core, "v2", "C1") == [{"id": "C1", "time": "2.0", "added": "x"}]


def test_a_source_that_gets_a_feature_back_meanwhile(
    core: Core, three: FeatureGroup, monkeypatch: pytest.MonkeyPatch
) -> None:
    core.updates.retire_feature("v1", "note")
    meanwhile(core, monkeypatch, partial(core.updates.restore_feature, "v1", "note"))
    with pytest.raises(ConflictError, match=r"'v1' got the features \['note'\]"):
        clone(core)


def test_a_feature_that_is_retired_meanwhile_is_taken_over(
    core: Core, three: FeatureGroup, monkeypatch: pytest.MonkeyPatch
) -> None:
    meanwhile(core, monkeypatch, partial(core.updates.retire_feature, "v1", "note"))
    clone(core)
    assert [row[3] for row in history(core, "v2")] == ["1", "2", "abc"]


def test_a_clone_that_is_deleted_meanwhile(
    core: Core, three: FeatureGroup, monkeypatch: pytest.MonkeyPatch
) -> None:
    meanwhile(core, monkeypatch, partial(core.groups.delete, "v2"))
    with pytest.raises(ConflictError, match="'v2' was deleted while it was made"):
        clone(core)
    check_nothing_is_left(core, "deleted while it was being made")


def test_a_clone_whose_name_is_given_to_another_meanwhile(
    core: Core, three: FeatureGroup, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither completing nor giving up touches the other group."""

    def delete_and_create_again() -> None:
        core.groups.delete("v2")
        core.groups.create(definition("v2"), FeatureGroupStatus.CREATING)

    meanwhile(core, monkeypatch, delete_and_create_again)
    with pytest.raises(ConflictError, match="'v2' was deleted while it was made"):
        clone(core)
    other = core.groups.describe("v2")
    assert (other.status, other.revision) == (FeatureGroupStatus.CREATING, 1)


def test_two_clones_to_one_name_at_once(core: Core, three: FeatureGroup) -> None:
    outcomes = race([partial(clone, core) for _ in range(4)])
    made = [outcome for outcome in outcomes if not isinstance(outcome, BaseException)]
    assert len(made) == 1
    refused = [outcome for outcome in outcomes if isinstance(outcome, BaseException)]
    assert all(isinstance(error, ResourceInUse) for error in refused), refused
    assert len(history(core, "v2")) == 3


def test_many_clones_at_once(core: Core, three: FeatureGroup) -> None:
    targets = [f"v{number}" for number in range(2, 6)]
    race([partial(clone, core, target) for target in targets])
    for target in targets:
        assert len(history(core, target)) == 3
        assert core.records.list(target).identifiers == ("C1", "C2", "C3")


def test_closing_gives_clones_up_and_waits(
    tmp_path: Any, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = Settings(data=tmp_path / "closed", online_map_size_bytes=1 << 26)
    core = Core(settings, clock, in_background=False)
    core.groups.create(definition("v1"))
    put(core, "C1", 1.0)
    errors: list[TandemError] = []

    def close_and_go_on() -> None:
        closing.start()
        closing.join(0.2)
        assert closing.is_alive()  # it waits for this clone

    def make() -> None:
        try:
            clone(core)
        except TandemError as error:
            errors.append(error)

    closing = threading.Thread(target=core.close)
    before_each_call(monkeypatch, core.online, "scan", close_and_go_on)
    make()
    closing.join(60)
    assert [type(error) for error in errors] == [StoreUnavailable]
    with pytest.raises(StoreUnavailable, match="closed"):
        clone(core)
    core = Core(settings, clock, in_background=False)
    assert [group.name for group in core.groups._registry.groups()] == ["v1"]
    core.close()


def test_a_disk_that_is_full_in_the_middle(tmp_path: Any, clock: ManualClock) -> None:
    settings = Settings(data=tmp_path / "small", online_map_size_bytes=3 << 19)
    core = Core(settings, clock, in_background=False)
    core.groups.create(definition("v1"))
    for number in range(20):
        put(core, f"C{number}", note="x" * 15_000)
    with pytest.raises(StoreUnavailable, match="the online store is full"):
        clone(core)
    assert [group.name for group in core.groups._registry.groups()] == ["v1"]
    core.close()
    # As the message says: a larger map, and started again.
    core = Core(replace(settings, online_map_size_bytes=64 << 20), clock, in_background=False)
    core.delivery.deliver_all()
    assert clone(core, types={"orders": STRING}).rows == 20
    core.close()
