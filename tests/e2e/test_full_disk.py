"""Work meets a full disk: it says so, nothing is half-written, and it goes on when there is room.

The disk is a small file system in memory, which only root can mount.
"""

import random
import re
import shutil
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import tandem
from e2e.streams.memory_topic import MemorySource, MemoryTopic
from e2e.streams.scenes import definition, each_once, tokens_in_history
from tandem.errors import StoreUnavailable, ValidationError
from tandem.rows.rows import Spool
from tandem.streams import Stream

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


def test_rows_that_find_no_room(small_disk: Path) -> None:
    noise = [random.randbytes(200).hex() for _ in range(ROWS)]  # nothing makes it smaller
    rows = frame().set_column(2, "note", pa.array(noise))
    labels = pa.table({"id": rows["id"], "event_time": pa.repeat(1e6, ROWS)}).slice(0, 50_000)
    with tandem.connect(small_disk / "data", delivery_interval_seconds=3_600) as store:
        group = store.create_feature_group(
            "wide", features=rows, record_identifier="id", event_time="time"
        )
        group.ingest(rows.slice(0, 10_000), target_stores=["OfflineStore"])
        made = store.training_set(labels, ["wide:note"], record=False)
        free = shutil.disk_usage(small_disk).free
        (small_disk / "filler").write_bytes(bytes(free - (1 << 20)))
        query = "SELECT id, note FROM wide"
        table = "CREATE TABLE full WITH (external_location = 's3://tandem/full/') AS"
        for call, error in (
            (lambda: spooled(rows, small_disk), StoreUnavailable),
            (lambda: made.to_parquet(small_disk / "out.parquet"), ValidationError),
            (lambda: made.to_parquet("s3://tandem/sets/out"), StoreUnavailable),
            (lambda: store.sql(f"{table} {query}", dialect="athena"), StoreUnavailable),
        ):
            with pytest.raises(error, match="No space left"):
                call()
        assert list(small_disk.glob("*out*")) == []
        assert list((small_disk / "data" / "s3" / "tandem").glob("sets/*")) == []
        (small_disk / "filler").unlink()
        assert len(made.to_parquet("s3://tandem/sets/out")) == 1


def spooled(rows: pa.Table, folder: Path) -> None:
    with closing(Spool(rows.schema, folder, memory_bytes=0)) as spool:
        for batch in rows.to_batches(max_chunksize=1_000):
            spool.add(batch)


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


def test_a_batch_load_on_a_full_disk(small_disk: Path, tmp_path: Path) -> None:
    incoming = tmp_path / "incoming"
    incoming.mkdir()
    for part in range(12):
        pq.write_table(frame().slice(part * 5_000, 5_000), incoming / f"{part:02}.parquet")
    settings = {"batch_load_folders": str(incoming), "delivery_interval_seconds": 0.1}
    with tandem.connect(small_disk / "data", **settings) as store:
        store.create_feature_group(
            "load", features=frame(), record_identifier="id", event_time="time"
        )
        load = store.batch_load("load", str(incoming), ingestion_id="one")
        # Where the registry has no room either, the end is stored once there is some.
        load.wait(timeout_seconds=15)
        remount = ["mount", "-o", "remount,size=400m", str(small_disk)]
        subprocess.run(remount, check=True)
        assert load.wait(timeout_seconds=60).status == "Failed"
        assert re.search("full|No space", str(load.failure_reason))
        assert load.progress.rows_done < ROWS
        again = store.batch_load("load", str(incoming), ingestion_id="one").wait()
        assert again.status == "Completed"
        assert again.progress.rows_written == ROWS - load.progress.rows_done
        found = store.sql("SELECT count(*) AS n, count(DISTINCT id) AS k FROM load").to_pandas()
        assert found.to_numpy().tolist() == [[ROWS, ROWS]]


def test_a_stream_waits_for_room(small_disk: Path) -> None:
    """And its consumer is not told to read on meanwhile."""
    topic = MemoryTopic(partitions=1)
    for row in range(6_000):
        topic.add({"token": f"t{row}", "note": "x" * 4_000}, f"K{row}")
    with tandem.connect(small_disk / "data", delivery_interval_seconds=0.2) as store:
        features = {"id": "String", "time": "String", "token": "String", "note": "String"}
        store.create_feature_group(
            "load", features=features, record_identifier="id", event_time="time"
        )
        mapped = {"id": "$key", "time": "$timestamp", "token": "token", "note": "note"}
        given = definition("load", groups={"load": {"features": mapped}}, batch={"messages": 300})
        stream = Stream(store, given, source=MemorySource(topic))
        thread = threading.Thread(target=stream.run, kwargs={"until_caught_up": True})
        thread.start()
        deadline = time.monotonic() + 60
        while stream.status().last_error is None and time.monotonic() < deadline:
            time.sleep(0.01)
        assert stream.status().last_error is not None
        subprocess.run(["mount", "-o", "remount,size=400m", str(small_disk)], check=True)
        thread.join(60)
        assert stream.status().last_error is None
        assert tokens_in_history(store, "load") == each_once(6_000)
