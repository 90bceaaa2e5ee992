"""Connecting to a store: a folder of this machine, or a server."""

from pathlib import Path
from typing import Any

from tandem.sdk.cached_backend import CachedBackend
from tandem.sdk.credentials import given_credentials
from tandem.sdk.location import backend_at
from tandem.sdk.record_cache import RecordCache
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
    backend = backend_at(location, credentials, settings, asks_expiry=record_cache is not None)
    if record_cache is not None:
        backend = CachedBackend(backend, record_cache)
    return FeatureStore(backend, str(location))
