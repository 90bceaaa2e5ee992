"""Whether a request is signed by somebody who holds an access key: signature version 4.

    presented   what the request says of its signature (`presented_signature`)
    judged      the service, the moment, the headers that must be signed
    verified    the secret is looked up, the signature made again and compared in constant time

* Any region is taken: it is part of what is signed, and no more. The service must be the one that
  the operation belongs to, so that a signature for one is no use for another.
* Headers that begin with x-amz- must be signed, as Host must: they say what is to be done.
* What another service or S3 does otherwise is in `Rules`. Nothing here is specific to an operation.
"""

import hmac
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from hashlib import sha256
from typing import NamedTuple

from tandem.model.signature import (
    EMPTY_SHA256,
    SIGNATURE_DIGITS,
    canonical_request,
    header_lines,
    paths,
    queries,
    signature,
    signing_key,
)
from tandem.service.access_keys import AccessKeys
from tandem.service.clock import Clock
from tandem.service.role_sessions import RoleSessions
from tandem.wire.authentication_errors import (
    ExpiredToken,
    IncompleteSignature,
    InvalidSignature,
    InvalidToken,
    RequestExpired,
    RequestTimeTooSkewed,
    UnrecognizedClient,
)
from tandem.wire.caller import Identity
from tandem.wire.http import Request
from tandem.wire.operation import Service
from tandem.wire.presented_signature import (
    Claim,
    Presented,
    SignedRequest,
    presented,
    seconds_of,
)

CONTENT_HASH = "x-amz-content-sha256"
_SKEW_SECONDS = 300
_SIGNED_OTHERWISE = frozenset({CONTENT_HASH, "x-amz-date"})
"""Headers whose values are signed in other places."""


class Verified(NamedTuple):
    """A request whose signature is right, and the key that it was made with."""

    identity: Identity
    key: bytes


@dataclass(frozen=True, slots=True)
class Rules:
    """What a service does in its own way.

    skew_seconds   how far the clocks of client and server may be apart
    encoded_once   paths are signed as they are on the wire
    """

    service: str
    skew_seconds: int = _SKEW_SECONDS
    encoded_once: bool = False


_rules_of = cache(Rules)


class Authenticator:
    """Every method raises a NotAuthenticated of `authentication_errors`."""

    def __init__(self, keys: AccessKeys, sessions: RoleSessions, clock: Clock) -> None:
        self._keys = keys
        self._sessions = sessions
        self._clock = clock

    def __call__(self, request: Request, service: Service) -> Identity:
        return self.check_whole(request, service.signing_name)

    def check_whole(self, request: Request, service: str) -> Identity:
        """Whose a request is that was read whole."""
        body_hash = sha256(request.body).hexdigest() if request.body else EMPTY_SHA256
        shown = presented(request)
        given = request.headers.get(CONTENT_HASH, shown.content_hash)
        if given is not None and given != body_hash:
            raise InvalidSignature(
                f"{CONTENT_HASH} is {given[:SIGNATURE_DIGITS]!r}, but the SHA-256 of the body is"
                f" {body_hash}: sign the body that is sent"
            )
        return self.verified(request, shown, body_hash, _rules_of(service)).identity

    def check_head(self, request: SignedRequest, service: str) -> None:
        """As far as it can be told before the body has come: by what is said of it."""
        shown = presented(request)
        given = request.headers.get(CONTENT_HASH)
        if given is None:
            raise IncompleteSignature(
                f"a body of this size is read only where {CONTENT_HASH} says its SHA-256: send"
                " that header, signed"
            )
        self.verified(request, shown, given, _rules_of(service))

    def verified(
        self, request: SignedRequest, shown: Presented, payload_hash: str, rules: Rules
    ) -> Verified:
        claim = shown.claim
        if claim.service != rules.service:
            raise InvalidSignature(
                f"the credential is scoped to the service {claim.service!r}: sign for"
                f" {rules.service!r}"
            )
        self._check_time(shown, rules)
        _check_headers(claim, request.headers)
        secret, who = self._secret(claim.access_key_id, shown.session_token)
        key = signing_key(secret, claim.date, claim.region, claim.service)
        for canonical in _canonical_requests(request, shown, payload_hash, rules):
            found = signature(key, shown.timestamp, claim.scope, canonical)
            if hmac.compare_digest(found, shown.signature):
                return Verified(who, key)
        raise InvalidSignature(
            f"the signature of access key {claim.access_key_id!r} is not that of this request:"
            " check the secret access key, and that nothing on the way changes the request (a"
            " proxy must leave Host and the path as they are)"
        )

    def secret(self, access_key_id: str, token: str | None) -> str:
        """What somebody with this key and this session token signs with."""
        return self._secret(access_key_id, token)[0]

    def _secret(self, access_key_id: str, token: str | None) -> tuple[str, Identity]:
        if token is None:
            secret = self._keys.secret(access_key_id)
            if secret is None:
                raise UnrecognizedClient(
                    f"access key {access_key_id!r} is not known here: 'tandem access-keys create'"
                    " makes one; that of a session needs its session token, too"
                )
            return secret, Identity(access_key_id)
        session = self._sessions.session(token)
        if session is None or session.access_key_id != access_key_id:
            raise InvalidToken(
                f"the session token does not go with access key {access_key_id!r}: leave it out"
                " with a key that has none (unset AWS_SESSION_TOKEN)"
            )
        if self._keys.secret(session.issuer) is None:
            raise ExpiredToken(
                "the session token goes back to an access key that is not valid any more: take on"
                " the role again"
            )
        if session.expires_at_us <= self._clock():
            raise ExpiredToken("the session token has expired: take on the role again")
        return self._sessions.secret(token), Identity(session.issuer, token)

    def _check_time(self, shown: Presented, rules: Rules) -> None:
        signed_at = seconds_of(shown.timestamp)
        now = self._clock() // 1_000_000
        age = now - signed_at
        if -age > rules.skew_seconds:
            raise RequestTimeTooSkewed(
                f"Signature not yet current: {shown.timestamp} is more than"
                f" {rules.skew_seconds // 60} minutes after the server's time, {_text(now)}: set"
                " the clock"
            )
        if shown.expires_seconds is not None:
            if age > shown.expires_seconds:
                until = _text(signed_at + shown.expires_seconds)
                raise RequestExpired(f"Request has expired: it was good until {until}")
        elif age > rules.skew_seconds:
            raise RequestTimeTooSkewed(
                f"Signature expired: {shown.timestamp} is more than {rules.skew_seconds // 60}"
                f" minutes before the server's time, {_text(now)}: sign each request as it is"
                " sent, and set the clock"
            )


def _text(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y%m%dT%H%M%SZ")


def _check_headers(claim: Claim, headers: Mapping[str, str]) -> None:
    for name in headers:
        if name[:6] != "x-amz-" or name in claim.names or name in _SIGNED_OTHERWISE:
            continue
        raise InvalidSignature(f"the header {name[:64]!r} is there and not signed: sign it, too")


def _canonical_requests(
    request: SignedRequest, shown: Presented, payload_hash: str, rules: Rules
) -> Iterable[bytes]:
    """What may have been signed, in the forms that are in use."""
    signed = shown.claim.signed_headers
    try:
        lines = header_lines(shown.claim.names, request.headers)
    except KeyError as error:
        raise InvalidSignature(
            f"the header {error.args[0][:64]!r} is signed and not there: something on the way"
            " removed it"
        ) from None
    for path in paths(request.raw_path, encoded_once=rules.encoded_once):
        for query in queries(shown.query):
            text = canonical_request(request.method, path, query, lines, signed, payload_hash)
            yield text.encode("latin-1")
            if not text.isascii():
                # Of a header: its characters were signed as UTF-8, and sent as latin-1.
                yield text.encode()
