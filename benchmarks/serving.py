"""GetRecord and BatchGetRecord over HTTP, beside Redis' GET and the same server's constant answer.

The process that answers has one processor, the load the other. What is compared takes turns, and
the medians of the turns are shown.

    peak        wrk, or redis-benchmark: each connection sends as soon as it has its answer
    half load   at random moments, half as many requests a second as the same request's peak
    constant    /health, which costs what any answer costs; Redis' values are as large as the
                answer to GetRecord
    signed      the same requests with SigV4 in a header, to a server that has an access key
    workers     CPU of the processes that listen and answer, which run where the system puts them
"""

import statistics
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple

import urllib3

from benchmarks import redis_get, wrk
from benchmarks.http_requests import Key, Requests
from benchmarks.load import Load, Stream, apply_load
from benchmarks.ratios import Ratio, shown
from benchmarks.records import GROUP, RECORDS, batch_gets, fill, gets, identifier
from benchmarks.server import Server, cpu_seconds, running
from benchmarks.turns import TURNS, Measure, in_turns

CONNECTIONS = 16
PACED_CONNECTIONS = 64
BATCH_CONNECTIONS = 4
BATCH = 100
WORKERS = 2
_WORKERS_TURNS = 3 * TURNS
KEY = Key("AKIAIOSFODNN7EXAMPLE", "a-secret-that-is-not-one")


def run(seconds: float) -> list[Ratio]:
    if not wrk.is_there():
        print(wrk.MISSING)
        return []
    with tempfile.TemporaryDirectory() as name, ExitStack() as opened:
        folder = Path(name)
        fill(folder / "data")
        server = opened.enter_context(running(folder / "data")).pinned()
        measures = _peaks(server, seconds)
        if redis_get.is_there():
            size = len(_one(server).data)
            redis = opened.enter_context(redis_get.running(folder, RECORDS, size))
            measures["Redis"] = lambda: redis_get.peak(redis, RECORDS, size, CONNECTIONS, seconds)
        else:
            print(redis_get.MISSING)
        signing = opened.enter_context(_signing(folder / "signing"))
        measures["signed"] = lambda: _signed_peak(signing, seconds)
        peaks = in_turns(measures)
        halves = in_turns(_halves(server, peaks, seconds))
    return [*_peak_ratios(peaks), _half_ratio(halves), _workers_ratio(seconds)]


def _one(server: Server) -> urllib3.BaseHTTPResponse:
    path = f"/FeatureGroup/{GROUP}?RecordIdentifierValueAsString={identifier(0)}"
    return urllib3.request("GET", server.url + path)


def _peaks(server: Server, seconds: float) -> dict[str, Measure]:
    assert b"feature_0" in _one(server).data
    to = Requests(server.port)
    requests, batches = gets(to), batch_gets(to)
    return {
        "constant": lambda: wrk.peak(server.port, [to.constant()], CONNECTIONS, seconds),
        "GetRecord": lambda: wrk.peak(server.port, requests, CONNECTIONS, seconds),
        "batch": lambda: wrk.peak(server.port, batches, BATCH_CONNECTIONS, seconds),
    }


@contextmanager
def _signing(data: Path) -> Iterator[Server]:
    """A server that answers what is signed, alone."""
    fill(data)
    with running(data, TANDEM_ACCESS_KEYS=f"{KEY.id}:{KEY.secret}") as server:
        assert _one(server).status == 403
        yield server.pinned()


def _signed_peak(server: Server, seconds: float) -> Load:
    return wrk.peak(server.port, gets(Requests(server.port, KEY)), CONNECTIONS, seconds)


def _halves(server: Server, peaks: Mapping[str, Load], seconds: float) -> dict[str, Measure]:
    to = Requests(server.port)

    def half(name: str, requests: list[bytes]) -> Measure:
        stream = Stream(requests, PACED_CONNECTIONS, peaks[name].per_second / 2)
        return lambda: apply_load(server.port, stream, seconds=seconds)[0]

    return {"constant": half("constant", [to.constant()]), "GetRecord": half("GetRecord", gets(to))}


def _peak_ratios(peaks: Mapping[str, Load]) -> Iterator[Ratio]:
    get, constant, batch, signed = (
        peaks[name] for name in ("GetRecord", "constant", "batch", "signed")
    )
    ours = f"{shown(get)}, {CONNECTIONS} connections"
    yield Ratio(
        "GetRecord beside the server's constant answer",
        ours,
        shown(constant),
        get.per_second / constant.per_second,
    )
    if (redis := peaks.get("Redis")) is not None:
        yield Ratio(
            "GetRecord beside Redis GET",
            ours,
            shown(redis),
            get.per_second / redis.per_second,
            at_least=0.5,
        )
    yield Ratio(
        "GetRecord, signed, beside unsigned",
        shown(signed),
        shown(get),
        signed.per_second / get.per_second,
    )
    records = batch.per_second * BATCH
    yield Ratio(
        f"BatchGetRecord({BATCH}) beside 150,000 records/s",
        f"{records:,.0f} records/s, p99 {batch.p99_ms:.1f} ms, {BATCH_CONNECTIONS} connections",
        f"{BATCH} GetRecords: {get.per_second:,.0f} records/s",
        records / 150_000,
        at_least=1,
    )


def _half_ratio(halves: Mapping[str, Load]) -> Ratio:
    get, constant = halves["GetRecord"], halves["constant"]
    return Ratio(
        "GetRecord p99 at half load beside a constant's",
        f"p99 {get.p99_ms:.2f} ms at {get.per_second:,.0f}/s",
        f"p99 {constant.p99_ms:.2f} ms at {constant.per_second:,.0f}/s",
        get.p99_ms / constant.p99_ms,
        at_most=2,
    )


class _Cost(NamedTuple):
    """Of a request: microseconds in all processes, and the least part of it that a worker had."""

    cpu_us: float
    share: float


def _workers_ratio(seconds: float) -> Ratio:
    with ExitStack() as opened:
        servers = {
            workers: opened.enter_context(_with_workers(workers)) for workers in (1, WORKERS)
        }
        turns: dict[int, list[_Cost]] = {workers: [] for workers in servers}
        for _ in range(_WORKERS_TURNS):
            for workers, server in servers.items():
                turns[workers].append(_cost(server, seconds))
    one, two = (
        statistics.median(cost.cpu_us for cost in turns[workers]) for workers in (1, WORKERS)
    )
    share = statistics.median(cost.share for cost in turns[WORKERS])
    return Ratio(
        f"CPU of a GetRecord, {WORKERS} workers beside one",
        f"{two:.1f} µs, the smallest share of a worker {share:.0%}",
        f"{one:.1f} µs",
        # Of neighbours: what the processor gives changes more from turn to turn than this.
        statistics.median(
            both.cpu_us / alone.cpu_us for alone, both in zip(turns[1], turns[WORKERS], strict=True)
        ),
        at_most=1.1,
    )


@contextmanager
def _with_workers(workers: int) -> Iterator[Server]:
    """A server that has answered for a while."""
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "data"
        fill(data)
        with running(data, f"--workers={workers}") as server:
            server.answering()
            wrk.peak(server.port, gets(Requests(server.port)), CONNECTIONS, 1)
            yield server


def _cost(server: Server, seconds: float) -> _Cost:
    answering = server.answering()
    processes = {server.pid, *answering}
    before = {pid: cpu_seconds(pid) for pid in processes}
    load = wrk.peak(server.port, gets(Requests(server.port)), CONNECTIONS, seconds)
    spent = {pid: cpu_seconds(pid) - before[pid] for pid in processes}
    share = min(spent[pid] for pid in answering) / sum(spent[pid] for pid in answering)
    return _Cost(sum(spent.values()) / load.count * 1e6, share)
