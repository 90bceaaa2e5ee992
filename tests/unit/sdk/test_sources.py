"""What can be ingested, as tables; and what is wrong with a source."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest

from tandem.errors import ValidationError
from tandem.sdk.sources import source_of
from unit.rows.test_table_files import GROUP

ROWS = pa.table({"id": ["a", "b", "c"], "count": [1, 2, 3]})


def rows_of(given: Any, buckets: Path | None = None) -> tuple[list[dict[str, Any]], int | None]:
    tables, rows = source_of(given, GROUP, buckets)
    pieces = [tables] if isinstance(tables, pa.Table) else list(tables)
    return pa.concat_tables(pieces).to_pylist(), rows


@pytest.mark.parametrize(
    ("make", "knows_rows"),
    [
        (lambda: ROWS, True),
        (lambda: ROWS.to_batches()[0], True),
        (lambda: ROWS.to_pandas(), True),
        (lambda: pl.DataFrame(ROWS.to_pydict()), True),
        (lambda: ROWS.to_pydict(), True),
        (lambda: ROWS.to_pylist(), True),
        (lambda: ROWS.to_reader(), False),
        (lambda: ds.dataset(ROWS), True),
    ],
)
def test_tables_of_every_kind(make: Callable[[], Any], knows_rows: bool) -> None:
    rows, count = rows_of(make())
    assert rows == ROWS.to_pylist()
    assert count == (3 if knows_rows else None)


def test_files_and_patterns(tmp_path: Path) -> None:
    for number in (2, 0, 1):
        pq.write_table(ROWS.slice(number, 1), tmp_path / f"part-{number}.parquet")
    assert rows_of(tmp_path / "part-1.parquet") == (ROWS.slice(1, 1).to_pylist(), 1)
    assert rows_of(f"{tmp_path}/part-*.parquet") == (ROWS.to_pylist(), 3)
    assert rows_of(f"{tmp_path}/**/*-2.parquet") == (ROWS.slice(2).to_pylist(), 1)
    (tmp_path / "x[1].csv").write_text("id,count\n007,1\n")
    assert rows_of(tmp_path / "x[1].csv") == ([{"id": "007", "count": "1"}], None)


def test_addresses_of_the_stores_own_buckets(tmp_path: Path) -> None:
    (tmp_path / "s3" / "bucket").mkdir(parents=True)
    pq.write_table(ROWS, tmp_path / "s3" / "bucket" / "a.parquet")
    assert rows_of("s3://bucket/*.parquet", tmp_path / "s3")[1] == 3
    with pytest.raises(ValidationError, match="leads out"):
        rows_of("s3://../x.parquet", tmp_path / "s3")
    with pytest.raises(ValidationError, match="cannot be read from here"):
        rows_of("s3://bucket/a.parquet")


def test_a_table_of_failed_rows_can_be_given_again() -> None:
    failed = ROWS.append_column("_row", pa.array([1, 2, 3])).append_column("_reason", ROWS["id"])
    assert rows_of(failed)[0] == rows_of(failed.to_reader())[0] == ROWS.to_pylist()


def test_files_that_cannot_be_read_are_named_before_anything_is_written(tmp_path: Path) -> None:
    pq.write_table(ROWS, tmp_path / "a.parquet")
    whole = (tmp_path / "a.parquet").read_bytes()
    (tmp_path / "b.parquet").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ValidationError, match=r"b\.parquet cannot be read"):
        source_of(f"{tmp_path}/*.parquet", GROUP, None)
    (tmp_path / "c.txt").write_text("x")
    with pytest.raises(ValidationError, match=r"ends in '\.txt'"):
        source_of(tmp_path / "c.txt", GROUP, None)
    with pytest.raises(ValidationError, match="there is no file"):
        source_of("none*.csv", GROUP, None)


def test_a_reader_that_breaks_off(tmp_path: Path) -> None:
    def broken() -> Any:
        yield ROWS.to_batches()[0]
        raise pa.ArrowInvalid("half of a file")

    reader = pa.RecordBatchReader.from_batches(ROWS.schema, broken())
    with pytest.raises(ValidationError, match="cannot be read any further: half of a file"):
        rows_of(reader)


@pytest.mark.parametrize("given", [7, None, object(), pd.DataFrame({"a": [object()]})])
def test_what_is_no_table_is_refused(given: Any) -> None:
    with pytest.raises(ValidationError, match=r"not a table|cannot be read"):
        source_of(given, GROUP, None)
