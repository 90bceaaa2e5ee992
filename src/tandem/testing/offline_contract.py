"""What every offline store must do, as tests.

    class TestMyStore(OfflineStoreContract):
        @pytest.fixture
        def store(self):
            return MyStore(...)

        def reopen(self, store):
            return MyStore(...)         # over the same data; leave this out where nothing lasts

        def make_group(self, name="purchases", *, epoch=1_700_000_000):
            return purchases_group(name, epoch=epoch, table_format=TableFormat.ICEBERG)
                                        # where the store keeps another format than Glue

The suite reads the rows of a snapshot behind the store's back, as a query engine does. A store
that keeps its files in a manifest passes `tandem.testing.manifested_store_contract` as well.
"""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tandem.errors import ConflictError, ValidationError
from tandem.model.event_time import SECONDS_MAX, SECONDS_MIN, EventTime
from tandem.model.feature_group import (
    CollectionType,
    FeatureDefinition,
    FeatureGroup,
    FeatureType,
)
from tandem.model.history import HistorySnapshot
from tandem.model.record import FeatureValue
from tandem.model.targets import TargetStores
from tandem.model.write import LogEntry, LogPart, Operation
from tandem.offline.base import OfflineStore
from tandem.rows.history_rows import history_rows
from tandem.rows.segment import one_by_one
from tandem.testing.purchases import NOON, purchase, purchases_group, purchases_segment
from tandem.testing.race import race, winners

TEN_HOURS = [
    EventTime(SECONDS_MIN, 0),
    EventTime(SECONDS_MIN + 3_599, 999_999_999),
    EventTime(SECONDS_MIN + 3_600, 0),
    EventTime(-62_135_596_800, 0),  # 0001-01-01T00:00:00Z
    EventTime(-1, 999_999_999),
    EventTime(0, 0),
    EventTime(951_782_400, 0),  # 2000-02-29T00:00:00Z
    EventTime(1_719_791_999, 0),  # 2024-06-30T23:59:59Z
    EventTime(1_719_792_000, 0),  # 2024-07-01T00:00:00Z
    EventTime(9_223_372_037, 0),  # 2262-04-11T23:47:17Z: past 64 bits of nanoseconds
    EventTime(SECONDS_MAX, 999_999_999),
]


def rows_of(group: FeatureGroup, snapshot: HistorySnapshot) -> list[dict[str, Any]]:
    """The rows of a snapshot, read as a query engine reads them, in their order."""
    rows: list[dict[str, Any]] = []
    for path in snapshot.files:
        with pq.ParquetFile(path) as file:
            rows.extend(file.read().to_pylist())
    rows.extend(history_rows(group, snapshot.entries).to_pylist())
    return rows


def rows_of_entries(group: FeatureGroup, entries: Sequence[LogEntry]) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = history_rows(group, entries).to_pylist()
    return rows


class OfflineStoreContract:
    """Subclass this, override `store`, and `reopen` where the store is durable."""

    @pytest.fixture
    def store(self) -> OfflineStore:
        raise NotImplementedError("override the fixture `store` with an empty store")

    def make_group(self, name: str = "purchases", *, epoch: int = 1_700_000_000) -> FeatureGroup:
        """A group whose history the store keeps."""
        return purchases_group(name, epoch=epoch)

    @pytest.fixture
    def group(self) -> FeatureGroup:
        return self.make_group()

    def reopen(self, store: OfflineStore) -> OfflineStore:
        """The store as a new process finds it."""
        return store

    def check_history(
        self, store: OfflineStore, group: FeatureGroup, entries: Sequence[LogEntry]
    ) -> None:
        """Asserts that history and archive consist of `entries`, in any order of the hours."""
        for seen in (store, self.reopen(store)):
            snapshot = seen.snapshot(group)
            by_write = sorted(rows_of(group, snapshot), key=lambda row: row["write_time"])
            assert by_write == rows_of_entries(group, entries)
            assert list(seen.archived(group)) == list(entries)

    def test_its_own_groups_can_be_kept(self, store: OfflineStore, group: FeatureGroup) -> None:
        store.check(group)

    def test_history_begins_empty(self, store: OfflineStore, group: FeatureGroup) -> None:
        assert store.snapshot(group) == HistorySnapshot()
        assert list(store.archived(group)) == []
        assert group.offline is not None
        assert store.is_unused(group.offline.resolved_uri)

    def test_entries_become_rows_and_are_archived(
        self, store: OfflineStore, group: FeatureGroup
    ) -> None:
        entries = [purchase(group, 1), purchase(group, 2, customer="c-2", amount=None)]
        store.append(group, 0, 0, entries)
        self.check_history(store, group, entries)
        assert store.snapshot(group).delivered == {0: 2}
        assert rows_of(group, store.snapshot(group))[1]["amount"] is None

    def test_the_same_range_takes_effect_once(
        self, store: OfflineStore, group: FeatureGroup
    ) -> None:
        entries = [purchase(group, 3), purchase(group, 4)]
        for _ in range(3):
            store.append(group, 0, 2, entries)
            self.reopen(store).append(group, 0, 2, entries)
        self.check_history(store, group, entries)
        assert store.snapshot(group).delivered == {0: 4}

    def test_ranges_follow_each_other(self, store: OfflineStore, group: FeatureGroup) -> None:
        """Other groups' entries lie between them in the log, so positions have gaps."""
        first = [purchase(group, 3), purchase(group, 7)]
        second = [purchase(group, 15)]
        third = [purchase(group, 21), purchase(group, 22)]
        store.append(group, 0, 0, first)
        store.append(group, 0, 10, second)
        self.reopen(store).append(group, 0, 20, third)
        store.append(group, 0, 0, first)
        self.check_history(store, group, [*first, *second, *third])
        assert store.snapshot(group).delivered == {0: 22}

    def test_equal_keys_and_times_keep_the_order_of_the_log(
        self, store: OfflineStore, group: FeatureGroup
    ) -> None:
        entries = [purchase(group, number, amount=f"{number}.5") for number in range(1, 41)]
        for start in range(0, 40, 8):
            store.append(group, 0, start, entries[start : start + 8])
        rows = rows_of(group, self.reopen(store).snapshot(group))
        assert [row["amount"] for row in rows] == [number + 0.5 for number in range(1, 41)]

    def test_one_moment_in_two_texts_keeps_the_order_of_the_log(
        self, store: OfflineStore, group: FeatureGroup
    ) -> None:
        """With an offset from UTC it is a moment of two days, or of two hours of a day."""
        midnight = EventTime(1_719_792_000, 0)
        texts = [
            "2024-07-01T00:00:00Z",
            "2024-06-30T23:00:00-01:00",
            "2024-07-01T01:00:00+01:00",
            "2024-06-30T23:59:59.999999999Z",
        ]
        entries = []
        for position, number in enumerate([1, 0, 2, 1, 1, 0, 3, 1, 0], 1):
            moment = midnight if number < 3 else EventTime(midnight.seconds - 1, 999_999_999)
            entry = purchase(group, position, event_time=moment, amount=f"{position}.5")
            values = [
                value._replace(value=texts[number]) if value.name == "bought_at" else value
                for value in entry.values
            ]
            entries.append(replace(entry, values=tuple(values)))
        store.append(group, 0, 0, entries[:5])
        store.append(group, 0, 5, entries[5:])
        self.check_history(store, group, entries)
        rows = rows_of(group, store.snapshot(group))
        at_midnight = [row["amount"] for row in rows if row["bought_at"] != texts[3]]
        assert at_midnight == [1.5, 2.5, 3.5, 4.5, 5.5, 6.5, 8.5, 9.5]

    def test_late_rows_and_duplicates_are_rows_too(
        self, store: OfflineStore, group: FeatureGroup
    ) -> None:
        entries = [
            purchase(group, 1),
            purchase(group, 2, event_time=EventTime(NOON.seconds - 86_400, 0)),
            replace(purchase(group, 3), values=purchase(group, 1).values),
        ]
        store.append(group, 0, 0, entries)
        self.check_history(store, group, entries)

    def test_entries_for_the_online_store_alone_are_archived_only(
        self, store: OfflineStore, group: FeatureGroup
    ) -> None:
        targets = [
            TargetStores.ONLINE,
            TargetStores.OFFLINE,
            TargetStores.ONLINE | TargetStores.OFFLINE,
        ]
        entries = [
            purchase(group, number, customer=f"c-{number}", targets=targets[number % 3])
            for number in range(1, 10)
        ]
        store.append(group, 0, 0, entries)
        rows = rows_of(group, store.snapshot(group))
        assert [row["customer"] for row in rows] == ["c-1", "c-2", "c-4", "c-5", "c-7", "c-8"]
        assert list(self.reopen(store).archived(group)) == entries

    def test_a_range_without_rows_moves_the_position(
        self, store: OfflineStore, group: FeatureGroup
    ) -> None:
        entries = [purchase(group, 4, targets=TargetStores.ONLINE)]
        store.append(group, 0, 0, entries)
        snapshot = self.reopen(store).snapshot(group)
        assert snapshot == HistorySnapshot(delivered={0: 4})
        assert list(store.archived(group)) == entries

    def test_a_range_without_entries_changes_nothing(
        self, store: OfflineStore, group: FeatureGroup
    ) -> None:
        store.append(group, 0, 0, [])
        store.append(group, 0, 0, [purchase(group, 1)])
        before = store.snapshot(group)
        store.append(group, 0, 50, [])
        assert store.snapshot(group) == before

    @pytest.mark.parametrize("after", [0, 2])
    def test_a_range_that_was_cut_elsewhere_is_refused(
        self, store: OfflineStore, group: FeatureGroup, after: int
    ) -> None:
        entries = [purchase(group, number) for number in range(1, 7)]
        store.append(group, 0, 0, entries[:4])
        with pytest.raises(ConflictError, match=rf"position 4 .* \({after}, 6\]"):
            store.append(group, 0, after, entries[after:])
        self.check_history(store, group, entries[:4])

    def test_a_range_inside_the_delivered_part_is_done(
        self, store: OfflineStore, group: FeatureGroup
    ) -> None:
        entries = [purchase(group, number) for number in range(1, 7)]
        store.append(group, 0, 0, entries)
        store.append(group, 0, 1, entries[1:3])
        self.check_history(store, group, entries)

    def test_entries_that_are_not_the_ranges_own_are_refused(
        self, store: OfflineStore, group: FeatureGroup
    ) -> None:
        other = self.make_group("other")
        for after, entries in (
            (0, [purchase(other, 1)]),
            (0, [purchase(group, 1, partition=1)]),
            (1, [purchase(group, 1)]),
            (0, [purchase(group, 2), purchase(group, 1)]),
            (0, [purchase(group, 2), purchase(group, 2)]),
        ):
            with pytest.raises(ValueError, match="entry"):
                store.append(group, 0, after, entries)
        assert store.snapshot(group) == HistorySnapshot()

    def test_delete_markers_are_rows(self, store: OfflineStore, group: FeatureGroup) -> None:
        entries = [
            purchase(group, 1),
            purchase(group, 2, operation=Operation.UPDATE, amount="1"),
            purchase(group, 3, operation=Operation.SOFT_DELETE),
            purchase(group, 4, operation=Operation.HARD_DELETE),
        ]
        store.append(group, 0, 0, entries)
        rows = rows_of(group, self.reopen(store).snapshot(group))
        assert [row["is_deleted"] for row in rows] == [False, False, True, True]
        assert [row["amount"] for row in rows] == [89.5, 1.0, None, None]
        assert [row["customer"] for row in rows] == ["c-1"] * 4
        assert [row["bought_at"] for row in rows] == ["2024-06-30T12:00:00Z"] * 4

    def test_every_year_can_be_delivered(self, store: OfflineStore, group: FeatureGroup) -> None:
        entries = [
            purchase(group, position, event_time=event_time)
            for position, event_time in enumerate(reversed(TEN_HOURS), 1)
        ]
        store.append(group, 0, 0, entries)
        self.check_history(store, group, entries)

    def test_log_partitions_are_delivered_on_their_own(
        self, store: OfflineStore, group: FeatureGroup
    ) -> None:
        first = [purchase(group, number, partition=2) for number in (1, 2)]
        second = [purchase(group, number, partition=10, customer="c-2") for number in (1, 9)]
        store.append(group, 10, 0, second[:1])
        store.append(group, 2, 0, first)
        store.append(group, 10, 1, second[1:])
        assert store.snapshot(group).delivered == {2: 2, 10: 9}
        assert list(self.reopen(store).archived(group)) == [*first, *second]
        assert len(rows_of(group, store.snapshot(group))) == 4

    @pytest.mark.parametrize("after", range(11))
    def test_the_archive_is_read_on_from_a_position(
        self, store: OfflineStore, group: FeatureGroup, after: int
    ) -> None:
        entries = [purchase(group, number) for number in (1, 2, 5, 6, 9)]
        store.append(group, 0, 0, entries[:2])
        store.append(group, 0, 4, entries[2:4])
        store.append(group, 0, 6, entries[4:])
        other = [purchase(group, number, partition=1) for number in (3, 7)]
        store.append(group, 1, 0, other)
        behind = [entry for entry in entries if entry.position > after]
        assert list(store.archived(group, {0: after})) == [*behind, *other]
        assert list(store.archived(group, {0: after, 1: 3, 9: 9})) == [*behind, other[1]]

    def test_what_comes_while_the_archive_is_read_is_not_in_it(
        self, store: OfflineStore, group: FeatureGroup
    ) -> None:
        store.append(group, 0, 0, [purchase(group, 1)])
        begun, begun_later = store.archived(group), store.archived(group)
        assert next(begun) == purchase(group, 1)
        store.append(group, 0, 1, [purchase(group, 2)])
        assert list(begun) == []
        assert list(begun_later) == [purchase(group, 1)]

    def test_a_group_created_again_shares_nothing(
        self, store: OfflineStore, group: FeatureGroup
    ) -> None:
        again = self.make_group(epoch=1_800_000_000)
        assert again.offline is not None
        store.append(group, 0, 0, [purchase(group, 1)])
        assert store.is_unused(again.offline.resolved_uri)
        assert store.snapshot(again) == HistorySnapshot()
        store.append(again, 0, 1, [purchase(again, 2)])
        assert list(self.reopen(store).archived(again)) == [purchase(again, 2)]
        self.check_history(store, group, [purchase(group, 1)])

    @pytest.mark.parametrize("targets", [TargetStores.OFFLINE, TargetStores.ONLINE])
    def test_a_folder_is_used_once_anything_was_delivered(
        self, store: OfflineStore, group: FeatureGroup, targets: TargetStores
    ) -> None:
        store.append(group, 0, 0, [purchase(group, 1, targets=targets)])
        assert group.offline is not None
        assert not self.reopen(store).is_unused(group.offline.resolved_uri)

    def test_a_group_without_an_offline_store_is_refused(
        self, store: OfflineStore, group: FeatureGroup
    ) -> None:
        online_only = replace(group, offline=None)
        with pytest.raises(ValidationError, match="'purchases' has no offline store"):
            store.append(online_only, 0, 0, [purchase(group, 1)])
        with pytest.raises(ValidationError, match="no offline store"):
            store.snapshot(online_only)
        with pytest.raises(ValidationError, match="no offline store"):
            store.archived(online_only)
        with pytest.raises(ValidationError, match="no offline store"):
            store.versions(online_only)
        with pytest.raises(ValidationError, match="no offline store"):
            store.shared(online_only)

    def test_an_older_definition_than_the_entries_is_refused(
        self, store: OfflineStore, group: FeatureGroup
    ) -> None:
        """With it, the history would lose the values of the features that it does not know."""
        grown = replace(
            group,
            features=(*group.features, FeatureDefinition("shop", FeatureType.STRING)),
            revision=2,
        )
        entry = purchase(grown, 1, extra=[FeatureValue("shop", "north")])
        with pytest.raises(ConflictError, match=r"revision 1 .*\['shop'\]"):
            store.append(group, 0, 0, [entry])
        store.append(grown, 0, 0, [entry])
        assert rows_of(grown, self.reopen(store).snapshot(grown))[0]["shop"] == "north"

    def test_the_archive_keeps_entries_to_the_letter(
        self, store: OfflineStore, group: FeatureGroup
    ) -> None:
        group = replace(
            group,
            features=(
                *group.features,
                FeatureDefinition("tags", FeatureType.STRING, CollectionType.SET),
                FeatureDefinition("place", FeatureType.FRACTIONAL, CollectionType.VECTOR, 2),
            ),
        )
        entries = [
            purchase(group, 1, amount="89.50"),
            purchase(group, 2, amount="089.5", customer='"\\\n\0 käse 🧀 {}'),
            purchase(group, 3, amount="8.95e1", extra=[FeatureValue("items", "+007")]),
            purchase(group, 4, extra=[FeatureValue("tags", ("b", "a", ""))]),
            purchase(group, 5, extra=[FeatureValue("place", ("1.50", "-0"))]),
            purchase(group, 6, extra=[FeatureValue("tags", ())]),
            replace(purchase(group, 7), expires_at_ms=-62_167_219_200_000),
            replace(purchase(group, 8, event_time=EventTime(-1, 1)), expires_at_ms=0),
        ]
        store.append(group, 0, 0, entries)
        assert list(self.reopen(store).archived(group)) == entries

    def test_of_many_appends_of_one_range_one_takes_effect(
        self, store: OfflineStore, group: FeatureGroup
    ) -> None:
        entries = [
            purchase(group, position, event_time=event_time)
            for position, event_time in enumerate(TEN_HOURS, 1)
        ]
        outcomes = race([partial(store.append, group, 0, 0, entries) for _ in range(6)])
        assert winners(outcomes) >= 1
        assert all(isinstance(outcome, ConflictError) for outcome in outcomes if outcome)
        self.check_history(store, group, entries)

    def test_of_overlapping_ranges_one_takes_effect(
        self, store: OfflineStore, group: FeatureGroup
    ) -> None:
        entries = [purchase(group, number) for number in range(1, 9)]
        ends = [2, 4, 6, 8]
        outcomes = race([partial(store.append, group, 0, 0, entries[:end]) for end in ends])
        assert winners(outcomes) >= 1
        assert all(isinstance(outcome, ConflictError) for outcome in outcomes if outcome)
        self.check_history(store, group, entries[: store.snapshot(group).delivered[0]])

    def test_log_partitions_do_not_stop_each_other(
        self, store: OfflineStore, group: FeatureGroup
    ) -> None:
        outcomes = race(
            [
                partial(store.append, group, number, 0, [purchase(group, 1, partition=number)])
                for number in range(4)
            ]
        )
        assert winners(outcomes) == 4
        assert store.snapshot(group).delivered == {0: 1, 1: 1, 2: 1, 3: 1}
        assert len(rows_of(group, self.reopen(store).snapshot(group))) == 4

    def test_segments_and_entries_are_one_log(
        self, store: OfflineStore, group: FeatureGroup
    ) -> None:
        """Typed rows and rows of text, of two hours, with a time to live, and one moment twice."""
        parts: list[LogPart] = [
            purchase(group, 1),
            purchases_segment(group, 2, _loaded(amount=[0.1, None, 1e16]), ttl_seconds=60),
            purchase(group, 5, operation=Operation.SOFT_DELETE),
            purchases_segment(group, 6, _loaded(amount=["0.10", "+1", "5."], items=["007"] * 3)),
            purchases_segment(group, 9, _loaded(items=[1, 2, 3]), targets=TargetStores.ONLINE),
            purchases_segment(group, 12, _loaded(items=[4, 5, 6]), targets=TargetStores.OFFLINE),
        ]
        entries = list(one_by_one(parts))
        for _ in range(2):  # once more, as after a crash
            store.append(group, 0, 0, parts)
            self.check_segments(store, group, entries)
        store.append(group, 0, 14, [purchases_segment(group, 15, _loaded(items=[7, 8, 9]))])
        assert store.snapshot(group).delivered == {0: 17}
        assert [one.position for one in store.archived(group, {0: 13})] == [14, 15, 16, 17]

    @pytest.mark.parametrize("last", ["2024-06-30T23:30:00-02:00", "1719790200", "1719790200.0"])
    def test_times_of_segments_in_other_forms(
        self, store: OfflineStore, group: FeatureGroup, last: str
    ) -> None:
        rows = _loaded(bought_at=["2024-06-30T23:30:00Z", "2024-06-30T23:30:00.0Z", last])
        segment = purchases_segment(group, 2, rows)
        parts: list[LogPart] = [purchase(group, 1), segment, purchase(group, 5)]
        store.append(group, 0, 0, parts)
        self.check_segments(store, group, list(one_by_one(parts)))

    def check_segments(
        self, store: OfflineStore, group: FeatureGroup, entries: Sequence[LogEntry]
    ) -> None:
        """As `check_history`. The rows of a segment have one write time."""
        for seen in (store, self.reopen(store)):
            rows = rows_of(group, seen.snapshot(group))
            assert sorted(rows, key=str) == sorted(rows_of_entries(group, entries), key=str)
            of_key = [row["items"] for row in rows if row["customer"] == "c-9"]
            expected = [
                dict(entry.values).get("items")
                for entry in entries
                if entry.key.identifier == "c-9" and TargetStores.OFFLINE in entry.targets
            ]
            assert of_key == [None if text is None else int(str(text)) for text in expected]
            assert list(seen.archived(group)) == list(entries)


def _loaded(**columns: Sequence[object]) -> pa.Table:
    """Three rows of a load."""
    times = ["2024-06-30T12:00:00Z", "2024-06-30T13:00:00Z", "2024-06-30T13:00:00.000Z"]
    return pa.table({"customer": ["c-1", "c-9", "c-9"], "bought_at": times, **columns})
