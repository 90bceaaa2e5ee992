"""Rows written into a location that has to be empty, while others write, too."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from tandem.errors import QueryFailed
from tandem.service.athena.context import Answer, StatementContext
from tandem.service.athena.lake import Location
from tandem.service.athena.pending_writes import PendingWrites
from tandem.service.athena.written_data import DataWriting, Target
from tandem.testing.race import race

from .bench import BUCKET, Processes, made_bench

FOLDER = Location(BUCKET, "t/")
ROWS = pa.record_batch({"a": [1, 2]})


@pytest.fixture
def writing(tmp_path: Path) -> tuple[DataWriting, Any]:
    bench = made_bench(tmp_path)
    processes = Processes("me", {"me"})
    pending = PendingWrites(bench.registry, bench.catalog, bench.lake, processes)
    return DataWriting(bench.lake, pending), bench


def write(
    writing: DataWriting,
    name: str,
    batches: Iterator[pa.RecordBatch] | None = None,
    *,
    is_new: bool = True,
) -> None:
    answer = Answer(ROWS.schema, iter([ROWS]) if batches is None else batches)
    target = Target(location=FOLDER, schema=ROWS.schema, is_new=is_new)
    context = StatementContext(statement_id=name, database="default", work_group="primary")
    with writing.written(answer, target, context):
        pass


def test_another_statement_was_faster(writing: tuple[DataWriting, Any]) -> None:
    data, bench = writing

    def overtaken() -> Iterator[pa.RecordBatch]:
        yield ROWS
        write(data, "faster")

    with pytest.raises(QueryFailed, match="HIVE_PATH_ALREADY_EXISTS"):
        write(data, "slower", overtaken())
    (file,) = bench.lake.files(FOLDER)
    assert file.key.startswith("t/faster_")
    # A table that is there already may be written into by any number.
    write(data, "insert", is_new=False)
    assert len(bench.lake.files(FOLDER)) == 2


def test_of_statements_at_one_time_at_most_one_writes(writing: tuple[DataWriting, Any]) -> None:
    data, bench = writing
    for attempt in range(10):
        race([partial(write, data, f"s{attempt}-{number}") for number in range(4)])
        files = bench.lake.files(FOLDER)
        assert len(files) <= 1
        for file in files:
            bench.objects.delete(BUCKET, file.key)
