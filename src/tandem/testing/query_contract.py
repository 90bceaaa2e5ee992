"""What every query engine must do, as tests.

    class TestMyEngine(QueryEngineContract):
        @pytest.fixture
        def engine(self, folder):
            yield MyEngine(readable=folder)

The suite puts files and entries in place behind the engine's back. SQL is tried in the dialect that
engines share; what SQL's types become in Arrow is each engine's own.
"""

import threading
from abc import abstractmethod
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from tandem.errors import QueryFailed, StoreUnavailable
from tandem.query.base import POSITION_ROW_BITS, HistoryTable, QueryEngine, TableName
from tandem.rows.history_rows import history_rows
from tandem.testing.file_table_contract import FileTableContract
from tandem.testing.label_contract import LabelContract
from tandem.testing.planted_history import PlantedHistory, a_group
from tandem.testing.point_in_time_contract import (
    NOON,
    PointInTimeContract,
    a_join,
    joined_rows,
    labels_at,
)

DATABASE = "sagemaker_featurestore"


def values(engine: QueryEngine, statement: str, table: HistoryTable) -> list[tuple[Any, ...]]:
    """The rows of a statement in which every table is `table`."""
    tables = dict.fromkeys(engine.table_names(statement), table)
    return [tuple(row.values()) for row in engine.sql(statement, tables).to_pylist()]


class QueryEngineContract(PointInTimeContract, LabelContract, FileTableContract):
    """Subclass this and override `engine`, which may read files below `folder`."""

    @pytest.fixture
    @abstractmethod
    def engine(self, folder: Path) -> QueryEngine:
        raise NotImplementedError

    # Which tables a statement reads

    @pytest.mark.parametrize(
        ("statement", "expected"),
        [
            ("SELECT 1", set()),
            ("SELECT * FROM purchases", {(None, "purchases")}),
            (f'SELECT * FROM "{DATABASE}"."a-b" AS t', {(DATABASE, "a-b")}),
            (f"SELECT * FROM {DATABASE}.a JOIN b USING (k)", {(DATABASE, "a"), (None, "b")}),
            ("SELECT * FROM (SELECT * FROM Purchases) AS p", {(None, "Purchases")}),
            ("SELECT 1 WHERE EXISTS (SELECT 1 FROM a WHERE k IN (SELECT k FROM b))", "ab"),
            ("WITH a AS (SELECT * FROM b) SELECT * FROM a, c", "bc"),
            ('WITH "x" AS (SELECT * FROM x) SELECT * FROM X', "x"),
            ("WITH a AS (SELECT 1), b AS (SELECT * FROM a) SELECT * FROM b, c", "c"),
            ("WITH a AS (SELECT * FROM b), b AS (SELECT 1) SELECT * FROM a, b", "b"),
            ("SELECT * FROM (WITH a AS (SELECT 1) SELECT * FROM a) AS t, a", "a"),
            (f"WITH a AS (SELECT 1) SELECT * FROM {DATABASE}.a", {(DATABASE, "a")}),
            (
                "WITH RECURSIVE n AS (SELECT 1 AS i UNION ALL SELECT 2 FROM n) SELECT * FROM n, a",
                "a",
            ),
            ("SELECT * FROM a UNION ALL SELECT * FROM b ORDER BY 1", "ab"),
            ("SELECT * FROM a; -- that is all", "a"),
        ],
    )
    def test_the_tables_of_a_statement(
        self, engine: QueryEngine, statement: str, expected: Any
    ) -> None:
        if isinstance(expected, str):
            expected = {(None, letter) for letter in expected}
        names = engine.table_names(statement)
        assert {(name.database, name.table) for name in names} == expected
        assert len(names) == len(expected)

    @pytest.mark.parametrize("statement", ["", "SELEC 1", "SELECT FROM WHERE", "SELECT (1"])
    def test_what_does_not_parse_is_refused(self, engine: QueryEngine, statement: str) -> None:
        with pytest.raises(QueryFailed):
            engine.table_names(statement)

    # Rows

    def test_a_statement_sees_files_and_tail(
        self, engine: QueryEngine, history: PlantedHistory
    ) -> None:
        history.put("c-1", NOON, amount="1.5").put("c-2", NOON, amount="2").to_file()
        history.put("c-1", NOON, amount="3").to_file()
        history.delete("c-2", NOON).put_online_alone("c-3", NOON)
        statement = "SELECT customer, amount, is_deleted FROM purchases ORDER BY write_time"
        assert values(engine, statement, history.table()) == [
            ("c-1", 1.5, False),
            ("c-2", 2.0, False),
            ("c-1", 3.0, False),
            ("c-2", None, True),
        ]

    def test_the_columns_are_those_of_history(
        self, engine: QueryEngine, history: PlantedHistory
    ) -> None:
        table = history.put("c-1", NOON, amount="1").table()
        result = engine.sql("SELECT * FROM p", {TableName(None, "p"): table})
        assert result.column_names == history_rows(history.group, ()).column_names

    def test_the_newest_record_of_each_key_in_sql(
        self, engine: QueryEngine, history: PlantedHistory
    ) -> None:
        history.put("c-1", NOON, amount="1").put("c-2", NOON, amount="2").to_file()
        history.put("c-1", "2024-05-01T13:00:00Z", amount="3")
        statement = """
            SELECT customer, amount FROM (
                SELECT *, row_number() OVER (
                    PARTITION BY customer ORDER BY bought_at DESC, write_time DESC
                ) AS place FROM purchases
            ) AS ranked WHERE place = 1 AND NOT is_deleted ORDER BY customer
        """
        assert values(engine, statement, history.table()) == [("c-1", 3.0), ("c-2", 2.0)]

    def test_aggregates_subqueries_and_with(
        self, engine: QueryEngine, history: PlantedHistory
    ) -> None:
        for number in range(10):
            history.put(f"c-{number % 2}", NOON, amount=str(number), items=str(number))
        statement = """
            WITH totals AS (SELECT customer, sum(items) AS total FROM purchases GROUP BY customer)
            SELECT customer, CAST(total AS BIGINT) FROM totals
            WHERE total > (SELECT CAST(avg(items) AS BIGINT) FROM purchases) ORDER BY customer
        """
        assert values(engine, statement, history.table()) == [("c-0", 20), ("c-1", 25)]

    def test_names_with_database_hyphen_and_another_case(
        self, engine: QueryEngine, history: PlantedHistory
    ) -> None:
        table = history.put("c-1", NOON, amount="1").table()
        statement = (
            f'SELECT count(*) FROM "{DATABASE}"."Customer-Features" AS a'
            f' JOIN "customer-features" AS b ON a.customer = b.customer'
            f' JOIN "CUSTOMER-features" AS c ON a.customer = c.customer'
        )
        names = engine.table_names(statement)
        assert len(names) == 3
        result = engine.sql(statement, dict.fromkeys(names, table))
        assert result.to_pydict().popitem()[1] == [1]

    def test_one_name_in_two_databases_is_two_tables(
        self, engine: QueryEngine, folder: Path
    ) -> None:
        first = PlantedHistory(folder, a_group("first")).put("c-1", NOON, amount="1")
        second = PlantedHistory(folder, a_group("second")).put("c-1", NOON, amount="2")
        tables = {TableName(None, "t"): first.table(), TableName(DATABASE, "t"): second.table()}
        statement = f"SELECT a.amount, b.amount AS other FROM t AS a, {DATABASE}.t AS b"
        assert engine.sql(statement, tables).to_pylist() == [{"amount": 1.0, "other": 2.0}]

    def test_groups_that_differ_by_case_alone_are_not_mixed_up(
        self, engine: QueryEngine, folder: Path
    ) -> None:
        first = PlantedHistory(folder, a_group("Visits")).put("c-1", NOON, amount="1").table()
        second = PlantedHistory(folder, a_group("visits")).put("c-1", NOON, amount="2").table()
        tables = {TableName(None, "Visits"): first, TableName(None, "visits"): second}
        with pytest.raises(QueryFailed, match="case"):
            engine.sql('SELECT * FROM "Visits" AS a, "visits" AS b', tables)
        assert values(engine, 'SELECT amount FROM "visits"', second) == [(2.0,)]

    def test_a_with_query_hides_the_table_of_its_name(
        self, engine: QueryEngine, history: PlantedHistory
    ) -> None:
        table = history.put("c-1", NOON, amount="1").put("c-2", NOON, amount="2").table()
        statement = (
            f"WITH purchases AS (SELECT * FROM {DATABASE}.purchases WHERE customer = 'c-2')"
            " SELECT customer FROM purchases"
        )
        assert values(engine, statement, table) == [("c-2",)]

    def test_a_feature_that_was_added_is_null_in_older_rows(
        self, engine: QueryEngine, folder: Path
    ) -> None:
        history = PlantedHistory(folder, a_group(more=["added", "file_row_number"]))
        history.put("c-1", NOON).to_file(without=["added", "file_row_number"])
        history.put("c-2", NOON, added="x").to_file(without=["file_row_number"])
        history.put("c-3", NOON, file_row_number="y")
        statement = "SELECT added, file_row_number FROM purchases ORDER BY customer"
        expected = [(None, None), ("x", None), (None, "y")]
        assert values(engine, statement, history.table()) == expected

    @pytest.mark.parametrize("hidden", ["added", "file_row_number", "file_index"])
    def test_rows_say_where_they_are(self, engine: QueryEngine, folder: Path, hidden: str) -> None:
        """Also where a feature is called as a column of the engine's own."""
        history = PlantedHistory(folder, a_group(more=[hidden]))
        history.put("c-1", NOON).put("c-2", NOON, **{hidden: "x"}).to_file()
        history.put("c-3", NOON).to_file(without=[hidden])
        history.put("c-4", NOON).put("c-5", NOON).to_file()
        history.put("c-6", NOON).put("c-7", NOON)
        table = replace(history.table(), position="the position")
        statement = 'SELECT customer, "the position" FROM purchases ORDER BY customer'
        found = values(engine, statement, table)
        places = [divmod(position, 1 << POSITION_ROW_BITS) for _, position in found]
        assert places == [(0, 0), (0, 1), (1, 0), (2, 0), (2, 1), (3, 0), (3, 1)]
        (first, *_) = engine.sql(
            "SELECT * FROM purchases", dict.fromkeys(engine.table_names(statement), table)
        ).to_pylist()
        assert list(first)[-2:] == ["is_deleted", "the position"]

    def test_empty_history_has_columns_and_no_rows_in_sql(
        self, engine: QueryEngine, history: PlantedHistory
    ) -> None:
        assert values(engine, "SELECT count(amount) FROM purchases", history.table()) == [(0,)]
        assert values(engine, "SELECT customer FROM purchases", history.table()) == []

    def test_only_the_files_of_the_snapshot_are_read(
        self, engine: QueryEngine, history: PlantedHistory
    ) -> None:
        history.put("c-1", NOON, amount="1").to_file()
        before = history.table()
        history.put("c-2", NOON, amount="2").to_file()
        assert values(engine, "SELECT customer FROM purchases", before) == [("c-1",)]

    # What is refused

    @pytest.mark.parametrize(
        "statement",
        [
            "SELECT 1; SELECT 2",
            "COPY (SELECT 1) TO '{folder}/x.parquet'",
            "COPY purchases FROM '{folder}/x.csv'",
            "WITH x AS (COPY (SELECT 1) TO '{folder}/x.parquet') SELECT 1",
            "WITH x AS (DELETE FROM purchases RETURNING *) SELECT * FROM x",
            "WITH x AS (INSERT INTO purchases VALUES (1) RETURNING *) SELECT * FROM x",
            "ATTACH '{folder}/x.db' AS x",
            "ATTACH DATABASE '{folder}/x.db' AS x",
            "INSTALL httpfs",
            "LOAD httpfs",
            "SET threads = 1",
            "PRAGMA database_list",
            "PRAGMA enable_profiling",
            "CREATE TABLE x AS SELECT 1",
            "CREATE TEMP VIEW x AS SELECT 1",
            "INSERT INTO purchases VALUES (1)",
            "UPDATE purchases SET amount = 1",
            "DELETE FROM purchases",
            "DROP VIEW purchases",
            "EXPORT DATABASE '{folder}'",
            "CALL pragma_version()",
            "EXPLAIN ANALYZE SELECT 1",
            "BEGIN",
            "VACUUM",
            "SHOW TABLES",
            "SHOW ALL TABLES",
            "SELECT * FROM read_parquet('{file}')",
            "SELECT * FROM parquet_scan(['{file}'])",
            "SELECT * FROM main.read_parquet('{file}')",
            "SELECT (SELECT count(*) FROM read_csv('{file}'))",
            "SELECT * FROM purchases WHERE customer IN (SELECT content FROM read_text('{file}'))",
            "WITH x AS (SELECT * FROM glob('{folder}/*')) SELECT * FROM x",
            "SELECT * FROM parquet_metadata('{file}')",
            "SELECT * FROM query('SELECT 1')",
            "SELECT * FROM query_table('purchases')",
            "SELECT * FROM duckdb_settings()",
            "SELECT * FROM pragma_database_list",
            "SELECT * FROM sqlite_master",
            "SELECT * FROM information_schema.tables",
            "SELECT * FROM '{file}'",
            'SELECT * FROM "{file}"',
            "FROM '{file}'",
            "DESCRIBE '{file}'",
            "SELECT * FROM one.two.three",
            "SELECT current_setting('threads')",
            "SELECT getenv('HOME')",
        ],
    )
    def test_what_does_more_than_read_histories_is_refused(
        self, engine: QueryEngine, folder: Path, history: PlantedHistory, statement: str
    ) -> None:
        history.put("c-1", NOON, amount="1").to_file()
        table = history.table()
        (file,) = table.snapshot.files
        tables = {TableName(None, "purchases"): table}
        before = sorted(folder.rglob("*"))
        with pytest.raises(QueryFailed):
            engine.sql(statement.format(folder=folder, file=file), tables)
        assert sorted(folder.rglob("*")) == before
        assert pq.read_table(file, partitioning=None).num_rows == 1

    def test_variables_of_the_process_are_no_tables(
        self, engine: QueryEngine, history: PlantedHistory
    ) -> None:
        frame = history_rows(history.group, ())
        assert frame.num_rows == 0
        with pytest.raises(QueryFailed, match="frame"):
            engine.sql("SELECT * FROM frame", {})

    @pytest.mark.parametrize(
        ("statement", "reason"),
        [
            ("SELECT nothing FROM purchases", "nothing"),
            ("SELECT * FROM others", "others"),
            ("SELECT no_such_function(amount) FROM purchases", "no_such_function"),
        ],
    )
    def test_a_failure_gives_its_reason_in_one_line(
        self, engine: QueryEngine, history: PlantedHistory, statement: str, reason: str
    ) -> None:
        with pytest.raises(QueryFailed, match=reason) as caught:
            engine.sql(statement, {TableName(None, "purchases"): history.table()})
        assert "\n" not in str(caught.value)

    # Many callers

    def test_a_call_sees_its_own_snapshot_and_no_other(
        self, engine: QueryEngine, folder: Path
    ) -> None:
        threads, rounds = 4, 8
        histories = []
        for number in range(threads):
            history = PlantedHistory(folder, a_group(f"group-{number}"))
            histories.append(history.put("c-1", NOON, amount=str(number)))
            if number % 2:
                history.to_file()
        together = threading.Barrier(threads)

        def ask(number: int) -> set[Any]:
            table = histories[number].table()
            together.wait(timeout=30)
            found = set()
            for _ in range(rounds):
                found.update(values(engine, "SELECT amount FROM t", table))
                joined = joined_rows(engine, labels_at([NOON]), "at", [a_join(table)])
                found.add((joined.column("amount")[0].as_py(),))
            return found

        with ThreadPoolExecutor(threads) as pool:
            answers = list(pool.map(ask, range(threads)))
        assert answers == [{(float(number),)} for number in range(threads)]

    def test_a_closed_engine_says_so(self, engine: QueryEngine, history: PlantedHistory) -> None:
        engine.close()
        engine.close()
        with pytest.raises(StoreUnavailable):
            engine.table_names("SELECT 1")
        with pytest.raises(StoreUnavailable):
            engine.sql("SELECT 1", {})
        with pytest.raises(StoreUnavailable):
            joined_rows(engine, labels_at([NOON]), "at", [a_join(history.table())])
