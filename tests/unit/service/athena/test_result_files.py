"""Results written to files and read back a page at a time."""

import time
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tandem.errors import QueryFailed
from tandem.query.athena.result_text import csv_rows
from tandem.service.athena import result_files
from tandem.service.athena.context import Answer
from tandem.service.athena.lake import FilePlace
from tandem.service.athena.result_files import ResultFiles, csv_values

from .bench import BUCKET, made_bench

texts = st.none() | st.text(st.characters(exclude_categories=["Cs"]), max_size=8)


@pytest.fixture
def results(tmp_path: Path) -> ResultFiles:
    return ResultFiles(made_bench(tmp_path).lake)


def write(results: ResultFiles, name: str, **columns: list[Any]) -> FilePlace:
    table = pa.table(columns)
    place = FilePlace(BUCKET, name)
    size = results.write(place, Answer(table.schema, iter(table.to_batches())))
    assert size.rows == table.num_rows
    return place


@settings(deadline=None)
@given(st.lists(texts, min_size=1, max_size=5))
def test_a_line_gives_its_values_back(values: list[str | None]) -> None:
    batch = pa.RecordBatch.from_arrays(
        [pa.array([value], pa.string()) for value in values], [f"c{n}" for n in range(len(values))]
    )
    assert csv_values(csv_rows(batch).decode().removesuffix("\n")) == values


def test_pages_of_a_result(results: ResultFiles) -> None:
    said = ["a", 'b\n"c",d', None, "", "e"]
    place = write(results, "one.csv", said=said, n=[1, 2, 3, 4, 5])
    rows: list[list[str | None]] = []
    offset: int | None = 0
    while offset is not None:
        page = results.page(place, offset, 2)
        assert [(one.name, one.type) for one in page.columns] == [
            ("said", "varchar"),
            ("n", "bigint"),
        ]
        assert len(page.rows) <= 2
        rows += [[*row] for row in page.rows]
        offset = page.next_offset
    assert rows == [["said", "n"], *([text, str(n)] for n, text in enumerate(said, 1))]


def test_lines_of_text(results: ResultFiles) -> None:
    place = write(results, "one.txt", key=["k", "l"], value=["v", None])
    assert results.page(place, 0, 10).rows == [["k\tv"], ["l\t"]]


def test_an_empty_result(results: ResultFiles) -> None:
    place = FilePlace(BUCKET, "none.txt")
    results.write(place, Answer(pa.schema([]), iter(())))
    page = results.page(place, 0, 10)
    assert (page.columns, page.rows, page.next_offset) == ([], [], None)


def test_a_long_result_is_read_in_parts(results: ResultFiles) -> None:
    said = [f"{number} {'x' * 900}" for number in range(3_000)]
    place = write(results, "long.csv", said=said)
    found: list[str | None] = []
    offset: int | None = 0
    while offset is not None:
        page = results.page(place, offset, 1_000)
        found += [row[0] for row in page.rows]
        offset = page.next_offset
    assert found == ["said", *said]


def test_a_result_that_is_gone(results: ResultFiles) -> None:
    with pytest.raises(QueryFailed, match="Could not find results"):
        results.page(FilePlace(BUCKET, "nothing.csv"), 0, 10)


def test_a_page_ends_where_it_has_enough_bytes(
    results: ResultFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(result_files, "_PAGE_BYTES_MAX", 1_000)
    place = write(results, "wide.csv", said=["x" * 400] * 5)
    sizes, offset = [], 0
    while offset is not None:
        page = results.page(place, offset, 1_000)
        sizes.append(len(page.rows))
        offset = page.next_offset
    assert sizes == [4, 2]


def test_a_row_that_is_larger_than_a_page_is_named(
    results: ResultFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(result_files, "_ROW_BYTES_MAX", 3 << 20)
    place = write(results, "row.csv", said=["x" * (2 << 20), "x\n" * (2 << 20)])
    page = results.page(place, 0, 2)
    assert [len(row[0] or "") for row in page.rows] == [4, 2 << 20]
    assert page.next_offset is not None
    with pytest.raises(QueryFailed, match=r"row\.csv has more than 3145728 bytes.*read the file"):
        results.page(place, page.next_offset, 1)


def test_a_value_of_many_lines_is_read_in_one_pass(results: ResultFiles) -> None:
    said = '"\n' * 500_000
    place = write(results, "lines.csv", said=[said])
    begun = time.process_time()
    assert results.page(place, 0, 2).rows[1] == [said]
    assert time.process_time() - begun < 5
