"""Descriptions of feature groups that are not like others."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tandem.assembly.core import open_core
from tandem.assembly.settings import Settings
from tandem.model.feature_group import FeatureGroupStatus
from tandem.sdk.backend import Backend
from tandem.sdk.description import describe_group
from tandem.sdk.embedded import EmbeddedBackend
from unit.service.scenes import definition, record

NOW = datetime(2024, 1, 2, tzinfo=UTC)


@pytest.fixture(params=["duckdb", "memory"])
def settings(request: pytest.FixtureRequest, tmp_path: Path) -> Settings:
    return Settings(
        data=tmp_path / "data", online_map_size_bytes=1 << 26, query_engine=request.param
    )


@pytest.fixture
def backend(settings: Settings) -> Iterator[Backend]:
    opened = EmbeddedBackend(settings)
    yield opened
    opened.close()


def test_a_group_that_is_not_made_yet_is_described_without_its_rows(
    backend: Backend, settings: Settings
) -> None:
    core, give_back = open_core(settings)
    core.groups.create(definition("unfinished"), FeatureGroupStatus.CREATING)
    give_back()
    found = describe_group(backend, "unfinished")
    assert (found.rows, found.records, found.sample) == (None, None, [])
    assert "Creating" in repr(found)
    assert "note" in repr(found)


def test_any_query_engine_will_do(backend: Backend) -> None:
    backend.groups.create(definition("any"))
    empty = describe_group(backend, "any")
    assert (empty.rows, empty.records, empty.last_write_time) == (0, 0, None)
    backend.put("any", record("C1", 1.0, orders=1), None, None)
    backend.put("any", record("C1", 2.5, orders=2), None, None)
    found = describe_group(backend, "any")
    assert (found.rows, found.records, found.last_event_time) == (2, 1, 2.5)
    assert found.sample == [{"id": "C1", "time": 2.5, "orders": 2}]
    assert found.age_of_last_write is not None
    assert found.age_of_last_write < timedelta(minutes=5)


@pytest.mark.parametrize(
    ("age", "words"),
    [
        (timedelta(seconds=-3), "0 seconds ago"),
        (timedelta(seconds=59.9), "59 seconds ago"),
        (timedelta(seconds=60), "1 minute ago"),
        (timedelta(hours=23, minutes=59), "23 hours ago"),
        (timedelta(days=400), "400 days ago"),
    ],
)
def test_freshness_in_words(backend: Backend, age: timedelta, words: str) -> None:
    backend.groups.create(definition("any"))
    found = replace(describe_group(backend, "any"), last_write_time=NOW - age, described_at=NOW)
    assert f"({words})" in repr(found)
    assert f"({words})" in found._repr_html_()
    assert "ago" not in str(found.as_dict()["last_write_time"])
