"""Signatures: all that botocore signs is taken, and nothing else."""

from collections.abc import Iterator
from urllib.parse import quote, unquote_to_bytes

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from tandem.errors import NotAuthenticated
from tandem.wire.authentication import Rules
from tandem.wire.authentication_errors import (
    ExpiredToken,
    IncompleteSignature,
    InvalidSignature,
    InvalidToken,
    MissingAuthenticationToken,
    RequestExpired,
    RequestTimeTooSkewed,
    UnrecognizedClient,
)
from tandem.wire.http import Request
from tandem.wire.presented_signature import presented

from .signed_requests import HOST, KEY, SECRET, SIGNERS, Gate, signed

S3 = Rules("s3", skew_seconds=900, encoded_once=True)
GATE = Gate()


def accept(request: Request, signer: str = "header", gate: Gate = GATE) -> str:
    """The access key behind a request that is taken. Raises NotAuthenticated for others."""
    if not signer.startswith("S3"):
        return gate.authenticator.check_whole(request, "sagemaker").issuer
    content_hash = request.headers.get("x-amz-content-sha256", "UNSIGNED-PAYLOAD")
    shown = presented(request)
    return gate.authenticator.verified(request, shown, content_hash, S3).identity.issuer


# What may stand in a URL without being encoded, and what was encoded.
_plain = st.text(st.sampled_from("abzAZ09-._~!$&'()*,;=:@/" + "/" * 4), max_size=12)
_encoded = st.text(max_size=4).map(lambda text: quote(text, safe="~"))
_path = st.lists(_plain | _encoded, max_size=4).map(lambda parts: "/" + "".join(parts))
_name = st.text(st.sampled_from("ab-._~"), min_size=1, max_size=4) | _encoded
_value = st.text(st.sampled_from("ab01-._~!'()*,;:@/+ ="), max_size=6).map(
    lambda text: text.replace(" ", "+")
)
_query = st.lists(st.tuples(_name, st.sampled_from(["", "="]), _value | _encoded), max_size=4).map(
    lambda pairs: "&".join(n + (e + v if e else "") for n, e, v in pairs)
)
_headers = st.dictionaries(
    st.sampled_from(["Content-Type", "X-Amz-Target", "x-amz-meta-a", "accept", "range"]),
    st.text(st.sampled_from("ab 1\t=,;/\u00e9"), max_size=12).map(lambda text: f"v{text}v"),
)


@settings(max_examples=300, deadline=None)
@given(
    signer=st.sampled_from(["header", "S3 header"]),
    method=st.sampled_from(["GET", "PUT", "POST", "DELETE", "HEAD"]),
    path=_path, query=_query, headers=_headers, body=st.binary(max_size=40),
)  # fmt: skip
def test_what_botocore_signs_is_taken(
    signer: str, method: str, path: str, query: str, headers: dict[str, str], body: bytes
) -> None:
    target = f"{path}?{query}" if query else path
    request = signed(signer, method=method, target=target, headers=headers, body=body)
    assert accept(request, signer) == KEY


@settings(max_examples=200, deadline=None)
@given(signer=st.sampled_from(["query", "S3 query"]), path=_path, query=_query, headers=_headers)
def test_what_botocore_presigns_is_taken(
    signer: str, path: str, query: str, headers: dict[str, str]
) -> None:
    # botocore takes the query apart, and loses what has no value.
    target = f"{path}?{query}" if "=" in query else path
    assert accept(signed(signer, target=target, headers=headers), signer) == KEY


def changed(text: str | bytes) -> Iterator[str | bytes]:
    """`text` with one bit changed, each in turn."""
    content = text.encode("latin-1") if isinstance(text, str) else text
    for index in range(len(content)):
        for bit in range(8):
            other = content[index] ^ 1 << bit
            made = content[:index] + bytes([other]) + content[index + 1 :]
            yield made.decode("latin-1") if isinstance(text, str) else made


def changed_requests(request: Request) -> Iterator[Request]:
    for method in changed(request.method):
        yield replace(request, method=method)
    for path in changed(request.raw_path):
        yield replace(request, raw_path=path)
    for query in changed(request.query):
        yield replace(request, query=query)
    for body in changed(request.body):
        yield replace(request, body=body)
    for name, value in request.headers.items():
        for other in changed(value):
            yield replace(request, headers={**request.headers, name: other})
        rest = {given: text for given, text in request.headers.items() if given != name}
        yield replace(request, headers=rest)


@pytest.mark.parametrize("signer", SIGNERS)
def test_any_bit_that_changes_is_noticed(signer: str) -> None:
    gate = Gate()
    session = gate.sessions.assume("arn:aws:iam::123456789012:role/r", "notebook", issuer=KEY)
    key = (session.access_key_id, session.secret_access_key, session.token)
    body = b"" if "query" in signer else b'{"Record": []}'
    request = signed(
        signer,
        method="PUT",
        target="/FeatureGroup/g~1?FeatureName=%C3%A9&FeatureName=a%20b&x",
        headers={"Content-Type": "application/json", "X-Amz-Target": "SageMaker.Search"},
        body=body,
        key=key,
    )
    assert accept(request, signer, gate) == KEY
    assert accept(replace(request, query=request.query.replace(b"%C3", b"%c3")), signer, gate)
    count = 0
    for other in changed_requests(request):
        same = unquote_to_bytes(other.query) == unquote_to_bytes(request.query)
        if same and other.query != request.query:
            continue  # the digits of an encoded byte, in small letters: the same request
        if signer == "S3 header" and other.body != request.body:
            continue  # the gateway compares bodies as they come
        count += 1
        with pytest.raises(NotAuthenticated):
            accept(other, signer, gate)
    assert count > 3_000


def refused(request: Request, error: type[NotAuthenticated], gate: Gate = GATE) -> str:
    with pytest.raises(NotAuthenticated) as raised:
        accept(request, gate=gate)
    assert type(raised.value) is error
    return str(raised.value)


def with_headers(request: Request, **headers: str) -> Request:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return replace(request, headers={**request.headers, **named})


def test_what_is_not_signed_is_refused() -> None:
    request = signed()
    without = {name: text for name, text in request.headers.items() if name != "authorization"}
    assert "AWS_ACCESS_KEY_ID" in refused(
        replace(request, headers=without), MissingAuthenticationToken
    )


@pytest.mark.parametrize(
    "authorization",
    [
        "",
        "Bearer token",
        "AWS AKIA:abc=",
        "AWS4-ECDSA-P256-SHA256 Credential=a, SignedHeaders=host, Signature=" + "0" * 64,
        "AWS4-HMAC-SHA256 Signature=" + "0" * 64,
        "AWS4-HMAC-SHA256 Credential=K/20260101/r/s/aws4_request, SignedHeaders=host, Signature=0",
        "AWS4-HMAC-SHA256 Credential=K/20260101/r/s/aws4_request, SignedHeaders=Host, Signature="
        + "0" * 64,
        "AWS4-HMAC-SHA256 Credential=K/20260101/r/s/aws4_request, SignedHeaders=host;a, Signature="
        + "0" * 64,
        "AWS4-HMAC-SHA256 Credential=K/2026/r/s/aws4_request, SignedHeaders=host, Signature="
        + "0" * 64,
        "AWS4-HMAC-SHA256 Credential=K\n/20260101/r/s/aws4_request, SignedHeaders=host, Signature="
        + "0" * 64,
        "AWS4-HMAC-SHA256 Credential=K/20260101/r/s/aws4_request, SignedHeaders=host,"
        " SignedHeaders=host, Signature=" + "0" * 64,
    ],
)
def test_an_authorization_that_cannot_be_read_is_incomplete(authorization: str) -> None:
    refused(with_headers(signed(), authorization=authorization), IncompleteSignature)


def test_the_members_of_authorization_may_stand_in_any_order() -> None:
    request = signed()
    algorithm, credential, names, signature = request.headers["authorization"].split(" ")
    other = f"{algorithm} {signature},{credential}{names.rstrip(',')}"
    assert accept(with_headers(request, authorization=other)) == KEY


@pytest.mark.parametrize(
    "form",
    [
        "{credential}, {names} {signature}",
        "{credential}, {names}{signature}",
        "{credential} {names}, {signature}",
        "{credential}, {names}, {signature}, {signature}",
        "{credential}, {names}, Signature=, {signature}",
        "{credential}, {names}, Signature=0,{signature}",
        "{signature}, {credential}, {names}, {signature}",
    ],
)
def test_each_member_of_authorization_is_there_once_and_by_itself(form: str) -> None:
    request = signed()
    algorithm, *members = request.headers["authorization"].replace(",", "").split(" ")
    credential, names, signature = members
    other = form.format(credential=credential, names=names, signature=signature)
    refused(with_headers(request, authorization=f"{algorithm} {other}"), IncompleteSignature)


def test_a_key_that_is_not_known_and_a_wrong_secret() -> None:
    assert "'AKIANOBODY'" in refused(signed(key=("AKIANOBODY", SECRET, None)), UnrecognizedClient)
    message = refused(signed(key=(KEY, "x" * 40, None)), InvalidSignature)
    assert "check the secret access key" in message
    assert SECRET not in message


def test_a_signature_for_another_service_is_refused() -> None:
    assert "'sagemaker'" in refused(signed(service="athena"), InvalidSignature)


def test_any_region_is_taken() -> None:
    for region in ("us-east-1", "eu-central-2", "local"):
        assert accept(signed(region=region)) == KEY


def test_headers_that_matter_must_be_signed() -> None:
    refused(with_headers(signed(), x_amz_target="SageMaker.DeleteFeatureGroup"), InvalidSignature)
    refused(with_headers(signed("query"), x_amz_security_token="t"), InvalidSignature)
    assert accept(with_headers(signed(), user_agent="curl", accept="*/*")) == KEY


def test_a_request_is_signed_once() -> None:
    request = signed("query")
    refused(with_headers(request, authorization="AWS4-HMAC-SHA256 x"), IncompleteSignature)
    twice = replace(request, query=request.query + b"&X-Amz-Expires=604800")
    refused(twice, IncompleteSignature)


def test_the_hash_of_the_body_is_the_bodys() -> None:
    body = b'{"Record": []}'
    for hash_ in ("UNSIGNED-PAYLOAD", "0" * 64, ""):
        request = signed(body=body, headers={"x-amz-content-sha256": hash_})
        assert "SHA-256 of the body" in refused(request, InvalidSignature)


def test_date_stands_in_where_there_is_no_amz_date() -> None:
    request = signed(headers={"Date": "now"})
    assert "x-amz-date" not in request.headers
    assert accept(request) == KEY
    refused(with_headers(request, date="yesterday"), IncompleteSignature)
    refused(with_headers(request, date="Thu, 01 Jan 1970 00:00:00 GMT"), InvalidSignature)


@pytest.mark.parametrize(("signer", "minutes"), [("header", 5), ("S3 header", 15)])
def test_clocks_may_differ_by_minutes(signer: str, minutes: int) -> None:
    gate = Gate()
    request = signed(signer)
    for sign in (1, -1):
        gate.ahead_us = sign * (minutes * 60 - 5) * 1_000_000
        assert accept(request, signer, gate) == KEY
        gate.ahead_us = sign * (minutes * 60 + 5) * 1_000_000
        with pytest.raises(RequestTimeTooSkewed, match="set the clock"):
            accept(request, signer, gate)


def test_a_presigned_request_is_good_for_its_time() -> None:
    gate = Gate()
    request = signed("query")
    gate.ahead_us = 3_590 * 1_000_000
    assert accept(request, gate=gate) == KEY
    gate.ahead_us = 3_610 * 1_000_000
    refused(request, RequestExpired, gate)
    longer = request.query.replace(b"Expires=3600", b"Expires=7200")
    refused(replace(request, query=longer), InvalidSignature, gate)
    for_ever = request.query.replace(b"Expires=3600", b"Expires=604801")
    assert "a week" in refused(replace(request, query=for_ever), IncompleteSignature, gate)


def test_members_of_a_presigned_request_count_however_their_names_are_encoded() -> None:
    gate = Gate()
    request = signed("query", expires_seconds=10)
    gate.ahead_us = 60 * 1_000_000
    for name in (b"X-Amz%2DExpires", b"%58-Amz-Expires", b"X%2dAmz%2dExpires"):
        encoded = replace(request, query=request.query.replace(b"X-Amz-Expires", name))
        assert encoded.query != request.query
        refused(encoded, RequestExpired, gate)
    twice = replace(request, query=request.query + b"&X-Amz%2DExpires=604800")
    assert "twice" in refused(twice, IncompleteSignature, gate)


def session_of(gate: Gate, issuer: str = KEY) -> tuple[str, str, str]:
    made = gate.sessions.assume("arn:aws:iam::123456789012:role/r", "notebook", 900, issuer=issuer)
    return made.access_key_id, made.secret_access_key, made.token


def test_a_session_is_taken_until_it_ends() -> None:
    gate = Gate()
    key = session_of(gate)
    assert accept(signed(key=key), gate=gate) == KEY
    assert accept(signed("query", key=key), gate=gate) == KEY
    earlier = Gate()
    earlier.ahead_us = -899 * 1_000_000
    assert accept(signed(key=session_of(earlier))) == KEY
    earlier.ahead_us = -901 * 1_000_000
    refused(signed(key=session_of(earlier)), ExpiredToken)


def test_a_session_goes_with_its_own_token_and_secret() -> None:
    gate = Gate()
    one, other = session_of(gate), session_of(gate)
    refused(signed(key=(one[0], one[1], other[2])), InvalidToken, gate)
    refused(signed(key=(other[0], one[1], other[2])), InvalidSignature, gate)
    refused(signed(key=(one[0], one[1], None)), UnrecognizedClient, gate)
    refused(signed(key=(KEY, SECRET, one[2])), InvalidToken, gate)
    for token in ("", "t", "tandem.", "tandem.e30=", "tandem.8g==", "tandem.\u00e9"):
        refused(signed(key=(one[0], one[1], token or "t")), InvalidToken, gate)


def test_a_session_ends_with_the_key_that_it_goes_back_to() -> None:
    gate = Gate()
    key, secret = gate.keys.create()
    issued = session_of(gate, key.access_key_id)
    assert accept(signed(key=issued), gate=gate) == key.access_key_id
    gate.keys.delete(key.access_key_id)
    gate.ahead_us = 1_000_001
    refused(signed(key=issued), ExpiredToken, gate)
    refused(signed(key=(key.access_key_id, secret, None)), UnrecognizedClient, gate)


def test_a_session_given_to_somebody_unknown_is_worth_nothing() -> None:
    gate = Gate()
    refused(signed(key=session_of(gate, issuer="")), ExpiredToken, gate)


def test_a_session_of_another_store_is_worth_nothing() -> None:
    gate, other = Gate(), Gate()
    other.sessions._store_key = b"o" * 32
    refused(signed(key=session_of(other)), InvalidSignature, gate)


_parts = st.sampled_from(
    [
        "AWS4-HMAC-SHA256", "Credential=", "SignedHeaders=", "Signature=", "/", ",", " ", ";", "&",
        "host", "x-amz-date", "20260101", "us-east-1", "sagemaker", "aws4_request", "0" * 64, KEY,
        "X-Amz-Algorithm=", "X-Amz-Credential=", "X-Amz-Date=", "X-Amz-Expires=", "T000000Z",
        "X-Amz-Signature=", "X-Amz-SignedHeaders=", "X-Amz-Security-Token=", "%", "%2F", "%0A",
        "%3B", "tandem.", "tandem.e30=", "-1", "9" * 20, "\u00e9", "\u00b2", "\x00", "Expires=",
        "Thu, 01 Jan 1 00:00:00 +2359",
    ]
)  # fmt: skip
_junk = st.lists(_parts, max_size=14).map("".join)


@settings(max_examples=400, deadline=None)
@given(
    authorization=st.none() | _junk,
    date=_junk,
    amz_date=st.none() | _junk,
    token=_junk,
    query=_junk,
)
def test_whatever_comes_is_refused_in_the_same_way(
    authorization: str | None, date: str, amz_date: str | None, token: str, query: str
) -> None:
    headers = {"host": HOST, "date": date, "x-amz-security-token": token}
    headers |= {} if authorization is None else {"authorization": authorization}
    headers |= {} if amz_date is None else {"x-amz-date": amz_date}
    request = Request("GET", b"/", query.encode("latin-1"), headers, b"", "id")
    with pytest.raises(NotAuthenticated):
        accept(request)
