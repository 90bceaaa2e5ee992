"""What more costs: records in the store, features in a record, groups in a batch.

Records are loaded first and then served by a process that is pinned as in `serving`. Its memory is
its own, without what it has mapped of files, after the requests. Bytes a record are those of the
whole online store on disk, free pages included, beside the text of the features' names and values.
"""

import random
import tempfile
from collections.abc import Iterator
from pathlib import Path

from rich.console import Console
from rich.table import Table

import tandem
from benchmarks import records, wrk
from benchmarks.http_requests import Requests
from benchmarks.load import Load, Stream, apply_load
from benchmarks.records import GROUP, gets, identifier, rows, text_of
from benchmarks.server import Server, memory_bytes, running
from tandem.assembly.core import Core
from tandem.assembly.settings import Settings

FEWEST_RECORDS = 10_000
LOADED_AT_ONCE = 500_000
CONNECTIONS = 16
REQUESTS = 50_000
"""So many different ones that they do not all lie in the processor's cache."""
FEATURES = (10, 100, 2_500)
FEATURE_RECORDS = 100
GROUPS = (1, 2, 5, 10, 25)
BATCH = 100


def run(most_records: int, seconds: float) -> None:
    if not wrk.is_there():
        print(wrk.MISSING)
        return
    for table in (
        _records_table(most_records, seconds),
        _latencies("features in a record", _by_features(seconds)),
        _latencies(f"groups of a BatchGetRecord({BATCH})", _by_groups(seconds)),
    ):
        Console(width=130).print(table)


def _records_table(most_records: int, seconds: float) -> Table:
    table = Table(title=f"GetRecord as the store grows, {CONNECTIONS} connections")
    for heading in ("records", "per second", "p50 ms", "p99 ms", "memory MB", "bytes a record"):
        table.add_column(heading, justify="right")
    table.add_column("of which text", justify="right")
    sizes = sorted({FEWEST_RECORDS, min(most_records, 1_000_000), most_records})
    for size in sizes:
        table.add_row(f"{size:,}", *_of_size(size, seconds))
    return table


def _of_size(size: int, seconds: float) -> list[str]:
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "data"
        _load(data, size)
        with running(data) as server:
            server.pinned()
            requests = gets(Requests(server.port), records=size, count=REQUESTS)
            wrk.peak(server.port, requests, CONNECTIONS, 1)
            load = wrk.peak(server.port, requests, CONNECTIONS, seconds)
            own, _ = memory_bytes(server.pid)
        used = (data / "online" / "data.mdb").stat().st_blocks * 512
    text = sum(len(name) + len(value) for name, value in text_of(rows(1).to_pylist()[0]))
    return [
        f"{load.per_second:,.0f}",
        f"{load.p50_ms:.2f}",
        f"{load.p99_ms:.2f}",
        f"{own / 1e6:,.0f}",
        f"{used / size:,.0f}",
        f"{text:,}",
    ]


def _load(data: Path, size: int) -> None:
    first = rows(min(size, LOADED_AT_ONCE))
    with tandem.connect(data) as store:
        group = store.create_feature_group(
            GROUP, features=first, record_identifier="id", event_time="time"
        )
        for begin in range(0, size, LOADED_AT_ONCE):
            group.ingest(rows(min(size - begin, LOADED_AT_ONCE), first=begin))
    # What waits for its delivery would be delivered beside the reads.
    core = Core(Settings(data=data), in_background=False)
    core.delivery.deliver_all()
    core.close()


def _by_features(seconds: float) -> Iterator[tuple[int, Load]]:
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "data"
        with tandem.connect(data) as store:
            for features in FEATURES:
                # The identifier and the event time are among them.
                table = rows(FEATURE_RECORDS, features - 2)
                group = store.create_feature_group(
                    f"features-{features}",
                    features=table,
                    record_identifier="id",
                    event_time="time",
                )
                group.ingest(table)
        with running(data) as server:
            server.pinned()
            for features in FEATURES:
                requests = gets(Requests(server.port), f"features-{features}", FEATURE_RECORDS)
                yield features, _one_by_one(server, requests, seconds)


def _by_groups(seconds: float) -> Iterator[tuple[int, Load]]:
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "data"
        names = [f"group-{number}" for number in range(max(GROUPS))]
        for name in names:
            records.fill(data, name)
        with running(data) as server:
            server.pinned()
            for groups in GROUPS:
                requests = _batches(Requests(server.port), names[:groups])
                yield groups, _one_by_one(server, requests, seconds)


def _batches(to: Requests, names: list[str]) -> list[bytes]:
    chance = random.Random(7)
    share = BATCH // len(names)
    return [
        to.batch_get(
            [
                (name, [identifier(n) for n in chance.sample(range(records.RECORDS), share)])
                for name in names
            ]
        )
        for _ in range(200)
    ]


def _one_by_one(server: Server, requests: list[bytes], seconds: float) -> Load:
    stream = Stream(requests, connections=1)
    apply_load(server.port, stream, seconds=0.5)
    return apply_load(server.port, stream, seconds=seconds)[0]


def _latencies(what: str, found: Iterator[tuple[int, Load]]) -> Table:
    table = Table(title=f"one request after another, by {what}")
    for heading in (what, "p50 ms", "p99 ms"):
        table.add_column(heading, justify="right")
    for count, load in found:
        table.add_row(f"{count:,}", f"{load.p50_ms:.3f}", f"{load.p99_ms:.3f}")
    return table
