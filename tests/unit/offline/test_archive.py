from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tandem.errors import DataCorrupted
from tandem.offline.archive import read_archive, write_archive
from tandem.testing.purchases import purchase, purchases_group

GROUP = purchases_group()
ENTRIES = [purchase(GROUP, position, customer=f"c-{position % 7}") for position in range(1, 200)]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "archive.parquet"
    with path.open("wb") as file:
        write_archive(file, GROUP, 0, ENTRIES)
    return path


def test_entries_come_back_equal(path):
    assert list(read_archive(path, GROUP.group_id, 0)) == ENTRIES


def test_the_file_can_be_read_with_sql(path):
    found = duckdb.sql(
        f"SELECT position, operation, identifier, targets, values->>'amount'"
        f" FROM read_parquet('{path}') WHERE position = 8"
    ).fetchall()
    assert found == [(8, 1, "c-1", 3, "89.50")]


def test_the_file_is_compressed(path):
    assert pq.ParquetFile(path).metadata.row_group(0).column(0).compression == "ZSTD"


def test_the_archive_of_something_else_is_refused(path):
    with pytest.raises(
        DataCorrupted, match=r"of group b'purchases-1700000000' .* not of 'other-1'"
    ):
        list(read_archive(path, "other-1", 0))
    with pytest.raises(DataCorrupted, match="log partition"):
        list(read_archive(path, GROUP.group_id, 1))


def test_a_file_that_is_no_archive_is_refused(tmp_path):
    path = tmp_path / "other.parquet"
    pq.write_table(pa.table({"position": [1]}), path)
    with pytest.raises(DataCorrupted, match="format None"):
        list(read_archive(path, GROUP.group_id, 0))


@pytest.mark.parametrize("length", [0, 10, 500])
def test_a_file_that_was_cut_short_is_refused(path, length):
    path.write_bytes(path.read_bytes()[:length])
    with pytest.raises(DataCorrupted, match=r"archive\.parquet cannot be read"):
        list(read_archive(path, GROUP.group_id, 0))


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(DataCorrupted, match="restore it"):
        list(read_archive(tmp_path / "gone.parquet", GROUP.group_id, 0))


def test_a_changed_byte_in_a_page_never_goes_unseen(path):
    """Each page has a checksum. Only the bytes of headers and footer may change unharmed."""
    whole = path.read_bytes()
    column = pq.ParquetFile(path).metadata.row_group(0).column(7)  # the values
    end = column.data_page_offset + column.total_compressed_size - 1
    refused = 0
    for position in range(end - 60, end - 40):
        path.write_bytes(whole[:position] + bytes([whole[position] ^ 1]) + whole[position + 1 :])
        with pytest.raises(DataCorrupted):
            list(read_archive(path, GROUP.group_id, 0))
        refused += 1
    assert refused == 20
