"""The signatures within an aws-chunked body: each is made over its chunk and the one before it, the
first over that of the request. So chunks cannot be left out, changed or put in another order; the
last one is empty, and signed as well, so that the end cannot be cut off.
"""

import hmac
import re
from collections.abc import Mapping
from hashlib import sha256

from tandem.model.signature import ALGORITHM, EMPTY_SHA256
from tandem.wire.authentication_errors import InvalidSignature

_GIVEN = re.compile(rb"[^;]*;chunk-signature=([0-9a-f]{64})")
TRAILER_SIGNATURE = "x-amz-trailer-signature"


class ChunkSignatures:
    """Raises InvalidSignature. For each chunk: `begin`, `add` for its bytes, `end`.

    seed          the signature of the request
    has_trailers  whether trailers come behind the chunks, which are signed, too
    """

    def __init__(
        self, key: bytes, timestamp: str, scope: str, seed: str, *, has_trailers: bool
    ) -> None:
        self._key = key
        self._moment = f"{timestamp}\n{scope}"
        self._previous = seed
        self._has_trailers = has_trailers
        self._given = ""
        self._hash = sha256()

    def begin(self, line: bytes) -> None:
        """`line` stands before the chunk."""
        found = _GIVEN.fullmatch(line.strip())
        if found is None:
            raise InvalidSignature("a chunk of the body has no chunk-signature: sign each")
        self._given = found[1].decode()
        self._hash = sha256()

    def add(self, data: bytes) -> None:
        self._hash.update(data)

    def end(self) -> None:
        content = f"{EMPTY_SHA256}\n{self._hash.hexdigest()}"
        self._check("PAYLOAD", content, self._given, "a chunk of the body")

    def check_trailers(self, trailers: Mapping[str, str]) -> None:
        if not self._has_trailers:
            if trailers:
                raise InvalidSignature(
                    f"the trailers {sorted(trailers)} are not signed: sign the body as"
                    f" STREAMING-{ALGORITHM}-PAYLOAD-TRAILER"
                )
            return
        given = trailers.get(TRAILER_SIGNATURE, "")
        lines = (f"{name}:{trailers[name]}\n" for name in sorted(trailers))
        content = "".join(line for line in lines if not line.startswith(f"{TRAILER_SIGNATURE}:"))
        self._check("TRAILER", sha256(content.encode("latin-1")).hexdigest(), given, "the trailer")

    def _check(self, kind: str, content: str, given: str, what: str) -> None:
        text = f"{ALGORITHM}-{kind}\n{self._moment}\n{self._previous}\n{content}"
        found = hmac.digest(self._key, text.encode(), "sha256").hex()
        if not hmac.compare_digest(found.encode(), given.encode("latin-1")):
            raise InvalidSignature(
                f"the signature of {what} is not right: something on the way changed the body"
            )
        self._previous = found
