"""AWS query: a form (or a query string) in, XML out.

A form is flat, so that a list of structures is spelled in the names of its members:

    Tags.member.1.Key=team&Tags.member.1.Value=a    {"Tags": [{"Key": "team", "Value": "a"}]}
    Tags=                                           {"Tags": []}

Times in answers are ISO 8601. Characters that XML 1.0 cannot hold become U+FFFD.
"""

import re
from collections.abc import Sequence
from typing import Any
from urllib.parse import parse_qsl
from xml.sax.saxutils import escape

import msgspec

from tandem.wire.decoding import Decoder
from tandem.wire.error_table import Dialect, ErrorCode, SerializationError, UnknownOperation
from tandem.wire.http import REQUEST_ID_HEADER, Request, Response
from tandem.wire.operation import Call, Operation, Service

_FORM = "application/x-www-form-urlencoded"
_CONTENT_TYPE = ("content-type", "text/xml")
_NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_FORM_MEMBERS_MAX = 1_000
_NAME_STEPS_MAX = 8
_INDEX = re.compile(r"[1-9][0-9]{0,3}", re.ASCII)


class AwsQuery:
    dialect = Dialect.QUERY

    def __init__(self, services: Sequence[Service]) -> None:
        self._calls: dict[str, Call] = {}
        self._decoders: dict[type[msgspec.Struct], Decoder[Any]] = {}
        self._lists: dict[type[msgspec.Struct], frozenset[str]] = {}
        for service in services:
            for operation in service.operations:
                self._add(service, operation)

    def _add(self, service: Service, operation: Operation[Any]) -> None:
        self._calls[operation.name] = Call(service, operation)
        self._decoders[operation.request] = Decoder(operation.request)
        self._lists[operation.request] = _names_of_lists(operation.request)

    def claims(self, request: Request) -> bool:
        return request.raw_path == b"/" and (
            (request.method == "POST" and request.media_type == _FORM)
            or (request.method == "GET" and b"Action=" in request.query)
        )

    def identify(self, request: Request) -> Call:
        action = _members(request).get("Action", "")
        call = self._calls.get(action)
        if call is None:
            raise UnknownOperation(f"Action {action[:128]!r} names no operation")
        return call

    def decode(self, call: Call, request: Request) -> msgspec.Struct:
        shape = call.operation.request
        members = _nested(_members(request))
        for name in self._lists[shape] & members.keys():
            if members[name] == "":
                members[name] = []
        decoded: msgspec.Struct = self._decoders[shape].from_members(members, strict=False)
        return decoded

    def encode(self, call: Call, answer: msgspec.Struct | None, request_id: str) -> Response:
        name = call.operation.name
        result = "" if answer is None else _elements(msgspec.to_builtins(answer))
        body = (
            f'<{name}Response xmlns="{call.service.namespace}">'
            f"<{name}Result>{result}</{name}Result>"
            f"<ResponseMetadata><RequestId>{_xml(request_id)}</RequestId></ResponseMetadata>"
            f"</{name}Response>"
        )
        return _response(200, body, request_id)

    def encode_error(self, code: ErrorCode, message: str, request_id: str) -> Response:
        fault = "Sender" if code.status < 500 else "Receiver"
        body = (
            f"<ErrorResponse><Error><Type>{fault}</Type><Code>{code.code}</Code>"
            f"<Message>{_xml(message)}</Message></Error>"
            f"<RequestId>{_xml(request_id)}</RequestId></ErrorResponse>"
        )
        return _response(code.status, body, request_id)


def _members(request: Request) -> dict[str, str]:
    encoded = request.body if request.method == "POST" else request.query
    try:
        pairs = parse_qsl(
            encoded.decode(),
            keep_blank_values=True,
            errors="strict",
            max_num_fields=_FORM_MEMBERS_MAX,
        )
    except ValueError as error:
        raise SerializationError(f"the form cannot be read: {error}") from None
    return dict(pairs)


def _names_of_lists(shape: type[msgspec.Struct]) -> frozenset[str]:
    kind = msgspec.inspect.type_info(shape)
    assert isinstance(kind, msgspec.inspect.StructType)
    return frozenset(
        field.encode_name
        for field in kind.fields
        for one in getattr(field.type, "types", [field.type])
        if isinstance(one, msgspec.inspect.ListType)
    )


def _nested(members: dict[str, str]) -> dict[str, Any]:
    """The members of a form as the structures and lists that their names spell."""
    tree: dict[str, Any] = {}
    for name, text in members.items():
        steps = name.split(".")
        if len(steps) > _NAME_STEPS_MAX:
            raise SerializationError(f"the form has a member {name[:128]!r}: it is nested too deep")
        place: Any = tree
        for step in steps[:-1]:
            place = place.setdefault(step, {}) if isinstance(place, dict) else None
        if not isinstance(place, dict) or steps[-1] in place:
            raise SerializationError(f"the form has {name[:128]!r} beside other parts of it")
        place[steps[-1]] = text
    return {name: _listed(name, inner) for name, inner in tree.items()}


def _listed(name: str, value: Any) -> Any:
    """`value` with each {"member": {"1": …, "2": …}} in it made a list."""
    if not isinstance(value, dict):
        return value
    if value.keys() != {"member"} or not isinstance(value["member"], dict):
        return {step: _listed(f"{name}.{step}", inner) for step, inner in value.items()}
    items = value["member"]
    if wrong := [index for index in items if not _INDEX.fullmatch(index)]:
        raise SerializationError(
            f"the form has a member {f'{name}.member.{wrong[0]}'[:128]!r}: lists count from 1"
        )
    return [_listed(f"{name}.member.{index}", items[index]) for index in sorted(items, key=int)]


def _elements(value: Any) -> str:
    if isinstance(value, dict):
        return "".join(f"<{name}>{_elements(inner)}</{name}>" for name, inner in value.items())
    if isinstance(value, list):
        return "".join(f"<member>{_elements(inner)}</member>" for inner in value)
    if isinstance(value, bool):
        return "true" if value else "false"
    return _xml(str(value))


def _xml(text: str) -> str:
    return escape(_NOT_XML.sub("\ufffd", text))


def _response(status: int, body: str, request_id: str) -> Response:
    return Response(status, [_CONTENT_TYPE, (REQUEST_ID_HEADER, request_id)], body.encode())
