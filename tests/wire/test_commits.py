"""Writes of an event loop: those that come together are committed together, and none waits long."""

import asyncio
import time
from collections.abc import Callable, Iterator, Sequence

import pytest

from tandem.online.base import Committed, Outcome, Request
from tandem.online.memory import MemoryOnlineStore
from tandem.service.group_commit import GroupCommit
from tandem.testing.writes import a_put
from tandem.wire.commits import CommitWaits


class CountingStore(MemoryOnlineStore):
    """Remembers the size of each call."""

    def __init__(self) -> None:
        super().__init__()
        self.sizes: list[int] = []

    def write(self, writes: Sequence[Request], clock: Callable[[], int]) -> list[Outcome]:
        self.sizes.append(len(writes))
        return super().write(writes, clock)


@pytest.fixture
def store() -> CountingStore:
    return CountingStore()


@pytest.fixture
def commits(store: CountingStore) -> Iterator[GroupCommit]:
    found = GroupCommit(store, lambda: 1)
    yield found
    found.close()


async def write(waits: CommitWaits, commits: GroupCommit, name: str) -> None:
    waits.gather()
    (outcome,) = await waits.until(commits.submit([a_put(name)]))
    assert isinstance(outcome, Committed)


@pytest.fixture
def unhurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rounds of the loop count alone, however long a busy machine takes for them."""
    monkeypatch.setattr("tandem.wire.commits._GATHER_SECONDS_MAX", 60)
    monkeypatch.setattr("tandem.wire.commits._HOLD_SECONDS_MAX", 60)


@pytest.mark.usefixtures("unhurried")
def test_what_comes_in_a_few_rounds_is_one_commit(
    store: CountingStore, commits: GroupCommit
) -> None:
    waits = CommitWaits(commits)

    async def one(number: int) -> None:
        for _ in range(number % 3):
            await asyncio.sleep(0)
        time.sleep(0.001)  # the thread of the commits could begin, if it were not held
        await write(waits, commits, f"k{number}")

    async def all_of_them() -> None:
        await asyncio.gather(*(one(number) for number in range(30)))

    asyncio.run(all_of_them())
    assert store.sizes == [30]


@pytest.mark.usefixtures("unhurried")
def test_one_alone_does_not_wait(store: CountingStore, commits: GroupCommit) -> None:
    waits = CommitWaits(commits)

    async def one_after_another() -> None:
        for number in range(20):
            await asyncio.wait_for(write(waits, commits, f"k{number}"), 30)

    asyncio.run(one_after_another())
    assert store.sizes == [1] * 20


def test_writes_that_never_end_are_committed_meanwhile(
    store: CountingStore, commits: GroupCommit
) -> None:
    waits = CommitWaits(commits)

    async def stream_until_the_first_is_committed() -> None:
        deadline = time.perf_counter() + 60
        tasks = [asyncio.create_task(write(waits, commits, "k0"))]
        while not tasks[0].done():
            assert time.perf_counter() < deadline
            tasks.append(asyncio.create_task(write(waits, commits, f"k{len(tasks)}")))
            await asyncio.sleep(0)
        await asyncio.gather(*tasks)

    asyncio.run(stream_until_the_first_is_committed())
    assert len(store.sizes) > 1


def test_a_loop_that_ends_holds_nobody_up(store: CountingStore, commits: GroupCommit) -> None:
    waits = CommitWaits(commits)
    with asyncio.Runner() as runner:
        runner.get_loop().call_soon(waits.gather)
        runner.get_loop().call_soon(runner.get_loop().stop)
        runner.get_loop().run_forever()
    time.sleep(0.01)
    commits.submit([a_put("after")]).result(timeout=60)
    assert store.sizes == [1]
    asyncio.run(write(waits, commits, "another loop"))
