"""REST with JSON: members stand in the path, the query string or the body.

* The path is split before it is decoded, so that an ARN, percent-encoded, is one segment.
* Where an operation has a form for Arrow, the Accept header chooses it; errors stay JSON.
* An operation has either members in the query string or a JSON body, never both.
* Errors carry their code in x-amzn-ErrorType, and their text as `message` and `Message`, since
  clients differ in which they read.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any
from urllib.parse import unquote_to_bytes

import msgspec

from tandem.errors import ValidationError
from tandem.wire.decoding import Decoder
from tandem.wire.error_table import (
    Dialect,
    ErrorCode,
    MethodNotAllowed,
    SerializationError,
    UnknownOperation,
    UnsupportedMediaType,
)
from tandem.wire.http import ARROW, JSON, REQUEST_ID_HEADER, Request, Response
from tandem.wire.operation import ArrowStreams, Call, Operation, Service

_MEDIA_TYPES = frozenset({"", JSON, "application/x-amz-json-1.1"})
_CONTENT_TYPE = ("content-type", JSON)
_ARROW_TYPE = ("content-type", ARROW)
_KNOWN_PATHS_MAX = 1_024
_KNOWN_PATH_BYTES_MAX = 256
_encode = msgspec.json.Encoder().encode


@dataclass(frozen=True, slots=True)
class _QueryMember:
    name: str
    is_list: bool


@dataclass(frozen=True, slots=True)
class _Route:
    """An operation as the path leads to it.

    literals    segments that must be these, by index
    labels      members that take their value from a segment, by index
    fields      attribute names by member name
    """

    service: Service
    operation: Operation[Any]
    literals: Mapping[int, bytes]
    labels: Mapping[int, str]
    fields: Mapping[str, str]
    query: Mapping[str, _QueryMember]
    decoder: Decoder[Any]

    def fits(self, segments: Sequence[bytes]) -> bool:
        for index, literal in self.literals.items():
            if segments[index] != literal:
                return False
        return all(segments[index] for index in self.labels)


class RestJson:
    dialect = Dialect.RUNTIME

    def __init__(self, services: Sequence[Service]) -> None:
        self._routes: dict[tuple[int, bytes], list[_Route]] = {}
        self._by_operation: dict[str, _Route] = {}
        first_segments: set[bytes] = set()
        for service in services:
            for operation in service.operations:
                route = _route(service, operation)
                size = len(route.literals) + len(route.labels)
                self._routes.setdefault((size, route.literals[0]), []).append(route)
                self._by_operation[operation.name] = route
                first_segments.add(route.literals[0])
        self._paths = tuple(b"/" + segment for segment in sorted(first_segments))
        # Requests come to few paths, mostly: one for each group.
        self._find_again = lru_cache(_KNOWN_PATHS_MAX)(self._find)

    def claims(self, request: Request) -> bool:
        # A target makes it a request of AWS JSON, whatever its path.
        return request.raw_path.startswith(self._paths) and "x-amz-target" not in request.headers

    def identify(self, request: Request) -> Call:
        if len(request.raw_path) > _KNOWN_PATH_BYTES_MAX:
            return self._find(request.method, request.raw_path)
        found = self._find_again(request.method, request.raw_path)
        as_arrow = found.operation.as_arrow
        if as_arrow is not None and ARROW in request.headers.get("accept", ""):
            operation = replace(found.operation, perform=as_arrow)
            return Call(found.service, operation, found.labels)
        return found

    def _find(self, method: str, raw_path: bytes) -> Call:
        segments = raw_path.split(b"/")[1:]
        candidates = self._routes.get((len(segments), segments[0] if segments else b""), ())
        fitting = [route for route in candidates if route.fits(segments)]
        for route in fitting:
            if route.operation.method == method:
                labels = {
                    name: _text(_decoded(segments[index])) for index, name in route.labels.items()
                }
                plain_for = route.operation.plain_for
                plain = None if plain_for is None else plain_for(labels)
                return Call(route.service, route.operation, labels, plain)
        path = raw_path[:256].decode("latin-1")
        if fitting:
            methods = ", ".join(route.operation.method for route in fitting)
            raise MethodNotAllowed(f"{method} {path}: this path answers {methods}")
        raise UnknownOperation(f"{method} {path} names no operation")

    def decode(self, call: Call, request: Request) -> msgspec.Struct:
        route = self._by_operation[call.operation.name]
        if route.query:
            members = _query_members(request.query, route.query, call.labels)
            bound: msgspec.Struct = route.decoder.from_members(members)
            return bound
        if request.body and request.media_type not in _MEDIA_TYPES:
            raise UnsupportedMediaType(
                f"content type {request.media_type[:64]!r} is not answered: send application/json"
            )
        decoded: msgspec.Struct = route.decoder.from_json(request.body)
        for name, value in call.labels.items():
            setattr(decoded, route.fields[name], value)
        return decoded

    def encode(
        self,
        call: Call,  # noqa: ARG002 - other protocols name the operation in their answers
        answer: msgspec.Struct | None,
        request_id: str,
    ) -> Response:
        if type(answer) is ArrowStreams:
            return Response(200, [_ARROW_TYPE, (REQUEST_ID_HEADER, request_id)], answer.content)
        return self.encode_plain(b"" if answer is None else _encode(answer), request_id)

    def encode_plain(self, body: bytes, request_id: str) -> Response:
        return Response(200, [_CONTENT_TYPE, (REQUEST_ID_HEADER, request_id)], body)

    def encode_error(self, code: ErrorCode, message: str, request_id: str) -> Response:
        headers = [
            _CONTENT_TYPE,
            (REQUEST_ID_HEADER, request_id),
            ("x-amzn-ErrorType", code.code),
        ]
        return Response(code.status, headers, _encode({"message": message, "Message": message}))


def _route(service: Service, operation: Operation[Any]) -> _Route:
    parts = operation.path.split("/")[1:]
    info = msgspec.inspect.type_info(operation.request)
    assert isinstance(info, msgspec.inspect.StructType)
    members = {member.encode_name: member for member in info.fields}
    return _Route(
        service=service,
        operation=operation,
        literals={
            index: part.encode() for index, part in enumerate(parts) if not part.startswith("{")
        },
        labels={index: part[1:-1] for index, part in enumerate(parts) if part.startswith("{")},
        fields={name: member.name for name, member in members.items()},
        query={
            name: _QueryMember(member, _holds_list(members[member].type))
            for member, name in operation.query.items()
        },
        decoder=Decoder(operation.request),
    )


def _holds_list(kind: msgspec.inspect.Type) -> bool:
    if isinstance(kind, msgspec.inspect.UnionType):
        return any(_holds_list(one) for one in kind.types)
    return isinstance(kind, msgspec.inspect.ListType)


def _query_members(
    query: bytes, bound: Mapping[str, _QueryMember], labels: Mapping[str, str]
) -> dict[str, Any]:
    """`labels`, and what the query string binds beside them."""
    members: dict[str, Any] = {}
    for pair in _decoded(query).split("&"):
        name, _, value = pair.partition("=")
        member = bound.get(name) or bound.get(_text(name))
        if member is None:
            continue
        text = _text(value.replace("+", " "))
        if member.is_list:
            members.setdefault(member.name, []).append(text)
        elif member.name in members:
            raise ValidationError(
                f"{member.name} is given twice: {members[member.name][:64]!r} and {text[:64]!r}"
            )
        else:
            members[member.name] = text
    members.update(labels)
    return members


def _text(encoded: str) -> str:
    if "%" not in encoded:
        return encoded
    try:
        return unquote_to_bytes(encoded).decode()
    except UnicodeDecodeError:
        raise _not_utf8(encoded) from None


def _decoded(part: bytes) -> str:
    """A part of the URL, still percent-encoded."""
    try:
        return part.decode()
    except UnicodeDecodeError:
        raise _not_utf8(part.decode("latin-1")) from None


def _not_utf8(encoded: str) -> SerializationError:
    return SerializationError(f"{encoded[:64]!r} in the URL is not UTF-8")
