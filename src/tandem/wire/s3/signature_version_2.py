"""Presigned URLs of version 2, which boto3 still makes for S3 unless it is told otherwise.

    METHOD \\n Content-MD5 \\n Content-Type \\n Expires \\n x-amz-… lines, then the resource:
    /bucket/key?subresource      HMAC-SHA1 by the secret, in base64

Not all of the query is signed. So a URL with parameters that could ask for more than what is signed
is refused, which AWS does not do. Version 2 in the Authorization header is not taken.
"""

import binascii
import hmac
from base64 import b64decode
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from urllib.parse import unquote

from tandem.errors import AccessForbidden
from tandem.wire.authentication_errors import IncompleteSignature, InvalidSignature, RequestExpired
from tandem.wire.s3.address import bucket_of_host
from tandem.wire.s3.errors import QueryParametersError
from tandem.wire.s3.http import Call, S3Request

_SIGNED = {
    "accelerate", "acl", "analytics", "cors", "defaultObjectAcl", "delete", "inventory",
    "lifecycle", "location", "logging", "metrics", "notification", "object-lock", "partNumber",
    "policy", "replication", "requestPayment", "response-cache-control",
    "response-content-disposition", "response-content-encoding", "response-content-language",
    "response-content-type", "response-expires", "restore", "select", "select-type",
    "storageClass", "tagging", "torrent", "uploadId", "uploads", "versionId", "versioning",
    "versions", "website",
}  # fmt: skip
_OF_THE_SIGNATURE = {"AWSAccessKeyId", "Signature", "Expires", "content-md5", "content-type"}
_HARMLESS = {
    "continuation-token", "delimiter", "encoding-type", "fetch-owner", "list-type", "marker",
    "max-keys", "prefix", "start-after", "x-id",
}  # fmt: skip
_EXPIRES_DIGITS_MAX = 11
_AMZ = "x-amz-"


def is_version_2(request: S3Request) -> bool:
    if request.headers.get("authorization", "").startswith("AWS "):
        raise IncompleteSignature(
            "signatures of version 2 in Authorization are not checked here: use version 4 (s3v4)"
        )
    return "authorization" not in request.headers and b"AWSAccessKeyId=" in request.query


def check_version_2(call: Call, secret_of: Callable[[str, str | None], str]) -> None:
    """Raises NotAuthenticated, AccessForbidden."""
    members = _members(call.request.query)
    access_key_id, given = members.get("AWSAccessKeyId", ""), members.get("Signature", "")
    expires = members.get("Expires", "")
    is_number = expires.isascii() and expires.isdigit() and len(expires) <= _EXPIRES_DIGITS_MAX
    if not access_key_id or not given or not is_number:
        raise QueryParametersError(
            "a presigned URL of version 2 needs AWSAccessKeyId, Signature, and Expires in seconds"
            " since 1970"
        )
    secret = secret_of(access_key_id, members.get("x-amz-security-token"))
    try:
        signature = b64decode(given, validate=True)
    except (binascii.Error, ValueError):
        signature = b""
    text = "".join(_signed(call, members, expires)).encode("latin-1")
    if not hmac.compare_digest(hmac.digest(secret.encode(), text, "sha1"), signature):
        raise InvalidSignature(
            f"the signature of access key {access_key_id!r} is not that of this request: the URL"
            " is good for the method, the object and the headers it was made for"
        )
    until = datetime.fromtimestamp(int(expires), UTC)
    if datetime.now(UTC) > until:
        raise RequestExpired(f"Request has expired: this URL was good until {until:%FT%TZ}")
    unsigned = sorted(
        name
        for name in members.keys() - _SIGNED - _OF_THE_SIGNATURE - _HARMLESS
        if not name.startswith(_AMZ)
    )
    if unsigned:
        raise AccessForbidden(
            f"the parameters {unsigned} are not signed in a URL of version 2: presign it by version"
            " 4 (signature_version='s3v4')"
        )


def _signed(call: Call, members: Mapping[str, str], expires: str) -> Iterator[str]:
    request = call.request
    yield f"{request.method}\n"
    for name in ("content-md5", "content-type"):
        in_header = request.headers.get(name, members.get(name, ""))
        if members.get(name, in_header) != in_header:
            raise InvalidSignature(f"the header {name} is not the one that the URL was made for")
        yield f"{in_header}\n"
    yield f"{expires}\n"
    amz = {name: value for name, value in members.items() if name.startswith(_AMZ)}
    for name, value in request.headers.items():
        if name.startswith(_AMZ) and amz.setdefault(name, value) != value:
            raise InvalidSignature(f"the header {name[:64]} is not the one of the URL")
    for name in sorted(amz):
        yield f"{name}:{amz[name].strip()}\n"
    bucket = bucket_of_host(request.headers.get("host", ""), is_signed=True)
    yield (f"/{bucket}" if bucket else "") + request.raw_path.decode("latin-1")
    pairs = [
        name if value is None else f"{name}={value}"
        for name, value in sorted(_pairs(request.query), key=lambda pair: pair[0])
        if name in _SIGNED
    ]
    yield f"?{'&'.join(pairs)}" if pairs else ""


def _pairs(query: bytes) -> Iterator[tuple[str, str | None]]:
    for pair in query.decode("latin-1").split("&"):
        name, equals, value = pair.partition("=")
        yield name, unquote(value, encoding="latin-1") if equals else None


def _members(query: bytes) -> dict[str, str]:
    members: dict[str, str] = {}
    for name, value in _pairs(query):
        if name in members:
            raise QueryParametersError(f"the query has {name[:64]!r} twice")
        if value is not None and not value.isprintable():
            # A line break in it would be one of what is signed.
            raise QueryParametersError(f"{name[:64]!r} in the query has characters beyond text")
        members[name] = value or ""
    return members
