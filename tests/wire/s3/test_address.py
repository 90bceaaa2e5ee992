"""Which requests are S3's, and what they are about."""

import pytest

from tandem.wire.s3.address import Address, address_of, is_s3
from tandem.wire.s3.errors import InvalidUri

SIGNED = "AWS4-HMAC-SHA256 Credential=AK/20260101/us-east-1/{}/aws4_request, SignedHeaders=host"
LOCAL = {"host": "127.0.0.1:8790"}
S3 = {**LOCAL, "authorization": SIGNED.format("s3")}
SAGEMAKER = {**LOCAL, "authorization": SIGNED.format("sagemaker")}
SCOPE = b"X-Amz-Credential=AK%2F20260101%2Fus-east-1%2Fs3%2Faws4_request"


@pytest.mark.parametrize(
    ("method", "path", "query", "headers"),
    [
        ("GET", b"/", b"", S3),
        ("PUT", b"/FeatureGroup/g", b"", S3),
        ("GET", b"/tandem/query", b"", S3),
        ("GET", b"/health", b"", S3),
        ("GET", b"/bucket/key", SCOPE, LOCAL),
        ("GET", b"/", b"", LOCAL),
        ("GET", b"/bucket/key", b"", LOCAL),
        ("PUT", b"/key", b"", {"host": "bucket.s3.localhost:8790"}),
        ("PUT", b"/Key", b"", {"host": "bucket.localhost", "authorization": SIGNED.format("s3")}),
        ("GET", b"/Key", b"", {**LOCAL, "authorization": "AWS AK:c2ln"}),
        ("GET", b"/Key", b"AWSAccessKeyId=AK&Signature=s&Expires=1", LOCAL),
    ],
)
def test_it_is_s3s(method: str, path: bytes, query: bytes, headers: dict[str, str]) -> None:
    assert is_s3(method, path, query, headers)


@pytest.mark.parametrize(
    ("method", "path", "query", "headers"),
    [
        ("PUT", b"/FeatureGroup/bucket", b"", LOCAL),
        ("POST", b"/BatchGetRecord", b"", LOCAL),
        ("GET", b"/bucket/key", b"", SAGEMAKER),
        ("GET", b"/bucket", SCOPE.replace(b"s3%2F", b"sts%2F"), LOCAL),
        ("POST", b"/", b"", LOCAL),
        ("GET", b"/", b"Action=GetCallerIdentity&Version=2011-06-15", LOCAL),
        ("POST", b"/bucket", b"", {**LOCAL, "x-amz-target": "SageMaker.Search"}),
        ("GET", b"/health", b"", LOCAL),
        ("POST", b"/tandem/query", b"", {"host": "tandem.localhost"}),
    ],
)
def test_it_is_somebody_elses(
    method: str, path: bytes, query: bytes, headers: dict[str, str]
) -> None:
    assert not is_s3(method, path, query, headers)


@pytest.mark.parametrize(
    ("path", "headers", "address"),
    [
        (b"/", LOCAL, ("", "")),
        (b"/bucket", LOCAL, ("bucket", "")),
        (b"/bucket/", LOCAL, ("bucket", "")),
        (b"/bucket/a/b%2Fc%20%C3%A9+", LOCAL, ("bucket", "a/b/c é+")),
        (b"/a/b", {"host": "my.bucket.s3.eu-west-1.example.org"}, ("my.bucket", "a/b")),
        (b"/bucket/b", {"host": "s3.localhost"}, ("bucket", "b")),
        (b"/a", {**S3, "host": "bucket.localhost:1"}, ("bucket", "a")),
        (b"/bucket/a", {**S3, "host": "localhost:1"}, ("bucket", "a")),
    ],
)
def test_the_address(path: bytes, headers: dict[str, str], address: tuple[str, str]) -> None:
    assert address_of(path, b"", headers) == Address(*address)


def test_a_path_that_is_not_utf_8_is_refused() -> None:
    with pytest.raises(InvalidUri, match="%FF"):
        address_of(b"/bucket/%FF", b"", LOCAL)
