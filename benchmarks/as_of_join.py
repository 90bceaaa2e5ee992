"""The point-in-time join beside a bare ASOF JOIN and pandas.merge_asof, in one run.

    python -m benchmarks as-of                   # 10 million rows, 1 million labels
    python -m benchmarks as-of --rows 200000

The history is that of 200,000 customers (fewer for a small run) over 500 hours, a file an hour,
with 8 features; 1 % of the rows tie with another, 1 % are late and 1 % are deletes. The labels are
spread over the same hours. The three do not answer the same question:

    Tandem        500 files, breaks ties by write order, drops deletes; labels keep their order
    ASOF JOIN     DuckDB over one file with all rows: takes any of the rows that tie, keeps deletes;
                  labels in any order
    merge_asof    pandas, both tables in memory already; sorting them by time is part of it

The data is made below a temporary folder and removed.
"""

import gc
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from rich.console import Console
from rich.table import Table

from tandem.model.feature_group import FeatureDefinition, FeatureGroup, FeatureType
from tandem.model.history import HistorySnapshot
from tandem.query.base import FeatureJoin, HistoryTable
from tandem.query.duckdb import DuckDbEngine
from tandem.rows.rows import TableRows

HOURS = 500
START = 1_700_000_000 // 3_600 * 3_600
SHARE_TIED = SHARE_LATE = SHARE_DELETED = 0.01
NUMBERS = [f"number_{index}" for index in range(6)]
TEXTS = ["tier", "city"]
FEATURES = NUMBERS + TEXTS
MEMORY_BYTES = 4 * 1024**3


@dataclass(frozen=True)
class Sample:
    """One history in two layouts, and the labels."""

    group: FeatureGroup
    hourly: tuple[str, ...]
    one_file: str
    labels: pa.Table


def run(rows: int = 10_000_000, labels: int | None = None, runs: int = 3) -> None:
    """Prints the table for a history of `rows` rows and a tenth as many labels."""
    table = Table(title=f"{rows:,} rows, {labels or rows // 10:,} labels, {len(FEATURES)} features")
    for heading in ("event time", "join", "median s", "times the bare join", "runs"):
        table.add_column(heading, justify="left" if heading in ("event time", "join") else "right")
    for event_time in (FeatureType.FRACTIONAL, FeatureType.STRING):
        with tempfile.TemporaryDirectory(prefix="as-of-join-") as folder:
            sample = make_sample(Path(folder), rows, labels or rows // 10, event_time)
            seconds = measure(Path(folder), sample, runs)
        bare = statistics.median(seconds["ASOF JOIN"])
        for name, taken in seconds.items():
            median = statistics.median(taken)
            each = " ".join(f"{second:.2f}" for second in taken)
            table.add_row(event_time, name, f"{median:.2f}", f"{median / bare:.2f}", each)
    Console().print(table)


def measure(folder: Path, sample: Sample, runs: int) -> dict[str, list[float]]:
    """Seconds of each join; the joins take turns, so that a busy machine is busy for all."""
    engine = DuckDbEngine(folder, folder / "scratch", MEMORY_BYTES)
    join = FeatureJoin(
        table=HistoryTable(sample.group, HistorySnapshot(files=sample.hourly)),
        key="customer",
        columns={name: name for name in FEATURES},
    )
    joins: dict[str, Callable[[], int]] = {
        "Tandem": lambda: count_rows(engine, sample.labels, [join]),
        "ASOF JOIN": lambda: bare_join(sample),
    }
    if sample.group.event_time.type is FeatureType.FRACTIONAL:
        joins["merge_asof"] = pandas_join(sample)
    seconds: dict[str, list[float]] = {name: [] for name in joins}
    for _ in range(runs):
        for name, run in joins.items():
            gc.collect()
            begin = time.perf_counter()
            assert run() == sample.labels.num_rows
            seconds[name].append(time.perf_counter() - begin)
    engine.close()
    return seconds


def count_rows(engine: DuckDbEngine, labels: pa.Table, joins: Sequence[FeatureJoin]) -> int:
    return engine.point_in_time(TableRows(labels), "observed", joins).to_table().num_rows


def bare_join(sample: Sample) -> int:
    """What DuckDB does with the least work: times are doubles in the file, whatever the group's."""
    labels = sample.labels
    features = ", ".join(f"history.{name}" for name in FEATURES)
    with duckdb.connect(config={"memory_limit": f"{MEMORY_BYTES}B"}) as connection:
        connection.register("labels", labels)
        joined = connection.sql(
            f"SELECT labels.*, {features}"
            " FROM (SELECT *, epoch_ns(observed) / 1e9 AS moment FROM labels) AS labels"
            f" ASOF LEFT JOIN '{sample.one_file}' AS history"
            " ON labels.customer = history.customer AND labels.moment >= history.seconds"
        )
        return int(joined.to_arrow_table().num_rows)


def pandas_join(sample: Sample) -> Callable[[], int]:
    history = pq.read_table(sample.one_file, columns=["customer", "seconds", *FEATURES]).to_pandas()
    labels = sample.labels.to_pandas()
    labels["seconds"] = labels["observed"].astype("int64") / 1e9

    def run() -> int:
        return len(
            pd.merge_asof(
                labels.sort_values("seconds"),
                history.sort_values("seconds"),
                on="seconds",
                by="customer",
            )
        )

    return run


def make_sample(folder: Path, rows: int, labels: int, event_time: FeatureType) -> Sample:
    random = np.random.default_rng(7)
    customers = max(rows // 50, 10)
    hourly = []
    one_file = folder / "all.parquet"
    writer: pq.ParquetWriter | None = None
    for hour in range(HOURS):
        table = make_hour(random, START + hour * 3_600, rows // HOURS, customers, event_time)
        writer = writer or pq.ParquetWriter(one_file, table.schema, compression="zstd")
        writer.write_table(table, row_group_size=122_880)
        path = folder / f"hour={hour:03}" / "rows.parquet"
        path.parent.mkdir()
        pq.write_table(table.drop_columns(["seconds"]), path, compression="zstd")
        hourly.append(str(path))
    assert writer is not None
    writer.close()
    moments = START * 10**9 + random.integers(0, HOURS * 3_600 * 10**9, labels)
    label_table = pa.table(
        {
            "customer": names_of(random.integers(0, customers, labels)),
            "observed": pa.array(moments).cast(pa.timestamp("ns")),
            "bought": random.integers(0, 2, labels),
        }
    )
    return Sample(a_group(event_time), tuple(hourly), str(one_file), label_table)


def make_hour(
    random: np.random.Generator, start: int, rows: int, customers: int, event_time: FeatureType
) -> pa.Table:
    who = random.integers(0, customers, rows)
    micros = random.integers(0, 3_600 * 10**6, rows)
    tied = max(int(rows * SHARE_TIED), 1)
    who[-tied:], micros[-tied:] = who[:tied], micros[:tied]
    seconds = start + micros / 1e6
    written = (start + 5) * 10**6 + micros
    late = random.random(rows) < SHARE_LATE
    written[late] += random.integers(3_600, 864_000, int(late.sum())) * 10**6
    deleted = random.random(rows) < SHARE_DELETED
    moments: pa.Array = pa.array(seconds)
    if event_time is FeatureType.STRING:
        stamps = np.datetime_as_string((start * 10**6 + micros).astype("datetime64[us]"))
        moments = pa.array(np.char.add(stamps, "Z"))
    tiers = np.array(["gold", "silver", "bronze"])[random.integers(0, 3, rows)]
    cities = np.char.add("city-", random.integers(0, 10**9, rows).astype(str))
    columns = {
        "customer": names_of(who),
        "bought_at": moments,
        "seconds": seconds,
        **{name: pa.array(random.normal(size=rows), mask=deleted) for name in NUMBERS},
        "tier": pa.array(tiers, mask=deleted),
        "city": pa.array(cities, mask=deleted),
        "write_time": pa.array(written).cast(pa.timestamp("us")),
        "api_invocation_time": pa.array(written).cast(pa.timestamp("us")),
        "is_deleted": deleted,
    }
    return pa.table(columns)


def names_of(numbers: np.ndarray) -> pa.Array:
    return pa.array(np.char.add("customer-", numbers.astype(str)))


def a_group(event_time: FeatureType) -> FeatureGroup:
    return FeatureGroup(
        name="purchases",
        group_id="purchases-1",
        record_identifier_name="customer",
        event_time_name="bought_at",
        features=(
            FeatureDefinition("customer", FeatureType.STRING),
            FeatureDefinition("bought_at", event_time),
            *(FeatureDefinition(name, FeatureType.FRACTIONAL) for name in NUMBERS),
            *(FeatureDefinition(name, FeatureType.STRING) for name in TEXTS),
        ),
        created_at_us=0,
        modified_at_us=0,
    )
