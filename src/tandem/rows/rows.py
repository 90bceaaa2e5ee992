"""Rows that can be read again, and rows that come once: how tables larger than memory move.

* `Rows` stay what they are and where they are: in memory, or in a file. Each reading gives the same
  rows in the same order, in batches whose sizes mean nothing.
* A `RowStream` is read once, while it is made.
* A `Spool` takes a stream in: rows stay in memory while they are few, and go to a temporary file
  beyond that. The file has no name, so that nothing is left of it however the process ends.
"""

import os
import tempfile
import weakref
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa

from tandem.errors import StoreUnavailable

BATCH_ROWS = 65_536
SPOOL_MEMORY_BYTES = 128 << 20


class RowStream(NamedTuple):
    """Rows that are read once. What goes wrong on the way is raised by `batches`."""

    schema: pa.Schema
    batches: Iterator[pa.RecordBatch]

    def to_table(self) -> pa.Table:
        return pa.Table.from_batches(list(self.batches), self.schema)


class Rows(ABC):
    """Rows that can be read again and again, by several threads at once."""

    schema: pa.Schema
    count: int

    @abstractmethod
    def batches(
        self, columns: Sequence[str] | None = None, rows_max: int = BATCH_ROWS
    ) -> Iterator[pa.RecordBatch]:
        """The rows in order, each batch of at most `rows_max` of them; `columns` are names that
        occur once, None means all.
        """

    def to_table(self) -> pa.Table:
        return pa.Table.from_batches(list(self.batches()), self.schema)


class TableRows(Rows):
    """Rows in memory."""

    def __init__(self, table: pa.Table) -> None:
        self._table = table
        self.schema = table.schema
        self.count = table.num_rows

    def batches(
        self, columns: Sequence[str] | None = None, rows_max: int = BATCH_ROWS
    ) -> Iterator[pa.RecordBatch]:
        table = self._table if columns is None else self._table.select(list(columns))
        yield from table.to_batches(max_chunksize=rows_max)

    def to_table(self) -> pa.Table:
        return self._table


class SelectedRows(Rows):
    """Some columns of rows, in another order maybe; each name occurs once."""

    def __init__(self, rows: Rows, columns: Sequence[str]) -> None:
        self._rows = rows
        self.schema = pa.schema([rows.schema.field(name) for name in columns])
        self.count = rows.count

    def batches(
        self, columns: Sequence[str] | None = None, rows_max: int = BATCH_ROWS
    ) -> Iterator[pa.RecordBatch]:
        return self._rows.batches(self.schema.names if columns is None else columns, rows_max)


class _FileRows(Rows):
    """Rows in a file without a name: one Arrow stream a batch, so that each stands for itself."""

    def __init__(
        self, descriptor: int, places: Sequence[tuple[int, int]], schema: pa.Schema
    ) -> None:
        self._descriptor = descriptor
        self._places = places
        self.schema = schema
        self.count = 0
        weakref.finalize(self, os.close, descriptor)

    def batches(
        self, columns: Sequence[str] | None = None, rows_max: int = BATCH_ROWS
    ) -> Iterator[pa.RecordBatch]:
        for offset, size in self._places:
            content = os.pread(self._descriptor, size, offset)
            with pa.ipc.open_stream(content) as stream:
                batch = stream.read_next_batch()
            if columns is not None:
                batch = batch.select(list(columns))
            for start in range(0, batch.num_rows, rows_max):
                yield batch.slice(start, rows_max)


class Spool:
    """Takes batches of one schema, and makes rows of them that can be read again.

    folder         where the temporary file is; None: where the system keeps such files
    memory_bytes   how much stays in memory

    Raises StoreUnavailable where the folder is full.
    """

    def __init__(
        self, schema: pa.Schema, folder: Path | None, memory_bytes: int = SPOOL_MEMORY_BYTES
    ) -> None:
        self._schema = schema
        self._folder = folder
        self._memory_bytes = memory_bytes
        self._held: list[pa.RecordBatch] = []
        self._held_bytes = 0
        self._count = 0
        self._descriptor: int | None = None
        self._places: list[tuple[int, int]] = []
        self._end = 0

    def add(self, batch: pa.RecordBatch) -> None:
        self._count += batch.num_rows
        self._held.append(batch)
        self._held_bytes += batch.nbytes
        if self._held_bytes > (self._memory_bytes if self._descriptor is None else 8 << 20):
            self._spill()

    def rows(self) -> Rows:
        """All that was added. Nothing may be added any more."""
        if self._descriptor is None:
            return TableRows(pa.Table.from_batches(self._held, self._schema))
        self._spill()
        rows = _FileRows(self._descriptor, self._places, self._schema)
        rows.count = self._count
        self._descriptor = None
        return rows

    def close(self) -> None:
        """Lets go of what no rows were made of."""
        self._held.clear()
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def _spill(self) -> None:
        try:
            self._write_held()
        except OSError as error:
            folder = self._folder or tempfile.gettempdir()
            raise StoreUnavailable(
                f"the rows do not fit the memory, and {folder} cannot take them"
                f" ({error.strerror or error}): free some space and try again"
            ) from error

    def _write_held(self) -> None:
        if self._descriptor is None:
            self._descriptor = _nameless_file(self._folder)
        table = pa.Table.from_batches(self._held, self._schema)
        self._held.clear()
        self._held_bytes = 0
        options = pa.ipc.IpcWriteOptions(compression="lz4")
        for batch in table.combine_chunks().to_batches(max_chunksize=BATCH_ROWS):
            sink = pa.BufferOutputStream()
            with pa.ipc.new_stream(sink, self._schema, options=options) as writer:
                writer.write_batch(batch)
            content = memoryview(sink.getvalue())
            self._places.append((self._end, len(content)))
            while content:
                written = os.pwrite(self._descriptor, content, self._end)
                self._end += written
                content = content[written:]


def _nameless_file(folder: Path | None) -> int:
    descriptor, name = tempfile.mkstemp(prefix="rows-", dir=folder)
    with suppress(FileNotFoundError):
        Path(name).unlink()
    return descriptor
