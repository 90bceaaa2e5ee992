"""Deliveries, deletes, compactions and vacuums in any order: the rows are those of a plain list.

Of two rows with one key and one event time the later written counts, so their order is compared,
too. Event times are texts of several days, some with an offset from UTC, which puts one moment into
two partitions; or numbers, whose partition is the day of the write.
"""

import os
import shutil
import tempfile
import time
from collections import defaultdict
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tandem.model.event_time import EventTime, from_double, parse_iso_or_epoch
from tandem.model.feature_group import FeatureDefinition, FeatureGroup, FeatureType, TableFormat
from tandem.model.history import HistorySnapshot
from tandem.model.record import FeatureValue
from tandem.model.write import LogEntry, RecordKey
from tandem.offline.iceberg import IcebergOfflineStore
from tandem.rows.history_rows import history_rows
from tandem.testing.purchases import purchase, purchases_group
from unit.offline.iceberg.scenes import table_of

EXAMPLES = int(os.environ.get("TANDEM_PROPERTY_EXAMPLES", "12"))
DAY_US = 86_400_000_000
TEXTS = [
    "2024-07-01T00:00:00Z",
    "2024-06-30T23:00:00-01:00",
    "2024-07-01T01:00:00+01:00",
    "2024-06-30T12:00:00.000Z",
]
PLAIN_TEXTS = [text for text in TEXTS if text.endswith("Z")]
KEYS = ["c-1", "c-2"]

deliveries = st.tuples(
    st.just("deliver"),
    st.integers(0, 1),
    st.lists(st.tuples(st.sampled_from(KEYS), st.integers(0, 3)), min_size=1, max_size=4),
)
steps = st.one_of(
    deliveries,
    deliveries,
    deliveries,
    st.tuples(st.just("delete"), st.sampled_from(KEYS), st.integers(2, 5)),
    st.tuples(st.just("compact")),
    st.tuples(st.just("compact some"), st.sampled_from(KEYS)),
    st.tuples(st.just("vacuum")),
)


@dataclass
class Scene:
    """A store, and the entries whose rows it should have, in the order of their writes."""

    folder: Path
    group: FeatureGroup
    texts: list[str]
    entries: list[LogEntry] = field(default_factory=list)
    positions: dict[int, int] = field(default_factory=lambda: {0: 0, 1: 0})
    written: int = 0
    now_seconds: float = field(default_factory=time.time)

    def __post_init__(self) -> None:
        self.store = IcebergOfflineStore(
            self.folder / "offline",
            self.folder / "iceberg.sqlite",
            clock_seconds=lambda: self.now_seconds,
        )
        self.versions = self.store.versions(self.group)

    def deliver(self, partition: int, rows: list[tuple[str, int]]) -> None:
        """A key is in one log partition always."""
        after = self.positions[partition]
        entries = []
        for key, number in rows:
            self.written += 1
            self.positions[partition] += 1
            text = self.texts[number % len(self.texts)]
            entries.append(self.entry(partition, f"{key}-{partition}", text))
        self.store.append(self.group, partition, after, entries)
        self.entries += entries
        # Two small files are enough to become one.
        self.versions.change_properties(self.group, {"optimize_rewrite_data_file_threshold": "1"})

    def entry(self, partition: int, key: str, text: str) -> LogEntry:
        # A few writes a day, so that a day of the write is met again and again. One log partition
        # may be delivered long after the other.
        write_time_us = 1_719_900_000_000_000 + self.positions[partition] * DAY_US // 4
        is_text = self.group.event_time.type is FeatureType.STRING
        moment = parse_iso_or_epoch(text) if is_text else from_double(float(text))
        plain = purchase(self.group, self.positions[partition], partition=partition)
        values = {"customer": key, "bought_at": text, "amount": f"{self.written}.0"}
        return replace(
            plain,
            key=RecordKey(self.group.group_id, key),
            event_time=moment,
            values=tuple(FeatureValue(*value) for value in values.items()),
            write_time_us=write_time_us,
            invoked_at_us=write_time_us,
        )

    def delete(self, key: str, every: int) -> None:
        """Every second, third, ... row of the keys that begin so."""

        def goes(row: dict[str, Any]) -> bool:
            return row["customer"].startswith(key) and int(row["amount"]) % every == 0

        def rows(snapshot: HistorySnapshot) -> dict[str, list[int]]:
            return {
                path: [number for number, row in enumerate(read(path)) if goes(row)]
                for path in snapshot.files
            }

        before = len(self.entries)
        self.entries = [entry for entry in self.entries if not goes(self.row(entry))]
        assert self.versions.delete(self.group, rows) == before - len(self.entries)

    def compact_files_with(self, key: str) -> None:
        self.versions.compact(
            self.group,
            lambda snapshot: [
                path
                for path in snapshot.files
                if any(row["customer"].startswith(key) for row in read(path))
            ],
        )

    def vacuum(self) -> None:
        self.now_seconds += 10 * 86_400
        self.versions.vacuum(self.group)

    def row(self, entry: LogEntry) -> dict[str, Any]:
        (row,) = history_rows(self.group, [entry]).to_pylist()
        return dict(row)

    def check(self) -> None:
        snapshot = self.store.snapshot(self.group)
        found = [row for path in snapshot.files for row in read(path)]
        expected = [self.row(entry) for entry in self.entries]
        assert self.by_moment(found) == self.by_moment(expected)
        assert list(self.store.archived(self.group)) == sorted(
            self.entries, key=lambda entry: (entry.partition, entry.position)
        )
        reached = {partition: end for partition, end in self.positions.items() if end}
        assert snapshot.delivered == reached
        if reached:
            assert sorted(read_by_pyiceberg(self), key=str) == sorted(expected, key=str)

    def by_moment(self, rows: list[dict[str, Any]]) -> dict[tuple[str, EventTime], list[Any]]:
        ordered = defaultdict(list)
        for row in rows:
            at = row["bought_at"]
            moment = parse_iso_or_epoch(at) if isinstance(at, str) else from_double(at)
            ordered[row["customer"], moment].append(row)
        return ordered


def read(path: str) -> list[dict[str, Any]]:
    with pq.ParquetFile(path) as file:
        return file.read().to_pylist()


def read_by_pyiceberg(scene: Scene) -> list[dict[str, Any]]:
    return table_of(scene.folder, scene.group).scan().to_arrow().to_pylist()


def groups() -> dict[str, tuple[FeatureGroup, list[str]]]:
    by_text = purchases_group(table_format=TableFormat.ICEBERG)
    numbers = tuple(
        FeatureDefinition(feature.name, FeatureType.FRACTIONAL)
        if feature.name == "bought_at"
        else feature
        for feature in by_text.features
    )
    by_number = replace(by_text, features=numbers)
    return {
        "texts": (by_text, TEXTS),
        "plain texts": (by_text, PLAIN_TEXTS),
        "numbers": (by_number, ["1719748800.0", "1719748801.5", "0.0"]),
    }


@pytest.mark.parametrize("kind", list(groups()))
@given(st.lists(steps, min_size=4, max_size=14))
@settings(
    max_examples=EXAMPLES,
    deadline=None,
    phases=[Phase.generate],
    suppress_health_check=[HealthCheck.too_slow],
)
def test_rows_are_those_of_a_plain_list(kind: str, planned: list[tuple[Any, ...]]) -> None:
    folder = Path(tempfile.mkdtemp())
    scene = Scene(folder, *groups()[kind])
    try:
        for step in planned:
            match step:
                case ("deliver", partition, rows):
                    scene.deliver(partition, rows)
                case ("delete", key, every):
                    scene.delete(key, every)
                case ("compact",):
                    scene.versions.compact(scene.group)
                case ("compact some", key):
                    scene.compact_files_with(key)
                case ("vacuum",):
                    scene.vacuum()
            scene.check()
    finally:
        shutil.rmtree(folder)
