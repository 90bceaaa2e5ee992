"""A group's history as SQL: the rows of its files, and of the entries that no file holds yet.

* A column that a file lacks, since the feature was added later, is null in its rows.
* A row's position grows in the order in which rows were written: through a file, from file to file,
  and from the files to the entries. Two statements over one `HistorySource` give a row the same
  position.
* Only the files of the snapshot are read, whatever else lies beside them.
"""
# ruff: noqa: S608  (the statements are built of quoted names and numbers)

import re
from collections.abc import Sequence

import duckdb

from tandem.model.feature_group import FeatureDefinition, FeatureGroup, FeatureType
from tandem.query.base import POSITION_ROW_BITS, HistoryTable
from tandem.rows.history_rows import API_INVOCATION_TIME, IS_DELETED, WRITE_TIME, history_rows

POSITION_BITS = 56
"""A position is below 2 to this power: 24 bits of file, 32 bits of row."""

_SQL_TYPES = {
    FeatureType.STRING: "VARCHAR",
    FeatureType.INTEGRAL: "BIGINT",
    FeatureType.FRACTIONAL: "DOUBLE",
}
_ADDED_COLUMNS = {
    WRITE_TIME: "TIMESTAMP",
    API_INVOCATION_TIME: "TIMESTAMP",
    IS_DELETED: "BOOLEAN",
}
_POSITION_COLUMNS = frozenset({"file_index", "file_row_number"})
# Names with a space are never those of features or groups.
_NUMBER = '"row number"'
_FILE = "file of the row"


class HistorySource:
    """One history, opened on a cursor; the SQL that it makes is good for that cursor alone.

    tail    a name for the entries' relation, which nothing else on the cursor has
    """

    def __init__(
        self, cursor: duckdb.DuckDBPyConnection, table: HistoryTable, tail: str = "the tail"
    ) -> None:
        self._column_types = column_types(table.group)
        self._position = table.position
        self._files = table.snapshot.files
        self._scan = _scan_sql(self._files)
        self._file_columns: frozenset[str] = frozenset()
        if self._files:
            found = cursor.sql(f"SELECT * FROM {self._scan} LIMIT 0")
            self._file_columns = frozenset(name.lower() for name in found.columns)
        # Without files the tail is there even when it is empty: a relation needs something to read.
        self._tail: str | None = None
        if table.snapshot.entries or not self._files:
            cursor.register(tail, history_rows(table.group, table.snapshot.entries))
            self._tail = tail

    def rows(self, columns: Sequence[str] | None = None, *, position: str | None = None) -> str:
        """SQL for all rows: `columns` (None: all, in the table's order), and the row's position
        as `position` where that, or the table's own, is named.
        """
        names = list(self._column_types) if columns is None else columns
        position = position or self._position
        parts = []
        if self._files:
            parts.append(self._file_rows(names, position))
        if self._tail is not None:
            parts.append(self._tail_rows(names, position))
        return " UNION ALL ".join(parts)

    def _file_rows(self, names: Sequence[str], position: str | None) -> str:
        selected = [self._column(name, name.lower() in self._file_columns) for name in names]
        scan = self._scan
        if position is not None:
            place = f"(file_index::BIGINT << {POSITION_ROW_BITS}) | file_row_number"
            if self._file_columns & _POSITION_COLUMNS:
                # A feature has the name of one of DuckDB's own columns and hides it. Rows are
                # numbered as they come instead, which is in order but on one thread.
                scan, place = _numbered(self._files)
            selected.append(f"{place} AS {quoted(position)}")
        return f"SELECT {', '.join(selected)} FROM {scan}"

    def _tail_rows(self, names: Sequence[str], position: str | None) -> str:
        assert self._tail is not None
        selected = [self._column(name, is_there=True) for name in names]
        scan = f"temp.main.{quoted(self._tail)}"
        if position is not None:
            scan = f"(SELECT *, row_number() OVER () - 1 AS {_NUMBER} FROM {scan})"
            place = f"{len(self._files) << POSITION_ROW_BITS}::BIGINT + {_NUMBER}"
            selected.append(f"{place} AS {quoted(position)}")
        return f"SELECT {', '.join(selected)} FROM {scan}"

    def _column(self, name: str, is_there: bool) -> str:
        value = quoted(name) if is_there else "NULL"
        return f"{value}::{self._column_types[name]} AS {quoted(name)}"


def column_types(group: FeatureGroup) -> dict[str, str]:
    """The SQL type of each column of the group's history table, in order."""
    return {feature.name: sql_type(feature) for feature in group.features} | _ADDED_COLUMNS


def quoted(name: str) -> str:
    """A name as SQL writes it, whatever is in it."""
    return '"' + name.replace('"', '""') + '"'


def sql_type(feature: FeatureDefinition) -> str:
    """The type of a feature's column."""
    scalar = _SQL_TYPES[feature.type]
    return scalar if feature.collection is None else f"{scalar}[]"


def _scan_sql(files: Sequence[str], file_column: str | None = None) -> str:
    # Hive columns are off: they would add columns that the table does not have, and where a filter
    # on them leaves out files, the later ones would change their index.
    paths = ", ".join(path_literal(path) for path in files)
    named = "" if file_column is None else f", filename = {_literal(file_column)}"
    return f"read_parquet([{paths}], hive_partitioning = false, union_by_name = true{named})"


def _numbered(files: Sequence[str]) -> tuple[str, str]:
    """A scan of files, and each row's position in it, without DuckDB's own columns."""
    rows = f"SELECT *, row_number() OVER () AS {_NUMBER} FROM {_scan_sql(files, _FILE)}"
    paths = ", ".join(_literal(path) for path in files)
    file = f"(list_position([{paths}], {quoted(_FILE)}) - 1)::BIGINT"
    number = f"{_NUMBER} - min({_NUMBER}) OVER (PARTITION BY {quoted(_FILE)})"
    return f"({rows})", f"({file} << {POSITION_ROW_BITS}) | ({number})"


def path_literal(path: str) -> str:
    # Paths may hold what DuckDB takes for patterns; a class of one character is that character.
    return _literal(re.sub(r"[*?\[]", lambda found: f"[{found.group()}]", path))


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
