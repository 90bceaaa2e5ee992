"""What a request says of its signature: in Authorization, or in the query of a presigned one.

    Authorization: AWS4-HMAC-SHA256 Credential=KEY/20260131/REGION/SERVICE/aws4_request,
                   SignedHeaders=host;x-amz-date, Signature=<64 hex digits>

Nothing of it is believed here. But all of it has the form that it must have, so that no part of
what is signed can be taken for another: no line breaks, no name twice, no order but the one.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import lru_cache
from typing import NamedTuple, Protocol
from urllib.parse import unquote

from tandem.model.signature import ALGORITHM, SIGNATURE_DIGITS, TERMINATOR
from tandem.wire.authentication_errors import (
    IncompleteSignature,
    InvalidSignature,
    MissingAuthenticationToken,
)
from tandem.wire.caller import SESSION_TOKEN_HEADER

PRESIGNED_SECONDS_MAX = 7 * 24 * 3_600
_CREDENTIAL = re.compile(
    rf"([\w.-]{{1,128}})/(\d{{8}})/([\w-]{{1,64}})/([\w-]{{1,64}})/{TERMINATOR}", re.ASCII
)
_HEADER_NAME = re.compile(r"[a-z0-9!#$%&'*+.^_`|~-]+", re.ASCII)
_TIMESTAMP = re.compile(r"\d{8}T\d{6}Z", re.ASCII)
_HEX_SIGNATURE = re.compile(rf"[0-9a-f]{{{SIGNATURE_DIGITS}}}", re.ASCII)
_CLAIMS_CACHED = 1_024
_CLAIM_CHARACTERS_MAX = 8_192
_CLAIM_MEMBERS = ("Credential", "SignedHeaders")
_AUTHORIZATION_MEMBERS = (*_CLAIM_MEMBERS, "Signature")
_QUERY_MEMBERS = {
    "X-Amz-Algorithm", "X-Amz-Credential", "X-Amz-Date", "X-Amz-Expires", "X-Amz-SignedHeaders",
    "X-Amz-Signature", "X-Amz-Security-Token", "X-Amz-Content-Sha256",
}  # fmt: skip


class SignedRequest(Protocol):
    """What of a request is signed, beside its body."""

    method: str
    raw_path: bytes
    query: bytes
    headers: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Claim:
    """Whose key signed, and what it was made for."""

    access_key_id: str
    scope: str
    date: str
    region: str
    service: str
    signed_headers: str
    names: tuple[str, ...]


class Presented(NamedTuple):
    """What a request says of its signature.

    query             what of the query is signed
    expires_seconds   of a presigned request: how long it is good
    content_hash      of a presigned request: what it says of its body, where it does
    """

    claim: Claim
    signature: str
    timestamp: str
    query: bytes
    session_token: str | None
    is_presigned: bool = False
    expires_seconds: int | None = None
    content_hash: str | None = None


def presented(request: SignedRequest) -> Presented:
    """Raises MissingAuthenticationToken, IncompleteSignature."""
    authorization = request.headers.get("authorization")
    is_presigned = b"X-Amz-Signature=" in request.query or b"X-Amz-Algorithm=" in request.query
    if authorization is None:
        if is_presigned:
            return _presigned(request.query)
        raise MissingAuthenticationToken(
            "the request is not signed, and this server answers signed ones alone: give the client"
            " an access key (AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY)"
        )
    if is_presigned:
        raise IncompleteSignature("the request is signed twice, in Authorization and in the query")
    headers = request.headers
    claimed, _, given = authorization.rpartition(", Signature=")
    if not _HEX_SIGNATURE.fullmatch(given):
        claimed, given = _reordered(authorization)
    claim = _claim(claimed) if len(claimed) <= _CLAIM_CHARACTERS_MAX else _parsed(claimed)
    timestamp = headers.get("x-amz-date")
    if timestamp is None:
        timestamp = _of_date_header(headers.get("date", ""))
    _check_timestamp(timestamp, claim)
    return Presented(claim, given, timestamp, request.query, headers.get(SESSION_TOKEN_HEADER))


def _parsed(claimed: str) -> Claim:
    """The claim in what stands before the signature in Authorization."""
    algorithm, _, rest = claimed.strip(" ").partition(" ")
    _check_algorithm(algorithm)
    members = _members(rest, _CLAIM_MEMBERS)
    return _claim_of(members.get("Credential", ""), members.get("SignedHeaders", ""))


_claim = lru_cache(_CLAIMS_CACHED)(_parsed)


def _reordered(authorization: str) -> tuple[str, str]:
    """An Authorization that is not written as most are: what is claimed, and the signature."""
    algorithm, _, rest = authorization.strip(" ").partition(" ")
    _check_algorithm(algorithm)
    members = _members(rest, _AUTHORIZATION_MEMBERS)
    given = members.get("Signature", "")
    if not _HEX_SIGNATURE.fullmatch(given):
        raise IncompleteSignature(
            "Authorization needs Credential, SignedHeaders and Signature, which has"
            f" {SIGNATURE_DIGITS} hexadecimal digits in lower case"
        )
    named = (f"{name}={members[name]}" for name in _CLAIM_MEMBERS if name in members)
    return f"{algorithm} {', '.join(named)}", given


def _members(text: str, names: Sequence[str]) -> dict[str, str]:
    members: dict[str, str] = {}
    for part in text.split(","):
        name, _, value = part.strip(" ").partition("=")
        if name in names and name not in members:
            members[name] = value
        elif part.strip(" "):
            raise IncompleteSignature(
                f"Authorization has {part.strip(' ')[:32]!r}: its members are"
                f" {', '.join(_AUTHORIZATION_MEMBERS)}, each once"
            )
    return members


def _claim_of(credential: str, signed_headers: str) -> Claim:
    found = _CREDENTIAL.fullmatch(credential)
    if found is None:
        raise IncompleteSignature(
            f"Credential {credential[:128]!r} is not of the form"
            f" ACCESS-KEY-ID/20260131/us-east-1/sagemaker/{TERMINATOR}"
        )
    names = tuple(signed_headers.split(";"))
    if not all(map(_HEADER_NAME.fullmatch, names)) or list(names) != sorted(set(names)):
        raise IncompleteSignature(
            f"SignedHeaders {signed_headers[:128]!r} is not a list of names in lower case, sorted,"
            " with semicolons between them"
        )
    if "host" not in names:
        raise InvalidSignature("'host' must be one of SignedHeaders: sign the Host header")
    access_key_id, date, region, service = found.groups()
    scope = credential.partition("/")[2]
    return Claim(access_key_id, scope, date, region, service, signed_headers, names)


def _check_algorithm(algorithm: str) -> None:
    if algorithm != ALGORITHM:
        raise IncompleteSignature(
            f"signatures of the kind {algorithm[:32]!r} are not checked here: use {ALGORITHM}"
        )


def _presigned(query: bytes) -> Presented:
    members: dict[str, str] = {}
    kept = []
    for pair in query.split(b"&"):
        encoded_name, _, value = pair.decode("latin-1").partition("=")
        # A query is verified in its decoded form, too: a name that was encoded afterwards, as
        # X-Amz%2DExpires, must not take the member away and leave the signature right.
        name = unquote(encoded_name, encoding="latin-1")
        if name in _QUERY_MEMBERS:
            if name in members:
                raise IncompleteSignature(f"the query has {name} twice")
            members[name] = unquote(value, encoding="latin-1")
        if name != "X-Amz-Signature":
            kept.append(pair)
    _check_algorithm(members.get("X-Amz-Algorithm", ""))
    given = members.get("X-Amz-Signature", "")
    if not _HEX_SIGNATURE.fullmatch(given):
        raise IncompleteSignature(
            f"X-Amz-Signature {given[:80]!r} is not {SIGNATURE_DIGITS} hexadecimal digits"
        )
    claim = _claim_of(members.get("X-Amz-Credential", ""), members.get("X-Amz-SignedHeaders", ""))
    timestamp = members.get("X-Amz-Date", "")
    _check_timestamp(timestamp, claim)
    return Presented(
        claim,
        given,
        timestamp,
        b"&".join(kept),
        members.get("X-Amz-Security-Token"),
        is_presigned=True,
        expires_seconds=_expiry(members.get("X-Amz-Expires")),
        content_hash=members.get("X-Amz-Content-Sha256"),
    )


def _expiry(given: str | None) -> int | None:
    if given is None:
        return None
    is_number = given.isascii() and given.isdigit() and len(given) <= 9
    if not is_number or int(given) > PRESIGNED_SECONDS_MAX:
        raise IncompleteSignature(
            f"X-Amz-Expires {given[:32]!r} is not a number of seconds up to"
            f" {PRESIGNED_SECONDS_MAX}, which is a week"
        )
    return int(given)


def _of_date_header(text: str) -> str:
    """Of the form of X-Amz-Date, which some clients write into Date, too."""
    if not text:
        raise IncompleteSignature("the request needs X-Amz-Date or Date, the moment of signing")
    if _TIMESTAMP.fullmatch(text):
        return text
    try:
        moment = parsedate_to_datetime(text)
        # "-0000", which some clients write for UTC, is read as no time zone at all.
        moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        raise IncompleteSignature(f"Date {text[:64]!r} is no moment") from None
    return moment.strftime("%Y%m%dT%H%M%SZ")


def _check_timestamp(timestamp: str, claim: Claim) -> None:
    if timestamp[:8] != claim.date:
        seconds_of(timestamp)
        raise InvalidSignature(
            f"the credential is scoped to the day {claim.date}, and the request is signed at"
            f" {timestamp}: both are of one day"
        )


@lru_cache(256)
def seconds_of(timestamp: str) -> int:
    """Since 1970."""
    try:
        if _TIMESTAMP.fullmatch(timestamp):
            moment = datetime.strptime(timestamp, "%Y%m%dT%H%M%SZ")
            return int(moment.replace(tzinfo=UTC).timestamp())
    except ValueError:
        pass
    raise IncompleteSignature(
        f"X-Amz-Date {timestamp[:32]!r} is not a moment of the form 20260131T120000Z"
    )
