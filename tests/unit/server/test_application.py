"""Which requests go by the fast lane, and which hosts are answered."""

from typing import Any, cast

import pytest

from tandem.server.application import BODY_BYTES_MAX, Application, browser_reason

HOST = {"host": "localhost:8790"}
SIGNED = "AWS4-HMAC-SHA256 Credential=a/20260101/us-east-1/{}/aws4_request, SignedHeaders=host"


def takes_whole(path: str, headers: dict[str, str], *, has_s3: bool = True) -> bool:
    nobody = cast("Any", None)
    application = Application(nobody, nobody, s3=cast("Any", object()) if has_s3 else None)
    return application.takes_whole(path.encode(), b"", {**HOST, **headers})


@pytest.mark.parametrize(
    "path",
    ["/FeatureGroup/g", "/FeatureGroup/g/ListRecords", "/BatchGetRecord", "/BatchWriteRecord"],
)
def test_requests_for_records_do(path: str) -> None:
    assert takes_whole(path, {})
    assert takes_whole(path, {"authorization": SIGNED.format("sagemaker")})
    assert takes_whole(path, {"content-length": str(BODY_BYTES_MAX)})


@pytest.mark.parametrize("path", ["/tandem/feature-vectors", "/tandem/batch-get-record"])
def test_requests_for_vectors_do_where_they_are_surely_small(path: str) -> None:
    assert takes_whole(path, {"content-length": str(BODY_BYTES_MAX)})
    assert not takes_whole(path, {"content-length": str(BODY_BYTES_MAX + 1)})
    assert not takes_whole(path, {"transfer-encoding": "chunked"})
    assert not takes_whole(path + "s", {"content-length": "1"})


@pytest.mark.parametrize(
    ("path", "headers"),
    [
        ("/", {}),
        ("/health", {}),
        ("/tandem/query", {}),
        ("/my-bucket/key", {}),
        ("/FeatureGroup/g", {"content-length": str(BODY_BYTES_MAX + 1)}),
        ("/FeatureGroup/g", {"authorization": SIGNED.format("s3")}),
        ("/FeatureGroup/g", {"host": "bucket.s3.localhost"}),
    ],
)
def test_others_do_not(path: str, headers: dict[str, str]) -> None:
    assert not takes_whole(path, headers)


def test_where_there_is_no_s3_its_signatures_say_nothing() -> None:
    assert takes_whole("/FeatureGroup/g", {"authorization": SIGNED.format("s3")}, has_s3=False)


@pytest.mark.parametrize(
    "host", ["LOCALHOST:8790", "localhost.", "b.LocalHost", "[::1]:80", "127.0.0.1"]
)
def test_names_of_this_machine_as_clients_write_them(host: str) -> None:
    assert browser_reason({"host": host}) is None


def test_a_host_is_judged_by_itself_each_time() -> None:
    for host in (
        "evil.example",
        "localhost.evil.example",
        "localhost..",
        "localhost.@evil.example",
    ):
        assert browser_reason({"host": host}) is not None
    assert browser_reason(HOST) is None
    assert browser_reason({**HOST, "origin": "http://evil.example"}) is not None
    assert browser_reason({**HOST, "sec-fetch-site": "cross-site"}) is not None
    assert browser_reason(HOST) is None
