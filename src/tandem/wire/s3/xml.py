"""XML as S3 writes and reads it.

Characters that XML 1.0 cannot hold become U+FFFD; listings with encoding-type=url keep them. Bodies
with a document type are not read, so that no entity is ever expanded.
"""

import re
from collections.abc import Iterator
from datetime import datetime
from typing import TypeAlias
from xml.etree import ElementTree
from xml.sax.saxutils import escape

from tandem.wire.s3.errors import MalformedXml

NAMESPACE = "http://s3.amazonaws.com/doc/2006-03-01/"
DECLARATION = '<?xml version="1.0" encoding="UTF-8"?>\n'
CONTENT_TYPE = ("content-type", "application/xml")
_NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_ENTITIES = {'"': "&quot;", "\r": "&#13;", "\n": "&#10;", "\t": "&#9;"}

Content: TypeAlias = "str | int | bool | datetime | list[tuple[str, Content]] | None"
Element: TypeAlias = tuple[str, Content]


def document(name: str, members: list[Element]) -> bytes:
    """A document whose root is in S3's namespace."""
    return (DECLARATION + root(name, members)).encode()


def root(name: str, members: list[Element]) -> str:
    return f'<{name} xmlns="{NAMESPACE}">{_inner(members)}</{name}>'


def error_document(code: str, message: str, resource: str, request_id: str) -> bytes:
    members: list[Element] = [
        ("Code", code),
        ("Message", message),
        ("Resource", resource),
        ("RequestId", request_id),
    ]
    return f"{DECLARATION}<Error>{_inner(members)}</Error>".encode()


def quoted(etag: str) -> str:
    return f'"{etag}"'


class Node:
    """An element that was read, whatever namespace it is in."""

    def __init__(self, element: ElementTree.Element) -> None:
        self._element = element

    @property
    def name(self) -> str:
        return self._element.tag.rpartition("}")[2]

    def children(self, name: str) -> Iterator["Node"]:
        for child in self._element:
            node = Node(child)
            if node.name == name:
                yield node

    def text(self, name: str, default: str | None = None) -> str:
        """The text of a child. Raises MalformedXml where it is missing and has no default."""
        for child in self.children(name):
            return child.own_text
        if default is None:
            raise MalformedXml(f"{self.name} has no {name} in it")
        return default

    def optional(self, name: str) -> str | None:
        return next((child.own_text for child in self.children(name)), None)

    @property
    def own_text(self) -> str:
        return self._element.text or ""


def read(body: bytes, name: str) -> Node:
    """The root of a body. Raises MalformedXml where it is another one, or no XML."""
    if b"<!DOCTYPE" in body or b"<!ENTITY" in body:
        raise MalformedXml("a body with a document type is not read")
    try:
        # Without a document type there are no entities to expand.
        node = Node(ElementTree.fromstring(body))  # noqa: S314
    except (ElementTree.ParseError, ValueError, LookupError, RecursionError) as error:
        raise MalformedXml(f"the body is not XML that can be read: {error}") from None
    if node.name != name:
        raise MalformedXml(f"the body is {node.name[:64]!r}, but should be {name!r}")
    return node


def _inner(content: Content) -> str:
    if isinstance(content, list):
        return "".join(
            f"<{name}>{_inner(inner)}</{name}>" for name, inner in content if inner is not None
        )
    if isinstance(content, bool):
        return "true" if content else "false"
    if isinstance(content, datetime):
        return f"{content:%Y-%m-%dT%H:%M:%S}.{content.microsecond // 1_000:03d}Z"
    return escape(_NOT_XML.sub("\ufffd", str(content)), _ENTITIES)
