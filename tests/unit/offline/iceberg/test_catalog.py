"""The catalog file: what is wrong with it is named."""

import sqlite3
import subprocess
import sys

import pytest

from tandem.errors import DataCorrupted, StoreUnavailable
from tandem.offline.iceberg.catalog import TableCatalog
from unit.offline.iceberg.scenes import ENTRIES, GROUP, open_store


def test_a_locked_catalog_leaves_history_as_it_was(tmp_path, monkeypatch):
    monkeypatch.setattr(TableCatalog.__init__, "__defaults__", (0.05,))  # impatient
    store = open_store(tmp_path)
    store.append(GROUP, 0, 0, ENTRIES[:1])
    blocker = sqlite3.connect(tmp_path / "iceberg.sqlite", isolation_level=None)
    blocker.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreUnavailable, match=r"iceberg\.sqlite was locked by another process"):
        store.append(GROUP, 0, 1, ENTRIES[1:])
    blocker.close()
    assert store.snapshot(GROUP).delivered == {0: 1}
    store.append(GROUP, 0, 1, ENTRIES[1:])
    assert store.snapshot(GROUP).delivered == {0: 6}


@pytest.mark.parametrize(
    "content", [b"not a database" * 100, b"SQLite format 3\0" + b"\xff" * 5_000]
)
def test_a_file_that_is_no_catalog_is_named(tmp_path, content):
    (tmp_path / "iceberg.sqlite").write_bytes(content)
    with pytest.raises(DataCorrupted, match=r"iceberg\.sqlite is damaged"):
        TableCatalog(tmp_path / "iceberg.sqlite", tmp_path)


def test_a_folder_that_is_not_there_is_named(tmp_path):
    with pytest.raises(StoreUnavailable, match=r"gone/iceberg\.sqlite cannot be used"):
        TableCatalog(tmp_path / "gone" / "iceberg.sqlite", tmp_path)


def test_a_full_disk_is_named(tmp_path):
    catalog = TableCatalog(tmp_path / "iceberg.sqlite", tmp_path)
    with catalog.errors_named(), catalog.engine.connect() as connection:
        size = connection.exec_driver_sql("PRAGMA page_count").scalar()
        connection.exec_driver_sql(f"PRAGMA max_page_count = {size}")
        with pytest.raises(StoreUnavailable, match="is full"), catalog.errors_named():
            connection.exec_driver_sql("CREATE TABLE one_more (name)")


_OPENER = """
import sys
from pathlib import Path
from tandem.offline.iceberg.catalog import TableCatalog

sys.stdin.read(1)
print(TableCatalog(Path(sys.argv[1]), Path()).metadata_location("nothing"))
"""


def test_processes_may_make_it_together(tmp_path):
    openers = [
        subprocess.Popen(
            [sys.executable, "-W", "error", "-c", _OPENER, str(tmp_path / "iceberg.sqlite")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(4)
    ]
    for opener in openers:
        assert opener.stdin is not None
        opener.stdin.write("x")
        opener.stdin.flush()
    assert [opener.communicate(timeout=60)[0] for opener in openers] == ["None\n"] * 4
