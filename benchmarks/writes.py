"""PutRecord, synced, beside what LMDB commits at the batch size that the server reached; and
GetRecord while writes run at half their peak.

The batch size is that of the run: records by transactions, which LMDB numbers. The bare commits
follow at once, on the processor that the server had: values of the same size under as many keys,
one a record, and another one in order where a log of them is kept for history. Of some such turns,
the one with the median ratio is shown.

Reads alone and reads beside writes take turns as well.
"""

import os
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import lmdb

from benchmarks import wrk
from benchmarks.http_requests import Requests
from benchmarks.load import Load, Stream, apply_load
from benchmarks.ratios import Ratio, shown
from benchmarks.records import RECORDS, fill, gets, identifier, puts
from benchmarks.server import Server, first_processor, in_a_process, running
from benchmarks.turns import in_turns

CONNECTIONS = 64
GET_CONNECTIONS = 16
GETS_PER_SECOND = 500
TURNS_OF_WRITES = 3
HEADER_BYTES = 50
"""Of a value beside its features."""


class Turn(NamedTuple):
    """One of PutRecord and one of bare commits of as many records as each of its commits had."""

    load: Load
    size: int
    bare: float

    @property
    def ratio(self) -> float:
        return self.load.per_second / self.bare


def run(seconds: float) -> list[Ratio]:
    if not wrk.is_there():
        print(wrk.MISSING)
        return []
    return [*_ratios("both stores", True, seconds), *_ratios("online store alone", False, seconds)]


def _ratios(stores: str, is_logged: bool, seconds: float) -> Iterator[Ratio]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        fill(folder / "data", offline=is_logged)
        with running(folder / "data") as server:
            server.pinned()
            requests = puts(Requests(server.port))
            wrk.peak(server.port, requests, CONNECTIONS, 1)
            turns = [_turn(server, requests, is_logged, seconds) for _ in range(TURNS_OF_WRITES)]
            _, size, bare = turn = sorted(turns, key=lambda one: one.ratio)[TURNS_OF_WRITES // 2]
            idle, beside = _gets_beside(server, requests, turn.load.per_second / 2, seconds)
    yield Ratio(
        f"PutRecord, {stores}, beside LMDB's bare commits",
        f"{shown(turn.load)}, {CONNECTIONS} connections",
        f"{bare:,.0f} records/s, {size} a synced commit",
        turn.ratio,
        at_least=0.8,
    )
    yield Ratio(
        f"GetRecord p99 beside PutRecord at half its peak, {stores}",
        f"p99 {beside.p99_ms:.2f} ms",
        f"idle: p99 {idle.p99_ms:.2f} ms",
        beside.p99_ms / idle.p99_ms,
        at_most=3,
    )


def _turn(server: Server, requests: list[bytes], is_logged: bool, seconds: float) -> Turn:
    before = _transactions(server)
    load = wrk.peak(server.port, requests, CONNECTIONS, seconds)
    size = max(round(load.count / (_transactions(server) - before)), 1)
    value_bytes = len(requests[0].partition(b"\r\n\r\n")[2]) + HEADER_BYTES
    work = (server.data.parent, size, value_bytes, is_logged, seconds)
    return Turn(load, size, in_a_process(bare_commits, *work, processors=first_processor()))


def _transactions(server: Server) -> int:
    """How many there have been; delivery and expiry make a few beside those of writes."""
    with lmdb.open(str(server.data / "online"), readonly=True) as environment:
        return int(environment.info()["last_txnid"])


def _gets_beside(
    server: Server, requests: list[bytes], puts_per_second: float, seconds: float
) -> tuple[Load, Load]:
    """Reads alone, and reads beside writes."""
    reads = Stream(gets(Requests(server.port)), GET_CONNECTIONS, GETS_PER_SECOND)
    writes = Stream(requests, CONNECTIONS, puts_per_second)
    loads = in_turns(
        {
            "idle": lambda: apply_load(server.port, reads, seconds=seconds)[0],
            "beside": lambda: apply_load(server.port, reads, writes, seconds=seconds)[0],
        }
    )
    return loads["idle"], loads["beside"]


def bare_commits(
    folder: Path, size: int, value_bytes: int, is_logged: bool, seconds: float
) -> float:
    """Records a second that LMDB takes in synced transactions of `size`."""
    keys = [identifier(number).encode() for number in range(RECORDS)]
    value = os.urandom(value_bytes)
    with lmdb.open(str(folder / "bare"), map_size=1 << 34, max_dbs=2) as environment:
        records, log = environment.open_db(b"records"), environment.open_db(b"log")
        count, begun = 0, time.perf_counter()
        while time.perf_counter() - begun < seconds:
            with environment.begin(write=True) as transaction:
                for _ in range(size):
                    transaction.put(keys[count % RECORDS], value, db=records)
                    if is_logged:
                        transaction.put(count.to_bytes(8, "big"), value, db=log, append=True)
                    count += 1
        return count / (time.perf_counter() - begun)
