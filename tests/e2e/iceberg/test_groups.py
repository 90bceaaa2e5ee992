"""Feature groups in Iceberg format through the library, delivered and not, both kinds of time."""

from pathlib import Path

import pandas as pd
import pytest

import tandem
from e2e.iceberg.tables import addition, core_of, features, read_by_pyiceberg
from tandem.errors import ValidationError

TIMES = {
    "String": [f"2024-{day}T00:00:00Z" for day in ("01-01", "01-01", "02-01", "03-01")],
    "Fractional": [1_704_067_200.0, 1_704_067_200.0, 1_706_745_600.0, 1_709_251_200.0],
}
LABEL_TIMES = {
    "String": ["2024-01-15T00:00:00Z", "2024-02-15T00:00:00Z", "2024-01-15T00:00:00Z"],
    "Fractional": [1_705_276_800.0, 1_707_955_200.0, 1_705_276_800.0],
}


def frame(kind: str) -> pd.DataFrame:
    customers = ["C1", "C2", "C1", "C1"]
    return pd.DataFrame({"customer": customers, "time": TIMES[kind], "orders": [1, 5, 2, 3]})


@pytest.mark.parametrize("kind", ["String", "Fractional"])
def test_history_is_the_same_before_and_after_delivery(tmp_path: Path, kind: str) -> None:
    with tandem.connect(tmp_path, delivery_interval_seconds=3_600) as store:
        group = store.create_feature_group(
            "orders",
            features=frame(kind),
            record_identifier="customer",
            event_time="time",
            table_format="Iceberg",
        )
        labels = pd.DataFrame({"customer": ["C1", "C1", "C2"], "time": LABEL_TIMES[kind]})
        assert group.ingest(frame(kind)) == 4
        core = core_of(tmp_path)
        for delivers in (True, True, False):
            found = store.sql('SELECT customer, orders FROM "orders" ORDER BY orders').to_arrow()
            assert found.to_pydict() == {
                "customer": ["C1", "C1", "C1", "C2"],
                "orders": [1, 2, 3, 5],
            }
            training = store.training_set(labels, ["orders:orders"], event_time="time").to_pandas()
            assert training["orders"].tolist() == [1, 2, 5]
            if delivers:
                core.delivery.deliver_all()
        rows = read_by_pyiceberg(tmp_path, group.definition.group_id)
        assert sorted(rows.column("orders").to_pylist()) == [1, 2, 3, 5]


def test_the_tail_wins_over_files_and_a_later_delivery_over_an_earlier(tmp_path: Path) -> None:
    """Rows with one key and one time, in a file, in a later file, and in the log."""
    with tandem.connect(tmp_path, delivery_interval_seconds=3_600) as store:
        group = store.create_feature_group(
            "orders",
            features=features(number="Integral"),
            record_identifier="id",
            event_time="time",
            table_format="Iceberg",
        )
        labels = pd.DataFrame({"id": ["a"], "time": ["2024-01-02T00:00:00Z"]})
        core = core_of(tmp_path)
        # One moment as texts of two days, which are two partitions of the table.
        for number, text in enumerate(["2024-01-01T00:00:00Z", "2023-12-31T23:00:00-01:00"] * 4, 1):
            group.put({"id": "a", "time": text, "number": number})
            if number in (3, 5):
                core.delivery.deliver_all()
            training = store.training_set(labels, ["orders:number"], event_time="time").to_pandas()
            assert training["number"].tolist() == [number]
        core.delivery.deliver_all()
        training = store.training_set(labels, ["orders:number"], event_time="time").to_pandas()
        assert training["number"].tolist() == [8]


def test_a_feature_is_added_between_deliveries(tmp_path: Path) -> None:
    with tandem.connect(tmp_path, delivery_interval_seconds=3_600) as store:
        group = store.create_feature_group(
            "orders",
            features=features(),
            record_identifier="id",
            event_time="time",
            table_format="Iceberg",
        )
        group.put({"id": "a", "time": "2024-01-01T00:00:00Z"})
        core = core_of(tmp_path)
        core.delivery.deliver_all()
        core.updates.update("orders", addition("shop"))
        group.put({"id": "b", "time": "2024-01-02T00:00:00Z", "shop": "north"})
        core.delivery.deliver_all()
        found = store.sql('SELECT id, shop FROM "orders" ORDER BY id').to_arrow().to_pylist()
        assert found == [{"id": "a", "shop": None}, {"id": "b", "shop": "north"}]


def test_both_formats_live_side_by_side(tmp_path: Path) -> None:
    with tandem.connect(tmp_path, delivery_interval_seconds=3_600) as store:
        for name, table_format in (("plain", "Glue"), ("ice", "Iceberg")):
            group = store.create_feature_group(
                name,
                features=frame("String"),
                record_identifier="customer",
                event_time="time",
                table_format=table_format,
            )
            group.ingest(frame("String"))
        core_of(tmp_path).delivery.deliver_all()
        found = store.sql("SELECT count(*) AS n FROM plain JOIN ice USING (customer, orders)")
        assert found.to_arrow().to_pylist() == [{"n": 4}]


def test_without_an_iceberg_group_there_is_no_catalog(tmp_path: Path) -> None:
    with tandem.connect(tmp_path) as store:
        group = store.create_feature_group(
            "plain",
            features=frame("String"),
            record_identifier="customer",
            event_time="time",
        )
        group.ingest(frame("String"))
        core_of(tmp_path).delivery.deliver_all()
    assert not (tmp_path / "iceberg.sqlite").exists()


def test_a_feature_that_the_tables_partition_is_called_like_is_refused(tmp_path: Path) -> None:
    with tandem.connect(tmp_path) as store:
        keys = {"record_identifier": "id", "event_time": "time", "table_format": "Iceberg"}
        with pytest.raises(ValidationError, match="'Time_Trunc' is reserved"):
            store.create_feature_group("g", features=features(Time_Trunc="String"), **keys)
        store.create_feature_group("g", features=features(), **keys)
        with pytest.raises(ValidationError, match="'write_time_day' is reserved"):
            core_of(tmp_path).updates.update("g", addition("write_time_day"))
