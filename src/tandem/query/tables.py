"""Tables beside histories: files of a lake with declared columns, and rows in memory.

Names of columns are compared without regard to case. A column that a file lacks is null in its
rows; what a file has and the table does not is not read.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import pyarrow as pa


@dataclass(frozen=True, slots=True)
class ParquetFiles:
    """Columns are found by name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DelimitedText:
    """Lines of values, found by place. A file whose name ends in .gz is unpacked.

    quote, escape   one character each, or empty for none
    null            the text that is a null; None: no text is one
    header_lines    lines at the beginning of each file that hold no row
    is_lenient      a value that is none of its column's type is a null. Otherwise it ends the
                    query, but for an empty one, and numbers stand for a timestamp (milliseconds
                    since 1970) or a date (days)
    """

    delimiter: str
    quote: str = ""
    escape: str = ""
    null: str | None = None
    header_lines: int = 0
    is_lenient: bool = False


@dataclass(frozen=True, slots=True)
class JsonLines:
    """One JSON object a line, whose members are columns."""


FileFormat = ParquetFiles | DelimitedText | JsonLines


@dataclass(frozen=True, slots=True)
class TableFile:
    """One file, and the values of the partition it is in, in the order of the partition columns."""

    path: str
    size_bytes: int
    partition: tuple[str | None, ...] = ()


@dataclass(frozen=True, slots=True)
class FileTable:
    """Files with declared columns.

    columns      those that stand in the files
    partitions   the columns whose values each `TableFile` has; they come behind the others
    """

    columns: pa.Schema
    files: Sequence[TableFile]
    format: FileFormat
    partitions: pa.Schema = field(default_factory=lambda: pa.schema([]))


@dataclass(frozen=True, slots=True)
class RowsTable:
    """Rows that are in memory."""

    rows: pa.Table
