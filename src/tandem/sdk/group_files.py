"""The files of a group's history, as other programs read them."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from tandem.errors import ValidationError
from tandem.model.feature_group import FeatureGroup
from tandem.rows.history_rows import history_schema
from tandem.service.history_files import HistoryFiles

_S3 = "s3://"
_SPARK_TYPES = {
    pa.string(): "STRING",
    pa.int64(): "BIGINT",
    pa.float64(): "DOUBLE",
    pa.bool_(): "BOOLEAN",
    pa.timestamp("us"): "TIMESTAMP_NTZ",
}


@dataclass(frozen=True, slots=True)
class GroupFiles:
    """A group's whole history at one moment: Parquet files, and the columns to read of them.

    data_uri          the folder below which the files lie, and others put theirs
    uris              `s3://` URIs, in the order in which their rows were written
    schema            the columns as Arrow has them. A file lacks those of features that came later
                      (they are null in its rows), and may have those of retired ones
    iceberg_metadata  the metadata file of the table's version; None where it is no Iceberg table

    Rows are only ever added. Two files may hold one record at one event time: the later row counts.
    Rows with `is_deleted` are delete markers.
    """

    data_uri: str
    uris: Sequence[str]
    schema: pa.Schema
    iceberg_metadata: str | None
    _buckets: Path | None

    @property
    def paths(self) -> list[str]:
        """The files on this machine. Raises ValidationError where the store is behind HTTP."""
        return [self._path(uri) for uri in self.uris]

    @property
    def data_path(self) -> str:
        """The folder on this machine. Raises ValidationError where the store is behind HTTP."""
        return self._path(self.data_uri)

    def _path(self, uri: str) -> str:
        if self._buckets is None:
            raise ValidationError(
                "the store's files are on the server's machine: read their uris through S3, or"
                " give the store's folder to tandem.connect"
            )
        return str(self._buckets / uri.removeprefix(_S3))

    @property
    def spark_schema(self) -> str:
        """The columns as Spark's `read.schema` takes them."""
        return ", ".join(
            f"`{field.name.replace('`', '``')}` {_spark_type(field.type)}" for field in self.schema
        )


def group_files(group: FeatureGroup, files: HistoryFiles, buckets: Path | None) -> GroupFiles:
    schema = history_schema(group.for_readers)
    assert group.offline is not None  # others have no files
    return GroupFiles(
        group.offline.resolved_uri, files.uris, schema, files.iceberg_metadata, buckets
    )


def _spark_type(type_: pa.DataType) -> str:
    return (
        f"ARRAY<{_SPARK_TYPES[type_.value_type]}>"
        if pa.types.is_list(type_)
        else _SPARK_TYPES[type_]
    )
