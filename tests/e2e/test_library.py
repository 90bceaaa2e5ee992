"""The library: the same code embedded and against a server."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import tandem
from e2e.server_process import ServerProcess
from tandem.errors import (
    QueryFailed,
    ResourceInUse,
    ResourceNotFound,
    StoreUnavailable,
    ValidationError,
)


@pytest.fixture(scope="module", params=["embedded", "server"])
def store(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tandem.FeatureStore]:
    if request.param == "server":
        server: ServerProcess = request.getfixturevalue("server")
        with tandem.connect(server.url) as connected:
            yield connected
    else:
        with tandem.connect(tmp_path_factory.mktemp("store") / "data") as connected:
            yield connected


@pytest.fixture
def name(request: pytest.FixtureRequest) -> str:
    """A name of its own for each test, since tests share the store."""
    node: str = request.node.originalname
    return node.removeprefix("test_").replace("_", "-")[:64].strip("-")


def frame() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "customer_id": ["C1", "C2", "C1"],
            "event_time": pd.to_datetime(["2024-01-01", "2024-01-01", "2024-02-01"], utc=True),
            "orders": [1, 5, 2],
            "spend": [10.5, np.nan, 20.25],
            "premium": [False, True, True],
        }
    )


def create(store: tandem.FeatureStore, name: str) -> tandem.FeatureGroupHandle:
    group = store.create_feature_group(
        name, features=frame(), record_identifier="customer_id", event_time="event_time"
    )
    assert group.ingest(frame()) == 3
    return group


def test_types_are_inferred_from_a_frame(store: tandem.FeatureStore, name: str) -> None:
    group = create(store, name)
    kinds = {feature.name: feature.type.value for feature in group.definition.features}
    assert kinds == {
        "customer_id": "String",
        "event_time": "String",
        "orders": "Integral",
        "spend": "Fractional",
        "premium": "Integral",
    }


def test_get_gives_python_values(store: tandem.FeatureStore, name: str) -> None:
    group = create(store, name)
    assert group.get("C1") == {
        "customer_id": "C1",
        "event_time": "2024-02-01T00:00:00Z",
        "orders": 2,
        "spend": 20.25,
        "premium": 1,
    }
    assert group.get("nobody") is None
    assert group.get("C2", ["orders"]) == {"orders": 5}
    found = group.get_many(["C2", "nobody", "C1", "C2"], ["orders"])
    assert found == [{"orders": 5}, None, {"orders": 2}, {"orders": 5}]
    assert group.get_many([]) == []


def test_put_and_delete(store: tandem.FeatureStore, name: str) -> None:
    group = create(store, name)
    moment = datetime(2024, 3, 1, 12, 30, tzinfo=UTC)
    group.put({"customer_id": "C3", "event_time": moment, "orders": np.int64(7), "spend": None})
    assert group.get("C3") == {
        "customer_id": "C3",
        "event_time": "2024-03-01T12:30:00Z",
        "orders": 7,
    }
    group.delete("C3", moment + timedelta(days=1))
    assert group.get("C3") is None
    assert store.sql(f"SELECT * FROM \"{name}\" WHERE customer_id = 'C3'").to_arrow().num_rows == 2


def test_ttl_and_target_stores(store: tandem.FeatureStore, name: str) -> None:
    group = create(store, name)
    now = datetime.now(UTC)
    group.put({"customer_id": "old", "event_time": now}, ttl=timedelta(hours=1))
    group.put({"customer_id": "history", "event_time": now}, target_stores=["OfflineStore"])
    assert group.get("old") is not None
    assert group.get("history") is None
    with pytest.raises(ValidationError, match="'Nowhere'"):
        group.put({"customer_id": "x", "event_time": now}, target_stores=["Nowhere"])


def test_a_training_set_never_sees_the_future(store: tandem.FeatureStore, name: str) -> None:
    create(store, name)
    labels = pd.DataFrame(
        {
            "customer_id": ["C1", "C1", "C1", "C2", "nobody"],
            "event_time": pd.to_datetime(
                ["2024-02-15", "2024-01-15", "2023-12-31", "2024-01-01", "2024-02-15"], utc=True
            ),
            "label": [1, 0, 1, 0, 1],
        }
    )
    result = store.training_set(labels, features=[f"{name}:orders", f"{name}:spend"])
    assert result.to_arrow().column("orders").to_pylist() == [2, 1, None, 5, None]
    assert result.to_arrow().column("spend").to_pylist() == [20.25, 10.5, None, None, None]
    assert result.to_arrow().column_names == [*labels.columns, "orders", "spend"]
    assert result.to_pandas()["label"].tolist() == labels["label"].tolist()
    assert result.to_polars()["orders"].to_list() == [2, 1, None, 5, None]
    recent = store.training_set(
        labels, features=[f"{name}:orders"], max_age=timedelta(days=14, hours=1)
    )
    assert recent.to_arrow().column("orders").to_pylist() == [2, 1, None, 5, None]
    fresh = store.training_set(labels, features=[f"{name}:orders"], max_age=timedelta(days=13))
    assert fresh.to_arrow().column("orders").to_pylist() == [None, None, None, 5, None]
    before = datetime(2020, 1, 1, tzinfo=UTC)
    nothing = store.training_set(labels, features=[f"{name}:*"], as_of=before)
    assert nothing.to_arrow().column("orders").null_count == 5


def test_any_frame_is_taken(store: tandem.FeatureStore, name: str) -> None:
    group = create(store, name)
    rows = {"customer_id": ["P1"], "event_time": ["2024-01-01T00:00:00Z"], "orders": [3]}
    assert group.ingest(pl.DataFrame(rows)) == 1
    assert group.ingest(pa.table(rows)) == 1
    assert group.ingest(rows) == 1
    assert group.ingest([{key: value[0] for key, value in rows.items()}]) == 1
    for labels in (pl.DataFrame(rows), pa.table(rows), rows):
        found = store.training_set(labels, features=[f"{name}:spend"])
        assert len(found) == 1
    with pytest.raises(ValidationError, match="not a table"):
        group.ingest("rows")


def test_a_bad_row_is_named_and_nothing_is_written(store: tandem.FeatureStore, name: str) -> None:
    group = create(store, name)
    bad = frame()
    bad["customer_id"] = ["N1", "N2", "N3"]
    bad["orders"] = ["1", "many", "3"]
    with pytest.raises(ValidationError, match=r"row 1.*'many'.*'orders'"):
        group.ingest(bad)
    assert group.get_many(["N1", "N2", "N3"]) == [None, None, None]


def test_errors_are_the_same_everywhere(store: tandem.FeatureStore, name: str) -> None:
    group = create(store, name)
    with pytest.raises(ResourceInUse, match=name):
        create(store, name)
    with pytest.raises(ResourceNotFound, match="no-such-group"):
        store.feature_group("no-such-group")
    with pytest.raises(ResourceNotFound, match="no-such-feature"):
        store.training_set({"customer_id": [], "event_time": []}, [f"{name}:no-such-feature"])
    with pytest.raises(QueryFailed, match="no_such_table"):
        store.sql("SELECT * FROM no_such_table")
    with pytest.raises(ValidationError, match="'abc'"):
        group.put({"customer_id": "x", "event_time": "2024-01-01T00:00:00Z", "orders": "abc"})
    with pytest.raises(ValidationError, match="'missing'"):
        group.put({"missing": 1})
    with pytest.raises(ValidationError, match="event_time"):
        group.put({"customer_id": "x"})


def test_groups_are_listed_and_deleted(store: tandem.FeatureStore, name: str) -> None:
    create(store, name)
    assert name in store.groups().names
    store.delete_feature_group(name)
    assert name not in store.groups().names


def test_connecting_twice_shares_one_store(tmp_path: Path) -> None:
    first, second = tandem.connect(tmp_path / "data"), tandem.connect(tmp_path / "data")
    create(first, "shared")
    first.close()
    first.close()
    assert second.feature_group("shared").get("C2") is not None
    second.close()
    with pytest.raises(StoreUnavailable, match="closed"):
        second.feature_group("shared").get("C2")


def test_no_server_is_one_clear_error() -> None:
    store = tandem.connect("http://127.0.0.1:9")
    with pytest.raises(StoreUnavailable, match="is the server running"):
        store.groups().names


def test_arguments_of_the_wrong_kind_are_named(tmp_path: Path) -> None:
    with tandem.connect(tmp_path / "data") as store:
        group = create(store, "kinds")
        labels = frame()
        for name, value in (("as_of", "2024-01-01"), ("max_age", 5)):
            with pytest.raises(ValidationError, match=name):
                store.training_set(labels, ["kinds:orders"], **{name: value})
        with pytest.raises(ValidationError, match="mode 'Hard'"):
            group.delete("C1", "2024-01-01T00:00:00Z", mode="Hard")
        with pytest.raises(ValidationError, match="ttl 60"):
            group.put({"customer_id": "C1", "event_time": "2024-01-01T00:00:00Z"}, ttl=60)
