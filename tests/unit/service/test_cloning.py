"""Cloning: the definition of a clone, what is refused, and what is left where one is not made."""

import threading
from dataclasses import replace
from functools import partial
from typing import Any

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
from tandem.service.datasets import TrainingSetRequest
from tandem.testing.race import race
from unit.service.cloning_scenes import before_each_call, clone, history, nothing, put, served
from unit.service.scenes import START_US, ManualClock, definition, record

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
