"""What is looked at when a store is opened: a Redis that loses nothing, and whose store it is."""

from collections.abc import Mapping
from typing import cast

from redis.exceptions import OutOfMemoryError, ResponseError

from tandem.errors import StoreUnavailable
from tandem.online.redis.engine import Engine

_FORMAT = b"1"
_VERSION_MIN = (6, 2)
_SYNCED = {"appendonly": "yes", "appendfsync": "always"}
# What changes are made of. One that fails in the middle is not undone, so nothing may fail there.
_TRY = """
local key = KEYS[1]
redis.call('UNLINK', key)
redis.call('HSET', key, 'a', 1)
redis.call('HINCRBY', key, 'a', 1)
redis.call('HGET', key, 'a')
redis.call('HDEL', key, 'a')
redis.call('SET', key, 1, 'EX', 60)
redis.call('GET', key)
redis.call('MSET', key, 1)
redis.call('UNLINK', key)
redis.call('ZADD', key, 0, 'a')
redis.call('ZREMRANGEBYLEX', key, '-', '(a')
redis.call('ZREM', key, 'a')
redis.call('XADD', key, '1-0', 'v', 1)
redis.call('XTRIM', key, 'MINID', '2-0')
redis.call('UNLINK', key)
"""


def check_server(engine: Engine, *, is_trusted: bool) -> None:
    """Raises StoreUnavailable where Redis could lose what it has answered, as far as it can be
    asked; `is_trusted`: its owner says that it does not.
    """
    with engine.errors_named():
        told = engine.client.info()
    version = str(told.get("redis_version", "0"))
    if tuple(int(part) for part in version.split(".")[:2]) < _VERSION_MIN:
        raise StoreUnavailable(
            f"Redis at {engine.place} is version {version}: the online store needs Redis 6.2,"
            " Valkey 7.2, or a newer one"
        )
    if told.get("cluster_enabled"):
        raise StoreUnavailable(
            f"Redis at {engine.place} is part of a cluster, which the online store cannot use yet:"
            " give redis_url one that is not"
        )
    policy = told.get("maxmemory_policy", "noeviction")
    if policy != "noeviction":
        raise StoreUnavailable(
            f"Redis at {engine.place} would evict records when its memory is full (maxmemory-policy"
            f" {policy}): set it to noeviction"
        )
    if not is_trusted:
        _check_synced(engine)
    _try_commands(engine)


def _try_commands(engine: Engine) -> None:
    attempt = engine.client.register_script(_TRY)
    with engine.errors_named():
        try:
            attempt([engine.names.trial])
        except OutOfMemoryError:
            raise
        except ResponseError as error:
            raise StoreUnavailable(
                f"Redis at {engine.place} does not carry out all that the online store is made of"
                f" ({error}): give redis_url a user that may use scripts and all commands on the"
                " store's keys"
            ) from error


def _check_synced(engine: Engine) -> None:
    with engine.errors_named():
        try:
            found = {name: engine.client.config_get(name).get(name) for name in _SYNCED}
        except ResponseError as error:
            raise StoreUnavailable(
                f"Redis at {engine.place} does not tell whether it would lose writes that it has"
                f" answered ({error}): let this user ask for {' and '.join(_SYNCED)}, or set"
                " redis_is_trusted where writes are durable there"
            ) from error
    if found != _SYNCED:
        raise StoreUnavailable(
            f"Redis at {engine.place} would lose writes that it has answered when it ends"
            f" suddenly ({_listed(found)}): set {_listed(_SYNCED)}, or redis_is_trusted where that"
            " is looked after in another way"
        )


def _listed(settings: Mapping[str, str | None]) -> str:
    return ", ".join(f"{name} {value}" for name, value in settings.items())


def claim(engine: Engine) -> None:
    """Makes the store its owner's. Raises StoreUnavailable where it is another one's: two that
    deliver one log would each lose a part of it.
    """
    meta = engine.names.meta
    with engine.errors_named():
        # Nothing is written where it is claimed already, since memory may be full.
        found = engine.client.hmget(meta, "format", "owner", "version")
        if None in found:
            pipeline = engine.client.pipeline(transaction=True)
            pipeline.hsetnx(meta, "format", _FORMAT)
            pipeline.hsetnx(meta, "owner", engine.owner)
            pipeline.hsetnx(meta, "version", 0)
            pipeline.hmget(meta, "format", "owner", "version")
            *_, found = pipeline.execute()
    found_format, found_owner, _ = cast("list[bytes]", found)
    if found_format != _FORMAT:
        raise StoreUnavailable(
            f"the online store in Redis at {engine.place} has format {found_format.decode()}; this"
            f" version of Tandem reads format {_FORMAT.decode()}: use the version that wrote it"
        )
    if found_owner != engine.owner:
        raise StoreUnavailable(
            f"the online store in Redis at {engine.place} belongs to another data folder: give"
            " redis_prefix a name of its own"
        )
    with engine.errors_named():
        if not engine.client.exists(engine.names.owner):
            engine.client.setnx(engine.names.owner, engine.owner)
