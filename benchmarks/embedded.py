"""The library in its own process: records and vectors beside bare LMDB and a decoder.

What stands beside `get` is a read of the same bytes from bare LMDB, and msgspec's decoding of them
into the very values that `get` answers.
"""

import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import lmdb
import msgspec

import tandem
from benchmarks.ratios import Ratio
from benchmarks.records import (
    FEATURES,
    GROUP,
    RECORDS,
    fill,
    hundreds,
    identifier,
    rows,
    text_of,
)
from benchmarks.server import first_processor, in_a_process
from tandem.online.features_json import StoredFeature

IDENTIFIERS = [identifier(number) for number in range(RECORDS)]
PAGES = hundreds()


def run(seconds: float) -> list[Ratio]:
    with tempfile.TemporaryDirectory() as folder:
        fill(Path(folder) / "data")
        work = (Path(folder), seconds)
        found: dict[str, float] = in_a_process(measure, *work, processors=first_processor())
    return list(_ratios(found))


def _ratios(found: dict[str, float]) -> Iterator[Ratio]:
    bare = found.pop("LMDB and decoding")
    one = found["get"]
    for call, per_second in found.items():
        yield Ratio(
            f"{call}, embedded: time of a record beside LMDB and decoding",
            f"{1e6 / per_second:.1f} µs, {per_second:,.0f} records/s",
            f"LMDB get and decoding: {1e6 / bare:.1f} µs",
            bare / per_second,
            at_most=2 if per_second is one else None,
        )


def measure(folder: Path, seconds: float) -> dict[str, float]:
    """Records a second, by what reads them."""

    def rate(call: Callable[[int], object]) -> float:
        call(0)  # imports what it needs
        calls, begun = 0, time.perf_counter()
        while time.perf_counter() - begun < seconds:
            call(calls)
            calls += 1
        return calls / (time.perf_counter() - begun)

    features = [f"{GROUP}:feature_{index}" for index in range(FEATURES)]
    with tandem.connect(folder / "data") as store:
        group = store.feature_group(GROUP)
        expected = group.get(IDENTIFIERS[0])
        found = {
            "get": rate(lambda n: group.get(IDENTIFIERS[n % RECORDS])),
            "get_many(100)": rate(lambda n: group.get_many(PAGES[n % len(PAGES)])) * 100,
            "feature_vector of 1": rate(
                lambda n: store.feature_vector(features, IDENTIFIERS[n % RECORDS]).to_numpy()
            ),
            "feature_vector of 100": 100
            * rate(lambda n: store.feature_vector(features, PAGES[n % len(PAGES)]).to_numpy()),
        }
    cache = tandem.RecordCache()
    with tandem.connect(folder / "data", record_cache=cache) as store:
        group = store.feature_group(GROUP)
        group.get_many(IDENTIFIERS)
        found["get, cached"] = rate(lambda n: group.get(IDENTIFIERS[n % RECORDS]))
        found["get_many(100), cached"] = 100 * rate(lambda n: group.get_many(PAGES[n % len(PAGES)]))
        assert cache.statistics.hit_rate > 0.5
    with lmdb.open(str(folder / "bare"), map_size=1 << 30) as environment:
        get = _bare(environment)
        assert get(0) == expected, (get(0), expected)
        return {**found, "LMDB and decoding": rate(get)}


def _bare(environment: lmdb.Environment) -> Callable[[int], dict[str, Any]]:
    """What `get` answers, by number of the record, with nothing between LMDB and the decoder."""
    keys = [one.encode() for one in IDENTIFIERS]
    with environment.begin(write=True) as transaction:
        for key, row in zip(keys, rows().to_pylist(), strict=True):
            text = msgspec.json.encode([StoredFeature(*one) for one in text_of(row)])
            transaction.put(key, text)
    types = {name: type(value) for name, value in rows(1).to_pylist()[0].items()}
    decode = msgspec.json.Decoder(list[StoredFeature]).decode

    def get(number: int) -> dict[str, Any]:
        with environment.begin() as transaction:
            raw = transaction.get(keys[number % RECORDS])
        return {
            one.feature_name: types[one.feature_name](one.value_as_string) for one in decode(raw)
        }

    return get
