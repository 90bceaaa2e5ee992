"""What an online store must do with segments and marks, as tests; a part of `online_contract`."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

import pyarrow as pa
import pytest

from tandem.errors import ConflictError
from tandem.model.event_time import EventTime
from tandem.model.feature_group import FeatureDefinition, FeatureGroup, FeatureType
from tandem.model.targets import TargetStores
from tandem.model.write import LogEntry, RecordKey
from tandem.online.base import Committed, Mark, NewestRows, OnlineStore, Outcome, SegmentWrite
from tandem.online.features_json import decode_features
from tandem.online.newest_rows import newest_rows
from tandem.online.online_record import OnlineRecord
from tandem.rows.features_json import FeaturesJsonWriter
from tandem.rows.record_table import check_rows
from tandem.rows.segment import Segment, one_by_one
from tandem.testing.purchases import purchases_group
from tandem.testing.replay import replay
from tandem.testing.writes import BOTH, FEATURE_ORDER, a_put

NOW_US = 1_700_000_000_000_000
NOW_MS = NOW_US // 1_000
_NAME = "group-1"
_TYPES = {"a": FeatureType.FRACTIONAL}


def small_group(group_id: str = _NAME) -> FeatureGroup:
    """The group that `tandem.testing.writes` writes to."""
    return replace(
        purchases_group(),
        name=group_id,
        group_id=group_id,
        record_identifier_name="id",
        event_time_name="time",
        features=tuple(
            FeatureDefinition(name, _TYPES.get(name, FeatureType.STRING)) for name in FEATURE_ORDER
        ),
    )


def rows_to_load(rows: Sequence[tuple[str, int]], group_id: str = _NAME) -> pa.Table:
    """Checked rows, of identifiers and event times; `a` is the row's number."""
    given = {
        "id": [identifier for identifier, _ in rows],
        "time": [str(seconds) for _, seconds in rows],
        "a": [float(number) for number in range(len(rows))],
    }
    return check_rows(small_group(group_id), pa.table(given), stops_at_first=True).table


def newest_of(rows: pa.Table, ttl_seconds: int | None) -> NewestRows:
    with FeaturesJsonWriter() as writer:
        return newest_rows([rows], ttl_seconds, writer)[0]


@contextmanager
def segment_write(
    store: OnlineStore,
    rows: pa.Table,
    *,
    start: int = 0,
    count: int | None = None,
    targets: TargetStores = BOTH,
    ttl_seconds: int | None = None,
    group_id: str = _NAME,
) -> Iterator[SegmentWrite]:
    """The write of some of the staged `rows`."""
    with store.staging.stage(rows) as staged:
        part = rows.slice(start, count)
        newest = None
        if TargetStores.ONLINE in targets:
            newest = store.staging.prepared(group_id, newest_of(part, ttl_seconds))
        yield SegmentWrite(
            group_id=group_id,
            targets=targets,
            staged=staged,
            start=start,
            count=part.num_rows,
            newest=newest,
            ttl_seconds=ttl_seconds,
            invoked_at_us=7,
        )


class SegmentContract:
    """Tests with the fixture `store` of `OnlineStoreContract`."""

    def load(
        self, store: OnlineStore, *rows: tuple[str, int], now_us: int = NOW_US, **given: object
    ) -> Outcome:
        with segment_write(store, rows_to_load(rows), **given) as write:  # type: ignore[arg-type]
            (outcome,) = store.write([write], lambda: now_us)
        return outcome

    def held(self, store: OnlineStore, identifier: str) -> OnlineRecord | None:
        return store.get([RecordKey(_NAME, identifier)])[0]

    def value_of(self, store: OnlineStore, identifier: str) -> object:
        record = self.held(store, identifier)
        return None if record is None else dict(decode_features(record.features_json)).get("a")

    def logged(self, store: OnlineStore, after: int = 0) -> list[LogEntry]:
        with store.log() as log:
            return list(one_by_one(log.parts(0, after)))

    def test_a_segment_is_consecutive_entries(self, store: OnlineStore) -> None:
        store.write([a_put("x")], lambda: NOW_US)
        outcome = self.load(store, ("a", 1), ("b", 2), ("a", 3), ttl_seconds=60)
        assert isinstance(outcome, Committed)
        assert outcome.position == 4
        (after,) = store.write([a_put("y")], lambda: NOW_US)
        assert isinstance(after, Committed)
        assert after.position == 5
        entries = self.logged(store)
        assert [entry.position for entry in entries] == [1, 2, 3, 4, 5]
        assert entries[3].key == RecordKey(_NAME, "a")
        assert entries[3].event_time == EventTime(3, 0)
        assert dict(entries[3].values) == {"id": "a", "time": "3", "a": "2.0"}
        assert entries[3].expires_at_ms == 63_000
        assert entries[3].write_time_us == entries[1].write_time_us == outcome.write_time_us
        assert entries[3].invoked_at_us == 7
        with store.log() as log:
            assert log.written_at_us(0, 3) == outcome.write_time_us  # in its midst
            assert log.written_at_us(0, 4) == after.write_time_us

    def test_the_newest_of_each_key_is_served(self, store: OnlineStore) -> None:
        store.write([a_put("a", 5, a="old"), a_put("b", 5, a="old")], lambda: NOW_US)
        self.load(store, ("a", 4), ("b", 7), ("b", 6), ("c", 1), ("c", 1))
        assert [self.value_of(store, key) for key in "abc"] == ["old", "1.0", "4.0"]
        store.write([a_put("c", 1, a="later")], lambda: NOW_US)
        assert self.value_of(store, "c") == "later"

    def test_a_tie_with_a_stored_record_goes_to_the_load(self, store: OnlineStore) -> None:
        store.write([a_put("a", 5, a="old")], lambda: NOW_US)
        self.load(store, ("a", 5))
        assert self.value_of(store, "a") == "0.0"

    def test_a_load_of_history_leaves_the_records(self, store: OnlineStore) -> None:
        store.write([a_put("a", 5, a="old")], lambda: NOW_US)
        self.load(store, ("a", 9), ("b", 9), targets=TargetStores.OFFLINE)
        assert self.value_of(store, "a") == "old"
        assert self.held(store, "b") is None
        assert len(self.logged(store)) == 3

    def test_what_has_expired_removes_what_it_beats(self, store: OnlineStore) -> None:
        expired, alive = NOW_MS // 1_000 - 100, NOW_MS // 1_000
        store.write([a_put("a", expired - 1), a_put("b", expired + 1)], lambda: NOW_US)
        self.load(
            store, ("a", expired), ("b", expired), ("c", expired), ("d", alive), ttl_seconds=60
        )
        assert self.held(store, "a") is None
        assert self.value_of(store, "b") == "1"
        assert self.held(store, "c") is None
        assert self.value_of(store, "d") == "3.0"
        assert store.sweep(NOW_MS + 60_000, 10) == 1
        assert self.held(store, "d") is None

    def test_a_stored_record_that_has_expired_is_no_rival(self, store: OnlineStore) -> None:
        store.write([a_put("a", 9, expires_at_ms=NOW_MS + 1)], lambda: NOW_US)
        self.load(store, ("a", 5), now_us=NOW_US + 2_000)
        assert self.value_of(store, "a") == "0.0"
        assert store.sweep(NOW_MS + 10, 10) == 0

    @pytest.mark.parametrize("length", [479, 480, 481, 2_000])
    def test_long_identifiers(self, store: OnlineStore, length: int) -> None:
        self.load(store, ("é" * (length // 2), 1), ("x" * length, 2))
        assert self.value_of(store, "é" * (length // 2)) == "0.0"
        assert {identifier for identifier, _ in store.scan(_NAME, None, 9)} == {
            "é" * (length // 2),
            "x" * length,
        }

    def test_the_log_is_read_in_parts(self, store: OnlineStore) -> None:
        store.write([a_put("x")], lambda: NOW_US)
        self.load(store, ("a", 1), ("b", 2), ("c", 3))
        with store.log() as log:
            whole = list(log.parts(0, 0))
            cut = list(log.parts(0, 2, 3))
            assert [entry.position for entry in one_by_one(log.parts(0, 2, 3))] == [3]
            assert list(log.parts(0, 4)) == list(log.parts(0, 0, 3, group_id="other")) == []
            assert list(log.parts(0, 0, 1)) == whole[:1]
        assert [(part.first, part.position) for part in whole] == [(1, 1), (2, 4)]
        assert [(part.first, part.position) for part in cut] == [(3, 3)]
        assert isinstance(whole[1], Segment)
        assert list(whole[1].entries()) == self.logged(store)[1:]

    def test_segments_of_one_stage(self, store: OnlineStore) -> None:
        rows = rows_to_load([(f"k{number}", number) for number in range(10)])
        with store.staging.stage(rows) as staged:
            for start in (0, 4, 8):
                part = rows.slice(start, 4)
                write = SegmentWrite(
                    group_id=_NAME,
                    targets=BOTH,
                    staged=staged,
                    start=start,
                    count=part.num_rows,
                    newest=store.staging.prepared(_NAME, newest_of(part, None)),
                    ttl_seconds=None,
                    invoked_at_us=7,
                )
                store.write([write, a_put("x", start)], lambda: NOW_US)
        keys = [entry.key.identifier for entry in self.logged(store) if entry.key.identifier != "x"]
        assert keys == [f"k{number}" for number in range(10)]

    def test_a_segment_is_trimmed_whole(self, store: OnlineStore) -> None:
        self.load(store, ("a", 1), ("b", 2), ("c", 3))
        store.write([a_put("x")], lambda: NOW_US)
        store.trim(0, 2)
        assert [entry.position for entry in self.logged(store)] == [1, 2, 3, 4]
        store.trim(0, 3)
        assert [entry.position for entry in self.logged(store)] == [4]

    def test_open_snapshots_keep_segments(self, store: OnlineStore) -> None:
        self.load(store, ("a", 1), ("b", 2))
        before = self.logged(store)
        with store.log() as log:
            store.trim(0, 2)
            store.staging.clean()
            assert list(one_by_one(log.parts(0, 0))) == before
        store.staging.clean()
        assert self.logged(store) == []

    def test_segments_of_groups_do_not_mix(self, store: OnlineStore) -> None:
        rows = rows_to_load([("a", 1)], "group-2")
        with segment_write(store, rows, group_id="group-2") as write:
            store.write([write, a_put("a", a="mine")], lambda: NOW_US)
        assert self.value_of(store, "a") == "mine"
        with store.log() as log:
            assert [one.position for one in one_by_one(log.parts(0, 0, group_id="group-2"))] == [1]

    def test_the_replay_gives_the_records(self, store: OnlineStore) -> None:
        ages = [100, 61, 60, 59, 1, 0]
        seconds = NOW_MS // 1_000
        store.write([a_put(key, seconds - 61) for key in "abc"], lambda: NOW_US)
        rows = [(key, seconds - age) for age in ages for key in "abcd"]
        self.load(store, *rows, ttl_seconds=60)
        self.load(store, *reversed(rows), ttl_seconds=30, now_us=NOW_US + 1_000)
        expected = replay(self.logged(store))
        for identifier, record in store.scan(_NAME, None, 100):
            state, values = expected.pop(RecordKey(_NAME, identifier))
            assert (record.state, decode_features(record.features_json)) == (state, values)
        assert expected == {}

    # --- marks

    def test_a_mark_is_kept_until_it_is_replaced_or_taken_away(self, store: OnlineStore) -> None:
        assert self.mark(store, "load") is None
        first = Mark("load", b"", b"1", NOW_MS + 9)
        store.write([a_put(), first], lambda: NOW_US)
        second = Mark("load", b"1", b"22", NOW_MS + 9)
        store.write([second, Mark("other", b"", b"x", NOW_MS)], lambda: NOW_US)
        assert (self.mark(store, "load"), self.mark(store, "other")) == (b"22", b"x")
        store.write([Mark("load", b"22", b"", 0)], lambda: NOW_US)
        assert self.mark(store, "load") is None
        assert [entry.position for entry in self.logged(store)] == [1]

    def test_nothing_is_written_with_a_mark_that_was_moved(self, store: OnlineStore) -> None:
        first = Mark("load", b"", b"1", NOW_MS)
        store.write([first, Mark("load", b"1", b"2", NOW_MS)], lambda: NOW_US)
        for stale in (first, Mark("load", b"1", b"2", NOW_MS), Mark("none", b"1", b"2", NOW_MS)):
            with pytest.raises(ConflictError, match="was moved meanwhile"):
                store.write([a_put(), stale, a_put("b")], lambda: NOW_US)
        assert self.mark(store, "load") == b"2"
        assert self.logged(store) == []
        assert self.held(store, "k") is None

    def test_marks_that_have_expired_are_swept(self, store: OnlineStore) -> None:
        marks = [Mark("a", b"", b"1", NOW_MS), Mark("b", b"", b"1", NOW_MS + 1)]
        store.write(marks, lambda: NOW_US)
        store.sweep(NOW_MS, 10)
        assert (self.mark(store, "a"), self.mark(store, "b")) == (None, b"1")

    def mark(self, store: OnlineStore, name: str) -> bytes | None:
        with store.log() as log:
            return log.mark(name)
