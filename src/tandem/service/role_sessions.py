"""Sessions of roles: credentials for a while, as STS gives them out.

* The token of a session says whose it is, for how long, which access key it goes back to, and which
  id it goes with. The secret is derived from all of that and the key of the store. So nothing is
  kept, every process of the store knows a session, it outlives a restart, and a token that was made
  or changed elsewhere goes with a secret that nobody has.
* A session ends with its time, or with the access key that it goes back to. One that was given out
  to somebody who had not signed goes back to none.
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
from tandem.service.access_keys import derived_secret
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


class Session(msgspec.Struct, frozen=True):
    """What a token says. `issuer` is the access key that it goes back to; empty where none was."""

    caller: Caller
    access_key_id: str
    issuer: str
    expires_at_us: int


@dataclass(frozen=True, slots=True)
class RoleSession:
    caller: Caller
    access_key_id: str
    secret_access_key: str
    token: str
    expires_at_us: int


_session_decoder = msgspec.json.Decoder(Session)


class RoleSessions:
    def __init__(self, roles: Roles, account: Account, store_key: bytes, clock: Clock) -> None:
        self._roles = roles
        self._account = account
        self._store_key = store_key
        self._clock = clock

    def session(self, token: str) -> Session | None:
        """What a token says, which is true where somebody has signed with its secret; None for
        tokens of another maker.
        """
        content = _content(token)
        try:
            return None if content is None else _session_decoder.decode(content)
        except ValueError:  # msgspec's errors are such, too
            return None

    def secret(self, token: str) -> str:
        """The secret access key that goes with a token which says something."""
        return derived_secret(self._store_key, b"session", _content(token) or b"")

    def caller(self, token: str | None) -> Caller:
        """Whose a session token is. One of another maker, and none at all, is the store's role."""
        session = None if token is None else self.session(token)
        if session is not None:
            return session.caller
        account_id = self._account.account_id
        return Caller(account_id, BUILT_IN_ROLE.role_id, BUILT_IN_ROLE.name, _DEFAULT_SESSION)

    def assume(
        self,
        role_arn: str,
        session_name: str,
        seconds: int | None = None,
        token_bytes_min: int | None = None,
        *,
        issuer: str = "",
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
        seconds = seconds or _ROLE_SESSION_SECONDS
        return self._begun(caller, issuer, seconds, token_bytes_min or 0)

    def renew(
        self,
        token: str | None,
        seconds: int | None = None,
        token_bytes_min: int | None = None,
        *,
        issuer: str = "",
    ) -> RoleSession:
        """Other credentials of the same caller."""
        seconds = seconds or _TOKEN_SESSION_SECONDS
        return self._begun(self.caller(token), issuer, seconds, token_bytes_min or 0)

    def _begun(
        self, caller: Caller, issuer: str, seconds: int, token_bytes_min: int
    ) -> RoleSession:
        session = Session(
            caller=caller,
            access_key_id=_KEY_PREFIX + base64.b32encode(secrets.token_bytes(10)).decode(),
            issuer=issuer,
            expires_at_us=self._clock() + seconds * 1_000_000,
        )
        token = _MARK + base64.urlsafe_b64encode(msgspec.json.encode(session)).decode()
        return RoleSession(
            caller=caller,
            access_key_id=session.access_key_id,
            secret_access_key=self.secret(token),
            token=token.ljust(token_bytes_min, "."),
            expires_at_us=session.expires_at_us,
        )


def _content(token: str) -> bytes | None:
    """What is written in a token of ours, behind which dots may fill it up."""
    if not token.startswith(_MARK):
        return None
    try:
        return base64.urlsafe_b64decode(token.removeprefix(_MARK).rstrip("."))
    except ValueError:
        return None


def _id_of_a_stranger(role_arn: str) -> str:
    """The id of a role that is not stored here: the same one each time."""
    digest = hashlib.sha256(role_arn.encode()).digest()
    return _ID_PREFIX + base64.b32encode(digest).decode()[:17]
