"""The errors of S3's protocol, and the one table of the code and status that each error has."""

import errno
from collections.abc import Mapping

from tandem.errors import (
    AccessForbidden,
    ConflictError,
    DataCorrupted,
    ResourceLimitExceeded,
    ResourceNotFound,
    StoreUnavailable,
    TandemError,
    ValidationError,
)
from tandem.offline.objects import errors as objects
from tandem.wire.authentication_errors import (
    ExpiredToken,
    IncompleteSignature,
    InvalidSignature,
    InvalidToken,
    RequestExpired,
    RequestTimeTooSkewed,
    UnrecognizedClient,
)
from tandem.wire.error_table import MethodNotAllowed, RequestTooLarge


class InvalidUri(ValidationError):
    """The path cannot be read."""


class InvalidArgument(ValidationError):
    """A header or parameter has a value that it cannot have."""


class InvalidRequest(ValidationError):
    """What is asked for makes no sense together."""


class InvalidDigest(ValidationError):
    """Content-MD5 is not an MD5."""


class BadDigest(ValidationError):
    """The body is another one than its checksum says."""


class PayloadHashMismatch(ValidationError):
    """The body is another one than x-amz-content-sha256 says."""


class IncompleteBody(ValidationError):
    """The body is shorter or longer than was announced."""


class MissingContentLength(ValidationError):
    """The size of the body is not announced."""


class MalformedXml(ValidationError):
    """The body is not the XML that the operation takes."""


class MetadataTooLarge(ValidationError):
    """x-amz-meta-* headers are larger than S3 allows."""


class MalformedPolicy(ValidationError):
    """The policy is not JSON."""


class NoSuchVersion(ResourceNotFound):
    """There are no versions."""


class SettingMissing(objects.NoSuchSetting):
    """A setting of a bucket that is not there; S3 has a code for each."""

    def __init__(self, message: str, code: str) -> None:
        super().__init__(message)
        self.code = code


class InvalidRange(ValidationError):
    """The range begins behind the end. `size` is that of the object."""

    def __init__(self, message: str, size: int) -> None:
        super().__init__(message)
        self.size = size


class NotModified(TandemError):
    """Not an error: the client has the object already. `headers` say which one that is."""

    def __init__(self, headers: list[tuple[str, str]]) -> None:
        super().__init__("not modified")
        self.headers = headers


class QueryParametersError(IncompleteSignature):
    """What a presigned URL says of its signature cannot be read, or lacks something."""


class NotImplementedHere(TandemError):
    """An operation or an option that the gateway does not have."""


ERROR_TABLE: Mapping[type[TandemError], tuple[str, int]] = {
    objects.NoSuchBucket: ("NoSuchBucket", 404),
    objects.NoSuchKey: ("NoSuchKey", 404),
    objects.NoSuchUpload: ("NoSuchUpload", 404),
    objects.BucketExists: ("BucketAlreadyOwnedByYou", 409),
    objects.BucketNotEmpty: ("BucketNotEmpty", 409),
    objects.InvalidBucketName: ("InvalidBucketName", 400),
    objects.InvalidKey: ("InvalidArgument", 400),
    objects.KeyTooLong: ("KeyTooLongError", 400),
    objects.KeyConflict: ("InvalidRequest", 400),
    objects.HistoryProtected: ("AccessDenied", 403),
    objects.PreconditionFailed: ("PreconditionFailed", 412),
    objects.InvalidPart: ("InvalidPart", 400),
    objects.InvalidPartOrder: ("InvalidPartOrder", 400),
    objects.PartTooSmall: ("EntityTooSmall", 400),
    InvalidUri: ("InvalidURI", 400),
    InvalidArgument: ("InvalidArgument", 400),
    InvalidRequest: ("InvalidRequest", 400),
    InvalidDigest: ("InvalidDigest", 400),
    BadDigest: ("BadDigest", 400),
    PayloadHashMismatch: ("XAmzContentSHA256Mismatch", 400),
    IncompleteBody: ("IncompleteBody", 400),
    MissingContentLength: ("MissingContentLength", 411),
    MalformedXml: ("MalformedXML", 400),
    MetadataTooLarge: ("MetadataTooLarge", 400),
    MalformedPolicy: ("MalformedPolicy", 400),
    NoSuchVersion: ("NoSuchVersion", 404),
    InvalidRange: ("InvalidRange", 416),
    NotModified: ("NotModified", 304),
    NotImplementedHere: ("NotImplemented", 501),
    QueryParametersError: ("AuthorizationQueryParametersError", 400),
    IncompleteSignature: ("AuthorizationHeaderMalformed", 400),
    InvalidSignature: ("SignatureDoesNotMatch", 403),
    RequestTimeTooSkewed: ("RequestTimeTooSkewed", 403),
    RequestExpired: ("AccessDenied", 403),
    UnrecognizedClient: ("InvalidAccessKeyId", 403),
    InvalidToken: ("InvalidToken", 400),
    ExpiredToken: ("ExpiredToken", 400),
    MethodNotAllowed: ("MethodNotAllowed", 405),
    RequestTooLarge: ("EntityTooLarge", 400),
    # What is left of the tree of errors.
    ValidationError: ("InvalidRequest", 400),
    ResourceNotFound: ("NoSuchKey", 404),
    ResourceLimitExceeded: ("SlowDown", 503),
    ConflictError: ("OperationAborted", 409),
    AccessForbidden: ("AccessDenied", 403),
    StoreUnavailable: ("ServiceUnavailable", 503),
    DataCorrupted: ("InternalError", 500),
}
INTERNAL_ERROR = ("InternalError", 500)
_FULL = {errno.ENOSPC, errno.EDQUOT}
_REFUSED = {errno.EACCES, errno.EPERM, errno.EROFS}


def code_and_status(error: TandemError) -> tuple[str, int]:
    if isinstance(error, SettingMissing):
        return error.code, 404
    for ancestor in type(error).__mro__:
        if ancestor in ERROR_TABLE:
            return ERROR_TABLE[ancestor]
    return INTERNAL_ERROR


def from_system(error: OSError) -> TandemError:
    """The error that a client sees for one of the operating system, which may name its paths."""
    reason = error.strerror or "unknown error"
    if error.errno in _FULL:
        return StoreUnavailable("the disk of the object store is full: free some space, try again")
    if error.errno in _REFUSED:
        return AccessForbidden(f"the server may not do this on its own disk: {reason}")
    if error.errno == errno.ENAMETOOLONG:
        return objects.InvalidKey("the key is longer than the path of a file may be")
    return StoreUnavailable(f"the disk of the object store does not answer: {reason}; try again")
