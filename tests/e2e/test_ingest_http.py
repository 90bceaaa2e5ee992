"""Loads over HTTP: parts of an input, and what is refused."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
import urllib3

import tandem
from e2e.server_process import ServerProcess
from tandem.errors import ValidationError

ROWS = pa.table(
    {
        "id": [f"C{row}" for row in range(10)],
        "time": [float(row) for row in range(10)],
        "orders": list(range(10)),
    }
)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    with ServerProcess(tmp_path_factory.mktemp("ingest") / "data") as running:
        yield running


@pytest.fixture
def group(server: ServerProcess, request: pytest.FixtureRequest) -> str:
    name = request.node.name.partition("[")[0].replace("_", "-")[:60]
    with tandem.connect(server.url) as store:
        if name not in store.groups().names:
            store.create_feature_group(
                name, features=ROWS, record_identifier="id", event_time="time"
            )
    return name


def ask(
    server: ServerProcess, method: str, group: str, query: str, rows: pa.Table | None = None
) -> tuple[int, dict[str, Any]]:
    body = b""
    if rows is not None:
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, rows.schema) as writer:
            writer.write_table(rows)
        body = sink.getvalue().to_pybytes()
    url = f"{server.url}/tandem/ingest/{group}?{query}"
    # The first load waits for the background process, which urllib3 would not for long.
    answer = urllib3.request(method, url, body=body, timeout=60)
    return answer.status, json.loads(answer.data)


def test_parts_of_an_input(server: ServerProcess, group: str) -> None:
    def send(start: int, count: int) -> tuple[int, dict[str, Any]]:
        return ask(server, "POST", group, f"IngestionId=a&Start={start}", ROWS.slice(start, count))

    assert send(0, 4) == (200, {"Rows": 4, "BadRows": []})
    assert send(0, 4) == (200, {"Rows": 0, "BadRows": []})  # as after an answer that was lost
    assert ask(server, "GET", group, "IngestionId=a") == (200, {"Done": 4, "ChunkRows": 0})
    status, answer = send(5, 5)
    assert (status, "begin there" in answer["Message"]) == (409, True)
    assert send(4, 6) == (200, {"Rows": 6, "BadRows": []})
    with tandem.connect(server.url) as store:
        (count,) = store.sql(f'SELECT count(*) AS n FROM "{group}"').to_arrow()["n"].to_pylist()
    assert count == 10


def test_bad_rows_come_back(server: ServerProcess, group: str) -> None:
    bad = ROWS.set_column(2, "orders", pa.array([0.0, 1.5, *range(2, 10)], pa.float64()))
    status, answer = ask(server, "POST", group, "OnError=skip&Start=0", bad)
    assert (status, answer["Rows"]) == (200, 9)
    reason = "the value '1.5' of feature 'orders' does not fit Integral"
    assert answer["BadRows"] == [{"Row": 1, "Reason": reason}]
    status, answer = ask(server, "POST", group, "", bad)
    assert (status, answer["Message"]) == (400, f"row 1: {reason}; no row was written")


def test_the_library_gives_failed_rows_back(server: ServerProcess, group: str) -> None:
    bad = ROWS.set_column(2, "orders", pa.array([0.0, 1.5, *range(2, 10)], pa.float64()))
    with tandem.connect(server.url) as store:
        done = store.feature_group(group).ingest(bad.to_reader(), on_error="skip")
        assert (done, done.failed and done.failed.to_arrow()["_row"].to_pylist()) == (9, [1])
        with pytest.raises(ValidationError, match=r"^row 1: .*; no row was written$"):
            store.feature_group(group).ingest(bad)


@pytest.mark.parametrize(
    ("method", "query", "message"),
    [
        ("POST", "OnError=ignore", "OnError 'ignore'"),
        ("POST", "Start=-1", "Start '-1'"),
        ("POST", "Start=1e3", "Start '1e3'"),
        ("POST", f"IngestionId={'x' * 129}", "1 to 128 characters"),
        ("GET", f"IngestionId={'%F0%9F%98%80' * 128}", "384 bytes"),
        ("POST", "TargetStores=Both", "TargetStores 'Both'"),
        ("GET", "", "IngestionId is missing"),
    ],
)
def test_what_is_refused(
    server: ServerProcess, group: str, method: str, query: str, message: str
) -> None:
    status, answer = ask(server, method, group, query, ROWS)
    assert status == 400
    assert message in answer["Message"]


def test_a_body_that_is_no_table(server: ServerProcess, group: str, tmp_path: Path) -> None:
    url = f"{server.url}/tandem/ingest/{group}"
    assert urllib3.request("POST", url, body=b"PAR1", timeout=60).status == 400
