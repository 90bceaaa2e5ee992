"""The seam of the query engine: SQL and the point-in-time join over snapshots of history."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from enum import StrEnum

import pyarrow as pa

from tandem.model.feature_group import FeatureGroup
from tandem.model.history import HistorySnapshot
from tandem.query.cancellation import Cancellation
from tandem.query.tables import FileTable, RowsTable
from tandem.rows.rows import Rows, RowStream

POSITION_ROW_BITS = 32
"""A row's position is the place of its file in the snapshot times 2 to this power, plus its number
in the file; both begin with 0. Entries are in a file behind the last.
"""


@dataclass(frozen=True, slots=True)
class HistoryTable:
    """A feature group and its history at one moment.

    position   the name of one more column, the last, which has each row's position; None: none
    """

    group: FeatureGroup
    snapshot: HistorySnapshot
    position: str | None = None


Table = HistoryTable | FileTable | RowsTable
"""What a statement may read under a name."""


@dataclass(frozen=True, slots=True)
class StatementRows:
    """The rows of a statement, as they come.

    schema          of the batches; names of columns may repeat
    batches         to be taken once, within the context that gave the stream
    scanned_bytes   the sizes of the files of all tables that are read, whether or not the statement
                    needs all of each
    """

    schema: pa.Schema
    batches: Iterator[pa.RecordBatch]
    scanned_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class FeatureJoin:
    """Features of one group to be joined to the labels, as of each label's moment.

    key                 the label column that holds the record identifier
    columns             output column name by feature name, in the order wanted
    as_of_us            only rows committed by then count; None: all
    max_age_seconds     a row older than this at the label's moment counts as nothing; None: any age
    from_nanoseconds    only rows with an event time from then on count, since 1970; None: all
    until_nanoseconds   only rows with an event time before then count, since 1970; None: all
    """

    table: HistoryTable
    key: str
    columns: Mapping[str, str]
    as_of_us: int | None = None
    max_age_seconds: float | None = None
    from_nanoseconds: int | None = None
    until_nanoseconds: int | None = None


@dataclass(frozen=True, slots=True)
class TableName:
    """A table that a statement names, with its schema ("database") where one is given."""

    database: str | None
    table: str


class SqlDialect(StrEnum):
    """What SQL a statement is written in: the engine's own, or Athena's."""

    DUCKDB = "duckdb"
    ATHENA = "athena"


class QueryEngine(ABC):
    """Reads the tables it is given. Never writes, and reads nothing else: no other files, no
    settings.
    """

    @abstractmethod
    def table_names(self, statement: str) -> Sequence[TableName]:
        """The tables that a statement reads. Raises QueryFailed where it does not parse."""

    @abstractmethod
    def sql(self, statement: str, tables: Mapping[TableName, Table]) -> pa.Table:
        """The rows of one SELECT statement. A history table has its features, then write_time,
        api_invocation_time and is_deleted.

        Raises QueryFailed, with the engine's reason, where the statement cannot be run.
        """

    @abstractmethod
    def stream(
        self, statement: str, tables: Mapping[TableName, Table], cancellation: Cancellation
    ) -> AbstractContextManager[StatementRows]:
        """The rows of one SELECT statement, which need not fit the memory.

        Whole numbers of any width beyond 64 bits are int64 here. Opening the context and taking
        batches raise QueryFailed, and QueryCancelled once `cancellation` says so.
        """

    @abstractmethod
    def explain(self, statement: str, tables: Mapping[TableName, Table]) -> str:
        """How the engine would run a SELECT statement, as text for people."""

    @abstractmethod
    def point_in_time(self, labels: Rows, moment: str, joins: Sequence[FeatureJoin]) -> RowStream:
        """`labels` with, for each row, the features as they were known at that row's moment.

        labels  rows whose column `moment` tells when each label was observed: a timestamp (UTC
                where it has no zone), a number of seconds since 1970, or text as an event time
        For each join the row with the greatest (event time, write order) among those that count,
        with the key and an event time not later than the label's moment, is taken; nothing if that
        row is a delete. Every label comes back once, in the order given, with all its columns; a
        label without key or moment gets nulls. Neither labels nor answer need fit the memory.

        Raises ValidationError where a column is missing, is of a type that cannot be compared, or
        has a value that no record could have; and QueryFailed where a row that it meets has text
        for an event time that is no time: either here or while the answer is read.
        """

    @abstractmethod
    def close(self) -> None:
        """Interrupts what runs, which then raises; releases memory and threads.

        Calls after it raise StoreUnavailable.
        """
