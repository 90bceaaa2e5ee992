"""The rows of a Parquet file that another program wrote, as rows that can be put and deleted.

* Columns are found by name; where none is called like a feature, by name without regard to case,
  since Hive and Athena write small letters.
* `is_deleted` says which rows are delete markers; it may be missing. Of those, only the record and
  the event time count. `write_time` and `api_invocation_time` may be there, and are not read: a row
  counts as written when Tandem first saw it. So may the columns of the partitions.
* Any other column, and a missing record identifier or event time, is an error: it is likelier that
  somebody has mixed up two groups than that the column means nothing.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from tandem.errors import StoreUnavailable, ValidationError
from tandem.model.feature_group import FeatureGroup
from tandem.rows.history_rows import API_INVOCATION_TIME, IS_DELETED, WRITE_TIME

_BATCH_ROWS = 1 << 16
_PARTITIONS = ("year", "month", "day", "hour")
_NOT_READ = frozenset({WRITE_TIME, API_INVOCATION_TIME, *_PARTITIONS})


class ForeignRows(NamedTuple):
    """A piece of a file: the rows to be put, and those to be deleted, with these two columns."""

    puts: pa.Table
    deletes: pa.Table


def foreign_rows(group: FeatureGroup, path: Path) -> Iterator[ForeignRows]:
    """The rows of the file, piece by piece, their columns called as the group's features.

    Raises ValidationError where it is damaged or its columns are not those of the group, and
    StoreUnavailable where the disk does not give it.
    """
    # Read ahead, a row group of a million rows would be in memory whole.
    options = {"pre_buffer": False, "page_checksum_verification": True}
    with _errors_named(), pq.ParquetFile(path, **options) as file:
        names = _names(group, file.schema_arrow)
        columns = [column for column in file.schema_arrow.names if column in names]
        for batch in file.iter_batches(_BATCH_ROWS, columns=columns):
            table = pa.Table.from_batches([batch])
            yield _divided(group, table.rename_columns([names[n] for n in table.column_names]))


def count_rows(path: Path) -> int:
    """How many rows a whole file has."""
    with pq.ParquetFile(path, pre_buffer=False) as file:
        rows: int = file.metadata.num_rows
        return rows


def _names(group: FeatureGroup, schema: pa.Schema) -> dict[str, str]:
    """What the columns that count are called in the group, by their names in the file."""
    features = [feature.name for feature in group.current_features]
    found: dict[str, str] = {}
    unknown = []
    for column in schema.names:
        if name := _feature_of(column, features):
            if name in found.values():
                raise ValidationError(f"it has two columns for the feature {name!r}")
            found[column] = name
        elif column.lower() == IS_DELETED:
            found[column] = IS_DELETED
        elif column.lower() not in _NOT_READ:
            unknown.append(column)
    if unknown:
        raise ValidationError(
            f"it has the columns {unknown}, which are no features of {group.name!r}"
        )
    for name in (group.record_identifier_name, group.event_time_name):
        if name not in found.values():
            raise ValidationError(f"it has no column {name!r}, which every record needs")
    return found


def _feature_of(column: str, features: Sequence[str]) -> str | None:
    if column in features:
        return column
    alike = [name for name in features if name.lower() == column.lower()]
    return alike[0] if len(alike) == 1 else None


def _divided(group: FeatureGroup, table: pa.Table) -> ForeignRows:
    keys = list(dict.fromkeys([group.record_identifier_name, group.event_time_name]))
    if IS_DELETED not in table.column_names:
        return ForeignRows(table, table.select(keys).slice(0, 0))
    marks = table.column(IS_DELETED)
    table = table.drop_columns([IS_DELETED])
    if pa.types.is_null(marks.type):
        return ForeignRows(table, table.select(keys).slice(0, 0))
    if not pa.types.is_boolean(marks.type):
        raise ValidationError(
            f"its column {IS_DELETED!r} is of type {marks.type}: it is a boolean, or left out"
        )
    is_deleted = pc.fill_null(marks, False)
    return ForeignRows(table.filter(pc.invert(is_deleted)), table.select(keys).filter(is_deleted))


@contextmanager
def _errors_named() -> Iterator[None]:
    try:
        yield
    except pa.ArrowException as error:
        raise ValidationError(f"it cannot be read: {error}") from error
    except OSError as error:
        # Arrow says so of damaged files, too, but then without the number of an error.
        if error.errno is None:
            raise ValidationError(f"it cannot be read: {error}") from error
        raise StoreUnavailable(f"{error.filename or 'a file'} cannot be read: {error}") from error
