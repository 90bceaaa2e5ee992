"""Who makes the request that is being answered, for the operations that ask.

The router sets it. A request is answered in a context of its own, so no other one sees it.
"""

from contextvars import ContextVar
from typing import NamedTuple


class Identity(NamedTuple):
    """Who asks.

    issuer          the long-lived access key behind the request's signature; empty where none was
                    looked at
    session_token   what the request carries, true where there is an issuer
    """

    issuer: str = ""
    session_token: str | None = None


SESSION_TOKEN_HEADER = "x-amz-security-token"  # noqa: S105
ANYBODY = Identity()

identity: ContextVar[Identity] = ContextVar("identity", default=ANYBODY)
