"""Data sets by Athena's SQL: on random histories they are what a plain computation gives.

Histories have duplicates, rows that come late and deletes, in files and behind them.
TANDEM_PROPERTY_EXAMPLES sets how many are tried.
"""

import os
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from property.athena_dataset_queries import FEATURES, Choices, dataset_query
from tandem.model.feature_group import FeatureType
from tandem.query.athena import history_columns, parse, translate
from tandem.query.athena.statements import Select
from tandem.query.base import HistoryTable
from tandem.query.duckdb import DuckDbEngine
from tandem.testing.planted_history import FIRST_WRITE_US, PlantedHistory, a_group

EXAMPLES = int(os.environ.get("TANDEM_PROPERTY_EXAMPLES", "150"))
START_US = 1_714_564_800_000_000
KEYS = ["c-1", "c-2", "c-3"]
Value = object


class Step(NamedTuple):
    key: str
    moment: int
    is_delete: bool
    then_file: bool
    has_items: bool


class Row(NamedTuple):
    key: str
    moment_us: int
    amount: float | None
    items: int | None
    written: int
    is_deleted: bool


steps = st.lists(
    st.builds(
        Step,
        st.sampled_from(KEYS),
        st.integers(0, 5),
        st.sampled_from([False, False, False, True]),
        st.sampled_from([False, False, True]),
        st.booleans(),
    ),
    max_size=12,
)
bounds = st.none() | st.integers(-1, 6).map(lambda number: START_US + number * 500_000)
choices = st.builds(
    Choices,
    is_text_time=st.booleans(),
    join=st.sampled_from(["JOIN", "LEFT JOIN"]),
    recent=st.none() | st.integers(1, 3),
    as_of_us=st.none()
    | st.integers(-1, 12).map(lambda number: FIRST_WRITE_US + number * 1_000_000),
    range_us=st.tuples(bounds, bounds),
    with_deleted=st.booleans(),
    with_duplicates=st.booleans(),
).filter(lambda chosen: not (chosen.with_duplicates and chosen.recent))
# Of duplicates, which rank first, and are therefore kept, is open.


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("history")


@pytest.fixture(scope="module")
def engine(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[DuckDbEngine]:
    engine = DuckDbEngine(folder, tmp_path_factory.mktemp("scratch"), memory_bytes=1 << 28)
    yield engine
    engine.close()


@settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(base=steps, other=steps, chosen=choices)
def test_a_dataset_is_what_a_plain_computation_gives(
    engine: DuckDbEngine, folder: Path, base: list[Step], other: list[Step], chosen: Choices
) -> None:
    shutil.rmtree(folder)
    folder.mkdir()
    tables = [
        _planted(folder, name, written, chosen.is_text_time)
        for name, written in (("base-group", base), ("other", other))
    ]
    names = ['"sagemaker_featurestore"."base-group"', "Sagemaker_FeatureStore.other"]
    select = parse(dataset_query(*names, chosen) + " ;")
    assert isinstance(select, Select)
    by_name = {"base-group": tables[0], "other": tables[1]}
    columns = {table: history_columns(by_name[table.table].group) for table in select.tables}
    found = translate(select, columns)
    result = engine.sql(found.sql, {name: by_name[name.table] for name in found.reads})
    assert list(found.column_names[-2:]) == [f"{name}.1" for name in FEATURES]
    rows = list(zip(*(column.to_pylist() for column in result.columns), strict=True))
    expected = _flat(_expected(_rows(base), _rows(other), chosen), chosen)
    assert sorted(rows, key=repr) == sorted(expected, key=repr)


def _planted(folder: Path, name: str, written: list[Step], is_text: bool) -> HistoryTable:
    kind = FeatureType.STRING if is_text else FeatureType.FRACTIONAL
    history = PlantedHistory(folder, a_group(name, event_time=kind))
    for number, step in enumerate(written):
        time = str(_time(_moment_us(step.moment), is_text))
        if step.is_delete:
            history.delete(step.key, time)
        elif step.has_items:
            history.put(step.key, time, amount=str(number / 2), items=str(number))
        else:
            history.put(step.key, time, amount=str(number / 2))
        if step.then_file:
            history.to_file()
    return history.table()


def _moment_us(number: int) -> int:
    return START_US + number * 500_000


def _time(moment_us: int, is_text: bool) -> str | float:
    if not is_text:
        return moment_us / 1e6
    seconds, micros = divmod(moment_us, 1_000_000)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{micros // 1000:03d}Z"


def _rows(written: list[Step]) -> list[Row]:
    return [
        Row(
            step.key,
            _moment_us(step.moment),
            None if step.is_delete else number / 2,
            number if step.has_items and not step.is_delete else None,
            number,
            step.is_delete,
        )
        for number, step in enumerate(written)
    ]


def _counting(rows: list[Row], chosen: Choices) -> list[Row]:
    """The rows of a group that count: filtered, without duplicates, after the newest delete."""
    start, end = chosen.range_us
    rows = [
        row
        for row in rows
        if (chosen.as_of_us is None or FIRST_WRITE_US + row.written * 1_000_000 <= chosen.as_of_us)
        and (start is None or row.moment_us >= start)
        and (end is None or row.moment_us <= end)
    ]
    markers: dict[str, tuple[int, int]] = {}
    for row in rows:
        if row.is_deleted:
            place = (row.moment_us, row.written)
            markers[row.key] = max(markers.get(row.key, place), place)
    if not chosen.with_duplicates:
        rows = list({(row.key, row.moment_us): row for row in rows}.values())
    if chosen.with_deleted:
        return [row for row in rows if not row.is_deleted]
    return [
        row
        for row in rows
        if row.key not in markers or (row.moment_us, row.written) > markers[row.key]
    ]


def _expected(base: list[Row], other: list[Row], chosen: Choices) -> list[tuple[Row, Row | None]]:
    base, other = _counting(base, chosen), _counting(other, chosen)
    pairs: list[tuple[Row, Row | None]] = []
    for label in base:
        known = [row for row in other if row.key == label.key and row.moment_us <= label.moment_us]
        pairs += [(label, row) for row in known]
        if not known and chosen.join == "LEFT JOIN":
            pairs.append((label, None))
    if chosen.recent is None:
        return pairs
    kept = []
    for key in KEYS:
        mine = [pair for pair in pairs if pair[0].key == key]
        mine.sort(key=lambda pair: (-pair[0].moment_us, -(pair[1].moment_us if pair[1] else 0)))
        kept += mine[: chosen.recent]
    return kept


def _shown(row: Row | None, chosen: Choices) -> tuple[Value, ...]:
    if row is None:
        return (None, None, None, None)
    return (row.key, _time(row.moment_us, chosen.is_text_time), row.amount, row.items)


def _flat(pairs: list[tuple[Row, Row | None]], chosen: Choices) -> list[tuple[Value, ...]]:
    return [(*_shown(label, chosen), *_shown(row, chosen)) for label, row in pairs]
