"""HTTP as the remote library speaks it: retries, and answers that are errors raised as ours.

A request is repeated where the server says that it did nothing (503) or could not be reached. It is
not repeated after a lost answer, since a write that was done would stand in history twice.
"""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import pyarrow as pa
import urllib3

from tandem import errors
from tandem.rows.rows import RowStream

_ARROW = {"Content-Type": "application/vnd.apache.arrow.stream"}
_REQUEST_ID = "x-amzn-RequestId"
_ERROR = "x-tandem-error"
_ONLY_CONNECT = urllib3.Retry(connect=3, read=0, status=0, other=0, backoff_factor=0.2)
_RETRY = urllib3.Retry(
    connect=3,
    read=0,
    status=3,
    other=0,
    status_forcelist=[503],
    allowed_methods=None,
    backoff_factor=0.2,
    backoff_jitter=0.2,
    raise_on_status=False,
)
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
    "QueryFailed": errors.QueryFailed,
    "ServiceUnavailable": errors.StoreUnavailable,
}

_ERRORS_BY_NAME: Mapping[str, type[errors.TandemError]] = {
    name: kind
    for name, kind in vars(errors).items()
    if isinstance(kind, type) and issubclass(kind, errors.TandemError)
}


class Http:
    """A pool of connections to one server. Safe to use from many threads.

    Each method raises the error that the answer is, and StoreUnavailable where there is none.
    """

    def __init__(self, url: str) -> None:
        try:
            is_url = urllib3.util.parse_url(url).host is not None
        except urllib3.exceptions.LocationParseError:
            is_url = False
        if not is_url:
            raise errors.ValidationError(f"{url!r} is not a URL: write http://HOST:PORT")
        self._url = url.rstrip("/")
        self._pool = urllib3.PoolManager(maxsize=16, timeout=_TIMEOUT)

    def control(self, operation: str, request: Mapping[str, Any]) -> dict[str, Any]:
        """An operation of the sagemaker service (AWS JSON)."""
        headers = {
            "Content-Type": "application/x-amz-json-1.1",
            "X-Amz-Target": f"SageMaker.{operation}",
        }
        return self._parsed(self._call("POST", "/", json_bytes(request), headers))

    def json(
        self, method: str, path: str, request: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        """An operation of REST with JSON."""
        if request is None:
            return self._parsed(self._call(method, path, None, {}))
        headers = {"Content-Type": "application/json"}
        return self._parsed(self._call(method, path, json_bytes(request), headers))

    def send_table(self, path: str, table: pa.Table) -> dict[str, Any]:
        """Sends a table once. Whoever calls knows what a lost answer means."""
        return self._parsed(self._call("POST", path, arrow_bytes(table), _ARROW, _ONLY_CONNECT))

    def ask_table(self, path: str, request: Mapping[str, Any] | pa.Table | None) -> pa.Table:
        """The table that answers a question, which is JSON, a table itself, or just the path."""
        if request is None:
            answer = self._call("GET", path, None, {})
        elif isinstance(request, pa.Table):
            answer = self._call("POST", path, arrow_bytes(request), _ARROW)
        else:
            headers = {"Content-Type": "application/json"}
            answer = self._call("POST", path, json_bytes(request), headers)
        try:
            with pa.ipc.open_stream(answer) as reader:
                return reader.read_all()
        except pa.ArrowException as error:
            raise self._not_understood(error) from error

    @contextmanager
    def ask_stream(self, path: str, body: bytes) -> Iterator[tuple[Mapping[str, str], RowStream]]:
        """The headers and the rows that answer a question, an Arrow stream; read piece by piece."""
        try:
            response = self._pool.request(
                "POST",
                self._url + path,
                body=body,
                headers=_ARROW,
                retries=_RETRY,
                preload_content=False,
            )
        except (urllib3.exceptions.HTTPError, UnicodeError) as error:
            raise self._no_answer(error) from error
        try:
            self._check(response)
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
        self._pool.clear()

    def _call(
        self,
        method: str,
        path: str,
        body: bytes | None,
        headers: Mapping[str, str],
        retries: urllib3.Retry = _RETRY,
    ) -> bytes:
        try:
            response = self._pool.request(
                method, self._url + path, body=body, headers=dict(headers), retries=retries
            )
        except (urllib3.exceptions.HTTPError, UnicodeError) as error:
            raise self._no_answer(error) from error
        self._check(response)
        return response.data

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
            return errors.StoreUnavailable(
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
