"""A folder and a server give one program the same answers, errors included."""

from collections.abc import Callable, Iterator
from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

import tandem
from e2e.server_process import ServerProcess
from tandem.errors import TandemError
from tandem.model.feature_group import (
    CollectionType,
    FeatureDefinition,
    FeatureGroup,
    FeatureMetadata,
    FeatureType,
)
from tandem.sdk.description import GroupDescription

Question = Callable[[tandem.FeatureStore], Any]
KEYS = {"record_identifier": "id", "event_time": "t"}
TIME = "2024-01-01T00:00:00Z"
LABELS = {"id": ["a", "b", "c", "z"], "t": [TIME, TIME, "2023-01-01T00:00:00Z", TIME]}


def prepare(store: tandem.FeatureStore) -> None:
    group = store.create_feature_group(
        "customers",
        features={"id": "String", "t": "String", "orders": "Integral", "spend": "Fractional"},
        description="Who buys",
        tags={"team": "growth"},
        ttl="3000 days",
        **KEYS,
    )
    group.put({"id": "a", "t": TIME, "orders": 1, "spend": "89.50"})
    group.put({"id": "b", "t": TIME, "orders": 2})
    group.put({"id": "gone", "t": TIME})
    group.delete("gone", "2024-01-02T00:00:00Z")
    group.update(add_features={"segment": "String", "old": "String"})
    group.put({"id": "c", "t": TIME, "segment": "x", "old": "y"})
    group.update_feature("orders", description="so far", parameters={"unit": "pieces"})
    group.retire_feature("old")
    group.add_tags({"tier": "gold", "drop": "1"})
    group.remove_tags("drop", "never-there")
    store.clone_feature_group("customers", "customers-v2", types={"orders": "String"})
    store.feature_group("customers-v2").update(
        throughput_mode="Provisioned", read_units=10_000, write_units=10_000
    )
    store.set_alias("buyers", "customers-v2")
    vectors = store.create_feature_group(
        "vectors",
        features=[
            FeatureDefinition("id", FeatureType.INTEGRAL),
            FeatureDefinition("t", FeatureType.FRACTIONAL),
            FeatureDefinition("near", FeatureType.FRACTIONAL, CollectionType.VECTOR, 2),
            FeatureDefinition("words", FeatureType.STRING, CollectionType.SET),
        ],
        offline=False,
        storage_type="InMemory",
        **KEYS,
    )
    vectors.put({"id": 7, "t": 1_700_000_000.5, "near": [0.5, 1.5], "words": ["x", "y"]})


@pytest.fixture(scope="module")
def stores(
    server: ServerProcess, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[list[tandem.FeatureStore]]:
    folder = tmp_path_factory.mktemp("store") / "data"
    with tandem.connect(folder) as embedded, tandem.connect(server.url) as remote:
        for store in (embedded, remote):
            prepare(store)
        yield [embedded, remote]


READS: dict[str, Question] = {
    "groups": lambda store: list(store.groups()),
    "groups by name": lambda store: store.groups("-v").names,
    "group": lambda store: store.feature_group("customers"),
    "group by alias": lambda store: store.feature_group("buyers"),
    "vector group": lambda store: store.feature_group("vectors"),
    "search": lambda store: list(store.search("orders", tags={"tier": "gold"})),
    "search features": lambda store: [tuple(one) for one in store.search_features()],
    "describe": lambda store: store.describe("customers"),
    "describe by alias": lambda store: store.describe("buyers"),
    "describe vectors": lambda store: store.describe("vectors"),
    "aliases": lambda store: store.aliases(),
    "tags": lambda store: store.feature_group("customers").tags,
    "tags by alias": lambda store: store.feature_group("buyers").tags,
    "feature": lambda store: store.feature_group("customers").describe_feature("orders"),
    "retired": lambda store: store.feature_group("customers").retired_features(),
    "get": lambda store: store.feature_group("customers").get("a"),
    "get what is gone": lambda store: store.feature_group("customers").get("gone"),
    "get some": lambda store: store.feature_group("customers").get("a", ["spend", "id"]),
    "get many": lambda store: store.feature_group("customers").get_many(["b", "no", "a", "b"]),
    "get by alias": lambda store: store.feature_group("buyers").get("a"),
    "get vectors": lambda store: store.feature_group("vectors").get(7),
    "list": lambda store: sorted(store.feature_group("customers").list_records()),
    "list deleted": lambda store: sorted(
        store.feature_group("customers").list_records(include_soft_deleted=True)
    ),
    "sql": lambda store: store.sql(
        'SELECT * EXCLUDE (write_time, api_invocation_time) FROM "customers" ORDER BY ALL'
    ),
    "sql by alias": lambda store: store.sql('SELECT id, orders FROM "buyers" ORDER BY ALL'),
    "training set": lambda store: store.training_set(LABELS, ["customers:*"], event_time="t"),
    "training set by alias": lambda store: store.training_set(
        LABELS, ["buyers:orders"], event_time="t", max_age=timedelta(days=1)
    ),
    "plan": lambda store: repr(store.plan([])),
}
REFUSED: dict[str, Question] = {
    "no group": lambda store: store.feature_group("nobody"),
    "no group to describe": lambda store: store.describe("nobody"),
    "no group to delete": lambda store: store.delete_feature_group("nobody"),
    "no table": lambda store: store.sql("SELECT * FROM nobody"),
    "no SQL": lambda store: store.sql("SELEC"),
    "a name twice": lambda store: store.create_feature_group(
        "customers", features={"id": "String", "t": "String"}, **KEYS
    ),
    "a name that is none": lambda store: store.create_feature_group(
        "a b", features={"id": "String", "t": "String"}, **KEYS
    ),
    "a name of an alias": lambda store: store.create_feature_group(
        "buyers", features={"id": "String", "t": "String"}, **KEYS
    ),
    "no feature": lambda store: store.create_feature_group("x", features=[], **KEYS),
    "no identifier": lambda store: store.create_feature_group(
        "x", features={"t": "String"}, **KEYS
    ),
    "put a value": lambda store: store.feature_group("customers").put(
        {"id": "x", "t": TIME, "orders": "many"}
    ),
    "put no time": lambda store: store.feature_group("customers").put({"id": "x"}),
    "put by alias": lambda store: store.feature_group("buyers").put({"id": "x", "t": TIME}),
    "put a retired feature": lambda store: store.feature_group("customers").put(
        {"id": "x", "t": TIME, "old": "y"}
    ),
    "put a vector": lambda store: store.feature_group("vectors").put(
        {"id": 8, "t": 1.0, "near": [0.5]}
    ),
    "ingest": lambda store: store.feature_group("customers").ingest([{"id": "x", "t": "soon"}]),
    "ingest by alias": lambda store: store.feature_group("buyers").ingest([{"id": "x", "t": TIME}]),
    "delete by alias": lambda store: store.feature_group("buyers").delete("a", TIME),
    "delete hard": lambda store: store.feature_group("customers").delete(
        "a", TIME, mode="HardDelete"
    ),
    "get a retired feature": lambda store: store.feature_group("customers").get("a", ["old"]),
    "get many of a retired feature": lambda store: store.feature_group("customers").get_many(
        ["a", "b"], ["old"]
    ),
    "update by alias": lambda store: store.feature_group("buyers").update(ttl="1 day"),
    "update nothing": lambda store: store.feature_group("customers").update(),
    "update storage": lambda store: store.feature_group("customers").update(
        storage_type="InMemory"
    ),
    "add a feature": lambda store: store.feature_group("customers").update(
        add_features={"Orders": "String"}
    ),
    "add a retired feature": lambda store: store.feature_group("customers").update(
        add_features={"old": "String"}
    ),
    "add too many features": lambda store: store.feature_group("customers").update(
        add_features={f"f{number}": "String" for number in range(101)}
    ),
    "too many tags": lambda store: store.feature_group("customers").add_tags(
        {f"k{number}": "" for number in range(51)}
    ),
    "remove too many parameters of no feature": lambda store: store.feature_group(
        "customers"
    ).update_feature("no", remove_parameters=["p"] * 26),
    "tag": lambda store: store.feature_group("customers").add_tags({"aws:x": "1"}),
    "tag by alias": lambda store: store.feature_group("buyers").add_tags({"x": "1"}),
    "untag by alias": lambda store: store.feature_group("buyers").remove_tags("team"),
    "describe no feature": lambda store: store.feature_group("customers").describe_feature("no"),
    "describe a retired feature": lambda store: store.feature_group("customers").update_feature(
        "old", description="x"
    ),
    "describe by alias": lambda store: store.feature_group("buyers").update_feature(
        "orders", description="x"
    ),
    "a long description": lambda store: store.feature_group("customers").update_feature(
        "orders", description="x" * 300
    ),
    "retire no feature": lambda store: store.feature_group("customers").retire_feature("no"),
    "retire the identifier": lambda store: store.feature_group("customers").retire_feature("id"),
    "retire twice": lambda store: store.feature_group("customers").retire_feature("old"),
    "retire by alias": lambda store: store.feature_group("buyers").retire_feature("orders"),
    "restore what is there": lambda store: store.feature_group("customers").restore_feature("id"),
    "clone onto a group": lambda store: store.clone_feature_group("customers", "vectors"),
    "clone nothing": lambda store: store.clone_feature_group("nobody", "x"),
    "clone to what does not fit": lambda store: store.clone_feature_group(
        "customers", "x", types={"segment": "Integral"}
    ),
    "clone no feature": lambda store: store.clone_feature_group(
        "customers", "x", types={"no": "String"}
    ),
    "alias nothing": lambda store: store.set_alias("x", "nobody"),
    "alias an alias": lambda store: store.set_alias("x", "buyers"),
    "alias like a group": lambda store: store.set_alias("vectors", "customers"),
    "alias that is no name": lambda store: store.set_alias("a b", "customers"),
    "remove no alias": lambda store: store.remove_alias("nobody"),
    "delete what an alias names": lambda store: store.delete_feature_group("customers-v2"),
    "delete an alias": lambda store: store.delete_feature_group("buyers"),
    "train on nothing": lambda store: store.training_set(LABELS, [], event_time="t"),
    "train on no feature": lambda store: store.training_set(
        LABELS, ["customers:no"], event_time="t"
    ),
    "train on a retired feature": lambda store: store.training_set(
        LABELS, ["customers:old"], event_time="t"
    ),
    "train without a moment": lambda store: store.training_set(LABELS, ["customers:orders"]),
    "train on tomorrow": lambda store: store.training_set(
        LABELS, ["customers:orders"], event_time="t", as_of=datetime(2999, 1, 1, tzinfo=UTC)
    ),
    "search for no property": lambda store: store.search(expression={"Filters": [{"Name": "No"}]}),
    "search in two lines": lambda store: store.search("two\nlines"),
}


class TestEqualAnswers:
    @pytest.mark.parametrize("question", READS.values(), ids=READS)
    def test_what_is_read(self, stores: list[tandem.FeatureStore], question: Question) -> None:
        embedded, remote = (comparable(question(store)) for store in stores)
        assert embedded == remote

    @pytest.mark.parametrize("question", REFUSED.values(), ids=REFUSED)
    def test_what_is_refused(self, stores: list[tandem.FeatureStore], question: Question) -> None:
        embedded, remote = (error_of(store, question) for store in stores)
        assert type(embedded) is type(remote)
        assert str(embedded) == str(remote)
        assert str(embedded)


def error_of(store: tandem.FeatureStore, question: Question) -> TandemError:
    with pytest.raises(TandemError) as raised:
        question(store)
    return raised.value


def comparable(answer: Any) -> Any:
    """`answer` without what tells two stores apart: the moments at which they were made."""
    match answer:
        case FeatureGroup():
            offline = answer.offline and replace(answer.offline, resolved_uri="", data_catalog=None)
            return replace(answer, group_id="", created_at_us=0, modified_at_us=0, offline=offline)
        case FeatureMetadata():
            return replace(answer, modified_at_us=0)
        case GroupDescription():
            members = {field.name: getattr(answer, field.name) for field in fields(answer)}
            assert members.pop("described_at")
            members["last_write_time"] = members["last_write_time"] is not None
            return comparable(members)
        case tandem.FeatureGroupHandle():
            return answer.name, comparable(answer.definition)
        case tandem.Result():
            return answer.to_arrow().schema, answer.to_arrow().to_pylist()
        case dict():
            return {name: comparable(item) for name, item in answer.items()}
        case list() | tuple():
            return [comparable(item) for item in answer]
        case _:
            return answer
