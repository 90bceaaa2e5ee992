"""Which requests are S3's, and which bucket and key they are about.

A request is S3's where it says so, by the first of these that says anything:

    credential    the service in the scope of its signature, in Authorization or the query
    host          BUCKET.s3.anything
    path          no other protocol's: GET / (the buckets), or a bucket's name in front

The bucket stands in the host (BUCKET.localhost, BUCKET.s3.anything) or is the path's first segment.
"""

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import parse_qsl, unquote_to_bytes

from tandem.offline.objects.keys import is_new_bucket_name
from tandem.wire.s3.errors import InvalidArgument, InvalidUri

_SCOPE = re.compile(r"Credential=[^/,\s]+/\d{8}/[^/,\s]*/([^/,\s]+)/aws4_request")
_QUERY_SCOPE = re.compile(r"[^/]+/\d{8}/[^/]*/([^/]+)/aws4_request")
_S3_HOST = re.compile(r"(?:(?P<bucket>.+)\.)?s3(?:-[a-z0-9-]+)?\.[a-z0-9.-]+")
_LOCAL_HOST = re.compile(r"(?P<bucket>.+)\.localhost")
_OTHERS = {"health", "tandem"}
"""First segments of paths that Tandem answers itself; a signed request may have such a bucket."""
_QUERY_MEMBERS_MAX = 100
_CREDENTIAL, _ACCESS_KEY = b"X-Amz-Credential=", b"AWSAccessKeyId="
_HOSTS_MAX = 256


class Address(NamedTuple):
    """What a request is about; empty where it is about all buckets, or about no key."""

    bucket: str
    key: str


def is_s3(method: str, raw_path: bytes, query: bytes, headers: Mapping[str, str]) -> bool:
    said = says_s3(query, headers)
    if said is not None:
        return said
    if raw_path == b"/":
        return method == "GET" and b"Action=" not in query
    first = raw_path[1:].partition(b"/")[0].decode("latin-1")
    return first not in _OTHERS and is_new_bucket_name(first)


def says_s3(query: bytes, headers: Mapping[str, str]) -> bool | None:
    """Whether a request is S3's as far as signature and host say; None where they do not."""
    service = _signed_for(query, headers)
    if service is not None:
        return service == "s3"
    if "x-amz-target" in headers:
        return False
    if bucket_of_host(headers.get("host", ""), is_signed=False) is not None:
        return True
    return None


def address_of(raw_path: bytes, query: bytes, headers: Mapping[str, str]) -> Address:
    """Raises InvalidUri where the path is not UTF-8."""
    path = _text(raw_path.removeprefix(b"/"))
    is_signed = _signed_for(query, headers) is not None
    if bucket := bucket_of_host(headers.get("host", ""), is_signed=is_signed):
        return Address(bucket, path)
    bucket, _, key = path.partition("/")
    return Address(bucket, key)


def query_members(query: bytes) -> dict[str, str]:
    """The first value of each parameter. Raises InvalidArgument."""
    try:
        pairs = parse_qsl(
            query.decode("latin-1"),
            keep_blank_values=True,
            errors="strict",
            max_num_fields=_QUERY_MEMBERS_MAX,
        )
    except ValueError as error:
        raise InvalidArgument(f"the query string cannot be read: {error}") from None
    members: dict[str, str] = {}
    for name, value in pairs:
        members.setdefault(name, value)
    return members


def may_be_signed(query: bytes) -> bool:
    """Whether a query string may hold a signature, as far as can be seen at once."""
    # `in` tries whether what it is given is a number first, and takes twice as long.
    return query.find(_CREDENTIAL) >= 0 or query.find(_ACCESS_KEY) >= 0


def _signed_for(query: bytes, headers: Mapping[str, str]) -> str | None:
    """The service that a request is signed for; None where it has no signature."""
    authorization = headers.get("authorization")
    if authorization is not None:
        if found := _SCOPE.search(authorization):
            return found[1]
        if authorization.startswith("AWS "):
            return "s3"  # version 2 of signatures, which only S3's clients still write this way
    if _CREDENTIAL in query:
        for pair in query.split(b"&"):
            name, _, value = pair.partition(b"=")
            if name == b"X-Amz-Credential":
                scope = unquote_to_bytes(value).decode("latin-1")
                if found := _QUERY_SCOPE.fullmatch(scope):
                    return found[1]
    if _ACCESS_KEY in query and b"Signature=" in query and b"Action=" not in query:
        return "s3"
    return None


@lru_cache(_HOSTS_MAX)
def bucket_of_host(given: str, *, is_signed: bool) -> str | None:
    """The bucket in the host name; empty where it is S3's without one, None where it is not S3's.

    x.localhost may be any name of this machine: only who signs for S3 means a bucket by it.
    """
    host = given.rpartition("@")[2].partition(":")[0].lower()
    found = _S3_HOST.fullmatch(host)
    if found is None and is_signed:
        found = _LOCAL_HOST.fullmatch(host)
    return (found["bucket"] or "") if found else None


def _text(encoded: bytes) -> str:
    try:
        return unquote_to_bytes(encoded).decode()
    except UnicodeDecodeError:
        raise InvalidUri(f"{encoded[:64].decode('latin-1')!r} in the URL is not UTF-8") from None
