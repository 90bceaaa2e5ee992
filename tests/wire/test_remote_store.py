"""Requests for records over a remote store: answered as over another one, without blocking."""

import asyncio
import json
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any
from urllib.parse import quote

import pyarrow as pa
import pytest

from tandem.wire.http import REQUEST_ID_HEADER, Request, Response

from .bench import (
    RUNTIME,
    SAGEMAKER,
    Bench,
    answered,
    group_request,
    record,
    serialize,
    service_model,
    value,
)
from .conftest import create_groups
from .remote_store import RemoteStore

ARROW = "application/vnd.apache.arrow.stream"
TTL = {"Unit": "Hours", "Value": 1}
SOON = "2025-06-15T15:00:00Z"
"""Less than an hour before the time of the bench."""


def filled(store: RemoteStore) -> Bench:
    bench = Bench(store)
    create_groups(bench)
    limited = {
        "ThroughputMode": "Provisioned",
        "ProvisionedReadCapacityUnits": 2,
        "ProvisionedWriteCapacityUnits": 9,
    }
    request = group_request("limited", storage="Standard_V2", ThroughputConfig=limited)
    assert bench.send(SAGEMAKER, "CreateFeatureGroup", **request).status == 200
    for group, values in [
        ("v2", record(id="a", time=SOON, whole="7", real="-0.0", text='"é" \\')),
        ("v2", record(id="b", time=SOON, whole="8")),
        ("v2", record(id="hurt", time=SOON, whole="9")),
        ("v2", record(id="large", time=SOON, text="x" * 300_000)),
        ("keyed", record(id="7", time="1.5")),
        ("memory", record(id="m", time="1", list=["3", "1"], set=[], vector=["1.5", "2"])),
        *(("limited", record(id=f"{n}", time=SOON)) for n in range(4)),
    ]:
        put = bench.send(RUNTIME, "PutRecord", FeatureGroupName=group, Record=values)
        assert put.status == 200, put.parsed
    for identifier, time in (("expires", SOON), ("expired", "2025-06-14T00:00:00Z")):
        ttl = {"FeatureGroupName": "v2", "TtlDuration": TTL}
        values = record(id=identifier, time=time)
        assert bench.send(RUNTIME, "PutRecord", **ttl, Record=values).status == 200
    gone = {"FeatureGroupName": "v2", "RecordIdentifierValueAsString": "deleted"}
    assert bench.send(RUNTIME, "DeleteRecord", **gone, EventTime=SOON).status == 200
    store.damaged = {"hurt"}
    return bench


@pytest.fixture
def store() -> RemoteStore:
    return RemoteStore()


@pytest.fixture
def remote(store: RemoteStore) -> Iterator[Bench]:
    made = filled(store)
    store.calls.clear()
    while store.begun.acquire(blocking=False):
        pass
    yield made
    store.may_answer.set()
    made.close()


@pytest.fixture
def local() -> Iterator[Bench]:
    made = filled(RemoteStore(is_remote=False))
    yield made
    made.close()


def call(operation: str, **params: Any) -> Request:
    return serialize(service_model(RUNTIME).operation_model(operation), params)


def get(group: str, identifier: str, *names: str, **more: Any) -> Request:
    path = f"/FeatureGroup/{quote(group)}".encode()
    query = f"RecordIdentifierValueAsString={quote(identifier)}"
    query += "".join(f"&FeatureName={name}" for name in names)
    query += "".join(f"&{name}={one}" for name, one in more.items())
    return Request("GET", path, query.encode(), {}, b"", "id")


def batch(*entries: tuple[str, list[str]], arrow: bool, **more: Any) -> Request:
    asked = [
        {"FeatureGroupName": group, "RecordIdentifiersValueAsString": identifiers}
        for group, identifiers in entries
    ]
    headers = {"accept": ARROW} if arrow else {}
    body = json.dumps({"Identifiers": asked, **more}).encode()
    return Request("POST", b"/BatchGetRecord", b"", headers, body, "id")


def update(identifier: str, *changes: dict[str, Any], group: str = "v2", **more: Any) -> Request:
    return call(
        "UpdateRecord",
        FeatureGroupName=group,
        RecordIdentifierValueAsString=identifier,
        Features=[*changes],
        **more,
    )


def vectors(*identifiers: str, features: tuple[str, ...] = ("v2:whole", "v2:text")) -> Request:
    text = json.dumps({"Features": features, "AreIdentifiers": True}).encode()
    sink = pa.BufferOutputStream()
    table = pa.table({"id": [*identifiers]}).replace_schema_metadata({"tandem.request": text})
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    body = sink.getvalue().to_pybytes()
    return Request("POST", b"/tandem/feature-vectors", b"", {}, body, "id")


ALL = ["a", "no", "b", "expired", "expires", "deleted", "hurt"]
QUESTIONS: list[Request] = [
    get("v2", "a"),
    get("v2", "a", "whole", "id"),
    get("v2", "a", "nothing"),
    get("v2", "no"),
    get("v2", "expires"),
    get("v2", "expires", ExpirationTimeResponse="Enabled"),
    get("v2", "a", ExpirationTimeResponse="Enabled"),
    get("v2", "expired"),
    get("v2", "deleted"),
    get("v2", "hurt"),
    get("keyed", "007"),
    get("keyed", "x"),
    get("history", "a"),
    get("none", "a"),
    *(get("limited", f"{number}") for number in range(4)),
    *(
        batch(*entries, arrow=arrow, **more)
        for arrow in (False, True)
        for entries, more in [
            ([("v2", ALL), ("none", ["a", "b"]), ("keyed", ["7", "x"]), ("memory", ["m"])], {}),
            ([("v2", ALL)], {"ExpirationTimeResponse": "Enabled"}),
            ([("v2", ["hurt"])], {}),
            ([("none", ["a"])], {}),
            ([("v2", ["a"] * 101)], {}),
            ([("limited", ["0", "no", "1", "2"])], {}),
        ]
    ),
    update("a", value("whole", "70")),
    update("a", value("text", "new"), value("time", "2025-06-15T15:30:00Z"), TtlDuration=TTL),
    update("a", value("text", "old"), value("time", "2024-01-01T00:00:00Z")),
    update("no", value("whole", "1")),
    update("deleted", value("whole", "1")),
    update("hurt", value("whole", "1")),
    update("large", value("id", "large"), value("text", "y" * 349_000), value("real", "0" * 9_000)),
    update("a", value("whole", "1"), group="both"),
    update("a"),
    *(update(f"{number}", value("whole", "1"), group="limited") for number in range(4)),
    get("v2", "a", ExpirationTimeResponse="Enabled"),
    vectors("a", "no", "b"),
    vectors("a", "hurt"),
    vectors("a", features=("none:whole",)),
    call("ListRecords", FeatureGroupName="v2"),
]


def said(response: Response) -> Any:
    """All of an answer but its request id."""
    headers = [header for header in response.headers if header[0] != REQUEST_ID_HEADER]
    body = response.body
    assert isinstance(body, bytes)
    return response.status, headers, body


def test_it_answers_as_another_store(remote: Bench, local: Bench) -> None:
    statuses = set()
    for question in QUESTIONS:
        expected = said(local.answer(question))
        assert said(remote.answer(question)) == expected
        statuses.add(expected[0])
    assert statuses == {200, 400, 404, 409, 500}
    counted = local.core.usage._throughput.take_counts()
    assert [*remote.core.usage._throughput.take_counts().values()] == [*counted.values()]
    assert any(one.throttled_requests for one in counted.values())


def in_background(remote: Bench, *requests: Request) -> list[Future[Response]]:
    async def begin() -> list[Future[Response]]:
        loop = asyncio.get_running_loop()
        return [
            asyncio.run_coroutine_threadsafe(answered(remote.router, one), loop) for one in requests
        ]

    return asyncio.run_coroutine_threadsafe(begin(), remote._loop).result(60)


def test_requests_of_all_kinds_are_one_call(remote: Bench, store: RemoteStore) -> None:
    store.may_answer.clear()
    first = in_background(remote, get("v2", "a"))
    store.wait_for_a_call()
    others = in_background(
        remote,
        *(get("v2", f"no-{number}") for number in range(10)),
        get("v2", "b"),
        batch(("v2", ["a", "b"]), ("keyed", ["7"]), arrow=False),
        batch(("v2", ["a", "b"]), arrow=True),
        update("b", value("whole", "80")),
    )
    remote.send(SAGEMAKER, "ListFeatureGroups")  # by now all of them have been begun
    store.may_answer.set()
    assert [one.result(60).status for one in (*first, *others)] == [200] * 15
    assert store.sizes == [1, 10 + 1 + 3 + 2 + 1]


@pytest.mark.parametrize(
    "held",
    [
        lambda: get("v2", "a"),
        lambda: batch(("v2", ["a"]), arrow=False),
        lambda: batch(("v2", ["a"]), arrow=True),
        lambda: update("a", value("whole", "70")),
        lambda: vectors("a"),
    ],
)
def test_others_are_answered_while_it_is_asked(
    remote: Bench, store: RemoteStore, held: Callable[[], Request]
) -> None:
    store.may_answer.clear()
    (waits,) = in_background(remote, held())
    store.wait_for_a_call()
    assert remote.send(SAGEMAKER, "ListFeatureGroups").status == 200
    put = record(id="c", time=SOON)
    assert remote.send(RUNTIME, "PutRecord", FeatureGroupName="v2", Record=put).status == 200
    assert not waits.done()
    store.may_answer.set()
    assert waits.result(60).status == 200


def test_where_it_does_not_answer_the_next_call_may(remote: Bench, store: RemoteStore) -> None:
    failing = [
        get("v2", "a"),
        batch(("v2", ["a"]), arrow=False),
        batch(("v2", ["a"]), arrow=True),
        update("a", value("whole", "70")),
        vectors("a"),
    ]
    store.go_away()
    with ThreadPoolExecutor(len(failing)) as threads:
        for answer in threads.map(remote.answer, failing):
            assert answer.status == 503
    store.failure = None
    for request in failing:
        assert remote.answer(request).status == 200


def test_a_known_head_is_answered_later_too(remote: Bench) -> None:
    question = get("v2", "a")

    async def ask() -> tuple[Response, Response]:
        again = remote.router.again(question, lambda _: False)
        assert again is not None
        begun = again(question.query)
        assert isinstance(begun, Coroutine)
        return await begun, await answered(remote.router, question)

    first, whole = asyncio.run_coroutine_threadsafe(ask(), remote._loop).result(60)
    assert said(first) == said(whole)
