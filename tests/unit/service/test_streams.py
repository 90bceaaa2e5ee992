"""Streams: a batch is in with its marks or not at all, and means what its puts and deletes mean."""

import pyarrow as pa
import pytest

from tandem.assembly.core import Core
from tandem.errors import ConflictError, ResourceNotFound, StoreUnavailable, ValidationError
from tandem.model.feature_group import FeatureGroup
from tandem.model.targets import TargetStores
from tandem.online.base import Mark
from tandem.service.streams import BadRecord, Move, Run, StreamBatch
from unit.service.scenes import ManualClock

MANY = 200
"""More than are written one by one."""


def rows(count: int, start: int = 0, **columns: object) -> pa.Table:
    return pa.table(
        {
            "id": [f"C{number % 7}" for number in range(start, start + count)],
            "time": [1.7e9] * count,
            "orders": list(range(start, start + count)),
            **columns,
        }
    )


def deletes(*identifiers: str) -> pa.Table:
    return pa.table({"id": identifiers, "time": [1.7e9] * len(identifiers)})


def batch(after: int, *runs: Run, before: str | None = None, partition: str = "0") -> StreamBatch:
    moves = [Move(partition, before, str(after))]
    return StreamBatch(stream="s", topic="t", moves=moves, runs=runs)


def put(given: pa.Table, **members: object) -> Run:
    return Run(group="customers", rows=given, **members)  # type: ignore[arg-type]


def history(core: Core) -> list[int]:
    core.delivery.deliver_all()
    found = core.queries.sql("SELECT orders FROM customers WHERE NOT is_deleted")
    return sorted(found.column("orders").to_pylist())


@pytest.mark.parametrize("count", [5, MANY])
def test_records_and_marks_are_in_together(core: Core, customers: FeatureGroup, count: int) -> None:
    assert core.streams.commit(batch(count, put(rows(count)))) == []
    assert core.streams.positions("s", "t", ["0", "1"]) == {"0": str(count), "1": None}
    assert history(core) == list(range(count))
    for before in (None, str(count - 1)):
        with pytest.raises(ConflictError):
            core.streams.commit(batch(9, put(rows(count)), before=before))
    assert history(core) == list(range(count))


@pytest.mark.parametrize("count", [5, MANY])
def test_nothing_is_in_where_a_record_does_not_fit(
    core: Core, customers: FeatureGroup, count: int
) -> None:
    bad = rows(count, orders=["x" if row == 3 else str(row) for row in range(count)])
    (found,) = core.streams.commit(batch(1, put(rows(count)), put(bad)))
    assert found[:2] == (1, 3)
    assert isinstance(found, BadRecord)
    assert "'x'" in found.reason
    assert core.streams.positions("s", "t", ["0"]) == {"0": None}
    assert history(core) == []


@pytest.mark.parametrize("count", [5, MANY])
def test_runs_are_written_in_their_order(core: Core, customers: FeatureGroup, count: int) -> None:
    gone = put(deletes("C1", "C2"), deletes=True)
    back = put(rows(1, count, id=["C2"]))
    core.streams.commit(batch(1, put(rows(count)), gone, back))
    assert core.records.get("customers", "C1") is None
    found = core.records.get("customers", "C2")
    assert found is not None
    assert f'"{count}"'.encode() in found.features_json
    assert core.records.get("customers", "C3") is not None


def test_several_partitions_move_together(core: Core, customers: FeatureGroup) -> None:
    moves = [Move("0", None, "1"), Move("1", None, "1")]
    core.streams.commit(StreamBatch(stream="s", topic="t", moves=moves))
    moves = [Move("0", "1", "2"), Move("1", "0", "2")]
    with pytest.raises(ConflictError):
        core.streams.commit(StreamBatch(stream="s", topic="t", moves=moves, runs=[put(rows(3))]))
    assert core.streams.positions("s", "t", ["0", "1"]) == {"0": "1", "1": "1"}
    assert history(core) == []


def test_marks_are_kept(core: Core, customers: FeatureGroup, clock: ManualClock) -> None:
    core.streams.commit(batch(1))
    clock.forward(10 * 365 * 86_400)
    core.expiry.expire_once()
    assert core.streams.positions("s", "t", ["0"]) == {"0": "1"}


def test_a_store_that_is_away_has_none_of_it(
    core: Core, customers: FeatureGroup, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(writes: object, clock: object) -> None:
        assert any(isinstance(one, Mark) for one in writes)  # type: ignore[attr-defined]
        raise StoreUnavailable("full")

    with monkeypatch.context() as patch:
        patch.setattr(core.online, "write", full)
        with pytest.raises(StoreUnavailable):
            core.streams.commit(batch(1, put(rows(MANY))))
    assert history(core) == []
    assert core.streams.commit(batch(1, put(rows(MANY)))) == []
    assert len(history(core)) == MANY
    core.online.staging.clean()


@pytest.mark.parametrize(
    "wrong",
    [
        StreamBatch(stream="s", topic="t", moves=[]),
        StreamBatch(stream="s", topic="t", moves=[Move("0", None, "")]),
        StreamBatch(stream="s", topic="t", moves=[Move("0", None, "1"), Move("0", None, "1")]),
        StreamBatch(stream="s/x", topic="t", moves=[Move("0", None, "1")]),
        StreamBatch(stream="s", topic="t", moves=[Move("0", None, "x" * 257)]),
        batch(1, put(rows(10_001))),
        batch(1, put(rows(1, colour=["red"]))),
        batch(1, put(rows(1), targets=TargetStores(0))),
    ],
)
def test_what_cannot_be_meant_is_refused(
    core: Core, customers: FeatureGroup, wrong: StreamBatch
) -> None:
    with pytest.raises(ValidationError):
        core.streams.commit(wrong)
    assert history(core) == []


def test_an_unknown_group(core: Core) -> None:
    with pytest.raises(ResourceNotFound):
        core.streams.commit(batch(1, put(rows(1))))
