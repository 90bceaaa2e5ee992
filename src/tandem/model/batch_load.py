"""A batch load: files at a location become records of a feature group, in the background.

    Queued ─► InProgress ─► Completed
       │          ├───────► Failed
       └──────────┴─► Stopping ─► Stopped

A load that has ended never changes again.
"""

from dataclasses import dataclass
from enum import StrEnum


class LoadStatus(StrEnum):
    QUEUED = "Queued"
    IN_PROGRESS = "InProgress"
    COMPLETED = "Completed"
    FAILED = "Failed"
    STOPPING = "Stopping"
    STOPPED = "Stopped"

    @property
    def is_over(self) -> bool:
        return self in (LoadStatus.COMPLETED, LoadStatus.FAILED, LoadStatus.STOPPED)


@dataclass(frozen=True, slots=True)
class ListedFile:
    """A file as it was when the load was asked for. `version` changes with its content."""

    uri: str
    size_bytes: int
    version: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadProgress:
    """How far a load is through its files. What an earlier load did under the same ingestion id is
    counted, but for `rows_written` and `rows_failed`, which are this load's own.

    rows_total     None where only reading all files would tell
    rows_in_files_done  the rows of the first `files_done` files
    rows_before    rows that an earlier load had done
    bytes_done     of the files that are done, and within one an estimate
    """

    files_total: int
    bytes_total: int
    rows_total: int | None = None
    files_done: int = 0
    bytes_done: int = 0
    rows_done: int = 0
    rows_in_files_done: int = 0
    rows_before: int = 0
    rows_written: int = 0
    rows_failed: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchLoad:
    """Times are microseconds since 1970, None where it has not come that far.

    form             "csv", "parquet" or "jsonl"; None: each file's ending tells
    delimiter        of CSV; None: a comma, or a tab where a file's name ends in .tsv
    target_stores    AWS's names; empty: all that the group has
    on_error         "raise" or "skip"
    failed_rows      where rows that are left out are written; the file is there once the load is
                     over, if there are any
    failure_reason   why it ended as it did; None where it is Completed
    progressed_at_us when rows were last committed
    """

    batch_load_id: str
    group_name: str
    group_id: str
    location: str
    ingestion_id: str
    failed_rows: str
    progress: LoadProgress
    created_at_us: int
    form: str | None = None
    delimiter: str | None = None
    target_stores: tuple[str, ...] = ()
    on_error: str = "raise"
    status: LoadStatus = LoadStatus.QUEUED
    failure_reason: str | None = None
    started_at_us: int | None = None
    progressed_at_us: int | None = None
    ended_at_us: int | None = None
