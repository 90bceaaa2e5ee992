"""BatchGetRecord as Arrow, and larger batches: the same records, errors and limits as in JSON."""

import json
from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pytest

from tandem.model import limits
from tandem.service import batch_get

from .bench import RUNTIME, SAGEMAKER, Bench, group_request, record
from .conftest import create_groups

ARROW = "application/vnd.apache.arrow.stream"
LARGE = b"/tandem/batch-get-record"


@pytest.fixture(scope="module")
def stored() -> Iterator[Bench]:
    groups = Bench()
    create_groups(groups)
    for name, given in [
        ("v2", record(id="a", time="1700000000", whole="9223372036854775807", real="-0.0")),
        ("v2", record(id="b", time="1700000000", whole="+7", text='007 "é" \\')),
        ("keyed", record(id="7", time="1.5")),
        ("memory", record(id="m", time="1", list=["3", "1"], set=[], vector=["1.5", "2"])),
    ]:
        assert groups.send(RUNTIME, "PutRecord", FeatureGroupName=name, Record=given).status == 200
    yield groups
    groups.close()


def entry(group: str, *identifiers: str, names: list[str] | None = None) -> dict[str, Any]:
    wanted: dict[str, Any] = {
        "FeatureGroupName": group,
        "RecordIdentifiersValueAsString": list(identifiers),
    }
    return wanted if names is None else {**wanted, "FeatureNames": names}


def ask(
    bench: Bench, *entries: dict[str, Any], path: bytes = b"/BatchGetRecord", **more: Any
) -> Any:
    body = json.dumps({"Identifiers": entries, **more}).encode()
    return bench.raw("POST", path, headers={"accept": ARROW}, body=body)


def tables(answer: Any) -> list[pa.Table]:
    assert (answer.status, dict(answer.headers)["content-type"]) == (200, ARROW), answer.body
    source = pa.BufferReader(answer.body)
    found = []
    while source.tell() < source.size():
        with pa.ipc.open_stream(source) as reader:
            found.append(reader.read_all())
    return found


def told(table: pa.Table, key: str) -> Any:
    return json.loads(table.schema.metadata[key.encode()])


def test_each_entry_is_a_table_with_the_types_of_its_group(stored: Bench) -> None:
    first, second, third = tables(
        ask(stored, entry("v2", "b", "no", "a"), entry("keyed", "007"), entry("memory", "m"))
    )
    assert first.schema.metadata[b"FeatureGroupName"] == b"v2"
    assert first.to_pydict() == {
        "record identifier": ["b", "no", "a"],
        "is found": [True, False, True],
        "id": ["b", None, "a"],
        "time": ["1700000000", None, "1700000000"],
        "whole": [7, None, 2**63 - 1],
        "real": [None, None, -0.0],
        "text": ['007 "é" \\', None, None],
    }
    assert str(first.column("real")[2].as_py()) == "-0.0"
    assert [str(type_) for type_ in first.schema.types[4:]] == ["int64", "double", "string"]
    assert second.to_pylist() == [
        {"record identifier": "007", "is found": True, "id": 7, "time": 1.5}
    ]
    (memory,) = third.to_pylist()
    assert (memory["list"], memory["set"], memory["vector"]) == ([3, 1], [], [1.5, 2.0])
    assert [told(table, "Errors") for table in (first, second, third)] == [[], [], []]


def test_features_come_in_the_order_asked_for(stored: Bench) -> None:
    (found,) = tables(ask(stored, entry("v2", "a", names=["real", "id", "real"])))
    assert found.column_names == ["record identifier", "is found", "real", "id"]


def test_columns_follow_the_definition(stored: Bench) -> None:
    request = group_request("grows", storage="Standard_V2")
    assert stored.send(SAGEMAKER, "CreateFeatureGroup", **request).status == 200
    (before,) = tables(ask(stored, entry("grows", "a")))
    added = [{"FeatureName": "later", "FeatureType": "Integral"}]
    changed = {"FeatureGroupName": "grows", "FeatureAdditions": added}
    assert stored.send(SAGEMAKER, "UpdateFeatureGroup", **changed).status == 200
    (after,) = tables(ask(stored, entry("grows", "a")))
    assert after.column_names == [*before.column_names, "later"]
    retired = b"/tandem/feature-groups/grows/retired-features/text"
    assert stored.raw("PUT", retired, body=b"").status == 200
    (without,) = tables(ask(stored, entry("grows", "a")))
    assert without.column_names == [name for name in after.column_names if name != "text"]
    (told_of,) = tables(ask(stored, entry("grows", "a", "b" * 3_000)))
    assert (len(told(told_of, "Errors")), told(without, "Errors")) == (1, [])
    assert tables(ask(stored, entry("grows", "a")))[0].schema == without.schema


def test_an_expiry_is_a_moment(stored: Bench) -> None:
    put = stored.send(
        RUNTIME,
        "PutRecord",
        FeatureGroupName="v2",
        Record=record(id="c", time="1750000000"),
        TtlDuration={"Unit": "Days", "Value": 1},
    )
    assert put.status == 200
    (found,) = tables(ask(stored, entry("v2", "c", "a"), ExpirationTimeResponse="Enabled"))
    moment, none = found.column("expires at").to_pylist()
    assert (moment.timestamp(), none) == (1750000000 + 86_400, None)
    stored.now_us += 86_400_000_000
    (found,) = tables(ask(stored, entry("v2", "c")))
    stored.now_us -= 86_400_000_000
    assert found.column("is found").to_pylist() == [False]
    assert found.column("id").to_pylist() == [None]


def test_what_cannot_be_read_is_an_error_of_its_entry(stored: Bench) -> None:
    entries = [
        entry("nobody", "a"),
        entry("keyed", "7", "seven"),
        entry("history", "a"),
        entry("v2", "a", names=["missing"]),
        entry("arn:aws:sagemaker:eu-west-1:999999999999:feature-group/v2", "a"),
    ]
    found = tables(ask(stored, *entries))
    body = json.dumps({"Identifiers": entries}).encode()
    in_json = json.loads(stored.raw("POST", b"/BatchGetRecord", body=body).body)
    assert [problem for table in found for problem in told(table, "Errors")] == in_json["Errors"]
    assert len(in_json["Errors"]) == 5
    assert found[1].column("is found").to_pylist() == [True, False]
    assert found[0].column_names == ["record identifier", "is found"]


@pytest.mark.parametrize(
    ("accept", "is_arrow"),
    [
        (ARROW, True),
        (f"{ARROW};q=0.9, */*", True),
        ("application/json", False),
        ("*/*", False),
        ("", False),
    ],
)
@pytest.mark.parametrize("path", [b"/BatchGetRecord", LARGE])
def test_the_accept_header_chooses(stored: Bench, path: bytes, accept: str, is_arrow: bool) -> None:
    body = json.dumps({"Identifiers": [entry("v2", "a")]}).encode()
    answer = stored.raw("POST", path, headers={"accept": accept}, body=body)
    assert answer.status == 200
    assert (dict(answer.headers)["content-type"] == ARROW) == is_arrow
    if not is_arrow:
        (one,) = json.loads(answer.body)["Records"]
        assert one["RecordIdentifierValueAsString"] == "a"


@pytest.mark.parametrize("accept", [ARROW, ""])
def test_limits_are_those_of_aws_and_of_the_large_endpoint(stored: Bench, accept: str) -> None:
    headers = {"accept": accept}
    many = [str(number) for number in range(101)]
    body = json.dumps({"Identifiers": [entry("keyed", *many[:60]), entry("v2", *many[60:])]})
    answer = stored.raw("POST", b"/BatchGetRecord", headers=headers, body=body.encode())
    assert (answer.status, b"101 records" in answer.body) == (400, True)
    assert dict(answer.headers)["x-amzn-ErrorType"] == "ValidationError"
    assert stored.raw("POST", LARGE, headers=headers, body=body.encode()).status == 200
    most = limits.LARGE_BATCH_RECORDS_MAX
    body = json.dumps({"Identifiers": [entry("v2", *["a"] * (most + 1))]})
    answer = stored.raw("POST", LARGE, headers=headers, body=body.encode())
    assert (answer.status, f"at most {most}".encode() in answer.body) == (400, True)


def test_what_does_not_fit_the_answer_is_unprocessed(
    stored: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batch_get, "_AT_ONCE", 2)
    monkeypatch.setattr(batch_get.BatchGet.read, "__defaults__", (1,))
    entries = [entry("v2", "a", "b", "a", names=["id"]), entry("keyed", "7")]
    body = json.dumps({"Identifiers": entries}).encode()
    answer = json.loads(stored.raw("POST", LARGE, body=body).body)
    assert [one["RecordIdentifierValueAsString"] for one in answer["Records"]] == ["a", "b"]
    assert answer["UnprocessedIdentifiers"] == [entry("v2", "a", names=["id"]), entries[1]]
    first, second = tables(ask(stored, *entries, path=LARGE))
    assert first.column("id").to_pylist() == ["a", "b"]
    assert told(first, "UnprocessedIdentifiers") == [entry("v2", "a", names=["id"])]
    assert told(second, "UnprocessedIdentifiers") == [entries[1]]
    assert second.num_rows == 0


@pytest.mark.parametrize("path", [b"/BatchGetRecord", LARGE])
@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"{", "SerializationException"),
        (b"", "ValidationError"),
        (b'{"Identifiers":[]}', "ValidationError"),
        (b'{"Identifiers":[{"FeatureGroupName":"v2"}]}', "ValidationError"),
        (b'{"Identifiers":7}', "SerializationException"),
    ],
)
def test_bad_requests_are_refused_as_in_json(
    stored: Bench, path: bytes, body: bytes, code: str
) -> None:
    answer = stored.raw("POST", path, headers={"accept": ARROW}, body=body)
    assert (answer.status, dict(answer.headers)["x-amzn-ErrorType"]) == (400, code)


@pytest.mark.parametrize("path", [b"/BatchGetRecord", LARGE, b"/tandem/feature-vectors"])
def test_only_posts_are_answered(stored: Bench, path: bytes) -> None:
    assert stored.raw("GET", path, headers={"accept": ARROW}).status == 405


def vectors(bench: Bench, request: Any, entities: pa.Table) -> Any:
    text = request if isinstance(request, bytes) else json.dumps(request).encode()
    sink = pa.BufferOutputStream()
    table = entities.replace_schema_metadata({"tandem.request": text})
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return bench.raw("POST", b"/tandem/feature-vectors", body=sink.getvalue().to_pybytes())


def test_feature_vectors_join_groups(stored: Bench) -> None:
    assert stored.send(SAGEMAKER, "DescribeFeatureGroup", FeatureGroupName="v2").status == 200
    asked = {
        "Features": ["v2:whole", "keyed:time", "v2:text"],
        "Keys": {"v2": "first", "keyed": "second"},
    }
    entities = pa.table({"first": ["b", "no", None, "b"], "second": [7, 8, 7, None]})
    (found,) = tables(vectors(stored, asked, entities))
    assert json.loads(found.schema.metadata[b"Ages"]) == ["v2", "keyed"]
    assert found.column_names[:3] == ["whole", "time", "text"]
    assert found.column("whole").to_pylist() == [7, None, None, 7]
    assert found.column("time").to_pylist() == [1.5, None, 1.5, None]
    assert found.column(3).to_pylist()[1:3] == [None, None]
    assert found.column(4).to_pylist()[2] == stored.now_us / 1e6 - 1.5


@pytest.mark.parametrize(
    ("request_", "code"),
    [
        (b"{", "SerializationException"),
        ({"Features": "v2:whole"}, "SerializationException"),
        ({"Features": []}, "ValidationError"),
        ({"Features": ["v2"]}, "ValidationError"),
        ({"Features": ["v2:none"]}, "ResourceNotFound"),
        ({"Features": ["nobody:whole"]}, "ResourceNotFound"),
        ({"Features": ["history:text"]}, "ValidationError"),
        ({"Features": ["v2:whole"], "Keys": {"v2": "none"}}, "ValidationError"),
        ({"Features": ["v2:whole"], "MaxAgeSeconds": -1}, "ValidationError"),
        ({"Features": ["v2:whole"], "Moment": 1}, "SerializationException"),
    ],
)
def test_bad_vectors_are_refused(stored: Bench, request_: Any, code: str) -> None:
    answer = vectors(stored, request_, pa.table({"id": ["a"]}))
    assert dict(answer.headers).get("x-amzn-ErrorType") == code, answer.body
    assert answer.status in (400, 404)


@pytest.mark.parametrize("names", [[], ["a", "b"]])
def test_identifiers_are_one_column(stored: Bench, names: list[str]) -> None:
    entities = pa.table({name: ["a"] for name in names})
    asked = {"Features": ["v2:whole"], "AreIdentifiers": True}
    answer = vectors(stored, asked, entities)
    assert (answer.status, b"give one, of identifiers" in answer.body) == (400, True)


def test_plans_follow_the_definitions(stored: Bench) -> None:
    created = stored.send(SAGEMAKER, "CreateFeatureGroup", **group_request("growing"))
    assert created.status == 200
    asked = {"Features": ["growing:*"]}
    entities = pa.table({"id": ["a"]})
    (before,) = tables(vectors(stored, asked, entities))
    assert "extra" not in before.column_names
    added = [{"FeatureName": "extra", "FeatureType": "String"}]
    stored.send(SAGEMAKER, "UpdateFeatureGroup", FeatureGroupName="growing", FeatureAdditions=added)
    (after,) = tables(vectors(stored, asked, entities))
    assert "extra" in after.column_names


def test_vectors_need_an_arrow_stream_with_a_request(stored: Bench) -> None:
    for body in (b"", b"{}", b"\xff\xff\xff\xff\x00"):
        answer = stored.raw("POST", b"/tandem/feature-vectors", body=body)
        assert answer.status == 400, answer.body
