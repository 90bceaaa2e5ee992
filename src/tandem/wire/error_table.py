"""The one table of error codes: which code and status each domain error has in which dialect.

Feature Store's runtime names its errors as its service model does and uses HTTP's statuses. The
JSON protocol answers 400 for everything that is the caller's to mend. The query protocol has IAM's
codes and statuses.
"""

from collections.abc import Mapping, Sequence
from enum import Enum
from typing import NamedTuple

from tandem.errors import (
    AccessForbidden,
    ConflictError,
    DataCorrupted,
    DeleteConflict,
    MalformedPolicyDocument,
    QueryFailed,
    ResourceInUse,
    ResourceLimitExceeded,
    ResourceNotFound,
    StoreUnavailable,
    TandemError,
    UnmodifiableEntity,
    ValidationError,
)


class UnknownOperation(TandemError):
    """The request names no operation that is answered here."""


class MethodNotAllowed(UnknownOperation):
    """The path has operations, but none with this HTTP method."""


class SerializationError(TandemError):
    """The body does not parse, or a member has another JSON type than its shape says."""


class UnsupportedMediaType(TandemError):
    """The content type is not that of the protocol."""


class RequestTooLarge(TandemError):
    """The body is larger than any valid request."""


class Dialect(Enum):
    """Whose names errors go by."""

    RUNTIME = "featurestore-runtime"
    JSON = "json"
    QUERY = "query"
    ATHENA = "athena"


class ErrorCode(NamedTuple):
    code: str
    status: int


_ROWS: Sequence[tuple[type[TandemError], ErrorCode, ErrorCode, ErrorCode]] = [
    # error, then its code in the dialects RUNTIME, JSON and QUERY
    (
        ValidationError,
        ErrorCode("ValidationError", 400),
        ErrorCode("ValidationException", 400),
        ErrorCode("ValidationError", 400),
    ),
    (
        MalformedPolicyDocument,
        ErrorCode("ValidationError", 400),
        ErrorCode("ValidationException", 400),
        ErrorCode("MalformedPolicyDocument", 400),
    ),
    (
        UnmodifiableEntity,
        ErrorCode("ValidationError", 400),
        ErrorCode("ValidationException", 400),
        ErrorCode("UnmodifiableEntity", 400),
    ),
    (
        ResourceNotFound,
        ErrorCode("ResourceNotFound", 404),
        ErrorCode("ResourceNotFound", 400),
        ErrorCode("NoSuchEntity", 404),
    ),
    (
        ResourceInUse,
        ErrorCode("ResourceInUse", 409),
        ErrorCode("ResourceInUse", 400),
        ErrorCode("EntityAlreadyExists", 409),
    ),
    (
        ResourceLimitExceeded,
        ErrorCode("ResourceLimitExceeded", 400),
        ErrorCode("ResourceLimitExceeded", 400),
        ErrorCode("LimitExceeded", 409),
    ),
    (
        ConflictError,
        ErrorCode("ConflictException", 409),
        ErrorCode("ConflictException", 400),
        ErrorCode("ConcurrentModification", 409),
    ),
    (
        DeleteConflict,
        ErrorCode("ConflictException", 409),
        ErrorCode("ConflictException", 400),
        ErrorCode("DeleteConflict", 409),
    ),
    (
        AccessForbidden,
        ErrorCode("AccessForbidden", 403),
        ErrorCode("AccessDeniedException", 400),
        ErrorCode("AccessDenied", 403),
    ),
    (
        QueryFailed,
        ErrorCode("QueryFailed", 400),
        ErrorCode("InvalidRequestException", 400),
        ErrorCode("ValidationError", 400),
    ),
    (
        StoreUnavailable,
        ErrorCode("ServiceUnavailable", 503),
        ErrorCode("ServiceUnavailable", 503),
        ErrorCode("ServiceUnavailable", 503),
    ),
    (
        DataCorrupted,
        ErrorCode("InternalFailure", 500),
        ErrorCode("InternalFailure", 500),
        ErrorCode("InternalFailure", 500),
    ),
    (
        UnknownOperation,
        ErrorCode("UnknownOperationException", 404),
        ErrorCode("UnknownOperationException", 400),
        ErrorCode("InvalidAction", 400),
    ),
    (
        MethodNotAllowed,
        ErrorCode("UnknownOperationException", 405),
        ErrorCode("UnknownOperationException", 400),
        ErrorCode("InvalidAction", 400),
    ),
    (
        SerializationError,
        ErrorCode("SerializationException", 400),
        ErrorCode("SerializationException", 400),
        ErrorCode("MalformedInput", 400),
    ),
    (
        UnsupportedMediaType,
        ErrorCode("UnsupportedMediaTypeException", 415),
        ErrorCode("UnsupportedMediaTypeException", 415),
        ErrorCode("MalformedInput", 415),
    ),
    (
        RequestTooLarge,
        ErrorCode("RequestEntityTooLargeException", 413),
        ErrorCode("RequestEntityTooLargeException", 413),
        ErrorCode("RequestEntityTooLarge", 413),
    ),
]

_IN_ATHENA: Mapping[type[TandemError], ErrorCode] = {
    # Athena speaks the JSON protocol, and calls by names of its own what is the caller's to mend.
    ValidationError: ErrorCode("InvalidRequestException", 400),
    MalformedPolicyDocument: ErrorCode("InvalidRequestException", 400),
    UnmodifiableEntity: ErrorCode("InvalidRequestException", 400),
    ResourceNotFound: ErrorCode("ResourceNotFoundException", 400),
    ResourceInUse: ErrorCode("InvalidRequestException", 400),
    ResourceLimitExceeded: ErrorCode("TooManyRequestsException", 400),
    ConflictError: ErrorCode("InvalidRequestException", 400),
    DeleteConflict: ErrorCode("InvalidRequestException", 400),
    DataCorrupted: ErrorCode("InternalServerException", 500),
}

INTERNAL_FAILURE = ErrorCode("InternalFailure", 500)

ERROR_TABLE: Mapping[type[TandemError], Mapping[Dialect, ErrorCode]] = {
    error: {
        Dialect.RUNTIME: runtime,
        Dialect.JSON: json,
        Dialect.QUERY: query,
        Dialect.ATHENA: _IN_ATHENA.get(error, json),
    }
    for error, runtime, json, query in _ROWS
}


def error_code(
    error: TandemError, dialect: Dialect, modelled: Sequence[type[TandemError]] | None = None
) -> ErrorCode:
    """The code and status of `error`.

    `modelled` is what the operation has codes for: where it knows no ResourceNotFound, clients have
    no class for it, and AWS answers a validation error instead.
    """
    kind = type(error)
    if modelled is not None and kind is ResourceNotFound and kind not in modelled:
        kind = ValidationError
    for ancestor in kind.__mro__:
        if ancestor in ERROR_TABLE:
            return ERROR_TABLE[ancestor][dialect]
    return INTERNAL_FAILURE
