"""What deletes have taken out of a history, so that its archive does not bring it back.

    _log/erased-00000000000000000001.parquet
        write_time    int64     when the row was written, in microseconds since 1970
        digest        binary    16 bytes, which follow from all of the row's values

* A delete writes such a file before its commit, and the commit moves the table's property
  `tandem.erasures` to the file's number: so the file counts exactly if the rows are gone.
* Whoever reads the archive passes over the entries of erased rows. A vacuum takes them out of the
  archive's files, and then removes the files of erasures.
* Rows that are equal in all columns are one digest: nobody could delete one of them alone.
* The table says which columns those are. A caller's definition of the group may lack retired
  features, or one that was added a moment ago.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import partial
from hashlib import blake2b
from pathlib import Path
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq
from pyiceberg.table.metadata import TableMetadata

from tandem.errors import DataCorrupted
from tandem.model.feature_group import FeatureGroup
from tandem.model.write import LogEntry
from tandem.offline import write_options
from tandem.offline.group_folders import NewFile
from tandem.offline.iceberg.table_schema import table_features
from tandem.offline.locations import GroupFolder
from tandem.rows.history_rows import WRITE_TIME, history_rows

PROPERTY = "tandem.erasures"
_PREFIX, _SUFFIX = "erased-", ".parquet"
_DIGEST_BYTES = 16
_OPTIONS = {
    name: value for name, value in write_options.ARCHIVE.items() if name != "row_group_size"
}
_SCHEMA = pa.schema(
    [
        pa.field("write_time", pa.int64(), nullable=False),
        pa.field("digest", pa.binary(_DIGEST_BYTES), nullable=False),
    ]
)


class Erasures:
    """The rows that one group's deletes have taken out, up to now."""

    def __init__(self, group: FeatureGroup, digests: Mapping[int, set[bytes]]) -> None:
        self._group = group
        self._digests = digests

    def __bool__(self) -> bool:
        return bool(self._digests)

    def has(self, entry: LogEntry) -> bool:
        """Whether the row of this entry is erased."""
        digests = self._digests.get(entry.write_time_us)
        if digests is None:
            return False
        return any(
            _digest(row) in digests for row in history_rows(self._group, [entry]).to_pylist()
        )


def erasures(group: FeatureGroup, folder: GroupFolder, table: TableMetadata) -> Erasures:
    """Those that count in this version of the table. Raises DataCorrupted where a file of theirs
    cannot be read.
    """
    digests: dict[int, set[bytes]] = defaultdict(set)
    last = _name(erasures_count(table))
    for path in all_erasure_files(folder):
        if path.name > last:
            continue  # its delete is not in the table
        try:
            with pq.ParquetFile(path, page_checksum_verification=True) as file:
                rows = file.read(_SCHEMA.names)
        except FileNotFoundError:
            continue  # a vacuum has just taken its rows out of the archive
        except (pa.ArrowException, OSError) as error:
            raise DataCorrupted(
                f"the file {path}, which says what was deleted, cannot be read ({error}): restore"
                " it from a backup"
            ) from error
        moments, found = (rows.column(name).to_pylist() for name in _SCHEMA.names)
        for moment, digest in zip(moments, found, strict=True):
            digests[moment].add(digest)
    return Erasures(replace(group, features=table_features(table.schema())), digests)


def all_erasure_files(folder: GroupFolder) -> list[Path]:
    """Those of all deletes that no vacuum is done with, whether they count or not."""
    return sorted(folder.archive.glob(f"{_PREFIX}*{_SUFFIX}"))


def erasures_count(table: TableMetadata) -> int:
    """How many deletes the table has seen. Raises DataCorrupted where its property is no number."""
    text = table.properties.get(PROPERTY, "0")
    if not (text.isascii() and text.isdecimal()):
        raise DataCorrupted(
            f"the property {PROPERTY} of the Iceberg table in {table.location} is"
            f" {text[:64]!r}, not a number: give it back its value"
        )
    return int(text)


def erasure_file(folder: GroupFolder, number: int, rows: Iterable[pa.Table]) -> NewFile:
    """The file of the erasure `number`, of rows with all their columns."""
    return NewFile(folder.archive / _name(number), partial(_write, rows))


def _write(rows: Iterable[pa.Table], file: BinaryIO) -> None:
    with pq.ParquetWriter(file, _SCHEMA, **_OPTIONS) as writer:
        for table in rows:
            moments = table.column(WRITE_TIME).cast(pa.timestamp("us")).cast(pa.int64())
            digests = pa.array([_digest(row) for row in table.to_pylist()], _SCHEMA.types[1])
            writer.write_table(pa.Table.from_arrays([moments, digests], schema=_SCHEMA))


def _digest(row: Mapping[str, Any]) -> bytes:
    """Of the values that are there: a column that was added later changes nothing."""
    values = sorted((name, value) for name, value in row.items() if value is not None)
    return blake2b(repr(values).encode(), digest_size=_DIGEST_BYTES).digest()


def _name(number: int) -> str:
    return f"{_PREFIX}{number:020d}{_SUFFIX}"
