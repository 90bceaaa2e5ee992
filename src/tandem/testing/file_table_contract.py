"""What every query engine must do with files of a lake, with rows in memory and with streams."""

import gzip
import json
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tandem.errors import QueryCancelled, QueryFailed
from tandem.query.base import QueryEngine, Table, TableName
from tandem.query.cancellation import Cancellation
from tandem.query.tables import (
    DelimitedText,
    FileFormat,
    FileTable,
    JsonLines,
    ParquetFiles,
    RowsTable,
    TableFile,
)

OPEN_CSV = DelimitedText(delimiter=",", quote="`", escape="\\")
LAZY = DelimitedText(delimiter="\x01", null="\\N", is_lenient=True)
TYPED = pa.schema(
    [
        ("id", pa.int32()),
        ("ratio", pa.float64()),
        ("flag", pa.bool_()),
        ("name", pa.string()),
    ]
)
_ENDLESS = (
    "WITH RECURSIVE n AS (SELECT 1 AS i UNION ALL SELECT i + 1 FROM n WHERE i < 1000000000)"
    " SELECT count(*) FROM n"
)


def a_file(folder: Path, name: str, content: bytes, *partition: str | None) -> TableFile:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return TableFile(str(path), len(content), partition)


def a_parquet_file(folder: Path, name: str, rows: pa.Table, *partition: str | None) -> TableFile:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(rows, path)
    return TableFile(str(path), path.stat().st_size, partition)


def answer(engine: QueryEngine, statement: str, **tables: Table) -> list[tuple[Any, ...]]:
    named = {TableName(None, name): table for name, table in tables.items()}
    return [tuple(row.values()) for row in engine.sql(statement, named).to_pylist()]


def texts(folder: Path, form: FileFormat, content: str, schema: pa.Schema = TYPED) -> FileTable:
    return FileTable(schema, [a_file(folder, "t/one.csv", content.encode())], form)


class FileTableContract:
    """Part of `QueryEngineContract`."""

    # Files

    def test_text_has_the_declared_types(self, engine: QueryEngine, folder: Path) -> None:
        table = texts(folder, OPEN_CSV, "1,2.5,True,plain\n2,1e3,false,`a, b`\n3,-0.5,TRUE,c\\,d\n")
        assert answer(engine, "SELECT id + 1, ratio * 2, name FROM t ORDER BY id", t=table) == [
            (2, 5.0, "plain"),
            (3, 2000.0, "a, b"),
            (4, -1.0, "c,d"),
        ]
        assert answer(engine, "SELECT count(*) FROM t WHERE flag", t=table) == [(2,)]

    def test_an_empty_number_is_null_and_an_empty_text_is_not(
        self, engine: QueryEngine, folder: Path
    ) -> None:
        table = texts(folder, OPEN_CSV, "1,,,\n2\n")
        assert answer(engine, "SELECT * FROM t ORDER BY id", t=table) == [
            (1, None, None, ""),
            (2, None, None, None),
        ]

    @pytest.mark.parametrize("line", ["x,1,true,a", "1.5,1,true,a", "1,x,true,a", "1,1,maybe,a"])
    def test_a_text_that_is_no_value_of_its_type_is_named(
        self, engine: QueryEngine, folder: Path, line: str
    ) -> None:
        table = texts(folder, OPEN_CSV, f"{line}\n")
        with pytest.raises(QueryFailed, match="HIVE_BAD_DATA"):
            answer(engine, "SELECT id, ratio, flag FROM t", t=table)

    def test_lenient_text_turns_what_does_not_fit_into_nulls(
        self, engine: QueryEngine, folder: Path
    ) -> None:
        content = "1\x012.5\x01true\x01\\N\nx\x01y\x01z\x01`q`\n"
        assert answer(engine, "SELECT * FROM t ORDER BY ratio", t=texts(folder, LAZY, content)) in (
            [(1, 2.5, True, None), (None, None, None, "`q`")],
            [(None, None, None, "`q`"), (1, 2.5, True, None)],
        )
        numbers = texts(folder, LAZY, "1\n\\N\nx\n3\n")
        assert sorted(answer(engine, "SELECT id FROM t", t=numbers), key=str) == [
            *((1,), (3,), (None,), (None,))
        ]

    def test_times_in_text(self, engine: QueryEngine, folder: Path) -> None:
        schema = pa.schema([("moment", pa.timestamp("us")), ("day", pa.date32())])
        content = (
            "2024-05-01 12:00:00,2024-05-01\n2024-05-01T12:00:00.5Z,19844\n"
            "1714564800000,\n2024-05-01 14:00:00+02:00,1970-01-01\n"
        )
        table = texts(folder, OPEN_CSV, content, schema)
        statement = "SELECT CAST(moment AS VARCHAR), CAST(day AS VARCHAR) FROM t"
        found = answer(engine, statement, t=table)
        noon = "2024-05-01 12:00:00"
        assert [str(at)[:19].replace("T", " ") for at, _ in found] == [noon] * 4
        assert [day for _, day in found] == ["2024-05-01", "2024-05-01", None, "1970-01-01"]

    def test_headers_and_packed_files(self, engine: QueryEngine, folder: Path) -> None:
        form = DelimitedText(delimiter="|", quote='"', escape='"', header_lines=1)
        files = [
            a_file(folder, "t/one.csv", b"id|name\n1|a\n"),
            a_file(folder, "t/two.csv.gz", gzip.compress(b'id|name\n2|"b ""c"""\n')),
        ]
        table = FileTable(pa.schema([("id", pa.int64()), ("name", pa.string())]), files, form)
        found = answer(engine, "SELECT id, name FROM t ORDER BY id", t=table)
        assert found == [(1, "a"), (2, 'b "c"')]

    def test_columns_of_parquet_are_found_by_name(self, engine: QueryEngine, folder: Path) -> None:
        schema = pa.schema([("b", pa.string()), ("a", pa.int64()), ("c", pa.float64())])
        one = pa.table({"A": pa.array([1], pa.int32()), "b": ["x"], "more": [True]})
        two = pa.table({"c": [0.5], "b": ["y"]})
        files = [
            a_parquet_file(folder, "one.parquet", one),
            a_parquet_file(folder, "two[1].parquet", two),
        ]
        table = FileTable(schema, files, ParquetFiles())
        found = answer(engine, "SELECT * FROM t ORDER BY b", t=table)
        assert found == [("x", 1, None), ("y", None, 0.5)]

    def test_lines_of_json(self, engine: QueryEngine, folder: Path) -> None:
        rows = [{"id": 1, "name": "a", "more": [1]}, {"id": 2, "ratio": 2.5, "flag": True}]
        content = "".join(json.dumps(row) + "\n" for row in rows)
        table = texts(folder, JsonLines(), content)
        found = answer(engine, "SELECT id, ratio, name FROM t ORDER BY id", t=table)
        assert found == [(1, None, "a"), (2, 2.5, None)]

    @pytest.mark.parametrize("form", [ParquetFiles(), OPEN_CSV, JsonLines()])
    def test_partition_columns_have_the_values_of_the_files(
        self, engine: QueryEngine, folder: Path, form: FileFormat
    ) -> None:
        files = [
            _one_row(folder, form, 1, "2024", "it's"),
            _one_row(folder, form, 2, "2025", None),
        ]
        table = FileTable(
            pa.schema([("id", pa.int64())]),
            files,
            form,
            pa.schema([("year", pa.int32()), ("place", pa.string())]),
        )
        assert answer(engine, "SELECT * FROM t ORDER BY id", t=table) == [
            (1, 2024, "it's"),
            (2, 2025, None),
        ]
        assert answer(engine, "SELECT id FROM t WHERE year > 2024", t=table) == [(2,)]

    @pytest.mark.parametrize("form", [ParquetFiles(), OPEN_CSV, JsonLines()])
    def test_a_table_without_files_has_columns(self, engine: QueryEngine, form: FileFormat) -> None:
        table = FileTable(TYPED, [], form, pa.schema([("year", pa.string())]))
        found = engine.sql("SELECT * FROM t", {TableName(None, "t"): table})
        assert found.column_names == ["id", "ratio", "flag", "name", "year"]
        assert found.num_rows == 0

    def test_rows_in_memory(self, engine: QueryEngine) -> None:
        table = RowsTable(pa.table({"a b": ["x", "y"], "n": [1, 2]}))
        assert answer(engine, 'SELECT "a b" FROM t WHERE n = 2', t=table) == [("y",)]

    # Streams

    def test_a_stream_gives_all_rows_and_what_it_read(
        self, engine: QueryEngine, folder: Path
    ) -> None:
        rows = pa.table({"n": pa.array(range(20_000), pa.int64())})
        file = a_parquet_file(folder, "n.parquet", rows)
        table = FileTable(rows.schema, [file], ParquetFiles())
        named = {TableName(None, "t"): table}
        with engine.stream("SELECT n, n AS n FROM t ORDER BY n", named, Cancellation()) as found:
            assert found.schema.types == [pa.int64(), pa.int64()]
            batches = list(found.batches)
            assert found.scanned_bytes == file.size_bytes
        assert sum(batch.num_rows for batch in batches) == 20_000
        assert [batch.column(1)[0].as_py() for batch in batches][:1] == [0]

    def test_a_stream_may_be_left_early(self, engine: QueryEngine) -> None:
        table = RowsTable(pa.table({"n": pa.array(range(20_000), pa.int64())}))
        for taken in (0, 1):
            named = {TableName(None, "t"): table}
            with engine.stream("SELECT n FROM t", named, Cancellation()) as found:
                for _ in range(taken):
                    next(found.batches)
        assert answer(engine, "SELECT count(*) FROM t", t=table) == [(20_000,)]

    def test_sums_are_whole_numbers(self, engine: QueryEngine) -> None:
        table = RowsTable(pa.table({"n": pa.array([1, 2], pa.int64())}))
        named = {TableName(None, "t"): table}
        with engine.stream("SELECT sum(n) FROM t", named, Cancellation()) as found:
            assert found.schema.types == [pa.int64()]
            assert [batch.column(0)[0].as_py() for batch in found.batches] == [3]

    def test_a_stream_is_cancelled_from_another_thread(self, engine: QueryEngine) -> None:
        cancellation = Cancellation()

        def cancel() -> None:
            while not done.wait(0.05):
                cancellation.cancel("Query cancelled")

        done = threading.Event()
        thread = threading.Thread(target=cancel)
        started = time.monotonic()
        thread.start()
        try:
            with (
                pytest.raises(QueryCancelled, match="Query cancelled"),
                engine.stream(_ENDLESS, {}, cancellation) as found,
            ):
                _take(list(found.batches))
        finally:
            done.set()
            thread.join()
        assert time.monotonic() - started < 10
        assert answer(engine, "SELECT 1") == [(1,)]

    def test_a_cancelled_call_does_not_begin(self, engine: QueryEngine) -> None:
        cancellation = Cancellation()
        cancellation.cancel("no longer wanted")
        with (
            pytest.raises(QueryCancelled, match="no longer wanted"),
            engine.stream("SELECT 1", {}, cancellation),
        ):
            pass

    def test_a_plan_is_text(self, engine: QueryEngine) -> None:
        table = RowsTable(pa.table({"n": [1]}))
        assert engine.explain("SELECT * FROM t", {TableName(None, "t"): table}).strip()


def _take(batches: Sequence[pa.RecordBatch]) -> None:
    pytest.fail(f"{len(batches)} batches came from a query without end")


def _one_row(folder: Path, form: FileFormat, number: int, *partition: str | None) -> TableFile:
    name = f"p/{number}/file"
    if isinstance(form, ParquetFiles):
        return a_parquet_file(folder, name, pa.table({"id": [number]}), *partition)
    content = f"{number}\n" if isinstance(form, DelimitedText) else f'{{"id": {number}}}\n'
    return a_file(folder, name, content.encode(), *partition)
