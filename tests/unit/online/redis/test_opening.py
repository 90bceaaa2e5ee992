"""A store is opened in a Redis that loses nothing, and by its owner alone."""

from collections.abc import Iterator
from contextlib import closing, contextmanager

import pytest

from redis_server import RedisServer
from tandem.errors import StoreUnavailable, ValidationError
from tandem.online.redis import RedisOnlineStore
from tandem.testing.writes import a_put


@contextmanager
def configured(server: RedisServer, name: str, value: str) -> Iterator[None]:
    before = server.client.config_get(name)[name]
    server.client.config_set(name, value)
    yield
    server.client.config_set(name, before)


@pytest.mark.parametrize(("name", "value"), [("appendonly", "no"), ("appendfsync", "everysec")])
def test_a_redis_that_may_lose_writes_is_refused(
    server: RedisServer, prefix: str, name: str, value: str
) -> None:
    with configured(server, name, value):
        with pytest.raises(StoreUnavailable, match=f"{name} {value}.*set appendonly yes"):
            RedisOnlineStore(server.url, prefix)
        RedisOnlineStore(server.url, prefix, is_trusted=True).close()


def test_a_redis_that_evicts_is_refused(server: RedisServer, prefix: str) -> None:
    with (
        configured(server, "maxmemory-policy", "allkeys-lru"),
        pytest.raises(StoreUnavailable, match=r"evict records.*allkeys-lru.*noeviction"),
    ):
        RedisOnlineStore(server.url, prefix, is_trusted=True)


def test_a_store_has_one_owner(server: RedisServer, prefix: str) -> None:
    RedisOnlineStore(server.url, prefix, owner="one").close()
    with pytest.raises(StoreUnavailable, match=r"belongs to another data folder.*redis_prefix"):
        RedisOnlineStore(server.url, prefix, owner="other")
    RedisOnlineStore(server.url, prefix, owner="one").close()


def test_a_format_of_later_versions_is_refused(server: RedisServer, prefix: str) -> None:
    server.client.hset(f"{{{prefix}}}:meta", "format", "2")
    with pytest.raises(StoreUnavailable, match=r"format 2.*reads format 1"):
        RedisOnlineStore(server.url, prefix)


def test_where_nobody_answers_the_place_is_named_and_no_password(server: RedisServer) -> None:
    with pytest.raises(StoreUnavailable) as told:
        RedisOnlineStore("redis://me:secret@127.0.0.1:1/0")
    assert "127.0.0.1:1/0" in str(told.value)
    assert "secret" not in str(told.value)


def test_a_wrong_password_is_told(server: RedisServer) -> None:
    with pytest.raises(StoreUnavailable, match="user and a password") as told:
        RedisOnlineStore(server.url.replace("//", "//me:secret@"))
    assert "secret" not in str(told.value)


@pytest.mark.parametrize("command", ["evalsha", "xadd", "zremrangebylex", "mset"])
def test_a_user_who_may_not_use_all_commands_is_told_before_a_change_fails_in_its_middle(
    server: RedisServer, prefix: str, command: str
) -> None:
    allowed = ["+@all", f"-{command}"]
    server.client.acl_setuser("few", enabled=True, nopass=True, keys=["*"], commands=allowed)
    with pytest.raises(StoreUnavailable, match=r"give redis_url a user that may use scripts"):
        RedisOnlineStore(server.url.replace("//", "//few:any@"), prefix)
    assert server.client.keys(f"{{{prefix}}}:meta") == []


def test_a_redis_that_does_not_tell_its_settings_must_be_trusted(
    server: RedisServer, prefix: str
) -> None:
    allowed = ["+@all", "-config"]
    server.client.acl_setuser("silent", enabled=True, nopass=True, keys=["*"], commands=allowed)
    url = server.url.replace("//", "//silent:any@")
    with pytest.raises(StoreUnavailable, match=r"does not tell.*set redis_is_trusted"):
        RedisOnlineStore(url, prefix)
    RedisOnlineStore(url, prefix, is_trusted=True).close()


@pytest.mark.parametrize("url", ["http://localhost", "localhost:6379", ""])
def test_a_url_of_something_else_is_refused(url: str) -> None:
    with pytest.raises(ValidationError, match=r"redis_url is not valid.*redis://host:port"):
        RedisOnlineStore(url)


@pytest.mark.parametrize(
    "url",
    [
        "redis://me:sec/ret@localhost",
        "redis://me:sec#ret@localhost",
        "redis://me:sec[ret@localhost",
        "redis://me:secret@localhost?socket_timeout=x",
        "redis://me:secret@localhost?unknown=x",
        "rediss://me:secret@localhost?ssl_cert_reqs=x",
    ],
)
def test_a_url_that_cannot_be_used_tells_nothing_of_its_password(url: str) -> None:
    with pytest.raises(ValidationError, match=r"redis_url is not valid.*%2F") as told:
        RedisOnlineStore(url)
    assert "sec" not in str(told.value)


@pytest.mark.parametrize("prefix", ["", "a{b}"])
def test_a_prefix_is_a_name(server: RedisServer, prefix: str) -> None:
    with pytest.raises(ValidationError, match="redis_prefix"):
        RedisOnlineStore(server.url, prefix)


def test_a_url_of_valkey(server: RedisServer, prefix: str) -> None:
    RedisOnlineStore(server.url.replace("redis://", "valkey://"), prefix).close()


def test_a_full_memory_is_told_and_nothing_is_written(server: RedisServer, prefix: str) -> None:
    with closing(RedisOnlineStore(server.url, prefix)) as store:
        store.write([a_put("a")], lambda: 1)
        with configured(server, "maxmemory", "1mb"):
            with pytest.raises(StoreUnavailable, match="no memory left: raise its maxmemory"):
                store.write([a_put("b")], lambda: 1)
            assert [found for found, _ in store.scan("group-1", None, 9)] == ["a"]
        store.write([a_put("b")], lambda: 1)


def test_what_makes_room_is_done_where_memory_is_full(server: RedisServer, prefix: str) -> None:
    with closing(RedisOnlineStore(server.url, prefix)) as store:
        for name in ("a", "b", "c"):
            store.write([a_put(name)], lambda: 1)
        with configured(server, "maxmemory", "1mb"):
            with store.log() as log:
                assert len(list(log.parts(0, 0))) == 3
            store.trim(0, 3)
            assert server.client.xlen(f"{{{prefix}}}:log") == 0
            assert store.forget("group-1", 2) == 2
            with closing(RedisOnlineStore(server.url, prefix)) as other:
                assert [found for found, _ in other.scan("group-1", None, 9)] == ["c"]
        store.write([a_put("d")], lambda: 1)
