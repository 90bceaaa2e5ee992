"""AWS JSON 1.1: the operation stands in X-Amz-Target, everything else in the body."""

from collections.abc import Sequence
from typing import Any

import msgspec

from tandem.wire.decoding import Decoder
from tandem.wire.error_table import Dialect, ErrorCode, UnknownOperation, UnsupportedMediaType
from tandem.wire.http import REQUEST_ID_HEADER, Request, Response
from tandem.wire.operation import Call, Operation, Service

_MEDIA_TYPES = frozenset(
    {"", "application/x-amz-json-1.1", "application/x-amz-json-1.0", "application/json"}
)
_CONTENT_TYPE = ("content-type", "application/x-amz-json-1.1")
_encode = msgspec.json.Encoder().encode


class AwsJson:
    dialect = Dialect.JSON

    def __init__(self, services: Sequence[Service]) -> None:
        self._calls: dict[str, Call] = {}
        self._decoders: dict[type[msgspec.Struct], Decoder[Any]] = {}
        for service in services:
            for operation in service.operations:
                self._add(service, operation)

    def _add(self, service: Service, operation: Operation[Any]) -> None:
        self._calls[f"{service.prefix}.{operation.name}"] = Call(service, operation)
        self._decoders[operation.request] = Decoder(operation.request)

    def claims(self, request: Request) -> bool:
        return "x-amz-target" in request.headers

    def identify(self, request: Request) -> Call:
        target = request.headers["x-amz-target"]
        call = self._calls.get(target)
        if call is None:
            raise UnknownOperation(f"X-Amz-Target {target[:128]!r} names no operation")
        if request.method != "POST" or request.raw_path != b"/":
            path = request.raw_path[:128].decode("latin-1")
            raise UnknownOperation(
                f"{target} is asked for with POST /, not {request.method} {path}"
            )
        return call

    def decode(self, call: Call, request: Request) -> msgspec.Struct:
        if request.media_type not in _MEDIA_TYPES:
            raise UnsupportedMediaType(
                f"content type {request.media_type[:64]!r} is not answered:"
                " send application/x-amz-json-1.1"
            )
        decoded: msgspec.Struct = self._decoders[call.operation.request].from_json(request.body)
        return decoded

    def encode(
        self,
        call: Call,  # noqa: ARG002 - other protocols name the operation in their answers
        answer: msgspec.Struct | None,
        request_id: str,
    ) -> Response:
        body = b"" if answer is None else _encode(answer)
        return Response(200, [_CONTENT_TYPE, (REQUEST_ID_HEADER, request_id)], body)

    def encode_error(self, code: ErrorCode, message: str, request_id: str) -> Response:
        body = _encode({"__type": code.code, "message": message, "Message": message})
        return Response(code.status, [_CONTENT_TYPE, (REQUEST_ID_HEADER, request_id)], body)
