"""What is not a request of any operation, and how every answer is built."""

import asyncio
import json
import threading
import time
import xml.etree.ElementTree as ElementTree
from typing import Any

import pytest

from tandem.errors import AccessForbidden, DataCorrupted, StoreUnavailable
from tandem.wire.http import Request, Response
from tandem.wire.router import Router

from .bench import RUNTIME, Bench, answered, record, serialize, service_model

NOON = "2025-06-15T12:00:00Z"
TARGET = {"x-amz-target": "SageMaker.ListFeatureGroups"}
FORM = {"content-type": "application/x-www-form-urlencoded"}
PUT = json.dumps({"Record": record(id="1", time=NOON)}).encode()


def header(response: Response, name: str) -> str | None:
    return next((value for key, value in response.headers if key.lower() == name.lower()), None)


def code(response: Response) -> str | None:
    """The error code as clients find it: in a header, in JSON or in XML."""
    if found := header(response, "x-amzn-errortype"):
        return found
    if response.body.startswith(b"<"):
        return ElementTree.fromstring(response.body).findtext("Error/Code")
    return json.loads(response.body)["__type"]


@pytest.mark.parametrize(
    ("method", "path", "expected"),
    [
        ("GET", b"/", 404),
        ("POST", b"/", 404),
        ("GET", b"", 404),
        ("GET", b"//", 404),
        ("GET", b"/Nothing", 404),
        ("GET", b"/FeatureGroup", 404),
        ("GET", b"/FeatureGroup/", 404),
        ("PUT", b"/FeatureGroup/", 404),
        ("GET", b"/FeatureGroup/both/", 404),
        ("GET", b"//FeatureGroup/both", 404),
        ("GET", b"/featuregroup/both", 404),
        ("POST", b"/FeatureGroup/both/record", 404),
        ("POST", b"/FeatureGroup/both/Record/1", 404),
        ("POST", b"/FeatureGroup//Record", 404),
        ("POST", b"/BatchGetRecord/", 404),
        ("GET", b"/FeatureGroup/arn:aws:sagemaker:x:1:feature-group/both", 404),
        ("GET", b"\xff\xfe/\x00", 404),
        ("POST", b"/FeatureGroup/both", 405),
        ("PATCH", b"/FeatureGroup/both", 405),
        ("GET", b"/BatchGetRecord", 405),
        ("PUT", b"/FeatureGroup/both/Record", 405),
        ("GET", b"/FeatureGroup/both/ListRecords", 405),
    ],
)
def test_an_unknown_path_or_method(groups: Bench, method: str, path: bytes, expected: int) -> None:
    response = groups.raw(method, path, body=PUT)
    assert (response.status, code(response)) == (expected, "UnknownOperationException")
    message = json.loads(response.body)["message"]
    assert message.startswith(f"{method} {path.decode('latin-1')}")


@pytest.mark.parametrize(
    "target",
    [
        "",
        "SageMaker",
        "SageMaker.",
        "SageMaker.DropTable",
        "Sagemaker.ListFeatureGroups",
        "ListFeatureGroups",
        "AmazonAthena.ListFeatureGroups",
        "SageMaker.ListFeatureGroups ",
        "SageMaker.PutRecord",
    ],
)
def test_an_unknown_target(groups: Bench, target: str) -> None:
    response = groups.raw("POST", b"/", headers={"x-amz-target": target}, body=b"{}")
    assert (response.status, code(response)) == (400, "UnknownOperationException")
    assert repr(target) in json.loads(response.body)["message"]


@pytest.mark.parametrize(("method", "path"), [("GET", b"/"), ("PUT", b"/"), ("POST", b"/x")])
def test_a_target_is_asked_for_with_post(groups: Bench, method: str, path: bytes) -> None:
    response = groups.raw(method, path, headers=TARGET, body=b"{}")
    assert (response.status, code(response)) == (400, "UnknownOperationException")


@pytest.mark.parametrize(
    "media_type",
    [
        "text/plain",
        "application/xml",
        "multipart/form-data",
        "application/x-www-form-urlencoded",
        "json",
    ],
)
def test_a_wrong_content_type(groups: Bench, media_type: str) -> None:
    before = groups.log_end()
    headers = {"content-type": media_type}
    put = groups.raw("PUT", b"/FeatureGroup/both", headers=headers, body=PUT)
    listed = groups.raw("POST", b"/", headers={**TARGET, **headers}, body=b"{}")
    for response in (put, listed):
        assert (response.status, code(response)) == (415, "UnsupportedMediaTypeException")
        assert repr(media_type) in json.loads(response.body)["message"]
    assert groups.log_end() == before


@pytest.mark.parametrize("media_type", ["application/json", "Application/JSON; charset=utf-8", ""])
def test_a_right_content_type(groups: Bench, media_type: str) -> None:
    headers = {"content-type": media_type}
    put = groups.raw("PUT", b"/FeatureGroup/both", headers=headers, body=PUT)
    assert (put.status, put.body) == (200, b"")
    assert header(put, "content-type") == "application/json"
    listed = groups.raw("POST", b"/", headers={**TARGET, **headers}, body=b"")
    assert listed.status == 200
    assert header(listed, "content-type") == "application/x-amz-json-1.1"


BROKEN = [
    b"{", b'{"Record":', PUT[:-1], PUT[: len(PUT) // 2], PUT + b"}", b"null", b"[]", b"5", b'"x"',
    b"Record=1", b"<xml/>", b"\x00", b"\xff\xfe{}", b'{"Record":"\xff"}', b'{"Record":NaN}',
    b'{"Record":[{"FeatureName":"id","ValueAsString":"\\ud800"}]}',
    b'{"Record":[{"FeatureName":"id","ValueAsString":"\\udc00\\ud800"}]}',
    b'{"Record":' + b"[" * 100_000, b'{"Other":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    b'{"Record":5}', b'{"Record":{}}', b'{"Record":[5]}', b'{"Record":[["id","1"]]}',
    b'{"Record":[{"FeatureName":5,"ValueAsString":"1"}]}',
    b'{"Record":[{"FeatureName":"id","ValueAsString":1}]}',
    b'{"Record":[{"FeatureName":"id","ValueAsString":true}]}',
    b'{"Record":[{"FeatureName":"id","ValueAsStringList":"1"}]}',
    b'{"Record":[{"FeatureName":"id","ValueAsStringList":[1]}]}',
    b'{"TargetStores":"OnlineStore"}',
    b'{"TargetStores":[5]}', b'{"TtlDuration":5}', b'{"TtlDuration":{"Unit":5}}',
    b'{"TtlDuration":{"Unit":"Days","Value":"1"}}', b'{"TtlDuration":{"Unit":"Days","Value":1.5}}',
    b'{"TtlDuration":{"Unit":"Days","Value":1e400}}',
    b'{"TtlDuration":{"Unit":"Days","Value":' + b"9" * 5_000 + b"}}",
]  # fmt: skip


@pytest.mark.parametrize("body", BROKEN, ids=lambda body: repr(body[:48]))
def test_a_body_that_cannot_be_read(groups: Bench, body: bytes) -> None:
    before = groups.log_end()
    response = groups.raw("PUT", b"/FeatureGroup/both", body=body)
    assert (response.status, code(response)) == (400, "SerializationException")
    batch = b'{"Entries":[' + body + b"]}"
    response = groups.raw("POST", b"/BatchWriteRecord", body=batch)
    assert response.status == 400
    assert code(response) in ("SerializationException", "ValidationError")
    assert groups.log_end() == before


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"[]",
        b"null",
        b'{"MaxResults":"5"}',
        b'{"MaxResults":1.5}',
        b'{"MaxResults":true}',
        b'{"NameContains":5}',
        b'{"CreationTimeAfter":"2025-06-15"}',
        b'{"CreationTimeAfter":1e999}',
        b'{"SortBy":5}',
        b'{"NextToken":{}}',
    ],
)
def test_a_json_body_that_cannot_be_read(groups: Bench, body: bytes) -> None:
    response = groups.raw("POST", b"/", headers=TARGET, body=body)
    assert (response.status, code(response)) == (400, "SerializationException")


@pytest.mark.parametrize(
    "body",
    [
        b'{"TargetStores":["x"],"Record":',
        b'{"TargetStores":["x"],"Other":"\xff"}',
        b'{"TargetStores":["x"],"TargetStores":5}',
        b'{"Record":[{"FeatureName":""}],"Record":[]}',
    ],
)
def test_a_body_that_is_broken_behind_a_refused_member(groups: Bench, body: bytes) -> None:
    response = groups.raw("PUT", b"/FeatureGroup/both", body=body)
    assert (response.status, code(response)) == (400, "SerializationException")


@pytest.mark.parametrize(
    ("member", "says"),
    [
        (rb"\ud800", r"\ud800 is half a character: give it whole"),
        (rb"\\\uDBFFx", r"\uDBFF is half a character: give it whole"),
        (rb"\ud83d\ude00 \ud800 .", r"\ud800 is half a character: give it whole"),
        (rb'\ud800", "much", "more', r"\ud800 is half a character: give it whole"),
        (rb"\ud800 with more behind it", r"\ud800 is half a character: give it whole"),
        (rb"\ud800\n with more behind it", r"\ud800 is half a character: give it whole"),
    ],
)
def test_half_a_character_is_named(groups: Bench, member: bytes, says: str) -> None:
    response = groups.raw("PUT", b"/FeatureGroup/both", body=b'{"Record": ["' + member + b'"]}')
    assert (response.status, code(response)) == (400, "SerializationException")
    assert json.loads(response.body)["message"].endswith(f": {says}")


@pytest.mark.parametrize("member", [rb"\ud83d", b"\\ud83d\\", rb"\ud83d\ude", rb"\\ud83d"])
def test_a_body_that_ends_early_is_called_so(groups: Bench, member: bytes) -> None:
    response = groups.raw("PUT", b"/FeatureGroup/both", body=b'{"Record": ["' + member)
    assert (response.status, code(response)) == (400, "SerializationException")
    assert "truncated" in json.loads(response.body)["message"]


@pytest.mark.parametrize("seconds", [b"1e15", b"-1e15", b"9" * 300])
def test_a_time_that_no_calendar_has(groups: Bench, seconds: bytes) -> None:
    body = b'{"CreationTimeAfter":' + seconds + b"}"
    response = groups.raw("POST", b"/", headers=TARGET, body=body)
    assert (response.status, code(response)) == (400, "ValidationException")
    assert "'CreationTimeAfter'" in json.loads(response.body)["message"]


@pytest.mark.parametrize(
    "query",
    [
        b"RecordIdentifierValueAsString=%ff",
        b"RecordIdentifierValueAsString=\xff",
        b"RecordIdentifierValueAsString=%ed%a0%80",
        b"%ff=1&RecordIdentifierValueAsString=1",
    ],
)
def test_a_query_string_that_is_not_utf_8(groups: Bench, query: bytes) -> None:
    response = groups.raw("GET", b"/FeatureGroup/both", query=query)
    assert (response.status, code(response)) == (400, "SerializationException")


def test_a_query_member_given_twice(groups: Bench) -> None:
    query = b"RecordIdentifierValueAsString=1&RecordIdentifierValueAsString=2"
    response = groups.raw("GET", b"/FeatureGroup/both", query=query)
    assert (response.status, code(response)) == (400, "ValidationError")
    assert "'1' and '2'" in json.loads(response.body)["message"]


def test_odd_query_strings_that_mean_something(groups: Bench) -> None:
    body = json.dumps({"Record": record(id="a b+%", time=NOON)}).encode()
    assert groups.raw("PUT", b"/FeatureGroup/both", body=body).status == 200
    for text in (b"a%20b%2B%25", b"a+b%2b%25", b"a b%2B%"):
        query = b"&&x=1&RecordIdentifierValueAsString=" + text + b"&"
        assert b"Record" in groups.raw("GET", b"/FeatureGroup/both", query=query).body


@pytest.mark.parametrize(
    ("method", "query", "body"),
    [
        ("POST", b"", b"Action=GetCallerIdentity&Version=2011-06-15"),
        ("GET", b"Action=GetCallerIdentity", b""),
    ],
)
def test_a_form_or_a_query_asks_who_calls(
    groups: Bench, method: str, query: bytes, body: bytes
) -> None:
    headers = FORM if method == "POST" else {}
    response = groups.raw(method, b"/", query=query, headers=headers, body=body)
    assert response.status == 200
    assert header(response, "content-type") == "text/xml"
    assert b"<Account>123456789012</Account>" in response.body


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"Action=GetFederationToken", "InvalidAction"),
        (b"", "InvalidAction"),
        (b"Action=%00%1b<&\xc3\xa9", "InvalidAction"),
        (b"Action=%ff", "MalformedInput"),
        (b"\xff", "MalformedInput"),
        (b"a=1&" * 2_000, "MalformedInput"),
    ],
)
def test_a_form_that_asks_for_nothing_known(groups: Bench, body: bytes, expected: str) -> None:
    response = groups.raw("POST", b"/", headers=FORM, body=body)
    assert (response.status, code(response)) == (400, expected)


def test_every_answer_has_the_request_id(groups: Bench) -> None:
    requests = [
        Request("PUT", b"/FeatureGroup/both", b"", {}, PUT, "id"),
        Request("GET", b"/FeatureGroup/none", b"", {}, b"", "id"),
        Request("GET", b"/none", b"", {}, b"", "id"),
        Request("POST", b"/", b"", TARGET, b"", "id"),
        Request("POST", b"/", b"", TARGET, b"[", "id"),
        Request("POST", b"/", b"", FORM, b"Action=GetCallerIdentity", "id"),
        Request("POST", b"/", b"", FORM, b"Action=x", "id"),
    ]
    for request in requests:
        assert header(groups.answer(request), "x-amzn-requestid") == "id"
        assert header(groups.router.refuse_body(request, 5), "x-amzn-requestid") == "id"


def test_a_large_body_is_refused(groups: Bench) -> None:
    request = Request("PUT", b"/FeatureGroup/both", b"", {}, b"", "id")
    response = groups.router.refuse_body(request, 16)
    assert (response.status, code(response)) == (413, "RequestEntityTooLargeException")
    assert "16 bytes" in json.loads(response.body)["message"]


def failing(groups: Bench, monkeypatch: pytest.MonkeyPatch, error: Exception) -> Response:
    def fail(*args: Any) -> None:
        raise error

    monkeypatch.setattr(groups.store, "get", fail)
    key = {"FeatureGroupName": "both", "RecordIdentifierValueAsString": "1"}
    model = service_model(RUNTIME).operation_model("GetRecord")
    return groups.answer(serialize(model, key))


def test_a_fault_of_ours_is_logged_and_told(
    groups: Bench, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    response = failing(groups, monkeypatch, KeyError("secret"))
    request_id = header(response, "x-amzn-requestid")
    assert (response.status, code(response)) == (500, "InternalFailure")
    assert b"secret" not in response.body
    assert request_id is not None
    assert request_id.encode() in response.body
    assert request_id in caplog.text
    assert "KeyError: 'secret'" in caplog.text


@pytest.mark.parametrize(
    ("error", "status", "expected"),
    [
        (StoreUnavailable("the disk is full"), 503, "ServiceUnavailable"),
        (DataCorrupted("file x"), 500, "InternalFailure"),
        (AccessForbidden("not yours"), 403, "AccessForbidden"),
    ],
)
def test_errors_of_the_store(
    groups: Bench, monkeypatch: pytest.MonkeyPatch, error: Exception, status: int, expected: str
) -> None:
    response = failing(groups, monkeypatch, error)
    assert (response.status, code(response)) == (status, expected)
    assert json.loads(response.body)["message"] == json.loads(response.body)["Message"]
    assert json.loads(response.body)["message"] == str(error)


def test_a_store_that_is_away_fails_a_batch_whole(
    groups: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*args: Any) -> None:
        raise StoreUnavailable("the disk is full")

    monkeypatch.setattr(groups.store, "get", fail)
    monkeypatch.setattr(groups.store, "write", fail)
    wanted = [{"FeatureGroupName": "both", "RecordIdentifiersValueAsString": ["1", "2"]}]
    assert groups.send(RUNTIME, "BatchGetRecord", Identifiers=wanted).code == "ServiceUnavailable"
    entry = {"FeatureGroupName": "both", "Record": record(id="1", time=NOON)}
    assert groups.send(RUNTIME, "BatchWriteRecord", Entries=[entry]).status == 503
    assert groups.send(RUNTIME, "PutRecord", **entry).code == "ServiceUnavailable"


def test_one_corrupt_record_fails_alone_in_a_batch(
    groups: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    for identifier in ("1", "2"):
        made = record(id=identifier, time=NOON)
        groups.send(RUNTIME, "PutRecord", FeatureGroupName="both", Record=made)
    intact = groups.store.get

    def get(keys: Any) -> Any:
        if any(key.identifier == "2" for key in keys):
            raise DataCorrupted("record 2")
        return intact(keys)

    monkeypatch.setattr(groups.store, "get", get)
    wanted = [{"FeatureGroupName": "both", "RecordIdentifiersValueAsString": ["1", "2"]}]
    answer = groups.send(RUNTIME, "BatchGetRecord", Identifiers=wanted).parsed
    assert [found["RecordIdentifierValueAsString"] for found in answer["Records"]] == ["1"]
    assert [error["ErrorCode"] for error in answer["Errors"]] == ["InternalFailure"]


def test_whoever_is_not_let_pass_gets_nothing(groups: Bench) -> None:
    seen: list[str] = []

    def refuse(request: Request, service: Any) -> None:
        seen.append(service.name)
        raise AccessForbidden("who are you?")

    groups.router = Router(groups.core, authenticate=refuse)
    before = groups.log_end()
    assert code(groups.raw("PUT", b"/FeatureGroup/both", body=b"broken")) == "AccessForbidden"
    assert code(groups.raw("POST", b"/", headers=TARGET, body=b"{")) == "AccessDeniedException"
    form = groups.raw("POST", b"/", headers=FORM, body=b"Action=GetCallerIdentity")
    assert (form.status, code(form)) == (403, "AccessDenied")
    assert seen == [RUNTIME, "sagemaker", "sts"]
    assert groups.log_end() == before


def test_a_caller_that_gives_up_does_not_undo_its_write(
    groups: Bench, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    may_commit = threading.Event()
    write = groups.store.write

    def slow_write(*args: Any) -> Any:
        may_commit.wait(60)
        return write(*args)

    monkeypatch.setattr(groups.store, "write", slow_write)

    async def give_up() -> None:
        request = Request("PUT", b"/FeatureGroup/both", b"", {}, PUT, "id")
        task = asyncio.ensure_future(answered(groups.router, request))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(give_up())
    may_commit.set()
    key = {"FeatureGroupName": "both", "RecordIdentifierValueAsString": "1"}
    deadline = time.monotonic() + 60
    while "Record" not in groups.send(RUNTIME, "GetRecord", **key).parsed:
        assert time.monotonic() < deadline, "the write was lost"
    groups._commits.close()  # once the thread that tells of commits has told of this one
    assert not caplog.records
