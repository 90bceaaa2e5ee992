"""Arguments that a program gives by mistake: a folder and a server refuse them alike, with an error
of Tandem's, or give the same answer.
"""

from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

import tandem
from e2e.server_process import ServerProcess
from e2e.test_equal_answers import KEYS, LABELS, TIME, comparable, prepare
from tandem.errors import TandemError

Call = Callable[[tandem.FeatureStore, Any], Any]
ODD = [
    None, True, 5, 1.5, float("nan"), b"x", "", " ", "a b", "é", "a/b", "..", "%2e", "a?b#c",
    "a\0b", "\ud800", "x" * 70, "x" * 300, [], {}, ["a"], {"a": 1}, "nobody", "customers",
    timedelta(-1), "arn:aws:sagemaker:us-east-1:000000000000:feature-group/customers",
]  # fmt: skip
FEATURES = {"id": "String", "t": "String"}


def customers(store: tandem.FeatureStore) -> tandem.FeatureGroupHandle:
    return store.feature_group("customers")


def found(store: tandem.FeatureStore, **members: Any) -> list[str]:
    return store.search(expression=members).names


def created(store: tandem.FeatureStore, name: str = "new", **arguments: Any) -> Any:
    group = store.create_feature_group(name, **{"features": FEATURES, **KEYS, **arguments})
    definition = group.definition
    store.delete_feature_group(name)
    return definition


def cloned(store: tandem.FeatureStore, source: Any = "customers", **arguments: Any) -> Any:
    definition = store.clone_feature_group(source, "new", **arguments).definition
    store.delete_feature_group("new")
    return definition


def feature_after(store: tandem.FeatureStore, **update: Any) -> Any:
    customers(store).update_feature("spend", **update)
    return customers(store).describe_feature("spend")


def keyed(value: Any, other: Any) -> dict[Any, Any]:
    """`value` as a key; what cannot be one is left to other calls."""
    return {value if value.__hash__ else repr(value): other}


CALLS: dict[str, Call] = {
    "feature_group": lambda store, odd: store.feature_group(odd),
    "groups": lambda store, odd: store.groups(odd).names,
    "describe": lambda store, odd: store.describe(odd),
    "search": lambda store, odd: store.search(odd).names,
    "search, tags": lambda store, odd: store.search(tags=odd).names,
    "search, a tag": lambda store, odd: store.search(tags={"team": odd}).names,
    "search, expression": lambda store, odd: store.search(expression=odd).names,
    "search, a slip": lambda store, odd: found(store, **{f"Filter{odd!r}": []}),
    "search, filters": lambda store, odd: found(store, Filters=odd),
    "search, filter": lambda store, odd: found(store, Filters=[odd]),
    "search, filter's name": lambda store, odd: found(store, Filters=[{"Name": odd}]),
    "search, filter's value": lambda store, odd: found(
        store, Filters=[{"Name": "FeatureGroupName", "Operator": "In", "Value": odd}]
    ),
    "search, operator": lambda store, odd: found(store, Operator=odd),
    "search, nested": lambda store, odd: found(store, NestedFilters=odd),
    "search, inner": lambda store, odd: found(store, SubExpressions=[odd]),
    "search_features": lambda store, odd: [tuple(one) for one in store.search_features(odd)],
    "search_features, parameters": lambda store, odd: [
        tuple(one) for one in store.search_features(parameters={"unit": odd})
    ],
    "create": lambda store, odd: created(store, odd) if odd != "nobody" else None,
    "create, features": lambda store, odd: created(store, features=odd),
    "create, a feature": lambda store, odd: created(store, features=FEATURES | keyed(odd, "x")),
    "create, a type": lambda store, odd: created(store, features={**FEATURES, "x": odd}),
    "create, a tag": lambda store, odd: created(store, tags=keyed(odd, "x")),
    "create, a tag's value": lambda store, odd: created(store, tags={"x": odd}),
    **{
        f"create, {name}": lambda store, odd, name=name: created(store, **{name: odd})
        for name in (
            "types", "record_identifier", "event_time", "online", "offline", "table_format",
            "storage_type", "ttl", "s3_uri", "role_arn", "description", "tags",
        )
    },
    "clone": lambda store, odd: cloned(store, odd),
    "clone, target": lambda store, odd: store.clone_feature_group("vectors", odd, types=5),
    "clone, types": lambda store, odd: cloned(store, types=odd),
    "clone, a type": lambda store, odd: cloned(store, types={"orders": odd}),
    "clone, table_format": lambda store, odd: cloned(store, table_format=odd),
    "alias": lambda store, odd: store.set_alias(odd, "vectors"),
    "alias, group": lambda store, odd: store.set_alias("alias", odd),
    "remove_alias": lambda store, odd: store.remove_alias(odd),
    "delete": lambda store, odd: store.delete_feature_group([odd]),
    "update, add_features": lambda store, odd: customers(store).update(add_features=odd),
    "update, ttl": lambda store, odd: customers(store).update(ttl=odd),
    "update, remove_ttl": lambda store, odd: customers(store).update(ttl="1 day", remove_ttl=odd),
    "update, units": lambda store, odd: customers(store).update(read_units=odd),
    "update, mode": lambda store, odd: customers(store).update(throughput_mode=odd),
    "tags": lambda store, odd: (customers(store).add_tags(odd), customers(store).tags),
    "a tag": lambda store, odd: (customers(store).add_tags({"x": odd}), customers(store).tags),
    "remove a tag": lambda store, odd: customers(store).remove_tags(odd),
    "remove no tags": lambda store, odd: customers(store).remove_tags(*([] if odd else ["none"])),
    "remove many tags": lambda store, odd: customers(store).remove_tags(*map(str, range(120))),
    "describe_feature": lambda store, odd: customers(store).describe_feature(odd),
    "update_feature": lambda store, odd: customers(store).update_feature(odd, description="x"),
    "description": lambda store, odd: feature_after(store, description=odd),
    "parameters": lambda store, odd: feature_after(store, parameters=odd),
    "a parameter": lambda store, odd: feature_after(store, parameters={"x": odd}),
    "remove_parameters": lambda store, odd: feature_after(store, remove_parameters=odd),
    "retire": lambda store, odd: customers(store).retire_feature(odd),
    "restore": lambda store, odd: customers(store).restore_feature(odd),
    "put": lambda store, odd: customers(store).put(odd),
    "put, identifier": lambda store, odd: customers(store).put({"id": odd, "t": TIME}),
    "put, time": lambda store, odd: customers(store).put({"id": "x", "t": odd}),
    "put, value": lambda store, odd: customers(store).put({"id": "x", "t": TIME, "segment": odd}),
    "put, ttl": lambda store, odd: customers(store).put({"id": "x", "t": TIME}, ttl=odd),
    "put, stores": lambda store, odd: customers(store).put(
        {"id": "x", "t": TIME}, target_stores=odd
    ),
    "get": lambda store, odd: customers(store).get(odd),
    "get, features": lambda store, odd: customers(store).get("a", odd),
    "get_many": lambda store, odd: customers(store).get_many(odd),
    "delete a record": lambda store, odd: customers(store).delete(odd, TIME),
    "delete, time": lambda store, odd: customers(store).delete("no", odd),
    "delete, mode": lambda store, odd: customers(store).delete("no", TIME, mode=odd),
    "delete, stores": lambda store, odd: customers(store).delete("no", TIME, target_stores=odd),
    "ingest": lambda store, odd: customers(store).ingest(odd),
    "ingest, value": lambda store, odd: customers(store).ingest(
        [{"id": "x", "t": TIME, "segment": odd}]
    ),
    "list": lambda store, odd: sorted(customers(store).list_records(include_soft_deleted=odd)),
    "train": lambda store, odd: store.training_set(odd, ["customers:orders"], event_time="t"),
    "train, features": lambda store, odd: store.training_set(LABELS, odd, event_time="t"),
    "train, group": lambda store, odd: store.training_set(LABELS, [f"{odd}:x"], event_time="t"),
    "train, time": lambda store, odd: store.training_set(LABELS, ["customers:*"], event_time=odd),
    "train, keys": lambda store, odd: store.training_set(
        LABELS, ["customers:*"], event_time="t", keys={"customers": odd}
    ),
    "train, max_age": lambda store, odd: store.training_set(
        LABELS, ["customers:*"], event_time="t", max_age=odd
    ),
    "sql": lambda store, odd: store.sql(odd),
    "sql, dialect": lambda store, odd: store.sql("SELECT 1 AS x", dialect=odd),
    "athena": lambda store, odd: store.sql(odd, dialect="athena"),
    "plan": lambda store, odd: repr(store.plan(odd)),
}  # fmt: skip


@pytest.fixture(scope="module")
def stores(
    server: ServerProcess, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[list[tandem.FeatureStore]]:
    folder = tmp_path_factory.mktemp("store") / "data"
    with tandem.connect(folder) as embedded, tandem.connect(server.url) as remote:
        for store in (embedded, remote):
            prepare(store)
        yield [embedded, remote]


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_odd_arguments(
    stores: list[tandem.FeatureStore],
    call: Call,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")  # ".." is a folder that nobody else writes to
    for odd in ODD:
        embedded, remote = (outcome(store, call, odd) for store in stores)
        assert embedded == remote, f"given {odd!r:.40}"


def outcome(store: tandem.FeatureStore, call: Call, odd: Any) -> Any:
    """The answer, or the class of the error; any error that is not Tandem's passes through."""
    try:
        return comparable(call(store, odd))
    except TandemError as error:
        return type(error), bool(str(error))


def test_an_unknown_group_is_not_found_by_writers_either(
    stores: list[tandem.FeatureStore],
) -> None:
    for store in stores:
        group = store.create_feature_group("short-lived", features=FEATURES, **KEYS)
        store.delete_feature_group("short-lived")
        for write in (
            lambda group=group: group.put({"id": "a", "t": TIME}),
            lambda group=group: group.delete("a", TIME),
            lambda group=group: group.ingest([{"id": "a", "t": TIME}]),
        ):
            with pytest.raises(tandem.errors.ResourceNotFound, match="'short-lived'"):
                write()


def test_what_is_not_known_is_not_shown(stores: list[tandem.FeatureStore]) -> None:
    for store in stores:
        group, offline = customers(store), customers(store).definition.offline
        assert offline is not None
        assert group.definition.group_id.startswith("customers-")
        assert f"/{group.definition.group_id}/data" in offline.resolved_uri
        assert store.feature_group("vectors").definition.group_id == ""  # has no history
