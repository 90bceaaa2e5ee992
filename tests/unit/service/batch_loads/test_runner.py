"""Batch loads in their turn: stopped, taken over by another process, kept for a while."""

import threading
import time
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from tandem.assembly import core as assembly
from tandem.assembly.core import Core
from tandem.assembly.settings import Settings
from tandem.errors import (
    ConflictError,
    StoreUnavailable,
    ValidationError,
)
from tandem.model.batch_load import LoadStatus
from tandem.service.batch_loads import runner
from tandem.service.ingestion_mark import KEPT_SECONDS
from unit.service.batch_loads.scenes import (
    SECONDS_MAX,
    START,
    Gate,
    abandon,
    done,
    in_history,
    load_of,
    opened,
    over,
    rows,
)
from unit.service.scenes import ManualClock, definition


def test_a_load_goes_on_in_the_next_process(
    inputs: Path, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What this process had in hand, and what waited, is another one's once this one is gone."""
    lines = [f"C{n % 7},{START},{'x' if n % 100 == 70 else n}" for n in range(450)]
    (inputs / "a.csv").write_text("\n".join(["id,time,orders", *lines, ""]))
    pq.write_table(rows(50, 1_000), inputs / "b.parquet")
    core = opened(inputs, clock, batch_loads_at_once=1)
    core.groups.create(definition())
    with monkeypatch.context() as patch:
        gate = Gate(core, patch, passes=6)
        loads = [
            core.batch_loads.start(load_of(inputs, "*", on_error="skip")),
            core.batch_loads.start(load_of(inputs, "b.parquet")),
        ]
        assert gate.is_reached.wait(SECONDS_MAX)
        closing = threading.Thread(target=core.close)
        closing.start()
        while not core.batch_loads._runner._is_closed.is_set():
            time.sleep(0.001)
        gate.is_open.set()
        closing.join(SECONDS_MAX)
    clock.forward(60)
    core = opened(inputs, clock)
    seen = [core.batch_loads.get(load.batch_load_id) for load in loads]
    assert [load.status for load in seen] == [LoadStatus.IN_PROGRESS, LoadStatus.QUEUED]
    assert core.batch_loads.resume_abandoned() == 2
    assert core.batch_loads.resume_abandoned() == 0
    first, second = (over(core, load) for load in loads)
    assert first.status is LoadStatus.COMPLETED, first.failure_reason
    assert (first.progress.rows_written, first.progress.rows_failed) == (496, 4)
    failed = core.batch_loads.failed_rows(first.batch_load_id)
    assert failed is not None
    assert failed["_row"].to_pylist() == [70, 170, 270, 370]
    assert second.status is LoadStatus.COMPLETED
    wanted = [n for n in range(450) if n % 100 != 70] + list(range(1_000, 1_050)) * 2
    assert in_history(core) == sorted(wanted)
    core.close()


def test_a_load_is_left_to_whom_may_read_it(inputs: Path, clock: ManualClock) -> None:
    pq.write_table(rows(50), inputs / "a.parquet")
    core = opened(inputs, clock)
    core.groups.create(definition())
    load = done(core, load_of(inputs))
    abandon(core, load)
    core.close()
    other = Core(Settings(data=inputs.parent / "data"), clock, in_background=False)
    assert other.batch_loads.resume_abandoned() == 0
    other.close()
    core = opened(inputs, clock)
    assert core.batch_loads.resume_abandoned() == 1
    assert over(core, load).status is LoadStatus.COMPLETED
    core.close()


def test_a_load_whose_process_is_gone_can_be_cancelled(core: Core, inputs: Path) -> None:
    pq.write_table(rows(50), inputs / "a.parquet")
    load = done(core, load_of(inputs))
    abandon(core, load)
    assert core.batch_loads.cancel(load.batch_load_id).status is LoadStatus.STOPPED
    abandon(core, load, LoadStatus.STOPPING)
    core.batch_loads.resume_abandoned()
    assert core.batch_loads.get(load.batch_load_id).status is LoadStatus.STOPPED


def test_a_load_without_its_mark_does_not_go_on(
    core: Core, inputs: Path, clock: ManualClock
) -> None:
    pq.write_table(rows(50), inputs / "a.parquet")
    load = done(core, load_of(inputs, ingestion_id="one"))
    abandon(core, load)
    clock.forward(KEPT_SECONDS)
    core.batch_loads.resume_abandoned()
    found = core.batch_loads.get(load.batch_load_id)
    assert (found.status, "so long ago" in str(found.failure_reason)) == (LoadStatus.FAILED, True)
    clock.forward(10)
    core.expiry.expire_once()
    with pytest.raises(ConflictError, match="so long ago"):
        core.batch_loads.start(load_of(inputs, ingestion_id="one"))


def test_another_process_stops_it(
    core: Core, inputs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pq.write_table(rows(450), inputs / "a.parquet")
    gate = Gate(core, monkeypatch)
    load = core.batch_loads.start(load_of(inputs))
    assert gate.is_reached.wait(SECONDS_MAX)
    # As the other one would: in the registry alone.
    monkeypatch.setattr(core.batch_loads._runner, "stop", lambda _load_id: None)
    core.batch_loads.cancel(load.batch_load_id)
    gate.is_open.set()
    assert over(core, load).status is LoadStatus.STOPPED


def test_the_task_takes_loads_over(inputs: Path) -> None:
    pq.write_table(rows(50), inputs / "a.parquet")
    settings = Settings(
        data=inputs.parent / "data",
        batch_load_folders=str(inputs),
        expiry_interval_seconds=0.05,
    )
    core = assembly.Core(settings)
    core.groups.create(definition())
    load = done(core, load_of(inputs))
    abandon(core, load)
    assert over(core, load).status is LoadStatus.COMPLETED
    core.close()


def test_cancel_between_commits_and_go_on(
    core: Core, inputs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pq.write_table(rows(250), inputs / "a.parquet")
    with monkeypatch.context() as patch:
        gate = Gate(core, patch, passes=2)
        load = core.batch_loads.start(load_of(inputs, ingestion_id="mine"))
        assert gate.is_reached.wait(SECONDS_MAX)
        assert core.batch_loads.cancel(load.batch_load_id).status is LoadStatus.STOPPING
        with pytest.raises(ConflictError, match="is Stopping"):
            core.batch_loads.start(load_of(inputs, ingestion_id="mine"))
        gate.is_open.set()
        found = over(core, load)
    assert found.status is LoadStatus.STOPPED
    assert 0 < found.progress.rows_done < 250
    assert found.progress.rows_written == found.progress.rows_done == len(in_history(core))
    assert f"{found.progress.rows_done} rows of the input are done" in str(found.failure_reason)
    with pytest.raises(ValidationError, match="is Stopped already"):
        core.batch_loads.cancel(load.batch_load_id)
    again = done(core, load_of(inputs, ingestion_id="mine"))
    assert again.progress.rows_written == 250 - found.progress.rows_done
    assert in_history(core) == list(range(250))


def test_loads_wait_for_their_turn_in_order(
    core: Core, inputs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pq.write_table(rows(250), inputs / "a.parquet")
    gate = Gate(core, monkeypatch)
    loads = [core.batch_loads.start(load_of(inputs)) for _ in range(4)]
    assert gate.is_reached.wait(SECONDS_MAX)

    def states() -> list[LoadStatus]:
        return [core.batch_loads.get(load.batch_load_id).status for load in loads]

    # The first one may be at its gate before the second one has begun.
    deadline = time.monotonic() + SECONDS_MAX
    while states()[1] is LoadStatus.QUEUED and time.monotonic() < deadline:
        time.sleep(0.001)
    assert states() == [LoadStatus.IN_PROGRESS] * 2 + [LoadStatus.QUEUED] * 2
    cancelled = core.batch_loads.cancel(loads[3].batch_load_id)
    assert (cancelled.status, cancelled.progress.rows_done) == (LoadStatus.STOPPED, 0)
    assert "no row was written" in str(cancelled.failure_reason)
    gate.is_open.set()
    assert [over(core, load).status for load in loads[:3]] == [LoadStatus.COMPLETED] * 3
    assert over(core, loads[3]).status is LoadStatus.STOPPED


def test_another_process_stops_one_that_waits(
    core: Core, inputs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At once, and in the registry alone; it does not begin when its turn comes."""
    pq.write_table(rows(100), inputs / "a.parquet")
    gate = Gate(core, monkeypatch)
    loads = [core.batch_loads.start(load_of(inputs, ingestion_id=f"{n}")) for n in range(3)]
    assert gate.is_reached.wait(SECONDS_MAX)
    monkeypatch.setattr(core.batch_loads._runner, "stop", lambda _load_id: None)
    assert core.batch_loads.cancel(loads[2].batch_load_id).status is LoadStatus.STOPPED
    gate.is_open.set()
    assert [over(core, load).status for load in loads[:2]] == [LoadStatus.COMPLETED] * 2
    assert done(core, load_of(inputs, ingestion_id="2")).progress.rows_written == 100
    assert core.batch_loads.get(loads[2].batch_load_id).status is LoadStatus.STOPPED


def test_the_oldest_go(inputs: Path, clock: ManualClock) -> None:
    (inputs / "a.csv").write_text(f"id,time,orders\nC1,{START},x\n")
    core = opened(inputs, clock, batch_loads_max=2)
    core.groups.create(definition())
    made = []
    for _ in range(4):
        clock.forward(1)
        made.append(done(core, load_of(inputs, on_error="skip")).batch_load_id)
    core.close()
    core = opened(inputs, clock, batch_loads_max=2)
    assert [one.batch_load_id for one in core.batch_loads.page(9)] == made[:1:-1]
    kept = {path.name for path in (inputs.parent / "data" / "batch-loads").iterdir()}
    assert kept == set(made[2:])
    core.close()


@pytest.mark.parametrize("moment", ["_begun", "over"])
def test_the_registry_that_is_full_at_the_beginning_or_the_end(
    core: Core, inputs: Path, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    monkeypatch.setattr(runner, "_RETRY_SECONDS", 0.01)
    pq.write_table(rows(10), inputs / "a.parquet")
    change, fails = core.batch_loads._documents.change, [0]

    def full(load_id: str, how: Any) -> Any:
        if how.__name__ == moment and fails[0] < 3:
            fails[0] += 1
            raise StoreUnavailable("the disk is full")
        return change(load_id, how)

    monkeypatch.setattr(core.batch_loads._documents, "change", full)
    assert done(core, load_of(inputs)).status is LoadStatus.COMPLETED
    assert fails[0] == 3


def test_an_error_that_nobody_foresaw_ends_a_load(
    core: Core, inputs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else it would be under way for ever, and its ingestion id in use."""
    pq.write_table(rows(10), inputs / "a.parquet")

    def broken(*_: Any) -> None:
        raise RuntimeError("a bug")

    monkeypatch.setattr(core.batch_loads._execution, "standing", broken)
    load = done(core, load_of(inputs))
    assert (load.status, "RuntimeError" in str(load.failure_reason)) == (LoadStatus.FAILED, True)
