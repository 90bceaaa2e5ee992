"""Operations that another process performs: their requests are passed on as they came, and so are
its answers.

Requests are identified and authenticated here, and decoded there. What asks for stored things is
performed here where the other process does not run.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Any

import msgspec

from tandem.errors import StoreUnavailable
from tandem.wire.error_table import ErrorCode
from tandem.wire.http import Request, Response
from tandem.wire.operation import Call, Operation, Place, WireProtocol, awaited

Ask = Callable[[Request, Place], Awaitable[Response]]
"""Has the other process answer. Raises StoreUnavailable where it does not; nobody waits until it
runs for a request that may be answered here.
"""


class _PassedOn(msgspec.Struct):
    """A request that is not decoded here."""

    call: Any
    request: Any


class _Answer(msgspec.Struct):
    """The other process's answer."""

    response: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class _Elsewhere(Operation[_PassedOn]):
    here: Operation[Any]


class Elsewhere:
    """A protocol, as it is answered where another process performs some of its operations."""

    def __init__(self, protocol: WireProtocol, ask: Ask) -> None:
        self.dialect = protocol.dialect
        self.claims = protocol.claims  # asked for every request for records: no call in between
        self._protocol = protocol
        self._ask = ask

    def identify(self, request: Request) -> Call:
        call = self._protocol.identify(request)
        here = call.operation
        if here.place is Place.HERE:
            return call
        elsewhere = _Elsewhere(
            name=here.name,
            request=_PassedOn,
            perform=self._perform,
            errors=here.errors,
            place=here.place,
            here=here,
        )
        return replace(call, operation=elsewhere)

    def decode(self, call: Call, request: Request) -> msgspec.Struct:
        if isinstance(call.operation, _Elsewhere):
            return _PassedOn(_performed_here(call), request)
        return self._protocol.decode(call, request)

    def encode(self, call: Call, answer: msgspec.Struct | None, request_id: str) -> Response:
        if isinstance(answer, _Answer):
            response: Response = answer.response
            return response
        return self._protocol.encode(_performed_here(call), answer, request_id)

    def encode_error(self, code: ErrorCode, message: str, request_id: str) -> Response:
        return self._protocol.encode_error(code, message, request_id)

    async def _perform(self, passed: _PassedOn) -> msgspec.Struct | None:
        call: Call = passed.call
        try:
            return _Answer(await self._ask(passed.request, call.operation.place))
        except StoreUnavailable:
            if call.operation.place is Place.QUERIES:
                raise
        return await awaited(call.operation.perform(self._protocol.decode(call, passed.request)))


def _performed_here(call: Call) -> Call:
    operation = call.operation
    return replace(call, operation=operation.here) if isinstance(operation, _Elsewhere) else call
