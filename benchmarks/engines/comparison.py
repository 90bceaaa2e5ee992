"""The engine of the online store, compared inside the server: `python -m benchmarks engines`.

Each is `tandem serve` with one setting changed, `online_store`; wire, checks, group commit and the
layout of records are the same. All run without processes beside them, since RocksDB's folder can be
open in one alone, and deliver nothing meanwhile. The last line is the product as it is shipped,
which has both. The servers take turns, each time on a new folder; shown are the medians of each
figure. `alone` measures the stores without a server, and how they come back.

`rocksdict` comes from PyPI into a folder of its own; where that fails, it is said and left out.
"""

import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

from rich.console import Console
from rich.table import Table

import tandem
from benchmarks import wrk
from benchmarks.engines.alone import COMMIT, OTHER_BOOT, alone, opening_seconds
from benchmarks.http_requests import Requests
from benchmarks.load import Stream, apply_load
from benchmarks.records import GROUP, RECORDS, gets, puts, rows
from benchmarks.server import Server, cpu_seconds, running

ROCKSDICT = "rocksdict==0.3.29"
CONNECTIONS = 64
GET_CONNECTIONS = 16
GETS_PER_SECOND = 500
TURNS = 3
ALONE = {
    "TANDEM_BACKGROUND_PROCESS": "off",
    "TANDEM_QUERY_PROCESS": "off",
    "TANDEM_DELIVERY_INTERVAL_SECONDS": "1000000",
    "TANDEM_DELIVERY_ENTRIES_MAX": "1000000000",
}
LMDB = "tandem.online.lmdb:LmdbOnlineStore"
LMDB_LOG = "benchmarks.engines.lmdb_log:LmdbLogOnlineStore"
ENGINES = {
    "lmdb": LMDB,
    "lmdb-log": LMDB_LOG,
    "rocksdb": "benchmarks.engines.rocksdb:RocksDbOnlineStore",
    "lmdb, writable map": "benchmarks.engines.lmdb_writable_map:LmdbWritableMap",
}


class Figures(NamedTuple):
    """One server's: at its peak of PutRecord, with one connection that puts, at its peak of
    GetRecord, and GetRecord beside half as many puts as its peak had. Times are milliseconds.
    """

    puts_per_second: float
    put_p99: float
    put_cpu: float
    lone_put_p50: float
    lone_put_p99: float
    gets_per_second: float
    get_p99: float
    get_p99_beside: float


def run(records: int, seconds: float) -> None:
    if not wrk.is_there():
        print(wrk.MISSING)
        return
    with tempfile.TemporaryDirectory(prefix="engines-") as name:
        folder = Path(name)
        engines = dict(ENGINES)
        if (problem := _install(folder / "packages")) is not None:
            print(f"rocksdict cannot be installed here, so RocksDB is left out: {problem}")
            del engines["rocksdb"]
        Console(width=150).print(_inside_the_server(engines, folder, seconds))
        Console(width=150).print(_alone(engines, folder, records))


def _install(folder: Path) -> str | None:
    """Puts rocksdict where this process and those it starts find it, or says why it cannot."""
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--target", str(folder)]
    done = subprocess.run([*command, ROCKSDICT], capture_output=True, check=False, text=True)
    sys.path.append(str(folder))
    return None if done.returncode == 0 else done.stderr.strip().splitlines()[-1]


def _inside_the_server(engines: dict[str, str], folder: Path, seconds: float) -> Table:
    packages = os.pathsep.join([*os.environ.get("PYTHONPATH", "").split(os.pathsep), sys.path[-1]])
    servers = {
        name: {"TANDEM_ONLINE_STORE": location, "PYTHONPATH": packages, **ALONE}
        for name, location in engines.items()
    }
    servers["lmdb, as it is shipped"] = {}
    found: dict[str, list[Figures]] = {name: [] for name in servers}
    for turn in range(TURNS):
        for number, (name, settings) in enumerate(servers.items()):
            with running(folder / f"{turn}-{number}", **settings) as server:
                found[name].append(_measured(server, seconds))
    table = Table(title=f"inside the server, medians of {TURNS} turns; times in milliseconds")
    table.add_column("engine", no_wrap=True)
    for heading in (
        f"PutRecord/s, {CONNECTIONS} clients",
        "p99",
        "CPU a put",
        "PutRecord p50, 1 client",
        "p99",
        f"GetRecord/s, {GET_CONNECTIONS} clients",
        "p99",
        "GetRecord p99 beside half the puts",
    ):
        table.add_column(heading, justify="right")
    for name, figures in found.items():
        middle = Figures(*map(statistics.median, zip(*figures, strict=True)))
        table.add_row(name, *_shown(middle))
    return table


def _measured(server: Server, seconds: float) -> Figures:
    with tandem.connect(server.url) as store:
        store.create_feature_group(
            GROUP, features=rows(), record_identifier="id", event_time="time"
        )
    server.pinned()
    port, to = server.port, Requests(server.port)
    writes, reads = puts(to), gets(to)
    filled = 0
    while filled < RECORDS:
        filled += wrk.peak(port, writes, CONNECTIONS, 1).count
    before = cpu_seconds(server.pid)
    peak = wrk.peak(port, writes, CONNECTIONS, seconds)
    cpu = cpu_seconds(server.pid) - before
    (lone,) = apply_load(port, Stream(writes, 1), seconds=seconds)
    read = wrk.peak(port, reads, GET_CONNECTIONS, seconds)
    beside, _ = apply_load(
        port,
        Stream(reads, GET_CONNECTIONS, GETS_PER_SECOND),
        Stream(writes, CONNECTIONS, peak.per_second / 2),
        seconds=seconds,
    )
    return Figures(
        puts_per_second=peak.per_second,
        put_p99=peak.p99_ms,
        put_cpu=cpu / peak.count * 1e3,
        lone_put_p50=lone.p50_ms,
        lone_put_p99=lone.p99_ms,
        gets_per_second=read.per_second,
        get_p99=read.p99_ms,
        get_p99_beside=beside.p99_ms,
    )


def _shown(figures: Figures) -> list[str]:
    return [
        f"{value:,.0f}" if name.endswith("per_second") else f"{value:.3f}"
        for name, value in figures._asdict().items()
    ]


def _alone(engines: dict[str, str], folder: Path, records: int) -> Table:
    title = f"alone: {records:,} records in commits of {COMMIT}, then kill -9; log not trimmed"
    table = Table(title=title)
    table.add_column("engine", no_wrap=True)
    for heading in (
        "CPU µs a record",
        "bytes on disk a record and its entry",
        "from opening to the first read, ms",
    ):
        table.add_column(heading, justify="right")
    for name, location in engines.items():
        data = folder / f"killed {name}"
        record_seconds, size, seconds = alone(location, data, records)
        table.add_row(name, f"{record_seconds * 1e6:.1f}", f"{size:,.0f}", f"{seconds * 1e3:,.1f}")
        if location == LMDB_LOG:
            (data / "opened").write_text(OTHER_BOOT)
            seconds = opening_seconds(location, data, records)
            table.add_row(f"{name}, as after a power cut", "", "", f"{seconds * 1e3:,.1f}")
    return table
