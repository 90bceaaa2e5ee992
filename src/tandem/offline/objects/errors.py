"""What may be wrong with a bucket, a key or an upload, as leaves of the one tree of errors."""

from tandem.errors import (
    AccessForbidden,
    ConflictError,
    ResourceInUse,
    ResourceNotFound,
    ValidationError,
)


class NoSuchBucket(ResourceNotFound):
    """The bucket does not exist."""


class NoSuchKey(ResourceNotFound):
    """The bucket has no object of this key."""


class NoSuchUpload(ResourceNotFound):
    """The multipart upload was never begun, or is completed or aborted."""


class NoSuchSetting(ResourceNotFound):
    """The bucket has no policy, no tags or whatever else was asked for."""


class BucketExists(ResourceInUse):
    """The bucket is there already, and it is yours."""


class BucketNotEmpty(ConflictError):
    """The bucket still holds something."""


class InvalidBucketName(ValidationError):
    """The name cannot be a bucket's."""


class InvalidKey(ValidationError):
    """The key cannot be the path of a file."""


class KeyTooLong(InvalidKey):
    """The key has more bytes than S3 allows."""


class KeyConflict(ValidationError):
    """A file cannot be where a folder is: one key would be the beginning of another."""


class HistoryProtected(AccessForbidden):
    """The object is a part of a feature group's history."""


class PreconditionFailed(ConflictError):
    """A condition of the request does not hold."""


class InvalidPart(ValidationError):
    """A part that is to be put together was not uploaded, or is another one by now."""


class InvalidPartOrder(ValidationError):
    """The parts are not in ascending order."""


class PartTooSmall(ValidationError):
    """A part that is not the last one is below the least size."""
