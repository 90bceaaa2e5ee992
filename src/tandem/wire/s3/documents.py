"""Small documents in the bodies of requests."""

from tandem.offline.objects.checksums import digest_of
from tandem.wire.s3.errors import InvalidArgument, MalformedXml
from tandem.wire.s3.http import Call
from tandem.wire.s3.object_headers import checked_tags
from tandem.wire.s3.payload import Payload
from tandem.wire.s3.xml import read

_DOCUMENT_BYTES_MAX = 4 << 20
"""1,000 keys of 1,024 bytes, each byte written in a few."""


async def read_document(call: Call) -> bytes:
    """The body of an operation that takes a document, checked. Raises EntityTooLarge's error."""
    payload = Payload(call.request)
    body = await payload.read(_DOCUMENT_BYTES_MAX)
    payload.check({name: digest_of(name, body) for name in payload.algorithms})
    return body


def tags_of_document(body: bytes) -> dict[str, str]:
    """Raises MalformedXml, InvalidArgument."""
    tagging = read(body, "Tagging")
    pairs = [
        (tag.text("Key"), tag.text("Value"))
        for tag_set in tagging.children("TagSet")
        for tag in tag_set.children("Tag")
    ]
    return checked_tags(pairs)


def number(name: str, text: str) -> int:
    """Raises MalformedXml where it is no whole number."""
    if not (text.isascii() and text.isdigit()) or len(text) > 18:
        raise MalformedXml(f"{name} {text[:32]!r} is not a whole number")
    return int(text)


def boolean(name: str, given: str) -> bool:
    if given.lower() not in {"true", "false", ""}:
        raise InvalidArgument(f"{name} {given[:32]!r} is neither true nor false")
    return given.lower() == "true"
