"""A store after `kill -9`: how long it takes to open, and what a record takes on disk.

One process writes every record once, in random order and commits of `COMMIT`, and kills itself; the
log keeps all entries. Another one opens the store and reads a record, which is what is timed, and
then checks that nothing is missing.
"""

import multiprocessing
import os
import random
import signal
import time
from importlib import import_module
from pathlib import Path
from typing import NamedTuple

from benchmarks.records import identifier, rows, text_of
from benchmarks.server import first_processor, in_a_process
from tandem.model.event_time import EventTime
from tandem.model.record import FeatureValue
from tandem.model.targets import TargetStores
from tandem.model.write import Operation, RecordKey, Write
from tandem.online.base import OnlineStore

COMMIT = 64
GROUP_ID = "benchmark-engines"
MAP_BYTES = 1 << 34
OTHER_BOOT = "another start of the system"


class Reopened(NamedTuple):
    seconds: float
    bytes_a_record: float


def reopened(location: str, folder: Path, records: int) -> Reopened:
    """`location` names the store's class, as module:Class."""
    writer = multiprocessing.get_context("spawn").Process(
        target=_write_and_die, args=(location, folder, records)
    )
    writer.start()
    writer.join()
    assert writer.exitcode == -signal.SIGKILL, f"{location}: the writer ended by itself"
    used = sum(path.stat().st_blocks * 512 for path in folder.rglob("*") if path.is_file())
    return Reopened(opening_seconds(location, folder, records), used / records)


def opening_seconds(location: str, folder: Path, records: int) -> float:
    seconds: float = in_a_process(_open, location, folder, records, processors=first_processor())
    return seconds


def _write_and_die(location: str, folder: Path, records: int) -> None:
    store = _store(location, folder)
    now_us = time.time_ns() // 1_000
    made = rows(records).to_pylist()
    random.Random(7).shuffle(made)
    for begin in range(0, records, COMMIT):
        writes = [
            Write(
                operation=Operation.PUT,
                key=RecordKey(GROUP_ID, row["id"]),
                event_time=EventTime(int(row["time"]), 0),
                targets=TargetStores.ONLINE | TargetStores.OFFLINE,
                values=tuple(FeatureValue(name, text) for name, text in text_of(row)),
                invoked_at_us=now_us,
            )
            for row in made[begin : begin + COMMIT]
        ]
        store.write(writes, lambda: now_us)
    os.kill(os.getpid(), signal.SIGKILL)


def _open(location: str, folder: Path, records: int) -> float:
    _class(location)  # the time of imports is not the store's
    begun = time.perf_counter()
    store = _store(location, folder)
    store.get([RecordKey(GROUP_ID, identifier(0))])
    seconds = time.perf_counter() - begun
    with store.log() as log:
        assert log.end(0) == records, f"{log.end(0)} entries of {records}"
        assert sum(1 for _ in log.entries(0, 0)) == records
    keys = [RecordKey(GROUP_ID, identifier(number)) for number in range(records)]
    assert None not in store.get(keys)
    # Not closed: a process that goes on would not do it either.
    return seconds


def _store(location: str, folder: Path) -> OnlineStore:
    store: OnlineStore = _class(location)(path=folder, map_size_bytes=MAP_BYTES)
    return store


def _class(location: str) -> type:
    module, _, name = location.partition(":")
    found: type = getattr(import_module(module), name)
    return found
