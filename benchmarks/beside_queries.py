"""GetRecord while Athena's queries run on the same server: a join, a large result, a large file,
statements of 200 KB, texts that take all memory there is for them.
"""

import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import boto3
import pyarrow as pa
from rich.console import Console
from rich.table import Table

import tandem
from benchmarks.http_requests import Requests
from benchmarks.load import Load, Stream, apply_load
from benchmarks.server import Server, memory_bytes, running

ROWS = 100_000
IDENTIFIERS = 2_000
SECONDS = 5.0
GROUP = "benchmark"
BUCKET = "benchmark-results"
_MANY = "SELECT a.* FROM benchmark a CROSS JOIN UNNEST(sequence(1, 8)) AS t(i)"
STATEMENT_BYTES = 200_000


class Query(NamedTuple):
    """A query, and how many executions of it run at any moment."""

    text: str
    at_once: int = 2


def _long_statement() -> str:
    choices = " ".join(f"WHEN id = 'C{n}' THEN {n}" for n in range(STATEMENT_BYTES // 25))
    return f"SELECT max(CASE {choices} END) FROM benchmark WHERE x < 1"


def _wide_statement() -> str:
    columns = ", ".join(f"x + {number} AS c{number}" for number in range(STATEMENT_BYTES // 20))
    return f"SELECT {columns} FROM benchmark LIMIT 1"


QUERIES = {
    "no query": None,
    "a join of 250M pairs": Query(
        "SELECT count(*) FROM benchmark a JOIN benchmark b ON a.id = b.id"
        " JOIN benchmark c ON c.id = b.id WHERE a.x * b.x > c.x"
    ),
    "CSV of 800,000 rows": Query(_MANY),
    "UNLOAD of 800,000 rows": Query(
        f"UNLOAD ({_MANY}) TO 's3://{BUCKET}/{{n}}/' WITH (format = 'PARQUET')"
    ),
    "4 statements of 200 KB, a long CASE": Query(_long_statement(), 4),
    "4 statements of 200 KB, 10,000 columns": Query(_wide_statement(), 4),
    "texts of 20 GB": Query(
        "SELECT sum(length(rpad(text, 2000000, 'y') || id)) FROM benchmark WHERE x < 10"
    ),
}


def run() -> None:
    found = {}
    with tempfile.TemporaryDirectory() as folder, running(Path(folder) / "data") as server:
        _fill(server.url)
        for name, query in QUERIES.items():
            load = _measure(server, query)
            found[name] = (load, sum(memory_bytes(server.pid)) >> 20)
    _print(found)


def _fill(url: str) -> None:
    with tandem.connect(url) as store:
        group = store.create_feature_group(
            GROUP,
            features={"id": "String", "time": "Fractional", "x": "Fractional", "text": "String"},
            record_identifier="id",
            event_time="time",
        )
        numbers = range(ROWS)
        rows = {
            "id": [f"C{number % IDENTIFIERS}" for number in numbers],
            "time": [1_700_000_000.0 + number / 4 for number in numbers],
            "x": [float(number % 97) for number in numbers],
            "text": [f"text {number}" for number in numbers],
        }
        group.ingest(pa.table(rows))
    _client(url, "s3").create_bucket(Bucket=BUCKET)


def _client(url: str, service: str) -> Any:
    return boto3.client(
        service,
        endpoint_url=url,
        region_name="us-east-1",
        aws_access_key_id="any",
        aws_secret_access_key="any",
    )


def _measure(server: Server, query: Query | None) -> Load:
    to = Requests(server.port)
    gets = Stream([to.get(GROUP, f"C{number}") for number in range(IDENTIFIERS)], connections=1)
    with _running(server.url, query):
        return apply_load(server.port, gets, seconds=SECONDS)[0]


@contextmanager
def _running(url: str, query: Query | None) -> Iterator[None]:
    """While this lasts, executions of the query run at any moment."""
    done = threading.Event()
    at_once = query.at_once if query is not None else 0

    def repeat(first: int) -> None:
        athena = _client(url, "athena")
        while query is not None and not done.is_set():
            first += 1
            _run(athena, query.text.format(n=first), done.is_set)

    threads = [threading.Thread(target=repeat, args=(number * 1_000,)) for number in range(at_once)]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        done.set()
        for thread in threads:
            thread.join()


def _run(athena: Any, query: str, is_done: Callable[[], bool]) -> None:
    execution_id = athena.start_query_execution(
        QueryString=query,
        QueryExecutionContext={"Database": "sagemaker_featurestore"},
        ResultConfiguration={"OutputLocation": f"s3://{BUCKET}/results/"},
    )["QueryExecutionId"]
    waiting = threading.Event()
    while True:
        found = athena.get_query_execution(QueryExecutionId=execution_id)["QueryExecution"]
        status = found["Status"]
        if status["State"] not in ("QUEUED", "RUNNING"):
            is_memory = "query_memory_bytes" in status.get("StateChangeReason", "")
            assert status["State"] in ("SUCCEEDED", "CANCELLED") or is_memory, status
            return
        if is_done():
            athena.stop_query_execution(QueryExecutionId=execution_id)
        waiting.wait(0.1)


def _print(found: dict[str, tuple[Load, int]]) -> None:
    table = Table(title=f"GetRecord on one connection while queries over {ROWS:,} rows run")
    table.add_column("beside")
    for column in ("per second", "p50 ms", "p99 ms", "server's MiB afterwards"):
        table.add_column(column, justify="right")
    for name, (load, resident_mib) in found.items():
        times = (f"{load.per_second:,.0f}", f"{load.p50_ms:.2f}", f"{load.p99_ms:.2f}")
        table.add_row(name, *times, f"{resident_mib:,}")
    Console(width=120).print(table)
