"""The work of one load: its files are read, one after the other, and ingested.

What the work is, is told in plain values, and so is how far it has come: it may be done in any
process that can reach the store and the files.
"""

from bisect import bisect_right
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pyarrow as pa

from tandem.errors import ConflictError, ValidationError
from tandem.model.batch_load import ListedFile, LoadProgress
from tandem.model.feature_group import FeatureGroup
from tandem.model.targets import TargetStores
from tandem.rows.feature_values import check_column_names
from tandem.rows.record_table import FAILED_COLUMNS, FAILED_FILE, FAILED_REASON, FAILED_ROW
from tandem.rows.table_files import FileForm, TableFile, count_rows, iterate_tables
from tandem.service.batch_loads.failed_rows import FailedRows
from tandem.service.batch_loads.places import Places
from tandem.service.feature_groups import FeatureGroups
from tandem.service.ingestion import Ingestion, IngestOptions, OnError

_COUNTED_FILES_MAX = 1_000
"""Of more files, the rows are not counted beforehand: that would take as many requests."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadWork:
    """What is to be done. `failed_folder` keeps the rows that are left out; `progress` is how far
    it has come before.
    """

    group_name: str
    group_id: str
    files: tuple[ListedFile, ...]
    ingestion_id: str
    failed_folder: str
    progress: LoadProgress
    form: str | None = None
    delimiter: str | None = None
    target_stores: int | None = None
    on_error: str = OnError.RAISE.value


Told = Callable[[LoadProgress], None]
"""Is told how far the work has come. What it raises ends the work between two commits."""


class LoadExecution:
    def __init__(self, groups: FeatureGroups, ingestion: Ingestion, places: Places) -> None:
        self._groups = groups
        self._ingestion = ingestion
        self._places = places

    def run(self, work: LoadWork, told: Told) -> None:
        """Does all that is left to be done. Raises ValidationError that names file, row and value,
        and whatever else ended it; then the same work can be gone on with.
        """
        group = self._groups.find_for_writing(work.group_name)
        if group.group_id != work.group_id:
            raise ConflictError(
                f"feature group {group.name!r} was deleted and created again meanwhile"
            )
        failed = FailedRows(Path(work.failed_folder))
        failed.forget_from(self._rows_passed(work))
        given = _Input(self._places, work, group, failed, told, lambda: self._rows_passed(work))
        given.count()
        options = IngestOptions(
            targets=None if work.target_stores is None else TargetStores(work.target_stores),
            ingestion_id=work.ingestion_id,
            on_error=OnError(work.on_error),
            start=work.progress.rows_in_files_done,
        )
        self._ingestion.ingest(
            work.group_name,
            given.tables(),
            options,
            given.tell,
            take_failed=given.take_failed,
            row_name=given.row_name,
        )
        given.tell_the_end()

    def standing(self, work: LoadWork, told: LoadProgress) -> LoadProgress:
        """How far the work has come exactly, once nothing of it is under way any more; `told` is
        what was told last. Raises ResourceNotFound where the group was deleted.
        """
        mark = self._ingestion.standing(work.group_name, work.ingestion_id)
        failed = FailedRows(Path(work.failed_folder))
        failed.forget_from(mark.rows)
        rows_done, rows_failed = mark.rows + mark.written, failed.count()
        return replace(
            told,
            rows_done=rows_done,
            rows_failed=rows_failed,
            rows_written=max(0, rows_done - told.rows_before - rows_failed),
        )

    def _rows_passed(self, work: LoadWork) -> int:
        """Rows of the input up to this one are all in, or left out."""
        return self._ingestion.standing(work.group_name, work.ingestion_id).rows

    def rows_done(self, group_name: str, ingestion_id: str) -> int:
        mark = self._ingestion.standing(group_name, ingestion_id)
        return mark.rows + mark.written


class _Input:
    """The rows of all files that are not done, and which row of the input is where."""

    def __init__(
        self,
        places: Places,
        work: LoadWork,
        group: FeatureGroup,
        failed: FailedRows,
        told: Told,
        rows_passed: Callable[[], int],
    ) -> None:
        self._places = places
        self._work = work
        self._group = group
        self._failed = failed
        self._told = told
        self._rows_passed = rows_passed
        self._progress = work.progress
        self._failed_count = failed.count()
        self._first_rows: list[int] = []
        """Of the files from the first that is not done on, as far as they have been begun."""
        # Filled where files are read, ahead of what is committed.
        self._passed: deque[tuple[int, LoadProgress]] = deque()

    def count(self) -> None:
        """Finds out how many rows there are, if that is cheap; and whether the files are whole."""
        if self._progress.rows_total is None and len(self._work.files) <= _COUNTED_FILES_MAX:
            counts = []
            for file in self._work.files:
                self._told(self._progress)  # whoever wants to stop need not wait for all of them
                counts.append(count_rows([self._table_file(file)]))
            known = [count for count in counts if count is not None]
            if len(known) == len(counts):
                self._progress = replace(self._progress, rows_total=sum(known))
        self._told(self._progress)

    def tables(self) -> Iterator[pa.Table]:
        at = self._progress
        row, bytes_before = at.rows_in_files_done, self._bytes_of_done_files()
        for index in range(at.files_done, at.files_total):
            file = self._work.files[index]
            self._first_rows.append(row)
            read_bytes, is_first = 0, True
            for table in iterate_tables(self._table_file(file), self._group):
                self._told(self._progress)  # whoever wants to stop need not wait for a commit
                if is_first:
                    self._check_columns(file, table)
                    is_first = False
                row += table.num_rows
                read_bytes = min(file.size_bytes, read_bytes + table.nbytes)
                at = replace(at, bytes_done=bytes_before + read_bytes)
                self._passed.append((row, at))
                yield table.select(_names(table))
            bytes_before += file.size_bytes
            at = replace(at, files_done=index + 1, rows_in_files_done=row, bytes_done=bytes_before)
            self._passed.append((row, at))

    def tell(self, rows_done: int) -> None:
        if self._passed and self._passed[0][0] <= rows_done:
            # Rows that are done may be of any files of a chunk until all of it is.
            rows_passed = self._rows_passed()
            while self._passed and self._passed[0][0] <= rows_passed:
                _, at = self._passed.popleft()
                self._progress = replace(
                    self._progress,
                    files_done=at.files_done,
                    bytes_done=at.bytes_done,
                    rows_in_files_done=at.rows_in_files_done,
                )
        written = rows_done - self._progress.rows_before - self._failed_count
        self._progress = replace(
            self._progress,
            rows_done=rows_done,
            rows_failed=self._failed_count,
            # Rows that are left out count before the commit that passes them.
            rows_written=max(self._progress.rows_written, written),
        )
        self._told(self._progress)

    def tell_the_end(self) -> None:
        self._progress = replace(
            self._progress,
            files_done=self._progress.files_total,
            bytes_done=self._progress.bytes_total,
            rows_in_files_done=self._progress.rows_done,
            rows_total=self._progress.rows_done,
        )
        self._told(self._progress)

    def take_failed(self, rows: pa.Table) -> None:
        numbers = rows.column(FAILED_ROW).to_pylist()
        places = [self._place(number) for number in numbers]
        rows = (
            rows.drop_columns([FAILED_ROW, FAILED_REASON])
            .append_column(FAILED_ROW, pa.array([row for _, row in places], pa.int64()))
            .append_column(FAILED_REASON, rows.column(FAILED_REASON))
            .append_column(FAILED_FILE, pa.array([uri for uri, _ in places], pa.string()))
        )
        self._failed.keep(numbers[0], rows)
        self._failed_count += len(numbers)

    def row_name(self, row: int) -> str:
        uri, in_file = self._place(row)
        return f"row {in_file} of {uri}"

    def _place(self, row: int) -> tuple[str, int]:
        """The file that a row of the input is in, and its number there."""
        index = bisect_right(self._first_rows, row) - 1
        file = self._work.files[self._work.progress.files_done + index]
        return file.uri, row - self._first_rows[index]

    def _table_file(self, file: ListedFile) -> TableFile:
        form = None if self._work.form is None else FileForm(self._work.form)
        return TableFile(file.uri, lambda: self._places.open(file), form, self._work.delimiter)

    def _check_columns(self, file: ListedFile, table: pa.Table) -> None:
        """So that another header is one error, and not one of each row."""
        names, group = _names(table), self._group
        for name, what in (
            (group.record_identifier_name, "record identifier"),
            (group.event_time_name, "event time"),
        ):
            if name not in names:
                raise ValidationError(
                    f"{file.uri} has no column {name!r}, which holds the {what}; it has {names}"
                )
        try:
            check_column_names(names, group.current_features)
        except ValidationError as error:
            raise ValidationError(f"{file.uri}: {error}") from None

    def _bytes_of_done_files(self) -> int:
        return sum(file.size_bytes for file in self._work.files[: self._progress.files_done])


def _names(table: pa.Table) -> list[str]:
    """Without the columns that a file of failed rows has more."""
    return [name for name in table.column_names if name not in FAILED_COLUMNS]
