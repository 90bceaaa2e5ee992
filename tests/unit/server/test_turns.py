"""Reads pass writes that came before them, and every write has its turn, in order."""

import asyncio
import time

from tandem.server.turns import Turns


class Burst:
    """Writes that each take some time to begin, and the order in which things were done."""

    def __init__(self, seconds: float) -> None:
        self.turns = Turns()
        self.seconds = seconds
        self.done: list[object] = []

    def come(self, count: int) -> None:
        loop = asyncio.get_running_loop()
        for number in range(count):
            self.turns.take(loop, self.begin, number)

    def begin(self, number: object) -> None:
        until = time.perf_counter() + self.seconds
        while time.perf_counter() < until:
            pass
        self.done.append(number)


def test_a_read_waits_for_a_slice_of_the_writes_that_came_before_it() -> None:
    burst = Burst(seconds=0.0002)

    async def serve() -> None:
        burst.come(40)
        # What the loop does next is where a read that has arrived is answered.
        asyncio.get_running_loop().call_soon(burst.done.append, "read")
        await _until(lambda: len(burst.done) == 41)

    asyncio.run(serve())
    assert burst.done.index("read") < 20
    assert [one for one in burst.done if one != "read"] == list(range(40))


def test_as_many_writes_are_begun_as_reads_have_passed() -> None:
    burst = Burst(seconds=0.0001)

    def rounds_of(reads: int) -> int:
        """How many rounds of the loop it takes to begin all, where each brings so many reads."""
        rounds = 0

        async def serve() -> None:
            nonlocal rounds
            burst.come(60)
            while len(burst.done) < 60:
                burst.turns.reads_passed += reads
                await asyncio.sleep(0)
                rounds += 1

        burst.done.clear()
        asyncio.run(serve())
        return rounds

    rounds_of_few, rounds_of_many = rounds_of(0), rounds_of(8)
    assert 1.5 * rounds_of_many < rounds_of_few  # 9 and 30, on a processor of its own


def test_reads_that_passed_no_write_make_no_slice_longer() -> None:
    burst = Burst(seconds=0.0002)
    burst.turns.reads_passed = 1_000

    async def serve() -> None:
        burst.come(40)
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert len(burst.done) <= 3  # one at once, and one in each round
        await _until(lambda: len(burst.done) == 40)

    asyncio.run(serve())


def test_a_slice_has_an_end_however_many_reads_have_passed() -> None:
    burst = Burst(seconds=0.0002)

    async def serve() -> None:
        burst.come(40)
        burst.turns.reads_passed = 1_000
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert len(burst.done) < 20
        await _until(lambda: len(burst.done) == 40)

    asyncio.run(serve())


def test_a_write_that_comes_alone_is_begun_at_once() -> None:
    burst = Burst(seconds=0.0)

    async def serve() -> None:
        for _ in range(3):
            burst.come(1)
            assert len(burst.done) == 1
            burst.done.clear()
            await asyncio.sleep(0.001)

    asyncio.run(serve())


def test_another_loop_has_slices_of_its_own() -> None:
    burst = Burst(seconds=0.001)

    async def end_early() -> None:
        burst.come(5)

    async def serve() -> None:
        burst.come(5)
        await _until(lambda: len(burst.done) == 5)

    asyncio.run(end_early())
    burst.done.clear()
    asyncio.run(serve())
    assert burst.done == list(range(5))


async def _until(is_so: object) -> None:
    assert callable(is_so)
    while not is_so():
        await asyncio.sleep(0)
