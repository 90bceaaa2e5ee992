"""The query engine on DuckDB, inside the process.

* One instance in memory for an engine, and a cursor for each call: calls of many threads run side
  by side and share the memory limit. What a call makes, no other call sees.
* It can read files below one folder and nowhere else, and its configuration is locked. Which SQL
  runs at all is decided in `tandem.query.statement`.
* Its threads give way to others of the process, which answer short requests.
* What does not fit the memory limit is spilled to a folder that goes with the engine.
"""

import itertools
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import duckdb
import pyarrow as pa

from tandem.errors import QueryFailed, StoreUnavailable
from tandem.query.base import (
    FeatureJoin,
    HistoryTable,
    QueryEngine,
    StatementRows,
    Table,
    TableName,
)
from tandem.query.cancellation import Cancellation
from tandem.query.duckdb.files import files_sql
from tandem.query.duckdb.history import HistorySource, quoted
from tandem.query.duckdb.point_in_time import PointInTimeJoin
from tandem.query.duckdb.results import batches, to_arrow
from tandem.query.duckdb.scratch import ScratchFolder
from tandem.query.labels import checked_schema
from tandem.query.memory_limit import memory_exceeded
from tandem.query.priority import giving_way
from tandem.query.statement import (
    DEFAULT_DATABASE,
    check_known,
    one_line,
    tables_read,
    without_repeats,
)
from tandem.query.tables import FileTable, RowsTable
from tandem.rows.rows import Rows, RowStream

_INTERRUPT_SECONDS_MAX = 10.0
_OUT_OF_MEMORY = re.compile(r"Out of Memory Error: |std::bad_alloc")


class DuckDbEngine(QueryEngine):
    """Queries files below `readable`; spills to `scratch` what is over `memory_bytes`."""

    def __init__(self, readable: Path, scratch: Path, memory_bytes: int) -> None:
        self._scratch = ScratchFolder(scratch)
        config: dict[str, str | bool | int | float | list[str]] = {
            "memory_limit": f"{memory_bytes}B",
            "temp_directory": str(self._scratch.path),
            "autoinstall_known_extensions": "false",
            "autoload_known_extensions": "false",
            # A statement must not read the variables of this process as tables. Without external
            # access it could not today; that it cannot is no accident of it.
            "python_enable_replacements": "false",
        }
        # Its threads are started here, and take over the priority.
        self._instance = giving_way(lambda: duckdb.connect(":memory:", config=config))
        self._instance.execute("SET GLOBAL TimeZone = 'UTC'")
        self._readable = str(readable.resolve())
        folder = self._readable.replace("'", "''")
        self._instance.execute(f"SET allowed_directories = ['{folder}']")
        self._instance.execute("SET enable_external_access = false")
        self._instance.execute("SET lock_configuration = true")
        self._memory_bytes = memory_bytes
        self._numbers = itertools.count()
        self._running: set[duckdb.DuckDBPyConnection] = set()
        self._is_closed = False

    def table_names(self, statement: str) -> Sequence[TableName]:
        with self._cursor() as cursor:
            return tables_read(cursor, statement)

    def sql(self, statement: str, tables: Mapping[TableName, Table]) -> pa.Table:
        with self._prepared(statement, tables) as cursor:
            return to_arrow(cursor.sql(statement))

    @contextmanager
    def stream(
        self, statement: str, tables: Mapping[TableName, Table], cancellation: Cancellation
    ) -> Iterator[StatementRows]:
        with (
            self._prepared(statement, tables) as cursor,
            cancellation.interrupting(cursor.interrupt),
            batches(cursor.sql(statement), cancellation) as (schema, found),
        ):
            yield StatementRows(schema, found, scanned_bytes(tables))

    def explain(self, statement: str, tables: Mapping[TableName, Table]) -> str:
        with self._prepared(statement, tables) as cursor:
            return cursor.sql(statement).explain()

    def point_in_time(self, labels: Rows, moment: str, joins: Sequence[FeatureJoin]) -> RowStream:
        self._check_open()
        schema = checked_schema(labels.schema, moment, joins)
        return RowStream(schema, self._joined(labels, moment, joins, schema))

    def _joined(
        self, labels: Rows, moment: str, joins: Sequence[FeatureJoin], schema: pa.Schema
    ) -> Iterator[pa.RecordBatch]:
        with ExitStack() as opened:
            database = opened.enter_context(self._database(opened.enter_context(self._cursor())))

            def new_cursor() -> duckdb.DuckDBPyConnection:
                cursor = opened.enter_context(self._cursor())
                cursor.execute(f"USE {database}")
                return cursor

            yield from PointInTimeJoin(new_cursor, labels, moment).batches(joins, schema)

    def close(self) -> None:
        if not self._is_closed:
            self._is_closed = True
            self._interrupt_all()
            self._instance.close()
            self._scratch.remove()

    def _check_open(self) -> None:
        if self._is_closed:
            raise StoreUnavailable("the query engine is closed")

    def _interrupt_all(self) -> None:
        deadline = time.monotonic() + _INTERRUPT_SECONDS_MAX
        while self._running and time.monotonic() < deadline:
            for cursor in tuple(self._running):
                cursor.interrupt()
            time.sleep(0.01)  # a call that is between two statements is interrupted at the next

    @contextmanager
    def _cursor(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """A connection for one call, on which the engine's errors become ours."""
        self._check_open()
        try:
            with self._instance.cursor() as cursor:
                self._running.add(cursor)
                try:
                    yield cursor
                finally:
                    self._running.discard(cursor)
        except duckdb.Error as error:
            raise self._failure(one_line(error)) from error
        except QueryFailed as error:
            if self._readable in str(error) or _OUT_OF_MEMORY.search(str(error)):
                raise self._failure(str(error), type(error)) from error
            raise
        except MemoryError as error:  # whatever was made of the rows
            raise memory_exceeded(self._memory_bytes) from error

    def _failure(self, reason: str, kind: type[QueryFailed] = QueryFailed) -> QueryFailed:
        """An error without places on this machine and advice about options of the engine."""
        shown = reason.split(" Possible solutions: ")[0].replace(f"{self._readable}/", "s3://")
        if _OUT_OF_MEMORY.search(shown):
            return memory_exceeded(self._memory_bytes, _OUT_OF_MEMORY.sub("", shown))
        return kind(shown)

    @contextmanager
    def _prepared(
        self, statement: str, tables: Mapping[TableName, Table]
    ) -> Iterator[duckdb.DuckDBPyConnection]:
        """A cursor that sees `tables`, once the statement is found to read nothing else."""
        with self._cursor() as cursor:
            check_known(tables_read(cursor, statement), tables)
            with self._database(cursor):
                _make_views(cursor, tables)
                yield cursor

    @contextmanager
    def _database(self, cursor: duckdb.DuckDBPyConnection) -> Iterator[str]:
        """A database for what one call makes: temporary views cannot be in a schema of ours, and
        temporary tables not be read on another cursor.
        """
        name = f"query_{next(self._numbers)}"
        cursor.execute(f"ATTACH ':memory:' AS {name}")
        try:
            cursor.execute(f"USE {name}")
            yield name
        finally:
            cursor.execute("USE memory")
            cursor.execute(f"DETACH {name}")


def scanned_bytes(tables: Mapping[TableName, Table]) -> int:
    """The sizes of all files of the tables."""
    total = 0
    for table in without_repeats(tables).values():
        if isinstance(table, HistoryTable):
            total += sum(Path(path).stat().st_size for path in table.snapshot.files)
        elif isinstance(table, FileTable):
            total += sum(file.size_bytes for file in table.files)
    return total


def _make_views(cursor: duckdb.DuckDBPyConnection, tables: Mapping[TableName, Table]) -> None:
    for number, (name, table) in enumerate(without_repeats(tables).items()):
        schema = quoted(name.database or DEFAULT_DATABASE)
        cursor.execute(f"CREATE SCHEMA IF NOT EXISTS {schema}")
        rows = _rows_sql(cursor, table, number)
        cursor.execute(f"CREATE VIEW {schema}.{quoted(name.table)} AS {rows}")


def _rows_sql(cursor: duckdb.DuckDBPyConnection, table: Table, number: int) -> str:
    match table:
        case HistoryTable():
            return HistorySource(cursor, table, tail=f"tail {number}").rows()
        case FileTable():
            return files_sql(cursor, table, partitions=f"partitions {number}")
        case RowsTable():
            cursor.register(f"rows {number}", table.rows)
            return f'SELECT * FROM temp.main."rows {number}"'  # noqa: S608 - a number of ours
