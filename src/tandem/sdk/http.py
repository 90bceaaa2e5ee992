"""HTTP as the remote library speaks it: retries, and answers that are errors raised as ours.

A request is repeated where the server says that it did nothing (503) or could not be reached. It is
not repeated after a lost answer, since a write that was done would stand in history twice.
"""

import json
from collections.abc import Mapping
from typing import Any

import pyarrow as pa
import urllib3

from tandem import errors

ARROW = {"Content-Type": "application/vnd.apache.arrow.stream"}
ONLY_CONNECT = urllib3.Retry(connect=3, read=0, status=0, other=0, backoff_factor=0.2)
"""For requests that a 503 may have done in part."""
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
    "AccessForbidden": errors.AccessForbidden,
    "QueryFailed": errors.QueryFailed,
    "ServiceUnavailable": errors.StoreUnavailable,
}


class Http:
    """A pool of connections to one server. Safe to use from many threads."""

    def __init__(self, url: str) -> None:
        self._url = url.rstrip("/")
        self._pool = urllib3.PoolManager(maxsize=16, timeout=_TIMEOUT)

    def control(self, operation: str, request: Mapping[str, Any]) -> dict[str, Any]:
        """An operation of the sagemaker service (AWS JSON)."""
        headers = {
            "Content-Type": "application/x-amz-json-1.1",
            "X-Amz-Target": f"SageMaker.{operation}",
        }
        answer: dict[str, Any] = json.loads(
            self.call("POST", "/", json_bytes(request), headers) or b"{}"
        )
        return answer

    def call(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        retries: urllib3.Retry = _RETRY,
    ) -> bytes:
        """The body of the answer. Raises the error that the answer is, and StoreUnavailable."""
        sent = headers or ({"Content-Type": "application/json"} if body is not None else {})
        try:
            response = self._pool.request(
                method, self._url + path, body=body, headers=dict(sent), retries=retries
            )
        except urllib3.exceptions.HTTPError as error:
            raise errors.StoreUnavailable(
                f"there is no answer from {self._url}: is the server running? ({error})"
            ) from error
        if response.status >= 400:
            raise _error_of(response)
        return response.data

    def close(self) -> None:
        self._pool.clear()


def json_bytes(value: Any) -> bytes:
    return json.dumps(value).encode()


def arrow_bytes(table: pa.Table) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    content: bytes = sink.getvalue().to_pybytes()
    return content


def arrow_table(content: bytes) -> pa.Table:
    with pa.ipc.open_stream(content) as reader:
        return reader.read_all()


def error_of_code(code: str, message: str) -> errors.TandemError:
    """The error that a code on the wire means."""
    return _ERRORS.get(code, errors.TandemError)(message)


def _error_of(response: urllib3.BaseHTTPResponse) -> errors.TandemError:
    try:
        answer = json.loads(response.data)
    except ValueError:
        answer = {}
    code = response.headers.get("x-amzn-ErrorType") or answer.get("__type") or ""
    message = answer.get("Message") or answer.get("message") or f"HTTP status {response.status}"
    return error_of_code(code.partition(":")[0].rpartition("#")[2], message)
