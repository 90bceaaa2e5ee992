"""NextToken: where a listing goes on, sealed so that nobody can make one up.

    token = base64url( HMAC-SHA256 over (question, cursor), first 16 bytes | cursor )

The question is the operation with the arguments that choose and order the results: a token given
back with another question is refused, as is a forged one. The size of a page is not part of it.
"""

import base64
import binascii
import hashlib
import hmac
import secrets
from typing import Any

import msgspec

from tandem.errors import ValidationError

_SEAL_BYTES = 16


class PageTokens:
    """Seals and opens tokens with one key. Without a key, tokens die with the process."""

    def __init__(self, key: bytes | None = None) -> None:
        self._key = key or secrets.token_bytes(32)

    def seal(self, question: tuple[Any, ...], cursor: Any) -> str:
        """The token that leads on from `cursor`, any JSON value."""
        encoded = msgspec.json.encode(cursor)
        return base64.urlsafe_b64encode(self._seal(question, encoded) + encoded).decode()

    def open(self, question: tuple[Any, ...], token: str, member: str = "NextToken") -> Any:
        """The cursor that was sealed for this question. Raises ValidationError naming `member`."""
        try:
            opened = base64.b64decode(token.encode(), altchars=b"-_", validate=True)
        except (binascii.Error, UnicodeEncodeError):
            opened = b""
        seal, encoded = opened[:_SEAL_BYTES], opened[_SEAL_BYTES:]
        if not hmac.compare_digest(seal, self._seal(question, encoded)):
            raise ValidationError(
                f"{member} {token[:32]!r} is not valid for this request: give back the token of"
                " the page before, with the same arguments, or begin without one"
            )
        return msgspec.json.decode(encoded)

    def _seal(self, question: tuple[Any, ...], encoded: bytes) -> bytes:
        asked = msgspec.json.encode(question)
        message = len(asked).to_bytes(8, "big") + asked + encoded
        return hmac.new(self._key, message, hashlib.sha256).digest()[:_SEAL_BYTES]
