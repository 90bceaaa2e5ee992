"""HTTP as the remote library speaks it: retries, and answers that are errors raised as ours.

`sdk.retries` says what is sent again.
"""

import json
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TypeVar

import msgspec
import pyarrow as pa
import urllib3

from tandem import errors
from tandem.rows.rows import RowStream
from tandem.sdk.credentials import Credentials
from tandem.sdk.retries import asked_to_wait, may_repeat, pauses
from tandem.sdk.signing import signed_headers

_Answer = TypeVar("_Answer")
_JSON = {"Content-Type": "application/json"}
_ARROW = {"Content-Type": "application/vnd.apache.arrow.stream"}
_REQUEST_ID = "x-amzn-RequestId"
_ERROR = "x-tandem-error"
_QUESTIONS = ("Describe", "List", "Search", "Get")
_CONNECTIONS = 16
_TIMEOUT = urllib3.Timeout(connect=10, read=600)
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
_NO_RETRIES = urllib3.Retry(False)
_GATEWAY_STATUSES = {502, 504}

_ERRORS_BY_NAME: Mapping[str, type[errors.TandemError]] = {
    name: kind
    for name, kind in vars(errors).items()
    if isinstance(kind, type) and issubclass(kind, errors.TandemError)
}


class Http:
    """A pool of connections to one server. Safe to use from many threads.

    Each method raises the error that the answer is, and StoreUnavailable where there is none.
    """

    def __init__(
        self,
        url: str,
        connections: urllib3.HTTPConnectionPool | None = None,
        credentials: Credentials | None = None,
    ) -> None:
        """`connections` lead to the server where its address alone does not. Without credentials,
        requests are not signed.
        """
        self._url = url.rstrip("/")
        self.credentials = credentials
        # Straight to the pool of the one server: a manager would look for it at each request.
        self._pool = connections or _pool(url)
        self._prefix = urllib3.util.parse_url(self._url).path or ""

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

    def ask(
        self, path: str, decoder: msgspec.json.Decoder[_Answer], request: Any = None
    ) -> _Answer:
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
        """The headers and the rows that answer a question, an Arrow stream; read piece by piece."""
        response = self._answered("POST", path, body, _ARROW, preload_content=False)
        try:
            with pa.ipc.open_stream(pa.PythonFile(response, mode="r")) as reader:
                yield response.headers, RowStream(reader.schema, iter(reader))
            response.drain_conn()
        except pa.ArrowException as error:
            raise self._not_understood(error) from error
        except urllib3.exceptions.HTTPError as error:
            raise self._no_answer(error) from error
        finally:
            response.close()

    @property
    def address(self) -> str:
        """The host and port of the server."""
        return urllib3.util.parse_url(self._url).netloc or ""

    @property
    def scheme(self) -> str:
        return urllib3.util.parse_url(self._url).scheme or "http"

    def close(self) -> None:
        self._pool.close()

    def _sent_once(self, path: str, body: bytes, headers: Mapping[str, str]) -> dict[str, Any]:
        response = self._once("POST", path, body, headers)
        self._check(response)
        return self._parsed(response.data)

    def _call(
        self,
        method: str,
        path: str,
        body: bytes | None,
        headers: Mapping[str, str],
        *,
        is_question: bool = False,
    ) -> bytes:
        return self._answered(method, path, body, headers, is_question=is_question).data

    def _answered(
        self,
        method: str,
        path: str,
        body: bytes | None,
        headers: Mapping[str, str],
        *,
        is_question: bool = False,
        preload_content: bool = True,
    ) -> urllib3.BaseHTTPResponse:
        """The answer of a request that succeeded, in the end."""
        waits = pauses()
        while True:
            response: urllib3.BaseHTTPResponse | None = None
            try:
                response = self._once(method, path, body, headers, preload_content)
                self._check(response)
                return response
            except errors.TandemError as error:
                status = None if response is None else response.status
                pause_seconds = next(waits, None)
                if pause_seconds is None or not may_repeat(error, status, is_question=is_question):
                    raise
            if response is not None:
                pause_seconds = max(pause_seconds, asked_to_wait(response))
            time.sleep(pause_seconds)

    def _once(
        self,
        method: str,
        path: str,
        body: bytes | None,
        headers: Mapping[str, str],
        preload_content: bool = True,
    ) -> urllib3.BaseHTTPResponse:
        target = self._prefix + path
        try:
            if self.credentials is not None:
                # As it will be on the wire.
                target = urllib3.util.parse_url(target).request_uri
                host = self.address
                headers = signed_headers(self.credentials, method, host, target, headers, body)
            return self._pool.urlopen(
                method,
                target,
                body,
                headers,
                retries=_NO_RETRIES,
                redirect=False,
                preload_content=preload_content,
            )
        except (urllib3.exceptions.HTTPError, UnicodeError) as error:
            raise self._no_answer(error) from error

    def _check(self, response: urllib3.BaseHTTPResponse) -> None:
        if response.status >= 400:
            raise self._error_of(response)
        if _REQUEST_ID not in response.headers:
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
        reason = getattr(error, "reason", None) or error
        if isinstance(reason, urllib3.exceptions.NameResolutionError):
            why = "no such host"
        else:
            # What the system said stands shortest in the cause, or in what is wrapped.
            inner = next((one for one in reason.args if isinstance(one, Exception)), reason)
            why = getattr(reason.__cause__, "strerror", None) or str(inner)
        if isinstance(
            reason, urllib3.exceptions.ProtocolError | urllib3.exceptions.ReadTimeoutError
        ):
            return errors.AnswerLost(
                f"the answer of {self._url} was lost ({why}): the call may have been carried out"
            )
        return errors.StoreUnavailable(
            f"there is no answer from {self._url} ({why}): is the server running?"
            " 'tandem serve' starts one"
        )

    def _error_of(self, response: urllib3.BaseHTTPResponse) -> errors.TandemError:
        try:
            answer = dict(json.loads(response.data))
        except (TypeError, ValueError):
            answer = {}
        code = response.headers.get("x-amzn-ErrorType") or answer.get("__type")
        if code is None and response.status in _GATEWAY_STATUSES:
            return errors.AnswerLost(
                f"something before {self._url} answered with HTTP status {response.status}: the"
                " call may have been carried out"
            )
        if code is None:
            return self._not_understood(f"HTTP status {response.status}")
        message = answer.get("Message") or answer.get("message") or f"{code}"
        # The store's own error, where the server says it: AWS has one code for several.
        kind = _ERRORS_BY_NAME.get(response.headers.get(_ERROR, ""))
        if kind is not None:
            return kind(message)
        return error_of_code(code.partition(":")[0].rpartition("#")[2], message)

    def _not_understood(self, why: object) -> errors.StoreUnavailable:
        return errors.StoreUnavailable(
            f"{self._url} does not answer as a Tandem server does ({why}): check the URL"
        )


def _pool(url: str) -> urllib3.HTTPConnectionPool:
    try:
        if urllib3.util.parse_url(url).host is not None:
            return urllib3.connection_from_url(url, maxsize=_CONNECTIONS, timeout=_TIMEOUT)
    except urllib3.exceptions.LocationParseError:
        pass
    raise errors.ValidationError(f"{url!r} is not a URL: write http://HOST:PORT")


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
