"""Whole training sets on random histories of several groups: what the reference gives, never the
future, and the same again after more history.

TANDEM_PROPERTY_EXAMPLES sets how many histories are tried.
"""

import os
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tandem.assembly.core import Core
from tandem.assembly.settings import Settings
from tandem.errors import HistoryChanged
from tandem.model.event_time import EventTime
from tandem.model.feature_group import FeatureDefinition, FeatureType, OfflineStoreConfig
from tandem.model.record import FeatureValue
from tandem.model.write import LogEntry
from tandem.query.duckdb import point_in_time
from tandem.rows.rows import TableRows
from tandem.rows.segment import one_by_one
from tandem.service import datasets
from tandem.service.dataset_request import TrainingSetRequest
from tandem.service.group_creation import NewFeatureGroup
from tandem.testing.point_in_time_reference import entry_as_of
from unit.service.scenes import START_US, ManualClock

EXAMPLES = int(os.environ.get("TANDEM_PROPERTY_EXAMPLES", "60"))
GROUPS = ("first", "second", "third")
KEYS = ("1", "2")
SECOND = 1_000_000_000


class Step(NamedTuple):
    group: str
    key: str
    seconds: int
    is_delete: bool
    then_deliver: bool


class Asked(NamedTuple):
    """Limits by group, and how many writes ago `as_of` is, if it is asked."""

    max_ages: Mapping[str, float]
    windows: Mapping[str, tuple[int | None, int | None]]
    as_of_step: int | None


# Few keys and few seconds, so that ties, late rows and labels at the very moment are common.
steps = st.lists(
    st.builds(
        Step,
        st.sampled_from(GROUPS),
        st.sampled_from(KEYS),
        st.integers(0, 6),
        st.sampled_from([False, False, False, True]),
        st.sampled_from([False, False, False, False, True]),
    ),
    max_size=24,
)
labels_of = st.lists(st.tuples(st.sampled_from([*KEYS, "3"]), st.integers(-1, 7)), max_size=12)
bound = st.one_of(st.none(), st.integers(0, 3).map(lambda second: second * SECOND))
until = st.one_of(st.none(), st.integers(4, 7).map(lambda second: second * SECOND))
asked = st.builds(
    Asked,
    st.dictionaries(st.sampled_from(GROUPS), st.sampled_from([0.0, 1.0, 3.0])),
    st.dictionaries(st.sampled_from(GROUPS), st.tuples(bound, until)),
    st.one_of(st.none(), st.integers(0, 24)),
)


class Scene:
    """A core, and each group's entries as they were committed."""

    def __init__(self, folder: Path) -> None:
        self.clock = ManualClock()
        given = Settings(data=folder / "data", online_map_size_bytes=1 << 24)
        self.core = Core(given, self.clock, in_background=False)
        self.entries: dict[str, list[LogEntry]] = {name: [] for name in GROUPS}
        for name in GROUPS:
            self.core.groups.create(a_group(name))
        self.count = 0

    def apply(self, step: Step) -> None:
        self.clock.forward(1)
        self.count += 1
        records = self.core.records
        if step.is_delete:
            records.delete(step.group, step.key, f"{step.seconds}.0").result()
        else:
            # The value is the write's number, so that an answer tells which write it is.
            given = {"id": step.key, "time": f"{step.seconds}.0", "number": str(self.count)}
            records.put(step.group, [FeatureValue(*one) for one in given.items()]).result()
        if step.then_deliver:
            self.core.delivery.deliver_all()

    def made(self, labels: pa.Table, wanted: Asked) -> datasets.TrainingSet:
        request = TrainingSetRequest(
            features={name: f"{name}:number" for name in GROUPS},
            as_of_us=self.as_of_us(wanted),
            max_age_seconds=wanted.max_ages,
            event_times=wanted.windows,
        )
        return self.core.datasets.training_set(TableRows(labels), request)

    def as_of_us(self, wanted: Asked) -> int | None:
        step = wanted.as_of_step
        return None if step is None else START_US + min(step, self.count) * 1_000_000

    def entries_of(self, name: str) -> list[LogEntry]:
        group = self.core.groups.describe(name)
        with self.core.online.log() as log:
            tail = list(one_by_one(log.parts(0, 0, group_id=group.group_id)))
        archived = list(self.core.offline.archived(group))
        known = {entry.position for entry in archived}
        return [*archived, *(entry for entry in tail if entry.position not in known)]


def a_group(name: str) -> NewFeatureGroup:
    kinds = (FeatureType.STRING, FeatureType.FRACTIONAL, FeatureType.INTEGRAL)
    return NewFeatureGroup(
        name=name,
        record_identifier_name="id",
        event_time_name="time",
        features=tuple(
            FeatureDefinition(feature, kind)
            for feature, kind in zip(("id", "time", "number"), kinds, strict=True)
        ),
        offline=OfflineStoreConfig("s3://bucket/prefix"),
        role_arn="arn:aws:iam::123456789012:role/test",
    )


@contextmanager
def a_scene() -> Iterator[Scene]:
    with tempfile.TemporaryDirectory() as folder:
        scene = Scene(Path(folder))
        try:
            yield scene
        finally:
            scene.core.close()


def check(
    scene: Scene, given_labels: list[tuple[str, int]], found: pa.Table, wanted: Asked
) -> None:
    """Every row is there once, in order, and holds what the reference says: never the future."""
    assert found.column("id").to_pylist() == [key for key, _ in given_labels]
    assert found.column("row").to_pylist() == list(range(len(given_labels)))
    for name in GROUPS:
        entries = scene.entries_of(name)
        by_number = {dict(entry.values).get("number"): entry for entry in entries}
        first, end = wanted.windows.get(name, (None, None))
        within = [entry for entry in entries if is_within(entry, first, end)]
        age = wanted.max_ages.get(name)
        for (key, second), number in zip(given_labels, found.column(name).to_pylist(), strict=True):
            moment = EventTime(second, 0)
            if number is not None:
                entry = by_number[str(number)]
                assert entry.event_time <= moment, "a value from after its label"
                as_of_us = scene.as_of_us(wanted)
                assert as_of_us is None or entry.write_time_us <= as_of_us, "written after as_of"
            expected = entry_as_of(
                within,
                key,
                moment,
                as_of_us=scene.as_of_us(wanted),
                max_age_seconds=None if age is None else int(age),
            )
            assert number == (None if expected is None else int(dict(expected.values)["number"]))


def is_within(entry: LogEntry, first: int | None, end: int | None) -> bool:
    nanoseconds = entry.event_time.seconds * SECOND + entry.event_time.nanoseconds
    return (first is None or nanoseconds >= first) and (end is None or nanoseconds < end)


def label_table(given_labels: list[tuple[str, int]]) -> pa.Table:
    return pa.table(
        {
            "id": pa.array([key for key, _ in given_labels], pa.string()),
            "event_time": pa.array([second for _, second in given_labels], pa.int64()),
            "row": pa.array(range(len(given_labels)), pa.int64()),
        }
    )


class Made(NamedTuple):
    dataset_id: str
    rows: pa.Table


def made_and_checked(scene: Scene, given_labels: list[tuple[str, int]], wanted: Asked) -> Made:
    made = scene.made(label_table(given_labels), wanted)
    found = made.to_table()
    check(scene, given_labels, found, wanted)
    assert made.dataset is not None
    return Made(made.dataset.dataset_id, found)


def check_made_again(scene: Scene, made: Made) -> None:
    assert scene.core.datasets.rebuild(made.dataset_id).to_table().equals(made.rows)


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(before=steps, after=steps, given_labels=labels_of, wanted=asked)
def test_training_sets_never_hold_the_future_and_are_made_again(
    before: list[Step], after: list[Step], given_labels: list[tuple[str, int]], wanted: Asked
) -> None:
    with a_scene() as scene:
        for step in before:
            scene.apply(step)
        made = made_and_checked(scene, given_labels, wanted)
        for step in after:
            scene.apply(step)
        check_made_again(scene, made)


# Leaks that are planted in the join, each of which the property above must find.


def replaced(text: str, by: str) -> Callable[[str], str]:
    def change(sql: str) -> str:
        return sql.replace(text, by)

    return change


_PACK, _LAST = 1 << 56, (1 << 56) - 1
_FUTURE, _LATE, _OTHER = "a value from after its label", "cannot be made again", "assert"
# The function that is wrong, how, and a part of what is said of it.
LEAKS = {
    "a row of the next second": (
        "_winners_sql",
        replaced("labels.moment *", f"(labels.moment + {SECOND}) *"),
        _FUTURE,
    ),
    "the first row of the next second, by packing off by one": (
        "_winners_sql",
        replaced(f"+ {_LAST} >= packing", f"+ {_PACK * SECOND} >= packing"),
        _FUTURE,
    ),
    "rows written after as_of": (
        "_packed_sql",
        replaced(
            "write_time <= make_timestamp(", "write_time <= make_timestamp(9000000000000000 + "
        ),
        _LATE,
    ),
    "rows at the very moment are left out": (
        "_winners_sql",
        replaced(f"+ {_LAST} >= packing", "> packing"),
        _OTHER,
    ),
    "of the rows at the very moment the first in its file alone": (
        "_winners_sql",
        replaced(f"+ {_LAST} >= packing", ">= packing"),
        _OTHER,
    ),
    "a window with its end in it": (
        "_packed_sql",
        replaced('"its packing" < ', f'"its packing" < {_PACK} + '),
        _OTHER,
    ),
}


@contextmanager
def planted(leak: str) -> Iterator[list[str]]:
    """Gives the statements that the leak has changed."""
    function, change, _ = LEAKS[leak]
    real = getattr(point_in_time, function)
    changed = []

    def leaking(*given: Any, **more: Any) -> str:
        sql: str = real(*given, **more)
        if change(sql) != sql:
            changed.append(sql)
        return change(sql)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(point_in_time, function, leaking)
        yield changed


@contextmanager
def noted(leak: str, found: dict[str, str]) -> Iterator[None]:
    """What the property says while the leak is there, where it is what it should say."""
    with planted(leak) as changed:
        try:
            yield
        except (AssertionError, HistoryChanged) as error:
            if changed and LEAKS[leak][2] in str(error):
                found[leak] = str(error)


def test_planted_leaks_are_found() -> None:
    """All of them on the same histories, which take most of the time, until each is found."""
    found: dict[str, str] = {}

    @settings(
        max_examples=max(EXAMPLES, 200),
        deadline=None,
        database=None,
        derandomize=True,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(before=steps, after=steps, questions=st.lists(st.tuples(labels_of, asked), max_size=3))
    def look(
        before: list[Step], after: list[Step], questions: list[tuple[list[tuple[str, int]], Asked]]
    ) -> None:
        left = LEAKS.keys() - found
        if not left:
            return
        with a_scene() as scene:
            for step in before:
                scene.apply(step)
            made = []
            for leak, (given_labels, wanted) in product(left, questions):
                with noted(leak, found):
                    made.append((leak, made_and_checked(scene, given_labels, wanted)))
            for step in after:
                scene.apply(step)
            for leak, one in made:
                with noted(leak, found):
                    check_made_again(scene, one)

    look()
    assert found.keys() == LEAKS.keys(), "not found, or the mutation no longer fits the join's SQL"
