"""The point-in-time join of `as_of_join` with Feast 0.67 and its DuckDB offline store.

    python -m benchmarks feast --rows 10000000

Feast is installed into an environment of its own, below a temporary folder, from PyPI; where that
fails, it is said and nothing is compared. It reads one Parquet file with the same rows, and gets
the labels as a pandas frame, which is what it takes. Its answer keeps deletes and any of the rows
that tie. The time is that of get_historical_features().to_arrow().
"""

import json
import subprocess
import tempfile
import time
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from rich.console import Console

from benchmarks.as_of_join import FEATURES, MEMORY_BYTES, count_rows, make_sample
from benchmarks.feast import installed
from tandem.model.feature_group import FeatureType
from tandem.model.history import HistorySnapshot
from tandem.query.base import FeatureJoin, HistoryTable
from tandem.query.duckdb import DuckDbEngine

SETTINGS = """project: bench
registry: registry.db
provider: local
offline_store:
    type: duckdb
online_store:
    type: sqlite
    path: online.db
entity_key_serialization_version: 3
"""
# Runs in Feast's environment: prints the seconds and the rows as JSON.
PROGRAM = """
import json, sys, time
from datetime import timedelta
import pandas as pd
from feast import Entity, FeatureStore, FeatureView, Field, FileSource
from feast.types import Float64, String
from feast.value_type import ValueType

folder, features = sys.argv[1], json.loads(sys.argv[2])
store = FeatureStore(repo_path=folder)
customer = Entity(name="customer", join_keys=["customer"], value_type=ValueType.STRING)
source = FileSource(path=f"{folder}/history.parquet", timestamp_field="event_timestamp")
view = FeatureView(
    name="purchases",
    entities=[customer],
    ttl=timedelta(days=36500),
    schema=[
        Field(name=name, dtype=Float64 if name.startswith("number") else String)
        for name in features
    ],
    source=source,
)
store.apply([customer, view])
labels = pd.read_parquet(f"{folder}/labels.parquet")
begin = time.perf_counter()
job = store.get_historical_features(labels, [f"purchases:{name}" for name in features])
rows = job.to_arrow().num_rows
print(json.dumps({"seconds": time.perf_counter() - begin, "rows": rows}))
"""


def run(rows: int = 10_000_000) -> None:
    console = Console()
    with tempfile.TemporaryDirectory(prefix="feast-") as name:
        folder = Path(name)
        python = installed(folder / "environment", "[duckdb]")
        if isinstance(python, str):
            console.print(f"Feast cannot be installed here: {python}", markup=False)
            return
        ours, theirs = measure(folder, python, rows)
    console.print(f"{rows:,} rows, {rows // 10:,} labels, {len(FEATURES)} features")
    console.print(
        f"Tandem {ours:.2f} s, Feast with DuckDB {theirs:.2f} s, {theirs / ours:.1f} times"
    )


def measure(folder: Path, python: Path, rows: int) -> tuple[float, float]:
    """Seconds of Tandem and of Feast."""
    sample = make_sample(folder, rows, rows // 10, FeatureType.FRACTIONAL)
    engine = DuckDbEngine(folder, folder / "scratch", MEMORY_BYTES)
    join = FeatureJoin(
        table=HistoryTable(sample.group, HistorySnapshot(files=sample.hourly)),
        key="customer",
        columns={name: name for name in FEATURES},
    )
    begin = time.perf_counter()
    assert count_rows(engine, sample.labels, [join]) == sample.labels.num_rows
    ours = time.perf_counter() - begin
    engine.close()
    rewrite_for_feast(folder, sample.one_file, sample.labels)
    done = subprocess.run(
        [python, "-c", PROGRAM, str(folder), json.dumps(FEATURES)],
        stdout=subprocess.PIPE,
        check=True,
        text=True,
    )
    found = json.loads(done.stdout.strip().splitlines()[-1])
    assert found["rows"] == sample.labels.num_rows, found
    return ours, float(found["seconds"])


def rewrite_for_feast(folder: Path, one_file: str, labels: pa.Table) -> None:
    """The same rows with a timestamp, as Feast wants them, a row group at a time."""
    (folder / "feature_store.yaml").write_text(SETTINGS)
    moment = pa.timestamp("us", "UTC")
    writer: pq.ParquetWriter | None = None
    with pq.ParquetFile(one_file) as history:
        for batch in history.iter_batches():
            micros = pa.compute.multiply(batch.column("seconds"), 1e6).cast(pa.int64(), safe=False)
            table = pa.Table.from_batches([batch]).select(["customer", *FEATURES])
            table = table.append_column("event_timestamp", micros.cast(moment))
            writer = writer or pq.ParquetWriter(folder / "history.parquet", table.schema)
            writer.write_table(table)
    assert writer is not None
    writer.close()
    observed = labels.column("observed").cast(pa.timestamp("us"), safe=False).cast(moment)
    given = pa.table({"customer": labels.column("customer"), "event_timestamp": observed})
    pq.write_table(given, folder / "labels.parquet")
