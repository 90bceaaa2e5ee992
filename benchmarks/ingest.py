"""Loads beside what LMDB and Parquet take, and the memory for a large file."""

import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import lmdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from rich.console import Console
from rich.table import Table

import tandem

LARGE_FACTOR = 50
VALUE_BYTES = 700
BARE_COMMIT_RECORDS = 2_048
HISTORY_ONLY = ["OfflineStore"]

INGEST_AND_TELL_MEMORY = """
import re, resource, sys, tandem
from pathlib import Path
with tandem.connect(sys.argv[1]) as store:
    store.feature_group("large").ingest(sys.argv[2], target_stores=["OfflineStore"])
# Not ru_maxrss where it can be helped: a new program inherits that of the one that started it.
status = Path("/proc/self/status")
peak = re.search(r"VmHWM:\\s+(\\d+)", status.read_text())[1] if status.exists() else None
print(peak or resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


def run(rows: int) -> None:
    shown = Table(
        title=f"{rows:,} rows of 10 mixed columns, shuffled, 2 stores, keys there already"
    )
    for column in ("what", "figure", "beside it", "ratio"):
        shown.add_column(column)
    with tempfile.TemporaryDirectory() as folder:
        _loads(Path(folder), rows, shown)
    with tempfile.TemporaryDirectory() as folder:
        _memory(Path(folder), rows * LARGE_FACTOR, shown)
    Console(width=140).print(shown)


def frame(rows: int, start: float, *, is_shuffled: bool) -> pa.Table:
    chance = np.random.default_rng(rows)
    numbers = chance.permutation(rows) if is_shuffled else np.arange(rows)
    colours = np.array(["red", "green", "blue"])
    return pa.table(
        {
            "id": [f"cust-{number:08}" for number in numbers.tolist()],
            "time": start + chance.random(rows) * 30 * 86_400,
            **{f"real_{index}": chance.random(rows) * 1_000 for index in range(4)},
            **{f"whole_{index}": chance.integers(0, 1_000, rows) for index in range(2)},
            "colour": colours[chance.integers(0, 3, rows)],
            "note": [f"note {number}" for number in chance.integers(0, 1_000, rows).tolist()],
        }
    )


def create(store: tandem.FeatureStore, name: str, rows: pa.Table) -> tandem.FeatureGroupHandle:
    return store.create_feature_group(
        name, features=rows, record_identifier="id", event_time="time"
    )


def _loads(folder: Path, rows: int, shown: Table) -> None:
    first, shuffled = (
        frame(rows, 1.70e9, is_shuffled=False),
        frame(rows, 1.71e9, is_shuffled=True),
    )
    with tandem.connect(folder / "data") as store:
        group = create(store, "load", first)
        group.ingest(first)
        both = _per_second(rows, lambda: _ingest_and_count(store, group, shuffled, 2 * rows))
        history = _per_second(rows, lambda: group.ingest(shuffled, target_stores=HISTORY_ONLY))
        few = frame(2_000, 1.72e9, is_shuffled=True).to_pylist()
        puts = _per_second(len(few), lambda: [group.put(row) for row in few])
    bare_puts = _per_second(rows, lambda: _bare_lmdb(folder / "bare", shuffled))
    path = folder / "bare.parquet"
    bare_parquet = _per_second(rows, lambda: pq.write_table(shuffled, path))
    shown.add_row(
        "both stores, queryable",
        f"{both:,.0f} rows/s",
        f"bare LMDB puts: {bare_puts:,.0f}/s",
        f"{both / bare_puts:.2f}",
    )
    shown.add_row(
        "history only",
        f"{history:,.0f} rows/s",
        f"bare write_table: {bare_parquet:,.0f}/s",
        f"{history / bare_parquet:.2f}",
    )
    shown.add_row(
        "put, one by one",
        f"{puts:,.0f}/s",
        f"both stores: {both:,.0f} rows/s",
        f"{puts / both:.3f}",
    )


def _ingest_and_count(
    store: tandem.FeatureStore, group: tandem.FeatureGroupHandle, rows: pa.Table, expected: int
) -> None:
    group.ingest(rows)
    (count,) = store.sql("SELECT count(*) AS n FROM load").to_arrow()["n"].to_pylist()
    assert count == expected, count


def _bare_lmdb(path: Path, rows: pa.Table) -> None:
    """The same keys in the same order, in commits of the same size, twice as a load finds them."""
    keys = [identifier.encode() for identifier in rows.column("id").to_pylist()]
    value = b"x" * VALUE_BYTES
    with lmdb.open(str(path), map_size=1 << 36) as environment:
        for start in range(0, len(keys), BARE_COMMIT_RECORDS):
            with environment.begin(write=True) as transaction:
                for key in sorted(keys[start : start + BARE_COMMIT_RECORDS]):
                    transaction.put(key, value)


def _memory(folder: Path, rows: int, shown: Table) -> None:
    """Of a process that loads a file into history."""
    piece = frame(min(rows, 1_000_000), 1.70e9, is_shuffled=False)
    path = folder / "large.parquet"
    with pq.ParquetWriter(path, piece.schema) as writer:
        for start in range(0, rows, piece.num_rows):
            writer.write_table(piece.slice(0, min(piece.num_rows, rows - start)))
    with tandem.connect(folder / "data") as store:
        create(store, "large", piece)
    start = time.perf_counter()
    told = subprocess.run(
        [sys.executable, "-c", INGEST_AND_TELL_MEMORY, str(folder / "data"), str(path)],
        check=True,
        capture_output=True,
        text=True,
        env=dict(os.environ),
    )
    seconds = time.perf_counter() - start
    mebibytes = int(told.stdout) / (1 << 10)
    shown.add_row(
        f"memory, {rows:,} rows of Parquet",
        f"{mebibytes:,.0f} MiB",
        f"{rows / seconds:,.0f} rows/s; this process: {_own_mebibytes():,.0f} MiB",
        "",
    )


def _own_mebibytes() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1 << 10)


def _per_second(count: int, work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return count / (time.perf_counter() - start)
