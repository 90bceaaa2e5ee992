"""The contract of `tandem.online.base.OnlineStore`, as tests that every backend passes."""

import threading
from collections.abc import Iterator

import pytest

from tandem.errors import StoreUnavailable
from tandem.model.decision import Refusal
from tandem.model.event_time import EventTime
from tandem.model.limits import RECORD_BYTES_MAX
from tandem.model.targets import TargetStores
from tandem.model.write import LogEntry, Operation, RecordKey, Write
from tandem.online.base import Committed, OnlineStore, Outcome
from tandem.online.features_json import decode_features
from tandem.online.online_record import OnlineRecord
from tandem.rows.segment import one_by_one
from tandem.testing.replay import replay
from tandem.testing.segment_contract import SegmentContract
from tandem.testing.writes import a_put, a_write

NOW_US = 1_700_000_000_000_000
NOW_MS = NOW_US // 1_000
GROUP = "group-1"


class OnlineStoreContract(SegmentContract):
    """Subclass it, and give a fixture `store` that yields a new, empty store."""

    @pytest.fixture
    def store(self) -> OnlineStore | Iterator[OnlineStore]:
        raise NotImplementedError("give a fixture `store`")

    def write(self, store: OnlineStore, *writes: Write, now_us: int = NOW_US) -> list[Outcome]:
        return store.write(writes, lambda: now_us)

    def newest(self, store: OnlineStore, identifier: str = "k") -> OnlineRecord | None:
        return store.get([RecordKey(GROUP, identifier)])[0]

    def values(self, store: OnlineStore, identifier: str = "k") -> dict[str, object] | None:
        record = self.newest(store, identifier)
        return None if record is None else dict(decode_features(record.features_json))

    def entries(self, store: OnlineStore, after: int = 0) -> list[LogEntry]:
        with store.log() as log:
            return list(one_by_one(log.parts(0, after)))

    # --- what a write leaves behind

    def test_a_put_is_served_as_written(self, store: OnlineStore) -> None:
        self.write(store, a_put(event_seconds=5, a="89.50"))
        assert self.values(store) == {"id": "k", "time": "5", "a": "89.50"}

    def test_an_entry_carries_everything(self, store: OnlineStore) -> None:
        self.write(store, a_put(event_seconds=5, expires_at_ms=NOW_MS + 9))
        (entry,) = self.entries(store)
        assert entry.position == 1
        assert entry.operation is Operation.PUT
        assert entry.key == RecordKey(GROUP, "k")
        assert entry.event_time == EventTime(5, 0)
        assert entry.targets == TargetStores.ONLINE | TargetStores.OFFLINE
        assert dict(entry.values) == {"id": "k", "time": "5", "a": "1"}
        assert entry.expires_at_ms == NOW_MS + 9
        assert entry.invoked_at_us == 7
        assert entry.write_time_us == NOW_US

    def test_positions_are_consecutive_and_times_never_step_back(self, store: OnlineStore) -> None:
        first = self.write(store, a_put("a"), a_put("b"), now_us=NOW_US)
        second = self.write(store, a_put("c"), now_us=NOW_US - 1_000_000)
        committed = [outcome for outcome in first + second if isinstance(outcome, Committed)]
        assert [outcome.position for outcome in committed] == [1, 2, 3]
        assert [entry.position for entry in self.entries(store)] == [1, 2, 3]
        assert committed[0].write_time_us == committed[1].write_time_us == NOW_US
        assert committed[2].write_time_us > NOW_US

    @pytest.mark.parametrize(("event_seconds", "winner"), [(9, "old"), (10, "new"), (11, "new")])
    def test_the_write_that_is_not_older_wins(
        self, store: OnlineStore, event_seconds: int, winner: str
    ) -> None:
        self.write(store, a_put(event_seconds=10, a="old"))
        self.write(store, a_put(event_seconds=event_seconds, a="new"))
        values = self.values(store)
        assert values is not None
        assert values["a"] == winner
        assert len(self.entries(store)) == 2

    def test_a_write_sees_those_before_it_in_the_same_call(self, store: OnlineStore) -> None:
        self.write(
            store,
            a_put(event_seconds=10, a="newest"),
            a_put(event_seconds=9, a="late"),
            a_write(Operation.UPDATE, event_seconds=None, b="added"),
        )
        assert self.values(store) == {"id": "k", "time": "10", "a": "newest", "b": "added"}

    def test_a_write_for_history_alone_leaves_the_record(self, store: OnlineStore) -> None:
        self.write(store, a_put(event_seconds=1, a="online"))
        self.write(store, a_put(event_seconds=2, a="offline", targets=TargetStores.OFFLINE))
        values = self.values(store)
        assert values is not None
        assert values["a"] == "online"
        assert [entry.targets for entry in self.entries(store)][1] == TargetStores.OFFLINE

    # --- deletes

    def test_a_soft_delete_leaves_a_tombstone(self, store: OnlineStore) -> None:
        self.write(store, a_put(event_seconds=1), a_write(Operation.SOFT_DELETE, event_seconds=2))
        record = self.newest(store)
        assert record is not None
        assert record.is_deleted
        assert self.values(store) == {"id": "k", "time": "2"}
        self.write(store, a_put(event_seconds=1, a="older than the tombstone"))
        record = self.newest(store)
        assert record is not None
        assert record.is_deleted

    def test_an_older_soft_delete_changes_history_alone(self, store: OnlineStore) -> None:
        self.write(store, a_put(event_seconds=2), a_write(Operation.SOFT_DELETE, event_seconds=1))
        record = self.newest(store)
        assert record is not None
        assert not record.is_deleted
        assert len(self.entries(store)) == 2

    @pytest.mark.parametrize("event_seconds", [9, 10])
    def test_a_hard_delete_must_be_newer(self, store: OnlineStore, event_seconds: int) -> None:
        self.write(store, a_put(event_seconds=10))
        delete = a_write(Operation.HARD_DELETE, event_seconds=event_seconds)
        assert self.write(store, delete) == [Refusal.HARD_DELETE_NOT_NEWER]
        assert self.newest(store) is not None
        assert len(self.entries(store)) == 1

    def test_a_hard_delete_forgets_the_key(self, store: OnlineStore) -> None:
        self.write(store, a_put(event_seconds=10), a_write(Operation.HARD_DELETE, event_seconds=11))
        assert self.newest(store) is None
        self.write(store, a_put(event_seconds=1, a="older may follow"))
        assert self.values(store) == {"id": "k", "time": "1", "a": "older may follow"}

    # --- updates

    def test_an_update_merges_and_logs_the_whole_record(self, store: OnlineStore) -> None:
        self.write(store, a_put(event_seconds=1, a="kept"))
        self.write(store, a_write(Operation.UPDATE, event_seconds=2, b="new"))
        expected = {"id": "k", "time": "2", "a": "kept", "b": "new"}
        assert self.values(store) == expected
        entry = self.entries(store)[1]
        assert list(dict(entry.values).items()) == list(expected.items())
        assert entry.event_time == EventTime(2, 0)

    def test_an_update_without_event_time_keeps_it(self, store: OnlineStore) -> None:
        self.write(store, a_put(event_seconds=5, expires_at_ms=NOW_MS + 9))
        self.write(store, a_write(Operation.UPDATE, event_seconds=None, b="new"))
        entry = self.entries(store)[1]
        assert entry.event_time == EventTime(5, 0)
        assert entry.expires_at_ms == NOW_MS + 9

    def test_an_update_needs_a_record(self, store: OnlineStore) -> None:
        update = a_write(Operation.UPDATE, event_seconds=9, b="x")
        assert self.write(store, update) == [Refusal.RECORD_NOT_FOUND]
        self.write(store, a_put(event_seconds=1), a_write(Operation.SOFT_DELETE, event_seconds=2))
        assert self.write(store, update) == [Refusal.RECORD_NOT_FOUND]
        assert len(self.entries(store)) == 2

    def test_an_older_update_is_refused(self, store: OnlineStore) -> None:
        self.write(store, a_put(event_seconds=5))
        update = a_write(Operation.UPDATE, event_seconds=4, b="x")
        assert self.write(store, update) == [Refusal.UPDATE_IS_OLDER]
        assert len(self.entries(store)) == 1

    def test_an_update_may_not_grow_the_record_over_its_limit(self, store: OnlineStore) -> None:
        half = "x" * (RECORD_BYTES_MAX // 2)
        self.write(store, a_put(event_seconds=1, a=half))
        update = a_write(Operation.UPDATE, event_seconds=2, b=half)
        assert self.write(store, update) == [Refusal.RECORD_TOO_LARGE]
        values = self.values(store)
        assert values is not None
        assert "b" not in values

    def test_a_refused_write_stops_no_other(self, store: OnlineStore) -> None:
        outcomes = self.write(
            store, a_put("a"), a_write(Operation.UPDATE, "missing", 1, b="x"), a_put("b")
        )
        assert outcomes[1] is Refusal.RECORD_NOT_FOUND
        assert [entry.key.identifier for entry in self.entries(store)] == ["a", "b"]
        assert [entry.position for entry in self.entries(store)] == [1, 2]

    # --- time to live

    def test_an_expired_record_counts_as_absent_for_writes(self, store: OnlineStore) -> None:
        self.write(store, a_put(event_seconds=10, expires_at_ms=NOW_MS + 1))
        later = NOW_US + 5_000
        assert self.write(
            store, a_write(Operation.UPDATE, event_seconds=11, b="x"), now_us=later
        ) == [Refusal.RECORD_NOT_FOUND]
        self.write(store, a_put(event_seconds=1, a="older"), now_us=later)
        assert self.values(store) == {"id": "k", "time": "1", "a": "older"}

    def test_a_put_that_has_expired_leaves_the_key_absent(self, store: OnlineStore) -> None:
        self.write(store, a_put(event_seconds=1))
        self.write(store, a_put(event_seconds=2, expires_at_ms=NOW_MS - 1))
        assert self.newest(store) is None
        assert len(self.entries(store)) == 2

    def test_sweep_removes_what_has_expired_and_nothing_else(self, store: OnlineStore) -> None:
        self.write(store, a_put("never"))
        for number in range(5):
            self.write(store, a_put(f"soon-{number}", expires_at_ms=NOW_MS + 10 + number))
        self.write(store, a_put("replaced", expires_at_ms=NOW_MS + 10))
        self.write(store, a_put("replaced", 1, expires_at_ms=NOW_MS + 99))
        assert store.sweep(NOW_MS + 9, 100) == 0
        assert store.sweep(NOW_MS + 12, 2) == 2
        assert store.sweep(NOW_MS + 12, 2) == 1
        assert store.sweep(NOW_MS + 12, 2) == 0
        left = [identifier for identifier, _ in store.scan(GROUP, None, 10)]
        assert sorted(left) == ["never", "replaced", "soon-3", "soon-4"]
        assert len(self.entries(store)) == 8

    # --- reading

    def test_get_answers_in_the_order_asked(self, store: OnlineStore) -> None:
        self.write(store, a_put("a", a="A"), a_put("b", a="B"))
        found = store.get([RecordKey(GROUP, key) for key in ("b", "missing", "a", "b")])
        assert [None if record is None else b'"B"' in record.features_json for record in found] == [
            True,
            None,
            False,
            True,
        ]

    def test_groups_do_not_mix(self, store: OnlineStore) -> None:
        self.write(store, a_put(a="one"), a_put(a="two", group_id="group-2"))
        assert store.get([RecordKey("group-3", "k")]) == [None]
        assert [identifier for identifier, _ in store.scan("group-2", None, 10)] == ["k"]

    @pytest.mark.parametrize(
        "identifier",
        ["", "\0", "é" * 100, "x" * 480, "x" * 481, "y" * 2048, "naïve \N{SNOWMAN}", "a/b%2F"],
        ids=["empty", "nul", "two bytes", "480", "481", "2048", "unicode", "slash"],
    )
    def test_any_identifier_can_be_a_key(self, store: OnlineStore, identifier: str) -> None:
        self.write(store, a_put(identifier, expires_at_ms=NOW_MS + 1), a_put("x" * 400 + "other"))
        values = self.values(store, identifier)
        assert values is not None
        assert values["id"] == identifier
        assert identifier in [found for found, _ in store.scan(GROUP, None, 10)]
        assert store.sweep(NOW_MS + 1, 10) == 1
        assert self.newest(store, identifier) is None

    def test_scan_pages_through_everything_once(self, store: OnlineStore) -> None:
        names = [f"k{number}" for number in range(25)] + ["long" * 200, "longer" * 200]
        self.write(store, *[a_put(name) for name in names])
        self.write(store, a_put("other group", group_id="group-2"))
        seen: list[str] = []
        while page := store.scan(GROUP, seen[-1] if seen else None, 4):
            seen += [identifier for identifier, _ in page]
        assert sorted(seen) == sorted(names)

    def test_scan_goes_on_behind_a_record_that_is_gone(self, store: OnlineStore) -> None:
        self.write(store, *[a_put(name) for name in "abcd"])
        order = [identifier for identifier, _ in store.scan(GROUP, None, 10)]
        self.write(store, a_write(Operation.HARD_DELETE, order[1], 1))
        assert [found for found, _ in store.scan(GROUP, order[1], 10)] == order[2:]

    def test_forget_removes_a_group_in_slices_and_keeps_its_log(self, store: OnlineStore) -> None:
        self.write(store, *[a_put(name, expires_at_ms=NOW_MS + 5) for name in "abc"])
        self.write(store, a_put("stays", group_id="group-2"))
        assert [store.forget(GROUP, 2) for _ in range(3)] == [2, 1, 0]
        assert store.scan(GROUP, None, 10) == []
        assert len(store.scan("group-2", None, 10)) == 1
        assert store.sweep(NOW_MS + 5, 10) == 0
        assert len(self.entries(store)) == 4

    # --- the log

    def test_the_log_is_read_by_range_and_by_group(self, store: OnlineStore) -> None:
        for number in range(6):
            self.write(store, a_put(f"k{number}", group_id=f"group-{number % 2}"))
        with store.log() as log:
            assert [entry.position for entry in one_by_one(log.parts(0, 2, 4))] == [3, 4]
            assert [entry.position for entry in one_by_one(log.parts(0, 4))] == [5, 6]
            assert [e.position for e in one_by_one(log.parts(0, 0, group_id="group-1"))] == [
                2,
                4,
                6,
            ]
            assert log.end(0) == 6

    def test_the_log_tells_how_long_an_entry_waits(self, store: OnlineStore) -> None:
        for number in range(3):
            self.write(store, a_put(f"k{number}"), now_us=NOW_US + number * 1_000)
        with store.log() as log:
            times = [log.written_at_us(0, after) for after in range(4)]
        assert times == [NOW_US, NOW_US + 1_000, NOW_US + 2_000, None]
        store.trim(0, 2)
        with store.log() as log:
            assert log.written_at_us(0, 0) == NOW_US + 2_000

    def test_a_snapshot_stays_as_it_was(self, store: OnlineStore) -> None:
        self.write(store, a_put("a"), a_put("b"))
        with store.log() as log:
            # In other threads, since one thread may not read and write in LMDB at once.
            self.in_thread(lambda: self.write(store, a_put("c")))
            self.in_thread(lambda: store.trim(0, 1))
            assert [entry.position for entry in one_by_one(log.parts(0, 0))] == [1, 2]
            assert log.end(0) == 2
        assert [entry.position for entry in self.entries(store)] == [2, 3]

    def test_a_snapshot_parts_earlier_write_times_from_later_ones(self, store: OnlineStore) -> None:
        with store.log() as log:
            assert log.write_time_us == 0
        self.write(store, a_put("a"), now_us=NOW_US)
        with store.log() as log:
            assert log.write_time_us == NOW_US
            self.in_thread(lambda: self.write(store, a_put("b"), now_us=NOW_US - 5))
            assert log.write_time_us == NOW_US
        assert [entry.write_time_us for entry in self.entries(store)] == [NOW_US, NOW_US + 1]

    def test_trim_keeps_positions_growing(self, store: OnlineStore) -> None:
        first = self.write(store, a_put("a"), a_put("b"), now_us=NOW_US + 50)
        store.trim(0, 2)
        store.trim(0, 2)
        assert self.entries(store) == []
        with store.log() as log:
            assert log.end(0) == 2
        (outcome,) = self.write(store, a_put("c"), now_us=NOW_US)
        assert isinstance(outcome, Committed)
        assert isinstance(first[0], Committed)
        assert outcome.position == 3
        assert outcome.write_time_us > first[0].write_time_us

    def test_racing_writers_leave_what_the_replay_gives(self, store: OnlineStore) -> None:
        def race(seed: int) -> None:
            for number in range(40):
                time = (number * 7 + seed * 3) % 20
                self.write(store, a_put("hot", time, a=f"{seed}-{number}"), now_us=NOW_US + number)

        threads = [threading.Thread(target=race, args=(seed,)) for seed in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        entries = self.entries(store)
        assert [entry.position for entry in entries] == list(range(1, 161))
        record = self.newest(store, "hot")
        assert record is not None
        expected = replay(entries)[RecordKey(GROUP, "hot")]
        assert (record.state, decode_features(record.features_json)) == expected

    def test_a_closed_store_says_so(self, store: OnlineStore) -> None:
        store.close()
        with pytest.raises(StoreUnavailable, match="closed"):
            store.get([RecordKey(GROUP, "k")])
        with pytest.raises(StoreUnavailable, match="closed"):
            self.write(store, a_put())

    def in_thread(self, action: object) -> None:
        assert callable(action)
        thread = threading.Thread(target=action)
        thread.start()
        thread.join()
