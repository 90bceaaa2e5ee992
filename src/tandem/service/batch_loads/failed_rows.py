"""The rows that a load leaves out: kept piece by piece as it goes, written to one file at its end.

    {folder}/{number of the first row in the input, 20 digits}.parquet

* A piece is durable before the load's mark passes its rows. What was kept of rows that the mark
  has not passed is forgotten when the load goes on, and comes again.
* Columns are those of the file that a row is from, then `_row`, its number in that file from 0,
  `_reason` and `_file`.
"""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq

from tandem.offline.durable_files import DurableFiles, DurableFolders, make_root
from tandem.rows.python_cells import shown_cells
from tandem.rows.record_table import joined

_ENDING = ".parquet"


class FailedRows:
    """Those of one load, in a folder that is made for the first of them."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def keep(self, first_row: int, rows: pa.Table) -> None:
        """Raises StoreUnavailable where the disk is full."""
        make_root(self._folder)
        with DurableFiles(DurableFolders(self._folder)) as files:
            files.stage(self._folder / f"{first_row:020}{_ENDING}", _writer_of_parquet(rows))
            files.publish()

    def forget_from(self, row: int) -> None:
        """Forgets what was kept of the rows of the input from this one on."""
        for path in self._pieces():
            if int(path.stem) >= row:
                path.unlink()

    def count(self) -> int:
        return sum(pq.read_metadata(path).num_rows for path in self._pieces())

    def table(self) -> pa.Table | None:
        """All that was kept, in the order of the input; None where that is nothing."""
        return joined([pq.read_table(path) for path in self._pieces()])

    def remove(self) -> None:
        shutil.rmtree(self._folder, ignore_errors=True)

    def _pieces(self) -> list[Path]:
        return sorted(self._folder.glob(f"[0-9]*{_ENDING}"))


def file_writer(rows: pa.Table, uri: str) -> Callable[[BinaryIO], object]:
    """What writes the rows, as CSV or Parquet by the ending of `uri`."""
    if uri.endswith(_ENDING):
        return _writer_of_parquet(rows)
    flat = rows
    for index, field in enumerate(rows.schema):
        if pa.types.is_nested(field.type):  # CSV has no form of its own for these
            texts = [_text(value) for value in shown_cells(rows.column(index))]
            flat = flat.set_column(index, field.name, pa.array(texts, pa.string()))
    return lambda file: pa.csv.write_csv(flat, file)


def _writer_of_parquet(rows: pa.Table) -> Callable[[BinaryIO], object]:
    return lambda file: pq.write_table(rows, file)


def _text(value: Any) -> str | None:
    return None if value is None else json.dumps(value, default=str)
