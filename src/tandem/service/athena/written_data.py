"""Rows written into a table's location: all of them are there at once, or none.

A statement makes one file for each partition that it has rows for, named by the statement's id.
"""

import secrets
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field

import pyarrow as pa

from tandem.errors import QueryFailed
from tandem.offline.objects.staging import StagedFile
from tandem.query.athena.result_text import value_texts
from tandem.query.tables import FileFormat, ParquetFiles
from tandem.service.athena.context import Answer, StatementContext
from tandem.service.athena.external_tables import NULL_PARTITION
from tandem.service.athena.file_writers import FileWriter, file_ending, file_writer
from tandem.service.athena.lake import FilePlace, Lake, Location
from tandem.service.athena.pending_writes import Note, PendingWrites, TableName

PARTITIONS_MAX = 100
"""So many partitions may one statement write into, as in Athena."""

Values = tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """Where rows go, and how.

    schema       of the rows; the last `partition_count` columns are the partition's, which stand
                 in no file
    places       the location of each partition that is known already, by its values
    is_new       whether nothing else may be there
    """

    location: Location
    schema: pa.Schema
    format: FileFormat = field(default_factory=ParquetFiles)
    compression: str | None = None
    partition_count: int = 0
    places: Mapping[Values, Location] = field(default_factory=dict)
    is_new: bool = False

    def place_of(self, values: Values) -> Location:
        if values in self.places:
            return self.places[values]
        place = self.location
        keys = self.schema.names[len(self.schema) - self.partition_count :]
        for key, value in zip(keys, values, strict=True):
            place = place.below(f"{key}={value}")
        return place


@dataclass(frozen=True, slots=True)
class Written:
    """`partitions` has the values of those that rows went into, and where each is."""

    rows: int
    files: tuple[FilePlace, ...]
    partitions: Mapping[Values, Location]


class DataWriting:
    def __init__(self, lake: Lake, pending: PendingWrites) -> None:
        self._lake = lake
        self._pending = pending

    def check_empty(self, location: Location) -> None:
        """Raises QueryFailed where there is something at a location already."""
        if not self._lake.has_bucket(location.bucket):
            raise QueryFailed(
                f"the bucket of {location} does not exist: create it, or look at the name"
            )
        if self._lake.holds_anything(location):
            raise QueryFailed(
                f"HIVE_PATH_ALREADY_EXISTS: Target directory {location} already exists and is not"
                " empty: name another one, or delete its objects"
            )

    @contextmanager
    def written(
        self,
        answer: Answer,
        target: Target,
        context: StatementContext,
        table: TableName | None = None,
    ) -> Iterator[Written]:
        """Writes the rows; they are seen when this context is left without an error.

        table   one that is created within the context, and goes if it does not come to its end
        """
        _check_no_history(self._lake, target.location)
        with ExitStack() as opened:
            parts = _Parts(self._lake, target, context, opened)
            rows = 0
            for batch in answer.batches:
                rows += batch.num_rows
                parts.write(batch)
            found = parts.finish()
            places = tuple(place for place, _ in found)
            for place in places:
                self._lake.check_writable(place)
            note = Note(context.statement_id, places, table)
            with self._pending.noted(note):
                if target.is_new:
                    self._check_alone(note, target.location)
                for place, staged in found:
                    context.cancellation.check()
                    self._lake.publish(place, staged, "application/octet-stream")
                yield Written(rows, places, parts.locations)

    def _check_alone(self, note: Note, location: Location) -> None:
        """Raises QueryFailed where another statement writes into a location that was empty.

        Once its note is there: of two statements at a time, the later one sees the other's note, or
        its files. Where each sees the other, neither goes on.
        """
        if self._pending.has_others(note, location):
            raise QueryFailed(
                f"HIVE_PATH_ALREADY_EXISTS: another statement writes into {location} at this"
                " moment: name another location"
            )
        self.check_empty(location)


class _Parts:
    """One file for each partition."""

    def __init__(
        self, lake: Lake, target: Target, context: StatementContext, opened: ExitStack
    ) -> None:
        self._lake = lake
        self._target = target
        self._context = context
        self._opened = opened
        self._writers: dict[Values, tuple[StagedFile, FileWriter]] = {}
        self._width = len(target.schema) - target.partition_count
        self.locations: dict[Values, Location] = {}

    def write(self, batch: pa.RecordBatch) -> None:
        kept = batch.select(range(self._width))
        if not self._target.partition_count:
            self._writer(()).write(kept)
            return
        texts = [
            [NULL_PARTITION if text is None else text for text in value_texts(column)]
            for column in batch.columns[self._width :]
        ]
        rows: dict[Values, list[int]] = {}
        for number, values in enumerate(zip(*texts, strict=True)):
            rows.setdefault(values, []).append(number)
        for values, numbers in rows.items():
            self._writer(values).write(kept.take(pa.array(numbers)))

    def finish(self) -> list[tuple[FilePlace, StagedFile]]:
        if not self._target.partition_count:
            self._writer(())  # a table without rows has a file, too, which has its columns
        found = []
        ending = file_ending(self._target.format, self._target.compression)
        for values, (staged, writer) in self._writers.items():
            writer.finish()
            # An id may come again, with a client's token that is long forgotten.
            name = f"{self._context.statement_id}_{secrets.token_hex(4)}{ending}"
            found.append((self.locations[values].file(name), staged))
        return found

    def _writer(self, values: Values) -> FileWriter:
        known = self._writers.get(values)
        if known is not None:
            return known[1]
        if len(self._writers) == PARTITIONS_MAX:
            raise QueryFailed(
                f"HIVE_TOO_MANY_OPEN_PARTITIONS: Exceeded limit of {PARTITIONS_MAX} open writers"
                " for partitions"
            )
        for value in values:
            if "/" in value or value in ("", ".", ".."):
                raise QueryFailed(f"the partition value {value[:64]!r} cannot be a folder's name")
        staged = self._lake.new_file()
        self._opened.callback(staged.close)
        schema = pa.schema([self._target.schema.field(place) for place in range(self._width)])
        self.locations[values] = self._target.place_of(values)
        _check_no_history(self._lake, self.locations[values])
        writer = file_writer(self._target.format, staged, schema, self._target.compression)
        self._opened.callback(writer.abandon)
        self._writers[values] = (staged, writer)
        return writer


def _check_no_history(lake: Lake, location: Location) -> None:
    if lake.is_history(location):
        raise QueryFailed(
            f"{location} is in the history of a feature group, into which records are put: name"
            " another location"
        )


def brought_to(answer: Answer, schema: pa.Schema, places: Sequence[int | None]) -> Answer:
    """The rows in the columns of `schema`: each from the place that is said, or nulls.

    Raises QueryFailed, also where the rows are taken, where a value does not fit its column.
    """

    def batches() -> Iterator[pa.RecordBatch]:
        for batch in answer.batches:
            columns = [
                pa.nulls(batch.num_rows, field.type)
                if place is None
                else _cast(batch.column(place), field)
                for field, place in zip(schema, places, strict=True)
            ]
            yield pa.RecordBatch.from_arrays(columns, schema=schema)

    return Answer(schema, batches(), answer.scanned_bytes)


def _cast(column: pa.Array, field: pa.Field) -> pa.Array:
    if column.type == field.type:
        return column
    try:
        return column.cast(field.type)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        raise QueryFailed(
            f"TYPE_MISMATCH: a value for column {field.name} is no {field.type}: {error}"
        ) from None
