"""Results as files in S3, and a page of one read back.

    {folder}{id}.csv | .txt          the rows, as Athena writes them
    {folder}{id}.csv.metadata        the columns, as JSON; what GetQueryResults tells of them

The CSV of a query has its column names in the first line. A text result has none: one line a row,
its values parted by tabs.
"""

from collections.abc import Iterator, Sequence

import msgspec
import pyarrow as pa

from tandem.errors import QueryFailed, TandemError
from tandem.offline.objects.errors import NoSuchBucket, NoSuchKey
from tandem.query.athena.result_text import csv_header, csv_rows, value_texts
from tandem.query.athena.types import result_type
from tandem.service.athena.context import Answer
from tandem.service.athena.lake import FilePlace, Lake

_METADATA = ".metadata"
_METADATA_BYTES_MAX = 16 << 20
_READ_BYTES = 1 << 20
_PAGE_BYTES_MAX = 16 << 20
"""A page that has so many is at its end."""
_ROW_BYTES_MAX = 64 << 20


class ResultColumn(msgspec.Struct, frozen=True):
    """A column of a result: its name, and its type in Athena's words."""

    name: str
    type: str
    precision: int = 0
    scale: int = 0


class ResultPage(msgspec.Struct, frozen=True):
    """Rows of a result as text, None for a null, and where the next ones begin, if there are any.

    update_count   how many rows the statement wrote
    """

    columns: Sequence[ResultColumn]
    rows: Sequence[Sequence[str | None]]
    next_offset: int | None
    update_count: int = 0


class ResultSize(msgspec.Struct, frozen=True):
    rows: int
    size_bytes: int


class ResultFiles:
    def __init__(self, lake: Lake) -> None:
        self._lake = lake

    def write(self, place: FilePlace, answer: Answer) -> ResultSize:
        """Writes the file, then the one that describes it; neither where the rows fail."""
        is_csv = place.key.endswith(".csv")
        counted = _Counted(answer.batches)
        parts = _csv(answer.schema, counted) if is_csv else _lines(counted)
        size = self._lake.write(place, parts, "text/csv" if is_csv else "text/plain")
        columns = msgspec.json.encode([_column(field) for field in answer.schema])
        metadata = FilePlace(place.bucket, place.key + _METADATA)
        self._lake.write(metadata, [columns], "application/json")
        return ResultSize(counted.rows, size)

    def columns(self, place: FilePlace) -> list[ResultColumn]:
        """Raises QueryFailed where the file is not there any more, or is no such file."""
        try:
            content = self._lake.read(
                FilePlace(place.bucket, place.key + _METADATA), 0, _METADATA_BYTES_MAX
            )
            return msgspec.json.decode(content, type=list[ResultColumn])
        except (NoSuchKey, NoSuchBucket, msgspec.DecodeError) as error:
            raise _gone(place) from error

    def page(self, place: FilePlace, offset: int, rows_max: int) -> ResultPage:
        """At most `rows_max` rows from `offset`, the beginning of a line; the header is a row.

        Raises QueryFailed where the files are not there any more, or are not what was written, and
        where a row is too large for a page.
        """
        columns = self.columns(place)
        lines = _Lines(self._lake, place, offset)
        rows: list[list[str | None]] = []
        try:
            while len(rows) < rows_max and lines.offset - offset < _PAGE_BYTES_MAX:
                row = lines.csv_row() if place.key.endswith(".csv") else lines.text_row()
                if row is None:
                    return ResultPage(columns, rows, None)
                rows.append(row)
            return ResultPage(columns, rows, None if lines.is_at_end() else lines.offset)
        except (NoSuchKey, NoSuchBucket, UnicodeDecodeError) as error:
            raise _gone(place) from error


class _Counted:
    """Batches, counted as they are taken."""

    def __init__(self, batches: Iterator[pa.RecordBatch]) -> None:
        self._batches = batches
        self.rows = 0

    def __iter__(self) -> Iterator[pa.RecordBatch]:
        for batch in self._batches:
            self.rows += batch.num_rows
            yield batch


class _Lines:
    """A result's lines, read a part at a time. A line may have line breaks within its quotes."""

    def __init__(self, lake: Lake, place: FilePlace, offset: int) -> None:
        self._lake = lake
        self._place = place
        self._start = offset
        self._buffer = b""
        self._next = 0
        self._is_read = False

    @property
    def offset(self) -> int:
        return self._start + self._next

    def is_at_end(self) -> bool:
        if self._next == len(self._buffer):
            self._read_more()
        return self._next == len(self._buffer)

    def csv_row(self) -> list[str | None] | None:
        line = self._line(in_quotes=True)
        return None if line is None else csv_values(line)

    def text_row(self) -> list[str | None] | None:
        line = self._line(in_quotes=False)
        return None if line is None else [line]

    def _line(self, *, in_quotes: bool) -> str | None:
        looked_at = quotes = 0  # bytes of this line, and the quotes in them
        while True:
            end = self._buffer.find(b"\n", self._next + looked_at)
            known = len(self._buffer) if end < 0 else end
            quotes += self._buffer.count(b'"', self._next + looked_at, known)
            looked_at = known - self._next
            if looked_at > _ROW_BYTES_MAX:
                raise QueryFailed(
                    f"a row of {self._place} has more than {_ROW_BYTES_MAX} bytes, which no page"
                    " holds: read the file itself from S3"
                )
            if end < 0:
                if not self._read_more():
                    break
            elif in_quotes and quotes % 2:
                looked_at += 1
            else:
                break
        end = self._next + looked_at
        if not looked_at and end == len(self._buffer):
            return None
        line = self._buffer[self._next : end]
        self._next = min(end + 1, len(self._buffer))
        return line.decode()

    def _read_more(self) -> bool:
        """Whether there was more."""
        if self._is_read:
            return False
        self._start += self._next
        self._buffer = self._buffer[self._next :]
        self._next = 0
        size = max(_READ_BYTES, len(self._buffer))  # a long line is not copied for each piece of it
        more = self._lake.read(self._place, self._start + len(self._buffer), size)
        self._buffer += more
        self._is_read = len(more) < size
        return bool(more)


def csv_values(line: str) -> list[str | None]:
    """The values of one line of a CSV result: nothing at all is a null, `""` an empty text."""
    values: list[str | None] = []
    place = 0
    while True:
        if line.startswith('"', place):
            end = place + 1
            while True:
                end = line.find('"', end)
                if end < 0:
                    end = len(line)
                    break
                if not line.startswith('""', end):
                    break
                end += 2
            values.append(line[place + 1 : end].replace('""', '"'))
            place = end + 1
        else:
            end = line.find(",", place)
            end = len(line) if end < 0 else end
            values.append(line[place:end] or None)
            place = end
        if not line.startswith(",", place):
            return values
        place += 1


def _csv(schema: pa.Schema, batches: _Counted) -> Iterator[bytes]:
    yield csv_header(schema.names).encode()
    for batch in batches:
        yield csv_rows(batch)


def _lines(batches: _Counted) -> Iterator[bytes]:
    for batch in batches:
        columns = [value_texts(column) for column in batch.columns]
        rows = zip(*columns, strict=True)
        yield "".join("\t".join(text or "" for text in row) + "\n" for row in rows).encode()


def _column(field: pa.Field) -> ResultColumn:
    type_ = result_type(field.type)
    precision, scale = _SIZES.get(type_, (0, 0))
    if pa.types.is_decimal(field.type):
        precision, scale = field.type.precision, field.type.scale
    return ResultColumn(field.name, type_, precision, scale)


_SIZES = {
    "tinyint": (3, 0),
    "smallint": (5, 0),
    "integer": (10, 0),
    "bigint": (19, 0),
    "float": (17, 0),
    "double": (17, 0),
    "varchar": (2147483647, 0),
    "timestamp": (3, 0),
    "timestamp with time zone": (3, 0),
    "varbinary": (1073741824, 0),
}


def _gone(place: FilePlace) -> TandemError:
    return QueryFailed(
        f"Could not find results: {place} and {_METADATA} are not there any more, or not as they"
        " were written; run the query again"
    )
