"""Labels and entities as programs give them: frames, streams, and files of any size."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from tandem.errors import ValidationError
from tandem.rows.plain_text import batches_with_plain_text, plain_schema
from tandem.rows.rows import BATCH_ROWS, RowStream, TableRows
from tandem.rows.table_files import read_table
from tandem.sdk.frames import to_arrow
from tandem.service.datasets import Labels

_PARQUET = (".parquet", ".pq")


def labels_of(given: Any) -> Labels:
    """The rows of a frame; of an Arrow RecordBatchReader; of a file (CSV, Parquet, JSON lines) or
    a folder of Parquet files, by its path. Readers and Parquet files may be larger than the
    memory. Raises ValidationError.
    """
    if isinstance(given, pa.RecordBatchReader):
        schema = plain_schema(given.schema)
        return RowStream(schema, batches_with_plain_text(given, schema))
    if isinstance(given, str | Path):
        return _from_file(Path(given))
    return TableRows(to_arrow(given))


def _from_file(path: Path) -> Labels:
    with _named(path):
        files = _files(path)
        if files[0].suffix.lower() in _PARQUET:
            schema = pq.read_schema(files[0]).remove_metadata()
            return RowStream(schema, _batches(files, schema))
    return TableRows(read_table(path))


def _files(path: Path) -> Sequence[Path]:
    """The file, or all Parquet files of the folder, by name. Raises OSError where the path is none,
    or others change the folder meanwhile.
    """
    if not path.exists():
        raise ValidationError(f"there is no file {str(path)!r}: give a file, a folder or a frame")
    files = sorted(path.rglob("*.parquet")) if path.is_dir() else [path]
    if not files:
        raise ValidationError(f"the folder {str(path)!r} holds no file that ends in '.parquet'")
    return files


def _batches(files: Sequence[Path], schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    """The rows of the files, one file after the other by name, in the first one's columns."""
    for path in files:
        with _named(path), pq.ParquetFile(path) as file:
            for batch in file.iter_batches(batch_size=BATCH_ROWS):
                yield batch.select(schema.names).cast(schema)


@contextmanager
def _named(path: Path) -> Iterator[None]:
    try:
        yield
    except (pa.ArrowException, OSError, KeyError) as error:
        raise ValidationError(f"{path} cannot be read as labels: {error}") from error
