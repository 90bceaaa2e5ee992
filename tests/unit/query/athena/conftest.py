"""Queries of Athena's on the real engine."""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pyarrow as pa
import pytest

from tandem.query.athena import history_columns, parse, translate
from tandem.query.athena.statements import AthenaTable, Select
from tandem.query.base import HistoryTable
from tandem.query.duckdb import DuckDbEngine
from tandem.testing.planted_history import PlantedHistory, a_group

Run = Callable[..., pa.Table]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("history")


@pytest.fixture(scope="module")
def engine(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[DuckDbEngine]:
    scratch = tmp_path_factory.mktemp("scratch")
    engine = DuckDbEngine(folder, scratch, memory_bytes=256 * 1024 * 1024)
    yield engine
    engine.close()


@pytest.fixture(scope="module")
def purchases(folder: Path) -> HistoryTable:
    """c-1 bought twice, c-2 once and was then deleted; half of it in a file."""
    history = PlantedHistory(folder, a_group(more=["LeadSource", "doc"]))
    history.put("c-1", "2024-05-01T12:00:00Z", amount="1.5", items="7", LeadSource="web")
    history.put("c-2", "1714564800", amount="-2.5", items="3", doc='{"a": {"b": [1, "x"]}}')
    history.to_file()
    history.put("c-1", "2024-05-02T12:00:00.250Z", amount="1e10", LeadSource='say "hi"')
    history.delete("c-2", "2024-05-03T00:00:00Z")
    return history.table()


@pytest.fixture
def run(engine: DuckDbEngine, purchases: HistoryTable) -> Run:
    """The result of a query, under Athena's names; every table that it names is `purchases`."""

    def run(
        query: str,
        parameters: tuple[str, ...] = (),
        views: Mapping[AthenaTable, Select] | None = None,
    ) -> pa.Table:
        select = parse(query, parameters)
        assert isinstance(select, Select)
        views = views or {}
        read = {*select.tables, *(table for view in views.values() for table in view.tables)}
        columns = {table: history_columns(purchases.group) for table in read - {*views}}
        found = translate(select, columns, views)
        result = engine.sql(found.sql, dict.fromkeys(found.reads, purchases))
        return result.rename_columns(list(found.column_names))

    return run


@pytest.fixture
def value(run: Run) -> Callable[[str], object]:
    """What an expression without columns gives."""
    return lambda expression: run(f"SELECT {expression}").column(0)[0].as_py()
