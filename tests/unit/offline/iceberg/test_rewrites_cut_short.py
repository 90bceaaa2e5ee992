"""A power cut at any step of a delete, a compaction or a vacuum: done or not, never half.

Whatever the cut leaves behind that no version has, a later vacuum removes.
"""

import time
from itertools import count
from pathlib import Path

import pytest

from tandem.model.event_time import EventTime
from tandem.offline.iceberg import IcebergOfflineStore
from tandem.offline.iceberg.catalog import TableCatalog
from tandem.offline.iceberg.file_io import path_of
from tandem.testing.power_cut import DiskRecord, PowerCut, power_cut_at
from tandem.testing.purchases import NOON, purchase
from tandem.testing.versions_contract import rows_with
from unit.offline.iceberg.scenes import FOLDER, GROUP, rows, table_of

ENTRIES = [
    purchase(
        GROUP,
        position,
        customer=f"c-{position}",
        event_time=EventTime(NOON.seconds + position % 2 * 86_400, position),
    )
    for position in range(1, 9)
]
ALL = [f"c-{number}" for number in range(1, 9)]
GONE = {"c-2", "c-5", "c-6"}
LEFT = [name for name in ALL if name not in GONE]
MONTH = 30 * 86_400


def later_store(folder: Path, seconds: float = MONTH) -> IcebergOfflineStore:
    return IcebergOfflineStore(
        folder / "offline",
        folder / "iceberg.sqlite",
        clock_seconds=lambda: time.time() + seconds,
    )


def prepared(folder: Path) -> IcebergOfflineStore:
    """Four ranges of two days each: eight files."""
    store = later_store(folder)
    for start in range(0, 8, 2):
        store.append(GROUP, 0, start, ENTRIES[start : start + 2])
    return store


def deleted(folder: Path) -> IcebergOfflineStore:
    store = prepared(folder)
    store.versions(GROUP).delete(GROUP, rows_with(GONE))
    return store


def compacted(folder: Path) -> IcebergOfflineStore:
    store = deleted(folder)
    store.versions(GROUP).compact(GROUP)
    return store


def check(folder: Path, *possible: list[str]) -> list[str]:
    """The rows are one of these, for Tandem and for PyIceberg alone, and so is the archive."""
    store = later_store(folder)
    found = [row["customer"] for row in rows(table_of(folder))]
    assert found in possible
    assert [entry.key.identifier for entry in store.archived(GROUP)] == found
    assert store.snapshot(GROUP).delivered == {0: 8}
    return found


def check_nothing_is_left_over(folder: Path) -> None:
    """After a vacuum every data file and every manifest is one that a version of the table has."""
    later_store(folder).versions(GROUP).vacuum(GROUP)
    table = table_of(folder)
    locations = table.inspect.all_files().column("file_path").to_pylist()
    known = {path_of(table.io, location) for location in locations}
    there = {path for path in (folder / FOLDER / "data").rglob("*") if path.is_file()}
    assert there == known
    manifests = {
        path_of(table.io, location)
        for snapshot in table.snapshots()
        for location in (
            snapshot.manifest_list,
            *(manifest.manifest_path for manifest in snapshot.manifests(table.io)),
        )
    }
    assert set((folder / FOLDER / "metadata").glob("*.avro")) == manifests
    archive = {path.name.partition("-")[0] for path in (folder / FOLDER / "_log").iterdir()}
    assert archive == {"0"}


def cut_at_each_step(tmp_path: Path, begin, run, possible) -> set[tuple[str, ...]]:
    """Returns what was found after the cuts."""
    outcomes = set()
    for step in count(1):
        folder = tmp_path / str(step)
        store = begin(folder)
        try:
            with power_cut_at(step):
                run(store.versions(GROUP))
        except PowerCut:
            outcomes.add(tuple(check(folder, *possible)))
        else:
            break
        # Done again, it has the effect of once.
        run(later_store(folder).versions(GROUP))
        check(folder, possible[-1])
        check_nothing_is_left_over(folder)
        check(folder, possible[-1])
    assert step > 3
    return outcomes


def test_a_cut_at_any_step_of_a_delete(tmp_path):
    def run(versions):
        versions.delete(GROUP, rows_with(GONE))

    outcomes = cut_at_each_step(tmp_path, prepared, run, [ALL, LEFT])
    assert tuple(ALL) in outcomes


def test_a_cut_at_any_step_of_a_compaction(tmp_path):
    def run(versions):
        versions.compact(GROUP)

    assert cut_at_each_step(tmp_path, prepared, run, [ALL]) == {tuple(ALL)}


def test_a_cut_at_any_step_of_a_vacuum(tmp_path):
    def run(versions):
        versions.vacuum(GROUP)

    assert cut_at_each_step(tmp_path, compacted, run, [LEFT]) == {tuple(LEFT)}


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("what", ["delete", "compact", "vacuum"])
def test_a_cut_around_the_commit_of_the_catalog(tmp_path, monkeypatch, when, what):
    store = deleted(tmp_path) if what == "vacuum" else prepared(tmp_path)
    versions = store.versions(GROUP)
    calls = {
        "delete": lambda: versions.delete(GROUP, rows_with(GONE)),
        "compact": lambda: versions.compact(GROUP),
        "vacuum": lambda: versions.vacuum(GROUP),
    }
    real = TableCatalog.commit_table

    def commit_table(catalog, table, requirements, updates):
        if when == "after":
            real(catalog, table, requirements, updates)
        raise PowerCut(when)

    with monkeypatch.context() as patch:
        patch.setattr(TableCatalog, "commit_table", commit_table)
        with pytest.raises(PowerCut):
            calls[what]()
    is_deleted = what == "vacuum" or (what, when) == ("delete", "after")
    check(tmp_path, LEFT if is_deleted else ALL)
    check_nothing_is_left_over(tmp_path)
    check(tmp_path, LEFT if is_deleted else ALL)


@pytest.mark.parametrize("what", ["delete", "compact"])
def test_what_a_commit_names_is_on_disk_before_it_does(tmp_path, monkeypatch, what):
    store = prepared(tmp_path)
    disk = DiskRecord()
    lost = []
    known = set(tmp_path.rglob("*"))
    real = TableCatalog.commit_table

    def commit_table(catalog, table, requirements, updates):
        new = [path for path in tmp_path.rglob("*") if path.is_file() and path not in known]
        assert any(path.suffix == ".parquet" for path in new)
        for path in new:
            lost.extend(gone for gone in disk.missing(path, tmp_path) if gone not in known)
        return real(catalog, table, requirements, updates)

    monkeypatch.setattr(TableCatalog, "commit_table", commit_table)
    with disk.recording():
        if what == "delete":
            store.versions(GROUP).delete(GROUP, rows_with(GONE))
        else:
            store.versions(GROUP).compact(GROUP)
    assert lost == []
    assert disk.renamed_unsynced == []
