"""What every registry of manifests must do, as tests.

class TestMyManifests(ManifestRegistryContract):
    @pytest.fixture
    def manifests(self):
        yield MyRegistry(...)

    def reopen(self, manifests):
        return MyRegistry(...)      # over the same data; leave this out where nothing lasts
"""

import threading
from functools import partial
from itertools import pairwise

import pytest

from tandem.errors import ConflictError
from tandem.model.history import DataFile, Manifest
from tandem.registry.base import DeliveryState, LateGroup, ManifestRegistry
from tandem.testing.race import race, winners

GROUP_ID = "purchases-1700000000"
LATE = LateGroup(after=40, through=50, since_us=1_700_000_000_000_000, reason="it is full")


def data_file(sequence: int, path: str | None = None) -> DataFile:
    return DataFile(
        path=path or f"data/year=2024/month=06/day=30/hour=12/file-{sequence}.parquet",
        sequence=sequence,
        rows=10 * sequence,
        size_bytes=1_000 * sequence,
        event_seconds_min=-62_167_219_200,
        event_seconds_max=253_402_300_799,
    )


class ManifestRegistryContract:
    """Subclass this, override `manifests`, and `reopen` where the registry is durable."""

    @pytest.fixture
    def manifests(self) -> ManifestRegistry:
        raise NotImplementedError("override the fixture `manifests` with an empty registry")

    def reopen(self, manifests: ManifestRegistry) -> ManifestRegistry:
        """The registry as a new process finds it."""
        return manifests

    def test_a_manifest_begins_empty(self, manifests: ManifestRegistry) -> None:
        assert manifests.manifest(GROUP_ID) == Manifest(group_id=GROUP_ID)
        assert manifests.manifest(GROUP_ID).delivered_through(3) == 0

    def test_an_advance_adds_files_and_moves_the_position(
        self, manifests: ManifestRegistry
    ) -> None:
        manifests.advance(GROUP_ID, [data_file(1), data_file(2)], {0: 0}, {0: 7})
        manifests.advance(GROUP_ID, [data_file(5)], {0: 7}, {0: 9})
        assert self.reopen(manifests).manifest(GROUP_ID) == Manifest(
            group_id=GROUP_ID,
            files=(data_file(1), data_file(2), data_file(5)),
            delivered={0: 9},
        )

    def test_files_are_in_the_order_of_their_sequence(self, manifests: ManifestRegistry) -> None:
        manifests.advance(GROUP_ID, [data_file(3), data_file(1), data_file(2)], {0: 0}, {0: 7})
        files = self.reopen(manifests).manifest(GROUP_ID).files
        assert [file.sequence for file in files] == [1, 2, 3]

    def test_an_advance_may_add_no_file(self, manifests: ManifestRegistry) -> None:
        manifests.advance(GROUP_ID, [], {0: 0}, {0: 7})
        assert manifests.manifest(GROUP_ID) == Manifest(group_id=GROUP_ID, delivered={0: 7})

    def test_partitions_move_on_their_own(self, manifests: ManifestRegistry) -> None:
        manifests.advance(GROUP_ID, [data_file(1)], {0: 0}, {0: 7})
        manifests.advance(GROUP_ID, [data_file(2)], {5: 0}, {5: 3})
        manifests.advance(GROUP_ID, [data_file(3)], {0: 7, 5: 3}, {0: 8, 5: 3})
        assert manifests.manifest(GROUP_ID).delivered == {0: 8, 5: 3}

    def test_groups_have_manifests_of_their_own(self, manifests: ManifestRegistry) -> None:
        manifests.advance(GROUP_ID, [data_file(1)], {0: 0}, {0: 7})
        manifests.advance("other-1", [data_file(1)], {0: 0}, {0: 2})
        assert manifests.manifest(GROUP_ID).delivered == {0: 7}
        assert manifests.manifest("other-1").delivered == {0: 2}

    @pytest.mark.parametrize("expected", [0, 6, 8])
    def test_a_stale_advance_changes_nothing(
        self, manifests: ManifestRegistry, expected: int
    ) -> None:
        manifests.advance(GROUP_ID, [data_file(1)], {0: 0}, {0: 7})
        before = manifests.manifest(GROUP_ID)
        with pytest.raises(ConflictError, match=f"position {expected} of log partition 0"):
            manifests.advance(GROUP_ID, [data_file(2)], {0: expected}, {0: 9})
        assert self.reopen(manifests).manifest(GROUP_ID) == before

    def test_a_manifest_that_has_not_begun_cannot_be_expected_further(
        self, manifests: ManifestRegistry
    ) -> None:
        with pytest.raises(ConflictError, match="position 6 of log partition 0"):
            manifests.advance(GROUP_ID, [data_file(1)], {0: 6}, {0: 9})
        assert manifests.manifest(GROUP_ID) == Manifest(group_id=GROUP_ID)

    def test_one_stale_partition_stops_the_whole_advance(self, manifests: ManifestRegistry) -> None:
        manifests.advance(GROUP_ID, [data_file(1)], {0: 0, 1: 0}, {0: 7, 1: 7})
        before = manifests.manifest(GROUP_ID)
        with pytest.raises(ConflictError):
            manifests.advance(GROUP_ID, [data_file(2)], {0: 7, 1: 6}, {0: 9, 1: 9})
        assert self.reopen(manifests).manifest(GROUP_ID) == before

    @pytest.mark.parametrize(
        "files",
        [
            [data_file(4)],
            [data_file(3)],
            [data_file(5), data_file(4)],
            [data_file(5, "one"), data_file(5, "two")],
            [data_file(5, data_file(4).path)],
            [data_file(5, "same"), data_file(6, "same")],
        ],
        ids=["taken", "below", "one taken", "twice", "stored path", "same path"],
    )
    def test_files_that_do_not_come_after_are_refused(
        self, manifests: ManifestRegistry, files: list[DataFile]
    ) -> None:
        manifests.advance(GROUP_ID, [data_file(4)], {0: 0}, {0: 7})
        before = manifests.manifest(GROUP_ID)
        with pytest.raises(ConflictError):
            manifests.advance(GROUP_ID, files, {0: 7}, {0: 9})
        assert self.reopen(manifests).manifest(GROUP_ID) == before

    def test_an_advance_that_makes_no_sense_is_refused(self, manifests: ManifestRegistry) -> None:
        manifests.advance(GROUP_ID, [], {0: 0}, {0: 7})
        with pytest.raises(ValueError, match="must be the same"):
            manifests.advance(GROUP_ID, [], {0: 7}, {1: 9})
        with pytest.raises(ValueError, match="step back"):
            manifests.advance(GROUP_ID, [], {0: 7}, {0: 6})
        assert manifests.manifest(GROUP_ID).delivered == {0: 7}

    def test_a_manifest_in_hand_does_not_change(self, manifests: ManifestRegistry) -> None:
        manifests.advance(GROUP_ID, [data_file(1)], {0: 0}, {0: 7})
        before = manifests.manifest(GROUP_ID)
        manifests.advance(GROUP_ID, [data_file(2)], {0: 7}, {0: 9})
        assert before.files == (data_file(1),)
        assert before.delivered == {0: 7}

    def test_delivery_begins_at_zero(self, manifests: ManifestRegistry) -> None:
        assert manifests.delivery(0) == DeliveryState(0, None)

    def test_delivery_moves_by_compare_and_set(self, manifests: ManifestRegistry) -> None:
        states = [
            DeliveryState(),
            DeliveryState(0, 50),
            DeliveryState(50, None),
            DeliveryState(50, 80),
            DeliveryState(80, None, {"orders-1": LATE}),
            DeliveryState(80, 90, {"orders-1": LATE, "é-2": LATE._replace(reason='"no" \\ é')}),
            DeliveryState(90, None, {"é-2": LATE}),
            DeliveryState(90),
        ]
        for expected, new in pairwise(states):
            manifests.set_delivery(0, expected, new)
            assert self.reopen(manifests).delivery(0) == new
        assert manifests.delivery(1) == DeliveryState()

    @pytest.mark.parametrize(
        "stale",
        [
            DeliveryState(),
            DeliveryState(50, None, {"orders-1": LATE}),
            DeliveryState(50, 81, {"orders-1": LATE}),
            DeliveryState(51, 80, {"orders-1": LATE}),
            DeliveryState(50, 80),
            DeliveryState(50, 80, {"orders-2": LATE}),
            DeliveryState(50, 80, {"orders-1": LATE._replace(through=49)}),
            DeliveryState(50, 80, {"orders-1": LATE, "orders-2": LATE}),
        ],
    )
    def test_a_stale_move_of_delivery_changes_nothing(
        self, manifests: ManifestRegistry, stale: DeliveryState
    ) -> None:
        standing = DeliveryState(50, 80, {"orders-1": LATE})
        manifests.set_delivery(0, DeliveryState(), standing)
        with pytest.raises(ConflictError, match="log partition 0"):
            manifests.set_delivery(0, stale, DeliveryState(90, None))
        assert self.reopen(manifests).delivery(0) == standing

    def test_delivery_that_has_not_begun_cannot_be_expected_further(
        self, manifests: ManifestRegistry
    ) -> None:
        with pytest.raises(ConflictError):
            manifests.set_delivery(0, DeliveryState(5, None), DeliveryState(6, None))
        assert manifests.delivery(0) == DeliveryState()

    @pytest.mark.parametrize("stood", [0, 7])
    def test_of_many_advances_from_one_position_one_wins(
        self, manifests: ManifestRegistry, stood: int
    ) -> None:
        if stood:
            manifests.advance(GROUP_ID, [], {0: 0}, {0: stood})
        calls = [
            partial(manifests.advance, GROUP_ID, [data_file(number)], {0: stood}, {0: 10 + number})
            for number in range(1, 9)
        ]
        outcomes = race(calls)
        assert winners(outcomes) == 1
        assert all(isinstance(outcome, ConflictError) for outcome in outcomes if outcome)
        number = 1 + outcomes.index(None)
        manifest = manifests.manifest(GROUP_ID)
        assert manifest.files == (data_file(number),)
        assert manifest.delivered == {0: 10 + number}

    @pytest.mark.parametrize("stood", [DeliveryState(), DeliveryState(5, None)])
    def test_of_many_moves_of_delivery_one_wins(
        self, manifests: ManifestRegistry, stood: DeliveryState
    ) -> None:
        if stood != DeliveryState():
            manifests.set_delivery(0, DeliveryState(), stood)
        calls = [
            partial(manifests.set_delivery, 0, stood, DeliveryState(stood.delivered, 10 + number))
            for number in range(8)
        ]
        outcomes = race(calls)
        assert winners(outcomes) == 1
        assert all(isinstance(outcome, ConflictError) for outcome in outcomes if outcome)
        assert manifests.delivery(0).intent == 10 + outcomes.index(None)

    def test_a_manifest_is_read_at_one_moment(self, manifests: ManifestRegistry) -> None:
        """Each advance adds one file and moves one position on, so the two must always agree."""
        is_done = threading.Event()

        def advance_many() -> None:
            for number in range(1, 501):
                manifests.advance(GROUP_ID, [data_file(number)], {0: number - 1}, {0: number})
                if is_done.is_set():
                    return

        def read_many() -> None:
            try:
                for _ in range(200):
                    manifest = manifests.manifest(GROUP_ID)
                    assert len(manifest.files) == manifest.delivered_through(0)
            finally:
                is_done.set()

        assert winners(race([advance_many, read_many])) == 2
