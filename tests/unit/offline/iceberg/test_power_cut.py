"""A power cut at any moment: what the catalog names is on disk, and a range is done once."""

from itertools import count
from pathlib import Path

import pytest
from pyiceberg.serializers import FromInputFile
from sqlalchemy import event

from tandem.errors import StoreUnavailable
from tandem.offline.iceberg.catalog import TableCatalog
from tandem.offline.iceberg.file_io import path_of
from tandem.testing.power_cut import DiskRecord, PowerCut, power_cut_at
from unit.offline.iceberg.scenes import (
    ENTRIES,
    FOLDER,
    GROUP,
    GROWN,
    files_below,
    open_store,
    rows,
    table_of,
    with_value,
)

FIRST, SECOND = ENTRIES[:2], ENTRIES[2:]
ALL = ["c-1", "c-2", "c-3", "c-4", "c-5", "c-6"]


def check_whole(folder: Path, entries, group=GROUP) -> None:
    """Each entry once, for Tandem and for PyIceberg alone."""
    store = open_store(folder)
    assert list(store.archived(group)) == list(entries)
    wanted = [entry.key.identifier for entry in entries]
    assert store.snapshot(group).delivered == {0: entries[-1].position}
    assert [row["customer"] for row in rows(table_of(folder, group))] == wanted


def test_what_the_catalog_names_is_on_disk_before_it_does(tmp_path):
    store = open_store(tmp_path)
    table_io = store._catalog._load_file_io()
    disk = DiskRecord()
    named, lost = [], []

    def look(_connection, _cursor, statement, parameters, *_more):
        if "metadata_location" not in statement or statement.startswith("SELECT"):
            return
        (metadata,) = {value for value in parameters if str(value).endswith(".json")} - set(named)
        named.append(metadata)
        for path in [path_of(table_io, metadata), *reachable(metadata), *archives()]:
            lost.extend(disk.missing(path, tmp_path / "offline"))

    def reachable(metadata):
        for snapshot in read_version(table_io, metadata).snapshots:
            yield path_of(table_io, snapshot.manifest_list)
            for manifest in snapshot.manifests(table_io):
                yield path_of(table_io, manifest.manifest_path)
                for entry in manifest.fetch_manifest_entry(table_io):
                    yield path_of(table_io, entry.data_file.file_path)

    def archives():
        expected = ["0-00000000000000000001-00000000000000000002.parquet"]
        if len(named) > 2:
            expected.append("0-00000000000000000003-00000000000000000006.parquet")
        return [tmp_path / FOLDER / "_log" / name for name in expected[: len(named) - 1]]

    event.listen(store._catalog.engine, "before_cursor_execute", look)
    with disk.recording():
        store.append(GROUP, 0, 0, FIRST)
        store.append(GROUP, 0, 2, SECOND)
    assert lost == []
    assert disk.renamed_unsynced == []
    assert [path_of(table_io, metadata).name[:5] for metadata in named] == [
        "00000",
        "00001",
        "00002",
    ]


def read_version(io, location):
    return FromInputFile.table_metadata(io.new_input(location))


def test_the_catalog_is_synced_with_each_commit(tmp_path):
    with TableCatalog(
        tmp_path / "iceberg.sqlite", tmp_path / "offline"
    ).engine.connect() as connection:
        extra = 3
        assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == extra
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "delete"


def test_a_cut_at_any_step_of_the_first_range_leaves_nothing_half_done(tmp_path):
    for step in count(1):
        folder = tmp_path / str(step)
        store = open_store(folder)
        try:
            with power_cut_at(step) as steps:
                store.append(GROUP, 0, 0, ENTRIES)
        except PowerCut:
            pass
        else:
            break
        assert not open_store(folder).snapshot(GROUP).files
        open_store(folder).append(GROUP, 0, 0, ENTRIES)
        check_whole(folder, ENTRIES)
        assert len(files_below(folder / FOLDER / "data")) == 3
    assert steps.count("write") == 4  # three days, and the archive


def test_a_cut_at_any_step_of_a_later_range_leaves_nothing_half_done(tmp_path):
    """That range adds a column, too."""
    grown = [with_value(entry, "shop", "north") for entry in SECOND]
    for step in count(1):
        folder = tmp_path / str(step)
        store = open_store(folder)
        store.append(GROUP, 0, 0, FIRST)
        try:
            with power_cut_at(step) as steps:
                store.append(GROWN, 0, 2, grown)
        except PowerCut:
            pass
        else:
            break
        check_whole(folder, FIRST)
        open_store(folder).append(GROWN, 0, 2, grown)
        check_whole(folder, [*FIRST, *grown], GROWN)
        assert [row["shop"] for row in rows(table_of(folder))] == [None] * 2 + ["north"] * 4
        assert len(files_below(folder / FOLDER / "data")) == 1 + 3
    assert steps.count("write") == 4


@pytest.mark.parametrize("error", [PowerCut, StoreUnavailable])
@pytest.mark.parametrize("when", ["before", "after"])
def test_a_cut_around_the_commit_of_the_catalog(tmp_path, monkeypatch, when, error):
    store = open_store(tmp_path)
    store.append(GROUP, 0, 0, FIRST)
    real = TableCatalog.commit_table

    def commit_table(catalog, table, requirements, updates):
        if when == "after":
            real(catalog, table, requirements, updates)
        raise error(when)

    with monkeypatch.context() as patch:
        patch.setattr(TableCatalog, "commit_table", commit_table)
        with pytest.raises(error, match=when):
            store.append(GROUP, 0, 2, SECOND)
    check_whole(tmp_path, ENTRIES if when == "after" else FIRST)
    for seen in (store, open_store(tmp_path)):
        seen.append(GROUP, 0, 2, SECOND)
        check_whole(tmp_path, ENTRIES)
    assert len(files_below(tmp_path / FOLDER / "data")) == 4


def test_a_retry_by_a_newer_definition_is_one_row_each(tmp_path):
    """The feature came between the crash and the retry: the files are others, the rows are not."""
    for step in count(1, 4):
        folder = tmp_path / str(step)
        try:
            with power_cut_at(step):
                open_store(folder).append(GROUP, 0, 0, FIRST)
        except PowerCut:
            open_store(folder).append(GROWN, 0, 0, FIRST)
            check_whole(folder, FIRST, GROWN)
            assert "shop" in table_of(folder).schema().column_names
        else:
            break
