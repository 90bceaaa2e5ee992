"""Random histories and labels: the engines give what the reference gives, and never the future.

TANDEM_PROPERTY_EXAMPLES sets how many histories are tried.
"""

import math
import os
import shutil
from typing import NamedTuple

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tandem.model.event_time import EventTime
from tandem.model.feature_group import FeatureType
from tandem.query.base import FeatureJoin
from tandem.query.duckdb import DuckDbEngine
from tandem.query.memory import MemoryQueryEngine
from tandem.testing.planted_history import FIRST_WRITE_US, PlantedHistory, a_group
from tandem.testing.point_in_time_contract import joined_rows
from tandem.testing.point_in_time_reference import entry_as_of

EXAMPLES = int(os.environ.get("TANDEM_PROPERTY_EXAMPLES", "150"))

# Few keys and few moments, so that ties, late rows and exact hits are common; the moments are those
# where an engine's arithmetic could slip: both ends, around 1970, the ends of 64 bits of
# nanoseconds, and one nanosecond apart.
KEYS = ["1", "2", "30"]
WHOLE = [-62_167_219_200, -9_223_372_037, -1, 0, 1_714_564_800, 9_223_372_037, 253_402_300_799]
MOMENTS = [EventTime(s, n) for s in WHOLE for n in (0, 1, 500_000_000, 999_999_999)]

LAST_DOUBLE = math.nextafter(253_402_300_800, 0)


class Step(NamedTuple):
    key: str
    moment: EventTime
    form: int
    is_delete: bool
    then_file: bool


class Label(NamedTuple):
    key: str | None
    moment: EventTime | None


steps = st.lists(
    st.builds(
        Step,
        st.sampled_from(KEYS),
        st.sampled_from(MOMENTS),
        st.integers(0, 3),
        st.sampled_from([False, False, False, True]),
        st.sampled_from([False, False, False, True]),
    ),
    max_size=25,
)
labels = st.lists(
    st.builds(
        Label,
        st.one_of(st.none(), st.sampled_from([*KEYS, "4"])),
        st.one_of(st.none(), st.sampled_from(MOMENTS)),
    ),
    max_size=25,
)


def as_text(moment: EventTime, form: int) -> str:
    """One of the forms in which a String event time can say this moment."""
    plain = moment.isoformat()
    if form == 1:
        return plain.removesuffix("Z")
    if form == 2 and WHOLE[0] + 36_000 < moment.seconds < WHOLE[-1] - 36_000:
        local = EventTime(moment.seconds + 19_800, moment.nanoseconds).isoformat()
        return local.removesuffix("Z") + "+05:30"
    if form == 3 and moment.seconds >= 0:
        return f"{moment.seconds}.{moment.nanoseconds:09}"
    return plain


def as_double(moment: EventTime) -> str:
    # The last moments of the year 9999 have no double of their own and would round up to 10000.
    return repr(min(moment.seconds + moment.nanoseconds / 1e9, LAST_DOUBLE))


def planted(folder, group, given_steps) -> PlantedHistory:
    history = PlantedHistory(folder, group)
    for number, step in enumerate(given_steps):
        if group.event_time.type is FeatureType.FRACTIONAL:
            event_time = as_double(step.moment)
        else:
            event_time = as_text(step.moment, step.form)
        if step.is_delete:
            history.delete(step.key, event_time)
        else:
            # The value is the write's number, so that an answer tells which write it is.
            history.put(step.key, event_time, items=str(number))
        if step.then_file:
            history.to_file()
    return history


def label_table(group, given_labels) -> pa.Table:
    keys = [label.key for label in given_labels]
    if group.record_identifier.type is FeatureType.INTEGRAL:
        keys = [None if key is None else int(key) for key in keys]
    moments = [
        None if label.moment is None else as_text(label.moment, number % 4)
        for number, label in enumerate(given_labels)
    ]
    key_type = pa.string() if group.record_identifier.type is FeatureType.STRING else pa.int64()
    return pa.table({"customer": pa.array(keys, key_type), "at": pa.array(moments, pa.string())})


@pytest.fixture(scope="module", params=["duckdb", "memory"])
def engine(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("engine")
    engine = (
        DuckDbEngine(folder, folder / "scratch", memory_bytes=256 * 1024 * 1024)
        if request.param == "duckdb"
        else MemoryQueryEngine()
    )
    engine.test_folder = folder
    yield engine
    engine.close()


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    given_steps=steps,
    given_labels=labels,
    identifier=st.sampled_from([FeatureType.STRING, FeatureType.INTEGRAL]),
    event_time=st.sampled_from([FeatureType.STRING, FeatureType.FRACTIONAL]),
    as_of_step=st.one_of(st.none(), st.integers(-1, 25)),
    max_age_seconds=st.one_of(st.none(), st.sampled_from([0, 1, 60, 10**10, 10**12])),
)
def test_the_join_is_the_reference_and_never_the_future(
    engine, given_steps, given_labels, identifier, event_time, as_of_step, max_age_seconds
):
    group = a_group(identifier=identifier, event_time=event_time)
    history = planted(engine.test_folder, group, given_steps)
    as_of_us = None if as_of_step is None else FIRST_WRITE_US + as_of_step * 1_000_000
    join = FeatureJoin(
        table=history.table(),
        key="customer",
        columns={"items": "number"},
        as_of_us=as_of_us,
        max_age_seconds=max_age_seconds,
    )
    table = label_table(group, given_labels)
    joined = joined_rows(engine, table, "at", [join])
    shutil.rmtree(engine.test_folder / group.group_id, ignore_errors=True)

    assert joined.select(["customer", "at"]).equals(table)
    found = joined.column("number").to_pylist()
    for label, number in zip(given_labels, found, strict=True):
        if number is not None:
            entry = history.entries[number]
            assert entry.key.identifier == label.key
            assert entry.event_time <= label.moment
            assert as_of_us is None or entry.write_time_us <= as_of_us
    assert found == [
        number_of(
            entry_as_of(
                history.entries,
                label.key,
                label.moment,
                as_of_us=as_of_us,
                max_age_seconds=max_age_seconds,
            )
        )
        for label in given_labels
    ]


def number_of(entry):
    return None if entry is None else entry.position - 1
