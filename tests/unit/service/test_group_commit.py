"""Group commit: batches form while a commit is under way, and one bad write fails alone."""

import os
import sys
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

import pytest

from tandem.errors import DataCorrupted, StoreUnavailable
from tandem.model.write import Write
from tandem.online.base import Committed, Outcome, Request
from tandem.online.memory import MemoryOnlineStore
from tandem.service.group_commit import GroupCommit
from tandem.testing.segment_contract import rows_to_load, segment_write
from tandem.testing.writes import a_put


class SlowStore(MemoryOnlineStore):
    """Waits in its first write until it is let go; remembers the size of each call."""

    def __init__(self) -> None:
        super().__init__()
        self.entered, self.let_go = threading.Event(), threading.Event()
        self.sizes: list[int] = []
        self.poison = ""

    def write(self, writes: Sequence[Request], clock: Callable[[], int]) -> list[Outcome]:
        self.sizes.append(len(writes))
        self.entered.set()
        self.let_go.wait()
        if any(isinstance(one, Write) and one.key.identifier == self.poison for one in writes):
            raise DataCorrupted("planted")
        return super().write(writes, clock)


def test_what_waits_becomes_one_commit() -> None:
    store = SlowStore()
    commits = GroupCommit(store, lambda: 1)
    first = commits.submit([a_put("first")])
    store.entered.wait()
    rest = [commits.submit([a_put(f"k{number}")]) for number in range(20)]
    assert not first.done()
    store.let_go.set()
    positions = []
    for future in [first, *rest]:
        (outcome,) = future.result(timeout=60)
        assert isinstance(outcome, Committed)
        positions.append(outcome.position)
    assert positions == list(range(1, 22))
    assert store.sizes == [1, 20]
    commits.close()


def test_one_bad_write_fails_alone() -> None:
    store = SlowStore()
    store.poison = "bad"
    commits = GroupCommit(store, lambda: 1)
    futures = {name: commits.submit([a_put(name)]) for name in ("first", "good", "bad", "fine")}
    store.let_go.set()
    for name in ("first", "good", "fine"):
        assert isinstance(futures[name].result(timeout=60)[0], Committed)
    with pytest.raises(DataCorrupted):
        futures["bad"].result(timeout=60)
    commits.close()


def test_a_store_that_fails_fails_all_who_wait() -> None:
    store = MemoryOnlineStore()
    store.close()
    commits = GroupCommit(store, lambda: 1)
    with pytest.raises(StoreUnavailable):
        commits.submit([a_put()]).result(timeout=60)
    commits.close()


def test_close_commits_what_is_waiting_and_then_refuses() -> None:
    store = SlowStore()
    commits = GroupCommit(store, lambda: 1)
    futures = [commits.submit([a_put(str(number))]) for number in range(3)]
    store.let_go.set()
    commits.close()
    assert all(isinstance(future.result()[0], Committed) for future in futures)
    with pytest.raises(StoreUnavailable, match="closed"):
        commits.submit([a_put()])


def test_a_put_does_not_wait_for_the_segments_of_a_load() -> None:
    store = SlowStore()
    commits = GroupCommit(store, lambda: 1)
    first = commits.submit([a_put("first")])
    store.entered.wait()
    rows = rows_to_load([("a", 1), ("b", 2)])
    with segment_write(store, rows) as segment:
        segments = [commits.submit([segment]) for _ in range(3)]
        puts = [commits.submit([a_put(f"k{number}")]) for number in range(2)]
        store.let_go.set()
        for future in [first, *segments, *puts]:
            future.result()
    commits.close()
    assert store.sizes == [1, 1, 2, 1, 1], "a segment, the puts, the other segments"
    with store.log() as log:
        assert [part.position for part in log.parts(0, 0)] == [1, 3, 4, 5, 7, 9]


def test_held_commits_begin_when_they_are_released() -> None:
    store = SlowStore()
    store.let_go.set()
    commits = GroupCommit(store, lambda: 1)
    commits.hold(60)
    futures = [commits.submit([a_put(str(number))]) for number in range(3)]
    assert not store.entered.wait(0.05)
    commits.release()
    for future in futures:
        future.result(timeout=60)
    assert store.sizes == [3]
    commits.hold(60)
    last = commits.submit([a_put("last")])
    commits.close()
    assert last.done()


def test_what_was_released_is_committed_though_they_are_held_again() -> None:
    commits = GroupCommit(MemoryOnlineStore(), lambda: 1)
    for number in range(300):
        commits.hold(60)
        future = commits.submit([a_put(f"k{number}")])
        commits.release()
        commits.hold(60)  # before the thread of the commits has woken
        future.result(timeout=60)
    commits.close()


def test_what_other_threads_write_is_held_no_longer_than_was_said() -> None:
    store = MemoryOnlineStore()
    commits = GroupCommit(store, lambda: 1)
    begun = time.monotonic()
    commits.hold(0.05)
    with ThreadPoolExecutor(1) as beside:
        future = beside.submit(commits.submit, [a_put()]).result()
        future.result(timeout=60)  # though nothing else comes, and nobody releases them
    assert time.monotonic() - begun >= 0.05
    commits.close()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux knows priorities of threads")
def test_commits_give_way_and_nothing_else_does() -> None:
    own = os.getpriority(os.PRIO_PROCESS, 0)
    if own >= 5:
        pytest.skip("the tests themselves have given way already")
    before = set(threading.enumerate())
    commits = GroupCommit(MemoryOnlineStore(), lambda: 1)
    (thread,) = set(threading.enumerate()) - before
    assert thread.native_id is not None
    try:
        assert os.getpriority(os.PRIO_PROCESS, thread.native_id) == own
        commits.give_way()
        assert os.getpriority(os.PRIO_PROCESS, thread.native_id) > own
        assert os.getpriority(os.PRIO_PROCESS, 0) == own
    finally:
        commits.close()
