"""The access key that the library signs with, found where AWS's clients find theirs.

    given        connect(url, access_key=…, secret_key=…, session_token=…)
    environment  AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN
    file         ~/.aws/credentials, or AWS_SHARED_CREDENTIALS_FILE; the section that AWS_PROFILE
                 names, else [default]

No machine is asked for a role. Where nothing is found, requests are not signed: a server on a
loopback address does not ask for it, as long as it has no access keys.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tandem.assembly.credentials_file import ID_MEMBER, SECRET_MEMBER, profiles
from tandem.errors import ValidationError


@dataclass(frozen=True, slots=True)
class Credentials:
    access_key: str
    secret_key: str = field(repr=False)
    session_token: str | None = field(default=None, repr=False)


def given_credentials(
    access_key: str | None, secret_key: str | None, session_token: str | None
) -> Credentials | None:
    """Raises ValidationError where some of it is missing."""
    if access_key is None and secret_key is None and session_token is None:
        return None
    if not access_key or not secret_key:
        raise ValidationError("give both access_key and secret_key, or neither")
    return Credentials(access_key, secret_key, session_token or None)


def found_credentials(environment: Mapping[str, str] = os.environ) -> Credentials | None:
    """Those of the environment, or of the user's file."""
    profile = environment.get("AWS_PROFILE") or environment.get("AWS_DEFAULT_PROFILE")
    access_key = environment.get("AWS_ACCESS_KEY_ID")
    secret_key = environment.get("AWS_SECRET_ACCESS_KEY")
    if access_key and secret_key:
        return Credentials(access_key, secret_key, environment.get("AWS_SESSION_TOKEN") or None)
    home = Path(environment.get("HOME", "~")).expanduser()
    named = environment.get("AWS_SHARED_CREDENTIALS_FILE")
    path = Path(named).expanduser() if named else home / ".aws" / "credentials"
    try:
        text = path.read_text("utf-8", errors="replace")
    except OSError:
        return None
    found = profiles(text, path)
    section = profile or "default"
    if section not in found:
        return None
    member = found[section].get
    access_key, secret_key = member(ID_MEMBER), member(SECRET_MEMBER)
    if not access_key or not secret_key:
        return None
    return Credentials(access_key, secret_key, member("aws_session_token"))
