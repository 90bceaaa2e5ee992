"""What an offline store must do whose files become visible through a manifest, as tests.

    class TestMyStore(OfflineStoreContract, ManifestedStoreContract):
        def open(self, manifests):
            return MyStore(..., manifests)

The manifest is the suite's own, so it can fail, or move on behind the store's back, at the moment
that hurts.
"""

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from tandem.errors import ConflictError, StoreUnavailable
from tandem.model.event_time import EventTime
from tandem.model.history import DataFile, HistorySnapshot, Manifest
from tandem.offline.base import ManifestStore, OfflineStore
from tandem.registry.memory import MemoryRegistry
from tandem.testing.offline_contract import rows_of
from tandem.testing.purchases import purchase, purchases_group

GROUP = purchases_group()


class FaultyManifests:
    """A manifest store whose `advance` fails as told: before it takes effect, or after."""

    def __init__(self, manifests: ManifestStore) -> None:
        self._manifests = manifests
        self.fails_before: Exception | None = None
        self.fails_after: Exception | None = None

    def manifest(self, group_id: str) -> Manifest:
        return self._manifests.manifest(group_id)

    def advance(
        self,
        group_id: str,
        files: Sequence[DataFile],
        expected: Mapping[int, int],
        delivered: Mapping[int, int],
    ) -> None:
        if self.fails_before is not None:
            raise self.fails_before
        self._manifests.advance(group_id, files, expected, delivered)
        if self.fails_after is not None:
            raise self.fails_after


class ManifestedStoreContract:
    """Subclass this beside OfflineStoreContract where files become visible through a manifest."""

    @abstractmethod
    def open(self, manifests: ManifestStore) -> OfflineStore:
        """A store that uses `manifests`, over the same data each time in one test."""

    def test_nothing_is_visible_before_the_manifest_moves(self) -> None:
        registry = MemoryRegistry()
        faulty = FaultyManifests(registry)
        faulty.fails_before = StoreUnavailable("the registry is full")
        entries = [purchase(GROUP, 1), purchase(GROUP, 2, event_time=EventTime(0, 0))]
        with pytest.raises(StoreUnavailable, match="the registry is full"):
            self.open(faulty).append(GROUP, 0, 0, entries)
        seen = self.open(registry)
        assert seen.snapshot(GROUP) == HistorySnapshot()
        assert list(seen.archived(GROUP)) == []

    @pytest.mark.parametrize("when", ["before", "after"])
    def test_a_range_is_finished_after_the_advance_failed(self, when: str) -> None:
        registry = MemoryRegistry()
        faulty = FaultyManifests(registry)
        setattr(faulty, f"fails_{when}", StoreUnavailable("cut short"))
        entries = [purchase(GROUP, 1), purchase(GROUP, 2, event_time=EventTime(0, 0))]
        for _ in range(2 if when == "before" else 1):
            with pytest.raises(StoreUnavailable, match="cut short"):
                self.open(faulty).append(GROUP, 0, 0, entries)
        store = self.open(registry)
        store.append(GROUP, 0, 0, entries)
        snapshot = store.snapshot(GROUP)
        assert snapshot.delivered == {0: 2}
        assert len(rows_of(GROUP, snapshot)) == 2
        assert list(store.archived(GROUP)) == entries

    def test_a_retry_has_the_same_files(self) -> None:
        entries = [purchase(GROUP, 1), purchase(GROUP, 2, event_time=EventTime(0, 0))]
        names = []
        for _ in range(2):
            manifests = MemoryRegistry()  # nothing was recorded, as after a crash
            store = self.open(manifests)
            store.append(GROUP, 0, 0, entries)
            names.append(store.snapshot(GROUP).files)
        assert names[0] == names[1]
        assert len(names[0]) == 2

    def test_another_range_has_other_files(self) -> None:
        store = self.open(MemoryRegistry())
        other = purchases_group(epoch=1)
        store.append(GROUP, 0, 0, [purchase(GROUP, 1)])
        store.append(GROUP, 0, 1, [purchase(GROUP, 2)])
        store.append(GROUP, 1, 0, [purchase(GROUP, 1, partition=1)])
        store.append(other, 0, 0, [purchase(other, 1)])
        files = [*store.snapshot(GROUP).files, *store.snapshot(other).files]
        names = {file.rpartition("/")[2] for file in files}
        assert len(names) == 4

    @pytest.mark.parametrize("cut", [1, 3, 5], ids=["shorter", "a little shorter", "longer"])
    def test_a_range_that_lost_against_another_cut_is_withdrawn(self, cut: int) -> None:
        """The winner moves the manifest after the loser has looked and before it advances."""
        entries = [purchase(GROUP, number) for number in range(1, 6)]
        registry = MemoryRegistry()
        winner = self.open(registry)

        class Overtaken(FaultyManifests):
            def advance(self, *arguments: Any) -> None:
                winner.append(GROUP, 0, 0, entries[:cut])
                super().advance(*arguments)

        with pytest.raises(ConflictError, match=f"up to position {cut}"):
            self.open(Overtaken(registry)).append(GROUP, 0, 0, entries[:4])
        assert list(winner.archived(GROUP)) == entries[:cut]
        winner.append(GROUP, 0, cut, entries[cut:])
        assert len(rows_of(GROUP, winner.snapshot(GROUP))) == 5
        assert list(winner.archived(GROUP)) == entries

    def test_a_range_that_lost_against_itself_is_done(self) -> None:
        entries = [purchase(GROUP, 1), purchase(GROUP, 2, event_time=EventTime(0, 0))]
        registry = MemoryRegistry()
        winner = self.open(registry)

        class Overtaken(FaultyManifests):
            def advance(self, *arguments: Any) -> None:
                winner.append(GROUP, 0, 0, entries)
                super().advance(*arguments)

        store = self.open(Overtaken(registry))
        store.append(GROUP, 0, 0, entries)
        assert len(rows_of(GROUP, store.snapshot(GROUP))) == 2
        assert list(store.archived(GROUP)) == entries

    def test_an_advance_that_loses_a_sequence_is_repeated(self) -> None:
        """Another log partition of the group may take the sequence in between, once or twice."""
        registry = MemoryRegistry()
        other = self.open(registry)
        in_between = [[purchase(GROUP, number, partition=1)] for number in (1, 2)]

        class Overtaken(FaultyManifests):
            def advance(self, *arguments: Any) -> None:
                if in_between:
                    entries = in_between.pop(0)
                    other.append(GROUP, 1, entries[0].position - 1, entries)
                super().advance(*arguments)

        store = self.open(Overtaken(registry))
        store.append(GROUP, 0, 0, [purchase(GROUP, 1)])
        assert store.snapshot(GROUP).delivered == {0: 1, 1: 2}
        assert [file.sequence for file in registry.manifest(GROUP.group_id).files] == [1, 2, 3]
