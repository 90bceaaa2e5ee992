"""Requests whose path and headers were looked at before are answered as if they had not been."""

from typing import Any, cast
from urllib.parse import quote

import pytest

from tandem.server.application import Application
from tandem.wire.http import REQUEST_ID_HEADER, Response
from tandem.wire.router import Again, Begun

from .bench import RUNTIME, SAGEMAKER, Bench

HOST = {"host": "localhost:8790"}
BOTH = b"/FeatureGroup/both"
FOUND = b"RecordIdentifierValueAsString=C1"


def application(bench: Bench, *, has_s3: bool = True) -> Application:
    nobody = cast("Any", None)
    return Application(bench.router, nobody, s3=cast("Any", object()) if has_s3 else None)


def said(begun: Begun | bytes | None) -> Any:
    """All of an answer but its request id."""
    if isinstance(begun, bytes):
        begun = parsed(begun)
    assert isinstance(begun, Response)
    headers = [header for header in begun.headers if header[0] != REQUEST_ID_HEADER]
    return begun.status, headers, begun.body


def parsed(answer: bytes) -> Response:
    """An answer that stands there as on the wire, behind the lines of all answers."""
    head, end, body = answer.partition(b"\r\n\r\n")
    assert end
    headers = [tuple(line.split(": ")) for line in head.decode().split("\r\n")]
    assert headers.pop() == ("content-length", str(len(body)))
    return Response(200, cast("Any", headers), body)


def again(made: Application, path: bytes, **headers: str) -> Again:
    found = made.again(path, b"", {**HOST, **headers})
    assert found is not None
    return found


@pytest.fixture
def filled(groups: Bench) -> Bench:
    values = {"id": "C1", "time": "2026-01-02T03:04:05Z", "real": "1.5"}
    record = [{"FeatureName": name, "ValueAsString": text} for name, text in values.items()]
    assert groups.send(RUNTIME, "PutRecord", FeatureGroupName="both", Record=record).status == 200
    return groups


@pytest.mark.parametrize("path", [BOTH, b"/FeatureGroup/none"])
@pytest.mark.parametrize(
    "query",
    [
        FOUND,
        FOUND + b"&FeatureName=id",
        FOUND + b"&FeatureName=nothing",
        FOUND + b"&" + FOUND,
        FOUND + b"=",
        b"RecordIdentifierValueAsString=C%31",
        b"RecordIdentifierValueAsString=C%ff",
        b"RecordIdentifierValueAsString=nobody",
        b"MaxResults=1",
        b"",
    ],
)
def test_they_are_answered_as_before(filled: Bench, path: bytes, query: bytes) -> None:
    made = application(filled)
    whole = said(made.begin("GET", path, query, HOST, b""))
    assert said(again(made, path)(query)) == whole


def test_a_group_that_is_deleted_meanwhile_is_not_answered(filled: Bench) -> None:
    made = application(filled)
    answer = again(made, BOTH)
    assert said(answer(FOUND))[0] == 200
    assert filled.send(SAGEMAKER, "DeleteFeatureGroup", FeatureGroupName="both").status == 200
    assert said(answer(FOUND)) == said(made.begin("GET", BOTH, FOUND, HOST, b""))
    assert said(answer(FOUND))[0] == 404


@pytest.mark.parametrize(
    ("path", "headers"),
    [
        (b"/tandem/feature-vectors", {}),
        (b"/FeatureGroup/both/more/than/that", {}),
        (b"/BatchGetRecord", {}),
        (BOTH + b"/ListRecords", {}),  # no GET
        (BOTH, {"x-amz-target": "SageMaker.ListFeatureGroups"}),
        (BOTH, {"origin": "http://evil.example"}),
        (BOTH, {"host": "evil.example"}),
    ],
)
def test_others_are_looked_at_whole(filled: Bench, path: bytes, headers: dict[str, str]) -> None:
    assert application(filled).again(path, b"", {**HOST, **headers}) is None


IDENTIFIERS = [
    "".join(map(chr, range(0x21, 0x7F))),  # all that is printed
    "C 1",
    "007",
    "caf\u00e9",
    "",
    "0" * 2_048,
    "0" * 2_049,
    "X-Amz-Credential=a/20260101/here/s3/aws4_request",
]


@pytest.mark.parametrize("identifier", IDENTIFIERS)
@pytest.mark.parametrize("group", ["both", "keyed", "history"])
def test_plain_queries_are_answered_as_others(groups: Bench, group: str, identifier: str) -> None:
    """However much of them is encoded, and whether there is such a record."""
    made = application(groups)
    path = f"/FeatureGroup/{group}".encode()
    ask = again(made, path)

    def answers() -> list[Any]:
        found = []
        for safe in ("", "!\"$'()*,-./:;<>?@[\\]^_`{|}~", "=!$'()*,;:@/?"):
            query = f"RecordIdentifierValueAsString={quote(identifier, safe=safe)}".encode()
            for asked in (query, query + b"&ExpirationTimeResponse=Disabled"):
                whole = said(made.begin("GET", path, asked, HOST, b""))
                found.append(whole)
                if (begun := ask(asked)) is not None:
                    assert said(begun) == whole
        return found

    first, *others = answers()
    assert all(one == first for one in others)
    values = {"id": identifier, "time": "1750000000"}
    record = [{"FeatureName": name, "ValueAsString": text} for name, text in values.items()]
    written = groups.send(RUNTIME, "PutRecord", FeatureGroupName=group, Record=record).status
    first, *others = answers()
    assert all(one == first for one in others)
    has_record = first[0] == 200 and b"Record" in first[2]
    assert has_record == (written == 200 and group != "history")


def test_a_name_that_none_has_is_answered_as_before(filled: Bench) -> None:
    """In a path that leads to a record, but for its name."""
    made = application(filled)
    for name in (b"-", b"arn%3Aaws%3Asagemaker%3Aus-east-1%3A1%3Afeature-group%2Fboth"):
        path = b"/FeatureGroup/" + name
        whole = said(made.begin("GET", path, FOUND, HOST, b""))
        assert whole[0] in (400, 404)
        assert said(again(made, path)(FOUND)) == whole


def test_records_that_go_are_gone(filled: Bench) -> None:
    answer = again(application(filled), BOTH)
    assert isinstance(answer(FOUND), bytes)  # without an answer to make
    assert b'"C1"' in said(answer(FOUND))[2]
    gone = {"RecordIdentifierValueAsString": "C1", "EventTime": "2026-02-02T03:04:05Z"}
    assert filled.send(RUNTIME, "DeleteRecord", FeatureGroupName="both", **gone).status == 200
    assert said(answer(FOUND))[2] == b"{}"


@pytest.mark.parametrize("signed", [b"X-Amz-Credential=a%2F20260101", b"AWSAccessKeyId=a"])
def test_a_signature_in_a_query_is_looked_at_whole(filled: Bench, signed: bytes) -> None:
    """It may be one of S3, whatever the path."""
    made = application(filled)
    assert made.again(BOTH, signed, HOST) is None
    assert again(made, BOTH)(FOUND + b"&" + signed) is None
    without = application(filled, has_s3=False)
    assert said(again(without, BOTH)(FOUND + b"&" + signed))[0] == 200
