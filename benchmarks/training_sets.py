"""Training sets at size: time and peak memory, each in a process of its own.

    python -m benchmarks training-sets                    # 50 million rows, 5 million labels
    python -m benchmarks training-sets --rows 500000      # a tenth as many labels, as always

    one group       the labels from a Parquet file, the set to another, in batches
    three groups    the same, with the features of three histories of a tenth of the rows each, and
                    with as many labels as rows, and a fifth of them
    whole history   SELECT * of a tenth of the rows into Arrow, and from there into pandas

DuckDB may use 2 GB, as a store's engine does by default. Peak memory is that of the whole process,
Python and Arrow included. The histories are those of `as_of_join`: a file an hour over 500 hours,
1 % ties, late rows and deletes.
"""

import multiprocessing
import resource
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq
from rich.console import Console
from rich.table import Table

from benchmarks.as_of_join import FEATURES, NUMBERS, Sample, make_sample
from tandem.model.feature_group import FeatureGroup, FeatureType
from tandem.model.history import HistorySnapshot
from tandem.query.base import FeatureJoin, HistoryTable, TableName
from tandem.query.duckdb import DuckDbEngine
from tandem.rows.content_hash import ContentHash
from tandem.rows.parquet_rows import ParquetRows, write_parquet
from tandem.sdk.frames import Result

MEMORY_BYTES = 2 << 30


class History(NamedTuple):
    group: FeatureGroup
    files: tuple[str, ...]

    @property
    def table(self) -> HistoryTable:
        return HistoryTable(self.group, HistorySnapshot(files=self.files))


class Measured(NamedTuple):
    rows: int
    seconds: float
    peak_bytes: int


def run(rows: int = 50_000_000) -> None:
    table = Table(title=f"training sets; {rows:,} rows in the largest history")
    for heading in ("work", "rows", "s", "rows/s", "peak memory, MB"):
        table.add_column(heading, justify="left" if heading == "work" else "right")
    with tempfile.TemporaryDirectory(prefix="training-sets-") as name:
        folder = Path(name)
        for work, measured in measurements(folder, rows):
            per_second = f"{measured.rows / measured.seconds:,.0f}"
            peak = f"{measured.peak_bytes / 1e6:,.0f}"
            table.add_row(work, f"{measured.rows:,}", f"{measured.seconds:.2f}", per_second, peak)
    Console().print(table)


def measurements(folder: Path, rows: int) -> Iterator[tuple[str, Measured]]:
    tenth = rows // 10
    small = [saved(folder / f"group-{number}", tenth, tenth) for number in range(3)]
    histories = [replace_name(history, f"group-{n}") for n, (history, _) in enumerate(small)]
    labels = small[0][1]
    for count in (tenth // 5, tenth):
        few = folder / f"labels-{count}.parquet"
        pq.write_table(pq.read_table(labels).slice(0, count), few)
        found = in_a_process(join_to_file, folder, histories, few)
        yield f"three groups of {tenth:,} rows x {count:,} labels x {3 * len(FEATURES)}", found
    yield "whole history, to Arrow", in_a_process(read_whole, folder, histories[0], False, FEATURES)
    yield (
        "whole history, to pandas",
        in_a_process(read_whole, folder, histories[0], True, FEATURES),
    )
    yield (
        "whole history, numbers alone, to pandas",
        in_a_process(read_whole, folder, histories[0], True, NUMBERS),
    )
    history, labels = saved(folder / "large", rows, tenth)
    found = in_a_process(join_to_file, folder, [history], labels)
    yield f"one group of {rows:,} rows x {tenth:,} labels x {len(FEATURES)}", found


def saved(folder: Path, rows: int, labels: int) -> tuple[History, Path]:
    folder.mkdir()
    sample: Sample = make_sample(folder, rows, labels, FeatureType.FRACTIONAL)
    Path(sample.one_file).unlink()
    path = folder / "labels.parquet"
    write_parquet(iter(sample.labels.to_batches()), sample.labels.schema, path)
    return History(sample.group, sample.hourly), path


def replace_name(history: History, name: str) -> History:
    return History(replace(history.group, name=name, group_id=f"{name}-1"), history.files)


def in_a_process(work: Callable[..., Measured], *given: object) -> Measured:
    # A new process, so that its peak is this work's alone.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=context, max_tasks_per_child=1) as pool:
        return pool.submit(work, *given).result()


def join_to_file(folder: Path, histories: Sequence[History], labels: Path) -> Measured:
    """Joined, hashed and written, as a recorded training set is."""
    engine = DuckDbEngine(folder, folder / "scratch", MEMORY_BYTES)
    joins = [
        FeatureJoin(
            table=history.table,
            key="customer",
            columns={name: f"{history.group.name}:{name}" for name in FEATURES},
            as_of_us=2**52,
        )
        for history in histories
    ]
    begin = time.perf_counter()
    stream = engine.point_in_time(ParquetRows(labels), "observed", joins)
    found = ContentHash(stream.schema)

    def hashed() -> Iterator[pa.RecordBatch]:
        for batch in stream.batches:
            found.update(batch)
            yield batch

    count = write_parquet(hashed(), stream.schema, folder / "set.parquet")
    seconds = time.perf_counter() - begin
    engine.close()
    return Measured(count, seconds, peak_bytes())


def read_whole(
    folder: Path, history: History, into_pandas: bool, features: Sequence[str]
) -> Measured:
    engine = DuckDbEngine(folder, folder / "scratch", MEMORY_BYTES)
    columns = ", ".join(["customer", "bought_at", *features])
    if list(features) == NUMBERS:
        columns = ", ".join(["bought_at", *features])
    begin = time.perf_counter()
    rows = engine.sql(f"SELECT {columns} FROM history", {TableName(None, "history"): history.table})
    count = len(Result(rows).to_pandas()) if into_pandas else rows.num_rows
    seconds = time.perf_counter() - begin
    engine.close()
    return Measured(count, seconds, peak_bytes())


def peak_bytes() -> int:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
