"""Checked whole columns at a time or row by row: the same records, errors and JSON."""

import random
from dataclasses import replace
from datetime import date, datetime
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tandem.errors import ValidationError
from tandem.model.event_time import parse_iso_or_epoch
from tandem.model.feature_group import CollectionType, FeatureDefinition, FeatureType
from tandem.model.record import Record, check_record
from tandem.online.features_json import encode_features
from tandem.rows.event_time_columns import moments_of_texts
from tandem.rows.feature_values import iterate_values
from tandem.rows.features_json import FeaturesJsonWriter
from tandem.rows.record_table import BadRow, check_rows
from tandem.rows.segment import records_of
from tandem.testing.purchases import purchases_group

_TEXTS = st.one_of(
    st.text(max_size=8),
    st.sampled_from(["", '"', "\\u000b", "\x0b\x1f", "\u2028", "é", "x" * 2_100]),
    st.integers(-(2**70), 2**70).map(str),
    st.floats().map(repr),
    st.sampled_from(["007", "+7", "-0", "1e400", "1e-400", ".5", "5.", "9" * 19, "0" * 39 + "7"]),
    st.sampled_from(["8" * 19, "-9223372036854775808", "9223372036854775808", "٣", "1_000"]),
)
# What is just right and what is just wrong, in every place of a time's text.
_EDGES: list[list[str]] = [
    ["0000", "0001", "1900", "1969", "2000", "2023", "2024", "9999"],
    ["-01", "-02", "-02", "-03", "-12", "-00", "-13"],
    ["-01", "-15", "-28", "-29", "-30", "-31", "-00", "-32"],
    ["T00", "T12", "T23", "T24", " 12"],
    [":00", ":30", ":59", ":60"],
    [":00", ":30", ":59", ":60"],
    ["", "", ".1", ".000", ".000000001", ".1234567890", "."],
    ["", "Z", "Z", "+00:00", "-23:59", "+14:60", "+99:59", "z"],
]
_TIME_TEXTS = st.one_of(
    st.datetimes(datetime(1, 1, 1), datetime(9999, 12, 31)).map(datetime.isoformat),
    st.datetimes(datetime(1, 1, 1), datetime(9999, 12, 31)).map(lambda one: one.isoformat() + "Z"),
    st.tuples(*(st.sampled_from(part) for part in _EDGES)).map("".join),
    st.from_regex(r"-?[0-9]{1,13}(\.[0-9]{1,12})?", fullmatch=True),
    _TEXTS,
)
_MOMENTS = st.integers(-(2**63) + 1, 2**63 - 1)
_SMALL = st.integers(-100, 100)

_WRITER = FeaturesJsonWriter()

# Arrow's types, and cells of each.
_CELLS: list[tuple[pa.DataType, st.SearchStrategy[Any]]] = [
    (pa.string(), _TEXTS),
    (pa.large_string(), _TEXTS),
    (pa.dictionary(pa.int8(), pa.string()), st.sampled_from(["a", "7", "2024-01-01T00:00:00Z"])),
    (pa.bool_(), st.booleans()),
    (pa.int8(), _SMALL),
    (pa.int64(), st.integers(-(2**63), 2**63 - 1)),
    (pa.uint64(), st.integers(0, 2**64 - 1)),
    (pa.float32(), st.floats(width=32)),
    (pa.float64(), st.floats() | _SMALL.map(float)),
    (pa.decimal128(20, 4), st.decimals(-1_000_000, 1_000_000, places=4)),
    (pa.timestamp("s"), st.integers(-62_135_596_800, 253_402_300_799)),
    (pa.timestamp("us", "UTC"), st.integers(-(2**50), 2**50)),
    (pa.timestamp("ns"), _MOMENTS),
    (pa.date32(), st.dates(date(1, 1, 1), date(9999, 12, 31))),
    (pa.binary(), st.binary(max_size=4)),
    (pa.null(), st.none()),
    (pa.list_(pa.string()), st.lists(_TEXTS | st.none(), max_size=3)),
    (pa.list_(pa.int32()), st.lists(_SMALL | st.none(), max_size=3)),
    (pa.large_list(pa.float64()), st.lists(st.floats(), max_size=3)),
    (pa.list_(pa.float32(), 2), st.lists(st.floats(width=32), min_size=2, max_size=2)),
    (pa.struct({"a": pa.int8()}), st.fixed_dictionaries({"a": _SMALL})),
]
_FEATURES = [
    *(FeatureDefinition("f", type_) for type_ in FeatureType),
    *(FeatureDefinition("f", type_, CollectionType.LIST) for type_ in FeatureType),
    FeatureDefinition("f", FeatureType.STRING, CollectionType.SET),
    FeatureDefinition("f", FeatureType.FRACTIONAL, CollectionType.VECTOR, 2),
]


def group_with(*changed: FeatureDefinition) -> Any:
    """The group of purchases with these features instead of, or beside, its own."""
    group = purchases_group()
    by_name = {feature.name: feature for feature in (*group.features, *changed)}
    return replace(group, features=tuple(by_name.values()))


def expected(group: Any, table: pa.Table) -> tuple[list[Record], list[BadRow]]:
    """What the check of one row after the other says."""
    records: list[Record] = []
    bad_rows: list[BadRow] = []
    for row, values in enumerate(iterate_values(table, group.features_by_name)):
        try:
            if isinstance(values, ValidationError):
                raise values
            records.append(check_record(group, values))
        except ValidationError as error:
            bad_rows.append(BadRow(row, str(error)))
    return records, bad_rows


def assert_equal_checks(group: Any, table: pa.Table) -> None:
    records, bad_rows = expected(group, table)
    checked = check_rows(group, table, stops_at_first=False)
    assert checked.bad_rows == bad_rows
    assert list(records_of(checked.table)) == records
    assert json_of(checked.table, group) == [encode_features(record.values) for record in records]
    first = check_rows(group, table, stops_at_first=True)
    assert first.bad_rows == bad_rows[:1]


def json_of(table: pa.Table, group: Any) -> list[bytes]:
    features = table.select([name for name in table.column_names if name in group.features_by_name])
    found = _WRITER.write(features)
    texts: list[bytes] = found.texts.to_pylist()
    for row, record in enumerate(records_of(table)):
        if row in found.odd_rows:
            texts[row] = encode_features(record.values)
    return texts


@pytest.mark.parametrize(("type_", "cells"), _CELLS, ids=lambda one: str(one)[:24])
@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_a_column_of_any_type_is_checked_as_its_rows_are(
    type_: pa.DataType, cells: st.SearchStrategy[Any], data: st.DataObject
) -> None:
    feature = data.draw(st.sampled_from(_FEATURES))
    column = data.draw(st.lists(cells | st.none(), min_size=1, max_size=5))
    table = pa.table(
        {
            "f": pa.array(column, type_),
            "bought_at": ["2024-01-01T00:00:00Z"] * len(column),
            "customer": [f"C{row}" for row in range(len(column))],
        }
    )
    assert_equal_checks(group_with(feature), table)


@pytest.mark.parametrize("type_", FeatureType)
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_identifiers_are_canonical_or_refused(type_: FeatureType, data: st.DataObject) -> None:
    cells = data.draw(
        st.lists(_TEXTS | st.none(), min_size=1, max_size=5).map(
            lambda one: pa.array(one, pa.string())
        )
        | st.lists(st.floats() | st.none(), min_size=1, max_size=5).map(
            lambda one: pa.array(one, pa.float64())
        )
        | st.lists(_SMALL, min_size=1, max_size=5).map(lambda one: pa.array(one, pa.int64()))
    )
    table = pa.table({"customer": cells, "bought_at": ["2024-01-01T00:00:00Z"] * len(cells)})
    assert_equal_checks(group_with(FeatureDefinition("customer", type_)), table)


@pytest.mark.parametrize("type_", [FeatureType.STRING, FeatureType.FRACTIONAL])
@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_event_times_are_read_as_one_by_one(type_: FeatureType, data: st.DataObject) -> None:
    texts = st.lists(_TIME_TEXTS | st.none(), min_size=1, max_size=6)
    doubles = st.lists(
        st.floats(-7e10, 3e11) | st.floats() | st.none(), min_size=1, max_size=6
    ).map(lambda one: pa.array(one, pa.float64()))
    moments = st.lists(_MOMENTS | st.none(), min_size=1, max_size=6).map(
        lambda one: pa.array(one, pa.timestamp("ns"))
    )
    cells = data.draw(texts.map(lambda one: pa.array(one, pa.string())) | doubles | moments)
    table = pa.table({"customer": ["C"] * len(cells), "bought_at": cells})
    assert_equal_checks(group_with(FeatureDefinition("bought_at", type_)), table)


def test_every_edge_of_a_time() -> None:
    chance = random.Random(1)
    texts = ["".join(chance.choice(part) for part in _EDGES) for _ in range(50_000)]
    seconds, nanoseconds, is_doubtful = moments_of_texts(pa.array(texts))
    read = 0
    for row, text in enumerate(texts):
        try:
            moment = parse_iso_or_epoch(text)
        except ValidationError:
            assert is_doubtful[row], text
        else:
            assert (seconds[row], nanoseconds[row]) == moment, text
            assert not is_doubtful[row], text
            read += 1
    assert read > 2_000


def test_every_fault_is_named_by_row_and_feature() -> None:
    group = purchases_group()
    table = pa.table(
        {
            "customer": ["a", None, "b", "c" * 2_049, "d", "e"],
            "bought_at": ["2024-01-01T00:00:00Z"] * 4 + ["2024-02-30T00:00:00Z", None],
            "items": pa.array([1.0, 2.0, 2.5, 3.0, 4.0, 5.0]),
        }
    )
    reasons = dict(check_rows(group, table, stops_at_first=False).bad_rows)
    assert list(reasons) == [1, 2, 3, 4, 5]
    assert "record identifier feature 'customer'" in reasons[1]
    assert reasons[2] == "the value '2.5' of feature 'items' does not fit Integral"
    assert "has 2049 bytes" in reasons[3]
    assert "names a day or an hour that does not exist" in reasons[4]
    assert "event time feature 'bought_at'" in reasons[5]


def test_records_that_are_too_large_are_refused() -> None:
    texts = ["x" * 360_000, "y"]
    feature = FeatureDefinition("f", FeatureType.STRING)
    many = FeatureDefinition("g", FeatureType.STRING, CollectionType.LIST)
    table = pa.table(
        {
            "customer": ["a", "b", "c"],
            "bought_at": ["2024-01-01T00:00:00Z"] * 3,
            "f": [*texts, "z"],
            "g": [["x"], ["x"], ["x" * 200_000, "y" * 200_000]],
        }
    )
    assert_equal_checks(group_with(feature, many), table)
    bad = check_rows(group_with(feature, many), table, stops_at_first=False).bad_rows
    assert [row for row, _ in bad] == [0, 2]


def test_a_retired_feature_and_an_unknown_one_are_refused() -> None:
    group = group_with(FeatureDefinition("old", FeatureType.STRING, retired_at_us=1))
    for name in ("old", "unknown"):
        with pytest.raises(ValidationError, match=rf"no features \['{name}'\]"):
            check_rows(group, pa.table({name: ["x"]}), stops_at_first=False)
