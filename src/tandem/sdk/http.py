"""HTTP as the remote library speaks it: retries, and answers that are errors raised as ours.

`sdk.retries` says what is sent again.
"""

import json
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Any, TypeVar

import msgspec
import pyarrow as pa
import urllib3

from tandem import errors
from tandem.rows.rows import RowStream
from tandem.sdk.connections import Answer, AnswerCut, Connections, NotConnected, on_the_wire
from tandem.sdk.credentials import Credentials
from tandem.sdk.retries import asked_to_wait, may_repeat, pauses
from tandem.sdk.signing import signed_headers

_Asked = TypeVar("_Asked")
_JSON = {"Content-Type": "application/json"}
_ARROW = {"Content-Type": "application/vnd.apache.arrow.stream"}
_REQUEST_ID = "x-amzn-requestid"
_ERROR = "x-tandem-error"
_QUESTIONS = ("Describe", "List", "Search", "Get")
_ERRORS: Mapping[str, type[errors.TandemError]] = {
    "ValidationError": errors.ValidationError,
    "ValidationException": errors.ValidationError,
    "SerializationException": errors.ValidationError,
    "ResourceNotFound": errors.ResourceNotFound,
    "ResourceInUse": errors.ResourceInUse,
    "ResourceLimitExceeded": errors.ResourceLimitExceeded,
    "ConflictException": errors.ConflictError,
    "HistoryChanged": errors.HistoryChanged,
    "AccessForbidden": errors.AccessForbidden,
    "MissingAuthenticationTokenException": errors.NotAuthenticated,
    "IncompleteSignatureException": errors.NotAuthenticated,
    "InvalidSignatureException": errors.NotAuthenticated,
    "UnrecognizedClientException": errors.NotAuthenticated,
    "ExpiredTokenException": errors.NotAuthenticated,
    "QueryFailed": errors.QueryFailed,
    "ServiceUnavailable": errors.StoreUnavailable,
    "ThrottlingException": errors.Throttled,
    "TooManyRequestsException": errors.Throttled,
    "ProvisionedThroughputExceededException": errors.Throttled,
}
_NO_ANSWER = (AnswerCut, NotConnected, urllib3.exceptions.LocationParseError, UnicodeError)
_ERROR_STATUS = 400
_GATEWAY_STATUSES = {502, 504}

_ERRORS_BY_NAME: Mapping[str, type[errors.TandemError]] = {
    name: kind
    for name, kind in vars(errors).items()
    if isinstance(kind, type) and issubclass(kind, errors.TandemError)
}


class Http:
    """Requests to one server. Safe to use from many threads.

    Each method raises the error that the answer is, and StoreUnavailable where there is none.
    """

    def __init__(
        self,
        url: str,
        connections: Connections | None = None,
        credentials: Credentials | None = None,
    ) -> None:
        """`connections` lead to the server where its address alone does not. Without credentials,
        requests are not signed. `address` is the host and port of the server.
        """
        self._url = url.rstrip("/")
        self.credentials = credentials
        self._connections = connections or Connections.to(url)
        parsed = urllib3.util.parse_url(self._url)
        self._prefix = parsed.path or ""
        self.address = parsed.netloc or ""
        self.scheme = parsed.scheme or "http"

    def control(self, operation: str, request: Mapping[str, Any]) -> dict[str, Any]:
        """An operation of the sagemaker service (AWS JSON)."""
        headers = {
            "Content-Type": "application/x-amz-json-1.1",
            "X-Amz-Target": f"SageMaker.{operation}",
        }
        is_question = operation.startswith(_QUESTIONS)
        body = json_bytes(request)
        return self._parsed(self._call("POST", "/", body, headers, is_question=is_question))

    def json(
        self,
        method: str,
        path: str,
        request: Mapping[str, Any] | None = None,
        *,
        is_question: bool = False,
    ) -> dict[str, Any]:
        """An operation of REST with JSON. A question changes nothing, as no GET does."""
        if request is None:
            is_question = is_question or method == "GET"
            return self._parsed(self._call(method, path, None, {}, is_question=is_question))
        body = json_bytes(request)
        return self._parsed(self._call(method, path, body, _JSON, is_question=is_question))

    def ask(self, path: str, decoder: msgspec.json.Decoder[_Asked], request: Any = None) -> _Asked:
        """What a question is answered with, JSON that is read with its types. The question is the
        path alone, or JSON as msgspec writes it.
        """
        if request is None:
            answer = self._call("GET", path, None, {}, is_question=True)
        else:
            body = msgspec.json.encode(request)
            answer = self._call("POST", path, body, _JSON, is_question=True)
        try:
            return decoder.decode(answer)
        except msgspec.MsgspecError as error:
            raise self._not_understood(error) from error

    def send_table(self, path: str, table: pa.Table) -> dict[str, Any]:
        """Sends a table once. Whoever calls knows what a lost answer means."""
        return self.send_arrow(path, arrow_bytes(table))

    def send_arrow(self, path: str, stream: bytes) -> dict[str, Any]:
        """As `send_table`, a table that is bytes already."""
        return self._sent_once(path, stream, _ARROW)

    def send_json(self, path: str, request: Mapping[str, Any]) -> dict[str, Any]:
        """As `send_table`, JSON."""
        return self._sent_once(path, json_bytes(request), _JSON)

    def ask_table(
        self,
        path: str,
        request: Mapping[str, Any] | pa.Table | None,
        *,
        is_question: bool = False,
    ) -> pa.Table:
        """The table that answers a question, which is JSON, a table itself, or just the path."""
        if request is None:
            answer = self._call("GET", path, None, {})
        elif isinstance(request, pa.Table):
            body = arrow_bytes(request)
            answer = self._call("POST", path, body, _ARROW, is_question=is_question)
        else:
            body = json_bytes(request)
            answer = self._call("POST", path, body, _JSON, is_question=is_question)
        try:
            with pa.ipc.open_stream(answer) as reader:
                return reader.read_all()
        except pa.ArrowException as error:
            raise self._not_understood(error) from error

    @contextmanager
    def ask_stream(self, path: str, body: bytes) -> Iterator[tuple[Mapping[str, str], RowStream]]:
        """The headers, by lower-case name, and the rows that answer a question, an Arrow stream;
        read piece by piece.
        """
        with ExitStack() as opened:

            def once() -> Answer:
                try:
                    target, headers = self._signed("POST", path, body, _ARROW)
                    stream = self._connections.stream("POST", target, headers, body)
                    return opened.enter_context(stream)
                except _NO_ANSWER as error:
                    raise self._no_answer(error) from error

            answer = self._answered(once)
            try:
                with pa.ipc.open_stream(pa.PythonFile(answer.unread, mode="r")) as reader:
                    yield answer.headers, RowStream(reader.schema, iter(reader))
            except pa.ArrowException as error:
                raise self._not_understood(error) from error
            except urllib3.exceptions.HTTPError as error:
                raise self._lost(error) from error

    def close(self) -> None:
        self._connections.close()

    def _sent_once(self, path: str, body: bytes, headers: Mapping[str, str]) -> dict[str, Any]:
        answer = self._once("POST", path, body, headers)
        self._check(answer)
        return self._parsed(answer.content)

    def _call(
        self,
        method: str,
        path: str,
        body: bytes | None,
        headers: Mapping[str, str],
        *,
        is_question: bool = False,
    ) -> bytes:
        once = partial(self._once, method, path, body, headers)
        return self._answered(once, is_question=is_question).content

    def _answered(self, once: Callable[[], Answer], *, is_question: bool = False) -> Answer:
        """The answer of a request that succeeded, in the end; `once` sends it."""
        answer: Answer | None = None
        waits: Iterator[float] | None = None
        while True:
            try:
                answer = None
                answer = once()
                self._check(answer)
                return answer
            except errors.TandemError as error:
                waits = waits or pauses()
                status = None if answer is None else answer.status
                pause_seconds = next(waits, None)
                if pause_seconds is None or not may_repeat(error, status, is_question=is_question):
                    raise
            if answer is not None:
                pause_seconds = max(pause_seconds, asked_to_wait(answer.headers))
            time.sleep(pause_seconds)

    def _once(
        self, method: str, path: str, body: bytes | None, headers: Mapping[str, str]
    ) -> Answer:
        try:
            target, headers = self._signed(method, path, body, headers)
            return self._connections.exchange(method, target, headers, body)
        except _NO_ANSWER as error:
            raise self._no_answer(error) from error

    def _signed(
        self, method: str, path: str, body: bytes | None, headers: Mapping[str, str]
    ) -> tuple[str, Mapping[str, str]]:
        """The target and the headers, as they will be on the wire."""
        target = on_the_wire(self._prefix + path)
        if self.credentials is not None:
            headers = signed_headers(self.credentials, method, self.address, target, headers, body)
        return target, headers

    def _check(self, answer: Answer) -> None:
        if answer.status >= _ERROR_STATUS:
            raise self._error_of(answer)
        if _REQUEST_ID not in answer.headers:
            raise self._not_understood(f"the answer has no {_REQUEST_ID}")

    def _parsed(self, answer: bytes) -> dict[str, Any]:
        try:
            parsed = json.loads(answer or b"{}")
        except ValueError as error:
            raise self._not_understood(error) from error
        if not isinstance(parsed, dict):
            raise self._not_understood("the answer is no JSON object")
        return parsed

    def _no_answer(self, error: Exception) -> errors.StoreUnavailable:
        if isinstance(error, AnswerCut):
            return self._lost(error)
        return errors.StoreUnavailable(
            f"there is no answer from {self._url} ({error}): is the server running?"
            " 'tandem serve' starts one"
        )

    def _lost(self, why: object) -> errors.AnswerLost:
        return errors.AnswerLost(
            f"the answer of {self._url} was lost ({why}): the call may have been carried out"
        )

    def _error_of(self, answer: Answer) -> errors.TandemError:
        try:
            members = dict(json.loads(answer.content))
        except (TypeError, ValueError):
            members = {}
        code = answer.headers.get("x-amzn-errortype") or members.get("__type")
        if code is None and answer.status in _GATEWAY_STATUSES:
            return errors.AnswerLost(
                f"something before {self._url} answered with HTTP status {answer.status}: the"
                " call may have been carried out"
            )
        if code is None:
            return self._not_understood(f"HTTP status {answer.status}")
        message = members.get("Message") or members.get("message") or f"{code}"
        # The store's own error, where the server says it: AWS has one code for several.
        kind = _ERRORS_BY_NAME.get(answer.headers.get(_ERROR, ""))
        if kind is not None:
            return kind(message)
        return error_of_code(code.partition(":")[0].rpartition("#")[2], message)

    def _not_understood(self, why: object) -> errors.StoreUnavailable:
        return errors.StoreUnavailable(
            f"{self._url} does not answer as a Tandem server does ({why}): check the URL"
        )


def json_bytes(value: Any) -> bytes:
    """`value` as JSON. Raises ValidationError where it has none, as half a character or NaN."""
    try:
        return json.dumps(value, ensure_ascii=False, allow_nan=False).encode()
    except (TypeError, ValueError) as error:
        raise errors.ValidationError(f"{value!r:.80} cannot be sent as JSON: {error}") from error


def error_of_code(code: str, message: str) -> errors.TandemError:
    """The error that a code on the wire means."""
    return _ERRORS.get(code, errors.TandemError)(message)


def arrow_bytes(table: pa.Table) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    content: bytes = sink.getvalue().to_pybytes()
    return content
