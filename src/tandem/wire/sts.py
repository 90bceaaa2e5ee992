"""sts: who is calling, which the SDKs and Terraform ask before anything else, and role sessions.

The caller is an assumed role, because the SageMaker SDK turns that ARN into a role's and refuses
any other; it then asks IAM for the role, which therefore is part of every store.
"""

import asyncio
import math
from datetime import UTC, datetime

from tandem.errors import MalformedPolicyDocument, ValidationError
from tandem.model import limits
from tandem.model.labels import check_tags
from tandem.model.role import check_session_name, policy_name
from tandem.service.policy_documents import check_role_policy
from tandem.service.role_sessions import RoleSession, RoleSessions
from tandem.wire.caller import identity
from tandem.wire.error_table import Dialect
from tandem.wire.operation import Core, Operation, Service
from tandem.wire.shapes import sts as shapes
from tandem.wire.tags import new_tags


class Sts:
    def __init__(self, sessions: RoleSessions, account_id: str) -> None:
        self._sessions = sessions
        self._account_id = account_id

    async def get_caller_identity(
        self, request: shapes.GetCallerIdentityRequest
    ) -> shapes.GetCallerIdentityResponse:
        del request  # it carries nothing
        caller = self._sessions.caller(identity.get().session_token)
        return shapes.GetCallerIdentityResponse(
            user_id=caller.user_id, account=caller.account_id, arn=caller.arn
        )

    async def assume_role(self, request: shapes.AssumeRoleRequest) -> shapes.AssumeRoleResponse:
        if request.source_identity is not None:
            check_session_name("SourceIdentity", request.source_identity)
        check_tags(new_tags(request.tags or []).items())
        size = _packed_size(request.policy, request.policy_arns)
        session = await self._assume(request)
        return shapes.AssumeRoleResponse(
            credentials=_credentials(session),
            assumed_role_user=_user(session),
            session_token_size=len(session.token),
            session_token_utilization=_utilization(session),
            packed_policy_size=size,
            source_identity=request.source_identity,
        )

    async def assume_role_with_web_identity(
        self, request: shapes.AssumeRoleWithWebIdentityRequest
    ) -> shapes.AssumeRoleWithWebIdentityResponse:
        """The token is taken on trust, where credentials are not looked at. Clients do not sign
        this request, so nobody comes here where they are.
        """
        size = _packed_size(request.policy, request.policy_arns)
        session = await self._assume(request)
        return shapes.AssumeRoleWithWebIdentityResponse(
            credentials=_credentials(session),
            assumed_role_user=_user(session),
            session_token_size=len(session.token),
            session_token_utilization=_utilization(session),
            packed_policy_size=size,
        )

    async def get_session_token(
        self, request: shapes.GetSessionTokenRequest
    ) -> shapes.GetSessionTokenResponse:
        asker = identity.get()
        session = self._sessions.renew(
            asker.session_token,
            request.duration_seconds,
            request.minimum_session_token_size,
            issuer=asker.issuer,
        )
        return shapes.GetSessionTokenResponse(
            credentials=_credentials(session),
            session_token_size=len(session.token),
            session_token_utilization=_utilization(session),
        )

    async def get_access_key_info(
        self, request: shapes.GetAccessKeyInfoRequest
    ) -> shapes.GetAccessKeyInfoResponse:
        del request  # every key is of this account
        return shapes.GetAccessKeyInfoResponse(account=self._account_id)

    async def _assume(
        self, request: shapes.AssumeRoleRequest | shapes.AssumeRoleWithWebIdentityRequest
    ) -> RoleSession:
        # In a thread, since the registry, which is asked for the role, may wait.
        return await asyncio.to_thread(
            self._sessions.assume,
            request.role_arn,
            request.role_session_name,
            request.duration_seconds,
            request.minimum_session_token_size,
            issuer=identity.get().issuer,
        )


def _packed_size(
    policy: str | None, policy_arns: list[shapes.PolicyDescriptor] | None
) -> int | None:
    """How much of the room for a session's policies is taken, in percent; None without any."""
    arns = [one.arn for one in policy_arns or [] if one.arn is not None]
    for arn in arns:
        policy_name(arn, "PolicyArns")
    if policy is not None:
        if len(policy) > limits.SESSION_POLICY_LENGTH_MAX:
            raise ValidationError(
                f"Policy has {len(policy)} characters;"
                f" {limits.SESSION_POLICY_LENGTH_MAX} are allowed"
            )
        check_role_policy("Policy", policy)
    length = len(policy or "") + sum(map(len, arns))
    return math.ceil(100 * length / limits.SESSION_POLICY_LENGTH_MAX) or None


def _credentials(session: RoleSession) -> shapes.Credentials:
    return shapes.Credentials(
        access_key_id=session.access_key_id,
        secret_access_key=session.secret_access_key,
        session_token=session.token,
        expiration=datetime.fromtimestamp(session.expires_at_us // 1_000_000, UTC),
    )


def _utilization(session: RoleSession) -> int:
    return math.ceil(100 * len(session.token) / limits.SESSION_TOKEN_BYTES_MAX)


def _user(session: RoleSession) -> shapes.AssumedRoleUser:
    return shapes.AssumedRoleUser(assumed_role_id=session.caller.user_id, arn=session.caller.arn)


def sts_service(core: Core) -> Service:
    handlers = Sts(core.role_sessions, core.groups.account.account_id)
    return Service(
        name="sts",
        signing_name="sts",
        dialect=Dialect.QUERY,
        namespace="https://sts.amazonaws.com/doc/2011-06-15/",
        operations=[
            Operation(
                name="GetCallerIdentity",
                request=shapes.GetCallerIdentityRequest,
                perform=handlers.get_caller_identity,
            ),
            Operation(
                name="AssumeRole",
                request=shapes.AssumeRoleRequest,
                perform=handlers.assume_role,
                errors=(MalformedPolicyDocument,),
            ),
            Operation(
                name="AssumeRoleWithWebIdentity",
                request=shapes.AssumeRoleWithWebIdentityRequest,
                perform=handlers.assume_role_with_web_identity,
                errors=(MalformedPolicyDocument,),
            ),
            Operation(
                name="GetSessionToken",
                request=shapes.GetSessionTokenRequest,
                perform=handlers.get_session_token,
            ),
            Operation(
                name="GetAccessKeyInfo",
                request=shapes.GetAccessKeyInfoRequest,
                perform=handlers.get_access_key_info,
            ),
        ],
    )
