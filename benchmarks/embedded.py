"""The library in its own process: `get` and `get_many` beside bare LMDB with the same values."""

import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import lmdb
from rich.console import Console
from rich.table import Table

import tandem

RECORDS = 5_000
FEATURES = 10
SECONDS = 3.0


def run() -> None:
    with tempfile.TemporaryDirectory() as folder:
        names = [f"feature_{index}" for index in range(FEATURES)]
        rows = {
            "id": [f"cust-{number:07}" for number in range(RECORDS)],
            "time": [1_700_000_000.0] * RECORDS,
            **{name: [number / 7 for number in range(RECORDS)] for name in names},
        }
        with tandem.connect(f"{folder}/data") as store:
            group = store.create_feature_group(
                "benchmark", features=rows, record_identifier="id", event_time="time"
            )
            group.ingest(rows)
            identifiers = rows["id"]
            one = _per_second(lambda i: group.get(identifiers[i % RECORDS]))
            hundreds = [identifiers[start : start + 100] for start in range(0, RECORDS, 100)]
            many = _per_second(lambda i: group.get_many(hundreds[i % len(hundreds)])) * 100
        bare = _bare_gets_per_second(Path(folder))
    table = Table(title=f"Embedded, {RECORDS} records of {FEATURES + 2} features")
    for column in ("call", "records per second", "ratio"):
        table.add_column(column)
    table.add_row("bare LMDB get", f"{bare:,.0f}", "")
    table.add_row("get", f"{one:,.0f}", f"{one / bare:.2f} x bare LMDB")
    table.add_row("get_many(100)", f"{many:,.0f}", f"{many / bare:.2f} x bare LMDB")
    Console(width=120).print(table)


def _per_second(call: Callable[[int], object]) -> float:
    calls, start = 0, time.perf_counter()
    while time.perf_counter() - start < SECONDS:
        call(calls)
        calls += 1
    return calls / (time.perf_counter() - start)


def _bare_gets_per_second(folder: Path) -> float:
    with lmdb.open(str(folder / "bare"), map_size=1 << 30) as environment:
        keys = [f"cust-{number:07}".encode() for number in range(RECORDS)]
        with environment.begin(write=True) as transaction:
            for key in keys:
                transaction.put(key, b"x" * 700)

        def get(number: int) -> object:
            with environment.begin() as transaction:
                return transaction.get(keys[number % RECORDS])

        return _per_second(get)
