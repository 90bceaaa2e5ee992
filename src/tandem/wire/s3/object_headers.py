"""What a client says of an object in headers, and how it is given back."""

from collections.abc import Mapping
from email.utils import format_datetime
from urllib.parse import parse_qsl

import msgspec

from tandem.offline.objects.details import Checksum, Details, ObjectInfo
from tandem.wire.s3.errors import InvalidArgument, MetadataTooLarge, NotImplementedHere
from tandem.wire.s3.payload import content_encodings
from tandem.wire.s3.xml import quoted

Header = tuple[str, str]

METADATA_BYTES_MAX = 2_048
TAGS_MAX = 10
DEFAULT_CONTENT_TYPE = "binary/octet-stream"
_PREFIX = "x-amz-meta-"
_KEPT = (
    "cache-control",
    "content-disposition",
    "content-language",
    "expires",
    "x-amz-website-redirect-location",
    "x-amz-storage-class",
)
_REFUSED = (
    "x-amz-server-side-encryption-customer-algorithm",
    "x-amz-object-lock-mode",
    "x-amz-object-lock-legal-hold",
    "x-amz-write-offset-bytes",
)
_OVERRIDES = {
    "response-cache-control": "cache-control",
    "response-content-disposition": "content-disposition",
    "response-content-encoding": "content-encoding",
    "response-content-language": "content-language",
    "response-content-type": "content-type",
    "response-expires": "expires",
}


def details_of(headers: Mapping[str, str]) -> Details:
    """Raises MetadataTooLarge, InvalidArgument, NotImplementedHere."""
    for name in _REFUSED:
        if name in headers:
            raise NotImplementedHere(f"{name} is not supported: leave it out")
    metadata = {
        name.removeprefix(_PREFIX): value
        for name, value in headers.items()
        if name.startswith(_PREFIX)
    }
    size = sum(len(name) + len(value) for name, value in metadata.items())
    if size > METADATA_BYTES_MAX:
        raise MetadataTooLarge(
            f"the x-amz-meta-* headers have {size} bytes: at most {METADATA_BYTES_MAX} are kept"
        )
    kept = {name: headers[name] for name in _KEPT if name in headers}
    kept["content-type"] = headers.get("content-type") or DEFAULT_CONTENT_TYPE
    if encodings := [one for one in content_encodings(headers) if one != "aws-chunked"]:
        kept["content-encoding"] = ", ".join(encodings)
    return Details(
        headers=kept, metadata=metadata, tags=tags_of_header(headers.get("x-amz-tagging", ""))
    )


def tags_of_header(header: str) -> dict[str, str]:
    try:
        pairs = parse_qsl(header, keep_blank_values=True, errors="strict", max_num_fields=100)
    except ValueError as error:
        raise InvalidArgument(f"x-amz-tagging cannot be read: {error}") from None
    return checked_tags(pairs)


def checked_tags(pairs: list[tuple[str, str]]) -> dict[str, str]:
    tags = dict(pairs)
    if len(tags) != len(pairs):
        raise InvalidArgument("a tag is given twice")
    if len(tags) > TAGS_MAX:
        raise InvalidArgument(f"{len(tags)} tags are given: an object has at most {TAGS_MAX}")
    for key, value in tags.items():
        if not 1 <= len(key) <= 128 or len(value) > 256:
            raise InvalidArgument(f"the tag {key[:64]!r} has a key or a value that is too long")
    return tags


def headers_of(info: ObjectInfo) -> list[Header]:
    """The headers by which an object is described, whether its bytes follow or not."""
    details = info.details
    headers = [
        ("last-modified", format_datetime(info.modified, usegmt=True)),
        ("etag", quoted(info.etag)),
        ("accept-ranges", "bytes"),
        *({"content-type": DEFAULT_CONTENT_TYPE, **details.headers}).items(),
        *((_PREFIX + name, value) for name, value in details.metadata.items()),
    ]
    if details.tags:
        headers.append(("x-amz-tagging-count", str(len(details.tags))))
    return headers


def checksum_headers(info: ObjectInfo) -> list[Header]:
    checksum = info.details.checksum
    if checksum is None:
        return []
    return [
        (f"x-amz-checksum-{checksum.algorithm.lower()}", checksum.value),
        ("x-amz-checksum-type", checksum.type),
    ]


def overridden(headers: list[Header], query: Mapping[str, str]) -> list[Header]:
    """The headers with what a presigned URL asks to have instead. Raises InvalidArgument."""
    given: dict[str, str] = {}
    for parameter, name in _OVERRIDES.items():
        if (value := query.get(parameter)) is not None:
            if not value.isprintable() or not value.isascii():
                raise InvalidArgument(f"{parameter} {value[:64]!r} cannot be a header's value")
            given[name] = value
    if not given:
        return headers
    return [header for header in headers if header[0] not in given] + list(given.items())


def with_checksum(details: Details, checksum: Checksum | None) -> Details:
    return msgspec.structs.replace(details, checksum=checksum)


def with_tags(details: Details, tags: Mapping[str, str]) -> Details:
    return msgspec.structs.replace(details, tags=tags)
