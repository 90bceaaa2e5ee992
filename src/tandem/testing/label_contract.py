"""What every query engine makes of label columns, as tests; part of `query_contract`.

Which columns can be moments and keys, what is refused, and that labels come back as they are.
"""

from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pytest

from tandem.errors import ValidationError
from tandem.model.feature_group import FeatureType
from tandem.query.base import FeatureJoin, QueryEngine
from tandem.rows.rows import TableRows
from tandem.testing.planted_history import PlantedHistory, a_group
from tandem.testing.point_in_time_contract import (
    DAY,
    NOON,
    NOON_SECONDS,
    HistoryFixtures,
    a_join,
    amounts,
    joined_rows,
    labels_at,
)


class LabelContract(HistoryFixtures):
    """Part of `QueryEngineContract`."""

    # Moments

    @pytest.mark.parametrize(
        "moments",
        [
            pa.array([NOON_SECONDS * 10**9 - 1, NOON_SECONDS * 10**9], pa.timestamp("ns")),
            pa.array([NOON_SECONDS * 10**6 - 1, NOON_SECONDS * 10**6], pa.timestamp("us", "UTC")),
            pa.array(
                [NOON_SECONDS * 1000 - 1, NOON_SECONDS * 1000], pa.timestamp("ms", "Asia/Tokyo")
            ),
            pa.array([NOON_SECONDS - 1, NOON_SECONDS], pa.timestamp("s")),
            pa.array([date(2024, 5, 1), date(2024, 5, 2)]),
            pa.array([date(2024, 5, 1), date(2024, 5, 2)], pa.date64()),
            pa.array([datetime(2024, 5, 1, 11, tzinfo=UTC), datetime(2024, 5, 1, 13, tzinfo=UTC)]),
            pa.array([NOON_SECONDS - 1, NOON_SECONDS], pa.int64()),
            pa.array([NOON_SECONDS - 1, NOON_SECONDS], pa.uint32()),
            pa.array([NOON_SECONDS - 0.001, float(NOON_SECONDS)]),
            pa.array([Decimal(NOON_SECONDS) - 1, Decimal(NOON_SECONDS)]),
            pa.array([f"{NOON_SECONDS - 1}.999", NOON], pa.large_string()),
            pa.array([f"{DAY}T11:59:59.999Z", NOON]).dictionary_encode(),
        ],
        ids=lambda moments: str(moments.type),
    )
    def test_moments_of_every_type(
        self, engine: QueryEngine, history: PlantedHistory, moments: pa.Array
    ) -> None:
        history.put("c-1", NOON, amount="1").to_file()
        labels = pa.table({"customer": ["c-1", "c-1"], "at": moments})
        assert amounts(engine, history, labels) == [None, 1.0]

    @pytest.mark.parametrize(
        "moments",
        [
            pa.array([True]),
            pa.array([b"2024"]),
            pa.array([1], pa.duration("s")),
            pa.array([[1]]),
            pa.array([NOON_SECONDS * 1000]),
            pa.array([NOON_SECONDS * 1000.0]),
            pa.array([float("inf")]),
            pa.array([10**12], pa.timestamp("s")),
            pa.array(["yesterday"]),
            pa.array(["2024-05-01"]),
            pa.array(["2024-05-01 12:00:00"]),
            pa.array(["2023-02-29T00:00:00Z"]),
            pa.array(["2024-05-01T24:00:00Z"]),
            pa.array(["9999-12-31T23:59:59-01:00"]),
            pa.array(["999999999999"]),
        ],
        ids=lambda moments: str(moments.type),
    )
    def test_what_is_no_moment_is_refused(
        self, engine: QueryEngine, history: PlantedHistory, moments: pa.Array
    ) -> None:
        history.put("c-1", NOON, amount="1")
        labels = pa.table({"customer": ["c-1"], "at": moments})
        with pytest.raises(ValidationError):
            amounts(engine, history, labels)

    # Keys

    @pytest.mark.parametrize(
        ("identifier", "keys"),
        [
            (FeatureType.INTEGRAL, pa.array([7, None, 8])),
            (FeatureType.INTEGRAL, pa.array([7, None, 8], pa.uint8())),
            (FeatureType.INTEGRAL, pa.array([7.0, float("nan"), 8.0])),
            (FeatureType.INTEGRAL, pa.array([7.0, None, 8.0], pa.float32())),
            (FeatureType.INTEGRAL, pa.array(["7", None, "+008"])),
            (FeatureType.INTEGRAL, pa.array(["007", None, "8"]).dictionary_encode()),
            (FeatureType.INTEGRAL, pa.array([Decimal(7), None, Decimal(8)])),
            (FeatureType.FRACTIONAL, pa.array([7, None, 8])),
            (FeatureType.FRACTIONAL, pa.array([7.0, float("nan"), 8.0])),
            (FeatureType.FRACTIONAL, pa.array(["7.0", None, "8e0"])),
            (FeatureType.STRING, pa.array([7, None, 8])),
            (FeatureType.STRING, pa.array(["7", None, "8"], pa.large_string())),
            (FeatureType.STRING, pa.array(["7", None, "8"], pa.string_view())),
            (FeatureType.INTEGRAL, pa.array(["7", None, "8"], pa.string_view())),
            (FeatureType.STRING, pa.array(["7", None, "8"]).dictionary_encode()),
        ],
        ids=lambda value: str(getattr(value, "type", value)),
    )
    def test_keys_of_every_type(
        self, engine: QueryEngine, folder: Path, identifier: FeatureType, keys: pa.Array
    ) -> None:
        history = PlantedHistory(folder, a_group(identifier=identifier))
        history.put("7", NOON, amount="1").to_file()
        history.put("8", NOON, amount="2")
        labels = pa.table({"customer": keys, "at": [NOON] * 3})
        assert amounts(engine, history, labels) == [1.0, None, 2.0]

    @pytest.mark.parametrize(
        ("identifier", "keys"),
        [
            (FeatureType.INTEGRAL, pa.array([7.5])),
            (FeatureType.INTEGRAL, pa.array([1e300])),
            (FeatureType.INTEGRAL, pa.array(["seven"])),
            (FeatureType.INTEGRAL, pa.array(["7.5"])),
            (FeatureType.INTEGRAL, pa.array([" 7"])),
            (FeatureType.INTEGRAL, pa.array(["9223372036854775808"])),
            (FeatureType.INTEGRAL, pa.array([2**63], pa.uint64())),
            (FeatureType.INTEGRAL, pa.array([datetime(2024, 5, 1, tzinfo=UTC)])),
            (FeatureType.FRACTIONAL, pa.array(["seven"])),
            (FeatureType.FRACTIONAL, pa.array([b"7"])),
            (FeatureType.STRING, pa.array([7.0])),
            (FeatureType.STRING, pa.array([True])),
            (FeatureType.STRING, pa.array([["c-1"]])),
        ],
        ids=lambda value: str(getattr(value, "type", value)),
    )
    def test_what_is_no_identifier_is_refused(
        self, engine: QueryEngine, folder: Path, identifier: FeatureType, keys: pa.Array
    ) -> None:
        history = PlantedHistory(folder, a_group(identifier=identifier))
        history.put("7", NOON, amount="1")
        with pytest.raises(ValidationError, match="customer"):
            amounts(engine, history, pa.table({"customer": keys, "at": [NOON]}))

    def test_minus_zero_is_zero(self, engine: QueryEngine, folder: Path) -> None:
        history = PlantedHistory(folder, a_group(identifier=FeatureType.FRACTIONAL))
        history.put("-0.0", NOON, amount="1").to_file()
        history.put("0", f"{DAY}T12:00:01Z", amount="2")
        labels = pa.table({"customer": [0.0, -0.0], "at": [NOON, f"{DAY}T13:00:00Z"]})
        assert amounts(engine, history, labels) == [1.0, 2.0]

    def test_text_identifiers_are_compared_byte_by_byte(
        self, engine: QueryEngine, history: PlantedHistory
    ) -> None:
        history.put("é", NOON, amount="1").put("C-1", NOON, amount="2").put("c ", NOON, amount="3")
        customers = ["é", "e\u0301", "c-1", "C-1", "c", "c ", ""]
        found = amounts(engine, history, labels_at([NOON] * 7, customers))
        assert found == [1.0, None, None, 2.0, None, 3.0, None]

    # Labels come back as they are

    def test_every_label_comes_back_once_and_in_order(
        self, engine: QueryEngine, history: PlantedHistory
    ) -> None:
        history.put("c-1", NOON, amount="1").to_file()
        count = 5_000
        labels = pa.table(
            {
                "customer": [("c-1", None, "c-2")[row % 3] for row in range(count)],
                "at": [None if row % 7 == 0 else NOON for row in range(count)],
                "label": [count - row for row in range(count)],
            }
        )
        joined = joined_rows(engine, labels, "at", [a_join(history.table())])
        assert joined.select(labels.column_names).equals(labels)
        expected = [1.0 if row % 3 == 0 and row % 7 else None for row in range(count)]
        assert joined.column("amount").to_pylist() == expected

    def test_label_columns_of_any_name_and_type_are_kept(
        self, engine: QueryEngine, history: PlantedHistory
    ) -> None:
        history.put("c-1", NOON, amount="1")
        labels = pa.table(
            {
                "customer": pa.array(["c-1"]).dictionary_encode(),
                "at": pa.array([NOON]),
                "a column, with \"quotes\" and 'more'": [1],
                "row": [[1, 2]],
                "ROW": [{"a": Decimal("1.50")}],
                "moment": pa.array([1], pa.duration("ns")),
                "key_0": pa.nulls(1),
                "packing": [b"\x00"],
                "labels": pa.array([5], pa.time64("ns")),
                "": [None],
            }
        ).replace_schema_metadata({"made": "by hand"})
        joined = joined_rows(engine, labels, "at", [a_join(history.table())])
        assert joined.select(labels.column_names).equals(labels)
        assert joined.schema.metadata == labels.schema.metadata
        assert joined.column("amount").to_pylist() == [1.0]

    def test_empty_labels(self, engine: QueryEngine, history: PlantedHistory) -> None:
        history.put("c-1", NOON, amount="1").to_file()
        labels = labels_at([NOON]).slice(1)
        joined = joined_rows(engine, labels, "at", [a_join(history.table())])
        assert joined.num_rows == 0
        assert joined.schema == labels.schema.append(pa.field("amount", pa.float64()))
        untyped = pa.table({"customer": pa.nulls(0), "at": pa.nulls(0)})
        assert joined_rows(engine, untyped, "at", [a_join(history.table())]).num_rows == 0

    def test_labels_of_nulls_alone(self, engine: QueryEngine, history: PlantedHistory) -> None:
        history.put("c-1", NOON, amount="1").to_file()
        labels = pa.table({"customer": pa.nulls(2), "at": pa.nulls(2)})
        assert amounts(engine, history, labels) == [None, None]

    def test_labels_come_and_go_in_batches(
        self, engine: QueryEngine, history: PlantedHistory
    ) -> None:
        count = 20_011
        for number in range(3):
            history.put(f"c-{number}", NOON, amount=str(number))
        labels = pa.table(
            {
                "customer": [f"c-{number % 4}" for number in range(count)],
                "at": [NOON] * count,
                "row": range(count),
            }
        )
        chunked = pa.Table.from_batches(labels.to_batches(max_chunksize=1_999))
        join = a_join(history.table())
        twice = replace(join, columns={"amount": "again"})
        stream = engine.point_in_time(TableRows(chunked), "at", [join, twice])
        assert stream.schema.names == ["customer", "at", "row", "amount", "again"]
        batches = list(stream.batches)
        assert all(0 < batch.num_rows <= 131_072 for batch in batches)
        found = pa.Table.from_batches(batches, stream.schema)
        assert found.column("row").to_pylist() == list(range(count))
        expected = [None if number % 4 == 3 else float(number % 4) for number in range(count)]
        assert found.column("amount").to_pylist() == expected
        assert found.column("again").to_pylist() == expected

    def test_an_answer_that_nobody_reads_to_its_end_leaves_nothing_behind(
        self, engine: QueryEngine, history: PlantedHistory
    ) -> None:
        history.put("c-1", NOON, amount="1").to_file()
        labels = TableRows(labels_at([NOON] * 20_000))
        for _ in range(3):
            stream = engine.point_in_time(labels, "at", [a_join(history.table())])
            assert next(stream.batches).num_rows
            del stream
        assert joined_rows(engine, labels_at([NOON]), "at", [a_join(history.table())]).num_rows == 1

    def test_labels_in_many_chunks(self, engine: QueryEngine, history: PlantedHistory) -> None:
        history.put("c-1", NOON, amount="1").to_file()
        one = labels_at([NOON])
        labels = pa.concat_tables([one, one.slice(1), one, one])
        assert amounts(engine, history, labels) == [1.0, 1.0, 1.0]

    def test_empty_history(self, engine: QueryEngine, history: PlantedHistory) -> None:
        assert amounts(engine, history, labels_at([NOON])) == [None]

    def test_no_joins(self, engine: QueryEngine) -> None:
        labels = labels_at([NOON])
        assert joined_rows(engine, labels, "at", []).equals(labels)

    def test_a_join_of_no_features(self, engine: QueryEngine, history: PlantedHistory) -> None:
        labels = labels_at([NOON])
        join = FeatureJoin(table=history.table(), key="customer", columns={})
        assert joined_rows(engine, labels, "at", [join, a_join(history.table())]).equals(
            labels.append_column("amount", pa.nulls(1, pa.float64()))
        )

    @pytest.mark.parametrize(("key", "moment"), [("who", "at"), ("customer", "when")])
    def test_a_missing_column_is_named(
        self, engine: QueryEngine, history: PlantedHistory, key: str, moment: str
    ) -> None:
        join = replace(a_join(history.table()), key=key)
        with pytest.raises(ValidationError, match=r"who|when"):
            joined_rows(engine, labels_at([NOON]), moment, [join])
