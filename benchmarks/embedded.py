"""The library in its own process: `get` and `get_many` beside LMDB and a decoder of its value."""

import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import lmdb
import msgspec

import tandem
from benchmarks.ratios import Ratio
from benchmarks.records import FEATURES, GROUP, RECORDS, fill, identifier, rows, text_of
from benchmarks.server import first_processor, in_a_process

BATCH = 100


class Feature(msgspec.Struct, rename="pascal"):
    """A feature's value as a record's JSON holds it."""

    feature_name: str
    value_as_string: str


def run(seconds: float) -> list[Ratio]:
    with tempfile.TemporaryDirectory() as folder:
        fill(Path(folder) / "data")
        work = (Path(folder), seconds)
        one, many, bare = in_a_process(measure, *work, processors=first_processor())
    beside = f"LMDB get and decoding: {1e6 / bare:.1f} µs"
    return [
        Ratio(
            f"get, embedded, {FEATURES + 2} features: time beside LMDB and decoding",
            f"{1e6 / one:.1f} µs",
            beside,
            bare / one,
            at_most=2,
        ),
        Ratio(
            f"get_many({BATCH}), embedded: time of a record beside LMDB and decoding",
            f"{1e6 / many:.1f} µs, {many:,.0f} records/s",
            beside,
            bare / many,
        ),
    ]


def measure(folder: Path, seconds: float) -> tuple[float, float, float]:
    """Records a second of `get`, `get_many` and bare LMDB."""
    identifiers = [identifier(number) for number in range(RECORDS)]
    hundreds = [identifiers[first : first + BATCH] for first in range(0, RECORDS, BATCH)]
    with tandem.connect(folder / "data") as store:
        group = store.feature_group(GROUP)
        one = _per_second(lambda n: group.get(identifiers[n % RECORDS]), seconds)
        many = _per_second(lambda n: group.get_many(hundreds[n % len(hundreds)]), seconds) * BATCH
        expected = group.get(identifiers[0])
    with lmdb.open(str(folder / "bare"), map_size=1 << 30) as environment:
        get = _bare(environment)
        assert get(0) == expected, (get(0), expected)
        return one, many, _per_second(get, seconds)


def _bare(environment: lmdb.Environment) -> Callable[[int], dict[str, Any]]:
    """What `get` answers, by number of the record, with nothing between LMDB and the decoder."""
    keys = [identifier(number).encode() for number in range(RECORDS)]
    with environment.begin(write=True) as transaction:
        for key, row in zip(keys, rows().to_pylist(), strict=True):
            transaction.put(key, msgspec.json.encode([Feature(*one) for one in text_of(row)]))
    types = {name: type(value) for name, value in rows(1).to_pylist()[0].items()}
    decoder = msgspec.json.Decoder(list[Feature])

    def get(number: int) -> dict[str, Any]:
        with environment.begin() as transaction:
            raw = transaction.get(keys[number % RECORDS])
        return {
            one.feature_name: types[one.feature_name](one.value_as_string)
            for one in decoder.decode(raw)
        }

    return get


def _per_second(call: Callable[[int], object], seconds: float) -> float:
    calls, start = 0, time.perf_counter()
    while time.perf_counter() - start < seconds:
        call(calls)
        calls += 1
    return calls / (time.perf_counter() - start)
