"""What a statement is performed with, and what comes of it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import pyarrow as pa

from tandem.query.cancellation import Cancellation


@dataclass(frozen=True, slots=True, kw_only=True)
class StatementContext:
    """
    statement_id      names the files that the statement writes; never used twice
    database          where tables without a database are looked for
    work_group        whose prepared statements there are
    output_location   the S3 folder for a table that names no place of its own; None: there is none
    """

    statement_id: str
    database: str
    work_group: str
    output_location: str | None = None
    cancellation: Cancellation = field(default_factory=Cancellation)


@dataclass(frozen=True, slots=True)
class Answer:
    """The rows of a statement, or none; good within the context that gave it.

    schema          names may repeat
    scanned_bytes   the sizes of the files of the tables that were read
    files           S3 URIs of the files that the statement wrote
    written_rows    how many rows it wrote, or changed
    """

    schema: pa.Schema
    batches: Iterator[pa.RecordBatch]
    scanned_bytes: int = 0
    files: tuple[str, ...] = ()
    written_rows: int | None = None


def nothing() -> Answer:
    """The answer of a statement that has no rows."""
    return Answer(pa.schema([]), iter(()))


def rows(**columns: Sequence[str | None]) -> Answer:
    """An answer of texts, by column."""
    table = pa.table({name: pa.array(values, pa.string()) for name, values in columns.items()})
    return Answer(table.schema, iter(table.to_batches()))
