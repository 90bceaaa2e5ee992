"""Recorded sets on disk: whole or not there, found by their ids alone, and swept after a crash."""

import errno
import fcntl
import os
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pytest

from tandem.errors import ResourceNotFound, StoreUnavailable, ValidationError
from tandem.model.dataset import Dataset, DatasetGroup
from tandem.offline import datasets
from tandem.offline.datasets import DatasetFolders
from tandem.rows.rows import TableRows

LABELS = TableRows(pa.table({"id": ["C1", None], "moment": pa.array([1, 2], pa.timestamp("s"))}))
DATASET = Dataset(
    dataset_id="20240501T120000Z-00000000",
    created_at_us=1_714_564_800_000_000,
    seconds=0.25,
    as_of_us=1_714_564_799_999_999,
    log_positions={0: 7, 1: 2**60},
    event_time="moment",
    groups=(
        DatasetGroup(
            named="current",
            name="customers",
            group_id="customers-1",
            key="id",
            columns={"orders": "n"},
            max_age_seconds=1.5,
            from_nanoseconds=-(10**20),
            until_nanoseconds=10**20,
            rows=3,
        ),
    ),
    rows=2,
    columns=(("id", "string"), ("n", "int64")),
    content_hash="sha256:1",
    labels_hash="sha256:2",
    has_labels=True,
    made_by="0.1.0",
)


@pytest.fixture
def folders(tmp_path: Path) -> DatasetFolders:
    return DatasetFolders(tmp_path / "datasets")


def test_what_was_recorded_is_found(folders: DatasetFolders) -> None:
    assert folders.all() == []
    folders.add(DATASET, LABELS)
    other = replace(DATASET, dataset_id="other", has_labels=False)
    folders.add(other, None)
    assert folders.find(DATASET.dataset_id) == DATASET
    assert sorted(folders.all(), key=lambda one: one.dataset_id) == [DATASET, other]
    assert folders.labels(DATASET).to_table().equals(LABELS.to_table())
    with pytest.raises(ValidationError, match="without its labels"):
        folders.labels(other)
    folders.remove(DATASET.dataset_id)
    assert folders.all() == [other]
    with pytest.raises(ResourceNotFound):
        folders.remove(DATASET.dataset_id)


@pytest.mark.parametrize(
    "wrong", ["", ".", "..", "../datasets/x", "a/b", "_x", "x" * 65, "ä", "\0"]
)
def test_an_id_leads_nowhere_else(folders: DatasetFolders, tmp_path: Path, wrong: str) -> None:
    folders.add(DATASET, None)
    for ask in (folders.find, folders.remove):
        with pytest.raises(ResourceNotFound):
            ask(wrong)


@pytest.mark.parametrize("name", ["write_parquet", "sync"])
def test_a_full_disk_leaves_nothing(
    folders: DatasetFolders, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(datasets, name, full)
    with pytest.raises(StoreUnavailable, match=r"No space left.*free some space"):
        folders.add(DATASET, LABELS)
    assert list((tmp_path / "datasets").iterdir()) == []


def test_a_record_has_a_largest_size(
    folders: DatasetFolders, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(datasets, "RECORD_BYTES_MAX", 100)
    with pytest.raises(ValidationError, match="100 at most"):
        folders.add(DATASET, None)


def test_what_a_crash_left_is_removed_and_what_is_being_written_is_not(
    folders: DatasetFolders, tmp_path: Path
) -> None:
    root = tmp_path / "datasets"
    left, written = root / "_left.00000000", root / "_written.00000000"
    for folder in (left, written):
        folder.mkdir(parents=True)
        (folder / "labels.parquet").write_bytes(b"?")
    assert folders.all() == []
    lock = os.open(written, os.O_RDONLY)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        folders.add(DATASET, LABELS)
        assert sorted(path.name for path in root.iterdir()) == [DATASET.dataset_id, written.name]
    finally:
        os.close(lock)
    folders.add(replace(DATASET, dataset_id="next"), None)
    assert not written.exists()
