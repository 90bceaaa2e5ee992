"""Random histories, cloned while they go on: the clone is its source as of one moment of its log.

TANDEM_PROPERTY_EXAMPLES sets how many histories are tried.
"""

import os
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tandem.assembly.core import Core
from tandem.assembly.settings import Settings
from tandem.errors import TandemError
from tandem.model.decision import NewestState
from tandem.model.event_time import EventTime
from tandem.model.feature_group import (
    FeatureDefinition,
    FeatureGroup,
    FeatureType,
    OfflineStoreConfig,
    OnlineStoreConfig,
    StorageType,
)
from tandem.model.record import FeatureValue
from tandem.model.targets import TargetStores
from tandem.model.time_to_live import TtlDuration, TtlUnit, is_expired
from tandem.model.write import LogEntry
from tandem.online.features_json import decode_features
from tandem.service import copying
from tandem.service.cloning import Clone, CloneRequest, Cloning
from tandem.service.dataset_request import TrainingSetRequest
from tandem.service.group_creation import NewFeatureGroup
from tandem.service.group_log import GroupLog
from tandem.service.records import DeletionMode
from tandem.testing.point_in_time_reference import entry_as_of
from tandem.testing.replay import replay
from unit.service.scenes import START_US, ManualClock, training_rows

EXAMPLES = int(os.environ.get("TANDEM_PROPERTY_EXAMPLES", "100"))
START = START_US // 1_000_000

# Few keys and few moments, so that writes meet. "7" and "007" are one Integral identifier.
KEYS = ["7", "007", "8"]
# Around the clock's start, which moves by seconds, so that records expire while others come.
MOMENTS = [float(START + seconds) for seconds in (-3, -2, -1, 0, 1, 2)]
STORES = [None, TargetStores.ONLINE, TargetStores.OFFLINE]

UNCHANGED: dict[str, FeatureType] = {}
AS_TEXT = dict.fromkeys(("id", "time", "orders"), FeatureType.STRING)
AS_NUMBERS = {"id": FeatureType.FRACTIONAL, "orders": FeatureType.FRACTIONAL}


class Step(NamedTuple):
    """Something that happens to the source or around it."""

    name: str
    arguments: tuple[Any, ...] = ()


def _puts() -> st.SearchStrategy[Step]:
    """Key, event time, orders, target stores, and after how many seconds it expires."""
    orders = st.sampled_from(["1", "+02", "3"])
    ttl = st.sampled_from([None, 1, 2, 3])
    parts = st.tuples(
        st.sampled_from(KEYS), st.sampled_from(MOMENTS), orders, st.sampled_from(STORES), ttl
    )
    return st.builds(Step, st.just("put"), parts)


def _updates() -> st.SearchStrategy[Step]:
    moment = st.none() | st.sampled_from(MOMENTS)
    return st.builds(Step, st.just("update"), st.tuples(st.sampled_from(KEYS), moment))


def _deletes() -> st.SearchStrategy[Step]:
    parts = st.tuples(
        st.sampled_from(KEYS),
        st.sampled_from(MOMENTS),
        st.sampled_from(DeletionMode),
        st.sampled_from(STORES),
    )
    return st.builds(Step, st.just("delete"), parts)


WRITES = st.one_of(_puts(), _puts(), _updates(), _deletes())
AROUND = st.sampled_from(
    [Step("wait", (0.5,)), Step("wait", (1.0,)), Step("deliver"), Step("sweep")]
)
HISTORY = st.lists(st.one_of(WRITES, WRITES, WRITES, AROUND, st.just(Step("retire"))), max_size=25)
# What happens at each of the moments at which cloning looks at the source.
MEANWHILE = st.lists(st.lists(st.one_of(WRITES, AROUND), max_size=3), max_size=12)


Newest = dict[str, tuple[NewestState, tuple[FeatureValue, ...]]]


class Scene:
    """A source, a clock that steps move, and what cloning sees of it."""

    def __init__(self, folder: Path, **backends: str) -> None:
        self.clock = ManualClock()
        settings = Settings(
            data=folder,
            online_map_size_bytes=1 << 26,
            delivery_entries_max=4,
            **backends,  # type: ignore[arg-type]
        )
        self.core = Core(settings, self.clock, in_background=False)
        self.source = self.core.groups.create(_definition())
        self.names = ("id", "time", "orders", "note")

    def play(self, steps: Sequence[Step]) -> None:
        for step in steps:
            with suppress(TandemError):  # an update of nothing, a stale delete
                getattr(self, step.name)(*step.arguments)

    def put(
        self, key: str, moment: float, orders: str, targets: TargetStores | None, ttl: int | None
    ) -> None:
        values = _values(id=key, time=repr(moment), orders=orders)
        if "note" in self.names:
            values += _values(note="n")
        duration = None if ttl is None else TtlDuration(TtlUnit.SECONDS, ttl)
        self.core.records.put("source", values, targets, duration).result()

    def update(self, key: str, moment: float | None) -> None:
        values = [] if moment is None else _values(time=repr(moment))
        self.core.records.update("source", key, [*values, *_values(orders="9")]).result()

    def delete(
        self, key: str, moment: float, mode: DeletionMode, targets: TargetStores | None
    ) -> None:
        self.core.records.delete("source", key, repr(moment), mode, targets).result()

    def wait(self, seconds: float) -> None:
        self.clock.forward(seconds)

    def deliver(self) -> None:
        self.core.delivery.deliver_once()

    def sweep(self) -> None:
        self.core.expiry.expire_once()

    def retire(self) -> None:
        self.core.updates.retire_feature("source", "note")
        self.names = ("id", "time", "orders")

    def entries(self, group: FeatureGroup) -> list[LogEntry]:
        return GroupLog(self.core.online, self.core.offline, group).read(10_000)

    def newest(self, group: FeatureGroup) -> Newest:
        found = self.core.online.scan(group.group_id, None, 10_000)
        return self._unexpired(
            {name: (held.state, decode_features(held.features_json)) for name, held in found}
        )

    def replayed(self, entries: Sequence[LogEntry]) -> Newest:
        return self._unexpired({key.identifier: held for key, held in replay(entries).items()})

    def _unexpired(self, records: Newest) -> Newest:
        now_ms = self.clock.now_us // 1_000
        return {
            name: held
            for name, held in records.items()
            if not is_expired(held[0].expires_at_ms, now_ms)
        }


class Interrupted:
    """The online store, where something happens each time before cloning looks into it.

    known   where the log ended at the last look, and at the look before each reading of records
    """

    def __init__(self, scene: Scene, meanwhile: Sequence[Sequence[Step]]) -> None:
        self._scene = scene
        self._meanwhile = list(meanwhile)
        self.known = [0]

    def __getattr__(self, name: str) -> Any:
        return getattr(self._scene.core.online, name)

    def scan(self, *arguments: Any) -> Any:
        self._interrupt()
        return self._scene.core.online.scan(*arguments)

    def get(self, keys: Any) -> Any:
        self.known.append(self.known[-1])
        self._interrupt()
        return self._scene.core.online.get(keys)

    def log(self) -> Any:
        self._interrupt()
        with self._scene.core.online.log() as log:
            self.known[-1] = log.end(0)
        return self._scene.core.online.log()

    def _interrupt(self) -> None:
        if self._meanwhile:
            self._scene.play(self._meanwhile.pop(0))


def _definition() -> NewFeatureGroup:
    return NewFeatureGroup(
        name="source",
        record_identifier_name="id",
        event_time_name="time",
        features=(
            FeatureDefinition("id", FeatureType.INTEGRAL),
            FeatureDefinition("time", FeatureType.FRACTIONAL),
            FeatureDefinition("orders", FeatureType.INTEGRAL),
            FeatureDefinition("note", FeatureType.STRING),
        ),
        online=OnlineStoreConfig(True, StorageType.STANDARD_V2),
        offline=OfflineStoreConfig("s3://bucket/prefix"),
        role_arn="arn:aws:iam::123456789012:role/test",
    )


def _values(**features: str) -> list[FeatureValue]:
    return [FeatureValue(name, text) for name, text in features.items()]


# What the clone must have, said without the code that makes it.


def key_in_clone(identifier: str, types: Mapping[str, FeatureType]) -> str:
    return f"{identifier}.0" if types.get("id") is FeatureType.FRACTIONAL else identifier


def values_in_clone(
    identifier: str, moment: EventTime, values: Sequence[FeatureValue], scene: Scene, types: Any
) -> tuple[FeatureValue, ...]:
    """Only the identifier and the event time are written differently."""
    by_name = {name: text for name, text in values if name in scene.names}
    if "id" in types:
        by_name["id"] = identifier
    if "time" in types:
        by_name["time"] = moment.isoformat()
    return tuple(FeatureValue(name, text) for name, text in by_name.items())


def rows_in_clone(entries: Sequence[LogEntry], scene: Scene, types: Any) -> list[Any]:
    return [
        (
            key_in_clone(entry.key.identifier, types),
            entry.event_time,
            entry.operation.is_delete,
            entry.invoked_at_us,
            values_in_clone(entry.key.identifier, entry.event_time, entry.values, scene, types),
        )
        for entry in entries
        if _is_row(entry)
    ]


def _is_row(entry: LogEntry) -> bool:
    return TargetStores.OFFLINE in entry.targets


def rows_found(entries: Sequence[LogEntry]) -> list[Any]:
    return [
        (
            entry.key.identifier,
            entry.event_time,
            entry.operation.is_delete,
            entry.invoked_at_us,
            entry.values,
        )
        for entry in entries
        if _is_row(entry)
    ]


def newest_in_clone(entries: Sequence[LogEntry], scene: Scene, types: Any) -> Newest:
    return {
        key_in_clone(identifier, types): (
            state,
            values_in_clone(identifier, state.event_time, values, scene, types),
        )
        for identifier, (state, values) in scene.replayed(entries).items()
    }


def orders_as_of(entries: Sequence[LogEntry], types: Any) -> list[Any]:
    """What each label of `labels` gets."""
    kind = {FeatureType.STRING: str, FeatureType.FRACTIONAL: float}.get(types.get("orders"), int)
    found = []
    for key in ("7", "8"):
        for moment in MOMENTS:
            entry = entry_as_of(entries, key, EventTime(int(moment), 0))
            values = {} if entry is None else dict(entry.values)
            found.append(kind(values["orders"]) if "orders" in values else None)
    return found


def orders_found(scene: Scene, group: FeatureGroup) -> list[Any]:
    kind = {FeatureType.STRING: str, FeatureType.FRACTIONAL: float}
    identifier = kind.get(group.record_identifier.type, int)
    labels = pa.table(
        {
            "id": [identifier(key) for key in ("7", "8") for _ in MOMENTS],
            "event_time": [moment for _ in range(2) for moment in MOMENTS],
        }
    )
    request = TrainingSetRequest(features=(f"{group.name}:orders",))
    return training_rows(scene.core, labels, request).column("orders").to_pylist()


@pytest.fixture(autouse=True, scope="module")
def small_rounds() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(copying, "_ROUND_ENTRIES", 3)
        patch.setattr(copying, "_BATCH_WRITES", 2)
        yield


MEMORY = dict.fromkeys(("online_store", "offline_store", "registry", "query_engine"), "memory")


def check(
    backends: dict[str, str],
    history: Sequence[Step],
    meanwhile: Sequence[Sequence[Step]],
    types: Mapping[str, FeatureType],
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        scene = Scene(Path(folder) / "data", **backends)
        try:
            scene.play(history)
            store = Interrupted(scene, meanwhile)
            core = scene.core
            cloning = Cloning(core.groups, core.records, store, core.offline, scene.clock)
            clone = cloning.clone(CloneRequest(source="source", target="clone", types=types))
            check_clone(scene, store, clone, types)
        finally:
            scene.core.close()


def check_clone(scene: Scene, store: Interrupted, clone: Clone, types: Any) -> None:
    # The last round read the source's records, looked at the log, and read the clone's records.
    known = store.known[-3] if len(store.known) > 1 else store.known[-1]
    everything = scene.entries(scene.source)
    begun = sum(entry.position <= known for entry in everything)
    entries = scene.entries(clone.group)
    rows, newest = rows_found(entries), scene.newest(clone.group)
    cuts = [
        cut
        for cut in range(begun, len(everything) + 1)
        if rows_in_clone(everything[:cut], scene, types) == rows
        and newest_in_clone(everything[:cut], scene, types) == newest
    ]
    assert cuts, (begun, everything, entries, newest)
    assert clone.rows == len(rows)
    pairs = zip(filter(_is_row, everything), filter(_is_row, entries), strict=False)
    assert all(copied.write_time_us > entry.write_time_us for entry, copied in pairs)
    assert scene.replayed(entries) == newest
    assert orders_found(scene, clone.group) == orders_as_of(everything[: cuts[0]], types)
    if len(everything) == cuts[-1] and not types:
        assert orders_found(scene, clone.group) == orders_found(scene, scene.source)
    scene.core.delivery.deliver_all()
    assert rows_found(scene.entries(clone.group)) == rows


TYPES = st.sampled_from([UNCHANGED, AS_TEXT, AS_NUMBERS])


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(history=HISTORY, meanwhile=MEANWHILE, types=TYPES)
def test_a_clone_in_memory(history: Any, meanwhile: Any, types: Any) -> None:
    check(MEMORY, history, meanwhile, types)


@settings(max_examples=EXAMPLES // 4, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(history=HISTORY, meanwhile=MEANWHILE, types=TYPES)
def test_a_clone_on_disk(history: Any, meanwhile: Any, types: Any) -> None:
    check({}, history, meanwhile, types)
