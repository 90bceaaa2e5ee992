"""Reads of an event loop from a remote store: those that wait are one call, and one fails alone."""

import asyncio
import gc
import threading
from collections.abc import Sequence
from typing import Any

import pytest

from tandem.errors import DataCorrupted, StoreUnavailable
from tandem.model.write import RecordKey
from tandem.online.online_record import OnlineRecord
from tandem.testing.writes import a_put
from tandem.wire.reads import Answer, GatheredReads

from .remote_store import RemoteStore


def keys(*identifiers: str) -> list[RecordKey]:
    return [RecordKey("group-1", identifier) for identifier in identifiers]


def names(answer: Answer) -> list[str | None]:
    """What there is of each key: its value, an error's name, or None."""
    return [
        None
        if one is None
        else one.features_json.decode().partition('"a","ValueAsString":"')[2].partition('"')[0]
        if isinstance(one, OnlineRecord)
        else type(one).__name__
        for one in answer
    ]


@pytest.fixture
def store() -> RemoteStore:
    made = RemoteStore()
    made.write([a_put(f"k{number}", a=f"v{number}") for number in range(100)], lambda: 1)
    return made


@pytest.fixture
def reads(store: RemoteStore) -> GatheredReads:
    return GatheredReads(store)


async def under_way(store: RemoteStore, reads: GatheredReads) -> "asyncio.Future[Answer]":
    """A question whose call has begun, and waits until the store may answer."""
    store.may_answer.clear()
    first = reads.ask(keys("k0"))
    await asyncio.to_thread(store.wait_for_a_call)
    return first


async def given(*questions: "asyncio.Future[Answer]") -> list[Any]:
    """The answers, or errors."""
    found = asyncio.gather(*questions, return_exceptions=True)
    return [
        one if isinstance(one, BaseException) else names(one)
        for one in await asyncio.wait_for(found, 60)
    ]


def test_what_comes_during_a_call_is_the_next_one(store: RemoteStore, reads: GatheredReads) -> None:
    async def ask() -> list[Any]:
        first = await under_way(store, reads)
        others = []
        for number in range(1, 30):
            others.append(reads.ask(keys(f"k{number}", f"no{number}")))
            await asyncio.sleep(0)
        assert store.sizes == [1]
        store.may_answer.set()
        return await given(first, *others)

    assert asyncio.run(ask()) == [["v0"], *([f"v{number}", None] for number in range(1, 30))]
    assert store.sizes == [1, 58]


def test_one_alone_does_not_wait(store: RemoteStore, reads: GatheredReads) -> None:
    async def ask() -> None:
        for number in range(20):
            assert await given(reads.ask(keys(f"k{number}"))) == [[f"v{number}"]]

    asyncio.run(ask())
    assert store.sizes == [1] * 20


def test_what_comes_in_one_round_is_one_call(store: RemoteStore, reads: GatheredReads) -> None:
    async def ask() -> list[Any]:
        return await given(*(reads.ask(keys(f"k{number}")) for number in range(5)))

    assert asyncio.run(ask()) == [[f"v{number}"] for number in range(5)]
    assert store.sizes == [5]


def test_a_call_is_bounded(
    store: RemoteStore, reads: GatheredReads, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tandem.wire.reads._KEYS_MAX", 10)

    async def ask(*sizes: int) -> None:
        first = await under_way(store, reads)
        others = [reads.ask(keys(*["k1"] * size)) for size in sizes]
        store.may_answer.set()
        expected = [["v0"], *(["v1"] * size for size in sizes)]
        assert await given(first, *others) == expected

    asyncio.run(ask(4, 4, 4, 25, 1, 9, 1))
    assert store.sizes == [1, 8, 4, 25, 10, 1]


def test_a_damaged_record_fails_alone(store: RemoteStore, reads: GatheredReads) -> None:
    store.damaged = {"k5"}

    async def ask() -> list[Any]:
        alone = [reads.ask(keys(f"k{number}")) for number in range(8)]
        return await given(*alone, reads.ask(keys("k1", "k5", "k2")), reads.ask(keys("k3", "k4")))

    expected: list[list[str]] = [[f"v{number}"] for number in range(8)]
    expected[5] = ["DataCorrupted"]
    assert asyncio.run(ask()) == [*expected, ["v1", "DataCorrupted", "v2"], ["v3", "v4"]]


def test_where_the_store_does_not_answer_all_of_the_call_fail(
    store: RemoteStore, reads: GatheredReads, caplog: pytest.LogCaptureFixture
) -> None:
    async def ask() -> None:
        store.go_away()
        first = await under_way(store, reads)
        others = [reads.ask(keys("k1")), reads.ask(keys("k2"))]
        store.may_answer.set()
        for error in await given(first, *others):
            assert isinstance(error, StoreUnavailable)
        assert store.sizes == [1, 2]  # and nobody asked again
        store.failure = None
        assert await given(reads.ask(keys("k1"))) == [["v1"]]

    asyncio.run(ask())
    assert not caplog.records


def test_a_fault_of_the_store_does_not_end_the_reads(
    store: RemoteStore, reads: GatheredReads
) -> None:
    async def ask() -> None:
        store.failure = ZeroDivisionError()
        (error,) = await given(reads.ask(keys("k1")))
        assert isinstance(error, ZeroDivisionError)
        store.failure = None
        assert await given(reads.ask(keys("k1"))) == [["v1"]]

    asyncio.run(ask())


@pytest.mark.parametrize("fails", [False, True])
def test_who_goes_away_hurts_nobody(
    store: RemoteStore, reads: GatheredReads, caplog: pytest.LogCaptureFixture, fails: bool
) -> None:
    async def wait(question: "asyncio.Future[Answer]") -> Answer:
        return await question

    async def ask() -> None:
        under_way_now = asyncio.create_task(wait(await under_way(store, reads)))
        waiting = [asyncio.create_task(wait(reads.ask(keys(f"k{n}")))) for n in range(1, 4)]
        never_begun = asyncio.create_task(wait(reads.ask(keys("k4"))))
        never_begun.cancel()  # it will not even have come to wait
        await asyncio.sleep(0)
        under_way_now.cancel()
        waiting[1].cancel()
        await asyncio.sleep(0)
        if fails:
            store.go_away()
        store.may_answer.set()
        found = await asyncio.gather(*waiting, return_exceptions=True)
        assert isinstance(found[1], asyncio.CancelledError)
        for number, one in ((1, found[0]), (3, found[2])):
            if fails:
                assert isinstance(one, StoreUnavailable)
            else:
                assert not isinstance(one, BaseException)
                assert names(one) == [f"v{number}"]
        store.failure = None
        assert await given(reads.ask(keys("k5"))) == [["v5"]]

    asyncio.run(ask())
    assert "k2" not in store.calls[1]  # nobody waited for it any more
    assert not caplog.records


def test_another_loop_may_run_later(store: RemoteStore, reads: GatheredReads) -> None:
    async def leave() -> None:
        await under_way(store, reads)
        reads.ask(keys("k1"))

    asyncio.run(leave())  # that loop is closed while its call is under way
    threading.Timer(0.05, store.may_answer.set).start()
    for _ in range(2):
        assert asyncio.run(one(reads, "k2", "k3")) == [["v2", "v3"]]
    assert store.sizes == [1, 2, 2]


async def one(reads: GatheredReads, *identifiers: str) -> list[Any]:
    return await given(reads.ask(keys(*identifiers)))


def test_a_question_of_nothing_needs_no_call(store: RemoteStore, reads: GatheredReads) -> None:
    assert asyncio.run(one(reads)) == [[]]
    assert store.calls == []


def test_a_call_wakes_the_loop_once(
    store: RemoteStore, reads: GatheredReads, monkeypatch: pytest.MonkeyPatch
) -> None:
    wakes: list[Sequence[Any]] = []

    async def ask() -> None:
        first = await under_way(store, reads)
        others = [reads.ask(keys(f"k{number}")) for number in range(50)]
        loop = asyncio.get_running_loop()
        wake = loop.call_soon_threadsafe

        def counted(*arguments: Any, **more: Any) -> Any:
            wakes.append(arguments)
            return wake(*arguments, **more)

        monkeypatch.setattr(loop, "call_soon_threadsafe", counted)
        store.may_answer.set()
        await given(first, *others)
        assert len(wakes) == len(store.calls) == 2

    asyncio.run(ask())


def test_its_thread_ends_with_it(store: RemoteStore) -> None:
    def threads() -> set[threading.Thread]:
        return {one for one in threading.enumerate() if one.name == "tandem-reads"}

    before = threads()
    reads = GatheredReads(store)
    assert asyncio.run(one(reads, "k1")) == [["v1"]]
    (mine,) = threads() - before
    del reads
    gc.collect()
    mine.join(60)
    assert not mine.is_alive()


def test_errors_are_of_their_kind(store: RemoteStore, reads: GatheredReads) -> None:
    """A single question gets the error of its record as its answer, too."""
    store.damaged = {"k5"}

    async def ask() -> None:
        (error,) = await reads.ask(keys("k5"))
        assert isinstance(error, DataCorrupted)
        assert "'k5'" in str(error)

    asyncio.run(ask())
