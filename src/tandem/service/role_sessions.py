"""Sessions of roles: credentials for a while, as STS gives them out.

* Credentials are not checked anywhere yet, so that they only have to say whose they are. The token
  of the session says it: every process reads it, and it outlives a restart.
* Nobody is refused a role, and the role need not be stored here. Where it is, its longest session
  counts.
* Who calls without a session of this store has the role that is part of every store.
"""

import base64
import hashlib
import secrets
from dataclasses import dataclass

import msgspec

from tandem.errors import ResourceNotFound, ValidationError
from tandem.model.role import account_and_name, check_session_name
from tandem.service.clock import Clock
from tandem.service.placement import Account
from tandem.service.roles import BUILT_IN_ROLE, Roles

_DEFAULT_SESSION = "session"
_ROLE_SESSION_SECONDS = 3_600
_TOKEN_SESSION_SECONDS = 43_200
"""What AWS takes where the caller names no duration."""
_KEY_PREFIX = "ASIA"  # what AWS puts before the keys of sessions
_ID_PREFIX = "AROA"
_MARK = "tandem."


class Caller(msgspec.Struct, frozen=True):
    """A role, and the name of the session in which somebody has it."""

    account_id: str
    role_id: str
    role_name: str
    session_name: str

    @property
    def arn(self) -> str:
        role = f"{self.role_name}/{self.session_name}"
        return f"arn:aws:sts::{self.account_id}:assumed-role/{role}"

    @property
    def user_id(self) -> str:
        return f"{self.role_id}:{self.session_name}"


@dataclass(frozen=True, slots=True)
class RoleSession:
    caller: Caller
    access_key_id: str
    secret_access_key: str
    token: str
    expires_at_us: int


_caller_decoder = msgspec.json.Decoder(Caller)


class RoleSessions:
    def __init__(self, roles: Roles, account: Account, clock: Clock) -> None:
        self._roles = roles
        self._account = account
        self._clock = clock

    def caller(self, token: str | None) -> Caller:
        """Whose a session token is. One of another maker, and none at all, is the store's role."""
        if token is not None and token.startswith(_MARK):
            encoded = token.removeprefix(_MARK).partition(".")[0]
            try:
                return _caller_decoder.decode(base64.urlsafe_b64decode(encoded))
            except ValueError:  # msgspec's errors are such, too
                pass
        account_id = self._account.account_id
        return Caller(account_id, BUILT_IN_ROLE.role_id, BUILT_IN_ROLE.name, _DEFAULT_SESSION)

    def assume(
        self,
        role_arn: str,
        session_name: str,
        seconds: int | None = None,
        token_bytes_min: int | None = None,
    ) -> RoleSession:
        """Raises ValidationError where the role is known and has shorter sessions."""
        account_id, role_name = account_and_name(role_arn)
        check_session_name("RoleSessionName", session_name)
        role_id = _id_of_a_stranger(role_arn)
        if account_id == self._account.account_id:
            try:
                role = self._roles.get(role_name)
            except ResourceNotFound:
                pass
            else:
                role_id = role.role_id
                if seconds is not None and seconds > role.session_seconds_max:
                    raise ValidationError(
                        f"DurationSeconds {seconds} is above the MaxSessionDuration of role"
                        f" {role_name!r}, which is {role.session_seconds_max}"
                    )
        caller = Caller(account_id, role_id, role_name, session_name)
        return self._session(caller, seconds or _ROLE_SESSION_SECONDS, token_bytes_min or 0)

    def renew(
        self, token: str | None, seconds: int | None = None, token_bytes_min: int | None = None
    ) -> RoleSession:
        """Other credentials of the same caller."""
        caller = self.caller(token)
        return self._session(caller, seconds or _TOKEN_SESSION_SECONDS, token_bytes_min or 0)

    def _session(self, caller: Caller, seconds: int, token_bytes_min: int) -> RoleSession:
        encoded = base64.urlsafe_b64encode(msgspec.json.encode(caller)).decode()
        token = f"{_MARK}{encoded}.{secrets.token_urlsafe(12)}"
        return RoleSession(
            caller=caller,
            access_key_id=_KEY_PREFIX + base64.b32encode(secrets.token_bytes(10)).decode(),
            secret_access_key=base64.b64encode(secrets.token_bytes(30)).decode(),
            token=token.ljust(token_bytes_min, "."),
            expires_at_us=self._clock() + seconds * 1_000_000,
        )


def _id_of_a_stranger(role_arn: str) -> str:
    """The id of a role that is not stored here: the same one each time."""
    digest = hashlib.sha256(role_arn.encode()).digest()
    return _ID_PREFIX + base64.b32encode(digest).decode()[:17]
