"""A load meets a full disk: it says so, nothing is half-written, and it goes on when there is room.

The disk is a small file system in memory, which only root can mount.
"""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

import tandem
from tandem.errors import StoreUnavailable

ROWS = 60_000


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", str(disk)]
    try:
        subprocess.run(mount, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"a file system cannot be mounted here: {error}")
    yield disk
    subprocess.run(["umount", "-l", str(disk)], check=True)


def frame() -> pa.Table:
    return pa.table(
        {
            "id": [f"C{row}" for row in range(ROWS)],
            "time": np.arange(ROWS).astype(float),
            "note": [f"{row} {'x' * 400}" for row in range(ROWS)],
        }
    )


@pytest.mark.parametrize("stores", [["OfflineStore"], ["OnlineStore", "OfflineStore"]])
def test_a_full_disk(small_disk: Path, stores: list[str]) -> None:
    rows = frame()
    with tandem.connect(small_disk / "data") as store:
        group = store.create_feature_group(
            "load", features=rows, record_identifier="id", event_time="time"
        )
        pieces = rows.to_reader(max_chunksize=5_000)
        with pytest.raises(StoreUnavailable, match=r"full|No space"):
            group.ingest(pieces, ingestion_id="one", target_stores=stores)
    with tandem.connect(small_disk / "data") as store:
        found = store.sql("SELECT count(*) AS n, count(DISTINCT id) AS k FROM load").to_pandas()
        assert (found["n"] == found["k"]).all()
        assert found["n"][0] < ROWS
    subprocess.run(["mount", "-o", "remount,size=400m", str(small_disk)], check=True)
    with tandem.connect(small_disk / "data", delivery_interval_seconds=0.1) as store:
        group = store.feature_group("load")
        assert group.ingest(rows, ingestion_id="one", target_stores=stores) > 0
        found = store.sql("SELECT count(*) AS n, count(DISTINCT id) AS k FROM load").to_pandas()
        assert found.to_numpy().tolist() == [[ROWS, ROWS]]
        record = group.get("C59999")
        assert (record is not None) == ("OnlineStore" in stores)
