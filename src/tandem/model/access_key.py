"""What an access key may look like: an id, which is no secret, and a secret access key."""

import re

from tandem.errors import ValidationError

_ID = re.compile(r"[\w.-]{3,128}", re.ASCII)
_SECRET = re.compile(r"[!-~]{16,256}")
_DESCRIPTION_LENGTH_MAX = 256


def check_access_key_id(access_key_id: str) -> None:
    if not _ID.fullmatch(access_key_id):
        raise ValidationError(
            f"access key id {access_key_id[:128]!r} is not valid: it has 3 to 128 letters, digits"
            " and . _ -"
        )


def check_secret(access_key_id: str, secret: str) -> None:
    """The message never shows the secret."""
    if not _SECRET.fullmatch(secret):
        raise ValidationError(
            f"the secret of access key {access_key_id!r} is not valid: it has 16 to 256 characters,"
            " all of them visible ones of ASCII"
        )


def check_description(description: str) -> None:
    if len(description) > _DESCRIPTION_LENGTH_MAX:
        raise ValidationError(
            f"the description of an access key has at most {_DESCRIPTION_LENGTH_MAX} characters,"
            f" not {len(description)}"
        )
