"""Files of the form of ~/.aws/credentials: sections, each with an access key."""

import configparser
from pathlib import Path

from tandem.errors import ValidationError

ID_MEMBER, SECRET_MEMBER = "aws_access_key_id", "aws_secret_access_key"


def profiles(text: str, path: Path) -> configparser.ConfigParser:
    """The sections of a file of the form of ~/.aws/credentials. Raises ValidationError."""
    found = configparser.ConfigParser(
        interpolation=None, default_section="no section has this name"
    )
    try:
        found.read_string(text.removeprefix("\ufeff"))  # some editors put it first
    except configparser.Error as error:
        # The error's own text may quote a line, and with it a secret.
        raise ValidationError(
            f"{str(path)!r} does not have the form of ~/.aws/credentials"
            f" ({type(error).__name__}): [NAME], {ID_MEMBER} = …, {SECRET_MEMBER} = …"
        ) from None
    return found
