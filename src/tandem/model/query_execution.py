"""A query execution: one run of a statement, from the moment it was asked for to its end.

    QUEUED ─► RUNNING ─► SUCCEEDED
       │         ├─────► FAILED
       └─────────┴─────► CANCELLED

An execution that has ended never changes again.
"""

from dataclasses import dataclass
from enum import StrEnum


class ExecutionState(StrEnum):
    QUEUED = "QUEUED"
    RUNNING = "RUNNING"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"

    @property
    def is_over(self) -> bool:
        return self not in (ExecutionState.QUEUED, ExecutionState.RUNNING)


class StatementType(StrEnum):
    DDL = "DDL"
    DML = "DML"
    UTILITY = "UTILITY"


class ErrorCategory(StrEnum):
    """Whose doing a failure is."""

    SYSTEM = "SYSTEM"
    USER = "USER"
    OTHER = "OTHER"


@dataclass(frozen=True, slots=True, kw_only=True)
class ResultEncryption:
    """What a client said of the encryption of results: kept and given back."""

    option: str
    kms_key: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ResultPlace:
    """Where results go, as a client says it: an S3 location, and what is kept beside it."""

    output_location: str | None = None
    encryption: ResultEncryption | None = None
    expected_bucket_owner: str | None = None
    acl_option: str | None = None


NOWHERE = ResultPlace()
"""Nothing said of where results go."""


@dataclass(frozen=True, slots=True, kw_only=True)
class QueryExecution:
    """Times are microseconds since 1970, None where it has not come that far.

    kind            the statement's own name, as SELECT or CREATE_TABLE_AS_SELECT
    result          `output_location` is that of the result's own file here
    parameters      SQL values for the `?` of the query
    reason          why it ended as it did, in Athena's words; None where it succeeded
    scanned_bytes   the sizes of the files of the tables that were read
    manifest        the S3 location of the list of files that the statement wrote, if it wrote any
    """

    execution_id: str
    query: str
    statement_type: StatementType
    kind: str
    work_group: str
    result: ResultPlace
    submitted_at_us: int
    catalog: str | None = None
    database: str | None = None
    parameters: tuple[str, ...] = ()
    state: ExecutionState = ExecutionState.QUEUED
    reason: str | None = None
    error_category: ErrorCategory | None = None
    is_retryable: bool = False
    started_at_us: int | None = None
    planned_at_us: int | None = None
    completed_at_us: int | None = None
    scanned_bytes: int = 0
    output_rows: int = 0
    output_bytes: int = 0
    manifest: str | None = None
