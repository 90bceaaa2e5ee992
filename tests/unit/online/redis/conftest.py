"""A Redis for the tests of a file, and a prefix in it for each test."""

import secrets
from collections.abc import Iterator

import pytest

from redis_server import MISSING, PROGRAM, RedisServer


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    if PROGRAM is None:
        pytest.skip(MISSING)
    server = RedisServer(tmp_path_factory.mktemp("redis"))
    yield server
    server.stop()


@pytest.fixture
def prefix() -> str:
    return secrets.token_hex(4)
