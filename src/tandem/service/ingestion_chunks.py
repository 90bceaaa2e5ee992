"""An input as chunks: tables of bounded size, whatever the sizes of the tables that come in."""

from collections.abc import Iterable, Iterator

import pyarrow as pa

from tandem.errors import ConflictError

CHUNK_ROWS = 1 << 20
CHUNK_BYTES = 32 << 20
"""What one chunk holds at most. About three of them are in memory at a time."""


class Chunks:
    """Cuts tables with one schema into chunks, each taken when it is asked for."""

    def __init__(self, tables: Iterable[pa.Table], bytes_max: int | None = None) -> None:
        """`bytes_max` is how many bytes a chunk holds at most; CHUNK_BYTES where it is None."""
        self._bytes_max = bytes_max or CHUNK_BYTES
        self._tables = iter(tables)
        self._waiting: list[pa.Table] = []

    def skip(self, rows: int) -> None:
        """Drops the first rows. Raises ConflictError where there are not as many."""
        while rows > 0:
            table = self._next_table()
            if table is None:
                raise ConflictError(
                    "the input has fewer rows than are in already under this ingestion id: give the"
                    " same input, or another id"
                )
            if table.num_rows > rows:
                self._waiting.insert(0, table.slice(rows))
            rows -= min(rows, table.num_rows)

    def take(self, rows: int) -> pa.Table | None:
        """A chunk of exactly `rows` rows, or of all there are; None where there is none."""
        return self._gather(rows, None)

    def __iter__(self) -> Iterator[pa.Table]:
        """The chunks of what is left, none of them empty."""
        while (chunk := self._gather(CHUNK_ROWS, self._bytes_max)) is not None:
            yield chunk

    def _gather(self, rows_max: int, bytes_max: int | None) -> pa.Table | None:
        parts: list[pa.Table] = []
        rows = size = 0
        while rows < rows_max and (table := self._next_table()) is not None:
            if parts and table.schema != parts[0].schema:
                self._waiting.insert(0, table)  # another file, with columns of its own
                break
            fitting = table.num_rows
            if bytes_max is not None and (table_bytes := _decoded_bytes(table)):
                left = (bytes_max - size) * table.num_rows // table_bytes
                fitting = min(fitting, max(left, 0 if parts else 1))
            fitting = min(fitting, rows_max - rows)
            if fitting < table.num_rows:
                self._waiting.insert(0, table.slice(fitting))
            if fitting == 0:
                break
            parts.append(table.slice(0, fitting))
            rows += fitting
            size += _decoded_bytes(parts[-1])
        return pa.concat_tables(parts) if parts else None

    def _next_table(self) -> pa.Table | None:
        """The next one that has rows."""
        while True:
            table = self._waiting.pop(0) if self._waiting else next(self._tables, None)
            if table is None or table.num_rows:
                return table


def _decoded_bytes(table: pa.Table) -> int:
    """What it takes when its dictionaries are decoded, about: each of their values is one of many
    rows then, and texts of a few bytes a row in the table may be more than Arrow has in one array.
    """
    size: int = table.nbytes
    for column in table.columns:
        if pa.types.is_dictionary(column.type):
            for chunk in column.chunks:
                values = chunk.dictionary
                size += len(chunk) * values.nbytes // max(len(values), 1)
    return size
