"""Redis as the store needs it: to change what was read, or nothing.

* Whoever changes something has read it first, with the version that it had, decides in Python, and
  has the commands applied by one script, which looks at the version. Of two that decide at once one
  is told to read again. Nobody holds a lock, so nobody can die with one.
* The script applies a change once: a caller that lost its answer asks again with the same token.
  The client does that by itself for some seconds, so a restart of Redis is only slow. Behind that
  nobody knows whether it was applied: AnswerLost.
* An answer comes after the change is on disk where Redis syncs its log of commands each time, which
  is looked at when the store is opened.
"""

import secrets
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Generic, NamedTuple, TypeVar
from urllib.parse import urlsplit

import redis
from redis.backoff import ExponentialBackoff
from redis.exceptions import (
    AuthenticationError,
    AuthorizationError,
    ConnectionError,  # noqa: A004 - those of the system are OSErrors
    NoPermissionError,
    OutOfMemoryError,
    RedisError,
    TimeoutError,  # noqa: A004
)
from redis.retry import Retry

from tandem.errors import AnswerLost, StoreUnavailable, ValidationError
from tandem.online.redis.names import STANDING_FIELDS, Command, Names, Standing, standing

Pipeline = redis.client.Pipeline
_Found = TypeVar("_Found")
_RETRIES = 6
_PAUSE_SECONDS = (0.05, 1.0)
"""Between the first two attempts, and at most: about three seconds in all."""
_TIMEOUT_SECONDS, _CONNECT_TIMEOUT_SECONDS = 10.0, 2.0
_APPLY_ATTEMPTS = 3
"""A change that takes long may be under way still: only who waits on learns of it."""
_CONNECTIONS_MAX = 10_000
"""As many as Redis takes by default: each thread that calls has one."""
_MEND = "restore Redis and the data folder from one backup, and start again"
_CALL_KEPT_SECONDS = 3_600
_WORDS_MAX = 1_000
"""Of one command: Lua takes fewer than 8,000 from a table."""

# KEYS: meta, the token of this caller's last change.
# ARGV: the version, the token of this change, how long to keep that, whether the change makes room;
# then each command: how many words it has, and these.
# Where memory is full, Redis lets a script go on that begins with a removal.
_APPLY = """
if redis.call('GET', KEYS[2]) == ARGV[2] then return 1 end
if redis.call('HGET', KEYS[1], 'version') ~= ARGV[1] then return 0 end
if ARGV[4] == '1' then redis.call('UNLINK', KEYS[2]) end
redis.call('SET', KEYS[2], ARGV[2], 'EX', ARGV[3])
redis.call('HINCRBY', KEYS[1], 'version', 1)
local at = 5
while at <= #ARGV do
  local last = at + tonumber(ARGV[at])
  redis.call(unpack(ARGV, at + 1, last))
  at = last + 1
end
return 1
"""


class Decided(NamedTuple, Generic[_Found]):
    """What was decided on what a store was at `version`: what to change, and what to answer then.
    Without commands there is nothing to change. What makes room is done where memory is full, too.
    """

    version: int
    commands: Sequence[Command]
    found: _Found
    makes_room: bool = False


class Engine:
    """Safe to use from many threads; a child after a fork may read."""

    def __init__(self, url: str, prefix: str, owner: str = "") -> None:
        if not prefix or set(prefix) & set("{}"):
            raise ValidationError(
                f"redis_prefix {prefix!r} is not valid: it is a name without braces"
            )
        self.names = Names(prefix)
        self.owner = owner.encode()
        self._position_seen = 0
        self._client = _client(url)
        self.place = _place(url)
        self._apply = self._client.register_script(_APPLY)
        self._calls = self.names.calls(secrets.token_hex(8).encode())
        self._changing = threading.Lock()
        self._is_closed = False

    @property
    def client(self) -> "redis.Redis":
        """For single commands. Raises StoreUnavailable where the store is closed."""
        if self._is_closed:
            raise StoreUnavailable("the online store is closed: connect again")
        return self._client

    def read(self, ask: Callable[[Pipeline], object]) -> tuple[Standing, list[Any]]:
        """Where the store stood, and the answers to what `ask` asks for: of that moment or later,
        and of that moment alone where the version is still the same when they are acted on. Not a
        transaction: Redis takes none where its memory is full. Raises StoreUnavailable where Redis
        has lost what it had answered.
        """
        # Before the call: while it is under way, another one may see more.
        seen = self._position_seen
        with self.errors_named():
            pipeline = self.client.pipeline(transaction=False)
            pipeline.hmget(self.names.meta, STANDING_FIELDS)
            ask(pipeline)
            values, *answers = pipeline.execute()
        at = standing(values)
        self._check_nothing_lost(at, seen)
        self._position_seen = max(at.position, self._position_seen)
        return at, answers

    def check_owner(self, owner: bytes | None) -> None:
        """Raises StoreUnavailable where the store is another's than at its opening, or nobody's."""
        if owner != self.owner:
            raise StoreUnavailable(
                f"Redis at {self.place} has lost the store that was opened there: {_MEND}"
            )

    def _check_nothing_lost(self, at: Standing, seen: int) -> None:
        """New entries would take positions that count as delivered, and never come into history."""
        self.check_owner(at.owner)
        if at.position < seen:
            raise StoreUnavailable(
                f"Redis at {self.place} has lost writes that it had answered: its log ends at"
                f" position {at.position}, and ended at {seen}: {_MEND}"
            )

    def change(self, decide: Callable[[], "Decided[_Found]"]) -> _Found:
        """Reads and decides by `decide`, until nobody has come between, and applies the commands,
        all or none of them. Of this process one at a time.
        """
        with self._changing:
            while True:
                decided = decide()
                if not decided.commands or self._applied(decided):
                    return decided.found

    def _applied(self, decided: Decided[Any]) -> bool:
        words: list[Any] = [decided.version, secrets.token_bytes(16), _CALL_KEPT_SECONDS]
        words.append(int(decided.makes_room))
        for command in decided.commands:
            words.append(len(command))
            words += command
        keys = [self.names.meta, self._calls]
        with self.errors_named(of_connection=AnswerLost):
            attempts = 0
            while True:
                attempts += 1
                try:
                    return bool(self._apply(keys, words, client=self.client))
                except TimeoutError:
                    if attempts == _APPLY_ATTEMPTS:
                        raise

    def close(self) -> None:
        self._is_closed = True
        self._client.close()

    @contextmanager
    def errors_named(
        self, *, of_connection: type[StoreUnavailable] = StoreUnavailable
    ) -> Iterator[None]:
        """Makes errors of the client ours."""
        try:
            yield
        except (AuthenticationError, AuthorizationError, NoPermissionError) as error:
            raise StoreUnavailable(
                f"Redis at {self.place} lets this store not in ({error}): give redis_url a user and"
                " a password that may use all commands on its keys"
            ) from error
        except OutOfMemoryError as error:
            raise StoreUnavailable(
                f"Redis at {self.place} has no memory left: raise its maxmemory"
            ) from error
        except (ConnectionError, TimeoutError, OSError) as error:
            raise of_connection(
                f"Redis at {self.place} does not answer ({error}): see that it runs there, and try"
                " again"
            ) from error
        except RedisError as error:
            raise StoreUnavailable(f"Redis at {self.place} refuses a command: {error}") from error


def in_parts(start: Command, words: Sequence[Any]) -> Iterator[Command]:
    """Commands that begin alike and together take all the words."""
    for at in range(0, len(words), _WORDS_MAX):
        yield (*start, *words[at : at + _WORDS_MAX])


def _client(url: str) -> "redis.Redis":
    base, cap = _PAUSE_SECONDS
    if url.startswith("valkey"):  # the client knows one name of both
        url = f"redis{url.removeprefix('valkey')}"
    try:
        client = redis.Redis.from_url(
            url,
            # Not after a timeout: a Redis that hangs would be waited for again and again.
            retry=Retry(ExponentialBackoff(base=base, cap=cap), _RETRIES, (ConnectionError,)),
            socket_timeout=_TIMEOUT_SECONDS,
            socket_connect_timeout=_CONNECT_TIMEOUT_SECONDS,
            max_connections=_CONNECTIONS_MAX,
        )
        # Makes a connection's object, which knows the options, and connects nowhere.
        client.connection_pool.make_connection()
    except (ValueError, TypeError, RedisError):
        # Its reason may quote a password that was cut at such a character.
        raise ValidationError(
            "redis_url is not valid: it is redis://host:port/number, rediss:// with TLS, or"
            " unix:///path; in a user and a password, characters such as / ? # [ @ are written as"
            " %2F and so on"
        ) from None
    return client


def _place(url: str) -> str:
    """Without user and password."""
    parts = urlsplit(url)
    return parts.netloc.rpartition("@")[2] + parts.path
