"""What every store that keeps versions of its histories must do, as tests.

    class TestMyVersions(VersionedHistoryContract):
        @pytest.fixture
        def store(self):
            return MyStore(...)

        def reopen(self, store):
            return MyStore(...)         # over the same data

        def pass_time(self, seconds): ...   # forwards the clock that the store's vacuum goes by

The suite reads the rows of a snapshot behind the store's back, as a query engine does.
"""

from abc import abstractmethod
from collections.abc import Callable, Collection
from dataclasses import replace
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from tandem.errors import QueryFailed, ValidationError
from tandem.model.event_time import EventTime
from tandem.model.feature_group import (
    CollectionType,
    FeatureDefinition,
    FeatureGroup,
    FeatureType,
    TableFormat,
)
from tandem.model.history import AsOf, Compaction, HistorySnapshot, MetadataTable, Vacuumed
from tandem.model.record import FeatureValue
from tandem.model.write import LogEntry
from tandem.offline.base import OfflineStore, VersionedHistory
from tandem.testing.offline_contract import rows_of
from tandem.testing.purchases import NOON, purchase, purchases_group
from tandem.testing.race import race, winners

DAYS = 6 * 86_400
"""More than the five days for which versions are kept by default."""


def rows_with(wanted: Collection[str]) -> Callable[[HistorySnapshot], dict[str, list[int]]]:
    """Says which rows of a snapshot are of one of these customers."""

    def rows(snapshot: HistorySnapshot) -> dict[str, list[int]]:
        found = {}
        for path in snapshot.files:
            customers = pq.read_table(path, partitioning=None).column("customer").to_pylist()
            found[path] = [
                number for number, customer in enumerate(customers) if customer in wanted
            ]
        return found

    return rows


class VersionedHistoryContract:
    """Subclass this, and override `store`, `reopen` and `pass_time`."""

    @pytest.fixture
    def store(self) -> OfflineStore:
        raise NotImplementedError("override the fixture `store` with an empty store")

    @abstractmethod
    def reopen(self, store: OfflineStore) -> OfflineStore: ...

    @abstractmethod
    def pass_time(self, seconds: float) -> None: ...

    @pytest.fixture
    def group(self) -> FeatureGroup:
        return purchases_group(table_format=TableFormat.ICEBERG)

    @pytest.fixture
    def versions(self, store: OfflineStore, group: FeatureGroup) -> VersionedHistory:
        versions = store.versions(group)
        assert versions is not None
        return versions

    def deliver(self, store: OfflineStore, group: FeatureGroup, *customers: str) -> list[LogEntry]:
        """Each in a range of its own, one second after the other, behind what is there."""
        after = store.snapshot(group).delivered.get(0, 0)
        entries = [
            purchase(
                group,
                after + number,
                customer=customer,
                event_time=EventTime(NOON.seconds + after + number, 0),
                amount=f"{after + number}.5",
            )
            for number, customer in enumerate(customers, 1)
        ]
        for entry in entries:
            store.append(group, 0, entry.position - 1, [entry])
        return entries

    def customers(self, store: OfflineStore, group: FeatureGroup) -> list[str]:
        return [row["customer"] for row in rows_of(group, store.snapshot(group))]

    def snapshot_ids(self, versions: VersionedHistory, group: FeatureGroup) -> list[str]:
        found = versions.metadata(group, MetadataTable.SNAPSHOTS).column("snapshot_id")
        return [str(snapshot_id) for snapshot_id in found.to_pylist()]

    # Reading versions

    def test_a_history_without_a_delivery_has_no_version(
        self, versions: VersionedHistory, group: FeatureGroup
    ) -> None:
        with pytest.raises(QueryFailed, match="'purchases' has no snapshot yet"):
            versions.as_of(group, AsOf(version="main"))
        for name in MetadataTable:
            assert versions.metadata(group, name).num_rows == 0
        assert versions.delete(group, rows_with({"a"})) == 0
        assert versions.compact(group) == Compaction()
        assert versions.vacuum(group) == Vacuumed()

    def test_each_delivery_is_a_version(
        self, store: OfflineStore, versions: VersionedHistory, group: FeatureGroup
    ) -> None:
        self.deliver(store, group, "a", "b", "c")
        found = versions.metadata(group, MetadataTable.SNAPSHOTS).to_pylist()
        assert [found_one["operation"] for found_one in found] == ["append"] * 3
        for number, snapshot in enumerate(found, 1):
            moment_us = round(snapshot["committed_at"].timestamp() * 1e6)
            for wanted in (
                AsOf(version=str(snapshot["snapshot_id"])),
                AsOf(moment_us=moment_us),
                AsOf(moment_us=moment_us + 999),
            ):
                version = versions.as_of(group, wanted)
                assert len(rows_of(group, version.snapshot)) == number
                assert version.columns[:2] == ("customer", "bought_at")
        with pytest.raises(QueryFailed, match="no version from before"):
            versions.as_of(group, AsOf(moment_us=0))
        with pytest.raises(QueryFailed, match="'yesterday'"):
            versions.as_of(group, AsOf(version="yesterday"))

    def test_a_column_that_came_later_is_absent(
        self, store: OfflineStore, versions: VersionedHistory, group: FeatureGroup
    ) -> None:
        self.deliver(store, group, "a")
        grown = replace(
            group, features=(*group.features, FeatureDefinition("shop", FeatureType.STRING))
        )
        entry = purchase(grown, 2, extra=[FeatureValue("shop", "north")])
        store.append(grown, 0, 1, [entry])
        older, newer = self.snapshot_ids(versions, group)
        assert "shop" not in versions.as_of(grown, AsOf(version=older)).columns
        assert "shop" in versions.as_of(grown, AsOf(version=newer)).columns

    # Properties

    def test_properties_are_set_and_removed(
        self, store: OfflineStore, versions: VersionedHistory, group: FeatureGroup
    ) -> None:
        name = "vacuum_max_snapshot_age_seconds"
        self.deliver(store, group, "a")
        versions.change_properties(group, {name: "60"})
        assert versions.properties(group)[name] == "60"
        versions.change_properties(group, {}, [name])
        assert name not in versions.properties(group)
        for changes in ({"tandem.delivered.0": "9"}, {name: "-1"}, {name: "soon"}, {"else": "1"}):
            with pytest.raises(ValidationError):
                versions.change_properties(group, changes)
        self.deliver(store, group, "b")
        assert self.customers(store, group) == ["a", "b"]

    # Deleting

    def test_exactly_the_rows_asked_for_go(
        self, store: OfflineStore, versions: VersionedHistory, group: FeatureGroup
    ) -> None:
        entries = self.deliver(store, group, "a", "b")
        more = [purchase(group, number, customer=f"c-{number}") for number in range(3, 9)]
        store.append(group, 0, 2, more)
        assert versions.delete(group, rows_with({"a", "c-4", "c-7"})) == 3
        kept = [entry for entry in [*entries, *more] if entry.position not in (1, 4, 7)]
        for seen in (store, self.reopen(store)):
            names = [entry.key.identifier for entry in kept]
            assert self.customers(seen, group) == names
            assert list(seen.archived(group)) == kept
            assert seen.snapshot(group).delivered == {0: 8}
        assert versions.delete(group, rows_with({"a"})) == 0
        self.deliver(store, group, "a")
        assert self.customers(store, group).count("a") == 1

    def test_deleted_rows_stay_away_whatever_features_a_caller_knows(
        self, store: OfflineStore, versions: VersionedHistory, group: FeatureGroup
    ) -> None:
        shops = FeatureDefinition("shops", FeatureType.STRING, CollectionType.SET)
        grown = replace(group, features=(*group.features, shops))
        there = FeatureValue("shops", ("north", "south"))
        entries = [purchase(grown, 1, customer="a", extra=[there]), purchase(grown, 2)]
        store.append(grown, 0, 0, entries)
        assert versions.delete(grown, rows_with({"a"})) == 1
        narrow = replace(group, features=group.features[:2])
        for known in (grown, group, narrow):
            assert list(self.reopen(store).archived(known)) == entries[1:]
        versions.vacuum(narrow)
        assert list(self.reopen(store).archived(grown)) == entries[1:]

    def test_an_older_version_still_has_the_rows(
        self, store: OfflineStore, versions: VersionedHistory, group: FeatureGroup
    ) -> None:
        self.deliver(store, group, "a", "b")
        versions.delete(group, rows_with({"a", "b"}))
        assert self.customers(store, group) == []
        *_, full, empty = self.snapshot_ids(versions, group)
        rows = rows_of(group, versions.as_of(group, AsOf(version=full)).snapshot)
        assert [row["customer"] for row in rows] == ["a", "b"]
        assert versions.as_of(group, AsOf(version=empty)).snapshot.files == ()

    def test_rows_that_come_between_are_looked_at_or_stay(
        self, store: OfflineStore, versions: VersionedHistory, group: FeatureGroup
    ) -> None:
        """A delivery does not wait for a delete that is looking for its rows."""
        self.deliver(store, group, "a", "b")
        looks: list[HistorySnapshot] = []

        def rows(snapshot: HistorySnapshot) -> dict[str, list[int]]:
            found = rows_with({"a"})(snapshot)
            if not looks:
                self.deliver(self.reopen(store), group, "a", "c")
            looks.append(snapshot)
            return found

        assert versions.delete(group, rows) == 1
        assert self.customers(store, group) == ["b", "a", "c"]

    def test_a_delete_and_a_compaction_at_once(
        self, store: OfflineStore, versions: VersionedHistory, group: FeatureGroup
    ) -> None:
        self.deliver(store, group, *"abcabcabc")
        other = self.reopen(store).versions(group)
        assert other is not None
        calls: list[Callable[[], object]] = [
            partial(versions.delete, group, rows_with({"a"})),
            partial(other.compact, group),
            partial(other.delete, group, rows_with({"b"})),
            partial(self.deliver, self.reopen(store), group, "d", "e"),
        ]
        outcomes = race(calls)
        assert winners(outcomes) == 4, outcomes
        assert self.customers(store, group) == ["c", "c", "c", "d", "e"]

    # Compacting

    def test_small_files_become_one_and_the_rows_stay_as_they_are(
        self, store: OfflineStore, versions: VersionedHistory, group: FeatureGroup
    ) -> None:
        entries = self.deliver(store, group, *"abcdef")
        before = rows_of(group, store.snapshot(group))
        found = versions.compact(group)
        assert found == Compaction(files_before=6, files_after=1)
        for seen in (store, self.reopen(store)):
            assert rows_of(group, seen.snapshot(group)) == before
            assert len(seen.snapshot(group).files) == 1
            assert list(seen.archived(group)) == entries
        assert versions.compact(group) == Compaction()
        self.deliver(store, group, "g")
        assert self.customers(store, group) == list("abcdefg")
        operations = versions.metadata(group, MetadataTable.SNAPSHOTS).column("operation")
        assert operations.to_pylist() == ["append"] * 6 + ["replace", "append"]

    def test_few_files_are_left_alone(
        self, store: OfflineStore, versions: VersionedHistory, group: FeatureGroup
    ) -> None:
        self.deliver(store, group, *"abcd")
        assert versions.compact(group) == Compaction()
        versions.change_properties(group, {"optimize_rewrite_data_file_threshold": "4"})
        assert versions.compact(group) == Compaction(files_before=4, files_after=1)

    def test_only_the_files_that_are_meant_become_one(
        self, store: OfflineStore, versions: VersionedHistory, group: FeatureGroup
    ) -> None:
        self.deliver(store, group, *"abcdefg")
        versions.change_properties(group, {"optimize_rewrite_data_file_threshold": "2"})
        found = versions.compact(group, lambda snapshot: snapshot.files[1:3])
        assert found == Compaction(files_before=2, files_after=1)
        assert self.customers(store, group) == list("abcdefg")

    def test_files_are_no_larger_than_wanted(
        self, store: OfflineStore, versions: VersionedHistory, group: FeatureGroup
    ) -> None:
        self.deliver(store, group, *"abcdef")
        size = Path(store.snapshot(group).files[0]).stat().st_size
        versions.change_properties(
            group,
            {
                "write_target_data_file_size_bytes": str(2 * size),
                "optimize_rewrite_min_data_file_size_bytes": str(2 * size),
            },
        )
        assert versions.compact(group).files_after == 3
        assert self.customers(store, group) == list("abcdef")

    # Vacuuming

    def test_old_versions_go_and_their_files_with_them(
        self, store: OfflineStore, versions: VersionedHistory, group: FeatureGroup
    ) -> None:
        self.deliver(store, group, *"abcdef")
        old_files = store.snapshot(group).files
        versions.compact(group)
        assert versions.vacuum(group) == Vacuumed()
        self.pass_time(DAYS)
        found = versions.vacuum(group)
        assert found.snapshots == 6
        assert found.files > 6
        assert not [path for path in old_files if Path(path).exists()]
        assert self.customers(self.reopen(store), group) == list("abcdef")
        assert len(self.snapshot_ids(versions, group)) == 1
        assert versions.vacuum(group) == Vacuumed()

    def test_what_a_query_may_be_reading_stays_for_an_hour(
        self, store: OfflineStore, versions: VersionedHistory, group: FeatureGroup
    ) -> None:
        self.deliver(store, group, *"abcdef")
        versions.change_properties(group, {"vacuum_max_snapshot_age_seconds": "0"})
        reading = store.snapshot(group)
        self.pass_time(DAYS)
        versions.compact(group)
        self.pass_time(-DAYS)
        # The clock of the files is the system's; the hour begins when they were replaced.
        self.pass_time(3_500)
        assert versions.vacuum(group).files == 0
        assert len(rows_of(group, reading)) == 6
        self.pass_time(200)
        assert versions.vacuum(group).files > 6
        assert self.customers(store, group) == list("abcdef")

    def test_as_many_versions_as_wanted_stay(
        self, store: OfflineStore, versions: VersionedHistory, group: FeatureGroup
    ) -> None:
        self.deliver(store, group, *"abcd")
        versions.change_properties(group, {"vacuum_min_snapshots_to_keep": "3"})
        self.pass_time(DAYS)
        assert versions.vacuum(group).snapshots == 1
        kept = self.snapshot_ids(versions, group)
        rows = [
            len(rows_of(group, versions.as_of(group, AsOf(version=one)).snapshot)) for one in kept
        ]
        assert rows == [2, 3, 4]
        assert all(before < after for before, after in pairwise(rows))

    def test_a_vacuum_takes_what_was_deleted_out_of_every_file(
        self, store: OfflineStore, versions: VersionedHistory, group: FeatureGroup, tmp_path: Path
    ) -> None:
        kept = self.deliver(store, group, "somebody", "else")[1:]
        versions.delete(group, rows_with({"somebody"}))
        self.pass_time(DAYS)
        versions.vacuum(group)
        seen = self.reopen(store)
        assert list(seen.archived(group)) == kept
        holding = [path for path in tmp_path.rglob("*") if path.is_file() and _tells(path)]
        assert holding == []

    def test_deliveries_compactions_and_vacuums_at_once(
        self, store: OfflineStore, versions: VersionedHistory, group: FeatureGroup
    ) -> None:
        self.deliver(store, group, *"abcdef")
        self.pass_time(DAYS)
        other = self.reopen(store).versions(group)
        assert other is not None

        def read() -> list[dict[str, Any]]:
            reader = self.reopen(store)
            for _ in range(20):
                rows = rows_of(group, reader.snapshot(group))
                assert [row["customer"] for row in rows[:6]] == list("abcdef")
            return rows

        calls: list[Callable[[], object]] = [
            partial(versions.vacuum, group),
            partial(other.compact, group),
            partial(self.deliver, self.reopen(store), group, *"ghi"),
            read,
            partial(other.vacuum, group),
        ]
        outcomes = race(calls)
        assert winners(outcomes) == 5, outcomes
        assert self.customers(store, group) == list("abcdefghi")


def _tells(path: Path) -> bool:
    """Whether a file has the text "somebody" in it, packed or not."""
    content = path.read_bytes()
    if b"somebody" in content:
        return True
    if path.suffix != ".parquet":
        return False
    return b"somebody" in str(pq.read_table(path, partitioning=None).to_pylist()).encode()
