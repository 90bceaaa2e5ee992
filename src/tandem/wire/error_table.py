"""The one table of error codes: which code and status each domain error has in which dialect.

Feature Store's runtime names its errors as its service model does and uses HTTP's statuses. The
JSON protocol answers 400 for everything that is the caller's to mend; SageMaker, Glue and Athena
have names of their own there. The query protocol has IAM's codes and statuses. An error that a
dialect has no code for goes by the one of the error that it is a kind of.
"""

from collections.abc import Mapping, Sequence
from enum import Enum
from typing import NamedTuple

from tandem.errors import (
    AccessForbidden,
    ConflictError,
    DataCorrupted,
    DeleteConflict,
    HistoryChanged,
    MalformedPolicyDocument,
    QueryFailed,
    ResourceInUse,
    ResourceLimitExceeded,
    ResourceNotFound,
    StoreUnavailable,
    TandemError,
    Throttled,
    UnmodifiableEntity,
    ValidationError,
)
from tandem.wire.authentication_errors import (
    ExpiredToken,
    IncompleteSignature,
    InvalidSignature,
    MissingAuthenticationToken,
    UnrecognizedClient,
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


class MetadataNotFound(TandemError):
    """A database or table is not in the catalog, where Athena asks a catalog for it."""


class Dialect(Enum):
    """Whose names errors go by."""

    RUNTIME = "featurestore-runtime"
    JSON = "json"
    QUERY = "query"
    GLUE = "glue"
    ATHENA = "athena"


class ErrorCode(NamedTuple):
    code: str
    status: int


INTERNAL_FAILURE = ErrorCode("InternalFailure", 500)

_OF_EVERY_DIALECT: Mapping[type[TandemError], ErrorCode] = {
    StoreUnavailable: ErrorCode("ServiceUnavailable", 503),
    DataCorrupted: INTERNAL_FAILURE,
}


def _of_signatures(status: int) -> Mapping[type[TandemError], ErrorCode]:
    return {
        MissingAuthenticationToken: ErrorCode("MissingAuthenticationTokenException", status),
        IncompleteSignature: ErrorCode("IncompleteSignatureException", status),
        InvalidSignature: ErrorCode("InvalidSignatureException", status),
        UnrecognizedClient: ErrorCode("UnrecognizedClientException", status),
        ExpiredToken: ErrorCode("ExpiredTokenException", status),
    }


_OF_THE_JSON_PROTOCOL: Mapping[type[TandemError], ErrorCode] = {
    **_OF_EVERY_DIALECT,
    **_of_signatures(400),
    AccessForbidden: ErrorCode("AccessDeniedException", 400),
    UnknownOperation: ErrorCode("UnknownOperationException", 400),
    SerializationError: ErrorCode("SerializationException", 400),
    UnsupportedMediaType: ErrorCode("UnsupportedMediaTypeException", 415),
    RequestTooLarge: ErrorCode("RequestEntityTooLargeException", 413),
}

ERROR_TABLE: Mapping[Dialect, Mapping[type[TandemError], ErrorCode]] = {
    Dialect.RUNTIME: {
        **_OF_EVERY_DIALECT,
        # No error of the service's model: botocore repeats it by its code, with the status 400.
        Throttled: ErrorCode("ThrottlingException", 400),
        **_of_signatures(403),
        ValidationError: ErrorCode("ValidationError", 400),
        ResourceNotFound: ErrorCode("ResourceNotFound", 404),
        ResourceInUse: ErrorCode("ResourceInUse", 409),
        ResourceLimitExceeded: ErrorCode("ResourceLimitExceeded", 400),
        ConflictError: ErrorCode("ConflictException", 409),
        HistoryChanged: ErrorCode("HistoryChanged", 409),
        AccessForbidden: ErrorCode("AccessForbidden", 403),
        QueryFailed: ErrorCode("QueryFailed", 400),
        UnknownOperation: ErrorCode("UnknownOperationException", 404),
        MethodNotAllowed: ErrorCode("UnknownOperationException", 405),
        SerializationError: ErrorCode("SerializationException", 400),
        UnsupportedMediaType: ErrorCode("UnsupportedMediaTypeException", 415),
        RequestTooLarge: ErrorCode("RequestEntityTooLargeException", 413),
    },
    Dialect.JSON: {
        **_OF_THE_JSON_PROTOCOL,
        ValidationError: ErrorCode("ValidationException", 400),
        ResourceNotFound: ErrorCode("ResourceNotFound", 400),
        ResourceInUse: ErrorCode("ResourceInUse", 400),
        ResourceLimitExceeded: ErrorCode("ResourceLimitExceeded", 400),
        ConflictError: ErrorCode("ConflictException", 400),
        QueryFailed: ErrorCode("InvalidRequestException", 400),
    },
    Dialect.QUERY: {
        **_OF_EVERY_DIALECT,
        ValidationError: ErrorCode("ValidationError", 400),
        MalformedPolicyDocument: ErrorCode("MalformedPolicyDocument", 400),
        UnmodifiableEntity: ErrorCode("UnmodifiableEntity", 400),
        ResourceNotFound: ErrorCode("NoSuchEntity", 404),
        ResourceInUse: ErrorCode("EntityAlreadyExists", 409),
        ResourceLimitExceeded: ErrorCode("LimitExceeded", 409),
        ConflictError: ErrorCode("ConcurrentModification", 409),
        DeleteConflict: ErrorCode("DeleteConflict", 409),
        AccessForbidden: ErrorCode("AccessDenied", 403),
        MissingAuthenticationToken: ErrorCode("MissingAuthenticationToken", 403),
        IncompleteSignature: ErrorCode("IncompleteSignature", 400),
        InvalidSignature: ErrorCode("SignatureDoesNotMatch", 403),
        UnrecognizedClient: ErrorCode("InvalidClientTokenId", 403),
        ExpiredToken: ErrorCode("ExpiredToken", 403),
        QueryFailed: ErrorCode("ValidationError", 400),
        UnknownOperation: ErrorCode("InvalidAction", 400),
        SerializationError: ErrorCode("MalformedInput", 400),
        UnsupportedMediaType: ErrorCode("MalformedInput", 415),
        RequestTooLarge: ErrorCode("RequestEntityTooLarge", 413),
    },
    Dialect.GLUE: {
        **_OF_THE_JSON_PROTOCOL,
        ValidationError: ErrorCode("InvalidInputException", 400),
        ResourceNotFound: ErrorCode("EntityNotFoundException", 400),
        ResourceInUse: ErrorCode("AlreadyExistsException", 400),
        ResourceLimitExceeded: ErrorCode("ResourceNumberLimitExceededException", 400),
        ConflictError: ErrorCode("ConcurrentModificationException", 400),
        QueryFailed: ErrorCode("InvalidInputException", 400),
    },
    Dialect.ATHENA: {
        **_OF_THE_JSON_PROTOCOL,
        ValidationError: ErrorCode("InvalidRequestException", 400),
        ResourceNotFound: ErrorCode("ResourceNotFoundException", 400),
        ResourceInUse: ErrorCode("InvalidRequestException", 400),
        ResourceLimitExceeded: ErrorCode("TooManyRequestsException", 400),
        ConflictError: ErrorCode("InvalidRequestException", 400),
        QueryFailed: ErrorCode("InvalidRequestException", 400),
        MetadataNotFound: ErrorCode("MetadataException", 400),
    },
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
    codes = ERROR_TABLE[dialect]
    return next((codes[one] for one in kind.__mro__ if one in codes), INTERNAL_FAILURE)
