"""A handle whose definition is older than the group, since somebody else changed the group."""

import subprocess
import sys
from pathlib import Path

import tandem

_CHANGE = """
import sys, tandem
with tandem.connect(sys.argv[1]) as store:
    if sys.argv[2] == "add":
        group = store.feature_group("customers")
        group.update(add_features={"visits": "Integral"})
    else:
        store.delete_feature_group("customers")
        group = store.create_feature_group(
            "customers", features={"id": "String", "time": "Fractional", "orders": "String"},
            record_identifier="id", event_time="time",
        )
    record = {"id": "C1", "time": 2.0, "orders": "7 or so" if sys.argv[2] == "remake" else 7}
    group.put(record | ({"visits": 3} if sys.argv[2] == "add" else {}))
"""


def by_another_process(folder: Path, change: str) -> None:
    subprocess.run([sys.executable, "-c", _CHANGE, str(folder), change], check=True, timeout=180)


def test_a_feature_that_another_process_has_added_is_read_at_once(tmp_path: Path) -> None:
    with tandem.connect(tmp_path / "data") as store:
        group = store.create_feature_group(
            "customers",
            features={"id": "String", "time": "Fractional", "orders": "Integral"},
            record_identifier="id",
            event_time="time",
        )
        group.put({"id": "C1", "time": 1.0, "orders": 1})
        assert group.get("C1") == {"id": "C1", "time": 1.0, "orders": 1}
        by_another_process(tmp_path / "data", "add")
        assert group.get("C1") == {"id": "C1", "time": 2.0, "orders": 7, "visits": 3}


def test_a_group_that_another_process_has_made_again_is_read_with_its_types(
    tmp_path: Path,
) -> None:
    with tandem.connect(tmp_path / "data") as store:
        group = store.create_feature_group(
            "customers",
            features={"id": "String", "time": "Fractional", "orders": "Integral"},
            record_identifier="id",
            event_time="time",
        )
        by_another_process(tmp_path / "data", "remake")
        store.describe("customers")
        assert group.get("C1") == {"id": "C1", "time": 2.0, "orders": "7 or so"}
