"""What can be ingested: frames, Arrow in any form, and files, as tables of bounded size.

    a pandas or Polars frame, an Arrow table, a dict of columns, a list of dicts   in memory, whole
    an Arrow RecordBatchReader or dataset                                          piece by piece
    a path, a glob, or s3://bucket/key (or a glob) of the store's own buckets      piece by piece

Several files are read in the order of their names, one after the other.
"""

import glob
import sys
from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa

from tandem.errors import ValidationError
from tandem.model.feature_group import FeatureGroup
from tandem.rows.plain_text import with_plain_text
from tandem.rows.record_table import FAILED_COLUMNS
from tandem.rows.table_files import count_rows, iterate_tables, local_file
from tandem.sdk.frames import to_arrow

_S3 = "s3://"


class Source(NamedTuple):
    """Tables, or one table that is in memory, and how many rows they have where that is known."""

    tables: pa.Table | Iterable[pa.Table]
    rows: int | None


def source_of(given: Any, group: FeatureGroup, buckets: Path | None) -> Source:
    """What is `given`, as rows of `group`. `buckets` is the folder in which the store's own buckets
    lie; None where that is on another machine.

    Raises ValidationError where it is nothing that can be ingested, or a file cannot be read.
    """
    if isinstance(given, str | Path):
        files = [local_file(path) for path in _files(str(given), buckets)]
        pieces = chain.from_iterable(iterate_tables(file, group) for file in files)
        return Source(_without_failures(pieces), count_rows(files))
    if isinstance(given, pa.RecordBatchReader):
        return Source(_without_failures(_tables(given)), None)
    if _is_dataset(given):
        batches = given.scanner(batch_size=1 << 16).to_batches()
        return Source(_without_failures(_tables(batches)), given.count_rows())
    table = next(_without_failures([to_arrow(given)]))
    return Source(table, table.num_rows)


def _is_dataset(given: Any) -> bool:
    # Whoever has one has imported the module. Nobody else should: it imports pandas.
    module = sys.modules.get("pyarrow.dataset")
    return module is not None and isinstance(given, module.Dataset)


def _files(named: str, buckets: Path | None) -> list[Path]:
    place = named
    if named.startswith(_S3):
        if buckets is None:
            raise ValidationError(
                f"{named!r} cannot be read from here: give a path, or ingest it where the store is"
            )
        inside = buckets / named.removeprefix(_S3)
        if not inside.resolve().is_relative_to(buckets.resolve()):
            raise ValidationError(f"{named!r} leads out of the store's buckets")
        place = str(inside)
    files = [Path(place)]
    try:
        is_there = files[0].exists()
    except OSError as error:
        raise ValidationError(f"{named[:80]!r} cannot be looked at: {error}") from error
    if not is_there:
        # Not of pathlib, whose patterns cannot be absolute.
        found = glob.glob(place, recursive=True)  # noqa: PTH207
        files = sorted(Path(one) for one in found)
    if not files:
        raise ValidationError(f"there is no file {named!r}")
    return files


def _tables(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.Table]:
    try:
        for batch in batches:
            yield with_plain_text(pa.Table.from_batches([batch]))
    except (pa.ArrowException, OSError) as error:
        raise ValidationError(f"the input cannot be read any further: {error}") from error


def _without_failures(tables: Iterable[pa.Table]) -> Iterator[pa.Table]:
    """Without the columns that a table of failed rows has more, so that it can be given again."""
    for table in tables:
        kept = [name for name in table.column_names if name not in FAILED_COLUMNS]
        yield table.select(kept) if len(kept) < table.num_columns else table
