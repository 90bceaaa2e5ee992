"""The library: the same code embedded and against a server."""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import tandem
from tandem.errors import (
    QueryFailed,
    ResourceInUse,
    ResourceNotFound,
    StoreUnavailable,
    ValidationError,
)


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
    # Doubtful rows are taken out of the frame, and bad ones given back.
    some = pl.DataFrame(rows).vstack(pl.DataFrame({**rows, "event_time": ["never"]}))
    done = group.ingest(some, on_error="skip")
    assert (done, len(done.failed)) == (1, 1)
    with pytest.raises(ValidationError, match="no file 'rows'"):
        group.ingest("rows")
    with pytest.raises(ValidationError, match="not a table"):
        group.ingest(7)
    with pytest.raises(ValidationError, match="ingestion_id 7 is not valid"):
        group.ingest(rows, ingestion_id=7)


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


def test_a_group_changes(store: tandem.FeatureStore, name: str) -> None:
    group = create(store, name)
    group.update(add_features={"segment": "String"}, ttl=timedelta(days=30_000))
    assert "segment" in group.definition.features_by_name
    assert group.definition.default_ttl is not None
    assert group.get("C1") is not None, "records from before have no value for it"
    group.put({"customer_id": "C3", "event_time": "2024-03-01T00:00:00Z", "segment": "new"})
    assert group.get("C3", ["segment"]) == {"segment": "new"}
    group.update(remove_ttl=True, storage_type="Standard_V2")
    assert group.definition.default_ttl is None
    assert group.definition.storage_type == "Standard_V2"
    group.update(throughput_mode="Provisioned", read_units=3, write_units=4)
    assert group.definition.throughput.read_units == 3


def test_tags_and_what_is_said_of_features(store: tandem.FeatureStore, name: str) -> None:
    group = create(store, name)
    group.add_tags({"team": "growth", "tier": "gold"})
    group.add_tags({"team": "risk"})
    group.remove_tags("tier", "never-there")
    assert group.tags == {"team": "risk"}
    group.update_feature("orders", description="so far", parameters={"unit": "order", "pii": "no"})
    group.update_feature("orders", description="", remove_parameters=["pii"])
    said = group.describe_feature("orders")
    assert (said.description, said.parameters) == (None, {"unit": "order"})


def test_a_retired_feature_is_hidden_until_it_is_restored(
    store: tandem.FeatureStore, name: str
) -> None:
    group = create(store, name)
    group.retire_feature("orders")
    assert "orders" not in group.definition.features_by_name
    assert group.retired_features() == ["orders"]
    assert "orders" not in (group.get("C1") or {})
    with pytest.raises(QueryFailed, match="orders"):
        store.sql(f'SELECT orders FROM "{name}"')
    with pytest.raises(ValidationError, match="'orders'"):
        group.put({"customer_id": "C1", "event_time": "2024-03-01T00:00:00Z", "orders": 1})
    group.restore_feature("orders")
    assert group.get("C1", ["orders"]) == {"orders": 2}
    assert store.sql(f'SELECT sum(orders) AS n FROM "{name}"').to_arrow()["n"].to_pylist() == [8]


def test_an_alias_moves_readers_to_a_clone_in_one_step(
    store: tandem.FeatureStore, name: str
) -> None:
    group = create(store, name)
    alias, second = f"{name[:40]}-now", f"{name[:40]}-v2"
    store.set_alias(alias, name)
    readers = store.feature_group(alias)
    assert readers.get("C2", ["orders"]) == {"orders": 5}
    clone = store.clone_feature_group(name, second, types={"orders": "Fractional"})
    clone.put({"customer_id": "C2", "event_time": "2024-05-01T00:00:00Z", "orders": 5.5})
    assert store.sql(f'SELECT * FROM "{second}"').to_arrow().num_rows == 4
    store.set_alias(alias, second)
    assert store.aliases()[alias] == second
    store.delete_feature_group(group.name)
    wait_until(lambda: readers.get("C2", ["orders"]) == {"orders": 5.5})
    assert sorted(readers.list_records()) == ["C1", "C2"]
    labels = {"customer_id": ["C2"], "event_time": ["2024-06-01T00:00:00Z"]}
    found = store.training_set(labels, [f"{alias}:orders"]).to_arrow()
    assert found["orders"].to_pylist() == [5.5]
    with pytest.raises(ValidationError, match=f"'{alias}' is an alias"):
        readers.put({"customer_id": "C3", "event_time": "2024-05-01T00:00:00Z"})
    store.remove_alias(alias)
    with pytest.raises(ResourceNotFound, match=alias):
        store.feature_group(alias)


def test_a_switched_alias_is_followed_while_the_old_group_is_there(
    store: tandem.FeatureStore, name: str
) -> None:
    create(store, name)
    alias, second = f"{name[:40]}-now", f"{name[:40]}-v2"
    store.set_alias(alias, name)
    readers = store.feature_group(alias)
    store.clone_feature_group(name, second, types={"orders": "String"})
    store.set_alias(alias, second)
    seen = []

    def has_followed() -> bool:
        seen.append((readers.get("C2", ["orders"]) or {})["orders"])
        return seen[-1] == "5"

    wait_until(has_followed)
    # What is read, and what it is read by, belong to one group.
    assert set(seen) <= {5, "5"}


def wait_until(is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_handle_learns_of_features_that_others_add(store: tandem.FeatureStore, name: str) -> None:
    create(store, name)
    held = store.feature_group(name)
    store.feature_group(name).update(add_features={"segment": "String", "score": "Fractional"})
    held.put({"customer_id": "C4", "event_time": "2024-03-01T00:00:00Z", "segment": "new"})
    store.feature_group(name).put(
        {"customer_id": "C5", "event_time": "2024-03-01T00:00:00Z", "score": 1}
    )
    assert held.get("C4", ["segment"]) == {"segment": "new"}
    other = store.feature_group(name)
    other.update(add_features={"more": "Integral"})
    other.put({"customer_id": "C6", "event_time": "2024-03-01T00:00:00Z", "more": 7})
    assert held.get("C6") == {
        "customer_id": "C6",
        "event_time": "2024-03-01T00:00:00Z",
        "more": 7,
    }


def test_types_that_a_frame_does_not_show_can_be_named(
    store: tandem.FeatureStore, name: str
) -> None:
    group = store.create_feature_group(
        name,
        features={"id": [7], "t": [1.5], "n": [1]},
        types={"id": "String", "n": "Fractional"},
        record_identifier="id",
        event_time="t",
    )
    assert [feature.type for feature in group.definition.features] == [
        *("String", "Fractional", "Fractional")
    ]


def test_connecting_twice_shares_one_store(tmp_path: Path) -> None:
    first, second = tandem.connect(tmp_path / "data"), tandem.connect(tmp_path / "data")
    create(first, "shared")
    first.close()
    first.close()
    assert second.feature_group("shared").get("C2") is not None
    second.close()
    with pytest.raises(StoreUnavailable, match="closed"):
        second.feature_group("shared").get("C2")


def test_a_location_that_cannot_be_one_is_refused(tmp_path: Path) -> None:
    for location in ("ftp://host", "s3://bucket/store", "http://", "http://host:port"):
        with pytest.raises(ValidationError, match="URL"):
            tandem.connect(location)
    with pytest.raises(ValidationError, match="a server has its own settings"):
        tandem.connect("http://localhost:8790", region="eu-west-1")
    (tmp_path / "file").touch()
    with pytest.raises(StoreUnavailable, match="file' cannot be used"):
        tandem.connect(tmp_path / "file")


def test_no_server_is_one_clear_error() -> None:
    store = tandem.connect("http://127.0.0.1:9")
    with pytest.raises(StoreUnavailable, match="is the server running"):
        store.groups()


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
