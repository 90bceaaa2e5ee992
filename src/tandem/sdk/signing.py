"""Requests of the library, signed as AWS's clients sign theirs."""

from collections.abc import Mapping
from datetime import UTC, datetime
from hashlib import sha256

from tandem.model.signature import (
    ALGORITHM,
    EMPTY_SHA256,
    TERMINATOR,
    canonical_request,
    header_lines,
    paths,
    queries,
    signature,
    signing_key,
)
from tandem.sdk.credentials import Credentials

_REGION, _SERVICE = "us-east-1", "sagemaker"
"""A server takes any region; its own endpoints are signed like SageMaker's."""


def signed_headers(
    credentials: Credentials,
    method: str,
    host: str,
    target: str,
    headers: Mapping[str, str],
    body: bytes | None,
) -> dict[str, str]:
    """`headers`, and those of the signature. `host` and `target` (path and query) are as they will
    be on the wire.
    """
    now = datetime.now(UTC)
    timestamp = now.strftime("%Y%m%dT%H%M%SZ")
    payload_hash = sha256(body).hexdigest() if body else EMPTY_SHA256
    signed = {name.lower(): value for name, value in headers.items()}
    # The hash stands there for the server, which else could not judge a large body before it came.
    signed |= {"host": host, "x-amz-date": timestamp, "x-amz-content-sha256": payload_hash}
    if credentials.session_token is not None:
        signed["x-amz-security-token"] = credentials.session_token
    names = sorted(signed)
    path, _, query = target.encode("ascii").partition(b"?")
    text = canonical_request(
        method,
        paths(path, encoded_once=False)[0],
        next(iter(queries(query))),
        header_lines(names, signed),
        ";".join(names),
        payload_hash,
    )
    date = timestamp[:8]
    scope = f"{date}/{_REGION}/{_SERVICE}/{TERMINATOR}"
    key = signing_key(credentials.secret_key, date, _REGION, _SERVICE)
    signed["authorization"] = (
        f"{ALGORITHM} Credential={credentials.access_key}/{scope},"
        f" SignedHeaders={';'.join(names)},"
        f" Signature={signature(key, timestamp, scope, text.encode('latin-1'))}"
    )
    return signed
