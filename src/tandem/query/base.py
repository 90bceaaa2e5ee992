"""The seam of the query engine: SQL and the point-in-time join over snapshots of history."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

import pyarrow as pa

from tandem.model.feature_group import FeatureGroup
from tandem.model.history import HistorySnapshot

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


@dataclass(frozen=True, slots=True, kw_only=True)
class FeatureJoin:
    """Features of one group to be joined to the labels, as of each label's moment.

    key                 the label column that holds the record identifier
    columns             output column name by feature name, in the order wanted
    as_of_us            only rows committed by then count; None: all
    max_age_seconds     a row older than this at the label's moment counts as nothing; None: any age
    """

    table: HistoryTable
    key: str
    columns: Mapping[str, str]
    as_of_us: int | None = None
    max_age_seconds: float | None = None


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
    """Reads history. Never writes, and reads nothing else: no other files, no settings."""

    @abstractmethod
    def table_names(self, statement: str) -> Sequence[TableName]:
        """The tables that a statement reads. Raises QueryFailed where it does not parse."""

    @abstractmethod
    def sql(self, statement: str, tables: Mapping[TableName, HistoryTable]) -> pa.Table:
        """The rows of one SELECT statement. A history table has its features, then write_time,
        api_invocation_time and is_deleted.

        Raises QueryFailed, with the engine's reason, where the statement cannot be run.
        """

    @abstractmethod
    def point_in_time(
        self, labels: pa.Table, moment: str, joins: Sequence[FeatureJoin]
    ) -> pa.Table:
        """`labels` with, for each row, the features as they were known at that row's moment.

        labels  a table whose column `moment` tells when each label was observed: a timestamp (UTC
                where it has no zone), a number of seconds since 1970, or text as an event time
        For each join the row with the greatest (event time, write order) among those with the key
        and an event time not later than the label's moment is taken; nothing if that row is a
        delete. Every label comes back once, in the order given, with all its columns; a label
        without key or moment gets nulls. Raises ValidationError where a column is missing, is of a
        type that cannot be compared, or has a value that no record could have; and QueryFailed
        where a row that it meets has text for an event time that is no time.
        """

    @abstractmethod
    def close(self) -> None:
        """Interrupts what runs, which then raises; releases memory and threads.

        Calls after it raise StoreUnavailable.
        """
