"""Batch loads over a core: what they take, and what is wrong with it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest

from tandem.assembly.core import Core
from tandem.errors import (
    ConflictError,
    ResourceNotFound,
    StoreUnavailable,
    ValidationError,
)
from tandem.model.batch_load import LoadStatus
from tandem.service.batch_loads.request import NewBatchLoad
from tandem.service.ingestion import IngestOptions
from unit.service.batch_loads.scenes import (
    SECONDS_MAX,
    START,
    Gate,
    done,
    in_history,
    load_of,
    over,
    rows,
)
from unit.service.scenes import ManualClock, definition


def test_files_of_all_formats(core: Core, inputs: Path) -> None:
    pq.write_table(rows(250), inputs / "a.parquet")
    pa.csv.write_csv(rows(60, 250), inputs / "b.csv")
    (inputs / "c.jsonl").write_text(f'{{"id": "J", "time": {START}, "orders": 310}}\n')
    load = done(core, load_of(inputs))
    assert load.status is LoadStatus.COMPLETED, load.failure_reason
    progress = load.progress
    assert (progress.rows_done, progress.rows_written, progress.rows_failed) == (311, 311, 0)
    assert (progress.files_done, progress.files_total, progress.rows_total) == (3, 3, 311)
    assert progress.bytes_done == progress.bytes_total > 0
    assert load.started_at_us is not None
    assert load.ended_at_us is not None
    assert in_history(core) == list(range(311))


def test_rows_are_counted_beforehand_where_that_is_cheap(
    core: Core, inputs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = Gate(core, monkeypatch)
    pq.write_table(rows(250), inputs / "a.parquet")
    load = core.batch_loads.start(load_of(inputs))
    assert gate.is_reached.wait(SECONDS_MAX)
    assert core.batch_loads.get(load.batch_load_id).progress.rows_total == 250
    gate.is_open.set()
    assert over(core, load).status is LoadStatus.COMPLETED


def test_target_stores_delimiter_and_format(core: Core, inputs: Path) -> None:
    (inputs / "rows.txt").write_text(f"id;time;orders\nC1;{START};7\n")
    with pytest.raises(ValidationError, match=r"rows\.txt ends in '\.txt'.*or say the format"):
        core.batch_loads.start(load_of(inputs))
    new = load_of(inputs, form="csv", delimiter=";", target_stores=("OfflineStore",))
    assert done(core, new).status is LoadStatus.COMPLETED
    assert in_history(core) == [7]
    assert core.records.get_many("customers", ["C1"], []) == [None]


def test_one_bad_row_ends_it_and_is_named(core: Core, inputs: Path) -> None:
    pq.write_table(rows(150), inputs / "a.parquet")
    (inputs / "b.csv").write_text(f"id,time,orders\nC1,{START},1\nC1,{START},many\n")
    load = done(core, load_of(inputs))
    assert load.status is LoadStatus.FAILED
    assert load.failure_reason is not None
    assert f"row 1 of {inputs}/b.csv: the value 'many'" in load.failure_reason
    assert f"with ingestion_id='{load.batch_load_id}' goes on" in load.failure_reason
    # The rest of the second file's chunk is not written, whichever row is wrong.
    assert (load.progress.rows_done, load.progress.files_done) == (150, 1)
    # Once it is mended, the rest goes in, and nothing twice.
    (inputs / "b.csv").write_text(f"id,time,orders\nC1,{START},150\nC1,{START},151\n")
    again = done(core, load_of(inputs, ingestion_id=load.ingestion_id))
    assert again.status is LoadStatus.COMPLETED, again.failure_reason
    assert (again.progress.rows_before, again.progress.rows_written) == (150, 2)
    assert in_history(core) == list(range(152))


def test_bad_rows_that_are_left_out(core: Core, inputs: Path) -> None:
    lines = [f"C1,{START},{'x' if number % 50 == 7 else number}" for number in range(250)]
    (inputs / "a.csv").write_text("\n".join(["id,time,orders", *lines, ""]))
    pq.write_table(pa.table({"id": [None], "time": [START], "note": ["n"]}), inputs / "b.parquet")
    for ending in ("csv", "parquet"):
        file = f"{inputs}/failed/rows.{ending}"
        load = done(core, load_of(inputs, "*", on_error="skip", failed_rows=file))
        assert load.status is LoadStatus.COMPLETED, load.failure_reason
        assert (load.progress.rows_written, load.progress.rows_failed) == (245, 6)
        failed = core.batch_loads.failed_rows(load.batch_load_id)
        assert failed is not None
        assert failed["_row"].to_pylist() == [7, 57, 107, 157, 207, 0]
        assert failed["_file"].to_pylist() == [f"{inputs}/a.csv"] * 5 + [f"{inputs}/b.parquet"]
        assert "'x' of feature 'orders'" in failed["_reason"][0].as_py()
        read = pq.read_table(file) if ending == "parquet" else pa.csv.read_csv(file)
        assert read.column_names == failed.column_names
        assert read["_row"].to_pylist() == failed["_row"].to_pylist()


def test_rows_that_were_left_out_can_be_loaded_once_they_are_mended(
    core: Core, inputs: Path
) -> None:
    (inputs / "a.csv").write_text(f"id,time,orders\nC1,{START},x\nC2,{START},1\n")
    load = done(core, load_of(inputs, on_error="skip"))
    assert load.failed_rows == f"s3://tandem-batch-loads/{load.batch_load_id}/failed-rows.parquet"
    bucket = inputs.parent / "data" / "s3" / "tandem-batch-loads" / load.batch_load_id
    mended = pq.read_table(bucket / "failed-rows.parquet")
    mended = mended.set_column(mended.column_names.index("orders"), "orders", pa.array(["2"]))
    pq.write_table(mended, inputs / "mended.parquet")
    assert done(core, load_of(inputs, "mended.parquet")).status is LoadStatus.COMPLETED
    assert in_history(core) == [1, 2]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("time,orders\n1,2\n", "has no column 'id', which holds the record identifier"),
        ("id,orders\n1,2\n", "has no column 'time', which holds the event time"),
        ("id,time,order\n1,2,3\n", r"has no features \['order'\]"),
        ("id,time,orders\n1,2\n", "cannot be read"),
        ("", "cannot be read"),
        ("id,time,orders\nC1,yesterday,3\n", "'yesterday'"),
    ],
)
def test_csv_that_is_wrong(core: Core, inputs: Path, text: str, reason: str) -> None:
    (inputs / "a.csv").write_text(text)
    load = done(core, load_of(inputs))
    assert load.status is LoadStatus.FAILED
    assert load.failure_reason is not None
    with pytest.raises(AssertionError, match=reason):
        raise AssertionError(load.failure_reason)
    assert f"{inputs}/a.csv" in load.failure_reason
    assert in_history(core) == []


def test_truncated_parquet_is_found_before_anything_is_written(core: Core, inputs: Path) -> None:
    pq.write_table(rows(), inputs / "a.parquet")
    whole = (inputs / "a.parquet").read_bytes()
    (inputs / "b.parquet").write_bytes(whole[: len(whole) // 2])
    load = done(core, load_of(inputs))
    assert load.status is LoadStatus.FAILED
    assert f"{inputs}/b.parquet cannot be read" in str(load.failure_reason)
    assert in_history(core) == []


def test_mixed_types_between_files(core: Core, inputs: Path) -> None:
    pq.write_table(rows(10), inputs / "a.parquet")
    texts = rows(10, 10).set_column(2, "orders", pa.array([str(n) for n in range(10, 20)]))
    pq.write_table(texts, inputs / "b.parquet")
    assert done(core, load_of(inputs)).status is LoadStatus.COMPLETED
    assert in_history(core) == list(range(20))


@pytest.mark.parametrize(
    ("members", "error", "message"),
    [
        ({"group_name": "nobody"}, ResourceNotFound, "nobody"),
        ({"form": "xml"}, ValidationError, "format 'xml'"),
        ({"delimiter": ";;"}, ValidationError, "delimiter ';;'"),
        ({"on_error": "ignore"}, ValidationError, "on_error 'ignore'"),
        ({"ingestion_id": ""}, ValidationError, "ingestion_id ''"),
        ({"target_stores": ("Both",)}, ValidationError, "TargetStores 'Both'"),
        ({"failed_rows": "s3://none/x.csv"}, Exception, "batch_load_s3"),
        ({"location": "/nowhere/x"}, Exception, "batch_load_folders"),
    ],
)
def test_what_is_refused_at_once(
    core: Core, inputs: Path, members: dict[str, Any], error: type[Exception], message: str
) -> None:
    pq.write_table(rows(), inputs / "a.parquet")
    given = {"group_name": "customers", "location": str(inputs), **members}
    with pytest.raises(error, match=message):
        core.batch_loads.start(NewBatchLoad(**given))
    assert core.batch_loads.page(10) == []


def test_a_file_that_goes_or_changes_before_it_is_read(
    core: Core, inputs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(3):
        pq.write_table(rows(150, number * 150), inputs / f"{number}.parquet")
    for what, harm in (
        ("is gone", lambda path: path.unlink()),
        ("has changed", lambda path: pq.write_table(rows(1), path)),
    ):
        with monkeypatch.context() as patch:
            gate = Gate(core, patch)
            load = core.batch_loads.start(load_of(inputs))
            assert gate.is_reached.wait(SECONDS_MAX)
            harm(inputs / "2.parquet")
            gate.is_open.set()
            found = over(core, load)
        assert found.status is LoadStatus.FAILED
        assert f"{inputs}/2.parquet" in str(found.failure_reason)
        assert what in str(found.failure_reason)
        assert found.progress.rows_done >= 30
        pq.write_table(rows(150, 300), inputs / "2.parquet")


def test_an_ingestion_id_is_one_input(core: Core, inputs: Path) -> None:
    pq.write_table(rows(150), inputs / "b.parquet")
    assert done(core, load_of(inputs, ingestion_id="one")).progress.rows_written == 150
    assert done(core, load_of(inputs, ingestion_id="one")).progress.rows_written == 0
    pq.write_table(rows(20, 150), inputs / "c.parquet")
    grown = done(core, load_of(inputs, ingestion_id="one"))
    assert (grown.status, grown.progress.rows_written) == (LoadStatus.COMPLETED, 20)
    # Before those that are done, a file would move the rows of all others.
    pq.write_table(rows(20, 500), inputs / "a.parquet")
    with pytest.raises(ConflictError, match=r"has loaded .*b\.parquet"):
        core.batch_loads.start(load_of(inputs, ingestion_id="one"))
    assert in_history(core) == list(range(170))


def test_an_ingestion_id_that_something_else_has_used(core: Core, inputs: Path) -> None:
    """Rows would be passed over that are not in."""
    core.ingestion.ingest("customers", rows(20), IngestOptions(ingestion_id="one"))
    pq.write_table(rows(50, 100), inputs / "a.parquet")
    with pytest.raises(ConflictError, match="20 rows were loaded by an"):
        core.batch_loads.start(load_of(inputs, ingestion_id="one"))
    assert done(core, load_of(inputs, ingestion_id="two")).progress.rows_written == 50


def test_a_group_that_is_deleted_or_made_again(
    core: Core, inputs: Path, monkeypatch: pytest.MonkeyPatch, clock: ManualClock
) -> None:
    pq.write_table(rows(450), inputs / "a.parquet")

    def again() -> None:
        clock.forward(1)
        core.groups.create(definition())

    def nothing() -> None: ...

    # The load prepares rows beside the commit that is held, and may look for the group between
    # its deletion and its return.
    gone, returned = "there is no feature group", "deleted and created again"
    steps: list[tuple[Callable[[], None], tuple[str, ...]]] = [
        (nothing, (gone,)),
        (again, (gone, returned)),
    ]
    for then, reasons in steps:
        with monkeypatch.context() as patch:
            gate = Gate(core, patch)
            load = core.batch_loads.start(load_of(inputs))
            assert gate.is_reached.wait(SECONDS_MAX)
            core.groups.delete("customers")
            then()
            gate.is_open.set()
            found = over(core, load)
        assert found.status is LoadStatus.FAILED
        assert any(reason in str(found.failure_reason) for reason in reasons)
        if then is nothing:
            again()
        assert in_history(core) == []


def test_a_full_disk_ends_it_and_it_goes_on(
    core: Core, inputs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pq.write_table(rows(250), inputs / "a.parquet")
    write, left = core.online.write, [3]

    def full(writes: Any, clock: Any) -> Any:
        left[0] -= 1
        if left[0] < 0:
            raise StoreUnavailable("the disk is full: free some space")
        return write(writes, clock)

    with monkeypatch.context() as patch:
        patch.setattr(core.online, "write", full)
        load = done(core, load_of(inputs, ingestion_id="one"))
    assert load.status is LoadStatus.FAILED
    assert "the disk is full" in str(load.failure_reason)
    assert 0 < load.progress.rows_done < 250
    assert done(core, load_of(inputs, ingestion_id="one")).status is LoadStatus.COMPLETED
    assert in_history(core) == list(range(250))


def test_failed_rows_that_cannot_be_written_are_kept(
    core: Core, inputs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (inputs / "a.csv").write_text(f"id,time,orders\nC1,{START},x\n")
    file = f"{inputs}/out/failed.csv"
    (inputs / "out").write_text("no folder")
    load = done(core, load_of(inputs, "a.csv", on_error="skip", failed_rows=file))
    assert load.status is LoadStatus.FAILED
    assert "are kept, but cannot be written" in str(load.failure_reason)
    failed = core.batch_loads.failed_rows(load.batch_load_id)
    assert failed is not None
    assert failed["_row"].to_pylist() == [0]


def test_string_views_that_do_not_fit(core: Core, inputs: Path) -> None:
    """Polars writes such files; Arrow neither takes rows of them nor writes them as CSV."""
    given = rows(2).set_column(2, "orders", pa.array(["x", "1"], pa.string_view()))
    pq.write_table(given, inputs / "a.parquet")
    file = f"{inputs}/failed.csv"
    load = done(core, load_of(inputs, "a.parquet", on_error="skip", failed_rows=file))
    assert (load.status, load.progress.rows_failed) == (LoadStatus.COMPLETED, 1)
    assert "x" in (inputs / "failed.csv").read_text()


def test_listed_by_page_and_filter(core: Core, inputs: Path, clock: ManualClock) -> None:
    pq.write_table(rows(10), inputs / "a.parquet")
    (inputs / "bad.csv").write_text("x\n1\n")
    made = []
    for name in ("a.parquet", "bad.csv", "a.parquet", "a.parquet"):
        clock.forward(1)
        made.append(done(core, load_of(inputs, name)).batch_load_id)
    newest = made[::-1]
    page = core.batch_loads.page(3)
    assert [load.batch_load_id for load in page] == newest[:3]
    last = page[-1]
    rest = core.batch_loads.page(3, before=(last.created_at_us, last.batch_load_id))
    assert [load.batch_load_id for load in rest] == newest[3:]
    assert [one.location for one in core.batch_loads.page(9, status="Failed")] == [
        f"{inputs}/bad.csv"
    ]
    assert core.batch_loads.page(9, group_name="others") == []
    with pytest.raises(ValidationError, match="status 'Done'"):
        core.batch_loads.page(9, status="Done")
    with pytest.raises(ResourceNotFound, match="no batch load"):
        core.batch_loads.get("none")
