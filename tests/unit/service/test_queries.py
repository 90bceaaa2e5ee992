"""Queries and training sets at one moment, whatever happens meanwhile."""

from dataclasses import replace
from datetime import UTC, datetime

import pyarrow as pa
import pytest

from tandem.assembly.core import Core
from tandem.errors import QueryFailed, ResourceNotFound, ValidationError
from tandem.model.feature_group import DataCatalog, FeatureGroup
from tandem.model.history import HistorySnapshot
from tandem.service.dataset_request import TrainingSetRequest
from unit.service.scenes import START_US, ManualClock, definition, record, training_rows

LABELS = pa.table({"id": ["C1"], "event_time": [datetime(2030, 1, 1, tzinfo=UTC)]})


def test_groups_are_read_at_one_moment_though_delivery_comes_between(
    core: Core, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = (core.groups.create(definition(name)) for name in ("first", "second"))
    real, calls = core.offline.snapshot, 0

    def interrupted(group: FeatureGroup) -> HistorySnapshot:
        nonlocal calls
        calls += 1
        if calls == 2:  # between the manifests of the two groups
            core.records.put("first", record()).result()
            core.records.put("second", record()).result()
            core.delivery.deliver_all()
        return real(group)

    monkeypatch.setattr(core.offline, "snapshot", interrupted)
    tables = core.queries.history([first, second])
    rows = [len(table.snapshot.files) + len(table.snapshot.entries) for table in tables]
    assert rows == [1, 1]
    assert calls == 4


def test_as_of_has_one_answer_for_ever(
    core: Core, customers: FeatureGroup, clock: ManualClock
) -> None:
    def orders() -> list[int | None]:
        request = TrainingSetRequest(features=("customers:orders",), as_of_us=START_US + 5)
        found: list[int | None] = training_rows(core, LABELS, request).column("orders").to_pylist()
        return found

    with pytest.raises(ValidationError, match="future"):
        orders()
    core.records.put("customers", record(time=1.0, orders=1)).result()
    clock.now_us = START_US + 5
    assert orders() == [1]
    # The clock stands still, or even steps back: a later write is later all the same.
    for step in (0, -3):
        clock.now_us = START_US + 5 + step
        core.records.put("customers", record(time=2.0, orders=2)).result()
        clock.now_us = START_US + 5
        assert orders() == [1]
    core.delivery.deliver_all()
    assert orders() == [1]


def test_features_are_resolved(core: Core, customers: FeatureGroup) -> None:
    core.records.put("customers", record(time=1.0, orders=1, note="x")).result()

    def columns(*features: str, labels: pa.Table = LABELS) -> list[str]:
        found = training_rows(core, labels, TrainingSetRequest(features=features))
        names: list[str] = found.column_names
        return names[labels.num_columns :]

    assert columns("customers:*") == ["orders", "note"]
    assert columns("customers:note", "customers:orders") == ["note", "orders"]
    taken = LABELS.append_column("Orders", pa.array([1]))
    assert columns("customers:orders", labels=taken) == ["customers:orders"]
    for features, error, said in [
        ((), ValidationError, "empty"),
        (("orders",), ValidationError, "group:feature"),
        (("customers:orders", "customers:orders"), ValidationError, "twice"),
        (("customers:missing",), ResourceNotFound, "'missing'"),
        (("missing:orders",), ResourceNotFound, "'missing'"),
    ]:
        with pytest.raises(error, match=said):
            columns(*features)
    with pytest.raises(ValidationError, match="'id'"):
        columns("customers:orders", labels=LABELS.drop_columns(["id"]))


def test_catalog_tables_are_found_by_their_own_names(core: Core) -> None:
    new = definition()
    assert new.offline is not None
    catalog = DataCatalog("AwsDataCatalog", "MyDb", "MyTable")
    core.groups.create(replace(new, offline=replace(new.offline, data_catalog=catalog)))
    for name in ("customers", "mytable", '"MyDb"."MyTable"', "sagemaker_featurestore.customers"):
        assert core.queries.sql(f"SELECT * FROM {name}").num_rows == 0
    with pytest.raises(QueryFailed, match=r"elsewhere\.mytable"):
        core.queries.sql("SELECT * FROM elsewhere.mytable")
    core.groups.create(
        replace(new, name="other", offline=replace(new.offline, data_catalog=catalog))
    )
    with pytest.raises(QueryFailed, match=r"\['customers', 'other'\]"):
        core.queries.sql("SELECT * FROM mytable")
    core.groups.delete("other")
    assert core.queries.sql("SELECT * FROM mytable").num_rows == 0
