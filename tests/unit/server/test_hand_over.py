"""A connection goes to whoever has the fewest, is not lost where a worker stops, and waits where
there is nobody.
"""

import asyncio
import socket
import tempfile
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tandem.server import hand_over
from tandem.server.companion_process import listening
from tandem.server.hand_over import Distribution, HandedOver, _Worker


class Says(asyncio.Protocol):
    """Says the name of its worker to each connection, and ends it when the client does."""

    def __init__(self, worker: "Worker") -> None:
        self._worker = worker

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._worker.connections += 1
        self._worker.handed.report(self._worker.connections)
        transport.write(self._worker.name.encode())

    def connection_lost(self, error: Exception | None) -> None:
        self._worker.connections -= 1
        self._worker.handed.report(self._worker.connections)


class Worker:
    def __init__(self, folder: Path, name: str) -> None:
        self.name = name
        self.connections = 0
        self.handed = HandedOver(listening(str(folder / name)))
        self.handed.begin(lambda: Says(self))


@pytest.fixture
def folder() -> Iterator[Path]:
    # The path that pytest gives is too long for a socket.
    with tempfile.TemporaryDirectory(dir="/tmp") as short:
        yield Path(short)


class Scene:
    """A listener with two places for workers, some of which are there."""

    def __init__(self, folder: Path) -> None:
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.folder = folder
        self.clients: list[socket.socket] = []
        self.workers: list[Worker] = []
        self.distribution = Distribution(self.listener, [folder / "a", folder / "b"])
        self._running = asyncio.create_task(self.distribution.run())

    def worker(self, name: str) -> Worker:
        self.workers.append(Worker(self.folder, name))
        return self.workers[-1]

    async def both(self) -> tuple[Worker, Worker]:
        workers = self.worker("a"), self.worker("b")
        await self.distribution.reached()
        while any(worker.handed._channel is None for worker in workers):
            await asyncio.sleep(0)
        return workers

    def loads(self) -> list[int]:
        return sorted(worker.load for worker in self.distribution._workers)

    async def who(self) -> str:
        """Which worker a new connection gets."""
        loop = asyncio.get_running_loop()
        self.clients.append(client := socket.socket())
        client.setblocking(False)
        await loop.sock_connect(client, self.listener.getsockname())
        return (await asyncio.wait_for(loop.sock_recv(client, 9), 60)).decode()

    async def close(self) -> None:
        for client in self.clients:
            client.close()
        while any(worker.connections for worker in self.workers):
            await asyncio.sleep(0.01)
        self._running.cancel()
        with suppress(asyncio.CancelledError):
            await self._running
        for worker in self.workers:
            await worker.handed.end()
        self.listener.close()


async def _spread(scene: Scene) -> None:
    settle = _Worker.settle
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(hand_over, "_SETTLE_SECONDS", 0.05)
        patch.setattr(_Worker, "settle", lambda _: None)  # the time has not come yet
        await _spread_before(scene)
        patch.setattr(_Worker, "settle", settle)
        while scene.loads() != [1, 6]:
            await asyncio.sleep(0.01)
    assert [await scene.who() for _ in range(4)] == ["a"] * 4


async def _spread_before(scene: Scene) -> None:
    first, _ = await scene.both()
    names = [await scene.who() for _ in range(10)]
    assert Counter(names) == {"a": 5, "b": 5}
    for name, client in zip(names, scene.clients, strict=True):
        if name == "a":
            client.close()
    while first.connections:
        await asyncio.sleep(0.01)
    await asyncio.sleep(0.05)  # the listener hears of it, but does not go by it yet
    assert sorted([await scene.who() for _ in range(2)]) == ["a", "b"]


async def _one_stops(scene: Scene) -> None:
    first, second = await scene.both()
    calling = [asyncio.create_task(scene.who()) for _ in range(40)]
    await asyncio.sleep(0.002)
    await first.handed.end()
    names = await asyncio.gather(*calling)  # each is answered, those on their way to it, too
    assert {"a", "b"} >= set(names) >= {"b"}
    assert [await scene.who() for _ in range(3)] == ["b"] * 3
    # Nobody is left: who comes now waits for the next one.
    await second.handed.end()
    waiting = asyncio.create_task(scene.who())
    await asyncio.sleep(0.1)
    assert not waiting.done()
    scene.worker("a")
    assert await waiting == "a"


async def _one_takes_nothing(scene: Scene) -> None:
    first, _ = await scene.both()
    channel = first.handed._channel
    assert channel is not None
    asyncio.get_running_loop().remove_reader(channel)  # as if it were halted
    lost = [asyncio.create_task(scene.who()) for _ in range(2)]
    while not any(worker.is_stuck for worker in scene.distribution._workers):
        await asyncio.sleep(0.01)
    assert [await scene.who() for _ in range(6)] == ["b"] * 6
    while first.handed._take_connection() and first.connections < 1:
        await asyncio.sleep(0.01)
    assert sorted([await one for one in lost]) == ["a", "b"]


async def _clients_leave_early(scene: Scene) -> None:
    await scene.both()
    for _ in range(20):
        socket.create_connection(scene.listener.getsockname()).close()
    assert await scene.who() in "ab"


async def _played(play: Callable[[Scene], Awaitable[None]], folder: Path) -> None:
    scene = Scene(folder)
    await asyncio.wait_for(play(scene), 120)
    await scene.close()


@pytest.mark.parametrize("play", [_spread, _one_stops, _one_takes_nothing, _clients_leave_early])
def test_connections(folder: Path, play: Callable[[Scene], Awaitable[None]]) -> None:
    asyncio.run(_played(play, folder))
