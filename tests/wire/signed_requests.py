"""Requests signed by botocore's own signers, as they are on the wire."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from botocore.auth import S3SigV4Auth, S3SigV4QueryAuth, SigV4Auth, SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from tandem.registry.memory import MemoryRegistry
from tandem.service.access_keys import AccessKeys
from tandem.service.clock import system_clock
from tandem.service.placement import Account
from tandem.service.role_sessions import RoleSessions
from tandem.service.roles import Roles
from tandem.wire.authentication import Authenticator
from tandem.wire.http import Request

KEY, SECRET = "AKIAEXAMPLEEXAMPLE22", "wJalrXUtnFEMI+K7MDENG/bPxRfiCYEXAMPLEKEY"
HOST = "features.example:8790"
SIGNERS = {
    "header": SigV4Auth,
    "query": SigV4QueryAuth,
    "S3 header": S3SigV4Auth,
    "S3 query": S3SigV4QueryAuth,
}


def signed(
    signer: str = "header",
    *,
    method: str = "GET",
    target: str = "/FeatureGroup/g?RecordIdentifierValueAsString=C1",
    headers: Mapping[str, str] | None = None,
    body: bytes = b"",
    key: tuple[str, str, str | None] = (KEY, SECRET, None),
    region: str = "eu-west-1",
    service: str | None = None,
    expires_seconds: int | None = None,
) -> Request:
    made = AWSRequest(method, f"http://{HOST}{target}", headers=dict(headers or {}), data=body)
    service = service or ("s3" if signer.startswith("S3") else "sagemaker")
    options = {} if expires_seconds is None else {"expires": expires_seconds}
    SIGNERS[signer](Credentials(*key), service, region, **options).add_auth(made)
    return on_the_wire(made, body)


def on_the_wire(made: Any, body: bytes) -> Request:
    url = urlsplit(made.url)
    headers = {"host": url.netloc}
    for name in {name.lower() for name in made.headers}:
        # What is sent several times arrives as one, with commas.
        headers[name] = ",".join(value.strip() for value in made.headers.get_all(name))
    return Request(made.method, url.path.encode(), url.query.encode(), headers, body, "id")


class Gate:
    """An authenticator over keys in memory, with a clock that tests move by hand."""

    def __init__(self, keys: Mapping[str, str] | None = None) -> None:
        self.ahead_us = 0
        self.registry = MemoryRegistry()
        given = {KEY: SECRET} if keys is None else keys
        self.keys = AccessKeys(self.registry, b"k" * 32, self.clock, lambda: given)
        self.sessions = RoleSessions(
            Roles(self.registry, self.clock), Account("123456789012", "us-east-1"), b"k" * 32,
            self.clock,
        )  # fmt: skip
        self.authenticator = Authenticator(self.keys, self.sessions, self.clock)

    def clock(self) -> int:
        return system_clock() + self.ahead_us
