"""The process of queries: its memory is bounded, its end costs queries alone, and what it takes is
not the server's.
"""

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path

import pyarrow as pa
import pytest
from botocore.exceptions import ClientError

import tandem
from e2e.athena.session import AthenaSession
from e2e.athena.test_executions import ENDLESS
from e2e.server_process import ServerProcess

QUERY_MEMORY_BYTES = 64 << 20
SETTINGS = {"TANDEM_QUERY_MEMORY_BYTES": str(QUERY_MEMORY_BYTES)}
PROCESS_BYTES_MAX = 1 << 30
"""What the process has at its start and for its threads is about 600 MB of address space."""
TEXT = "rpad('x', 1000000, 'y')"
NUMBERS = "UNNEST(sequence(1, 9000)) AS u(i)"
PAIRS = "UNNEST(sequence(1, 9000)) AS a(i), UNNEST(sequence(1, 9000)) AS b(k)"


@pytest.fixture(scope="module")
def athena(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AthenaSession]:
    data = tmp_path_factory.mktemp("queries") / "data"
    with ServerProcess(data, environment=SETTINGS) as server:
        session = AthenaSession(server)
        session.create_group("customers", n="Integral")
        session.put("customers", "a", n=1)
        assert server.companion("query_process") is None  # nobody has asked it anything yet
        assert session.rows("SELECT n FROM customers") == [["1"]]
        yield session


def process_of(athena: AthenaSession) -> int:
    found = athena.server.companion("query_process")
    assert found is not None
    return found


def resident_bytes(process: int, what: str = "VmRSS") -> int:
    status = Path(f"/proc/{process}/status").read_text()
    return int(status.partition(f"{what}:")[2].split()[0]) << 10


def processor_seconds(process: int) -> float:
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def eventually(is_so: Callable[[], bool], seconds: float = 60) -> bool:
    deadline = time.monotonic() + seconds
    while not is_so():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


@pytest.mark.parametrize(
    "query",
    [
        pytest.param(f"SELECT {TEXT} AS t FROM {NUMBERS}", id="rpad"),
        pytest.param(f"SELECT sum(length({TEXT} || CAST(i AS varchar))) FROM {NUMBERS}", id="||"),
        pytest.param(
            f"SELECT length(array_join(array_agg({TEXT}), ',')) FROM {NUMBERS}", id="join"
        ),
        pytest.param(
            f"SELECT length(listagg({TEXT}, ',') WITHIN GROUP (ORDER BY i)) FROM {NUMBERS}",
            id="listagg",
        ),
        pytest.param(f"SELECT cardinality(array_agg(i)) FROM {PAIRS}", id="array_agg"),
        pytest.param(
            f"SELECT count(x) FROM (SELECT max({TEXT}) x FROM {PAIRS} GROUP BY i, k)", id="pairs"
        ),
        pytest.param("SELECT rpad('x', 150000000, 'y') AS t", id="one-value"),
    ],
)
def test_a_query_that_needs_more_memory_fails_alone(athena: AthenaSession, query: str) -> None:
    process, server = process_of(athena), athena.server.process.pid
    server_bytes = resident_bytes(server)
    reason = athena.failure(query)
    assert reason.startswith("EXCEEDED_LOCAL_MEMORY_LIMIT: the query needs more memory"), reason
    assert f"query_memory_bytes lets queries have, which is {QUERY_MEMORY_BYTES}" in reason
    assert "make less at a time" in reason
    assert athena.rows("SELECT n FROM customers") == [["1"]]
    assert process_of(athena) == process
    assert resident_bytes(process, "VmHWM") < PROCESS_BYTES_MAX
    assert resident_bytes(server) < server_bytes + (16 << 20)


def test_other_queries_go_on_beside_one_that_needs_more_memory(athena: AthenaSession) -> None:
    done = threading.Event()
    reasons: list[str] = []

    def hostile() -> None:
        while not done.is_set():
            reasons.append(athena.failure(f"SELECT {TEXT} AS t FROM {NUMBERS}"))

    thread = threading.Thread(target=hostile)
    thread.start()
    try:
        for _ in range(10):
            assert athena.rows("SELECT n FROM customers") == [["1"]]
    finally:
        done.set()
        thread.join()
    assert len(reasons) > 0


def test_what_is_over_the_memory_of_the_engine_is_spilled(athena: AthenaSession) -> None:
    """Five million rows, sorted, are more than there is memory for."""
    query = (
        "SELECT max(r) FROM (SELECT row_number() OVER (ORDER BY (i * k) % 1000003, i, k) AS r FROM"
        " UNNEST(sequence(1, 1000)) AS a(i), UNNEST(sequence(1, 5000)) AS b(k))"
    )
    assert athena.rows(query) == [["5000000"]]


def test_a_long_statement_takes_nothing_from_the_server(athena: AthenaSession) -> None:
    process, server = process_of(athena), athena.server.process.pid
    before = [processor_seconds(process), processor_seconds(server)]
    with pytest.raises(ClientError, match="nested too deep"):
        athena.start(f"SELECT {'(' * 100_000}1{')' * 100_000}")
    taken = [processor_seconds(process) - before[0], processor_seconds(server) - before[1]]
    assert taken[0] > 0.3
    assert taken[1] < 0.1 * taken[0] + 0.05


def test_a_change_of_a_group_is_seen_at_once(athena: AthenaSession) -> None:
    control = athena.server.client("sagemaker")
    for number in range(5):
        name = f"changing-{number}"
        athena.create_group(name, n="Integral")
        athena.put(name, "a", n=number)
        assert athena.rows(f'SELECT n FROM "{name}"') == [[str(number)]]
        control.update_feature_group(
            FeatureGroupName=name,
            FeatureAdditions=[{"FeatureName": "later", "FeatureType": "String"}],
        )
        athena.put(name, "b", n=1, later="x")
        assert athena.rows(f"SELECT later FROM \"{name}\" WHERE id = 'b'") == [["x"]]
        with tandem.connect(athena.server.url) as store:
            found = store.sql(f"SELECT later FROM \"{name}\" WHERE id = 'b'").to_arrow()
            assert found["later"].to_pylist() == ["x"]


def test_tables_and_training_sets_come_through(athena: AthenaSession) -> None:
    """An answer of many megabytes is passed on piece by piece."""
    with tandem.connect(athena.server.url) as store:
        rows = pa.table(
            {
                "id": [f"k{number}" for number in range(30_000)],
                "time": [1.7e9] * 30_000,
                "text": [f"{number:0100}" for number in range(30_000)],
            }
        )
        group = store.create_feature_group(
            "large", features=rows, record_identifier="id", event_time="time"
        )
        group.ingest(rows)
        before = processor_seconds(athena.server.process.pid)
        found = store.sql("SELECT id, text FROM large").to_arrow()
        assert sorted(found["text"].to_pylist()) == rows["text"].to_pylist()
        labels = rows.select(["id"]).append_column("event_time", pa.array([1.8e9] * 30_000))
        made = store.training_set(labels, features=["large:text"])
        assert made.to_arrow()["text"].to_pylist() == rows["text"].to_pylist()
        assert made.dataset is not None
        again = store.dataset(made.dataset.id).rebuild()
        assert again.to_arrow()["text"].to_pylist() == rows["text"].to_pylist()
        assert processor_seconds(athena.server.process.pid) - before < 2
        with pytest.raises(tandem.errors.QueryFailed, match="query_memory_bytes"):
            store.sql("SELECT repeat('x', 1000000) || range FROM range(9000)")
        with pytest.raises(tandem.errors.ResourceNotFound):
            store.dataset("ds-none").rebuild()


def test_a_process_that_dies_is_replaced(athena: AthenaSession) -> None:
    first = process_of(athena)
    done = athena.run("SELECT 1 AS a")
    ids = [athena.start(ENDLESS) for _ in range(5)]
    assert athena.execution(ids[0])["Status"]["State"] == "RUNNING"
    with ThreadPoolExecutor(1) as caller, tandem.connect(athena.server.url) as store:
        asked = caller.submit(store.sql, "SELECT count(*) FROM range(1000000) a, range(1000000) b")
        time.sleep(0.5)
        os.kill(first, signal.SIGKILL)
        while not wait([asked], timeout=20).done:  # it came to the next process
            os.kill(process_of(athena), signal.SIGKILL)
        # Nobody knows whether that was done, so it is not repeated.
        assert isinstance(asked.exception(), tandem.errors.AnswerLost)
    for execution_id in ids:
        status = athena.wait(execution_id)["Status"]
        assert status["State"] == "FAILED"
        reason = status["StateChangeReason"]
        assert "the process that ran the query has ended" in reason
        assert f"raise query_memory_bytes, which is {QUERY_MEMORY_BYTES}" in reason
        assert status["AthenaError"]["Retryable"]
    # What is stored is told while there is no process, too.
    assert athena.execution(done["QueryExecutionId"]) == done
    found = athena.athena.get_query_results(QueryExecutionId=done["QueryExecutionId"])
    assert found["ResultSet"]["Rows"][1]["Data"] == [{"VarCharValue": "1"}]
    athena.athena.stop_query_execution(QueryExecutionId=ids[0])
    listed = athena.athena.list_query_executions(MaxResults=5)["QueryExecutionIds"]
    assert set(listed) == set(ids)
    # A query that comes meanwhile waits for the next process.
    assert athena.rows("SELECT n FROM customers") == [["1"]]
    assert process_of(athena) != first


@pytest.mark.parametrize("how", ["kill", "stop"])
def test_it_never_outlives_its_server(tmp_path: Path, how: str) -> None:
    with ServerProcess(tmp_path / "data", environment=SETTINGS) as server:
        athena = AthenaSession(server)
        execution_id = athena.start(ENDLESS)
        assert athena.execution(execution_id)["Status"]["State"] == "RUNNING"
        process = process_of(athena)
        if how == "kill":
            server.process.kill()
            server.process.wait()
        else:
            assert server.stop() == 0
        assert eventually(lambda: not _runs(process))


def test_without_it_the_server_does_the_work_itself(tmp_path: Path) -> None:
    given = {**SETTINGS, "TANDEM_QUERY_PROCESS": "off"}
    with ServerProcess(tmp_path / "data", environment=given) as server:
        athena = AthenaSession(server)
        assert athena.rows("SELECT 1") == [["1"]]
        assert server.companion("query_process") is None


def _runs(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
