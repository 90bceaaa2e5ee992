"""Rows in memory, in a nameless file and in Parquet give the same, as often as they are asked."""

import threading
from contextlib import suppress
from pathlib import Path

import pyarrow as pa
import pytest

from tandem.errors import ValidationError
from tandem.rows.parquet_rows import ParquetRows, write_parquet
from tandem.rows.rows import Rows, SelectedRows, Spool, TableRows
from unit.rows.test_content_hash import TABLE

COUNT = 10_000
OPEN_FILES = Path("/proc/self/fd")
NUMBERS = pa.table({"n": range(COUNT), "t": [f"row {n}" for n in range(COUNT)]})


def spooled(table: pa.Table, folder: Path, memory_bytes: int, batch_rows: int = 700) -> Rows:
    spool = Spool(table.schema, folder, memory_bytes)
    for batch in table.to_batches(max_chunksize=batch_rows):
        spool.add(batch)
    return spool.rows()


@pytest.mark.parametrize("memory_bytes", [0, 20_000, 1 << 30])
def test_a_spool_gives_back_what_it_took(tmp_path: Path, memory_bytes: int) -> None:
    rows = spooled(NUMBERS, tmp_path, memory_bytes)
    assert isinstance(rows, TableRows) == (memory_bytes == 1 << 30)
    assert list(tmp_path.iterdir()) == []  # nothing that a crash could leave behind
    assert rows.count == COUNT
    for _ in range(2):
        assert rows.to_table().equals(NUMBERS)
    sizes = [batch.num_rows for batch in rows.batches(["t"], 300)]
    assert max(sizes) == 300
    assert sum(sizes) == COUNT
    assert next(rows.batches(["t", "n"])).schema.names == ["t", "n"]
    picked = SelectedRows(rows, ["t"])
    assert picked.to_table().equals(NUMBERS.select(["t"]))


def test_a_spool_keeps_every_type_and_dictionary(tmp_path: Path) -> None:
    schema = TABLE.schema
    other = TABLE.set_column(
        TABLE.schema.get_field_index("encoded"),
        "encoded",
        pa.array(["other", None, "words"]).dictionary_encode(),
    )
    spool = Spool(schema, tmp_path, 0)
    for table in (TABLE, other):
        for batch in table.to_batches():
            spool.add(batch)
    expected = TABLE.to_pylist() + other.to_pylist()
    found = spool.rows().to_table()
    assert found.schema == schema
    assert repr(found.to_pylist()) == repr(expected)  # by text, since NaN is not itself


def test_many_threads_read_one_file(tmp_path: Path) -> None:
    rows = spooled(NUMBERS, tmp_path, 0)
    found: list[bool] = []
    threads = [
        threading.Thread(target=lambda: found.append(rows.to_table().equals(NUMBERS)))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [True] * 4


@pytest.mark.skipif(not OPEN_FILES.exists(), reason="the system does not tell which files are open")
def test_the_file_goes_with_its_rows(tmp_path: Path) -> None:
    rows: Rows | None = spooled(NUMBERS, tmp_path, 0)
    assert rows is not None
    assert open_files(tmp_path) == 1
    del rows
    assert open_files(tmp_path) == 0
    spool = Spool(NUMBERS.schema, tmp_path, 0)
    spool.add(NUMBERS.to_batches()[0])
    assert open_files(tmp_path) == 1
    spool.close()
    assert open_files(tmp_path) == 0


def open_files(folder: Path) -> int:
    """How many files of a folder this process has open; others come and go as they like."""
    count = 0
    for descriptor in OPEN_FILES.iterdir():
        with suppress(FileNotFoundError):  # closed meanwhile
            count += str(descriptor.readlink()).startswith(f"{folder}/")
    return count


def test_no_rows(tmp_path: Path) -> None:
    rows = spooled(NUMBERS.slice(0, 0), tmp_path, 0)
    assert rows.count == 0
    assert rows.to_table().equals(NUMBERS.slice(0, 0))
    write_parquet(rows.batches(), rows.schema, tmp_path / "none.parquet")
    assert ParquetRows(tmp_path / "none.parquet").to_table().equals(NUMBERS.slice(0, 0))


def test_parquet_gives_back_every_type(tmp_path: Path) -> None:
    path = tmp_path / "rows.parquet"
    assert write_parquet(iter(TABLE.to_batches()), TABLE.schema, path) == 3
    rows = ParquetRows(path)
    assert rows.schema == TABLE.schema
    assert rows.count == 3
    assert repr(rows.to_table().to_pylist()) == repr(TABLE.to_pylist())
    assert next(rows.batches(["text", "whole"])).schema.names == ["text", "whole"]


def test_parquet_gives_back_columns_that_share_a_name(tmp_path: Path) -> None:
    table = pa.table([pa.array([1, 2]), pa.array(["a", "b"])], names=["x", "x"])
    write_parquet(iter(table.to_batches()), table.schema, tmp_path / "x.parquet")
    assert ParquetRows(tmp_path / "x.parquet").to_table().equals(table)


def test_what_parquet_lacks_is_refused(tmp_path: Path) -> None:
    table = pa.table({"i": pa.array([None], pa.month_day_nano_interval())})
    with pytest.raises(ValidationError, match="Parquet"):
        write_parquet(iter(table.to_batches()), table.schema, tmp_path / "x.parquet")
