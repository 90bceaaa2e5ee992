"""Connecting to a store: a folder is one in this process, a URL a server."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tandem.assembly.settings import settings_from_environment
from tandem.errors import ValidationError
from tandem.sdk.backend import Backend
from tandem.sdk.cached_backend import CachedBackend
from tandem.sdk.credentials import Credentials, found_credentials, given_credentials
from tandem.sdk.record_cache import RecordCache
from tandem.sdk.remote import RemoteBackend
from tandem.sdk.store import FeatureStore


def connect(
    location: str | Path = "tandem-data",
    *,
    access_key: str | None = None,
    secret_key: str | None = None,
    session_token: str | None = None,
    record_cache: RecordCache | None = None,
    **settings: Any,
) -> FeatureStore:
    """A store in the folder `location`, made where it is missing, or the server at a URL.

    Requests to a server are signed with the access key that is given, or with the one that AWS's
    variables or ~/.aws/credentials name; without any, they are not signed.

    `settings` are those of `tandem.assembly.settings.Settings`, for a folder only. Connecting to
    the same folder twice shares one store. Raises StoreUnavailable and ValidationError.
    """
    credentials = given_credentials(access_key, secret_key, session_token)
    backend = _backend_at(location, credentials, settings, asks_expiry=record_cache is not None)
    if record_cache is not None:
        backend = CachedBackend(backend, record_cache)
    return FeatureStore(backend, str(location))


def _backend_at(
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
