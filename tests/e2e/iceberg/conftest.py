"""A store with a group in either format, which delivers when it is told to."""

from collections.abc import Iterator
from pathlib import Path

import pytest

import tandem
from e2e.iceberg.tables import core_of, features
from tandem.assembly.core import Core


@pytest.fixture
def store(tmp_path: Path) -> Iterator[tandem.FeatureStore]:
    with tandem.connect(tmp_path, delivery_interval_seconds=3_600) as store:
        for name, table_format in (("orders", "Iceberg"), ("plain", "Glue")):
            store.create_feature_group(
                name,
                features=features(number="Integral"),
                record_identifier="id",
                event_time="time",
                table_format=table_format,
            )
        yield store


@pytest.fixture
def core(tmp_path: Path, store: tandem.FeatureStore) -> Core:
    """The core of the store, which is open."""
    del store
    return core_of(tmp_path)
