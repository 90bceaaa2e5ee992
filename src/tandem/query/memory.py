"""A query engine that is plain to read: loops over all rows, and SQLite for SQL.

It says what the seam means, and holds the faster engines to it in the contract suite. It is right
for tests and small demonstrations: every call reads the whole history into memory.

SQL is SQLite's, on DuckDB's parse (see `tandem.query.statement`): write_time and
api_invocation_time are text there, is_deleted is 0 or 1, and a result column takes its type from
its values.
"""
# ruff: noqa: S608  (names in statements are quoted)

import json
import sqlite3
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date, datetime
from pathlib import Path
from typing import Any, NamedTuple

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from tandem.errors import QueryFailed, StoreUnavailable, ValidationError
from tandem.model.event_time import EventTime, from_double, parse_iso_or_epoch
from tandem.query.base import (
    POSITION_ROW_BITS,
    FeatureJoin,
    HistoryTable,
    QueryEngine,
    StatementRows,
    Table,
    TableName,
)
from tandem.query.cancellation import Cancellation
from tandem.query.file_rows import file_rows
from tandem.query.labels import (
    NANOSECONDS,
    Moments,
    age_nanoseconds_max,
    checked_schema,
    label_keys,
    label_moments,
)
from tandem.query.statement import DEFAULT_DATABASE, check_known, tables_read, without_repeats
from tandem.query.tables import FileTable
from tandem.rows.history_rows import (
    IS_DELETED,
    WRITE_TIME,
    arrow_type,
    history_rows,
    history_schema,
)
from tandem.rows.rows import Rows, RowStream

_Row = dict[str, Any]


class _Placed(NamedTuple):
    """A row with its place in the order that decides; the greatest place wins."""

    nanoseconds: int
    position: int
    row: _Row


class MemoryQueryEngine(QueryEngine):
    """Safe to call from many threads."""

    def __init__(self) -> None:
        self._parser: duckdb.DuckDBPyConnection | None = duckdb.connect(":memory:")
        self._lock = threading.Lock()

    def table_names(self, statement: str) -> Sequence[TableName]:
        with self._lock:
            return tables_read(self._open(), statement)

    def sql(self, statement: str, tables: Mapping[TableName, Table]) -> pa.Table:
        return self._answer(statement, tables, Cancellation())

    @contextmanager
    def stream(
        self, statement: str, tables: Mapping[TableName, Table], cancellation: Cancellation
    ) -> Iterator[StatementRows]:
        found = self._answer(statement, tables, cancellation)
        scanned = sum(_size(table) for table in without_repeats(tables).values())
        yield StatementRows(found.schema, _checked(found.to_batches(), cancellation), scanned)

    def explain(self, statement: str, tables: Mapping[TableName, Table]) -> str:
        plan = self._answer(f"EXPLAIN QUERY PLAN {statement}", tables, Cancellation(), statement)
        return "\n".join(plan.column("detail").to_pylist())

    def _answer(
        self,
        statement: str,
        tables: Mapping[TableName, Table],
        cancellation: Cancellation,
        checked: str | None = None,
    ) -> pa.Table:
        check_known(self.table_names(checked or statement), tables)
        connection = sqlite3.connect(":memory:", check_same_thread=False)
        try:
            with cancellation.interrupting(connection.interrupt):
                for name, table in without_repeats(tables).items():
                    _load(connection, name, table)
                cursor = connection.execute(statement)
                columns = [column[0] for column in cursor.description]
                rows = cursor.fetchall()
        except (sqlite3.Error, sqlite3.Warning) as error:
            raise QueryFailed(str(error)) from error
        finally:
            connection.close()
        try:
            return pa.table([pa.array(values) for values in _columns(rows, len(columns))], columns)
        except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
            raise QueryFailed(f"a result column has values of several types: {error}") from error

    def point_in_time(self, labels: Rows, moment: str, joins: Sequence[FeatureJoin]) -> RowStream:
        self._open()
        schema = checked_schema(labels.schema, moment, joins)
        return RowStream(schema, _joined(labels, moment, joins, schema))

    def close(self) -> None:
        with self._lock:
            if self._parser is not None:
                self._parser.close()
                self._parser = None

    def _open(self) -> duckdb.DuckDBPyConnection:
        if self._parser is None:
            raise StoreUnavailable("the query engine is closed")
        return self._parser


def _joined(
    labels: Rows, moment: str, joins: Sequence[FeatureJoin], schema: pa.Schema
) -> Iterator[pa.RecordBatch]:
    histories = [_placed_by_key(join) for join in joins]
    for batch in labels.batches():
        given = pa.Table.from_batches([batch])
        moments = list(_nanoseconds(label_moments(given, moment))) if joins else []
        columns = list(batch.columns)
        for join, by_key in zip(joins, histories, strict=True):
            group = join.table.group
            keys = label_keys(given, join.key, group.record_identifier).to_pylist()
            rows = _rows_as_of(join, by_key, keys, moments)
            for feature in join.columns:
                values = [None if row is None else row[feature] for row in rows]
                columns.append(pa.array(values, arrow_type(group.features_by_name[feature])))
        yield pa.RecordBatch.from_arrays(columns, schema=schema)


def _columns(rows: Sequence[tuple[Any, ...]], width: int) -> list[list[Any]]:
    return [[row[index] for row in rows] for index in range(width)]


def _rows_as_of(
    join: FeatureJoin,
    by_key: Mapping[Any, Sequence[_Placed]],
    keys: Sequence[Any],
    moments: Sequence[int | None],
) -> list[_Row | None]:
    """For each label the row that it knew."""
    age_max = age_nanoseconds_max(join.max_age_seconds)
    found: list[_Row | None] = []
    for key, moment in zip(keys, moments, strict=True):
        newest = None if moment is None else _newest(by_key.get(key, ()), moment, age_max)
        found.append(newest)
    return found


def _newest(placed: Sequence[_Placed], moment: int, age_max: int | None) -> _Row | None:
    known = [one for one in placed if one.nanoseconds <= moment]
    newest = max(known, key=lambda one: (one.nanoseconds, one.position), default=None)
    if newest is None or newest.row[IS_DELETED]:
        return None
    is_old = age_max is not None and moment - newest.nanoseconds > age_max
    return None if is_old else newest.row


def _placed_by_key(join: FeatureJoin) -> dict[Any, list[_Placed]]:
    group = join.table.group
    by_key: dict[Any, list[_Placed]] = {}
    for position, row in enumerate(_history(join.table).to_pylist()):
        key, event_time = row[group.record_identifier_name], row[group.event_time_name]
        if key is None or event_time is None or not _is_committed(row, join.as_of_us):
            continue
        try:
            moment = _whole(_event_time(event_time))
        except ValidationError as error:
            raise QueryFailed(f"history of feature group {group.name}: {error}") from error
        if _is_within(moment, join):
            by_key.setdefault(key, []).append(_Placed(moment, position, row))
    return by_key


def _is_within(nanoseconds: int, join: FeatureJoin) -> bool:
    first, end = join.from_nanoseconds, join.until_nanoseconds
    return (first is None or nanoseconds >= first) and (end is None or nanoseconds < end)


def _is_committed(row: _Row, as_of_us: int | None) -> bool:
    if as_of_us is None:
        return True
    written: datetime | None = row[WRITE_TIME]
    if written is None:
        return False
    since = written - datetime(1970, 1, 1)
    return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds <= as_of_us


def _nanoseconds(moments: Moments) -> Iterator[int | None]:
    unit = moments.unit_nanoseconds
    for value in moments.values.to_pylist():
        if value is None:
            yield None
        else:
            yield _whole(_event_time(value)) if unit is None else value * unit


def _event_time(value: float | str) -> EventTime:
    return parse_iso_or_epoch(value) if isinstance(value, str) else from_double(value)


def _whole(moment: EventTime) -> int:
    return moment.seconds * NANOSECONDS + moment.nanoseconds


def _history(table: HistoryTable) -> pa.Table:
    """All rows in the order in which they were written; a column that a file lacks is null."""
    schema = history_schema(table.group)
    parts = [_file_rows(path, schema) for path in table.snapshot.files]
    tail = history_rows(table.group, table.snapshot.entries)
    parts.append(tail.cast(_nullable(schema)))
    if table.position is not None:
        parts = [
            part.append_column(table.position, _positions(file, part.num_rows))
            for file, part in enumerate(parts)
        ]
    return pa.concat_tables(parts)


def _positions(file: int, rows: int) -> pa.Array:
    first = file << POSITION_ROW_BITS
    return pa.array(range(first, first + rows), pa.int64())


def _file_rows(path: str, schema: pa.Schema) -> pa.Table:
    with pq.ParquetFile(path) as file:
        rows = file.read()
    there = {name.lower(): name for name in rows.column_names}
    columns = [
        rows.column(there[field.name.lower()]).cast(field.type)
        if field.name.lower() in there
        else pa.nulls(rows.num_rows, field.type)
        for field in schema
    ]
    return pa.table(columns, schema=_nullable(schema))


def _nullable(schema: pa.Schema) -> pa.Schema:
    return pa.schema([pa.field(field.name, field.type) for field in schema])


def _checked(
    batches: Sequence[pa.RecordBatch], cancellation: Cancellation
) -> Iterator[pa.RecordBatch]:
    for batch in batches:
        cancellation.check()
        yield batch


def _size(table: Table) -> int:
    if isinstance(table, HistoryTable):
        return sum(Path(path).stat().st_size for path in table.snapshot.files)
    return sum(file.size_bytes for file in table.files) if isinstance(table, FileTable) else 0


def _rows(table: Table) -> pa.Table:
    if isinstance(table, HistoryTable):
        return _history(table)
    return file_rows(table) if isinstance(table, FileTable) else table.rows


def _load(connection: sqlite3.Connection, name: TableName, table: Table) -> None:
    schema = name.database or DEFAULT_DATABASE
    attached = {row[1].lower() for row in connection.execute("PRAGMA database_list")}
    if schema.lower() not in attached:
        connection.execute(f"ATTACH ':memory:' AS {_quoted(schema)}")
    rows = _rows(table)
    columns = rows.column_names
    target = f"{_quoted(schema)}.{_quoted(name.table)}"
    connection.execute(f"CREATE TABLE {target} ({', '.join(map(_quoted, columns))})")
    places = ", ".join("?" * len(columns))
    connection.executemany(
        f"INSERT INTO {target} VALUES ({places})",
        ([_plain(value) for value in row.values()] for row in rows.to_pylist()),
    )


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat(" ", "microseconds")
    if isinstance(value, date):
        return value.isoformat()
    return json.dumps(value) if isinstance(value, list) else value


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
