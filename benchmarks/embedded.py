"""The library in its own process: records and vectors beside LMDB's bytes of the same records.

What stands beside `get` is a read of the same bytes from bare LMDB and msgspec's decoding of their
JSON, which is the least that any reader of such records must do.
"""

import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import lmdb
import msgspec
from rich.console import Console
from rich.table import Table

import tandem
from tandem.online.features_json import StoredFeature

RECORDS = 5_000
FEATURES = 8
SECONDS = 3.0
FEAST_SECONDS = 0.017
"""What Feast 0.67 takes in its own process for 100 entities of 8 features, on such a machine."""
NAMES = [f"feature_{index}" for index in range(FEATURES)]
IDENTIFIERS = [f"cust-{number:07}" for number in range(RECORDS)]
HUNDREDS = [IDENTIFIERS[start : start + 100] for start in range(0, RECORDS, 100)]


def run() -> None:
    with tempfile.TemporaryDirectory() as folder:
        rows = {
            "id": IDENTIFIERS,
            "time": [time.time()] * RECORDS,
            **{name: [number / 7 for number in range(RECORDS)] for name in NAMES},
        }
        cache = tandem.RecordCache()
        with tandem.connect(f"{folder}/data", record_cache=cache) as store:
            group = store.create_feature_group(
                "benchmark", features=rows, record_identifier="id", event_time="time"
            )
            group.ingest(rows)
            group.get_many(IDENTIFIERS)
            cached = _per_second(lambda i: group.get(IDENTIFIERS[i % RECORDS]))
            assert cache.statistics.hit_rate > 0.5
        with tandem.connect(f"{folder}/data") as store:
            group = store.feature_group("benchmark")
            features = [f"benchmark:{name}" for name in NAMES]
            one = _per_second(lambda i: group.get(IDENTIFIERS[i % RECORDS]))
            many = _per_second(lambda i: group.get_many(HUNDREDS[i % len(HUNDREDS)]))
            vector = _per_second(
                lambda i: store.feature_vector(features, IDENTIFIERS[i % RECORDS]).to_numpy()
            )
            vectors = _per_second(
                lambda i: store.feature_vector(features, HUNDREDS[i % len(HUNDREDS)]).to_numpy()
            )
            stored = store._backend.get("benchmark", IDENTIFIERS, ())  # noqa: SLF001
            texts = [record.features_json for record in stored if record is not None]
        bare, decoded = _bare(Path(folder), texts)
    table = Table(title=f"Embedded, {RECORDS} records of {FEATURES + 2} features")
    for column in ("call", "records per second", "beside it"):
        table.add_column(column)
    table.add_row("bare LMDB get", f"{bare:,.0f}", "")
    table.add_row("bare LMDB get, JSON decoded", f"{decoded:,.0f}", "")
    table.add_row("get", f"{one:,.0f}", f"takes {decoded / one:.2f} x bare and decoded")
    table.add_row("get, cached", f"{cached:,.0f}", f"{cached / one:.2f} x get")
    for call, rate in (("get_many(100)", many), ("feature_vector, 100", vectors)):
        table.add_row(
            call,
            f"{rate * 100:,.0f}",
            f"takes {decoded / (rate * 100):.2f} x bare and decoded;"
            f" {FEAST_SECONDS * rate:.0f} x Feast",
        )
    table.add_row("feature_vector, 1", f"{vector:,.0f}", f"{vector / one:.2f} x get")
    Console(width=120).print(table)


def _per_second(call: Callable[[int], object]) -> float:
    calls, start = 0, time.perf_counter()
    while time.perf_counter() - start < SECONDS:
        call(calls)
        calls += 1
    return calls / (time.perf_counter() - start)


def _bare(folder: Path, texts: list[bytes]) -> tuple[float, float]:
    """Reads a second of LMDB alone, and with the JSON decoded."""
    decode = msgspec.json.Decoder(list[StoredFeature]).decode
    with lmdb.open(str(folder / "bare"), map_size=1 << 30) as environment:
        keys = [identifier.encode() for identifier in IDENTIFIERS]
        with environment.begin(write=True) as transaction:
            for key, text in zip(keys, texts, strict=True):
                transaction.put(key, text)

        def get(number: int) -> bytes | None:
            with environment.begin() as transaction:
                return transaction.get(keys[number % RECORDS])

        return _per_second(get), _per_second(lambda number: decode(get(number) or b""))
