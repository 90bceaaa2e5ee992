"""The feature group that the benchmarks of serving read and write: some records of ten numbers."""

import random
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa

import tandem
from benchmarks.http_requests import Requests

GROUP = "benchmark"
RECORDS = 2_000
FEATURES = 10


def identifier(number: int) -> str:
    return f"cust-{number:08}"


def rows(records: int = RECORDS, features: int = FEATURES, first: int = 0) -> pa.Table:
    chance = np.random.default_rng(first)
    return pa.table(
        {
            "id": [identifier(number) for number in range(first, first + records)],
            "time": [1_700_000_000.0] * records,
            **{
                f"feature_{index}": chance.integers(0, 10**6, records) / 1_000
                for index in range(features)
            },
        }
    )


def fill(data: Path, group: str = GROUP, *, offline: bool = True, **settings: str) -> None:
    """The group, with its records, in the folder of a store that no server has open yet."""
    with tandem.connect(data, **settings) as store:
        made = store.create_feature_group(
            group, features=rows(), record_identifier="id", event_time="time", offline=offline
        )
        made.ingest(rows())


def gets(
    to: Requests, group: str = GROUP, records: int = RECORDS, count: int = RECORDS
) -> list[bytes]:
    """So many requests for random ones of so many records."""
    numbers = random.Random(7).choices(range(records), k=count)
    return [to.get(group, identifier(number)) for number in numbers]


def puts(to: Requests, group: str = GROUP) -> list[bytes]:
    now = str(time.time())
    return [to.put(group, text_of({**row, "time": now})) for row in rows().to_pylist()]


def text_of(row: dict[str, object]) -> Sequence[tuple[str, str]]:
    return [(name, str(value)) for name, value in row.items()]


def hundreds() -> list[list[str]]:
    """The identifiers of all records, a hundred at a time."""
    return [[identifier(first + n) for n in range(100)] for first in range(0, RECORDS, 100)]


def batch_gets(to: Requests, accept: str = "*/*") -> list[bytes]:
    """Requests for a hundred records each."""
    return [to.batch_get([(GROUP, page)], accept) for page in hundreds()]
