"""Whatever entries a log can hold, the archive gives back to the letter."""

from dataclasses import replace
from io import BytesIO

from hypothesis import given
from hypothesis import strategies as st

from tandem.model.event_time import SECONDS_MAX, SECONDS_MIN, EventTime
from tandem.model.record import FeatureValue
from tandem.model.targets import TargetStores
from tandem.model.write import LogEntry, Operation, RecordKey
from tandem.offline.archive import read_archive, write_archive
from tandem.testing.purchases import purchases_group

# Text that UTF-8 can encode: no other passes the check of a record.
TEXTS = st.text(st.characters(codec="utf-8"), max_size=30)
INT64 = st.integers(min_value=-(2**63), max_value=2**63 - 1)
VALUES = st.dictionaries(TEXTS, TEXTS | st.lists(TEXTS, max_size=4).map(tuple), max_size=5)


@st.composite
def log_entries(draw):
    positions = draw(st.lists(st.integers(1, 2**63 - 1), unique=True, max_size=6).map(sorted))
    return [
        LogEntry(
            partition=5,
            position=position,
            operation=draw(st.sampled_from(Operation)),
            key=RecordKey("group-1", draw(TEXTS)),
            event_time=EventTime(
                draw(st.integers(SECONDS_MIN, SECONDS_MAX)), draw(st.integers(0, 999_999_999))
            ),
            targets=TargetStores(draw(st.integers(1, 3))),
            values=tuple(FeatureValue(name, value) for name, value in draw(VALUES).items()),
            expires_at_ms=draw(st.none() | INT64),
            invoked_at_us=draw(INT64),
            write_time_us=draw(INT64),
        )
        for position in positions
    ]


@given(entries=log_entries())
def test_entries_come_back_equal(entries):
    file = BytesIO()
    write_archive(file, replace(purchases_group(), group_id="group-1"), 5, entries)
    file.seek(0)
    found = list(read_archive(file, "group-1", 5))
    assert found == entries
    for entry in found:
        assert type(entry.operation) is Operation
        assert type(entry.targets) is TargetStores
        assert all(type(value) is FeatureValue for value in entry.values)
