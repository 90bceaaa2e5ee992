"""What every query engine's point-in-time join must do, as tests; part of `query_contract`."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tandem.errors import QueryFailed, ValidationError
from tandem.model.feature_group import FeatureDefinition, FeatureGroup, FeatureType
from tandem.model.history import HistorySnapshot
from tandem.query.base import FeatureJoin, HistoryTable, QueryEngine
from tandem.rows.history_rows import history_rows
from tandem.rows.rows import TableRows
from tandem.testing.planted_history import FIRST_WRITE_US, PlantedHistory, a_group

DAY = "2024-05-01"
NOON = f"{DAY}T12:00:00Z"
NOON_SECONDS = 1_714_564_800


def joined_rows(
    engine: QueryEngine, labels: pa.Table, moment: str, joins: Sequence[FeatureJoin]
) -> pa.Table:
    """The whole answer, read at once."""
    return engine.point_in_time(TableRows(labels), moment, joins).to_table()


def labels_at(moments: Sequence[Any], customers: Sequence[Any] = ()) -> pa.Table:
    """Labels of customer c-1, or of those given."""
    keys = customers or ["c-1"] * len(moments)
    return pa.table({"customer": pa.array(keys), "at": pa.array(moments)})


def a_join(
    table: HistoryTable, columns: Mapping[str, str] | None = None, **given: Any
) -> FeatureJoin:
    return FeatureJoin(
        table=table, key="customer", columns=columns or {"amount": "amount"}, **given
    )


def amounts(
    engine: QueryEngine, history: PlantedHistory, labels: pa.Table, **given: Any
) -> list[Any]:
    joined = joined_rows(engine, labels, "at", [a_join(history.table(), **given)])
    return list(joined.column("amount").to_pylist())


class HistoryFixtures:
    """An empty history in a folder that the engine may read."""

    @pytest.fixture
    def folder(self, tmp_path: Path) -> Path:
        """Where history's files lie; the engine may read them."""
        folder = tmp_path / "history"
        folder.mkdir()
        return folder

    @pytest.fixture
    def history(self, folder: Path) -> PlantedHistory:
        return PlantedHistory(folder, a_group())


class PointInTimeContract(HistoryFixtures):
    """Part of `QueryEngineContract`."""

    # Which row wins

    def test_the_newest_row_that_is_not_later_wins(
        self, engine: QueryEngine, history: PlantedHistory
    ) -> None:
        history.put("c-1", f"{DAY}T10:00:00Z", amount="1").to_file()
        history.put("c-1", NOON, amount="2").put("c-2", f"{DAY}T11:00:00Z", amount="9").to_file()
        history.put("c-1", f"{DAY}T14:00:00Z", amount="3")
        moments = [f"{DAY}T{hour:02}:30:00Z" for hour in (9, 10, 11, 12, 13, 14)]
        found = amounts(engine, history, labels_at(moments))
        assert found == [None, 1.0, 1.0, 2.0, 2.0, 3.0]

    def test_a_row_at_the_very_moment_counts(
        self, engine: QueryEngine, history: PlantedHistory
    ) -> None:
        history.put("c-1", NOON, amount="1").to_file()
        moments = [f"{DAY}T11:59:59.999999999Z", NOON, f"{DAY}T12:00:00.000000001Z"]
        assert amounts(engine, history, labels_at(moments)) == [None, 1.0, 1.0]

    @pytest.mark.parametrize("delivered_after", [(), (1,), (2,), (3,), (1, 2), (1, 2, 3)])
    def test_of_two_rows_at_one_time_the_later_write_wins(
        self, engine: QueryEngine, history: PlantedHistory, delivered_after: tuple[int, ...]
    ) -> None:
        # The same three writes, in one file, over several, in the tail, and in between.
        for number in (1, 2, 3):
            history.put("c-1", NOON, amount=str(number))
            if number in delivered_after:
                history.to_file()
        assert amounts(engine, history, labels_at([NOON, f"{DAY}T13:00:00Z"])) == [3.0, 3.0]

    def test_many_ties_in_large_files(self, engine: QueryEngine, history: PlantedHistory) -> None:
        for _ in range(3):
            for number in range(3_000):
                history.put(f"c-{number % 10}", NOON, amount=str(len(history.entries)))
            history.to_file()
        customers = [f"c-{number}" for number in range(10)]
        found = amounts(engine, history, labels_at([NOON] * 10, customers))
        assert found == [8_990.0 + number for number in range(10)]

    def test_a_late_row_serves_the_labels_between(
        self, engine: QueryEngine, history: PlantedHistory
    ) -> None:
        history.put("c-1", f"{DAY}T10:00:00Z", amount="1")
        history.put("c-1", f"{DAY}T14:00:00Z", amount="3").to_file()
        history.put("c-1", NOON, amount="2")
        moments = [f"{DAY}T11:00:00Z", f"{DAY}T13:00:00Z", f"{DAY}T15:00:00Z"]
        assert amounts(engine, history, labels_at(moments)) == [1.0, 2.0, 3.0]

    def test_a_delete_gives_nothing_until_the_next_put(
        self, engine: QueryEngine, history: PlantedHistory
    ) -> None:
        history.put("c-1", f"{DAY}T10:00:00Z", amount="1")
        history.delete("c-1", f"{DAY}T11:00:00Z").to_file()
        history.put("c-1", NOON, amount="2").delete("c-1", f"{DAY}T13:00:00Z")
        moments = [f"{DAY}T{hour:02}:30:00Z" for hour in (10, 11, 12, 13)]
        assert amounts(engine, history, labels_at(moments)) == [1.0, None, 2.0, None]

    def test_a_delete_hides_the_key_and_the_time_too(
        self, engine: QueryEngine, history: PlantedHistory
    ) -> None:
        history.put("c-1", f"{DAY}T10:00:00Z").delete("c-1", NOON).to_file()
        join = a_join(history.table(), {"customer": "who", "bought_at": "when"})
        joined = joined_rows(engine, labels_at([NOON]), "at", [join])
        assert joined.select(["who", "when"]).to_pylist() == [{"who": None, "when": None}]

    def test_a_delete_at_the_time_of_a_put_ties_like_a_put(
        self, engine: QueryEngine, history: PlantedHistory
    ) -> None:
        history.put("c-1", NOON, amount="1").delete("c-1", NOON)
        history.delete("c-2", NOON).to_file()
        history.put("c-2", NOON, amount="2")
        assert amounts(engine, history, labels_at([NOON] * 2, ["c-1", "c-2"])) == [None, 2.0]

    def test_a_write_to_the_online_store_alone_is_no_history(
        self, engine: QueryEngine, history: PlantedHistory
    ) -> None:
        history.put("c-1", NOON, amount="1")
        history.put_online_alone("c-1", NOON)
        assert amounts(engine, history, labels_at([NOON])) == [1.0]

    def test_a_null_that_was_written_is_no_older_value(
        self, engine: QueryEngine, history: PlantedHistory
    ) -> None:
        history.put("c-1", f"{DAY}T10:00:00Z", amount="1").put("c-1", NOON, items="5")
        joined = joined_rows(
            engine,
            labels_at([NOON]),
            "at",
            [a_join(history.table(), {"amount": "a", "items": "i"})],
        )
        assert joined.select(["a", "i"]).to_pylist() == [{"a": None, "i": 5}]

    # Bounds

    def test_max_age_counts_to_the_nanosecond(
        self, engine: QueryEngine, history: PlantedHistory
    ) -> None:
        history.put("c-1", f"{DAY}T12:00:00.5Z", amount="1").to_file()
        moments = [f"{DAY}T12:01:00.5Z", f"{DAY}T12:01:00.500000001Z"]
        assert amounts(engine, history, labels_at(moments), max_age_seconds=60) == [1.0, None]
        assert amounts(engine, history, labels_at(moments), max_age_seconds=60.001) == [1.0, 1.0]
        assert amounts(engine, history, labels_at(moments), max_age_seconds=1e12) == [1.0, 1.0]

    def test_max_age_does_not_reach_past_the_newest_row(
        self, engine: QueryEngine, history: PlantedHistory
    ) -> None:
        history.put("c-1", NOON, amount="1").delete("c-1", f"{DAY}T12:00:30Z")
        moments = [f"{DAY}T12:00:29Z", f"{DAY}T12:00:31Z"]
        assert amounts(engine, history, labels_at(moments), max_age_seconds=60) == [1.0, None]

    def test_max_age_works_before_1970(self, engine: QueryEngine, history: PlantedHistory) -> None:
        history.put("c-2", "1900-01-01T00:00:00Z").put("c-1", "1900-01-01T00:00:00Z", amount="1")
        history.to_file()
        moments = ["1900-01-01T00:01:00Z", "1900-01-01T00:01:00.000000001Z"]
        assert amounts(engine, history, labels_at(moments), max_age_seconds=60) == [1.0, None]

    @pytest.mark.parametrize("wrong", [-1, float("nan")])
    def test_a_wrong_max_age_is_refused(
        self, engine: QueryEngine, history: PlantedHistory, wrong: float
    ) -> None:
        with pytest.raises(ValidationError, match="max_age_seconds"):
            amounts(engine, history, labels_at([NOON]), max_age_seconds=wrong)

    def test_as_of_takes_what_was_committed_by_then(
        self, engine: QueryEngine, history: PlantedHistory
    ) -> None:
        history.put("c-1", f"{DAY}T10:00:00Z", amount="1").to_file()
        history.put("c-1", f"{DAY}T11:00:00Z", amount="2").to_file()
        history.delete("c-1", f"{DAY}T11:30:00Z")
        second = 1_000_000
        for later, expected in ((-1, None), (0, 1.0), (second - 1, 1.0), (second, 2.0)):
            found = amounts(engine, history, labels_at([NOON]), as_of_us=FIRST_WRITE_US + later)
            assert found == [expected]
        found = amounts(engine, history, labels_at([NOON]), as_of_us=FIRST_WRITE_US + 2 * second)
        assert found == [None]

    def test_only_event_times_within_the_window_count(
        self, engine: QueryEngine, history: PlantedHistory
    ) -> None:
        history.put("c-1", f"{DAY}T10:00:00Z", amount="1").put("c-1", NOON, amount="2").to_file()
        history.delete("c-1", f"{DAY}T13:00:00Z").put("c-1", f"{DAY}T14:00:00Z", amount="4")
        moments = [f"{DAY}T{hour:02}:30:00Z" for hour in (10, 12, 13, 14)]
        noon, hour = NOON_SECONDS * 10**9, 3_600 * 10**9
        for first, end, expected in (
            (None, None, [1.0, 2.0, None, 4.0]),
            (noon, None, [None, 2.0, None, 4.0]),
            (noon + 1, None, [None, None, None, 4.0]),
            (None, noon, [1.0, 1.0, 1.0, 1.0]),
            (None, noon + 1, [1.0, 2.0, 2.0, 2.0]),
            (noon, noon + hour, [None, 2.0, 2.0, 2.0]),
            (noon - hour, noon, [None] * 4),
            (-(10**30), 10**30, [1.0, 2.0, None, 4.0]),
        ):
            found = amounts(
                engine,
                history,
                labels_at(moments),
                from_nanoseconds=first,
                until_nanoseconds=end,
            )
            assert found == expected, (first, end)

    # Times

    def test_the_first_and_the_last_moment(
        self, engine: QueryEngine, history: PlantedHistory
    ) -> None:
        first, last = "0000-01-01T00:00:00Z", "9999-12-31T23:59:59.999999999Z"
        history.put("c-1", first, amount="1").put("c-1", "2262-04-11T23:47:17Z", amount="2")
        history.put("c-1", last, amount="3").to_file()
        moments = [first, "1677-09-21T00:12:43Z", "2263-01-01T00:00:00Z", last]
        assert amounts(engine, history, labels_at(moments)) == [1.0, 1.0, 2.0, 3.0]
        assert amounts(engine, history, labels_at(moments), max_age_seconds=1e15) == [
            1.0,
            1.0,
            2.0,
            3.0,
        ]

    def test_text_is_compared_as_time_whatever_its_form(
        self, engine: QueryEngine, history: PlantedHistory
    ) -> None:
        history.put("c-1", "2024-05-01T17:30:00+05:30", amount="1")
        history.put("c-1", "2024-05-01T12:00:00.5", amount="2")
        history.put("c-1", f"{NOON_SECONDS + 1}", amount="3")
        history.put("c-1", f"{NOON_SECONDS + 1}.25", amount="4").to_file()
        history.put("c-1", "2024-05-01T04:00:01.500000001-08:00", amount="5")
        moments = [
            NOON,
            "2024-05-01T14:00:00.500+02:00",
            f"{NOON_SECONDS + 1}",
            "2024-05-01T12:00:01.25",
            "2024-05-01T12:00:01.5Z",
            "2024-05-01T12:00:01.500000001Z",
        ]
        assert amounts(engine, history, labels_at(moments)) == [1.0, 2.0, 3.0, 4.0, 4.0, 5.0]

    def test_fractional_event_times(self, engine: QueryEngine, folder: Path) -> None:
        history = PlantedHistory(folder, a_group(event_time=FeatureType.FRACTIONAL))
        history.put("c-1", f"{NOON_SECONDS}.25", amount="1").to_file()
        history.put("c-1", f"{NOON_SECONDS}.5", amount="2").put("c-2", "-1.5", amount="3")
        moments = pa.array([NOON_SECONDS + fraction for fraction in (0.2, 0.25, 0.5)] + [-1.5])
        labels = pa.table({"customer": ["c-1", "c-1", "c-1", "c-2"], "at": moments})
        assert amounts(engine, history, labels) == [None, 1.0, 2.0, 3.0]
        assert amounts(engine, history, labels, max_age_seconds=0) == [None, 1.0, 2.0, 3.0]

    # Features

    def test_features_come_in_the_order_and_types_wanted(
        self, engine: QueryEngine, history: PlantedHistory
    ) -> None:
        history.put("c-1", NOON, amount="89.50", items="3").to_file()
        columns = {"items": "Items!", "customer": "who", "amount": "amount", "bought_at": "time"}
        joined = joined_rows(engine, labels_at([NOON]), "at", [a_join(history.table(), columns)])
        assert joined.schema == pa.schema(
            {
                "customer": pa.string(),
                "at": pa.string(),
                "Items!": pa.int64(),
                "who": pa.string(),
                "amount": pa.float64(),
                "time": pa.string(),
            }
        )
        assert list(joined.to_pylist()[0].values())[2:] == [3, "c-1", 89.5, NOON]

    def test_features_of_many_groups(self, engine: QueryEngine, folder: Path) -> None:
        joins = []
        for number in range(12):
            identifier = FeatureType.INTEGRAL if number % 2 else FeatureType.STRING
            group = a_group(f"group-{number}", identifier=identifier)
            history = PlantedHistory(folder, group).put("7", NOON, amount=str(number))
            if number % 3:
                history.to_file()
            columns = {"amount": f"{group.name}:amount"}
            join = FeatureJoin(table=history.table(), key=f"key {number % 2}", columns=columns)
            joins.append(join)
        labels = pa.table({"key 0": ["7", "8"], "key 1": [8, 7], "at": [NOON, NOON]})
        joined = joined_rows(engine, labels, "at", joins)
        assert joined.column_names[3:] == [f"group-{number}:amount" for number in range(12)]
        even, odd = joined.drop_columns(labels.column_names).to_pylist()
        assert list(even.values()) == [None if n % 2 else float(n) for n in range(12)]
        assert list(odd.values()) == [float(n) if n % 2 else None for n in range(12)]

    @pytest.mark.parametrize(
        "feature",
        [
            "file_row_number",
            "File_Index",
            "filename",
            "rowid",
            "position",
            "key",
            "moment",
            "packing",
            "a-b",
            "Select",
            "7",
        ],
    )
    def test_features_of_any_name(self, engine: QueryEngine, folder: Path, feature: str) -> None:
        history = PlantedHistory(folder, a_group(more=[feature]))
        for number in range(200):
            history.put("c-1", NOON, amount=str(number), **{feature: f"value {number}"})
            history.put("c-2", NOON, **{feature: f"other {number}"})
            if number in (50, 120, 199):
                history.to_file()
        history.put("c-1", f"{DAY}T13:00:00Z", **{feature: "tail"})
        join = a_join(history.table(), {feature: "found"})
        labels = labels_at([NOON, f"{DAY}T14:00:00Z", NOON], ["c-1", "c-1", "c-2"])
        joined = joined_rows(engine, labels, "at", [join])
        assert joined.column("found").to_pylist() == ["value 199", "tail", "other 199"]

    @pytest.mark.parametrize(
        ("identifier", "event_time"),
        [("file_row_number", "file_index"), ("key", "packing"), ("moment", "row")],
    )
    def test_keys_of_any_name(
        self, engine: QueryEngine, folder: Path, identifier: str, event_time: str
    ) -> None:
        group = _renamed(a_group(), identifier, event_time)
        history = PlantedHistory(folder, group)
        history.put("c-1", NOON, amount="1").put("c-1", NOON, amount="2").to_file()
        history.put("c-1", f"{DAY}T13:00:00Z", amount="3").to_file()
        join = FeatureJoin(
            table=history.table(), key="customer", columns={"amount": "a", event_time: "t"}
        )
        labels = labels_at([NOON, f"{DAY}T14:00:00Z"])
        joined = joined_rows(engine, labels, "at", [join])
        assert joined.column("a").to_pylist() == [2.0, 3.0]
        assert joined.column("t").to_pylist() == [NOON, f"{DAY}T13:00:00Z"]

    def test_a_feature_that_was_added_is_null_in_older_files(
        self, engine: QueryEngine, folder: Path
    ) -> None:
        history = PlantedHistory(folder, a_group(more=["added", "never-written"]))
        history.put("c-1", f"{DAY}T10:00:00Z", amount="1").to_file(without=["added"])
        columns = {"added": "added", "never-written": "never"}
        labels = labels_at([f"{DAY}T10:30:00Z", f"{DAY}T11:30:00Z", f"{DAY}T12:30:00Z"])

        def found() -> list[str | None]:
            joined = joined_rows(engine, labels, "at", [a_join(history.table(), columns)])
            assert joined.column("never").to_pylist() == [None] * 3
            return list(joined.column("added").to_pylist())

        assert found() == [None, None, None]
        history.put("c-1", f"{DAY}T11:00:00Z", added="x")
        assert found() == [None, "x", "x"]
        history.to_file(without=["never-written"])
        history.put("c-1", NOON, added="y").to_file(without=["never-written"])
        assert found() == [None, "x", "y"]

    def test_an_unknown_feature_or_a_column_twice_is_refused(
        self, engine: QueryEngine, history: PlantedHistory
    ) -> None:
        for columns in ({"nothing": "n"}, {"amount": "at"}, {"amount": "x", "items": "x"}):
            with pytest.raises(ValidationError):
                joined_rows(engine, labels_at([NOON]), "at", [a_join(history.table(), columns)])

    # Files

    def test_files_are_read_by_their_exact_name(
        self, engine: QueryEngine, history: PlantedHistory
    ) -> None:
        for name in ("it's.parquet", "[a].parquet", "*.parquet", "a?.parquet", "x=1/b.parquet"):
            history.put("c-1", NOON, amount=str(len(history.entries))).to_file(path=name)
        assert amounts(engine, history, labels_at([NOON])) == [4.0]
        table = history.table()
        for number, file in enumerate(table.snapshot.files):
            only = HistoryTable(table.group, HistorySnapshot(files=(file,)))
            joined = joined_rows(engine, labels_at([NOON]), "at", [a_join(only)])
            assert joined.column("amount").to_pylist() == [float(number)]

    def test_event_times_of_other_writers_that_are_no_times_stop_the_join(
        self, engine: QueryEngine, folder: Path, history: PlantedHistory
    ) -> None:
        history.put("c-1", NOON, amount="1")
        rows = history_rows(history.group, history.entries)
        index = rows.column_names.index("bought_at")
        pq.write_table(rows.set_column(index, "bought_at", pa.array(["soon"])), folder / "f")
        table = HistoryTable(history.group, HistorySnapshot(files=(str(folder / "f"),)))
        with pytest.raises(QueryFailed, match="soon"):
            joined_rows(engine, labels_at([NOON]), "at", [a_join(table)])

    def test_rows_of_other_writers_without_key_or_time_are_never_taken(
        self, engine: QueryEngine, folder: Path, history: PlantedHistory
    ) -> None:
        history.put("c-1", NOON, amount="1").put("c-1", NOON, amount="2")
        rows = history_rows(history.group, history.entries)
        broken = rows.set_column(0, "customer", pa.array(["c-1", None], pa.string()))
        pq.write_table(broken, folder / "a")
        broken = rows.set_column(1, "bought_at", pa.array([NOON, None], pa.string()))
        pq.write_table(broken, folder / "b")
        for name in ("a", "b"):
            table = HistoryTable(history.group, HistorySnapshot(files=(str(folder / name),)))
            joined = joined_rows(
                engine, labels_at([NOON, NOON], ["c-1", None]), "at", [a_join(table)]
            )
            assert joined.column("amount").to_pylist() == [1.0, None]

    def test_the_answer_is_the_same_before_and_after_delivery(
        self, engine: QueryEngine, folder: Path
    ) -> None:
        answers = []
        for delivered in (False, True):
            history = PlantedHistory(folder, a_group())
            for number in range(60):
                moment = f"{DAY}T{number % 5 + 10}:00:00Z"
                history.put(f"c-{number % 4}", moment, amount=str(number))
                if number % 11 == 0:
                    history.delete(f"c-{number % 4}", moment)
                if delivered and number % 13 == 0:
                    history.to_file()
            moments = [f"{DAY}T{hour}:30:00Z" for hour in range(10, 16)] * 4
            customers = [f"c-{number // 6}" for number in range(24)]
            labels = labels_at(moments, customers)
            as_of_us = FIRST_WRITE_US + 50_000_000
            answers.append(
                [
                    amounts(engine, history, labels),
                    amounts(engine, history, labels, as_of_us=as_of_us),
                ]
            )
        assert answers[0] == answers[1]
        assert answers[0][0] != answers[0][1]


def _renamed(group: FeatureGroup, identifier: str, event_time: str) -> FeatureGroup:
    names = {"customer": identifier, "bought_at": event_time}
    return replace(
        group,
        record_identifier_name=identifier,
        event_time_name=event_time,
        features=tuple(
            FeatureDefinition(names.get(feature.name, feature.name), feature.type)
            for feature in group.features
        ),
    )
