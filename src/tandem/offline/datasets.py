"""Recorded training sets on disk: a folder each, there whole and for good, or not at all.

    {root}/{id}/dataset.json       the record
                labels.parquet     the labels, in their order; missing where they are not kept
           _{id}.{attempt}/        one that is being written, or removed

A set's folder gets its name when all that is in it is on disk, in one rename; it loses it in one
rename, too. What a crash leaves under another name is removed by the next that is recorded: whoever
writes holds a lock on the folder, and the system frees the lock however the process ends.
"""

import fcntl
import os
import re
import secrets
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import msgspec
import pyarrow as pa

from tandem.errors import DataCorrupted, ResourceNotFound, StoreUnavailable, ValidationError
from tandem.model.dataset import Dataset
from tandem.offline.durable_files import make_root, sync
from tandem.rows.parquet_rows import ParquetRows, write_parquet
from tandem.rows.rows import Rows

RECORD_BYTES_MAX = 16 << 20
_ID = re.compile(r"[0-9A-Za-z][0-9A-Za-z-]{0,63}", re.ASCII)
_RECORD, _LABELS = "dataset.json", "labels.parquet"
_decoder = msgspec.json.Decoder(Dataset)


class DatasetFolders:
    """The folders below `root`, which is made when the first set is recorded."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def add(self, dataset: Dataset, labels: Rows | None) -> None:
        """Records a set; durable at return. Raises StoreUnavailable where the disk is full, and
        ValidationError where the record is over RECORD_BYTES_MAX or the labels have a type that
        Parquet lacks.
        """
        record = msgspec.json.encode(dataset)
        if len(record) > RECORD_BYTES_MAX:
            raise ValidationError(
                f"the record of this training set has {len(record)} bytes, and"
                f" {RECORD_BYTES_MAX} at most are kept: ask for fewer columns, or record=False"
            )
        make_root(self._root)
        self._remove_leftovers()
        with self._writing(dataset.dataset_id) as folder:
            if labels is not None:
                write_parquet(labels.batches(), labels.schema, folder / _LABELS)
                sync(folder / _LABELS)
            (folder / _RECORD).write_bytes(record)
            sync(folder / _RECORD)
            sync(folder)
            folder.rename(self._root / dataset.dataset_id)
            sync(self._root)

    def find(self, dataset_id: str) -> Dataset:
        """Raises ResourceNotFound, and DataCorrupted where the record cannot be read."""
        if _ID.fullmatch(dataset_id):
            path = self._root / dataset_id / _RECORD
            with suppress(FileNotFoundError, NotADirectoryError):
                return _decoded(path, path.read_bytes())
        raise ResourceNotFound(f"there is no training set with the id {dataset_id[:64]!r}")

    def all(self) -> Sequence[Dataset]:
        """The recorded sets, in no particular order."""
        found = []
        for name in self._names():
            # One that is removed meanwhile is not there.
            with suppress(ResourceNotFound):
                found.append(self.find(name))
        return found

    def labels(self, dataset: Dataset) -> Rows:
        """Raises ValidationError where the labels were not kept, and DataCorrupted where they
        cannot be read.
        """
        if not dataset.has_labels:
            raise ValidationError(
                f"training set {dataset.dataset_id} was recorded without its labels: give them"
            )
        path = self._root / dataset.dataset_id / _LABELS
        try:
            return ParquetRows(path)
        except (OSError, pa.ArrowException) as error:
            raise DataCorrupted(
                f"{path}, the labels of a training set, cannot be read ({error}): restore it from a"
                " backup, or give the labels"
            ) from error

    def remove(self, dataset_id: str) -> None:
        """Raises ResourceNotFound."""
        self.find(dataset_id)
        removed = self._root / f"_{dataset_id}.{secrets.token_hex(4)}"
        try:
            (self._root / dataset_id).rename(removed)
        except FileNotFoundError:
            raise ResourceNotFound(f"there is no training set with the id {dataset_id!r}") from None
        sync(self._root)
        shutil.rmtree(removed, ignore_errors=True)

    def _names(self) -> list[str]:
        try:
            return [path.name for path in self._root.iterdir() if _ID.fullmatch(path.name)]
        except FileNotFoundError:
            return []

    @contextmanager
    def _writing(self, dataset_id: str) -> Iterator[Path]:
        """A locked folder, which is removed where it has no other name in the end."""
        folder, lock = self._new_locked(dataset_id)
        try:
            yield folder
        except OSError as error:
            reason = error.strerror or str(error)
            raise StoreUnavailable(
                f"the training set cannot be recorded in {self._root} ({reason}): free some space"
                " and try again, or say record=False"
            ) from error
        finally:
            shutil.rmtree(folder, ignore_errors=True)
            os.close(lock)

    def _new_locked(self, dataset_id: str) -> tuple[Path, int]:
        while True:
            folder = self._root / f"_{dataset_id}.{secrets.token_hex(4)}"
            folder.mkdir()
            with suppress(FileNotFoundError):
                lock = os.open(folder, os.O_RDONLY)
                fcntl.flock(lock, fcntl.LOCK_EX)
                if folder.exists():
                    return folder, lock
                # Another process took the folder for a leftover at this very moment.
                os.close(lock)

    def _remove_leftovers(self) -> None:
        for folder in self._root.glob("_*"):
            with suppress(OSError):
                lock = os.open(folder, os.O_RDONLY)
                try:
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    shutil.rmtree(folder, ignore_errors=True)
                finally:
                    os.close(lock)


def _decoded(path: Path, content: bytes) -> Dataset:
    try:
        return _decoder.decode(content)
    except msgspec.MsgspecError as error:
        raise DataCorrupted(
            f"{path} is no record of a training set ({error}): restore it from a backup"
        ) from error
