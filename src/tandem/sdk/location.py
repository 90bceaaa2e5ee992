"""What a location means: a folder is a store in this process, a URL a server."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tandem.assembly.settings import settings_from_environment
from tandem.errors import ValidationError
from tandem.sdk.backend import Backend
from tandem.sdk.credentials import Credentials, found_credentials
from tandem.sdk.remote import RemoteBackend


def backend_at(
    location: str | Path,
    credentials: Credentials | None,
    settings: Mapping[str, Any],
    *,
    asks_expiry: bool,
) -> Backend:
    if isinstance(location, str) and location.startswith(("http://", "https://")):
        if settings:
            raise ValidationError(f"a server has its own settings; leave out {sorted(settings)}")
        found = credentials or found_credentials()
        return RemoteBackend(location, found, asks_expiry=asks_expiry)
    if isinstance(location, str) and "://" in location:
        raise ValidationError(f"{location!r} is no place for a store: give a folder or an http URL")
    if credentials is not None:
        raise ValidationError(f"the folder {str(location)!r} needs no access key: leave it out")
    # Here, since a client of a server needs none of the engines, which take most of the start.
    from tandem.sdk.embedded import EmbeddedBackend

    return EmbeddedBackend(settings_from_environment(data=Path(location), **settings))
