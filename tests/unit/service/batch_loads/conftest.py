"""A core that loads small pieces from a folder."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tandem.assembly.core import Core
from tandem.service import ingestion, ingestion_chunks
from tandem.service.batch_loads import runner
from unit.service.batch_loads.scenes import (
    opened,
)
from unit.service.scenes import ManualClock, definition


@pytest.fixture(autouse=True)
def small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    """Chunks of 100 rows, in slices of 30; what is known is stored at each of them."""
    monkeypatch.setattr(ingestion_chunks, "CHUNK_ROWS", 100)
    monkeypatch.setattr(ingestion, "_SLICE_ROWS", 30)
    monkeypatch.setattr(runner, "_SAVE_SECONDS", 0.0)


@pytest.fixture
def inputs(tmp_path: Path) -> Path:
    folder = tmp_path / "inputs"
    folder.mkdir()
    return folder


@pytest.fixture
def core(inputs: Path, clock: ManualClock) -> Iterator[Core]:
    running = opened(inputs, clock)
    running.groups.create(definition())
    yield running
    running.close()
