"""What each protocol answers to a request that is not signed as it should be, in AWS's words."""

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.parsers import create_parser
from msgspec.structs import replace

from tandem.wire.authentication import Authenticator
from tandem.wire.http import Request
from tandem.wire.router import Router
from tandem.wire.s3 import S3Authenticator, S3Gateway, S3Request

from .bench import (
    ACCOUNT,
    ATHENA,
    BUCKET,
    GLUE,
    IAM,
    RUNTIME,
    SAGEMAKER,
    STS,
    Bench,
    answered,
    serialize,
)
from .bench import service_model as model
from .signed_requests import KEY, SECRET, Gate, signed

REQUESTS = {
    RUNTIME: ("GetRecord", {"FeatureGroupName": "g", "RecordIdentifierValueAsString": "a b"}),
    SAGEMAKER: ("ListFeatureGroups", {}),
    ATHENA: ("ListWorkGroups", {}),
    GLUE: ("GetDatabases", {}),
    STS: ("GetCallerIdentity", {}),
    IAM: ("ListRoles", {}),
}
FAULTS = ["unsigned", "unreadable", "wrong", "late", "unknown", "token", "expired"]
JSON = [
    "MissingAuthenticationTokenException",
    "IncompleteSignatureException",
    "InvalidSignatureException",
    "InvalidSignatureException",
    "UnrecognizedClientException",
    "UnrecognizedClientException",
    "ExpiredTokenException",
]
QUERY = [
    "MissingAuthenticationToken",
    "IncompleteSignature",
    "SignatureDoesNotMatch",
    "SignatureDoesNotMatch",
    "InvalidClientTokenId",
    "InvalidClientTokenId",
    "ExpiredToken",
]
EXPECTED = {
    RUNTIME: [(code, 403) for code in JSON],
    **{service: [(code, 400) for code in JSON] for service in (SAGEMAKER, ATHENA, GLUE)},
    **{
        service: [(code, 400 if code == "IncompleteSignature" else 403) for code in QUERY]
        for service in (STS, IAM)
    },
}
S3_EXPECTED = [
    ("AccessDenied", 403),
    ("AuthorizationHeaderMalformed", 400),
    ("SignatureDoesNotMatch", 403),
    ("RequestTimeTooSkewed", 403),
    ("InvalidAccessKeyId", 403),
    ("InvalidToken", 400),
    ("ExpiredToken", 400),
]


@pytest.fixture(scope="module")
def bench() -> Iterator[Bench]:
    made = Bench()
    yield made
    made.close()


@pytest.fixture(scope="module")
def gate() -> Gate:
    return Gate()


@pytest.fixture(scope="module")
def router(bench: Bench, gate: Gate) -> Router:
    return Router(bench.core, token_key=b"k" * 32, authenticate=gate.authenticator)


def made(gate: Gate, fault: str, **request: Any) -> Request:
    """A request with a fault, which `gate` is about to judge."""
    key: tuple[str, str, str | None] = (KEY, SECRET, None)
    if fault == "wrong":
        key = (KEY, "x" * 40, None)
    elif fault == "unknown":
        key = ("AKIANOBODY", SECRET, None)
    elif fault == "token":
        key = (KEY, SECRET, "a-token")
    elif fault == "expired":
        earlier = Gate()
        earlier.ahead_us = -4_000 * 1_000_000
        session = earlier.sessions.assume(
            "arn:aws:iam::123456789012:role/r", "notebook", issuer=KEY
        )
        key = (session.access_key_id, session.secret_access_key, session.token)
    found = signed(key=key, **request)
    headers = dict(found.headers)
    if fault == "unsigned":
        del headers["authorization"]
    elif fault == "unreadable":
        headers["authorization"] = "AWS4-HMAC-SHA256 no more"
    gate.ahead_us = 3_600 * 1_000_000 if fault == "late" else 0
    return replace(found, headers=headers)


@pytest.mark.parametrize("service", REQUESTS)
def test_each_protocol_has_awss_codes(
    bench: Bench, gate: Gate, router: Router, service: str
) -> None:
    name, members = REQUESTS[service]
    operation = model(service).operation_model(name)
    plain = serialize(operation, members)
    target = plain.raw_path.decode() + (f"?{plain.query.decode()}" if plain.query else "")
    signing_name = model(service).signing_name
    parser = create_parser(model(service).resolved_protocol)
    found = []
    for fault in [*FAULTS, ""]:
        request = made(
            gate,
            fault,
            method=plain.method,
            target=target,
            headers=plain.headers,
            body=plain.body,
            service=signing_name,
        )
        response = asyncio.run(answered(router, request))
        headers = {header.lower(): value for header, value in response.headers}
        read = {"status_code": response.status, "headers": headers, "body": response.body}
        error = parser.parse(read, operation.output_shape).get("Error", {})
        assert SECRET.encode() not in bytes(response.body)
        found.append((error.get("Code"), response.status))
    gate.ahead_us = 0
    assert found[:-1] == EXPECTED[service]
    assert found[-1] in [(None, 200), ("ResourceNotFound", 404)]


async def no_body() -> Any:
    return
    yield


def s3_answer(gateway: S3Gateway, request: Request) -> tuple[bytes, int]:
    asked = S3Request(
        method=request.method,
        raw_path=request.raw_path,
        query=request.query,
        headers=request.headers,
        body=no_body(),
        request_id="id",
    )
    response = asyncio.run(gateway.answer(asked))
    assert isinstance(response.body, bytes)
    return response.body, response.status


@pytest.fixture
def gateway(bench: Bench, gate: Gate) -> Iterator[S3Gateway]:
    authenticator = Authenticator(gate.keys, gate.sessions, gate.clock)
    made = S3Gateway(bench.objects, ACCOUNT, S3Authenticator(authenticator))
    yield made
    made.close()


def test_s3_has_codes_of_its_own(gate: Gate, gateway: S3Gateway) -> None:
    for fault, (code, status) in zip(FAULTS, S3_EXPECTED, strict=True):
        request = made(gate, fault, signer="S3 header", target=f"/{BUCKET}")
        body, found = s3_answer(gateway, request)
        assert (f"<Code>{code}</Code>".encode() in body, found) == (True, status), fault
    request = made(gate, "", signer="S3 header", target=f"/{BUCKET}")
    assert s3_answer(gateway, request)[1] == 200


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (("X-Amz-Expires=3600", "X-Amz-Expires=604801"), "AuthorizationQueryParametersError"),
        (("X-Amz-Expires=3600&", ""), "AuthorizationQueryParametersError"),
        (("X-Amz-Date=2", "X-Amz-Date=x"), "AuthorizationQueryParametersError"),
        (("list-type=2", "list-type=1"), "SignatureDoesNotMatch"),
        (("list-type=2", "versioning&list-type=2"), "SignatureDoesNotMatch"),
    ],
)
def test_a_presigned_url_is_good_as_it_is(
    gateway: S3Gateway, change: tuple[str, str], code: str
) -> None:
    request = signed("S3 query", target=f"/{BUCKET}?list-type=2")
    assert s3_answer(gateway, request)[1] == 200
    query = request.query.decode().replace(*change).encode()
    assert query != request.query
    body, _ = s3_answer(gateway, replace(request, query=query))
    assert f"<Code>{code}</Code>".encode() in body
    body, _ = s3_answer(gateway, replace(request, method="DELETE"))
    assert b"<Code>SignatureDoesNotMatch</Code>" in body
    for name, value in (("x-amz-content-sha256", "0" * 64), ("x-amz-meta-a", "b")):
        body, _ = s3_answer(gateway, replace(request, headers={**request.headers, name: value}))
        assert b"<Code>SignatureDoesNotMatch</Code>" in body


@pytest.mark.parametrize("value", [None, "", "unsigned", "0" * 63, "STREAMING-OTHER"])
def test_s3_wants_to_know_of_the_body(gateway: S3Gateway, value: str | None) -> None:
    request = signed("header", target=f"/{BUCKET}", service="s3")
    headers = dict(request.headers)
    if value is not None:
        headers["x-amz-content-sha256"] = value
    body, status = s3_answer(gateway, replace(request, headers=headers))
    assert (status, b"x-amz-content-sha256" in body) == (400, True)


def test_nobody_is_asked_for_a_web_identity(router: Router) -> None:
    # Clients do not sign this request; its token cannot be judged here.
    operation = model(STS).operation_model("AssumeRoleWithWebIdentity")
    members = {"RoleArn": "arn:aws:iam::123456789012:role/r", "RoleSessionName": "note"}
    request = serialize(operation, {**members, "WebIdentityToken": "token"})
    assert asyncio.run(answered(router, request)).status == 403


def test_what_sts_gives_out_is_taken(gate: Gate, bench: Bench) -> None:
    core = type("Core", (), {**vars(bench.core), "role_sessions": gate.sessions})()
    router = Router(core, token_key=b"k" * 32, authenticate=gate.authenticator)

    def ask(operation: str, key: tuple[str, str, str | None], **members: Any) -> dict[str, Any]:
        named = model(STS).operation_model(operation)
        plain = serialize(named, members)
        request = signed(
            method="POST", target="/", headers=plain.headers, body=plain.body, key=key, service=STS
        )
        response = asyncio.run(answered(router, request))
        assert response.status == 200, response.body
        read = {"status_code": 200, "headers": dict(response.headers), "body": response.body}
        answer: dict[str, Any] = create_parser("query").parse(read, named.output_shape)
        return answer

    def key_of(answer: dict[str, Any]) -> tuple[str, str, str]:
        given = answer["Credentials"]
        return given["AccessKeyId"], given["SecretAccessKey"], given["SessionToken"]

    role = {"RoleArn": "arn:aws:iam::123456789012:role/r", "RoleSessionName": "note"}
    assumed = key_of(ask("AssumeRole", (KEY, SECRET, None), **role, MinimumSessionTokenSize=600))
    assert ask("GetCallerIdentity", assumed)["Arn"].endswith("assumed-role/r/note")
    renewed = key_of(ask("GetSessionToken", assumed))
    assert ask("GetCallerIdentity", renewed)["Arn"].endswith("assumed-role/r/note")
    assert gate.sessions.session(renewed[2]).issuer == KEY  # type: ignore[union-attr]
    assert ask("GetCallerIdentity", (KEY, SECRET, None))["Arn"].endswith("tandem/session")
