"""S3's REST protocol over the object store: bodies are streamed both ways."""

from tandem.wire.s3.address import is_s3, may_be_signed, says_s3
from tandem.wire.s3.authentication import S3Authenticator
from tandem.wire.s3.gateway import S3Gateway
from tandem.wire.s3.http import S3Request, S3Response

__all__ = [
    "S3Authenticator",
    "S3Gateway",
    "S3Request",
    "S3Response",
    "is_s3",
    "may_be_signed",
    "says_s3",
]
