"""Each group's history is kept in its own format."""

from dataclasses import replace

import pytest

from tandem.errors import ValidationError
from tandem.model.feature_group import TableFormat
from tandem.offline.by_table_format import OfflineStoreByTableFormat
from tandem.offline.memory import MemoryOfflineStore
from tandem.testing.purchases import purchase, purchases_group

GROUPS = {
    table_format: purchases_group(table_format.lower(), table_format=table_format)
    for table_format in TableFormat
}


@pytest.fixture
def opened():
    return []


@pytest.fixture
def plain():
    return MemoryOfflineStore()


@pytest.fixture
def store(plain, opened):
    def open_iceberg():
        opened.append(MemoryOfflineStore())
        return opened[-1]

    return OfflineStoreByTableFormat(plain, open_iceberg)


@pytest.mark.parametrize("table_format", [TableFormat.DEFAULT, TableFormat.GLUE])
def test_default_and_glue_are_plain(store, plain, opened, table_format):
    group = GROUPS[table_format]
    store.check(group)
    store.append(group, 0, 0, [purchase(group, 1)])
    assert store.snapshot(group).entries == plain.snapshot(group).entries != ()
    assert list(store.archived(group)) == list(plain.archived(group))
    assert not opened


def test_versions_are_those_of_the_groups_own_store(store, opened, monkeypatch):
    assert store.versions(GROUPS[TableFormat.GLUE]) is None
    assert not opened
    store.check(GROUPS[TableFormat.ICEBERG])
    versions = object()
    monkeypatch.setattr(opened[0], "versions", lambda _group: versions)
    assert store.versions(GROUPS[TableFormat.ICEBERG]) is versions


def test_iceberg_is_opened_once_when_it_is_needed(store, plain, opened):
    group = GROUPS[TableFormat.ICEBERG]
    store.check(group)
    store.append(group, 0, 0, [purchase(group, 1)])
    (iceberg,) = opened
    assert store.snapshot(group).entries == iceberg.snapshot(group).entries != ()
    assert list(store.archived(group)) == list(iceberg.archived(group)) != []
    assert plain.snapshot(group).entries == ()


def test_where_it_cannot_be_opened_its_groups_are_refused_and_others_not(plain):
    def refuse():
        raise ValidationError("not installed")

    store = OfflineStoreByTableFormat(plain, refuse)
    for call in (store.check, store.snapshot, store.archived):
        with pytest.raises(ValidationError, match="not installed"):
            call(GROUPS[TableFormat.ICEBERG])
        call(GROUPS[TableFormat.GLUE])


def test_a_group_without_an_offline_store_is_refused(store):
    with pytest.raises(ValidationError, match="no offline store"):
        store.snapshot(replace(GROUPS[TableFormat.GLUE], offline=None))
