"""The session token of the request that is being answered, for the operations that ask who calls.

The router sets it. A request is answered in a context of its own, so no other one sees it.
"""

from contextvars import ContextVar

HEADER = "x-amz-security-token"

session_token: ContextVar[str | None] = ContextVar("session_token", default=None)
