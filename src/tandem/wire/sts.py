"""sts: GetCallerIdentity, which the SDKs and Terraform ask before anything else.

The caller is an assumed role, because the SageMaker SDK turns that ARN into a role's and refuses
any other; it then asks IAM for the role, which therefore is part of every store.
"""

from tandem.service.placement import Account
from tandem.service.roles import BUILT_IN_ROLE
from tandem.wire.error_table import Dialect
from tandem.wire.operation import Operation, Service
from tandem.wire.shapes import sts as shapes

_SESSION = "session"


class Sts:
    def __init__(self, account: Account) -> None:
        self._account = account

    async def get_caller_identity(
        self, request: shapes.GetCallerIdentityRequest
    ) -> shapes.GetCallerIdentityResponse:
        del request  # it carries nothing
        account_id = self._account.account_id
        return shapes.GetCallerIdentityResponse(
            user_id=f"{BUILT_IN_ROLE.role_id}:{_SESSION}",
            account=account_id,
            arn=f"arn:aws:sts::{account_id}:assumed-role/{BUILT_IN_ROLE.name}/{_SESSION}",
        )


def sts_service(account: Account) -> Service:
    handlers = Sts(account)
    return Service(
        name="sts",
        dialect=Dialect.QUERY,
        namespace="https://sts.amazonaws.com/doc/2011-06-15/",
        operations=[
            Operation(
                name="GetCallerIdentity",
                request=shapes.GetCallerIdentityRequest,
                perform=handlers.get_caller_identity,
            )
        ],
    )
