"""Sessions of roles, as a boto3 client makes and uses them."""

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

import boto3
import pytest
from botocore.config import Config

from .bench import ACCOUNT, ROLE, START_US, STS, Bench, Endpoint
from .role_requests import ACCESS, BOUNDARY, TRUST

Connect = Callable[..., Any]


@pytest.fixture
def connect(bench: Bench) -> Iterator[Connect]:
    """Makes clients; with the credentials of a session, or any."""
    endpoint = Endpoint(bench)
    clients = []

    def connect(service: str, credentials: Mapping[str, Any] | None = None) -> Any:
        given = credentials or {}
        client = boto3.client(
            service,
            endpoint_url=endpoint.url,
            region_name=ACCOUNT.region,
            aws_access_key_id=given.get("AccessKeyId", "any"),
            aws_secret_access_key=given.get("SecretAccessKey", "any"),
            aws_session_token=given.get("SessionToken"),
            config=Config(retries={"total_max_attempts": 1}, proxies={}),
        )
        clients.append(client)
        return client

    yield connect
    for client in clients:
        client.close()
    endpoint.close()


@pytest.fixture
def sts(connect: Connect) -> Any:
    return connect(STS)


def test_the_caller_of_a_session_is_its_role(connect: Connect, sts: Any) -> None:
    answer = sts.assume_role(RoleArn=ROLE, RoleSessionName="notebook", DurationSeconds=900)
    arn = "arn:aws:sts::123456789012:assumed-role/feature-store/notebook"
    assert answer["AssumedRoleUser"]["Arn"] == arn
    expiration = answer["Credentials"]["Expiration"]
    assert expiration == datetime.fromtimestamp(START_US // 1_000_000 + 900, UTC)
    assert "PackedPolicySize" not in answer
    identity = connect(STS, answer["Credentials"]).get_caller_identity()
    assert identity["Arn"] == arn
    assert identity["UserId"] == answer["AssumedRoleUser"]["AssumedRoleId"]
    assert identity["Account"] == "123456789012"
    renewed = connect(STS, answer["Credentials"]).get_session_token()
    assert connect(STS, renewed["Credentials"]).get_caller_identity()["Arn"] == arn


def test_a_role_of_another_account(connect: Connect, sts: Any) -> None:
    other = "arn:aws:iam::111122223333:role/service-role/reader"
    answer = sts.assume_role(RoleArn=other, RoleSessionName="me@example.com")
    identity = connect(STS, answer["Credentials"]).get_caller_identity()
    assert identity["Account"] == "111122223333"
    assert identity["Arn"] == "arn:aws:sts::111122223333:assumed-role/reader/me@example.com"
    again = sts.assume_role(RoleArn=other, RoleSessionName="other")
    first, second = (one["AssumedRoleUser"]["AssumedRoleId"] for one in (answer, again))
    assert first.partition(":")[0] == second.partition(":")[0]
    assert answer["Credentials"]["AccessKeyId"] != again["Credentials"]["AccessKeyId"]


def test_a_role_that_is_stored(connect: Connect, sts: Any) -> None:
    role = connect("iam").create_role(
        RoleName="feature-store", AssumeRolePolicyDocument=TRUST, MaxSessionDuration=3_600
    )["Role"]
    answer = sts.assume_role(
        RoleArn=ROLE,
        RoleSessionName="notebook",
        Policy=ACCESS,
        PolicyArns=[{"arn": BOUNDARY}],
        SourceIdentity="somebody",
    )
    assert answer["AssumedRoleUser"]["AssumedRoleId"] == f"{role['RoleId']}:notebook"
    assert 0 < answer["PackedPolicySize"] < 100
    assert answer["SourceIdentity"] == "somebody"
    with pytest.raises(sts.exceptions.ClientError, match="MaxSessionDuration") as refused:
        sts.assume_role(RoleArn=ROLE, RoleSessionName="notebook", DurationSeconds=3_601)
    assert refused.value.response["Error"]["Code"] == "ValidationError"


def test_a_web_identity(connect: Connect, sts: Any) -> None:
    answer = sts.assume_role_with_web_identity(
        RoleArn=ROLE, RoleSessionName="pod", WebIdentityToken="token"
    )
    assert (
        connect(STS, answer["Credentials"])
        .get_caller_identity()["Arn"]
        .endswith("/feature-store/pod")
    )


def test_the_account_of_a_key(sts: Any) -> None:
    key = sts.get_session_token()["Credentials"]["AccessKeyId"]
    assert sts.get_access_key_info(AccessKeyId=key)["Account"] == "123456789012"


def test_a_token_is_as_long_as_asked_for(connect: Connect, sts: Any) -> None:
    answer = sts.get_session_token(MinimumSessionTokenSize=2_048)
    assert len(answer["Credentials"]["SessionToken"]) == answer["SessionTokenSize"] == 2_048
    assert answer["SessionTokenUtilization"] == 50
    assert (
        connect(STS, answer["Credentials"]).get_caller_identity()["Arn"].endswith("/tandem/session")
    )


@pytest.mark.parametrize("token", ["of another maker", "tandem.", "tandem.é", "tandem.e30=.x"])
def test_a_token_that_cannot_be_read_is_nobodys(bench: Bench, token: str) -> None:
    answer = bench.raw(
        "POST",
        b"/",
        headers={
            "content-type": "application/x-www-form-urlencoded",
            "x-amz-security-token": token,
        },
        body=b"Action=GetCallerIdentity",
    )
    assert answer.status == 200
    assert b"assumed-role/tandem/session" in answer.body


@pytest.mark.parametrize(
    ("member", "value", "code"),
    [
        ("RoleArn", "arn:aws:iam::123456789012:user/somebody", "ValidationError"),
        ("RoleArn", "arn:aws:iam::1234:role/feature-store", "ValidationError"),
        ("RoleSessionName", "no blanks", "ValidationError"),
        ("SourceIdentity", "no/slashes", "ValidationError"),
        ("DurationSeconds", 899, "ValidationError"),
        ("DurationSeconds", 43_201, "ValidationError"),
        ("Policy", "{}", "MalformedPolicyDocument"),
        ("Policy", "x" * 2_049, "ValidationError"),
        ("PolicyArns", [{"arn": "arn:aws:iam::aws:role/nothing"}], "ValidationError"),
        ("Tags", [{"Key": "a", "Value": "1"}, {"Key": "a", "Value": "2"}], "ValidationError"),
    ],
)
def test_what_is_refused(bench: Bench, member: str, value: Any, code: str) -> None:
    valid = {"RoleArn": ROLE, "RoleSessionName": "notebook"}
    answer = bench.send(STS, "AssumeRole", **{**valid, member: value})
    assert (answer.status, answer.code) == (400, code)
    assert member.removesuffix("s").lower() in answer.message.lower()
