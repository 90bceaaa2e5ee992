"""Athena's statements in the library: the same path, without an execution."""

from collections.abc import Iterator
from pathlib import Path

import pytest

import tandem
from tandem.errors import QueryFailed


@pytest.fixture
def store(tmp_path: Path) -> Iterator[tandem.FeatureStore]:
    with tandem.connect(tmp_path / "data") as store:
        group = store.create_feature_group(
            "user-features",
            features={"id": "String", "time": "Fractional", "n": "Integral"},
            record_identifier="id",
            event_time="time",
        )
        group.put({"id": "a", "time": 1.0, "n": 2})
        yield store


def answer(store: tandem.FeatureStore, statement: str) -> dict[str, list[object]]:
    found: dict[str, list[object]] = store.sql(statement, dialect="athena").to_arrow().to_pydict()
    return found


def test_every_kind_of_statement_is_answered(store: tandem.FeatureStore) -> None:
    assert answer(store, "CREATE DATABASE lab") == {}
    assert answer(store, 'CREATE VIEW lab.v AS SELECT sum(n) AS n FROM "user-features"') == {}
    assert answer(store, "SELECT n + 1 AS more FROM lab.v") == {"more": [3]}
    assert answer(store, "SHOW VIEWS IN lab") == {"views": ["v"]}


def test_what_writes_files_needs_a_place(store: tandem.FeatureStore) -> None:
    with pytest.raises(QueryFailed, match="external_location"):
        answer(store, "CREATE TABLE t AS SELECT 1 AS a")
    with pytest.raises(QueryFailed, match="bucket of s3://nowhere/t/ does not exist"):
        answer(store, "CREATE TABLE t WITH (external_location = 's3://nowhere/t') AS SELECT 1 AS a")
