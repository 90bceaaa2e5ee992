"""Layout, properties, columns, and what other programs may leave behind in a table."""

import re
import shutil
import time
from dataclasses import replace

import duckdb
import pyarrow.parquet as pq
import pytest
from pyiceberg.manifest import DataFile, DataFileContent, FileFormat, ManifestContent
from pyiceberg.table.snapshots import Operation
from pyiceberg.table.update.snapshot import _FastAppendFiles

from tandem.errors import DataCorrupted, QueryFailed, StoreUnavailable, ValidationError
from tandem.model.feature_group import TableFormat
from tandem.model.history import Compaction
from tandem.model.targets import TargetStores
from tandem.offline.iceberg import catalog, commit
from tandem.offline.iceberg.bin_packing import EventDays
from tandem.offline.iceberg.catalog import TableCatalog
from tandem.offline.iceberg.file_io import S3_FOLDER, DurableFileIO
from tandem.testing.purchases import purchase, purchases_group
from tandem.testing.versions_contract import rows_with
from unit.offline.iceberg.scenes import (
    ENTRIES,
    FOLDER,
    GROUP,
    GROWN,
    LOCATION,
    files_below,
    open_store,
    rows,
    table_of,
    with_value,
)


@pytest.fixture
def store(tmp_path):
    return open_store(tmp_path)


def data_files(tmp_path) -> list[str]:
    return [name for name in files_below(tmp_path / FOLDER) if name.startswith("data/")]


class TestLayout:
    def test_a_file_is_in_the_day_of_its_event_times(self, tmp_path, store):
        store.append(GROUP, 0, 0, ENTRIES)
        shown = [re.sub(r"_\w{16}\.parquet$", "_*", name) for name in data_files(tmp_path)]
        assert sorted(re.sub(r"^data/[0-9a-f]{8}/", "", name) for name in shown) == [
            "bought_at_trunc=2024-06-29/20240629T120000Z_*",
            "bought_at_trunc=2024-06-30/20240630T120000Z_*",
            "bought_at_trunc=2024-07-07/20240707T120000Z_*",
        ]
        others = [name for name in files_below(tmp_path / FOLDER) if not name.startswith("data/")]
        assert others[0] == "_log/0-00000000000000000001-00000000000000000006.parquet"
        assert all(name.startswith("metadata/") for name in others[1:])

    def test_the_table_lies_in_the_groups_folder(self, tmp_path, store):
        store.append(GROUP, 0, 0, ENTRIES)
        table = table_of(tmp_path)
        assert table.location() == LOCATION
        (field,) = table.spec().fields
        assert (field.name, str(field.transform)) == ("bought_at_trunc", "truncate[10]")
        assert table.properties["tandem.feature-group"] == "purchases"

    @pytest.mark.parametrize("text", ["1719748800", "1719748800.123"])
    def test_seconds_as_text_are_divided_by_the_day_of_the_write(self, tmp_path, store, text):
        """Their first ten characters are a second each, which would be a file each."""
        store.append(GROUP, 0, 0, [with_value(entry, "bought_at", text) for entry in ENTRIES])
        (field,) = table_of(tmp_path).spec().fields
        assert (field.name, str(field.transform)) == ("write_time_day", "day")
        (name,) = data_files(tmp_path)
        assert "/write_time_day=2024-07-02/20240707T120000Z_" in name

    def test_a_retry_writes_the_same_files(self, tmp_path):
        for folder in ("one", "two"):
            open_store(tmp_path / folder).append(GROUP, 0, 0, ENTRIES)
        first, second = (
            files_below(tmp_path / folder / FOLDER / "data") for folder in ("one", "two")
        )
        assert first == second

    def test_a_name_never_stands_for_other_bytes(self, tmp_path):
        """A deliverer with another definition writes other bytes for the same range."""
        for folder, group in (("one", GROUP), ("two", GROWN)):
            open_store(tmp_path / folder).append(group, 0, 0, ENTRIES)
        first, second = (
            files_below(tmp_path / folder / FOLDER / "data") for folder in ("one", "two")
        )
        assert not set(first) & set(second)
        assert [name[:8] for name in first] == [name[:8] for name in second]

    def test_no_two_files_share_a_name(self, tmp_path, store):
        other = purchases_group("other", table_format=TableFormat.ICEBERG)
        store.append(GROUP, 0, 0, [purchase(GROUP, 1)])
        store.append(GROUP, 0, 1, [purchase(GROUP, 2)])
        store.append(GROUP, 1, 0, [purchase(GROUP, 1, partition=1)])
        store.append(other, 0, 0, [purchase(other, 1)])
        files = [*store.snapshot(GROUP).files, *store.snapshot(other).files]
        assert len({file.rpartition("/")[2] for file in files}) == 4

    def test_files_carry_the_ids_of_columns_and_nothing_else(self, store):
        store.append(GROUP, 0, 0, ENTRIES[:1])
        (path,) = store.snapshot(GROUP).files
        with pq.ParquetFile(path) as file:
            assert file.metadata.metadata is None
            ids = [column.metadata[b"PARQUET:field_id"] for column in file.schema_arrow]
        assert ids == [b"1", b"2", b"3", b"4", b"5", b"6", b"7"]


class TestPosition:
    def test_table_and_snapshot_tell_it(self, tmp_path, store):
        store.append(GROUP, 3, 0, [replace(entry, partition=3) for entry in ENTRIES[:4]])
        table = table_of(tmp_path)
        assert table.properties["tandem.delivered.3"] == "4"
        assert table.current_snapshot() is not None
        summary = table.current_snapshot().summary
        assert summary["tandem.partition"] == "3"
        assert (summary["tandem.first-position"], summary["tandem.last-position"]) == ("1", "4")
        assert summary["added-records"] == "4"

    def test_a_range_without_rows_adds_no_snapshot(self, tmp_path, store):
        store.append(GROUP, 0, 0, ENTRIES[:2])
        store.append(GROUP, 0, 2, [replace(ENTRIES[2], targets=TargetStores.ONLINE)])
        table = table_of(tmp_path)
        assert table.properties["tandem.delivered.0"] == "3"
        assert len(table.snapshots()) == 1

    def test_a_position_that_is_no_number_is_named(self, tmp_path, store):
        store.append(GROUP, 0, 0, ENTRIES)
        table_of(tmp_path).transaction().set_properties(
            {"tandem.delivered.0": "six"}
        ).commit_transaction()
        with pytest.raises(DataCorrupted, match=r"tandem\.delivered.* 'six'"):
            store.snapshot(GROUP)


class TestSnapshot:
    def test_one_that_is_known_opens_no_file(self, store, monkeypatch):
        store.append(GROUP, 0, 0, ENTRIES)
        before = store.snapshot(GROUP)

        def refuse(*_arguments: object) -> None:
            raise AssertionError("a file was opened")

        monkeypatch.setattr("pathlib.Path.open", refuse)
        assert store.snapshot(GROUP) is before

    def test_a_new_one_reads_new_manifests_alone(self, tmp_path, store, monkeypatch):
        for position in range(5):
            store.append(GROUP, 0, position, ENTRIES[position : position + 1])
        store.snapshot(GROUP)
        open_store(tmp_path).append(GROUP, 0, 5, ENTRIES[5:])
        opened = []
        real = type(tmp_path).open

        def note(path, *arguments, **options):
            opened.append(path.name)
            return real(path, *arguments, **options)

        monkeypatch.setattr(type(tmp_path), "open", note)
        assert len(store.snapshot(GROUP).files) == 6
        assert [name.rpartition(".")[2] for name in opened] == ["json", "avro", "avro"]

    def test_order_is_that_of_the_commits_after_manifests_were_merged(self, tmp_path, store):
        store.append(GROUP, 0, 0, ENTRIES[:1])
        table_of(tmp_path).transaction().set_properties(
            {"commit.manifest.min-count-to-merge": "3"}
        ).commit_transaction()
        for position in range(1, 6):
            store.append(GROUP, 0, position, ENTRIES[position : position + 1])
        snapshot = table_of(tmp_path).current_snapshot()
        assert snapshot is not None
        assert len(snapshot.manifests(table_of(tmp_path).io)) < 3
        for seen in (store, open_store(tmp_path)):
            customers = [
                pq.read_table(path).column("customer")[0].as_py()
                for path in seen.snapshot(GROUP).files
            ]
            assert customers == ["c-1", "c-2", "c-3", "c-4", "c-5", "c-6"]


def test_a_tables_time_does_not_step_back_with_the_clock(tmp_path, store, monkeypatch):
    """Java's readers refuse a table whose logs are a minute or more out of order."""
    now = time.time()
    with monkeypatch.context() as patch:
        patch.setattr(time, "time", lambda: now + 3_600)
        store.append(GROUP, 0, 0, ENTRIES[:1])
    store.append(GROUP, 0, 1, ENTRIES[1:2])
    store.append(GROUP, 0, 2, [replace(ENTRIES[2], targets=TargetStores.ONLINE)])
    metadata = table_of(tmp_path).metadata
    for log in (metadata.snapshot_log, metadata.metadata_log, metadata.snapshots):
        moments = [entry.timestamp_ms for entry in log]
        assert len(moments) >= 2
        assert [*moments, metadata.last_updated_ms] == sorted([*moments, metadata.last_updated_ms])


class TestOldSnapshots:
    def test_they_are_forgotten_with_their_metadata(self, tmp_path, store, monkeypatch):
        monkeypatch.setattr(commit, "SNAPSHOTS_MAX", 8)
        entries = [purchase(GROUP, position) for position in range(1, 31)]
        counts = []
        for entry in entries:
            store.append(GROUP, 0, entry.position - 1, [entry])
            counts.append(len(table_of(tmp_path).snapshots()))
        assert max(counts) == 8
        assert min(counts[8:]) == 4
        table = table_of(tmp_path)
        assert len(rows(table)) == 30
        assert len(rows(table, snapshot_id=table.snapshots()[0].snapshot_id)) < 30
        assert len(store.snapshot(GROUP).files) == 30
        self.check_metadata_is_what_snapshots_need(tmp_path, table)

    def test_one_that_has_a_name_is_kept(self, tmp_path, store, monkeypatch):
        monkeypatch.setattr(commit, "SNAPSHOTS_MAX", 4)
        store.append(GROUP, 0, 0, ENTRIES[:1])
        tagged = table_of(tmp_path).current_snapshot()
        assert tagged is not None
        table_of(tmp_path).manage_snapshots().create_tag(tagged.snapshot_id, "release").commit()
        for position in range(1, 6):
            store.append(GROUP, 0, position, ENTRIES[position : position + 1])
        table = table_of(tmp_path)
        assert len(table.snapshots()) <= 4
        assert len(rows(table, snapshot_id=tagged.snapshot_id)) == 1
        self.check_metadata_is_what_snapshots_need(tmp_path, table)

    def test_a_range_is_delivered_though_another_forgot_the_same_ones(
        self, tmp_path, store, monkeypatch
    ):
        monkeypatch.setattr(commit, "SNAPSHOTS_MAX", 2)
        for entry in ENTRIES[:2]:
            store.append(GROUP, 0, entry.position - 1, [entry])
        overtaken = []
        real = TableCatalog.commit_table

        def commit_table(catalog, table, requirements, updates):
            if not overtaken and any(update.action == "remove-snapshots" for update in updates):
                overtaken.append(True)
                commit.expire_old_snapshots(table_of(tmp_path))
            return real(catalog, table, requirements, updates)

        monkeypatch.setattr(TableCatalog, "commit_table", commit_table)
        store.append(GROUP, 0, 2, ENTRIES[2:3])
        assert overtaken
        assert len(table_of(tmp_path).snapshots()) == 1
        assert len(store.snapshot(GROUP).files) == 3

    @staticmethod
    def check_metadata_is_what_snapshots_need(tmp_path, table):
        needed = set()
        for snapshot in table.snapshots():
            needed.add(snapshot.manifest_list)
            needed |= {manifest.manifest_path for manifest in snapshot.manifests(table.io)}
        files = (tmp_path / FOLDER / "metadata").glob("*.avro")
        there = {f"{LOCATION}/metadata/{path.name}" for path in files}
        assert there == needed


class _AppendsDeletes(_FastAppendFiles):
    """Commits its files as delete files, which PyIceberg itself does not write yet."""

    def new_manifest_writer(self, spec):
        writer = super().new_manifest_writer(spec)
        writer.content = lambda: ManifestContent.DELETES
        return writer


class TestOtherPrograms:
    def test_rows_that_they_append_are_rows(self, tmp_path, store):
        store.append(GROUP, 0, 0, ENTRIES[:1])
        path = tmp_path / "offline" / "bucket" / "other.parquet"
        (ours,) = store.snapshot(GROUP).files
        rows_of_ours = f"read_parquet('{ours}', hive_partitioning = false)"
        duckdb.sql(f"COPY (SELECT * FROM {rows_of_ours}) TO '{path}'")
        table_of(tmp_path).add_files(["s3://bucket/other.parquet"])
        assert store.snapshot(GROUP).files == (ours, str(path))
        assert len(store.snapshot(GROUP).files) == 2
        store.append(GROUP, 0, 1, ENTRIES[1:2])
        assert len(store.snapshot(GROUP).files) == 3
        assert store.snapshot(GROUP).delivered == {0: 2}

    def test_delete_files_are_refused(self, tmp_path, store):
        store.append(GROUP, 0, 0, ENTRIES[:1])
        self.append_file(tmp_path, _AppendsDeletes, content=DataFileContent.POSITION_DELETES)
        with pytest.raises(QueryFailed, match="'purchases-1700000000' has delete files"):
            store.snapshot(GROUP)

    def test_files_that_are_not_parquet_are_refused(self, tmp_path, store):
        store.append(GROUP, 0, 0, ENTRIES[:1])
        self.append_file(tmp_path, _FastAppendFiles, file_format=FileFormat.ORC)
        with pytest.raises(QueryFailed, match=r"other\.file, which is not Parquet"):
            store.snapshot(GROUP)

    @staticmethod
    def append_file(tmp_path, kind, **given):
        table = table_of(tmp_path)
        (task,) = table.scan().plan_files()
        described = {
            "content": DataFileContent.DATA,
            "file_path": "s3://bucket/other.file",
            "file_format": FileFormat.PARQUET,
            "partition": task.file.partition,
            "record_count": 1,
            "file_size_in_bytes": 1,
            **given,
        }
        data_file = DataFile.from_args(**described)
        data_file.spec_id = 0
        transaction = table.transaction()
        with kind(Operation.APPEND, transaction, table.io) as append:
            append.append_data_file(data_file)
        transaction.commit_transaction()

    def test_a_partition_of_theirs_stops_delivery(self, tmp_path, store):
        store.append(GROUP, 0, 0, ENTRIES[:1])
        table = table_of(tmp_path)
        with table.update_spec() as update:
            update.add_identity("customer")
        with pytest.raises(StoreUnavailable, match="partitioned by 'customer' now"):
            store.append(GROUP, 0, 1, ENTRIES[1:2])
        with table.update_spec() as update:
            update.remove_field("customer")
        store.append(GROUP, 0, 1, ENTRIES[1:2])
        assert [row["customer"] for row in rows(table_of(tmp_path))] == ["c-1", "c-2"]


class TestDamage:
    def metadata(self, tmp_path, pattern):
        return max((tmp_path / FOLDER / "metadata").glob(pattern), key=lambda path: path.name)

    @pytest.mark.parametrize("content", [b"", b"{}", b"{", b"\xff"])
    def test_a_version_that_cannot_be_read_is_named(self, tmp_path, store, content):
        store.append(GROUP, 0, 0, ENTRIES)
        newest = self.metadata(tmp_path, "*.metadata.json")
        newest.write_bytes(content)
        with pytest.raises(DataCorrupted, match=newest.name):
            store.snapshot(GROUP)
        with pytest.raises(DataCorrupted, match=newest.name):
            store.append(GROUP, 0, 6, [purchase(GROUP, 7)])

    @pytest.mark.parametrize("pattern", ["*.metadata.json", "snap-*.avro", "*-m0.avro"])
    def test_a_file_that_is_gone_is_named(self, tmp_path, store, pattern):
        store.append(GROUP, 0, 0, ENTRIES)
        gone = self.metadata(tmp_path, pattern)
        gone.unlink()
        with pytest.raises(DataCorrupted, match=f"{gone.name} is missing"):
            open_store(tmp_path).snapshot(GROUP)

    @pytest.mark.parametrize("length", [0, 3, 100, -20])
    def test_a_manifest_that_was_cut_is_named(self, tmp_path, store, length):
        store.append(GROUP, 0, 0, ENTRIES)
        manifest = self.metadata(tmp_path, "*-m0.avro")
        manifest.write_bytes(manifest.read_bytes()[:length])
        with pytest.raises(DataCorrupted, match=manifest.name):
            open_store(tmp_path).snapshot(GROUP)

    @pytest.mark.parametrize("known", [0, 1, 2])
    def test_a_catalog_that_is_older_than_the_table_is_refused(self, tmp_path, store, known):
        """It would hide history, and a new table in the place of one that it does not know, too."""
        catalog, copy = tmp_path / "iceberg.sqlite", tmp_path / "copy.sqlite"
        for entry in ENTRIES[:4]:
            if entry.position == known + 1:
                shutil.copy(catalog, copy)
            store.append(GROUP, 0, entry.position - 1, [entry])
        shutil.copy(copy, catalog)
        older = open_store(tmp_path)
        for call in (
            lambda: older.snapshot(GROUP),
            lambda: older.append(GROUP, 0, 4, ENTRIES[4:]),
            lambda: older.archived(GROUP),
        ):
            with pytest.raises(DataCorrupted, match=r"older than the table .*/00004-.*\.json"):
                call()


class TestPlace:
    """A table says the same wherever its folder is."""

    def test_a_copy_goes_on_by_itself(self, tmp_path):
        original, copy = tmp_path / "original", tmp_path / "copy"
        open_store(original).append(GROUP, 0, 0, ENTRIES[:4])
        shutil.copytree(original, copy)
        before = files_below(original)
        store = open_store(copy)
        store.append(GROUP, 0, 4, ENTRIES[4:])
        assert list(store.archived(GROUP)) == ENTRIES
        files = store.snapshot(GROUP).files
        assert len(files) == 5
        assert all(file.startswith(f"{copy}/") for file in files)
        assert len(rows(table_of(copy))) == 6
        assert files_below(original) == before

    def test_a_table_with_paths_of_this_machine_goes_on_with_them(self, tmp_path, monkeypatch):
        """As those are that the first Tandem with Iceberg made."""
        with monkeypatch.context() as before:
            before.setattr(catalog, "location_of", lambda _, path: f"file://{path}")
            open_store(tmp_path).append(GROUP, 0, 0, ENTRIES[:4])
        store = open_store(tmp_path)
        store.append(GROUP, 0, 4, ENTRIES[4:])
        versions = store.versions(GROUP)
        versions.delete(GROUP, rows_with({"c-1"}))
        versions.compact(GROUP, lambda snapshot: snapshot.files)
        versions.vacuum(GROUP)
        assert list(store.archived(GROUP)) == ENTRIES[1:]
        assert len(rows(table_of(tmp_path))) == 5
        table = table_of(tmp_path)
        files = [task.file.file_path for task in table.scan().plan_files()]
        assert all(file.startswith(f"file://{tmp_path}/{FOLDER}/data/") for file in files)

    @pytest.mark.parametrize(
        "location",
        [
            "file:///etc/passwd",
            "file://{folder}",
            "file://{folder}2/x",
            "file://{folder}/../x",
            "file:{folder}/x",
            "s3://bucket/../../x",
            "s3:///etc/passwd",
            "s3://bucket//x",
            "/etc/passwd",
        ],
    )
    def test_a_location_outside_of_the_folder_is_refused(self, tmp_path, location):
        io = DurableFileIO({S3_FOLDER: str(tmp_path)})
        location = location.format(folder=tmp_path)
        for call in (io.new_input, io.new_output, io.delete):
            with pytest.raises(DataCorrupted, match="is not in this store"):
                call(location)


class TestCheck:
    @pytest.mark.parametrize("prefix", ["a#b", "a?b"])
    def test_a_folder_that_readers_would_not_find_is_refused(self, store, prefix):
        assert GROUP.offline is not None
        uri = f"s3://bucket/{prefix}/g-1/data"
        group = replace(GROUP, offline=replace(GROUP.offline, resolved_uri=uri))
        with pytest.raises(ValidationError, match=r"would be at s3://bucket/a.b/g-1"):
            store.check(group)

    def test_other_characters_are_read_by_all(self, tmp_path):
        folder = tmp_path / "a b%20c+d=e&f;g"
        folder.mkdir()
        store = open_store(folder)
        store.check(GROUP)
        store.append(GROUP, 0, 0, ENTRIES)
        assert len(rows(table_of(folder))) == 6
        assert len(store.snapshot(GROUP).files) == 3


def test_as_many_old_metadata_files_stay_as_the_property_says(tmp_path, store):
    store.append(GROUP, 0, 0, ENTRIES[:1])
    name = "vacuum_max_metadata_files_to_keep"
    store.versions(GROUP).change_properties(GROUP, {name: "2"})
    for number in range(1, len(ENTRIES)):
        store.append(GROUP, 0, number, ENTRIES[number : number + 1])
    assert len(list((tmp_path / FOLDER / "metadata").glob("*.metadata.json"))) == 3
    store.versions(GROUP).change_properties(GROUP, {}, [name])
    assert table_of(tmp_path).properties["write.metadata.previous-versions-max"] == "100"


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
