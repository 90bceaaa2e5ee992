"""Training and serving are equal: on random histories of several groups, a feature vector is what a
training set gives for a label of this moment.

TANDEM_PROPERTY_EXAMPLES sets how many histories are tried.
"""

import os
import tempfile
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tandem.assembly.core import Core
from tandem.assembly.settings import Settings
from tandem.errors import TandemError
from tandem.model.feature_group import (
    FeatureDefinition,
    FeatureType,
    OfflineStoreConfig,
    OnlineStoreConfig,
    StorageType,
)
from tandem.model.record import FeatureValue
from tandem.online.online_record import OnlineRecord
from tandem.rows.features_table import feature_columns
from tandem.rows.rows import TableRows
from tandem.service import feature_vectors
from tandem.service.dataset_request import TrainingSetRequest
from tandem.service.group_creation import NewFeatureGroup
from tandem.service.records import DeletionMode
from unit.service.scenes import START_US, ManualClock

EXAMPLES = int(os.environ.get("TANDEM_PROPERTY_EXAMPLES", "25"))
IDENTIFIERS = {
    "customers": ("customer", FeatureType.STRING),
    "items": ("item", FeatureType.INTEGRAL),
}
# An alias, one identifier as text and one as a number, and names that must be told apart.
FEATURES = ("people:count", "items:count", "people:score", "items:note", "items:item")


class Step(NamedTuple):
    """A write. `kind` is put, update, or the mode of a delete."""

    group: str
    key: str
    seconds: int
    kind: str
    values: Mapping[str, str]
    then_deliver: bool


values = st.fixed_dictionaries(
    {},
    optional={
        "count": st.sampled_from(["7", "+7", "007", "-9223372036854775808", "0"]),
        "score": st.sampled_from(["1.5", "-0.0", ".5", "1e-400", "9007199254740993"]),
        "note": st.sampled_from(["", "007", 'a "quote"', "\\", "é\n", "null"]),
    },
)


def without_puts_from_before_a_hard_delete(history: list[Step]) -> list[Step]:
    """Such a put is served, since the delete has made the store forget the key; in history the
    delete is the newest, and training has no value.
    """
    forgotten: dict[tuple[str, str], int] = {}
    kept = []
    for step in history:
        key = (step.group, step.key)
        if step.kind == "HardDelete":
            forgotten[key] = max(step.seconds, forgotten.get(key, step.seconds))
        elif step.kind == "put" and step.seconds < forgotten.get(key, step.seconds):
            continue
        kept.append(step)
    return kept


steps = st.lists(
    st.builds(
        Step,
        st.sampled_from(list(IDENTIFIERS)),
        st.sampled_from(["1", "2"]),
        st.integers(-6, 0),
        st.sampled_from(["put", "put", "put", "update", "SoftDelete", "HardDelete"]),
        values,
        st.sampled_from([False, False, False, True]),
    ),
    max_size=20,
).map(without_puts_from_before_a_hard_delete)
keys = st.lists(
    st.tuples(st.sampled_from(["1", "2", "3", None]), st.sampled_from(["1", "2", "3", None])),
    max_size=6,
)
ages = st.dictionaries(st.sampled_from(["people", "items"]), st.sampled_from([0.0, 4.0, 10.5]))


def a_group(name: str) -> NewFeatureGroup:
    identifier, type_ = IDENTIFIERS[name]
    kinds = {
        identifier: type_,
        "time": FeatureType.FRACTIONAL,
        "retired": FeatureType.STRING,
        "count": FeatureType.INTEGRAL,
        "score": FeatureType.FRACTIONAL,
        "note": FeatureType.STRING,
    }
    return NewFeatureGroup(
        name=name,
        record_identifier_name=identifier,
        event_time_name="time",
        features=tuple(FeatureDefinition(feature, kind) for feature, kind in kinds.items()),
        online=OnlineStoreConfig(True, StorageType.STANDARD_V2),
        offline=OfflineStoreConfig("s3://bucket/prefix"),
        role_arn="arn:aws:iam::123456789012:role/test",
    )


def apply(core: Core, clock: ManualClock, step: Step) -> None:
    clock.forward(1)
    identifier, _ = IDENTIFIERS[step.group]
    time = f"{START_US // 1_000_000 + step.seconds}.0"
    given_values = [FeatureValue("time", time)]
    given_values += [FeatureValue(name, text) for name, text in step.values.items()]
    try:
        if step.kind == "put":
            whole = [FeatureValue(identifier, step.key), *given_values]
            core.records.put(step.group, whole).result()
        elif step.kind == "update":
            core.records.update(step.group, step.key, given_values).result()
        else:
            core.records.delete(step.group, step.key, time, DeletionMode(step.kind)).result()
    except TandemError:
        pass  # refused: neither store has it
    if step.then_deliver:
        core.delivery.deliver_all()


def serving_is_training(
    history: list[Step], given_keys: list[tuple[Any, Any]], max_ages: Mapping[str, float]
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        clock = ManualClock()
        given_settings = Settings(data=Path(folder) / "data", online_map_size_bytes=1 << 24)
        with closing(Core(given_settings, clock, in_background=False)) as core:
            for name in IDENTIFIERS:
                core.groups.create(a_group(name))
            core.aliases.set("people", "customers")
            for step in history:
                apply(core, clock, step)
            core.updates.retire_feature("items", "retired")
            entities = pa.table(
                {
                    "customer": pa.array([one for one, _ in given_keys], pa.string()),
                    "item": pa.array(
                        [None if one is None else int(one) for _, one in given_keys], pa.int64()
                    ),
                }
            )
            request = TrainingSetRequest(features=FEATURES, max_age_seconds=max_ages)
            served = core.feature_vectors.read(entities, request)
            trained = core.datasets.latest(TableRows(entities), request, record=False).to_table()
            trained = trained.select(trained.column_names[3:])
            assert served.features.schema == trained.schema.remove_metadata()
            # As text, since -0.0 equals 0.0.
            assert str(served.features.to_pydict()) == str(trained.to_pydict())


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(history=steps, given_keys=keys, max_ages=ages)
def test_a_feature_vector_is_what_training_gives_now(
    history: list[Step], given_keys: list[tuple[Any, Any]], max_ages: Mapping[str, float]
) -> None:
    serving_is_training(history, given_keys, max_ages)


OLD = Step("customers", "1", -6, "put", {"count": "7"}, then_deliver=False)


@pytest.mark.parametrize(
    ("max_ages", "planted", "fault"),
    [
        ({"people": 4.0}, (feature_vectors, "_age_nanoseconds"), lambda *_: 0),
        ({}, (OnlineRecord, "is_gone"), lambda *_: True),
        (
            {},
            (feature_vectors, "feature_columns"),
            lambda texts, names, stored: feature_columns([None], names, stored),
        ),
    ],
    ids=["ages", "expiry", "values"],
)
def test_the_property_finds_what_is_wrong(
    monkeypatch: pytest.MonkeyPatch,
    max_ages: Mapping[str, float],
    planted: tuple[Any, str],
    fault: Any,
) -> None:
    history = [OLD]
    serving_is_training(history, [("1", "1")], max_ages)
    monkeypatch.setattr(*planted, fault)
    with pytest.raises(AssertionError):
        serving_is_training(history, [("1", "1")], max_ages)
