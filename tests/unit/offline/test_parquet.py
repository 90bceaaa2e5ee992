import re
import sqlite3
import subprocess
import sys
import time
from dataclasses import replace
from itertools import count
from pathlib import Path

import duckdb
import pandas as pd
import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest

from tandem.errors import ConflictError, DataCorrupted, StoreUnavailable, ValidationError
from tandem.model.event_time import SECONDS_MAX, SECONDS_MIN, EventTime
from tandem.model.feature_group import FeatureDefinition, FeatureType
from tandem.model.targets import TargetStores
from tandem.offline.parquet import ParquetOfflineStore
from tandem.registry.memory import MemoryRegistry
from tandem.registry.sql import SqlRegistry
from tandem.testing.manifested_store_contract import FaultyManifests
from tandem.testing.power_cut import DiskRecord, PowerCut, power_cut_at
from tandem.testing.purchases import NOON, purchase, purchases_group

GROUP = purchases_group()
URI = GROUP.offline.resolved_uri
FOLDER = "bucket/features/123456789012/sagemaker/eu-west-1/offline-store/purchases-1700000000"
MOMENTS = [
    NOON,
    EventTime(NOON.seconds + 1_800, 5),
    EventTime(NOON.seconds - 86_400, 0),
    EventTime(SECONDS_MIN, 0),
    EventTime(SECONDS_MAX, 0),
    EventTime(-1, 0),
]
ENTRIES = [
    purchase(GROUP, position, customer=f"c-{position}", event_time=moment, amount=f"{position}.50")
    for position, moment in enumerate(MOMENTS, 1)
]


@pytest.fixture
def registry():
    return MemoryRegistry()


@pytest.fixture
def store(tmp_path, registry):
    return ParquetOfflineStore(tmp_path, registry)


def files_below(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_files_lie_in_hours_and_carry_their_latest_event_time(tmp_path, store):
    store.append(GROUP, 0, 0, ENTRIES)
    archive, *data = files_below(tmp_path / FOLDER)
    assert archive == "_log/0-00000000000000000001-00000000000000000006.parquet"
    assert [re.sub(r"_\w{16}\.", "_*.", path) for path in data] == [
        "data/year=0000/month=01/day=01/hour=00/00000101T000000Z_*.parquet",
        "data/year=1969/month=12/day=31/hour=23/19691231T235959Z_*.parquet",
        "data/year=2024/month=06/day=29/hour=12/20240629T120000Z_*.parquet",
        "data/year=2024/month=06/day=30/hour=12/20240630T123000Z_*.parquet",
        "data/year=9999/month=12/day=31/hour=23/99991231T235959Z_*.parquet",
    ]


def test_the_manifest_describes_each_file(tmp_path, store, registry):
    store.append(GROUP, 0, 0, ENTRIES)
    manifest = registry.manifest(GROUP.group_id)
    assert [file.sequence for file in manifest.files] == [1, 2, 3, 4, 5]
    assert [file.rows for file in manifest.files] == [1, 1, 1, 2, 1]
    for file in manifest.files:
        path = tmp_path / FOLDER / file.path
        assert path.stat().st_size == file.size_bytes
        assert pq.read_metadata(path).num_rows == file.rows
    noon = manifest.files[3]
    assert (noon.event_seconds_min, noon.event_seconds_max) == (NOON.seconds, NOON.seconds + 1_800)
    assert store.snapshot(GROUP).files == tuple(
        str(tmp_path / FOLDER / file.path) for file in manifest.files
    )


class TestReaders:
    """The folder is somebody else's data lake: their tools read it as they find it."""

    @pytest.fixture
    def folder(self, tmp_path, store):
        store.append(GROUP, 0, 0, ENTRIES)
        return tmp_path / FOLDER / "data"

    def test_duckdb(self, folder):
        rows = duckdb.sql(
            "SELECT customer, amount, is_deleted, year, month, day, hour"
            f" FROM read_parquet('{folder}/**/*.parquet', hive_partitioning = true,"
            " hive_types_autocast = false) ORDER BY customer"
        ).fetchall()
        assert rows == [
            ("c-1", 1.5, False, "2024", "06", "30", "12"),
            ("c-2", 2.5, False, "2024", "06", "30", "12"),
            ("c-3", 3.5, False, "2024", "06", "29", "12"),
            ("c-4", 4.5, False, "0000", "01", "01", "00"),
            ("c-5", 5.5, False, "9999", "12", "31", "23"),
            ("c-6", 6.5, False, "1969", "12", "31", "23"),
        ]

    def test_pyarrow_dataset(self, folder):
        dataset = ds.dataset(folder, partitioning="hive")
        noon = dataset.to_table(filter=(ds.field("year") == 2024) & (ds.field("day") == 30))
        assert noon.column("customer").to_pylist() == ["c-1", "c-2"]
        assert dataset.count_rows() == 6

    def test_pandas(self, folder):
        frame = pd.read_parquet(folder)
        assert sorted(frame["customer"]) == ["c-1", "c-2", "c-3", "c-4", "c-5", "c-6"]
        assert frame["amount"].dtype == "float64"
        assert frame["write_time"].dtype == "datetime64[us]"

    def test_no_reader_sees_temporary_files(self, folder):
        hour = folder / "year=2024" / "month=06" / "day=30" / "hour=12"
        (real,) = hour.iterdir()
        (hour / f"_{real.name}.0123abcd.partial").write_bytes(b"half a fi")
        assert len(pd.read_parquet(folder)) == 6
        assert ds.dataset(folder, partitioning="hive").count_rows() == 6
        self.test_duckdb(folder)


def test_the_footer_says_nothing_but_parquet(store):
    store.append(GROUP, 0, 0, ENTRIES[:1])
    (path,) = store.snapshot(GROUP).files
    with pq.ParquetFile(path) as file:
        assert file.metadata.metadata is None
        assert file.metadata.row_group(0).column(0).compression == "SNAPPY"
        assert file.schema_arrow.types == [
            pa.string(),
            pa.string(),
            pa.float64(),
            pa.int64(),
            pa.timestamp("us"),
            pa.timestamp("us"),
            pa.bool_(),
        ]


def test_a_feature_added_later_is_in_later_files(tmp_path, store):
    store.append(GROUP, 0, 0, ENTRIES[:1])
    grown = replace(
        GROUP, features=(*GROUP.features, FeatureDefinition("shop", FeatureType.STRING))
    )
    store.append(grown, 0, 1, ENTRIES[1:2])
    found = duckdb.sql(
        f"SELECT customer, shop FROM read_parquet('{tmp_path / FOLDER}/data/**/*.parquet',"
        " union_by_name = true) ORDER BY customer"
    ).fetchall()
    assert found == [("c-1", None), ("c-2", None)]
    assert pq.read_schema(store.snapshot(grown).files[1]).names[4] == "shop"


class TestIsUnused:
    def test_empty_folders_are_no_use(self, tmp_path, store):
        (tmp_path / FOLDER / "data" / "year=2024").mkdir(parents=True)
        assert store.is_unused(URI)

    @pytest.mark.parametrize("name", ["data/a.parquet", "_log/a", "anything", ".hidden"])
    def test_any_file_is_a_use(self, tmp_path, store, name):
        path = tmp_path / FOLDER / name
        path.parent.mkdir(parents=True)
        path.touch()
        assert not store.is_unused(URI)

    def test_a_file_in_the_folders_place_is_a_use(self, tmp_path, store):
        (tmp_path / FOLDER).parent.mkdir(parents=True)
        (tmp_path / FOLDER).touch()
        assert not store.is_unused(URI)

    def test_a_uri_outside_is_refused(self, store):
        with pytest.raises(ValidationError, match="cannot be a folder"):
            store.is_unused("s3://bucket/../../etc/data")

    def test_what_cannot_be_read_is_not_called_unused(self, tmp_path, store, monkeypatch):
        (tmp_path / FOLDER).mkdir(parents=True)

        def refuse(path):
            raise PermissionError(13, "Permission denied", str(path))

        monkeypatch.setattr("os.scandir", refuse)
        with pytest.raises(StoreUnavailable, match="Permission denied"):
            store.is_unused(URI)


class TestPowerCut:
    def test_whatever_the_manifest_names_is_on_disk_before_it_moves(self, tmp_path, registry):
        disk = DiskRecord()
        lost = []

        class Watching(FaultyManifests):
            def advance(self, group_id, files, expected, delivered):
                folder = tmp_path / FOLDER
                for path in [*(file.path for file in files), *archives]:
                    lost.extend(disk.missing(folder / path, tmp_path))
                super().advance(group_id, files, expected, delivered)

        archives = ["_log/0-00000000000000000001-00000000000000000004.parquet"]
        store = ParquetOfflineStore(tmp_path, Watching(registry))
        with disk.recording():
            store.append(GROUP, 0, 0, ENTRIES[:4])
            archives = ["_log/0-00000000000000000005-00000000000000000006.parquet"]
            store.append(GROUP, 0, 4, ENTRIES[4:])
        assert lost == []
        assert disk.renamed_unsynced == []
        assert len(registry.manifest(GROUP.group_id).files) == 5

    def test_a_cut_at_any_step_leaves_nothing_half_done(self, tmp_path):
        first, second = ENTRIES[:2], ENTRIES[2:4]
        for step in count(1):
            root = tmp_path / str(step)
            registry = MemoryRegistry()
            store = ParquetOfflineStore(root, registry)
            store.append(GROUP, 0, 0, first)
            try:
                with power_cut_at(step) as steps:
                    store.append(GROUP, 0, 2, second)
            except PowerCut:
                pass
            else:
                break
            self.check_whole(root, registry, first)
            ParquetOfflineStore(root, registry).append(GROUP, 0, 2, second)
            self.check_whole(root, registry, [*first, *second])
            assert len(files_below(root)) == 1 + 2 + 2  # data of both ranges, and two archives
        assert [steps.count(name) for name in ("write", "replace")] == [3, 3]
        assert (
            steps.count("mkdir") == 2 + 4
        )  # another day of the month with its hour, and another year
        assert steps.count("fsync") == 3 + 3 + 6  # files, their folders, and those above

    @staticmethod
    def check_whole(root, registry, entries):
        """Each entry once for Tandem, and nothing twice or in part for those who list folders."""
        store = ParquetOfflineStore(root, registry)
        assert list(store.archived(GROUP)) == entries
        wanted = sorted(entry.key.identifier for entry in entries)
        files = store.snapshot(GROUP).files
        assert sorted(pq.read_table(list(files)).column("customer").to_pylist()) == wanted
        listed = pq.read_table(root / FOLDER / "data").column("customer").to_pylist()
        assert len(listed) == len(set(listed))
        assert set(wanted) <= set(listed)

    def test_a_retry_by_a_newer_definition_replaces_the_files(self, tmp_path, registry):
        """The feature was added between the crash and the retry."""
        faulty = FaultyManifests(registry)
        faulty.fails_before = StoreUnavailable("cut")
        with pytest.raises(StoreUnavailable, match="cut"):
            ParquetOfflineStore(tmp_path, faulty).append(GROUP, 0, 0, ENTRIES[:1])
        before = files_below(tmp_path)
        grown = replace(
            GROUP, features=(*GROUP.features, FeatureDefinition("shop", FeatureType.STRING))
        )
        store = ParquetOfflineStore(tmp_path, registry)
        store.append(grown, 0, 0, ENTRIES[:1])
        assert files_below(tmp_path) == before
        (path,) = store.snapshot(grown).files
        assert "shop" in pq.read_schema(path).names


def test_files_of_a_lost_race_are_removed(tmp_path, registry):
    winner = ParquetOfflineStore(tmp_path, registry)

    class Overtaken(FaultyManifests):
        def advance(self, *arguments):
            winner.append(GROUP, 0, 0, ENTRIES[:3])
            super().advance(*arguments)

    with pytest.raises(ConflictError, match="up to position 3"):
        ParquetOfflineStore(tmp_path, Overtaken(registry)).append(GROUP, 0, 0, ENTRIES)
    data = [name for name in files_below(tmp_path / FOLDER) if name.startswith("data/")]
    assert data == sorted(file.path for file in registry.manifest(GROUP.group_id).files)
    assert list(winner.archived(GROUP)) == ENTRIES[:3]


def test_a_manifest_that_never_holds_still_is_given_up(tmp_path):
    class Restless(FaultyManifests):
        def advance(self, *_arguments):
            raise ConflictError("moved")

    with pytest.raises(ConflictError, match="moved 10 times"):
        ParquetOfflineStore(tmp_path, Restless(MemoryRegistry())).append(GROUP, 0, 0, ENTRIES)


def test_other_files_in_the_archive_folder_are_passed_over(tmp_path, store):
    store.append(GROUP, 0, 0, ENTRIES[:1])
    log = tmp_path / FOLDER / "_log"
    (log / "_0-00000000000000000002-00000000000000000002.parquet.0123abcd.partial").touch()
    (log / "notes.txt").touch()
    (log / "0-00000000000000000002-00000000000000000002.parquet").write_bytes(b"not delivered")
    assert list(store.archived(GROUP)) == ENTRIES[:1]


def test_a_damaged_archive_is_named(tmp_path, store):
    store.append(GROUP, 0, 0, ENTRIES[:1])
    (path,) = (tmp_path / FOLDER / "_log").iterdir()
    path.write_bytes(b"PAR1")
    with pytest.raises(DataCorrupted, match=path.name):
        list(store.archived(GROUP))


def test_entries_for_the_online_store_alone_make_no_data_folder(tmp_path, store):
    store.append(GROUP, 0, 0, [replace(ENTRIES[0], targets=TargetStores.ONLINE)])
    assert files_below(tmp_path / FOLDER) == [
        "_log/0-00000000000000000001-00000000000000000001.parquet"
    ]


_DELIVERER = """
import sys
from pathlib import Path
from tandem.offline.parquet import ParquetOfflineStore
from tandem.registry.sql import SqlRegistry
from tandem.testing.purchases import NOON, purchase, purchases_group
from tandem.model.event_time import EventTime

root, group = Path(sys.argv[1]), purchases_group()
registry = SqlRegistry(root / "registry.db")
store = ParquetOfflineStore(root / "offline", registry)
while True:
    after = registry.manifest(group.group_id).delivered_through(0)
    entries = [
        purchase(group, position, customer=f"c-{position}",
                 event_time=EventTime(NOON.seconds + position * 1_700, 0))
        for position in range(after + 1, after + 4)
    ]
    store.append(group, 0, after, entries)
    print(entries[-1].position, flush=True)
"""


def test_a_deliverer_that_is_killed_again_and_again_delivers_once(tmp_path):
    """The process gets kill -9 wherever it stands; what it had reported delivered is delivered."""
    reported = 0
    for pause_seconds in (0.02, 0.035, 0.05):
        with subprocess.Popen(
            [sys.executable, "-c", _DELIVERER, str(tmp_path)], stdout=subprocess.PIPE, text=True
        ) as process:
            assert process.stdout is not None
            lines = [process.stdout.readline()]
            time.sleep(pause_seconds)
            process.kill()
            lines += process.stdout.read().split()
        reported = max(reported, *(int(line) for line in lines))
    registry = SqlRegistry(tmp_path / "registry.db")
    store = ParquetOfflineStore(tmp_path / "offline", registry)
    delivered = registry.manifest(GROUP.group_id).delivered_through(0)
    assert delivered >= reported > 0
    positions = [entry.position for entry in store.archived(GROUP)]
    assert positions == list(range(1, delivered + 1))
    table = pq.read_table(list(store.snapshot(GROUP).files))
    customers = sorted(table.column("customer").to_pylist())
    assert customers == sorted(f"c-{position}" for position in positions)
    registry.close()


def test_a_locked_registry_leaves_history_as_it_was(tmp_path):
    """The manifest could not be written: nothing is visible, and the retry succeeds."""
    registry = SqlRegistry(tmp_path / "registry.db")
    store = ParquetOfflineStore(tmp_path / "offline", registry)
    store.append(GROUP, 0, 0, ENTRIES[:1])
    blocker = sqlite3.connect(tmp_path / "registry.db", isolation_level=None)
    blocker.execute("BEGIN IMMEDIATE")
    impatient = SqlRegistry(tmp_path / "registry.db", busy_timeout_seconds=0.05)
    with pytest.raises(StoreUnavailable, match="locked by another process"):
        ParquetOfflineStore(tmp_path / "offline", impatient).append(GROUP, 0, 1, ENTRIES[1:])
    blocker.close()
    assert store.snapshot(GROUP).delivered == {0: 1}
    store.append(GROUP, 0, 1, ENTRIES[1:])
    assert store.snapshot(GROUP).delivered == {0: 6}
    for opened in (registry, impatient):
        opened.close()
