"""What each operation costs, and what happens to those there are no units for."""

from dataclasses import replace
from math import ceil

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tandem.assembly.buckets import BucketsInMemory
from tandem.assembly.core import Core
from tandem.errors import Throttled, ValidationError
from tandem.model.changes import GroupUpdate, ThroughputUpdate
from tandem.model.feature_group import (
    FeatureGroup,
    StorageType,
    ThroughputConfig,
    ThroughputMode,
)
from tandem.model.record import FeatureValue
from tandem.model.targets import TargetStores
from tandem.model.usage import Period, UsageCounts
from tandem.online.features_json import encode_features, record_bytes
from tandem.rows.record_table import check_rows, write_units_of_rows
from tandem.service.batch_get import RecordsAsked
from tandem.service.cloning import CloneRequest
from tandem.service.dataset_request import TrainingSetRequest
from tandem.service.records import DeletionMode
from tandem.service.streams import Move, Run, StreamBatch
from tandem.service.throughput import Throughput
from tandem.testing.purchases import purchases_group
from unit.service.scenes import ManualClock, definition, record

ON_DEMAND = ThroughputUpdate(ThroughputMode.ON_DEMAND)


def provisioned(read_units: int = 0, write_units: int = 0) -> ThroughputConfig:
    return ThroughputConfig(ThroughputMode.PROVISIONED, read_units, write_units)


def used(core: Core, name: str = "customers") -> UsageCounts:
    total = UsageCounts()
    for one in core.usage.of(name, Period.HOUR, 0, 1 << 52):
        total = total.plus(one.row.counts)
    return total


def put(core: Core, *records: list[FeatureValue], name: str = "customers") -> None:
    for values in records:
        core.records.put(name, values).result()


def test_a_put_costs_a_unit_a_kb(core: Core, customers: FeatureGroup) -> None:
    # id, time and note are 10 bytes of names, C1 and 1.0 are 5 of values.
    put(core, record(note="x" * (1_024 - 15)), record("C2", note="x" * (1_025 - 15)))
    assert used(core) == UsageCounts(records_written=2, consumed_write_requests_units=1 + 2)


def test_a_historic_put_and_one_for_history_alone_cost_as_much(
    core: Core, customers: FeatureGroup
) -> None:
    put(core, record(time=5.0), record(time=1.0))
    core.records.put("customers", record(), TargetStores.OFFLINE).result()
    assert used(core) == UsageCounts(records_written=3, consumed_write_requests_units=3)


def test_a_delete_costs_a_unit(core: Core, customers: FeatureGroup) -> None:
    put(core, record(note="x" * 5_000))
    core.records.delete("customers", "C1", "2.0").result()
    core.records.delete("customers", "C1", "3.0", DeletionMode.HARD).result()
    assert used(core) == UsageCounts(records_written=3, consumed_write_requests_units=5 + 1 + 1)


def test_an_update_costs_what_the_record_is_after_it(core: Core) -> None:
    core.groups.create(definition(storage_type=StorageType.STANDARD_V2))
    put(core, record(note="x" * 3_000))
    core.records.update("customers", "C1", [FeatureValue("orders", "1")]).result()
    assert used(core).consumed_write_requests_units == 3 + 3
    core.records.update("customers", "C1", [FeatureValue("note", "y")]).result()
    assert used(core).consumed_write_requests_units == 3 + 3 + 1


def test_a_read_costs_a_unit_for_4_kb_of_the_whole_record(
    core: Core, customers: FeatureGroup
) -> None:
    put(core, record(note="x" * 4_096), record("C2", note="y"))
    core.records.get("customers", "C1", ["id"])
    core.records.get_many("customers", ["C1", "C2"])
    counts = used(core)
    assert (counts.records_read, counts.consumed_read_requests_units) == (3, 2 + 2 + 1)


def test_a_record_that_is_not_there_costs_nothing(core: Core, customers: FeatureGroup) -> None:
    put(core, record())
    core.records.delete("customers", "C1", "2.0").result()
    assert core.records.get_many("customers", ["C1", "C2"]) == [None, None]
    core.records.list("customers")
    counts = used(core)
    assert (counts.records_read, counts.consumed_read_requests_units) == (0, 0)


def test_a_call_that_is_refused_costs_nothing(core: Core, customers: FeatureGroup) -> None:
    with pytest.raises(ValidationError):
        core.records.put("customers", record(orders="many"))
    with pytest.raises(ValidationError):
        core.records.get("customers", "C1", ["nothing"])
    assert used(core) == UsageCounts()


def test_reads_beyond_the_units_are_throttled(core: Core, clock: ManualClock) -> None:
    core.groups.create(definition(throughput=provisioned(read_units=2, write_units=10)))
    put(core, record())
    for _ in range(2):
        assert core.records.get("customers", "C1") is not None
    with pytest.raises(Throttled, match=r"'customers'.*ProvisionedReadCapacityUnits \(2 a second"):
        core.records.get("customers", "C1")
    assert core.records.get("customers", "missing") is None
    clock.forward(0.5)
    assert core.records.get("customers", "C1") is not None
    assert used(core) == UsageCounts(
        records_read=3,
        records_written=1,
        consumed_read_capacity_units=3,
        consumed_write_capacity_units=1,
        throttled_requests=1,
    )


def test_writes_beyond_the_units_are_throttled_and_leave_no_trace(
    core: Core, clock: ManualClock
) -> None:
    core.groups.create(definition(throughput=provisioned(read_units=9, write_units=1)))
    put(core, record(note="first"))
    with pytest.raises(Throttled, match="ProvisionedWriteCapacityUnits"):
        core.records.put("customers", record(note="second")).result()
    with pytest.raises(Throttled):
        core.records.delete("customers", "C1", "2.0").result()
    found = core.records.get("customers", "C1")
    assert found is not None
    assert b"first" in found.features_json
    clock.forward(1)
    put(core, record(note="third"))
    assert used(core).throttled_requests == 2


def test_some_of_a_batch_of_reads_pass(core: Core) -> None:
    core.groups.create(definition(throughput=provisioned(read_units=2, write_units=10)))
    put(core, *(record(f"C{number}") for number in range(4)))
    asked = RecordsAsked("customers", ["missing", "C0", "C1", "gone", "C2", "C3"])
    (found,) = core.batch_get.read([asked])
    kinds = [type(one).__name__ for one in found.records]
    assert kinds == ["NoneType", "OnlineRecord", "OnlineRecord", "NoneType"]
    assert used(core).throttled_requests == 2
    with pytest.raises(Throttled):
        core.records.get_many("customers", ["C0", "C1"])


def test_feature_vectors_are_reads(core: Core) -> None:
    core.groups.create(definition(throughput=provisioned(read_units=3, write_units=10)))
    put(core, record("C0", orders=1), record("C1", orders=2))
    entities = pa.table({"id": ["C0", "C1", "missing"]})
    request = TrainingSetRequest(features=("customers:orders",))
    made = core.feature_vectors.read(entities, request)
    assert made.features.column("orders").to_pylist() == [1, 2, None]
    with pytest.raises(Throttled, match="ask for fewer records at a time"):
        core.feature_vectors.read(entities, request)
    assert used(core).consumed_read_capacity_units == 2


def test_some_of_a_batch_of_writes_pass(core: Core, customers: FeatureGroup) -> None:
    core.groups.create(definition("limited", throughput=provisioned(write_units=2)))
    names = ["limited", "customers", "limited", "limited", "customers"]
    writes = [core.records.check_put(name, record(f"C{n}")) for n, name in enumerate(names)]
    errors = core.records.commit(writes).result()
    assert [type(error).__name__ for error in errors] == [
        *("NoneType", "NoneType", "NoneType", "Throttled", "NoneType")
    ]
    assert core.records.list("limited").identifiers == ("C0", "C2")


def test_a_switch_applies_at_once(core: Core) -> None:
    core.groups.create(definition(throughput=provisioned(write_units=1)))
    put(core, record())
    with pytest.raises(Throttled):
        put(core, record())
    core.updates.update("customers", GroupUpdate(throughput=ON_DEMAND))
    put(core, *[record()] * 5)
    again = ThroughputUpdate(ThroughputMode.PROVISIONED, 1, 3)
    core.updates.update("customers", GroupUpdate(throughput=again))
    put(core, *[record()] * 3)
    with pytest.raises(Throttled):
        put(core, record())
    counts = used(core)
    assert counts.consumed_write_capacity_units == 1 + 3
    assert counts.consumed_write_requests_units == 5


def test_no_units_are_none(core: Core, clock: ManualClock) -> None:
    core.groups.create(definition(throughput=provisioned(read_units=0, write_units=1)))
    put(core, record())
    clock.forward(3_600)
    with pytest.raises(Throttled):
        core.records.get("customers", "C1")


def test_loads_are_counted_apart_and_not_throttled(core: Core) -> None:
    core.groups.create(definition(throughput=provisioned(write_units=1)))
    rows = pa.table(
        {"id": ["a", "b", "c"], "time": [1.0] * 3, "note": ["x", "y" * 900, "z" * 2_000]}
    )
    core.ingestion.ingest("customers", rows)
    assert used(core) == UsageCounts(rows_loaded=3, load_units=1 + 1 + 2)
    core.records.put("customers", record("d")).result()


@pytest.mark.parametrize("count", [2, 100])
def test_streams_count_as_loads(core: Core, customers: FeatureGroup, count: int) -> None:
    rows = pa.table(
        {
            "id": [f"C{number}" for number in range(count)],
            "time": [1.0] * count,
            "note": ["x" * 1_500] * count,
        }
    )
    batch = StreamBatch(
        stream="s",
        topic="t",
        moves=[Move("0", None, "1")],
        runs=[Run(group="customers", rows=rows)],
    )
    assert core.streams.commit(batch) == []
    assert used(core) == UsageCounts(rows_loaded=count, load_units=2 * count)


def test_a_clone_costs_nothing(core: Core, customers: FeatureGroup) -> None:
    put(core, record())
    core.cloning.clone(CloneRequest(source="customers", target="copy"))
    assert used(core, "copy") == UsageCounts()


def test_units_at_hand_are_those_of_the_rate_in_force() -> None:
    group = purchases_group()
    clock = ManualClock()
    asked: list[tuple[int, int, int]] = []

    class Recording(BucketsInMemory):
        def take(self, group_id, direction, units_per_second, needed, wanted):
            asked.append((units_per_second, needed, wanted))
            return super().take(group_id, direction, units_per_second, needed, wanted)

    throughput = Throughput(lambda _: group, Recording(clock))
    group = replace(group, throughput=provisioned(write_units=100))
    for _ in range(7):
        assert throughput.write(group.group_id, 1) is None
    assert asked == [(100, 1, 6), (100, 1, 6)]  # six calls ask once
    group = replace(group, throughput=provisioned(write_units=40))
    assert throughput.write(group.group_id, 1) is None
    assert asked[2:] == [(40, 1, 3)]


texts = st.text(max_size=30) | st.text('"\\\n\tä€😀{FeatureName:', max_size=30)
values = st.lists(
    st.builds(
        FeatureValue,
        st.from_regex(r"[a-z][a-z0-9_-]{0,9}", fullmatch=True),
        texts
        | st.builds(lambda text, times: text * times, texts, st.integers(0, 400))
        | st.lists(texts, max_size=4).map(tuple),
    ),
    max_size=8,
)


def plain_size(given: list[FeatureValue]) -> int:
    """Names and values, in bytes of UTF-8."""
    size = 0
    for name, value in given:
        elements = (value,) if isinstance(value, str) else value
        size += len(name.encode()) + sum(len(element.encode()) for element in elements)
    return size


@given(values)
def test_the_size_of_a_record_s_json_is_that_of_its_names_and_values(
    given: list[FeatureValue],
) -> None:
    assert record_bytes(encode_features(given)) == plain_size(given)


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(values.filter(bool), min_size=1, max_size=5))
def test_units_are_those_of_each_record_rounded_up(records: list[list[FeatureValue]]) -> None:
    group = purchases_group()
    throughput = Throughput(lambda _: group, BucketsInMemory(ManualClock()))
    assert throughput.read(group, [encode_features(one) for one in records]) == len(records)
    for one in records:
        assert throughput.write(group.group_id, plain_size(one)) is None
    counts = throughput.take_counts()[group.group_id]
    sizes = [plain_size(one) for one in records]
    assert counts.consumed_read_requests_units == sum(ceil(size / 4_096) for size in sizes)
    assert counts.consumed_write_requests_units == sum(ceil(size / 1_024) for size in sizes)


@given(
    st.lists(
        st.tuples(
            st.integers(-(2**63), 2**63 - 1) | st.none(),
            st.text(max_size=20) | st.builds("é".__mul__, st.integers(0, 1_000)) | st.none(),
        ),
        min_size=1,
        max_size=6,
    )
)
def test_rows_of_a_table_cost_what_they_cost_one_by_one(
    rows: list[tuple[int | None, str | None]],
) -> None:
    group = purchases_group()
    moment = "2024-01-01T00:00:00Z"
    table = pa.table(
        {
            "customer": pa.array([text or "C" for _, text in rows], pa.string()),
            "bought_at": [moment] * len(rows),
            "items": pa.array([number for number, _ in rows], pa.int64()),
        }
    )
    checked = check_rows(group, table, stops_at_first=True)
    assert not checked.bad_rows
    found = write_units_of_rows(checked.table).tolist()
    assert found == [
        ceil(
            plain_size(
                [
                    FeatureValue("customer", text or "C"),
                    FeatureValue("bought_at", moment),
                    *([] if number is None else [FeatureValue("items", str(number))]),
                ]
            )
            / 1_024
        )
        for number, text in rows
    ]
