"""What is written is seen whole or not at all."""

from pathlib import Path
from typing import Any

import pytest

from tandem.errors import ResourceNotFound
from tandem.model.catalog import CatalogColumn, CatalogTable
from tandem.query.tables import FileTable
from tandem.service.athena import serdes
from tandem.service.athena.external_tables import ExternalTables
from tandem.service.athena.lake import FilePlace, Location
from tandem.service.athena.pending_writes import MADE_BY, Note, PendingWrites, TableName

from .bench import BUCKET, Processes, made_bench

FOLDER = Location(BUCKET, "t/")
FILES = [FilePlace(BUCKET, f"t/statement-{number}.csv") for number in range(2)]
TABLE = CatalogTable(
    database="default",
    name="t",
    columns=(CatalogColumn("a", "string"),),
    location=f"s3://{BUCKET}/t",
    serde=serdes.LAZY_SIMPLE,
)
NOTE = Note("statement", FILES, TableName("default", "made"))


@pytest.fixture
def bench(tmp_path: Path) -> Any:
    bench = made_bench(tmp_path)
    bench.catalog.create_table(TABLE)
    bench.processes = Processes("me", {"me", "other"})
    bench.pending = PendingWrites(bench.registry, bench.catalog, bench.lake, bench.processes)
    bench.external = ExternalTables(bench.lake, bench.catalog, bench.pending)
    return bench


def seen(bench: Any) -> int:
    table: FileTable = bench.external.read(TABLE)
    return len(table.files)


def publish(bench: Any, count: int = 2) -> None:
    for place in FILES[:count]:
        bench.lake.write(place, [b"x\n"], "text/csv")


def fail_after(bench: Any, *steps: Any) -> None:
    with bench.pending.noted(NOTE):
        for step in steps:
            step()
        raise KeyError("something went wrong")


def make_table(bench: Any, maker: str) -> None:
    made = CatalogTable(
        database="default", name="made", location=TABLE.location, parameters={MADE_BY: maker}
    )
    bench.catalog.create_table(made)


def test_files_are_seen_all_at_once(bench: Any) -> None:
    with bench.pending.noted(NOTE):
        publish(bench, 1)
        assert seen(bench) == 0
        publish(bench)
        assert seen(bench) == 0
    assert seen(bench) == 2


def test_a_failure_deletes_files_and_table(bench: Any) -> None:
    with pytest.raises(KeyError):
        fail_after(bench, lambda: publish(bench), lambda: make_table(bench, "statement"))
    assert bench.lake.files(FOLDER) == []
    with pytest.raises(ResourceNotFound):
        bench.catalog.table("default", "made")
    assert bench.pending.statement_ids() == ()


def test_a_table_of_somebody_else_stays(bench: Any) -> None:
    make_table(bench, "another statement")
    with pytest.raises(KeyError):
        fail_after(bench)
    assert bench.catalog.table("default", "made")


def test_what_a_dead_process_left_is_undone(bench: Any) -> None:
    theirs = PendingWrites(
        bench.registry, bench.catalog, bench.lake, Processes("other", bench.processes.living)
    )
    left = theirs.noted(NOTE)
    left.__enter__()
    publish(bench)
    make_table(bench, "statement")
    assert bench.pending.undo_interrupted() == 0
    assert bench.pending.is_being_made(bench.catalog.table("default", "made"))
    bench.processes.living.remove("other")
    assert bench.pending.undo_interrupted() == 1
    assert seen(bench) == 0
    assert bench.lake.files(FOLDER) == []
    with pytest.raises(ResourceNotFound):
        bench.catalog.table("default", "made")
