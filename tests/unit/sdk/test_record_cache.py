"""The record cache: what it serves, and what it must not serve."""

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import tandem
from tandem.errors import ResourceNotFound, StoreUnavailable, TandemError, ValidationError
from tandem.model.changes import GroupUpdate
from tandem.model.feature_group import FeatureDefinition, FeatureType
from tandem.model.record import FeatureValue
from tandem.sdk.backend import Backend
from tandem.sdk.cached_backend import CachedBackend
from tandem.sdk.record_cache import RecordCache

FEATURES = {"id": "Integral", "t": "Fractional", "n": "Integral", "s": "String"}
NEW = FeatureDefinition("new", FeatureType.STRING)
# Far enough ahead for records with a time to live, by the store's clock.
NOW = 4_000_000_000.0


@dataclass
class Time:
    """A timer, and a clock that goes as it does."""

    seconds: float = 0.0

    def timer(self) -> float:
        return self.seconds

    def clock(self) -> float:
        return NOW + self.seconds


@dataclass
class Scene:
    store: tandem.FeatureStore
    group: tandem.FeatureGroupHandle
    cache: RecordCache
    time: Time
    folder: Path
    asked: list[tuple[str, ...]]
    """The identifiers of each call that reached the store."""

    def put(self, identifier: Any, n: int, seconds: float = 0.0, **more: Any) -> None:
        self.group.put({"id": identifier, "t": NOW + seconds, "n": n}, **more)

    def others_put(self, identifier: Any, n: int, seconds: float = 1.0) -> None:
        """A write that the cache is not told of."""
        inner(self.store).put(
            "g",
            [
                FeatureValue("id", str(identifier)),
                FeatureValue("t", repr(NOW + seconds)),
                FeatureValue("n", str(n)),
            ],
            None,
            None,
        )

    def n(self, identifier: Any) -> int | None:
        found = self.group.get(identifier)
        return None if found is None else found["n"]


def inner(store: tandem.FeatureStore) -> Backend:
    cached = store._backend
    assert isinstance(cached, CachedBackend)
    return cached._store


@pytest.fixture
def scene(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Scene]:
    time = Time()
    cache = RecordCache(100, 60, timer=time.timer, clock=time.clock)
    with tandem.connect(tmp_path / "data", record_cache=cache) as store:
        group = store.create_feature_group(
            "g", features=FEATURES, record_identifier="id", event_time="t", storage_type="Standard"
        )
        asked: list[tuple[str, ...]] = []
        read = inner(store).get

        def get(name: str, identifiers: Any, features: Any) -> Any:
            asked.append(tuple(identifiers))
            return read(name, identifiers, features)

        monkeypatch.setattr(inner(store), "get", get)
        yield Scene(store, group, cache, time, tmp_path / "data", asked)


def test_a_record_is_read_once(scene: Scene) -> None:
    scene.put(1, 10)
    scene.put(2, 20)
    assert [scene.n(1), scene.n(1), scene.n(1)] == [10, 10, 10]
    assert [one and one["n"] for one in scene.group.get_many([2, 1, 2, 3])] == [20, 10, 20, None]
    assert scene.asked == [("1",), ("2", "3")]
    told = scene.cache.statistics
    assert (told.hits, told.misses, told.records) == (3, 4, 2)
    assert told.hit_rate == 3 / 7


def test_one_record_has_one_place_however_it_is_called(scene: Scene) -> None:
    scene.put("007", 1)
    assert [scene.n("7"), scene.n("007"), scene.n("+7"), scene.n(7)] == [1, 1, 1, 1]
    assert len(scene.asked) == 1
    scene.put("+07", 2, seconds=1)
    assert scene.n("7") == 2


def test_a_record_is_served_for_the_time_of_the_cache(scene: Scene) -> None:
    scene.put(1, 10)
    assert scene.n(1) == 10
    scene.others_put(1, 11)
    scene.time.seconds = 59.9
    assert scene.n(1) == 10
    scene.time.seconds = 60.0
    assert scene.n(1) == 11


def test_the_time_runs_from_the_beginning_of_the_read(scene: Scene, slow: Any) -> None:
    scene.put(1, 10)
    slow(lambda: setattr(scene.time, "seconds", 45.0))
    assert scene.n(1) == 10
    scene.others_put(1, 11)
    scene.time.seconds = 60.0
    assert scene.n(1) == 11


def test_no_record_is_served_past_its_own_time_to_live(scene: Scene) -> None:
    scene.put(1, 10, ttl="30 seconds")
    assert scene.n(1) == 10
    # The store's own clock is far behind, so that only the cache can know that it is over.
    scene.time.seconds = 29.999
    assert (scene.n(1), len(scene.asked)) == (10, 1)
    scene.time.seconds = 30.0
    scene.n(1)
    assert len(scene.asked) == 2


def test_that_there_is_no_record_is_not_kept(scene: Scene) -> None:
    assert scene.n(1) is None
    scene.others_put(1, 5)
    assert scene.n(1) == 5


def test_some_features_are_taken_from_the_whole_record(scene: Scene) -> None:
    scene.put(1, 10)
    assert scene.group.get(1, ["n"]) == {"n": 10}
    assert scene.group.get(1, ["t", "s"]) == {"t": NOW}
    assert scene.group.get(1) == {"id": 1, "t": NOW, "n": 10}
    assert len(scene.asked) == 1
    with pytest.raises(ValidationError, match="'missing'"):
        scene.group.get(1, ["missing"])


def test_values_that_a_caller_changes_are_its_own(scene: Scene) -> None:
    scene.put(1, 10)
    scene.group.get(1)["n"] = 99  # type: ignore[index]
    assert scene.n(1) == 10


def changed(scene: Scene) -> None:
    scene.put(1, 11, seconds=1)


def changed_by_another_handle(scene: Scene) -> None:
    scene.store.feature_group("g").put({"id": 1, "t": NOW + 1, "n": 11})


def ingested(scene: Scene) -> None:
    scene.group.ingest({"id": [1], "t": [NOW + 1], "n": [11]})


@pytest.mark.parametrize("write", [changed, changed_by_another_handle, ingested])
def test_own_writes_are_read_back_at_once(scene: Scene, write: Callable[[Scene], None]) -> None:
    scene.put(1, 10)
    assert scene.n(1) == 10
    write(scene)
    assert scene.n(1) == 11


def test_an_older_put_changes_nothing(scene: Scene) -> None:
    scene.put(1, 10)
    assert scene.n(1) == 10
    scene.put(1, 9, seconds=-1)
    assert scene.n(1) == 10


@pytest.mark.parametrize("mode", ["SoftDelete", "HardDelete"])
def test_a_deleted_record_is_gone_at_once(scene: Scene, mode: str) -> None:
    scene.put(1, 10)
    assert scene.n(1) == 10
    scene.group.delete("01", NOW + 1, mode=mode)
    assert scene.n(1) is None


def test_a_write_that_fails_is_forgotten_too(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    scene.put(1, 10)
    assert scene.n(1) == 10
    write = inner(scene.store).put

    def lost(*given: Any) -> None:
        write(*given)
        raise StoreUnavailable("the answer was lost")

    monkeypatch.setattr(inner(scene.store), "put", lost)
    with pytest.raises(StoreUnavailable):
        scene.put(1, 11, seconds=1)
    assert scene.n(1) == 11


def test_a_group_that_is_made_again_has_none_of_the_old_records(scene: Scene) -> None:
    scene.put(1, 10)
    assert scene.n(1) == 10
    scene.store.delete_feature_group("g")
    with pytest.raises(ResourceNotFound):
        scene.group.get(1)
    group = scene.store.create_feature_group(
        "g", features={**FEATURES, "id": "String"}, record_identifier="id", event_time="t"
    )
    assert group.get("1") is None
    group.put({"id": "01", "t": NOW, "n": 3})
    assert (group.get("01") or {})["n"] == 3
    assert group.get("1") is None


def test_a_group_that_others_make_again_is_seen_in_time(scene: Scene) -> None:
    scene.put("007", 1)
    assert scene.n("007") == 1
    with tandem.connect(scene.folder) as others:
        others.delete_feature_group("g")
        again = others.create_feature_group(
            "g", features={**FEATURES, "id": "String"}, record_identifier="id", event_time="t"
        )
        again.put({"id": "007", "t": NOW, "n": 2})
    scene.time.seconds += 60
    assert scene.n("007") == 2


def test_retired_features_are_hidden_at_once(scene: Scene) -> None:
    scene.put(1, 10)
    assert scene.n(1) == 10
    scene.group.retire_feature("n")
    assert scene.group.get(1) == {"id": 1, "t": NOW}
    with pytest.raises(TandemError):
        scene.group.get(1, ["n"])
    scene.group.restore_feature("n")
    assert scene.n(1) == 10


def test_a_feature_that_is_added_can_be_asked_for(scene: Scene) -> None:
    scene.put(1, 10)
    assert scene.n(1) == 10
    inner(scene.store).groups.update("g", GroupUpdate(additions=(NEW,)))
    assert scene.group.get(1, ["n", "new"]) == {"n": 10}
    assert scene.group.get(1, ["new"]) == {}


def test_what_a_batch_load_wrote_is_read_once_its_end_was_seen(scene: Scene) -> None:
    buckets = inner(scene.store).buckets
    assert buckets is not None
    (buckets / "in").mkdir()
    rows = pa.table({"id": [1], "t": [NOW + 1], "n": [11]})
    pq.write_table(rows, buckets / "in" / "rows.parquet")
    scene.put(1, 10)
    assert scene.n(1) == 10
    load = scene.store.batch_load("g", "s3://in/rows.parquet")
    assert load.wait().status == "Completed"
    assert scene.n(1) == 11


def test_an_alias_that_is_switched_reads_the_other_group(scene: Scene) -> None:
    scene.put(1, 10)
    other = scene.store.create_feature_group(
        "h", features=FEATURES, record_identifier="id", event_time="t"
    )
    other.put({"id": 1, "t": NOW, "n": 77})
    scene.store.set_alias("current", "g")
    through = scene.store.feature_group("current")
    assert (through.get(1) or {})["n"] == 10
    scene.store.set_alias("current", "h")
    through._looked_at -= 2  # an alias is looked at again after a second
    assert (through.get(1) or {})["n"] == 77


def test_the_least_used_records_go(scene: Scene, tmp_path: Path) -> None:
    with tandem.connect(tmp_path / "small", record_cache=RecordCache(max_records=2)) as store:
        group = store.create_feature_group(
            "g", features=FEATURES, record_identifier="id", event_time="t"
        )
        for number in (1, 2, 3):
            group.put({"id": number, "t": NOW, "n": number})
        group.get(1), group.get(2), group.get(1), group.get(3)
        kept = store._backend._cache._records  # type: ignore[attr-defined]
        assert sorted(identifier for _, identifier in kept) == ["1", "3"]


def test_a_cache_belongs_to_one_store(scene: Scene, tmp_path: Path) -> None:
    with pytest.raises(ValidationError, match="in use"):
        tandem.connect(tmp_path / "other", record_cache=scene.cache)
    scene.put(1, 10)
    assert scene.n(1) == 10
    scene.store.close()
    assert scene.cache.statistics.records == 0
    with tandem.connect(tmp_path / "other", record_cache=scene.cache):
        pass


@pytest.mark.parametrize(
    "given",
    [
        {"max_records": 0},
        {"max_records": 1.5},
        {"ttl_seconds": 0},
        {"ttl_seconds": "60"},
        {"ttl_seconds": True},
        {"ttl_seconds": 10**400},
        {"ttl_seconds": float("inf")},
    ],
)
def test_bad_arguments_are_named(given: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match=next(iter(given))):
        RecordCache(**given)


def test_only_a_cache_is_a_cache(tmp_path: Path) -> None:
    with pytest.raises(ValidationError, match="record_cache"):
        tandem.connect(tmp_path / "data", record_cache=True)  # type: ignore[arg-type]


@pytest.fixture
def slow(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[], Any]], None]:
    """Has something done while the next read has its answer, and has not returned it."""

    def prepare(meanwhile: Callable[[], Any]) -> None:
        read = inner(scene.store).get

        def get(*given: Any) -> Any:
            monkeypatch.setattr(inner(scene.store), "get", read)
            found = read(*given)
            meanwhile()
            return found

        monkeypatch.setattr(inner(scene.store), "get", get)

    return prepare


@pytest.mark.parametrize("through", [1, "01"])
def test_a_read_that_a_put_overtakes_is_not_kept(scene: Scene, slow: Any, through: Any) -> None:
    scene.put(1, 10)
    scene.put(2, 20)
    slow(lambda: scene.put(through, 11, seconds=1))
    # The answer may be the one from before the put, since both were under way.
    scene.group.get_many([1, 2])
    assert scene.n(1) == 11
    assert scene.n(2) == 20
    assert scene.asked == [("1", "2"), ("1",)]  # the other record of that read was kept


def test_a_read_that_an_ingest_overtakes_is_not_kept(scene: Scene, slow: Any) -> None:
    scene.put(1, 10)
    slow(lambda: scene.group.ingest({"id": [1], "t": [NOW + 1], "n": [11]}))
    scene.n(1)
    assert scene.n(1) == 11


def test_a_read_that_a_deletion_of_the_group_overtakes_is_not_kept(scene: Scene, slow: Any) -> None:
    scene.put(1, 10)
    slow(lambda: scene.store.delete_feature_group("g"))
    scene.n(1)
    with pytest.raises(ResourceNotFound):
        scene.n(1)


def test_a_read_that_began_earlier_does_not_replace_a_later_one(scene: Scene, slow: Any) -> None:
    scene.put(1, 10)

    def meanwhile() -> None:
        scene.time.seconds = 1.0
        scene.others_put(1, 11)
        assert scene.n(1) == 11

    slow(meanwhile)
    assert scene.n(1) == 10
    assert scene.n(1) == 11


def test_no_thread_reads_an_older_value_than_it_wrote(scene: Scene) -> None:
    wrong: list[tuple[int, int | None]] = []

    def work(identifier: int) -> None:
        for count in range(25):
            scene.put(identifier, count, seconds=count)
            for _ in range(3):
                found = scene.n(identifier)
                if found != count:
                    wrong.append((count, found))
            scene.n(identifier % 4 + 1)  # and one that another thread writes

    threads = [threading.Thread(target=work, args=(number,)) for number in range(1, 5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
    assert scene.cache.statistics.hits > 100
