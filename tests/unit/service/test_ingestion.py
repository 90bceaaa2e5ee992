"""Ingestion: what is decided as puts are, what a call that was cut short leaves, bad input."""

import random
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from tandem.assembly.core import Core
from tandem.errors import ConflictError, ResourceNotFound, StoreUnavailable, ValidationError
from tandem.model.feature_group import FeatureGroup
from tandem.model.record import FeatureValue
from tandem.model.targets import TargetStores
from tandem.model.time_to_live import TtlDuration, TtlUnit
from tandem.online.base import Outcome, Request, SegmentWrite
from tandem.service import group_commit, ingestion, ingestion_chunks
from tandem.service.ingestion import IngestOptions, OnError
from tandem.testing.replay import replay
from unit.service.scenes import START_US, ManualClock, definition, record

START = START_US / 1e6


@pytest.fixture(autouse=True)
def small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    """Chunks of 100 rows, in slices of 30, each of which commits and fails alone."""
    monkeypatch.setattr(ingestion_chunks, "CHUNK_ROWS", 100)
    monkeypatch.setattr(ingestion, "_SLICE_ROWS", 30)
    monkeypatch.setattr(group_commit, "_BATCH_WRITES_MAX", 1)


def table(count: int = 250, keys: int = 40, **columns: Any) -> pa.Table:
    chance = random.Random(count)
    return pa.table(
        {
            "id": [f"C{chance.randrange(keys)}" for _ in range(count)],
            "time": [START + chance.randrange(20) for _ in range(count)],
            "orders": list(range(count)),
            **columns,
        }
    )


def pieces(rows: pa.Table, size: int = 35) -> Iterator[pa.Table]:
    return (rows.slice(start, size) for start in range(0, rows.num_rows, size))


def rows_in_history(core: Core, group: str = "customers") -> list[int]:
    core.delivery.deliver_all()
    found = core.queries.sql(f'SELECT orders FROM "{group}"').column("orders")
    return sorted(found.to_pylist())


def newest(core: Core, group: FeatureGroup) -> dict[str, object]:
    found = core.online.scan(group.group_id, None, 1_000)
    return {identifier: (one.state, one.features_json) for identifier, one in found}


class Failing:
    """The online store's `write`, failing as it is told."""

    def __init__(self, core: Core, monkeypatch: pytest.MonkeyPatch) -> None:
        self.fails_at: set[int] = set()
        self.segments = 0
        self.slices: list[int] = []
        self._write = core.online.write
        monkeypatch.setattr(core.online, "write", self.write)

    def write(self, writes: Sequence[Request], clock: Callable[[], int]) -> list[Outcome]:
        for write in writes:
            if isinstance(write, SegmentWrite):
                self.segments += 1
                self.slices.append(write.count)
                if self.segments in self.fails_at:
                    raise StoreUnavailable("the disk is full")
        return self._write(writes, clock)


@pytest.mark.parametrize("ttl_seconds", [None, 10])
@pytest.mark.parametrize("given", ["table", "pieces"])
def test_the_same_as_puts_in_row_order(core: Core, ttl_seconds: int | None, given: str) -> None:
    ttl = ttl_seconds and TtlDuration(TtlUnit.SECONDS, ttl_seconds)
    one, other = (core.groups.create(definition(name, ttl=ttl or None)) for name in ("one", "two"))
    rows = table()
    for group in ("one", "two"):
        core.records.put(group, record("C1", START + 10, orders=-1)).result()
        core.records.put(
            group, record("C2", START - 5, orders=-2), ttl=TtlDuration(TtlUnit.DAYS, 1)
        ).result()
    done = core.ingestion.ingest("one", rows if given == "table" else pieces(rows))
    assert (done.rows, done.failed) == (250, None)
    for row in rows.to_pylist():
        values = [FeatureValue(name, str(value)) for name, value in row.items()]
        core.records.put("two", values).result()
    assert newest(core, one) == newest(core, other)
    assert rows_in_history(core, "one") == rows_in_history(core, "two") == [-2, -1, *range(250)]
    entries = list(core.offline.archived(one))
    held = {key.identifier: state for key, (state, _) in replay(entries).items()}
    assert held == {identifier: one[0] for identifier, one in newest(core, one).items()}
    of_key = [dict(entry.values)["orders"] for entry in entries if entry.key.identifier == "C3"]
    assert of_key == sorted(of_key, key=int), "rows of a key keep their order"


def test_history_alone(core: Core, customers: FeatureGroup) -> None:
    core.records.put("customers", record("C1", 1.0, orders=-1)).result()
    core.ingestion.ingest("customers", table(), IngestOptions(targets=TargetStores.OFFLINE))
    assert list(newest(core, customers)) == ["C1"]
    assert rows_in_history(core) == list(range(-1, 250))


def test_undelivered_rows_are_in_queries(core: Core, customers: FeatureGroup) -> None:
    core.ingestion.ingest("customers", table())
    found = core.queries.sql('SELECT count(*) AS n, sum(orders) AS s FROM "customers"').to_pylist()
    assert found == [{"n": 250, "s": sum(range(250))}]


def test_progress_is_told(core: Core, customers: FeatureGroup) -> None:
    told: list[int] = []
    core.ingestion.ingest("customers", pieces(table()), progress=told.append)
    assert told == sorted(told)
    assert told[-1] == 250
    assert len(told) >= 9


def test_slices_of_large_records_are_smaller(
    core: Core, customers: FeatureGroup, monkeypatch: pytest.MonkeyPatch
) -> None:
    watched = Failing(core, monkeypatch)
    core.ingestion.ingest("customers", table(60, note=["x" * 300_000] * 60))
    assert max(watched.slices) <= 7
    assert sum(watched.slices) == 60


# --- cut short, and gone on with


@pytest.mark.parametrize("fails_at", [{1}, {2}, {4}, {5}, {9}])
@pytest.mark.parametrize("targets", [None, TargetStores.OFFLINE])
def test_the_same_call_goes_on(
    core: Core,
    customers: FeatureGroup,
    monkeypatch: pytest.MonkeyPatch,
    fails_at: set[int],
    targets: TargetStores | None,
) -> None:
    rows = table()
    watched = Failing(core, monkeypatch)
    options = IngestOptions(ingestion_id="load-1", targets=targets)
    watched.fails_at = {1 if targets and fails_at != {2} else min(fails_at)}
    with pytest.raises(StoreUnavailable, match=r"no row was written|ingestion_id='load-1'"):
        core.ingestion.ingest("customers", pieces(rows), options)
    watched.fails_at = set()
    before = len(core.queries.sql('SELECT * FROM "customers"'))
    done = core.ingestion.ingest("customers", pieces(rows, 17), options)
    assert done.rows == 250 - before
    assert rows_in_history(core) == list(range(250))
    assert core.ingestion.ingest("customers", rows, options).rows == 0
    assert rows_in_history(core) == list(range(250))


def test_every_interruption_is_survived(
    core: Core, customers: FeatureGroup, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows, options = table(), IngestOptions(ingestion_id="load-1")
    watched = Failing(core, monkeypatch)
    attempts, chance = 0, random.Random(1)
    while True:
        watched.fails_at = {watched.segments + chance.randint(1, 6)}
        attempts += 1
        try:
            core.ingestion.ingest("customers", pieces(rows), options)
            break
        except StoreUnavailable:
            assert attempts < 100
    assert attempts > 2
    assert rows_in_history(core) == list(range(250))


def test_two_calls_of_one_id_do_not_double(
    core: Core, customers: FeatureGroup, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows, options = table(), IngestOptions(ingestion_id="load-1")

    def meanwhile() -> Iterator[pa.Table]:
        yield rows.slice(0, 150)
        core.ingestion.ingest("customers", rows, options)
        yield rows.slice(150)

    with pytest.raises(ConflictError, match="was moved meanwhile"):
        core.ingestion.ingest("customers", meanwhile(), options)
    core.ingestion.ingest("customers", rows, options)  # where the other one has come to
    assert rows_in_history(core) == list(range(250))


def test_another_input_is_not_taken_for_the_same(
    core: Core, customers: FeatureGroup, monkeypatch: pytest.MonkeyPatch
) -> None:
    watched, options = Failing(core, monkeypatch), IngestOptions(ingestion_id="load-1")
    watched.fails_at = {2}
    with pytest.raises(StoreUnavailable):
        core.ingestion.ingest("customers", table(), options)
    watched.fails_at = set()
    other = table().set_column(0, "id", pa.array([f"other {row}" for row in range(250)]))
    with pytest.raises(ConflictError, match="are not those that"):
        core.ingestion.ingest("customers", other, options)
    assert core.ingestion.standing("customers", "load-1").written == 30
    core.ingestion.ingest("customers", table(), options)
    with pytest.raises(ConflictError, match="fewer rows"):
        core.ingestion.ingest("customers", table().slice(0, 99), options)


def test_parts_of_an_input(core: Core, customers: FeatureGroup) -> None:
    def ingest(start: int, end: int) -> int:
        options = IngestOptions(ingestion_id="load-1", start=start)
        return core.ingestion.ingest("customers", table().slice(start, end - start), options).rows

    assert (ingest(0, 80), ingest(0, 80), ingest(50, 120)) == (80, 0, 40)
    with pytest.raises(ConflictError, match="only 120 are in"):
        ingest(130, 250)
    assert ingest(120, 250) == 130
    assert rows_in_history(core) == list(range(250))


def test_marks_are_forgotten(core: Core, customers: FeatureGroup, clock: ManualClock) -> None:
    done = core.ingestion.ingest("customers", table(9))
    assert core.ingestion.standing("customers", done.ingestion_id).rows == 0
    core.ingestion.ingest("customers", table(9), IngestOptions(ingestion_id="x"))
    assert core.ingestion.standing("customers", "x").rows == 9
    clock.forward(7 * 86_400 + 1)
    core.expiry.expire_once()
    assert core.ingestion.standing("customers", "x").rows == 0


def test_staged_files_go_when_all_is_delivered(core: Core, customers: FeatureGroup) -> None:
    core.ingestion.ingest("customers", pieces(table()))
    staged = core.settings.data / "online" / "staged"
    assert len(list(staged.glob("*.arrow"))) == 3
    core.delivery.deliver_all()
    core.expiry.expire_once()
    assert list(staged.glob("*.arrow")) == []
    assert rows_in_history(core) == list(range(250))


# --- rows that do not fit


def with_bad_rows(*bad: int) -> pa.Table:
    orders: list[float] = [float(row) for row in range(250)]
    for row in bad:
        orders[row] = row + 0.5
    return table().set_column(2, "orders", pa.array(orders))


def test_a_table_in_memory_is_checked_whole(core: Core, customers: FeatureGroup) -> None:
    expected = r"^row 249: the value '249.5' of feature 'orders' does not fit Integral; no row was"
    with pytest.raises(ValidationError, match=expected):
        core.ingestion.ingest("customers", with_bad_rows(249))
    assert rows_in_history(core) == []
    assert newest(core, customers) == {}


def test_a_stream_says_what_is_written(core: Core, customers: FeatureGroup) -> None:
    options = IngestOptions(ingestion_id="load-1")
    with pytest.raises(ValidationError, match=r"^row 120: .*; 100 rows of the input are done"):
        core.ingestion.ingest("customers", pieces(with_bad_rows(120)), options)
    assert core.queries.sql('SELECT * FROM "customers"').num_rows == 100
    assert core.ingestion.ingest("customers", pieces(table()), options).rows == 150
    assert rows_in_history(core) == list(range(250))


@pytest.mark.parametrize("given", ["table", "pieces"])
def test_rows_that_do_not_fit_are_left_out(core: Core, customers: FeatureGroup, given: str) -> None:
    bad = [0, 1, 99, 100, 180, 249]
    rows, options = with_bad_rows(*bad), IngestOptions(on_error=OnError.SKIP)
    done = core.ingestion.ingest("customers", rows if given == "table" else pieces(rows), options)
    assert done.rows == 244
    assert done.failed is not None
    assert done.failed.column("_row").to_pylist() == bad
    assert done.failed.column("orders").to_pylist() == [row + 0.5 for row in bad]
    assert done.failed.column("_reason")[2].as_py().startswith("the value '99.5' of feature")
    assert rows_in_history(core) == [row for row in range(250) if row not in bad]


def test_a_chunk_of_bad_rows_alone(core: Core, customers: FeatureGroup) -> None:
    options = IngestOptions(on_error=OnError.SKIP, ingestion_id="load-1")
    done = core.ingestion.ingest("customers", with_bad_rows(*range(100, 250)), options)
    assert done.rows == 100
    assert core.ingestion.standing("customers", "load-1").rows == 250
    assert core.ingestion.standing("customers", "load-1").bad_rows == 150


def test_rows_are_left_out_across_interruptions(
    core: Core, customers: FeatureGroup, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = with_bad_rows(5, 120)
    options = IngestOptions(on_error=OnError.SKIP, ingestion_id="load-1")
    watched = Failing(core, monkeypatch)
    for fails_at in (2, 5, 0):
        watched.fails_at, watched.segments = {fails_at}, 0
        try:
            core.ingestion.ingest("customers", pieces(rows), options)
        except StoreUnavailable:
            assert fails_at
    assert rows_in_history(core) == [row for row in range(250) if row not in (5, 120)]
    assert core.ingestion.standing("customers", "load-1").bad_rows == 2


def test_an_input_that_is_the_wrong_one_is_not_gone_through(
    core: Core, customers: FeatureGroup, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ingestion, "_BAD_ROWS_MAX", 10)
    options = IngestOptions(on_error=OnError.SKIP)
    with pytest.raises(ValidationError, match="more than 10 rows do not fit, such as row 0"):
        core.ingestion.ingest("customers", with_bad_rows(*range(250)), options)


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"id": ["a"], "orders": [1]}, "row 0: the event time feature 'time' .* is missing"),
        ({"time": [1.0]}, "row 0: the record identifier feature 'id' .* is missing"),
        ({"id": ["a"], "time": [1.0], "oders": [1]}, r"no features \['oders'\]"),
        ({"id": ["a"], "time": ["yesterday"]}, "row 0: .*'yesterday'"),
    ],
)
def test_wrong_columns_are_named(
    core: Core, customers: FeatureGroup, columns: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValidationError, match=message):
        core.ingestion.ingest("customers", pa.table(columns))
    assert rows_in_history(core) == []


def test_what_is_refused_before_a_row_is_read(core: Core, customers: FeatureGroup) -> None:
    def unread() -> Iterator[pa.Table]:
        raise AssertionError("the input was read")
        yield

    with pytest.raises(ResourceNotFound):
        core.ingestion.ingest("unknown", unread())
    core.groups.create(definition("online", offline=False))
    with pytest.raises(ValidationError, match="TargetStores"):
        core.ingestion.ingest("online", unread(), IngestOptions(targets=TargetStores.OFFLINE))
    with pytest.raises(ValidationError, match="1 to 128 characters"):
        core.ingestion.ingest("customers", unread(), IngestOptions(ingestion_id=""))
    with pytest.raises(ValidationError, match="384 bytes in UTF-8"):
        core.ingestion.ingest("customers", unread(), IngestOptions(ingestion_id="😀" * 128))
    longest = IngestOptions(ingestion_id="語" * 128)
    assert core.ingestion.ingest("customers", table(3), longest).rows == 3


def test_a_group_that_is_deleted_meanwhile(core: Core, customers: FeatureGroup) -> None:
    def deleting() -> Iterator[pa.Table]:
        yield table().slice(0, 100)
        core.groups.delete("customers")
        yield table().slice(100)

    with pytest.raises(ResourceNotFound):
        core.ingestion.ingest("customers", deleting())


def test_a_group_without_an_offline_store(core: Core) -> None:
    group = core.groups.create(definition("online", offline=False))
    assert core.ingestion.ingest("online", table()).rows == 250
    assert len(newest(core, group)) == 40
    core.delivery.deliver_all()


def test_rows_of_several_schemas(core: Core, customers: FeatureGroup) -> None:
    rows = table(90)
    texts = rows.set_column(2, "orders", rows.column("orders").cast(pa.string()))
    given = [rows.slice(0, 30), texts.slice(30, 30), rows.select(["id", "time"]).slice(60)]
    assert core.ingestion.ingest("customers", given).rows == 90
    core.delivery.deliver_all()
    counts = core.queries.sql('SELECT count(*) AS n, count(orders) AS o FROM "customers"')
    assert counts.to_pylist() == [{"n": 90, "o": 60}]


def test_failed_rows_of_several_schemas(core: Core, customers: FeatureGroup) -> None:
    numbers = with_bad_rows(1).slice(0, 2)
    texts = table(2, orders=["many", "7"])
    options = IngestOptions(on_error=OnError.SKIP)
    done = core.ingestion.ingest(
        "customers", [numbers, texts, table(2, note=[["x"], None])], options
    )
    assert done.rows == 3
    assert done.failed is not None
    assert done.failed.column("_row").to_pylist() == [1, 2, 4]
    assert done.failed.column("orders").to_pylist() == ["1.5", "many", "0"]


def test_nothing_to_ingest(core: Core, customers: FeatureGroup) -> None:
    assert core.ingestion.ingest("customers", table(0)).rows == 0
    assert core.ingestion.ingest("customers", []).rows == 0


def test_a_hot_key(core: Core, customers: FeatureGroup) -> None:
    """More rows of one key than a slice has."""
    rows = pa.table(
        {"id": ["C"] * 90, "time": np.full(90, START), "orders": np.arange(90, dtype=np.int64)}
    )
    core.ingestion.ingest("customers", rows)
    found = core.records.get("customers", "C")
    assert found is not None
    assert dict(found.values())["orders"] == "89"
