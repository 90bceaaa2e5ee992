"""Training sets in the library: the same code embedded and against a server."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import urllib3

import tandem
from e2e.locations import ON_A_SERVER, Place
from tandem.errors import HistoryChanged, ResourceNotFound, ValidationError
from tandem.rows.rows import Spool
from tandem.sdk import parquet_output

LABELS = pd.DataFrame(
    {
        "customer_id": ["C1", "C1", "C2", "C9"],
        "event_time": pd.to_datetime(
            ["2024-01-15", "2024-02-10", "2023-12-31", "2024-02-10"], utc=True
        ),
        "churned": [0, 1, 0, 1],
    }
)


@pytest.fixture
def group(store: tandem.FeatureStore, name: str) -> tandem.FeatureGroupHandle:
    frame = pd.DataFrame(
        {
            "customer_id": ["C1", "C2", "C1"],
            "event_time": pd.to_datetime(["2024-01-01", "2024-01-01", "2024-02-01"], utc=True),
            "orders": [1, 5, 2],
            "spend": [10.5, np.nan, 20.25],
        }
    )
    made = store.create_feature_group(
        name, features=frame, record_identifier="customer_id", event_time="event_time"
    )
    made.ingest(frame)
    return made


def test_names_of_ones_own_limits_and_the_record(
    store: tandem.FeatureStore, group: tandem.FeatureGroupHandle
) -> None:
    name = group.name
    made = store.training_set(
        LABELS,
        {"orders_so_far": f"{name}:orders", "spent": f"{name}:spend"},
        max_age={name: timedelta(days=12)},
        event_time_range=(datetime(2024, 1, 2, tzinfo=UTC), None),
    )
    assert made.column_names[3:] == ["orders_so_far", "spent"]
    assert made.to_arrow()["orders_so_far"].to_pylist() == [None, 2, None, None]
    recorded = made.dataset
    assert recorded is not None
    assert made.id == recorded.id == store.dataset(recorded.id).id
    assert recorded.record == store.dataset(recorded.id).record
    assert made.id in {one.id for one in store.datasets()}
    shown = repr(recorded)
    for said in (name, recorded.content_hash, "orders as orders_so_far", "2024-01-02T00:00:00Z"):
        assert said in shown
    assert recorded.id in recorded._repr_html_()
    assert made.id in repr(store.datasets())


def test_a_set_is_made_again_after_late_rows(
    store: tandem.FeatureStore, group: tandem.FeatureGroupHandle
) -> None:
    made = store.training_set(LABELS, [f"{group.name}:*"])
    late = {"customer_id": "C1", "event_time": "2024-01-10T00:00:00Z", "orders": 7, "spend": 1.0}
    group.put(late)
    group.delete("C2", "2023-12-30T00:00:00Z")
    assert made.dataset is not None
    again = made.dataset.rebuild()
    assert again.to_arrow().equals(made.to_arrow())
    assert again.id == made.id
    now = store.training_set(LABELS, [f"{group.name}:*"], record=False)
    assert now.to_arrow()["orders"].to_pylist() == [7, 2, None, None]
    assert now.id is None
    assert now.dataset is None
    store.delete_dataset(made.dataset.id)
    with pytest.raises(ResourceNotFound, match=made.dataset.id):
        made.dataset.rebuild()


def test_labels_that_were_not_kept(
    store: tandem.FeatureStore, group: tandem.FeatureGroupHandle, tmp_path: Path
) -> None:
    file = tmp_path / "labels.parquet"
    LABELS.to_parquet(file)
    made = store.training_set(file, [f"{group.name}:orders"], keep_labels=False)
    assert made.dataset is not None
    with pytest.raises(ValidationError, match="without its labels"):
        made.dataset.rebuild()
    with pytest.raises(ValidationError, match="not the labels"):
        made.dataset.rebuild(LABELS.head(2))
    assert made.dataset.rebuild(LABELS).to_arrow().equals(made.to_arrow())


READINGS: dict[str, Callable[[Path], Any]] = {
    "pandas": lambda _: LABELS,
    "polars": lambda _: pl.from_pandas(LABELS),
    "arrow": lambda _: pa.Table.from_pandas(LABELS, preserve_index=False),
    "a reader": lambda _: pa.Table.from_pandas(LABELS, preserve_index=False).to_reader(1),
    "categories of Polars": lambda _: pl.from_pandas(LABELS).cast(
        {"customer_id": pl.Categorical("lexical")}
    ),
    "a reader of such": lambda _: pa.RecordBatchReader.from_stream(
        pl.from_pandas(LABELS).cast({"customer_id": pl.Enum(["C1", "C2", "C9"])})
    ),
    "a Parquet file": lambda folder: folder / "labels.parquet",
    "its name": lambda folder: str(folder / "labels.parquet"),
    "a folder of Parquet files": lambda folder: folder / "labels",
    "a CSV file": lambda folder: folder / "labels.csv",
}


@pytest.mark.parametrize("reading", READINGS)
def test_labels_of_every_kind(
    store: tandem.FeatureStore, name: str, tmp_path: Path, reading: str
) -> None:
    number = list(READINGS).index(reading)
    group = store.create_feature_group(
        f"{name}-{number}",
        features={"customer_id": "String", "event_time": "String", "orders": "Integral"},
        record_identifier="customer_id",
        event_time="event_time",
    )
    group.put({"customer_id": "C1", "event_time": "2024-01-31T00:00:00Z", "orders": 4})
    LABELS.to_parquet(tmp_path / "labels.parquet")
    LABELS.to_csv(tmp_path / "labels.csv", index=False, date_format="%Y-%m-%dT%H:%M:%SZ")
    (tmp_path / "labels").mkdir()
    for part in range(2):
        LABELS.iloc[part * 2 : part * 2 + 2].to_parquet(tmp_path / "labels" / f"{part}.parquet")
    made = store.training_set(READINGS[reading](tmp_path), [f"{group.name}:orders"])
    assert made.to_arrow()["churned"].to_pylist() == [0, 1, 0, 1]
    assert made.to_arrow()["orders"].to_pylist() == [None, 4, None, None]


def test_a_file_that_is_not_there(
    store: tandem.FeatureStore, group: tandem.FeatureGroupHandle, tmp_path: Path
) -> None:
    for wrong in (tmp_path / "none.parquet", "not a frame"):
        with pytest.raises(ValidationError, match="there is no file"):
            store.training_set(wrong, [f"{group.name}:orders"])
    (tmp_path / "broken.parquet").write_bytes(b"?")
    with pytest.raises(ValidationError, match=r"broken\.parquet"):
        store.training_set(tmp_path / "broken.parquet", [f"{group.name}:orders"])


def test_the_latest_values(store: tandem.FeatureStore, group: tandem.FeatureGroupHandle) -> None:
    features = [f"{group.name}:orders", f"{group.name}:spend"]
    everything = store.latest(features).to_arrow()
    assert everything["customer_id"].to_pylist() == ["C1", "C2"]
    assert everything["orders"].to_pylist() == [2, 5]
    entities = pd.DataFrame({"customer_id": ["C2", "C9", "C1"]})
    then = store.latest(features, entities, at=datetime(2024, 1, 20))
    assert then.to_arrow()["orders"].to_pylist() == [5, None, 1]
    group.delete("C1", "2024-03-01T00:00:00Z")
    assert store.latest(features, group.name).to_arrow()["customer_id"].to_pylist() == ["C2"]
    assert then.dataset is not None
    assert then.dataset.rebuild().to_arrow().equals(then.to_arrow())
    served = group.get("C2", ["orders"])
    assert served == {"orders": 5}
    with pytest.raises(ValidationError, match="entities="):
        store.latest([*features, "other:orders"])


# Where a set goes


def test_parquet_on_disk_and_in_the_stores_s3(
    store: tandem.FeatureStore,
    group: tandem.FeatureGroupHandle,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    place: Place,
) -> None:
    monkeypatch.setattr(parquet_output, "_PART_ROWS", 3)
    made = store.training_set(LABELS, [f"{group.name}:orders"])
    assert made.to_parquet(tmp_path / "set") == [
        str(tmp_path / "set" / f"part-0000{number}.parquet") for number in range(2)
    ]
    assert pq.read_table(tmp_path / "set").to_pylist() == made.to_arrow().to_pylist()
    with pytest.raises(ValidationError, match="not empty"):
        made.to_parquet(tmp_path / "set")
    (one,) = made.to_parquet(tmp_path / "one.parquet")
    assert pq.read_table(one).to_pylist() == made.to_arrow().to_pylist()
    written = made.to_parquet(f"s3://tandem/{group.name}/set")
    assert written == [f"s3://tandem/{group.name}/set/part-0000{n}.parquet" for n in range(2)]
    bucket = place.folder / "s3" / "tandem"
    assert pq.read_table(bucket / group.name / "set").to_pylist() == made.to_arrow().to_pylist()
    for wrong in ("s3://nobucket-here/x", "s3://"):
        with pytest.raises((ValidationError, ResourceNotFound)):
            made.to_parquet(wrong)


def test_batches(store: tandem.FeatureStore, group: tandem.FeatureGroupHandle) -> None:
    made = store.training_set(LABELS, [f"{group.name}:orders"]).select(["churned", "orders"])
    assert [batch.num_rows for batch in made.batches(3)] == [3, 1]
    first, second = made.batches(3, "numpy")
    assert first["churned"].tolist() == [0, 1, 0]
    np.testing.assert_array_equal(second["orders"], [np.nan])
    with pytest.raises(ValidationError, match="'nothing'"):
        made.select(["nothing"])


def test_history_that_changed_says_so(
    store: tandem.FeatureStore,
    group: tandem.FeatureGroupHandle,
    place: Place,
) -> None:
    made = store.training_set(LABELS, [f"{group.name}:orders"])
    assert made.dataset is not None
    path = place.folder / "datasets" / made.dataset.id / "dataset.json"
    path.write_text(path.read_text().replace(made.dataset.content_hash, "sha256:0"))
    with pytest.raises(HistoryChanged, match="sha256:0"):
        store.dataset(made.dataset.id).rebuild()


def test_rows_that_do_not_fit_the_memory(
    store: tandem.FeatureStore,
    group: tandem.FeatureGroupHandle,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(Spool.__init__, "__defaults__", (0,))  # nothing stays in memory
    count = 200_000
    labels = pa.table(
        {
            "customer_id": [f"C{number % 3}" for number in range(count)],
            "event_time": pa.repeat(pa.scalar(datetime(2024, 3, 1)), count),
            "row": range(count),
        }
    )
    made = store.training_set(labels.to_reader(10_000), [f"{group.name}:orders"])
    assert len(made) == count
    orders = [(None, 2, 5)[number % 3] for number in range(count)]
    found = [value for batch in made.batches(7_777) for value in batch["orders"].to_pylist()]
    assert found == orders
    made.to_parquet(tmp_path / "set.parquet")
    written = pq.read_table(tmp_path / "set.parquet")
    assert written["row"].to_pylist() == list(range(count))
    assert written["orders"].to_pylist() == orders
    assert made.dataset is not None
    assert made.dataset.rebuild().to_arrow().equals(made.to_arrow())


# What the endpoints refuse


@ON_A_SERVER
@pytest.mark.parametrize(
    ("method", "path", "body", "status", "said"),
    [
        ("POST", "/tandem/training-set", b"?", 400, "SerializationException"),
        ("POST", "/tandem/training-set", "no request", 400, "tandem.request"),
        ("POST", "/tandem/training-set", "{", 400, "SerializationException"),
        ("POST", "/tandem/training-set", '{"Features": 7}', 400, "SerializationException"),
        (
            "POST",
            "/tandem/training-set",
            '{"Features": ["g:x"], "AsOf": 1%s}' % ("0" * 30),
            400,
            "SerializationException",
        ),
        (
            "POST",
            "/tandem/latest",
            '{"Features": ["g:x"], "At": -1%s}' % ("0" * 30),
            400,
            "SerializationException",
        ),
        ("POST", "/tandem/training-set", '{"Features": []}', 400, "features is empty"),
        ("POST", "/tandem/training-set", '{"Features": ["nobody:x"]}', 404, "nobody"),
        ("POST", "/tandem/latest", '{"Features": ["g:x"], "Entities": "nobody"}', 404, "nobody"),
        ("GET", "/tandem/datasets/nothing", b"", 404, "'nothing'"),
        ("GET", "/tandem/datasets/..%2F..", b"", 404, "no training set"),
        ("DELETE", "/tandem/datasets/nothing", b"", 404, "'nothing'"),
        ("POST", "/tandem/datasets/nothing/rebuild", b"", 404, "'nothing'"),
        ("POST", "/tandem/datasets/nothing/rebuild", b"?", 400, "SerializationException"),
        ("PUT", "/tandem/datasets", b"", 405, "GET"),
        ("GET", "/tandem/datasets/a/b/c", b"", 404, "UnknownOperation"),
    ],
)
def test_what_is_refused_over_http(
    location: str, method: str, path: str, body: bytes | str, status: int, said: str
) -> None:
    if isinstance(body, str):
        metadata = None if body == "no request" else {"tandem.request": body}
        labels = pa.table({"id": ["C1"], "event_time": [1]}).replace_schema_metadata(metadata)
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, labels.schema) as writer:
            writer.write_table(labels)
        body = sink.getvalue().to_pybytes()
    # The first that asks the process of queries waits for it, which urllib3 would not for long.
    answer = urllib3.request(method, f"{location}{path}", body=body, timeout=60)
    assert answer.status == status, answer.data
    assert said in answer.data.decode() + str(dict(answer.headers))
