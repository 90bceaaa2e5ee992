"""Labels and entities as programs give them: frames, streams, and files of any size."""

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.dataset

from tandem.errors import ValidationError
from tandem.rows.rows import BATCH_ROWS, RowStream, TableRows
from tandem.sdk.files import read_table
from tandem.sdk.frames import to_arrow
from tandem.service.datasets import Labels

_PARQUET = (".parquet", ".pq")


def labels_of(given: Any) -> Labels:
    """The rows of a frame; of an Arrow RecordBatchReader; of a file (CSV, Parquet, JSON lines) or
    a folder of Parquet files, by its path. Readers and Parquet files may be larger than the
    memory. Raises ValidationError.
    """
    if isinstance(given, pa.RecordBatchReader):
        return RowStream(given.schema, iter(given))
    if isinstance(given, str | Path):
        return _from_file(Path(given))
    return TableRows(to_arrow(given))


def _from_file(path: Path) -> Labels:
    if not path.exists():
        raise ValidationError(f"there is no file {str(path)!r}: give a file, a folder or a frame")
    if path.is_file() and path.suffix.lower() not in _PARQUET:
        return TableRows(read_table(path))
    try:
        found = pa.dataset.dataset(path, format="parquet")
        # One fragment at a time, in order: whatever is read ahead is held in memory.
        scanner = found.scanner(
            batch_size=BATCH_ROWS, batch_readahead=1, fragment_readahead=1, use_threads=False
        )
        reader = scanner.to_reader()
    except (pa.ArrowException, OSError) as error:
        raise ValidationError(f"{path} cannot be read: {error}") from error
    return RowStream(reader.schema, iter(reader))
