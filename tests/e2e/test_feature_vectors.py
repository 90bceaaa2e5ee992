"""Feature vectors, large batches and the record cache: the same over a folder and a server."""

import time
from datetime import timedelta
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import tandem
from tandem.errors import ResourceNotFound, TandemError, ValidationError
from tandem.model.feature_group import CollectionType, FeatureDefinition, FeatureType

CUSTOMERS = ["C1", "C2", "C3"]


@pytest.fixture(scope="module")
def shop(store: tandem.FeatureStore) -> tandem.FeatureStore:
    now = time.time()
    customers = store.create_feature_group(
        "customers",
        features={
            "customer_id": "String",
            "time": "Fractional",
            "orders": "Integral",
            "spend": "Fractional",
            "segment": "String",
        },
        record_identifier="customer_id",
        event_time="time",
    )
    customers.put({"customer_id": "C1", "time": now - 90_000, "orders": 2**53 + 1, "spend": -0.0})
    customers.put({"customer_id": "C2", "time": now - 10, "spend": "1e3", "segment": "007"})
    customers.put({"customer_id": "gone", "time": now - 10, "orders": 1})
    customers.delete("gone", now - 5)
    items = store.create_feature_group(
        "items",
        features=[
            FeatureDefinition("item_id", FeatureType.INTEGRAL),
            FeatureDefinition("time", FeatureType.FRACTIONAL),
            FeatureDefinition("price", FeatureType.FRACTIONAL),
            FeatureDefinition("near", FeatureType.FRACTIONAL, CollectionType.VECTOR, 2),
        ],
        record_identifier="item_id",
        event_time="time",
        offline=False,
        storage_type="InMemory",
    )
    items.put({"item_id": 7, "time": now - 50, "price": 2.5, "near": [0.5, 1]})
    items.put({"item_id": 8, "time": now - 50, "price": 3})
    store.set_alias("buyers", "customers")
    return store


def test_one_entity_of_one_group(shop: tandem.FeatureStore) -> None:
    found = shop.feature_vector(["customers:spend", "customers:orders"], "C2")
    assert found.column_names == ["spend", "orders"]
    assert found.to_arrow().to_pylist() == [{"spend": 1000.0, "orders": None}]
    matrix = found.to_numpy()
    assert (matrix.shape, matrix.dtype) == ((1, 2), np.dtype("float64"))
    assert matrix[0, 0] == 1000.0
    assert np.isnan(matrix[0, 1])
    assert 9 < found.ages["customers"][0] < 3_600
    assert found.found["customers"].tolist() == [True]


def test_many_entities_keep_their_order_and_their_doubles(shop: tandem.FeatureStore) -> None:
    found = shop.feature_vector({"a": "buyers:spend", "b": "buyers:segment"}, ["C2", "no", "C2"])
    assert found.to_arrow().to_pydict() == {
        "a": [1000.0, None, 1000.0],
        "b": ["007", None, "007"],
    }
    assert found.found["buyers"].tolist() == [True, False, True]
    assert np.isnan(found.ages["buyers"][1])


@pytest.mark.parametrize(
    "entities",
    [
        {"customer_id": "C1", "item_id": [7, 9, 8]},
        {"customer_id": ["C1"] * 3, "item_id": np.array([7, 9, 8])},
        pd.DataFrame({"customer_id": ["C1"] * 3, "item_id": [7, 9, 8], "orders": [0, 0, 0]}),
        pl.DataFrame({"customer_id": ["C1"] * 3, "item_id": [7, 9, 8]}),
        pa.table({"customer_id": ["C1"] * 3, "item_id": ["7", "9", "008"]}),
        [{"customer_id": "C1", "item_id": number} for number in (7.0, 9.0, 8.0)],
    ],
    ids=lambda given: type(given).__module__.partition(".")[0] + type(given).__name__,
)
def test_groups_with_identifiers_of_their_own(shop: tandem.FeatureStore, entities: Any) -> None:
    found = shop.feature_vector(["items:price", "customers:orders", "items:near"], entities)
    orders = "customers:orders" if "orders" in getattr(entities, "columns", ()) else "orders"
    assert found.column_names == ["price", orders, "near"]
    assert found.to_arrow().column(0).to_pylist() == [2.5, None, 3.0]
    assert found.to_arrow().column(1).to_pylist() == [2**53 + 1] * 3
    assert found.to_arrow().column(2).to_pylist() == [[0.5, 1.0], None, None]
    assert found.found["items"].tolist() == [True, False, True]


def test_a_series_is_a_list_of_identifiers(shop: tandem.FeatureStore) -> None:
    for given in (
        pd.Series(CUSTOMERS),
        pl.Series(CUSTOMERS),
        np.array(CUSTOMERS),
        tuple(CUSTOMERS),
    ):
        found = shop.feature_vector(["customers:spend"], given)
        assert found.to_arrow().column(0).to_pylist() == [-0.0, 1000.0, None]


def test_defaults_stand_where_there_is_no_value(shop: tandem.FeatureStore) -> None:
    found = shop.feature_vector(
        {"n": "customers:orders", "s": "customers:segment", "near": "items:near"},
        {"customer_id": ["C2", "gone"], "item_id": [8, 7]},
        defaults={"n": -1, "s": "none", "near": [0, 0]},
    )
    assert found.to_arrow().to_pydict() == {
        "n": [-1, -1],
        "s": ["007", "none"],
        "near": [[0.0, 0.0], [0.5, 1.0]],
    }
    assert found.found["customers"].tolist() == [True, False]


def test_matrices_are_of_the_type_asked_for(shop: tandem.FeatureStore) -> None:
    found = shop.feature_vector(["customers:orders"], ["C1"])
    assert found.to_numpy(np.int64).tolist() == [[2**53 + 1]]
    assert found.to_numpy("float32").dtype == np.dtype("float32")
    assert found.to_numpy(object).tolist() == [[2**53 + 1]]
    everything = shop.feature_vector(["customers:*"], ["C1", "no"])
    assert everything.column_names == ["orders", "spend", "segment"]
    assert everything.to_numpy(object).tolist() == [[2**53 + 1, -0.0, None], [None, None, None]]
    frame = everything.to_pandas()
    assert (str(frame.dtypes["orders"]), frame["orders"][0]) == ("Int64", 2**53 + 1)
    near = shop.feature_vector(["items:near"], [7, 8]).to_numpy(object)
    assert near.tolist() == [[[0.5, 1.0]], [None]]
    for dtype, columns in (
        (np.int32, ["customers:orders"]),
        (np.int64, ["items:price"]),
        (float, ["customers:segment"]),
        (float, ["items:near"]),
        ("datetime64[s]", ["customers:orders"]),
        ("no type", ["customers:orders"]),
    ):
        entities = {"customer_id": ["C1", "C2"], "item_id": [7, 8]}
        with pytest.raises(ValidationError):
            shop.feature_vector(columns, entities).to_numpy(dtype)


def test_features_that_are_too_old_are_no_values(shop: tandem.FeatureStore) -> None:
    entities = {"customer_id": CUSTOMERS, "item_id": 7}
    features = ["customers:spend", "items:price"]
    found = shop.feature_vector(features, entities, max_age={"customers": timedelta(hours=1)})
    assert found.to_arrow().to_pydict() == {"spend": [None, 1000.0, None], "price": [2.5] * 3}
    assert found.found["customers"].tolist() == [True, True, False]


def test_training_and_serving_agree(shop: tandem.FeatureStore) -> None:
    features = {"a": "buyers:spend", "b": "buyers:orders", "c": "buyers:segment"}
    entities = pd.DataFrame({"customer_id": [*CUSTOMERS, "gone"]})
    trained = shop.latest(features, entities, record=False).select(["a", "b", "c"]).to_arrow()
    served = shop.feature_vector(features, entities).to_arrow()
    assert served.equals(trained.replace_schema_metadata(None))


@pytest.mark.parametrize(
    ("arguments", "kind", "said"),
    [
        ((["customers:none"], "C1"), ResourceNotFound, "no feature 'none'"),
        ((["nobody:spend"], "C1"), ResourceNotFound, "nobody"),
        (([], "C1"), ValidationError, "features is empty"),
        (("customers:spend", "C1"), ValidationError, "features"),
        ((["customers:spend", "items:price"], "C1"), ValidationError, "several record identif"),
        ((["customers:spend"], {"who": "C1"}), ValidationError, "no column 'customer_id'"),
        ((["customers:spend"], {}), ValidationError, "entities is empty"),
        ((["customers:spend"], None), ValidationError, "entities None"),
        ((["customers:spend"], ["C1", 7]), ValidationError, "entities"),
        ((["customers:spend"], [["C1"]]), ValidationError, "cannot be compared"),
        ((["customers:spend"], True), ValidationError, "cannot be compared"),
        ((["items:price"], ["seven"]), ValidationError, "'seven'"),
        ((["items:price"], [7.5]), ValidationError, "whole numbers"),
        ((["items:price"], {"item_id": [7, 8], "x": [1]}), ValidationError, "different lengths"),
    ],
)
def test_bad_questions_say_what_is_wrong(
    shop: tandem.FeatureStore, arguments: Any, kind: type[TandemError], said: str
) -> None:
    with pytest.raises(kind, match=said):
        shop.feature_vector(*arguments)


@pytest.mark.parametrize(
    "defaults",
    [{"none": 1}, {"orders": 1.5}, {"orders": "x"}, {"orders": None}, {"orders": True}, ["orders"]],
)
def test_bad_defaults_are_named(shop: tandem.FeatureStore, defaults: Any) -> None:
    with pytest.raises(ValidationError, match="default"):
        shop.feature_vector(["customers:orders"], "C1", defaults=defaults)


def test_an_integral_column_of_nothing_has_its_type(shop: tandem.FeatureStore) -> None:
    found = shop.feature_vector(["customers:orders", "customers:segment"], [])
    assert [str(type_) for type_ in found.to_arrow().schema.types] == ["int64", "string"]
    assert found.to_numpy(object).shape == (0, 2)
    assert found.ages["customers"].shape == (0,)


def test_many_records_in_one_call(shop: tandem.FeatureStore, name: str) -> None:
    group = shop.create_feature_group(
        name,
        features={"id": "String", "time": "Fractional", "n": "Integral"},
        record_identifier="id",
        event_time="time",
        offline=False,
    )
    count = 3_000
    identifiers = [f"{number}" for number in range(count)]
    group.ingest({"id": identifiers, "time": [1.7e9] * count, "n": range(count)})
    asked = [*identifiers[::-1], "no", "5"]
    found = group.get_many(asked)
    assert [one and one["n"] for one in found] == [*range(count)[::-1], None, 5]
    assert group.get_many(asked, ["n"])[-1] == {"n": 5}
    vectors = shop.feature_vector([f"{name}:n"], asked).to_numpy()
    assert vectors[:-2, 0].tolist() == [*range(count)[::-1]]


def test_the_cache_asks_for_the_time_to_live_of_records(location: str, name: str) -> None:
    cache = tandem.RecordCache()
    with tandem.connect(location, record_cache=cache) as store:
        group = store.create_feature_group(
            name,
            features={"id": "String", "time": "Fractional"},
            record_identifier="id",
            event_time="time",
            offline=False,
        )
        for identifier in ("a", "b", "c"):
            group.put({"id": identifier, "time": time.time()}, ttl="2 seconds")
        group.put({"id": "d", "time": 1.0})
        assert all(group.get_many(["a", "b", "d"]))
        assert group.get("c")
        assert all(group.get_many(["a", "b", "c", "d"]))
        assert cache.statistics.hits == 4
        deadline = time.monotonic() + 60
        while any(group.get_many(["a", "b", "c"])):
            assert time.monotonic() < deadline
            time.sleep(0.05)
        assert group.get("d")
