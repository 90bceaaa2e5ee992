"""Signatures as S3 has them.

What stands in x-amz-content-sha256 is signed, and says how the body is vouched for:

    a SHA-256                                       of the body, compared at its end
    UNSIGNED-PAYLOAD                                not at all; what a presigned request says, too
    STREAMING-UNSIGNED-PAYLOAD-TRAILER              by a checksum behind it
    STREAMING-AWS4-HMAC-SHA256-PAYLOAD[-TRAILER]    by a signature for each chunk [and the trailer]

Clocks may be 15 minutes apart. Presigned URLs are of version 4 or 2 (`signature_version_2`).
"""

import re

from tandem.model.signature import ALGORITHM, UNSIGNED_PAYLOAD
from tandem.wire.authentication import CONTENT_HASH, Authenticator, Rules
from tandem.wire.authentication_errors import IncompleteSignature, InvalidSignature
from tandem.wire.presented_signature import Presented, presented
from tandem.wire.s3.chunk_signatures import ChunkSignatures
from tandem.wire.s3.errors import InvalidArgument, QueryParametersError
from tandem.wire.s3.http import Call, S3Request
from tandem.wire.s3.signature_version_2 import check_version_2, is_version_2

_RULES = Rules("s3", skew_seconds=900, encoded_once=True)
_SIGNED_CHUNKS = f"STREAMING-{ALGORITHM}-PAYLOAD"
_SIGNED_TRAILER = f"{_SIGNED_CHUNKS}-TRAILER"
_WITHOUT_HASH = {
    UNSIGNED_PAYLOAD, "STREAMING-UNSIGNED-PAYLOAD-TRAILER", _SIGNED_CHUNKS, _SIGNED_TRAILER
}  # fmt: skip
_HASH = re.compile(r"[0-9a-fA-F]{64}", re.ASCII)


class S3Authenticator:
    def __init__(self, authenticator: Authenticator) -> None:
        self._authenticator = authenticator

    def admit(self, call: Call) -> None:
        """Raises NotAuthenticated, AccessForbidden, InvalidArgument. What the body must be is noted
        in the request, for whoever reads it.
        """
        request = call.request
        if is_version_2(request):
            check_version_2(call, self._authenticator.secret)
            request.content_hash = UNSIGNED_PAYLOAD
            return
        try:
            shown = presented(request)
            if shown.is_presigned and shown.expires_seconds is None:
                raise IncompleteSignature("a presigned URL needs X-Amz-Expires")
        except IncompleteSignature as error:
            if "authorization" in request.headers:
                raise
            raise QueryParametersError(str(error)) from error
        content_hash = _content_hash(request, shown)
        verified = self._authenticator.verified(request, shown, content_hash, _RULES)
        request.content_hash = content_hash
        if content_hash in {_SIGNED_CHUNKS, _SIGNED_TRAILER}:
            request.chunk_signatures = ChunkSignatures(
                verified.key,
                shown.timestamp,
                shown.claim.scope,
                shown.signature,
                has_trailers=content_hash == _SIGNED_TRAILER,
            )


def _content_hash(request: S3Request, shown: Presented) -> str:
    """What is signed of the body."""
    given = request.headers.get(CONTENT_HASH)
    if not shown.is_presigned:
        if given is None:
            raise InvalidArgument(
                f"{CONTENT_HASH} is missing: send the SHA-256 of the body, or {UNSIGNED_PAYLOAD}"
            )
    elif CONTENT_HASH not in shown.claim.names:
        signed = shown.content_hash or UNSIGNED_PAYLOAD
        if given not in {None, signed}:
            raise InvalidSignature(f"the header {CONTENT_HASH} is there and not signed")
        given = signed
    if given is None or (given not in _WITHOUT_HASH and not _HASH.fullmatch(given)):
        raise InvalidArgument(
            f"{CONTENT_HASH} {str(given)[:80]!r} is neither a SHA-256 in hexadecimal digits nor one"
            f" of {sorted(_WITHOUT_HASH)}"
        )
    return given
