"""The life of a request on the wire, as one flat list.

    claims        which protocol the request is written in
    identify      which service and operation it names
    authenticate  who asks (a hook: `wire.authentication`, or everybody passes)
    decode        bytes become the operation's request
    perform       the services do the work
    encode        the answer becomes bytes

Every answer carries x-amzn-RequestId. A domain error becomes what `error_table` says; AWS has one
code for several, so its class goes along in x-tandem-error, for Tandem's own library. Anything else
that is raised is a fault of ours: InternalFailure, and a traceback in the log under the request id.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import replace
from typing import Any, TypeAlias

import msgspec

from tandem.errors import MemoryExceeded, TandemError
from tandem.wire.aliases import aliases_service
from tandem.wire.athena import athena_service
from tandem.wire.aws_json import AwsJson
from tandem.wire.aws_query import AwsQuery
from tandem.wire.batch_get_record import large_batches_service
from tandem.wire.caller import ANYBODY, SESSION_TOKEN_HEADER, Identity, identity
from tandem.wire.clones import clones_service
from tandem.wire.elsewhere import Ask, Elsewhere
from tandem.wire.error_table import INTERNAL_FAILURE, RequestTooLarge, error_code
from tandem.wire.featurestore_runtime import featurestore_runtime_service
from tandem.wire.glue import glue_service
from tandem.wire.history_files import history_files_service
from tandem.wire.http import ERROR_HEADER, Request, Response, json_answer, new_request_id
from tandem.wire.iam import iam_service
from tandem.wire.operation import (
    Answer,
    Call,
    Core,
    Service,
    WireProtocol,
    awaited,
)
from tandem.wire.paging import PageTokens
from tandem.wire.rest_json import RestJson
from tandem.wire.retirement import retirement_service
from tandem.wire.sagemaker import sagemaker_service
from tandem.wire.sts import sts_service
from tandem.wire.usage import usage_service

_MESSAGE_LENGTH_MAX = 2_048
_log = logging.getLogger(__name__)

Begun: TypeAlias = Response | Coroutine[Any, Any, Response]
"""The answer; a coroutine that gives it, where it has to be waited for."""
Again: TypeAlias = Callable[[bytes], Begun | bytes | None]
"""Answers a query; None where its request has to be looked at whole. Bytes are a whole answer, but
for the lines that the server begins it with.
"""
Authenticate = Callable[[Request, Service], Identity]
"""Raises NotAuthenticated where the request may not be answered."""
_LARGE_BODY_BYTES = 1 << 18
"""It is hashed in a thread, so that other requests do not wait for that."""


def let_everybody_pass(request: Request, service: Service) -> Identity:  # noqa: ARG001 - a hook
    """What a request says of its session is believed."""
    token = request.headers.get(SESSION_TOKEN_HEADER)
    return ANYBODY if token is None else Identity(session_token=token)


class Router:
    """Answers requests from a core.

    token_key       seals NextTokens; processes that share it can go on with each other's listings
    extensions      protocols that are not AWS's; they claim their requests before REST does
    ask             has another process perform operations that have their place there
    """

    def __init__(
        self,
        core: Core,
        *,
        token_key: bytes | None = None,
        authenticate: Authenticate = let_everybody_pass,
        extensions: Sequence[WireProtocol] = (),
        ask: Ask | None = None,
    ) -> None:
        tokens = PageTokens(token_key)
        self._authenticate = authenticate
        self._lets_everybody_pass = authenticate is let_everybody_pass
        json_services = [
            sagemaker_service(core, tokens),
            athena_service(core, tokens),
            glue_service(core, tokens),
        ]
        query_services = [sts_service(core), iam_service(core, tokens)]
        rest_services = [featurestore_runtime_service(core, tokens)]
        own_services = [
            aliases_service(core),
            retirement_service(core),
            clones_service(core),
            history_files_service(core),
            usage_service(core),
            large_batches_service(core),
        ]
        self.services: Sequence[Service] = json_services + query_services + rest_services

        def placed(protocol: WireProtocol) -> WireProtocol:
            return protocol if ask is None else Elsewhere(protocol, ask)

        self._records = RestJson(rest_services)
        self._protocols: Sequence[WireProtocol] = (
            self._records,  # first, since most requests are for records
            placed(AwsJson(json_services)),
            AwsQuery(query_services),
            *map(placed, extensions),
        )
        self._otherwise = RestJson(own_services)

    def begin(self, request: Request) -> Begun:
        protocol = self._protocol(request)
        try:
            call = protocol.identify(request)
        except Exception as error:  # noqa: BLE001 - as in `_begin`
            return _failure(protocol, None, error, request.request_id)
        return self._begin(protocol, call, request)

    def again(self, head: Request, may_be_foreign: Callable[[bytes], bool]) -> Again | None:
        """`begin` for requests that differ from `head` in their query alone. That has nothing to do
        with where they go, but for queries that `may_be_foreign`: those get None. A plain query has
        room for one member alone, so that it is none of them. None where they go nowhere, or not
        to records.
        """
        if not self._records.claims(head):
            return None
        try:
            call = self._records.identify(head)
        except TandemError:
            return None
        plain = None
        if self._lets_everybody_pass:
            # Asked here, and not once more behind it.
            plain, call = call.plain, replace(call, plain=None)

        def answer(query: bytes) -> Begun | bytes | None:
            request_id = new_request_id()
            if plain is not None:
                try:
                    body = plain(query)
                except Exception as error:  # noqa: BLE001 - as in `_begin`
                    return _failure(self._records, call, error, request_id)
                if body is not None:
                    return json_answer(body, request_id)
            if may_be_foreign(query):
                return None
            request = msgspec.structs.replace(head, query=query, request_id=request_id)
            return self._begin(self._records, call, request)

        return answer

    def _begin(self, protocol: WireProtocol, call: Call, request: Request) -> Begun:
        try:
            if self._lets_everybody_pass or len(request.body) < _LARGE_BODY_BYTES:
                who = self._authenticate(request, call.service)
                # Only `_records` finds calls that have one.
                if call.plain is not None and (body := call.plain(request.query)) is not None:
                    return self._records.encode_plain(body, request.request_id)
                answer = _perform(protocol, call, request, who)
            else:
                answer = self._perform_large(protocol, call, request)
            if answer is None or isinstance(answer, msgspec.Struct):
                return protocol.encode(call, answer, request.request_id)
        except Exception as error:  # noqa: BLE001 - whatever it is, a well-formed answer is given
            return _failure(protocol, call, error, request.request_id)
        return _await(protocol, call, answer, request.request_id)

    async def _perform_large(self, protocol: WireProtocol, call: Call, request: Request) -> Answer:
        who = await asyncio.to_thread(self._authenticate, request, call.service)
        return await awaited(_perform(protocol, call, request, who))

    def refuse_body(self, request: Request, limit: int) -> Response:
        """The answer to a request whose body was not read because it is over `limit` bytes."""
        too_large = f"the body is larger than {limit} bytes: send less at a time"
        return self.refuse(request, RequestTooLarge(too_large))

    def refuse(self, request: Request, error: TandemError) -> Response:
        """The answer to a request that is not looked at because of `error`."""
        return _domain_error(self._protocol(request), None, error, request.request_id)

    def _protocol(self, request: Request) -> WireProtocol:
        for protocol in self._protocols:
            if protocol.claims(request):
                return protocol
        return self._otherwise


def _perform(
    protocol: WireProtocol, call: Call, request: Request, who: Identity
) -> Answer | Awaitable[Answer]:
    identity.set(who)
    return call.operation.perform(protocol.decode(call, request))


async def _await(
    protocol: WireProtocol, call: Call, answer: Awaitable[Answer], request_id: str
) -> Response:
    try:
        return protocol.encode(call, await answer, request_id)
    except Exception as error:  # noqa: BLE001 - as in `begin`
        return _failure(protocol, call, error, request_id)


def _failure(
    protocol: WireProtocol, call: Call | None, error: Exception, request_id: str
) -> Response:
    if isinstance(error, MemoryError):
        error = MemoryExceeded(
            "the request needs more memory than there is: ask for less at a time, or raise"
            " query_memory_bytes"
        )
    if isinstance(error, TandemError):
        return _domain_error(protocol, call, error, request_id)
    _log.error("request %s failed", request_id, exc_info=error)
    message = f"Internal server error: the server's log says more, under request id {request_id}"
    return protocol.encode_error(INTERNAL_FAILURE, message, request_id)


def _domain_error(
    protocol: WireProtocol, call: Call | None, error: TandemError, request_id: str
) -> Response:
    if call is None:
        code = error_code(error, protocol.dialect)
    else:
        code = error_code(error, call.service.dialect, call.operation.errors)
    if code.status >= 500:
        _log.error("request %s: %s: %s", request_id, code.code, error)
    response = protocol.encode_error(code, str(error)[:_MESSAGE_LENGTH_MAX], request_id)
    headers = [*response.headers, (ERROR_HEADER, type(error).__name__)]
    return msgspec.structs.replace(response, headers=headers)
