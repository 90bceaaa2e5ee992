"""Aliases: what readers see through them, what writers may not do, and the switch."""

import itertools
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime

import pyarrow as pa
import pytest

from tandem.assembly.core import Core
from tandem.errors import ResourceInUse, ResourceNotFound, TandemError, ValidationError
from tandem.model.changes import GroupUpdate, MetadataUpdate
from tandem.model.feature_group import FeatureDefinition, FeatureGroup, FeatureType
from tandem.model.record import FeatureValue
from tandem.model.time_to_live import TtlDuration, TtlUnit
from tandem.registry.base import Changes
from tandem.service.dataset_request import TrainingSetRequest
from tandem.service.records import ServedRecord
from unit.service.scenes import definition, record, training_rows

LATER = datetime(2030, 1, 1, tzinfo=UTC)
LABELS = pa.table({"id": ["C1", "C2"], "event_time": [LATER] * 2})


@pytest.fixture
def versions(core: Core) -> Core:
    """Two groups with records C1 and C2, whose orders are 1 in v1 and 2 in v2; `current` is v1."""
    for number, name in enumerate(("v1", "v2"), 1):
        core.groups.create(definition(name))
        for identifier in ("C1", "C2"):
            core.records.put(name, record(identifier, orders=number, note=name)).result()
    core.aliases.set("current", "v1")
    return core


def training(core: Core, *features: str, **more: object) -> pa.Table:
    labels = more.pop("labels", LABELS)
    request = TrainingSetRequest(features=features, **more)  # type: ignore[arg-type]
    return training_rows(core, labels, request).drop_columns(labels.column_names)


def first(table: pa.Table) -> str:
    return str(table.column(0)[0])


READS: dict[str, Callable[[Core], str]] = {
    "get": lambda core: str(dict(found(core, "current").values())["note"]),
    "get, chosen": lambda core: str(found(core, "current", ["note"]).values()[0].value),
    "get_many": lambda core: str(
        [dict(one.values()) for one in core.records.get_many("current", ["C2", "C1"]) if one][1][
            "note"
        ]
    ),
    "sql": lambda core: first(core.queries.sql("SELECT note FROM current")),
    "sql, in the database": lambda core: first(
        core.queries.sql('SELECT note FROM "sagemaker_featurestore"."current"')
    ),
    "training set": lambda core: first(training(core, "current:note")),
    "describe": lambda core: core.groups.describe("current").name,
    "describe_feature": lambda core: core.updates.describe_feature("current", "note").group.name,
}


def found(core: Core, name: str, features: Sequence[str] = ()) -> ServedRecord:
    served = core.records.get(name, "C1", features)
    assert served is not None
    return served


@pytest.mark.parametrize("read", READS)
def test_readers_follow_a_switch_at_once(versions: Core, read: str) -> None:
    assert READS[read](versions) == "v1"
    versions.aliases.set("current", "v2")
    assert READS[read](versions) == "v2"
    versions.aliases.remove("current")
    with pytest.raises(TandemError, match="current"):
        READS[read](versions)


def test_identifiers_are_listed_through_an_alias(versions: Core) -> None:
    versions.records.put("v2", record("C3")).result()
    assert sorted(versions.records.list("current").identifiers) == ["C1", "C2"]
    versions.aliases.set("current", "v2")
    assert sorted(versions.records.list("current").identifiers) == ["C1", "C2", "C3"]


def test_all_aliases_are_listed(versions: Core) -> None:
    versions.aliases.set("best", "v2")
    assert list(versions.aliases.all().items()) == [("best", "v2"), ("current", "v1")]
    versions.aliases.remove("current")
    assert versions.aliases.all() == {"best": "v2"}


WRITES: dict[str, Callable[[Core], object]] = {
    "put": lambda core: core.records.put("current", record()),
    "check_put": lambda core: core.records.check_put("current", record()),
    "update": lambda core: core.records.update("current", "C1", [FeatureValue("note", "x")]),
    "delete": lambda core: core.records.delete("current", "C1", "9.0"),
    "ingest": lambda core: core.ingestion.ingest("current", pa.table({"id": ["C1"]})),
}
CHANGES: dict[str, Callable[[Core], object]] = {
    "update": lambda core: core.updates.update(
        "current", GroupUpdate(ttl=TtlDuration(TtlUnit.DAYS, 1))
    ),
    "retire_feature": lambda core: core.updates.retire_feature("current", "note"),
    "restore_feature": lambda core: core.updates.restore_feature("current", "note"),
    "tag": lambda core: core.updates.tag("current", {"a": "b"}),
    "untag": lambda core: core.updates.untag("current", ["a"]),
    "update_feature": lambda core: core.updates.update_feature(
        "current", "note", MetadataUpdate(description="d")
    ),
    "delete": lambda core: core.groups.delete("current"),
}


@pytest.mark.parametrize("write", WRITES)
def test_writers_name_the_group_itself(versions: Core, write: str) -> None:
    with pytest.raises(ValidationError, match=r"'current' is an alias.* group 'v1' itself"):
        WRITES[write](versions)
    with versions.online.log() as log:
        assert log.end(0) == 4


@pytest.mark.parametrize("change", CHANGES)
def test_who_changes_a_group_names_it_itself(versions: Core, change: str) -> None:
    before = versions.groups._registry.changes(0)
    with pytest.raises(ValidationError, match=r"'current' is an alias.* group 'v1' itself"):
        CHANGES[change](versions)
    assert versions.groups._registry.changes(0) == before


def test_a_group_is_not_deleted_while_an_alias_names_it(versions: Core) -> None:
    versions.aliases.set("best", "v1")
    with pytest.raises(ResourceInUse, match=r"'v1' is named by the aliases \['best', 'current'\]"):
        versions.groups.delete("v1")
    assert found(versions, "v1") is not None
    versions.aliases.set("current", "v2")
    versions.aliases.remove("best")
    versions.groups.delete("v1")
    assert READS["get"](versions) == "v2"
    with pytest.raises(ResourceInUse, match="'v2'"):
        versions.groups.delete("v2")


@pytest.mark.parametrize(
    ("alias", "target", "error", "said"),
    [
        ("v1", "v2", ResourceInUse, "a feature group is called 'v1'"),
        ("v1", "v1", ResourceInUse, "a feature group is called 'v1'"),
        ("new", "nowhere", ResourceNotFound, "no feature group 'nowhere'"),
        ("new", "current", ResourceNotFound, "no feature group 'current'"),
        ("new", "new", ResourceNotFound, "no feature group 'new'"),
        ("current", "nowhere", ResourceNotFound, "no feature group 'nowhere'"),
        ("", "v1", ValidationError, "''"),
        ("a b", "v1", ValidationError, "alias 'a b' is not valid"),
        ("a" * 65, "v1", ValidationError, "1 to 64"),
    ],
)
def test_aliases_that_are_refused(
    versions: Core, alias: str, target: str, error: type[TandemError], said: str
) -> None:
    with pytest.raises(error, match=said):
        versions.aliases.set(alias, target)
    assert versions.aliases.all() == {"current": "v1"}
    assert READS["get"](versions) == "v1"


def test_the_name_of_an_alias_is_taken(versions: Core) -> None:
    with pytest.raises(ResourceInUse, match="'current' is an alias"):
        versions.groups.create(definition("current"))
    with pytest.raises(ResourceNotFound, match="no alias 'v1'"):
        versions.aliases.remove("v1")
    versions.aliases.remove("current")
    with pytest.raises(ResourceNotFound, match="no alias 'current'"):
        versions.aliases.remove("current")
    versions.groups.create(definition("current"))
    assert versions.records.get("current", "C1") is None


def test_a_group_with_other_features_takes_the_place_of_another(versions: Core) -> None:
    new = definition("v3")
    features = (
        replace(new.features[0], type=FeatureType.INTEGRAL),
        new.features[1],
        FeatureDefinition("spend", FeatureType.FRACTIONAL),
    )
    versions.groups.create(replace(new, features=features))
    versions.records.put("v3", record("007", spend=0.5)).result()
    versions.aliases.set("current", "v3")
    seven = versions.records.get("current", "7")
    assert seven is not None
    assert dict(seven.values()) == {"id": "007", "time": "1.0", "spend": "0.5"}
    with pytest.raises(ValidationError, match="'C1'"):
        versions.records.get("current", "C1")
    names = versions.queries.sql("SELECT * FROM current").column_names
    assert names[:3] == ["id", "time", "spend"]
    labels = LABELS.set_column(0, "id", pa.array([7, 8]))
    found_spend = training(versions, "current:*", labels=labels)
    assert found_spend.to_pydict() == {"spend": [0.5, None]}


def test_a_training_set_speaks_of_the_alias_that_was_asked_for(versions: Core) -> None:
    """So that a switch changes neither a column's name nor the keys."""
    labels = LABELS.rename_columns(["who", "event_time"]).append_column("note", pa.array(["", ""]))
    for target, number in (("v1", 1), ("v2", 2)):
        versions.aliases.set("current", target)
        made = training(versions, "current:*", keys={"current": "who"}, labels=labels)
        assert made.to_pydict() == {"orders": [number] * 2, "current:note": [target] * 2}
    with pytest.raises(ValidationError, match="keys names 'v2', of which no feature"):
        training(versions, "current:*", keys={"v2": "who"}, labels=labels)
    with pytest.raises(ValidationError, match="no column 'nobody'"):
        training(versions, "current:*", keys={"current": "nobody"}, labels=labels)


def test_a_training_set_may_name_a_group_both_ways(versions: Core) -> None:
    made = training(versions, "current:orders", "v1:note")
    assert made.to_pydict() == {"orders": [1, 1], "note": ["v1", "v1"]}
    with pytest.raises(ValidationError, match="names a feature twice"):
        training(versions, "current:orders", "v1:orders")
    both = training(versions, "current:orders", "v2:orders")
    assert both.to_pydict() == {"current:orders": [1, 1], "v2:orders": [2, 2]}


def test_no_switch_comes_between_two_features(
    versions: Core, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = versions.groups.find_for_reading

    def switched(name: str) -> FeatureGroup:
        group = real(name)
        versions.aliases.set("current", "v2")
        return group

    monkeypatch.setattr(versions.groups, "find_for_reading", switched)
    made = training(versions, "current:orders", "current:note")
    assert made.to_pydict() == {"orders": [1, 1], "note": ["v1", "v1"]}


def test_readers_never_notice_a_switch(versions: Core) -> None:
    """Each read is of one group, whole, and none fails or finds nothing."""
    versions.delivery.deliver_all()
    done = threading.Event()
    seen: list[set[str]] = []
    problems: list[object] = []

    def read(once: Callable[[], str]) -> None:
        answers: set[str] = set()
        seen.append(answers)
        try:
            while not done.is_set():
                answers.add(once())
        except BaseException as error:  # noqa: BLE001 - shown by the test
            problems.append(error)

    def get() -> str:
        values = dict(found(versions, "current").values())
        return f"{values['note']} {values['orders']}"

    def get_many() -> str:
        both = versions.records.get_many("current", ["C1", "C2"], ["note"])
        assert both[0] is not None
        assert both[1] is not None
        assert both[0].features_json == both[1].features_json
        return str(both[0].values()[0].value)

    def sql() -> str:
        rows = versions.queries.sql("SELECT DISTINCT note, orders FROM current").to_pylist()
        return " ".join(str(value) for row in rows for value in row.values())

    def train() -> str:
        rows = training(versions, "current:orders", "current:note").to_pylist()
        assert rows[0] == rows[1]
        return f"{rows[0]['note']} {rows[0]['orders']}"

    readers = [threading.Thread(target=read, args=(once,)) for once in (get, get_many, sql, train)]
    for reader in readers:
        reader.start()
    deadline = time.monotonic() + 60
    for number in itertools.count():
        versions.aliases.set("current", ("v2", "v1")[number % 2])
        have_met = {"v1 1", "v2 2"} in seen  # readers that stand still have seen nothing yet
        if problems or time.monotonic() > deadline or (number > 60 and have_met):
            break
    done.set()
    for reader in readers:
        reader.join()
    assert not problems, problems
    assert all(answers <= {"v1 1", "v2 2", "v1", "v2"} for answers in seen), seen
    assert {"v1 1", "v2 2"} in seen


def test_a_reader_that_is_overtaken_by_a_switch_still_reads_one_group(
    versions: Core, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The old group may even be deleted between the look-up and the read."""
    real = versions.online.get

    def late(keys: object) -> object:
        monkeypatch.setattr(versions.online, "get", real)
        versions.aliases.set("current", "v2")
        versions.groups.delete("v1")
        return real(keys)  # type: ignore[arg-type]

    monkeypatch.setattr(versions.online, "get", late)
    assert READS["get"](versions) == "v1"
    assert READS["get"](versions) == "v2"


def test_a_failed_look_at_the_registry_keeps_what_was_known(
    versions: Core, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(after: int) -> Changes:
        raise TandemError(f"the disk is gone, behind {after}")

    monkeypatch.setattr(versions.groups._registry, "changes", failing)
    with pytest.raises(TandemError, match="the disk is gone"):
        versions.aliases.all()
    monkeypatch.undo()
    assert READS["get"](versions) == "v1"
