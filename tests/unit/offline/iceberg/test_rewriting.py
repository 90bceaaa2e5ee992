"""Rewrites of tables that are not quite what they were made as."""

import pytest

from tandem.errors import QueryFailed
from tandem.model.history import Compaction
from tandem.offline.iceberg.bin_packing import EventDays
from unit.offline.iceberg.scenes import (
    ENTRIES,
    GROUP,
    GROWN,
    open_store,
    rows,
    table_of,
    with_value,
)


@pytest.fixture
def store(tmp_path):
    return open_store(tmp_path)


def test_a_rewrite_of_a_table_with_another_partition_is_refused(tmp_path, store):
    """In it, nobody can tell which rows were written later."""
    for number in range(len(ENTRIES)):
        store.append(GROUP, 0, number, ENTRIES[number : number + 1])
    with table_of(tmp_path).update_spec() as update:
        update.add_identity("items")
    assert store.versions(GROUP).compact(GROUP) == Compaction()
    with pytest.raises(QueryFailed, match="partitioned by identity of 'items' now"):
        EventDays().barrier(GROUP, table_of(tmp_path))
    with pytest.raises(QueryFailed, match="a partition spec that is not the table's"):
        store.versions(GROUP).delete(GROUP, lambda found: {found.files[0]: [0]})


def test_rows_that_a_table_does_not_have_are_refused(store):
    store.append(GROUP, 0, 0, ENTRIES)
    versions = store.versions(GROUP)
    for wrong in ({"/elsewhere.parquet": [0]}, {store.snapshot(GROUP).files[0]: [0, 99]}):
        with pytest.raises(ValueError, match="not"):
            versions.delete(GROUP, lambda _found, wrong=wrong: wrong)
    assert len(list(store.archived(GROUP))) == len(ENTRIES)


def test_a_column_that_a_file_lacks_is_null_in_the_file_that_it_becomes(tmp_path, store):
    store.append(GROUP, 0, 0, ENTRIES[:1])
    grown = [with_value(entry, "shop", "north") for entry in ENTRIES[1:2]]
    store.append(GROWN, 0, 1, grown)
    versions = store.versions(GROWN)
    versions.change_properties(GROWN, {"optimize_rewrite_data_file_threshold": "2"})
    assert versions.compact(GROWN).files_after == 1
    assert [row["shop"] for row in rows(table_of(tmp_path))] == [None, "north"]
    versions.delete(GROWN, lambda found: {found.files[0]: [0]})
    assert list(store.archived(GROWN)) == grown
