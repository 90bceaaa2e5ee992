"""The SageMaker SDK's own `ingest`, a PutRecord a row, beside Tandem's for the same frame.

The SDK runs unmodified in an environment of its own (`make sagemaker`), as `tandem env` sets it up.
"""

import os
import shlex
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from rich.console import Console
from rich.table import Table

import tandem
from benchmarks.ingest import create, frame
from benchmarks.server import running

SDK = Path(__file__).parents[1] / ".venv-sagemaker-v2/bin/python"
ROWS = 10_000
WORKERS = 4

INGEST = """
import sys, time
import pandas as pd
from sagemaker.feature_store.feature_group import FeatureGroup
from sagemaker.session import Session
frame = pd.read_csv(sys.argv[1])
group = FeatureGroup(name="sdk", sagemaker_session=Session())
begun = time.perf_counter()
group.ingest(frame, max_workers=int(sys.argv[2]), wait=True)
print(time.perf_counter() - begun)
"""


def run() -> None:
    if not SDK.exists():
        print("the SageMaker SDK is not there: make sagemaker")
        return
    shown = Table(title=f"{ROWS:,} rows of 10 mixed columns into both stores of a server")
    for heading in ("what", "rows/s"):
        shown.add_column(heading, justify="right" if heading == "rows/s" else "left")
    with tempfile.TemporaryDirectory() as name, running(Path(name) / "data") as server:
        rows = frame(ROWS, 1.70e9, is_shuffled=True)
        with tandem.connect(server.url) as store:
            create(store, "sdk", rows)
            group = create(store, "own", rows)
            group.ingest(rows)  # waits, too, for the process that loads to have started
            begun = time.perf_counter()
            group.ingest(rows)
            own = ROWS / (time.perf_counter() - begun)
        path = Path(name) / "rows.csv"
        rows.to_pandas().to_csv(path, index=False)
        sdk = ROWS / _sdk_seconds(server.data, path)
    shown.add_row(f"FeatureGroup.ingest of the SDK, {WORKERS} workers", f"{sdk:,.0f}")
    shown.add_row("ingest of Tandem's library, over HTTP", f"{own:,.0f}")
    Console(width=100).print(shown)


def _sdk_seconds(data: Path, rows: Path) -> float:
    told = subprocess.run(
        [sys.executable, "-m", "tandem", "env", "--data", str(data)],
        check=True,
        capture_output=True,
        text=True,
    )
    command = (
        f"{told.stdout}\nexec {shlex.quote(str(SDK))} -c {shlex.quote(INGEST)} {rows} {WORKERS}"
    )
    done = subprocess.run(
        ["bash", "-c", command],
        check=True,
        stdout=subprocess.PIPE,
        text=True,
        env={name: value for name, value in os.environ.items() if name != "PYTHONPATH"},
    )
    return float(done.stdout.split()[-1])
