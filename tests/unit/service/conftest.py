"""A core with a clock that tests move by hand, and whose background work only tests start."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tandem.assembly.core import Core
from tandem.assembly.settings import Settings
from tandem.model.feature_group import FeatureGroup
from unit.service.scenes import ManualClock, definition


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def core(tmp_path: Path, clock: ManualClock) -> Iterator[Core]:
    settings = Settings(
        data=tmp_path / "data", online_map_size_bytes=1 << 26, delivery_entries_max=10
    )
    running = Core(settings, clock, in_background=False)
    yield running
    running.close()


@pytest.fixture
def customers(core: Core) -> FeatureGroup:
    return core.groups.create(definition())
