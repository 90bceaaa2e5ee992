"""A store without a server: what a record costs, and how the store comes back after `kill -9`.

One process writes every record once, in random order and commits of `COMMIT`, and kills itself; the
log keeps all entries. Its time of the processor is that of all threads, without what it takes to
make the records. Another process opens the store and reads a record, which is what is timed, and
then checks that nothing is missing.
"""

import multiprocessing
import os
import random
import signal
import time
from importlib import import_module
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.records import identifier, rows, text_of
from benchmarks.server import first_processor, in_a_process
from tandem.model.event_time import EventTime
from tandem.model.record import FeatureValue
from tandem.model.targets import TargetStores
from tandem.model.write import Operation, RecordKey, Write
from tandem.online.base import OnlineStore
from tandem.rows.segment import one_by_one

COMMIT = 64
GROUP_ID = "benchmark-engines"
MAP_BYTES = 1 << 34
OTHER_BOOT = "another start of the system"


class Alone(NamedTuple):
    """seconds    from opening to the first read"""

    cpu_seconds_a_record: float
    bytes_a_record: float
    seconds: float


def alone(location: str, folder: Path, records: int) -> Alone:
    """`location` names the store's class, as module:Class."""
    spawned = multiprocessing.get_context("spawn")
    received, sent = spawned.Pipe(duplex=False)
    writer = spawned.Process(target=_write_and_die, args=(location, folder, records, sent))
    writer.start()
    sent.close()  # so that nobody waits for a writer that has failed
    cpu_seconds: float = received.recv()
    writer.join()
    assert writer.exitcode == -signal.SIGKILL, f"{location}: the writer ended by itself"
    used = sum(path.stat().st_blocks * 512 for path in folder.rglob("*") if path.is_file())
    seconds = opening_seconds(location, folder, records)
    return Alone(cpu_seconds / records, used / records, seconds)


def opening_seconds(location: str, folder: Path, records: int) -> float:
    seconds: float = in_a_process(_open, location, folder, records, processors=first_processor())
    return seconds


def _write_and_die(location: str, folder: Path, records: int, sent: Connection) -> None:
    os.sched_setaffinity(0, first_processor())
    made = rows(records).to_pylist()
    random.Random(7).shuffle(made)
    store = _store(location, folder)
    begun, making_seconds = time.process_time(), 0.0
    for begin in range(0, records, COMMIT):
        before = time.thread_time()
        writes = [_put(row) for row in made[begin : begin + COMMIT]]
        making_seconds += time.thread_time() - before
        store.write(writes, _now_us)
    sent.send(time.process_time() - begun - making_seconds)
    os.kill(os.getpid(), signal.SIGKILL)


def _put(row: dict[str, Any]) -> Write:
    return Write(
        operation=Operation.PUT,
        key=RecordKey(GROUP_ID, row["id"]),
        event_time=EventTime(int(row["time"]), 0),
        targets=TargetStores.ONLINE | TargetStores.OFFLINE,
        values=tuple(FeatureValue(name, text) for name, text in text_of(row)),
        invoked_at_us=_now_us(),
    )


def _now_us() -> int:
    return time.time_ns() // 1_000


def _open(location: str, folder: Path, records: int) -> float:
    _class(location)  # the time of imports is not the store's
    begun = time.perf_counter()
    store = _store(location, folder)
    store.get([RecordKey(GROUP_ID, identifier(0))])
    seconds = time.perf_counter() - begun
    with store.log() as log:
        assert log.end(0) == records, f"{log.end(0)} entries of {records}"
        assert sum(1 for _ in one_by_one(log.parts(0, 0))) == records
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
