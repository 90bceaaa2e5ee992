"""What the tests of batch loads have in common."""

import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv
import pytest

from tandem.assembly.core import Core
from tandem.assembly.settings import Settings
from tandem.model.batch_load import BatchLoad, LoadStatus
from tandem.service.batch_loads.request import NewBatchLoad
from unit.service.scenes import START_US, ManualClock

START = START_US / 1e6
SECONDS_MAX = 60


def opened(inputs: Path, clock: ManualClock, **settings: Any) -> Core:
    given = Settings(
        data=inputs.parent / "data",
        online_map_size_bytes=1 << 26,
        batch_load_folders=str(inputs),
        **settings,
    )
    return Core(given, clock, in_background=False)


def rows(count: int = 250, first: int = 0) -> pa.Table:
    numbers = range(first, first + count)
    return pa.table(
        {
            "id": [f"C{number % 40}" for number in numbers],
            "time": [START + number for number in numbers],
            "orders": list(numbers),
        }
    )


def load_of(inputs: Path, name: str = "", **members: Any) -> NewBatchLoad:
    return NewBatchLoad(group_name="customers", location=f"{inputs}/{name}", **members)


def over(core: Core, load: BatchLoad) -> BatchLoad:
    deadline = time.monotonic() + SECONDS_MAX
    while not (found := core.batch_loads.get(load.batch_load_id)).status.is_over:
        assert time.monotonic() < deadline, found
        time.sleep(0.005)
    return found


def done(core: Core, new: NewBatchLoad) -> BatchLoad:
    return over(core, core.batch_loads.start(new))


def in_history(core: Core) -> list[int]:
    found = core.queries.sql("SELECT orders FROM customers").column("orders").to_pylist()
    return sorted(found)


class Gate:
    """Lets a load pass a number of commits, and holds it there until it is opened."""

    def __init__(self, core: Core, monkeypatch: pytest.MonkeyPatch, passes: int = 1) -> None:
        self.is_reached, self.is_open = threading.Event(), threading.Event()
        self._left = passes
        self._submit = core.commits.submit
        monkeypatch.setattr(core.commits, "submit", self.submit)

    def submit(self, requests: Any) -> Any:
        self._left -= 1
        if self._left < 0:
            self.is_reached.set()
            assert self.is_open.wait(SECONDS_MAX)
        return self._submit(requests)


def abandon(core: Core, load: BatchLoad, status: LoadStatus = LoadStatus.IN_PROGRESS) -> None:
    """The load of a process that was killed while it was in this status."""
    core.batch_loads._documents.change(
        load.batch_load_id,
        lambda owned: replace(
            owned, owner="gone", load=replace(owned.load, status=status, ended_at_us=None)
        ),
    )
