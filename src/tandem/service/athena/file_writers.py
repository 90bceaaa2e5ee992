"""Files in the making: rows in one of the formats that tables are read in.

A file is staged beside the buckets; it gets its name when all files of its statement are whole.
"""

import gzip
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import IO

import msgspec
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from tandem.errors import QueryFailed
from tandem.offline.objects.staging import StagedFile
from tandem.query.athena.result_text import value_texts
from tandem.query.tables import DelimitedText, FileFormat, JsonLines, ParquetFiles

_GROUP_ROWS = 122_880
_GROUP_BYTES = 64 << 20
_COMPRESSIONS = {"NONE", "SNAPPY", "GZIP", "ZSTD"}
_PLAIN_OR_GZIP = {"NONE", "GZIP"}


class FileWriter(ABC):
    """Writes batches of one schema into a staged file."""

    def __init__(self, sink: "_Sink") -> None:
        self._sink = sink

    @abstractmethod
    def write(self, batch: pa.RecordBatch) -> None: ...

    @abstractmethod
    def finish(self) -> None:
        """Ends the file. Nothing is written any more."""

    def abandon(self) -> None:
        """Lets go of what is not finished, before its file is closed."""
        self._sink.is_dropped = True
        self.finish()


def file_writer(
    form: FileFormat, staged: StagedFile, schema: pa.Schema, compression: str | None
) -> FileWriter:
    """Raises QueryFailed where the format cannot be packed like this, or hold such columns."""
    match form:
        case ParquetFiles():
            return _Parquet(staged, schema, _known(compression, "SNAPPY", _COMPRESSIONS))
        case JsonLines():
            packed = _known(compression, "NONE", _PLAIN_OR_GZIP) == "GZIP"
            return _Json(staged, schema, packed=packed)
        case DelimitedText():
            packed = _known(compression, "NONE", _PLAIN_OR_GZIP) == "GZIP"
            return _Text(staged, schema, form, packed=packed)


def file_ending(form: FileFormat, compression: str | None) -> str:
    if isinstance(form, ParquetFiles):
        return ".parquet"
    ending = ".json" if isinstance(form, JsonLines) else ".csv"
    return ending + (".gz" if (compression or "").upper() == "GZIP" else "")


def _known(compression: str | None, default: str, known: set[str]) -> str:
    found = (compression or default).upper()
    if found not in known:
        raise QueryFailed(
            f"NOT_SUPPORTED: the compression {found} is not supported here: use one of"
            f" {', '.join(sorted(known))}"
        )
    return found


class _Sink:
    """A staged file as Python's and Arrow's writers want a file."""

    closed = False
    is_dropped = False

    def __init__(self, staged: StagedFile) -> None:
        self._staged = staged

    def write(self, data: bytes) -> int:
        if not self.is_dropped:
            self._staged.write(data)
        return len(data)

    def tell(self) -> int:
        return self._staged.size

    def flush(self) -> None:
        """Nothing is held back."""

    def close(self) -> None:
        """The staged file is sealed by whoever publishes it."""


class _Parquet(FileWriter):
    """Batches are gathered into row groups of a size that readers like."""

    def __init__(self, staged: StagedFile, schema: pa.Schema, compression: str) -> None:
        super().__init__(_Sink(staged))
        self._writer = pq.ParquetWriter(
            pa.PythonFile(self._sink, mode="w"), schema, compression=compression
        )
        self._gathered: list[pa.RecordBatch] = []
        self._rows = self._bytes = 0
        self._schema = schema

    def write(self, batch: pa.RecordBatch) -> None:
        self._gathered.append(batch)
        self._rows += batch.num_rows
        self._bytes += batch.nbytes
        if self._rows >= _GROUP_ROWS or self._bytes >= _GROUP_BYTES:
            self._write_group()

    def finish(self) -> None:
        if self._sink.is_dropped:
            self._gathered = []
        self._write_group()
        self._writer.close()

    def _write_group(self) -> None:
        if self._gathered:
            self._writer.write_table(pa.Table.from_batches(self._gathered, self._schema))
            self._gathered, self._rows, self._bytes = [], 0, 0


class _Lines(FileWriter):
    def __init__(self, staged: StagedFile, *, packed: bool) -> None:
        super().__init__(_Sink(staged))
        self._file = _opened(self._sink, packed=packed)

    def finish(self) -> None:
        self._file.close()


class _Json(_Lines):
    def __init__(self, staged: StagedFile, schema: pa.Schema, *, packed: bool) -> None:
        super().__init__(staged, packed=packed)
        self._names = schema.names
        self._encode = msgspec.json.Encoder(enc_hook=str).encode

    def write(self, batch: pa.RecordBatch) -> None:
        columns = [_json_values(column) for column in batch.columns]
        for row in zip(*columns, strict=True):
            members = {
                name: value
                for name, value in zip(self._names, row, strict=True)
                if value is not None
            }
            self._file.write(self._encode(members) + b"\n")


class _Text(_Lines):
    def __init__(
        self, staged: StagedFile, schema: pa.Schema, form: DelimitedText, *, packed: bool
    ) -> None:
        super().__init__(staged, packed=packed)
        for field in schema:
            if pa.types.is_nested(field.type):
                raise QueryFailed(
                    f"NOT_SUPPORTED: column {field.name} of type {field.type} is not supported in"
                    " text files: use Parquet or JSON"
                )
        self._form = form
        for _ in range(form.header_lines):
            self._write_rows([[name] for name in schema.names])

    def write(self, batch: pa.RecordBatch) -> None:
        self._write_rows([value_texts(column) for column in batch.columns])

    def _write_rows(self, columns: Sequence[Sequence[str | None]]) -> None:
        delimiter = self._form.delimiter
        for row in zip(*columns, strict=True):
            self._file.write((delimiter.join(map(self._text, row)) + "\n").encode())

    def _text(self, value: str | None) -> str:
        form = self._form
        if value is None:
            return form.null or ""
        special = [mark for mark in (form.escape, form.quote) if mark]
        if form.escape:
            for mark in dict.fromkeys([*special, *(() if form.quote else (form.delimiter,))]):
                value = value.replace(mark, form.escape + mark)
        elif form.delimiter in value or "\n" in value:
            raise QueryFailed(
                f"the text {value[:64]!r} has the delimiter or a line break in it, which this text"
                " format cannot hold: use Parquet or JSON, or another field_delimiter"
            )
        return f"{form.quote}{value}{form.quote}"


def _json_values(column: pa.Array) -> list[object]:
    if pa.types.is_nested(column.type):
        return list(column.to_pylist())
    if pa.types.is_integer(column.type) or pa.types.is_boolean(column.type):
        return list(column.to_pylist())
    if pa.types.is_floating(column.type):
        # JSON has no NaN and no infinity.
        finite = pc.is_finite(column)
        return list(pc.if_else(finite, column, None).to_pylist())
    return list(value_texts(column))


def _opened(sink: _Sink, *, packed: bool) -> IO[bytes]:
    if packed:
        # No time in it, so that the same rows make the same file.
        return gzip.GzipFile(fileobj=sink, mode="wb", mtime=0)  # type: ignore[return-value]
    return sink  # type: ignore[return-value]
