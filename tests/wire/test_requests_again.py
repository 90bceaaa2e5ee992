"""Requests whose path and headers were looked at before are answered as if they had not been."""

from typing import Any, cast

import pytest

from tandem.server.application import Again, Application
from tandem.wire.http import REQUEST_ID_HEADER, Response
from tandem.wire.router import Begun

from .bench import RUNTIME, SAGEMAKER, Bench

HOST = {"host": "localhost:8790"}
BOTH = b"/FeatureGroup/both"
FOUND = b"RecordIdentifierValueAsString=C1"


def application(bench: Bench, *, has_s3: bool = True) -> Application:
    nobody = cast("Any", None)
    return Application(bench.router, nobody, s3=cast("Any", object()) if has_s3 else None)


def said(begun: Begun | None) -> Any:
    """All of an answer but its request id."""
    assert isinstance(begun, Response)
    headers = [header for header in begun.headers if header[0] != REQUEST_ID_HEADER]
    return begun.status, headers, begun.body


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


@pytest.mark.parametrize("signed", [b"X-Amz-Credential=a%2F20260101", b"AWSAccessKeyId=a"])
def test_a_signature_in_a_query_is_looked_at_whole(filled: Bench, signed: bytes) -> None:
    """It may be one of S3, whatever the path."""
    made = application(filled)
    assert made.again(BOTH, signed, HOST) is None
    assert again(made, BOTH)(FOUND + b"&" + signed) is None
    without = application(filled, has_s3=False)
    assert said(again(without, BOTH)(FOUND + b"&" + signed))[0] == 200
