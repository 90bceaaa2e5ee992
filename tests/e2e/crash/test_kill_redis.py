"""With the online store in Redis nothing acknowledged is lost and nothing is in history twice,
whichever of the two is killed: the server, Redis, or both.
"""

import os
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from e2e.crash.test_kill import SETTINGS, rounds, verify
from e2e.crash.workload import Account, Writers, create_groups
from e2e.server_process import ServerProcess
from redis_server import MISSING, PROGRAM, RedisServer

ROUNDS = int(os.environ.get("TANDEM_KILL_ROUNDS", "2"))
pytestmark = pytest.mark.skipif(PROGRAM is None, reason=MISSING)


@pytest.fixture(autouse=True)
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[RedisServer]:
    folder = tmp_path / "redis"
    folder.mkdir()
    server = RedisServer(folder)
    monkeypatch.setenv("TANDEM_ONLINE_STORE", "redis")
    monkeypatch.setenv("TANDEM_REDIS_URL", server.url)
    yield server
    server.stop()


def test_the_server_is_killed_and_redis_with_it_now_and_then(
    tmp_path: Path, server: RedisServer
) -> None:
    def prepare(number: int, data: Path) -> tuple[Mapping[str, str], Callable[[], Path]]:
        def survivor() -> Path:
            if number % 2:
                server.kill()
                server.start()
            return data

        return {}, survivor

    assert rounds(tmp_path, prepare, ROUNDS) == []


def test_redis_is_killed_under_a_server_that_goes_on(tmp_path: Path, server: RedisServer) -> None:
    account = Account()
    with ServerProcess(tmp_path / "data", environment=SETTINGS) as tandem:
        create_groups(tandem)
        writers = Writers(tandem, "writers", account)
        writers.begin()
        for _ in range(ROUNDS):
            time.sleep(0.3)
            before = len(account.acknowledged)
            server.kill()
            server.start()
            _until(lambda before=before: len(account.acknowledged) > before + 10)
        writers.stop()
        writers.join()
    assert verify(tmp_path, tmp_path / "data", account) == []


def _until(is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not is_so():
        assert time.monotonic() < deadline, "nothing is written any more"
        time.sleep(0.05)
