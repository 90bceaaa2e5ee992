"""Shapes of sts: who is calling, and credentials for a while."""

from datetime import datetime
from typing import Annotated

import msgspec
from msgspec import Meta

from tandem.model import limits
from tandem.wire.shapes.sagemaker import Tag
from tandem.wire.shapes.shape import Shape

Arn = Annotated[str, Meta(min_length=20, max_length=limits.POLICY_ARN_LENGTH_MAX)]
SessionName = Annotated[str, Meta(min_length=2, max_length=limits.ROLE_NAME_LENGTH_MAX)]
SessionSeconds = Annotated[
    int, Meta(ge=limits.SESSION_SECONDS_MIN, le=limits.ROLE_SESSION_SECONDS_MAX)
]
TokenSeconds = Annotated[
    int, Meta(ge=limits.SESSION_SECONDS_MIN, le=limits.SESSION_TOKEN_SECONDS_MAX)
]
TagKey = Annotated[str, Meta(min_length=1, max_length=limits.TAG_KEY_LENGTH_MAX)]
SerialNumber = Annotated[str, Meta(min_length=9, max_length=256)]
TokenCode = Annotated[str, Meta(min_length=6, max_length=6)]
TokenSize = Annotated[int, Meta(ge=0, le=limits.SESSION_TOKEN_BYTES_MAX)]
AccessKeyId = Annotated[str, Meta(min_length=16, max_length=128)]
Policy = Annotated[str, Meta(min_length=1)]


class GetCallerIdentityRequest(Shape):
    """Asks for nothing: the caller is known by the credentials."""


class GetCallerIdentityResponse(Shape):
    user_id: str
    account: str
    arn: str


class Credentials(Shape):
    access_key_id: str
    secret_access_key: str
    session_token: str
    expiration: datetime


class AssumedRoleUser(Shape):
    assumed_role_id: str
    arn: str


class PolicyDescriptor(Shape):
    arn: Arn | None = msgspec.field(default=None, name="arn")


class ProvidedContext(Shape):
    provider_arn: Arn | None = None
    context_assertion: Annotated[str, Meta(min_length=4, max_length=2_048)] | None = None


class AssumeRoleRequest(Shape):
    role_arn: Arn
    role_session_name: SessionName
    policy_arns: list[PolicyDescriptor] | None = None
    policy: Policy | None = None
    duration_seconds: SessionSeconds | None = None
    tags: Annotated[list[Tag], Meta(max_length=limits.TAGS_PER_ROLE_MAX)] | None = None
    transitive_tag_keys: (
        Annotated[list[TagKey], Meta(max_length=limits.TAGS_PER_ROLE_MAX)] | None
    ) = None
    external_id: Annotated[str, Meta(min_length=2, max_length=1_224)] | None = None
    serial_number: SerialNumber | None = None
    token_code: TokenCode | None = None
    source_identity: SessionName | None = None
    provided_contexts: Annotated[list[ProvidedContext], Meta(min_length=1, max_length=5)] | None = (
        None
    )
    minimum_session_token_size: TokenSize | None = None


class AssumeRoleResponse(Shape):
    credentials: Credentials
    assumed_role_user: AssumedRoleUser
    session_token_size: int
    session_token_utilization: int
    packed_policy_size: int | None = None
    source_identity: str | None = None


class AssumeRoleWithWebIdentityRequest(Shape):
    role_arn: Arn
    role_session_name: SessionName
    web_identity_token: Annotated[str, Meta(min_length=4, max_length=20_000)]
    provider_id: Annotated[str, Meta(min_length=4, max_length=2_048)] | None = None
    policy_arns: list[PolicyDescriptor] | None = None
    policy: (
        Annotated[str, Meta(min_length=1, max_length=limits.SESSION_POLICY_LENGTH_MAX)] | None
    ) = None
    duration_seconds: SessionSeconds | None = None
    minimum_session_token_size: TokenSize | None = None


class AssumeRoleWithWebIdentityResponse(Shape):
    credentials: Credentials
    assumed_role_user: AssumedRoleUser
    session_token_size: int
    session_token_utilization: int
    packed_policy_size: int | None = None


class GetSessionTokenRequest(Shape):
    duration_seconds: TokenSeconds | None = None
    serial_number: SerialNumber | None = None
    token_code: TokenCode | None = None
    minimum_session_token_size: TokenSize | None = None


class GetSessionTokenResponse(Shape):
    """Sizes of tokens are in bytes, and in percent of the longest that may be asked for."""

    credentials: Credentials
    session_token_size: int
    session_token_utilization: int


class GetAccessKeyInfoRequest(Shape):
    access_key_id: AccessKeyId


class GetAccessKeyInfoResponse(Shape):
    account: str
