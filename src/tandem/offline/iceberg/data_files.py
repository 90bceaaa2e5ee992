"""The data files of a range: their bytes, and what the table notes of each."""

from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from pyiceberg.io.pyarrow import (
    compute_statistics_plan,
    data_file_statistics_from_parquet_metadata,
    parquet_path_to_id_mapping,
)
from pyiceberg.manifest import DataFile, DataFileContent, FileFormat
from pyiceberg.table.metadata import TableMetadata
from pyiceberg.typedef import Record

from tandem.model.feature_group import FeatureGroup
from tandem.model.write import LogPart
from tandem.offline import write_options
from tandem.offline.iceberg.layout import Partitioning
from tandem.offline.iceberg.table_schema import with_field_ids
from tandem.offline.log_range import LogRange
from tandem.rows.history_rows import history_rows


@dataclass(frozen=True, slots=True)
class EncodedFile:
    """A data file that is not written yet, the wave it is appended in, and its manifest entry."""

    path: Path
    content: bytes
    wave: int
    data_file: DataFile


def encode(
    group: FeatureGroup,
    table: TableMetadata,
    data_folder: Path,
    delivery: LogRange,
    entries: Sequence[LogPart],
) -> list[EncodedFile]:
    """The files of the offline-targeted ones of `entries`, in the order of their waves.

    `table` is as it will be when they are committed: it has a column for each of their features.
    """
    partitioning = Partitioning(group, table.schema(), table.spec())
    files = []
    for part in partitioning.parts(entries):
        content = _parquet(group, table, part.entries)
        path = data_folder / partitioning.path(group, delivery, part, content)
        location = f"{table.location}/{path.relative_to(data_folder.parent)}"
        metadata = pq.read_metadata(BytesIO(content))
        data_file = described(table, location, metadata, len(content), Record(*part.partition))
        files.append(EncodedFile(path, content, part.wave, data_file))
    return files


def _parquet(group: FeatureGroup, table: TableMetadata, entries: Sequence[LogPart]) -> bytes:
    rows = history_rows(group, entries)
    with_ids = pa.Table.from_arrays(
        rows.columns, schema=with_field_ids(rows.schema, table.schema())
    )
    file = BytesIO()
    pq.write_table(with_ids, file, **write_options.HISTORY)
    return file.getvalue()


def described(
    table: TableMetadata,
    location: str,
    metadata: pq.FileMetaData,
    size_bytes: int,
    partition: Record,
) -> DataFile:
    """What the table notes of a Parquet file of its default partition spec."""
    schema = table.schema()
    statistics = data_file_statistics_from_parquet_metadata(
        metadata,
        compute_statistics_plan(schema, table.properties),
        parquet_path_to_id_mapping(schema),
    )
    data_file = DataFile.from_args(
        content=DataFileContent.DATA,
        file_path=location,
        file_format=FileFormat.PARQUET,
        partition=partition,
        file_size_in_bytes=size_bytes,
        sort_order_id=None,
        equality_ids=None,
        key_metadata=None,
        **statistics.to_serialized_dict(),
    )
    data_file.spec_id = table.default_spec_id
    return data_file
